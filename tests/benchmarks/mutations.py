"""Cleans files that are damaged at random, and counts what is read of them. No run may end early.

    python tests/benchmarks/mutations.py [--files 1000]

Each file holds a few pages of this repository. Some of its bits are flipped, bytes cut out,
inserted, or copied from another place. The files are cleaned in runs of many, to JSON lines and to
Parquet in turn; if a run ends with an error, its files are cleaned one by one to find the one that
did it. The same files are made every time.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common
import pyarrow as pa
from pyarrow import parquet

from clutter.batch import run
from clutter.options import CleanOptions

RUN_FILES = 50
"""Files that one run cleans."""

PAGES = 4
"""Pages in a file of records."""


def html(text: str) -> str:
    """A page of HTML with these lines."""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n") if line.strip())
    return (
        f"<!doctype html><html><head><title>A page</title></head><body>{paragraphs}</body></html>"
    )


def json_lines(texts: Sequence[str]) -> bytes:
    rows: list[dict[str, Any]] = [
        {"id": i, "url": f"https://example.org/{i}", "tags": ["a", {"b": i / 3}], "text": text}
        for i, text in enumerate(texts)
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(texts: Sequence[str]) -> bytes:
    numbers = range(len(texts))
    columns = {
        "id": pa.array(numbers),
        "url": [f"https://example.org/{i}" for i in numbers],
        "when": pa.array(numbers, pa.timestamp("ns", "Europe/Berlin")),
        "links": [[{"a": i, "b": "c"}] for i in numbers],
        "text": list(texts),
    }
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink, row_group_size=2)
    return sink.getvalue()


def archive(texts: Sequence[str], pack: Callable[[bytes], bytes]) -> bytes:
    records = []
    for i, text in enumerate(texts):
        body = html(text).encode()
        encoding = ""
        if i % 2:
            body, encoding = gzip.compress(body, mtime=0), "Content-Encoding: gzip\r\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{encoding}\r\n"
        block = head.encode() + body
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{i}>\r\n"
            f"WARC-Target-URI: https://example.org/{i}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
            "Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        records.append(pack(head.encode() + block + b"\r\n\r\n"))
    return b"".join(records)


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


FORMATS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "jsonl": json_lines,
    "jsonl.gz": lambda texts: packed(json_lines(texts)),
    "parquet": table,
    "warc": lambda texts: archive(texts, bytes),
    "warc.gz": lambda texts: archive(texts, packed),
    "html": lambda texts: html(texts[0]).encode(),
    "txt": lambda texts: texts[0].encode(),
}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The bytes of a file with one to three random changes."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changed) + 1)
        size = min(int(dice.paretovariate(0.6)), 5000)
        kind = dice.choice(("flip", "cut", "end", "insert", "splice"))
        if kind == "flip":
            for _ in range(min(size, 30)):
                if changed:
                    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        elif kind == "cut":
            del changed[at : at + size]
        elif kind == "end":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = dice.randbytes(size)
        else:
            start = dice.randrange(len(changed) + 1)
            changed[at : at + dice.choice((0, size))] = changed[start : start + size]
    return bytes(changed)


def clean(paths: Sequence[Path], output: Path) -> Counter[str]:
    """The counts of a run over some files. Checks that its output can be read."""
    options = CleanOptions(lines=True)
    counts = run(list(map(str, paths)), str(output), options).counts
    if output.suffix == ".parquet":
        rows = parquet.read_table(output).num_rows
    else:
        rows = 0
        for line in output.open(encoding="utf-8", newline="\n"):
            json.loads(line, parse_constant=_no_json)
            rows += 1
    if rows != counts["pages"]:
        raise AssertionError(f"{rows} records of {counts['pages']} pages")
    return counts


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def main() -> None:
    parser = common.parser("Clean files that are damaged at random.")
    parser.add_argument(
        "--files", type=int, default=1000, help="number of files of each format (default: 1000)"
    )
    args = parser.parse_args()
    texts = [page.text for page in common.authored_pages()]
    ended = 0
    print(f"{'format':9} {'files':>6} {'pages':>6} {'read':>6} {'errors':>6} {'ended':>6} seconds")
    for name, write in FORMATS.items():
        begin = time.monotonic()
        total: Counter[str] = Counter()
        per_file = 1 if name in ("html", "txt") else PAGES
        for first in range(0, args.files, RUN_FILES):
            with tempfile.TemporaryDirectory() as folder:
                paths = []
                for number in range(first, min(first + RUN_FILES, args.files)):
                    dice = random.Random(f"{name} {number}")
                    path = Path(folder, f"{number}.{name}")
                    path.write_bytes(damaged(write(dice.sample(texts, per_file)), dice))
                    paths.append(path)
                suffix = ".jsonl" if first // RUN_FILES % 2 else ".parquet"
                try:
                    total.update(clean(paths, Path(folder, f"all-{suffix}")))
                except Exception:
                    for path in paths:
                        try:
                            total.update(clean([path], Path(folder, f"{path.name}-out{suffix}")))
                        except Exception:
                            total["ended"] += 1
                            common.tell(f"{path.name} ended a run:\n{traceback.format_exc()}")
        ended += total["ended"]
        numbers = (args.files, args.files * per_file, *map(total.get, ("pages", "errors", "ended")))
        cells = " ".join(f"{number or 0:6}" for number in numbers)
        print(f"{name:9} {cells} {time.monotonic() - begin:7.1f}", flush=True)
    print(f"{ended} files ended a run")
    sys.exit(ended > 0)


if __name__ == "__main__":
    main()
