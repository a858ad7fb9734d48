"""Measures ``clutter clean`` on whole folders: pages per second for one and two processes, compared
with the command of trafilatura; what the main process and the workers take for a page; the memory
of 1 to 8 processes, and whether it grows with ten times as many pages.

    python tests/benchmarks/batch.py [--corpus DIR] [--only PART]

docs/speed.md says what is measured and how.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import common

from clutter.batch import run
from clutter.options import CleanOptions

PAGES = 1500
"""Pages of HTML to measure speed on."""

SHARE_PAGES = 300
"""Pages of HTML to measure the shares of the processes on."""

ROUNDS = 3
JOBS = (1, 2, 4, 8)
"""Numbers of processes to measure memory on."""

MANY = (1, 2, 4, 16, 64)
"""Numbers of processes for which the rate is computed from what a page takes."""

SIZES = (10_000, 100_000)
"""Numbers of pages to measure memory on."""


def clean(source: Path, output: Path, jobs: int) -> list[str]:
    """The command that cleans a folder or file."""
    return common.clutter_command("clean", source, "-o", output, "--jobs", jobs)


def seconds(command: Sequence[str], output: Path) -> float:
    """Seconds that a command takes, with its start-up. Its output is deleted."""

    def run() -> None:
        assert common.start(command).wait() == 0, command

    spent = common.seconds(run)
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    return spent


def speed(source: Path, scratch: Path, pages: int, against: bool) -> None:
    """Run the commands in turn on one input and print the median of the rounds."""
    out = scratch / "out"
    commands = {
        "clutter, 1 process": clean(source, out, 1),
        "clutter, 2 processes": clean(source, out, 2),
    }
    trafilatura = shutil.which("trafilatura", path=str(Path(sys.executable).parent))
    if against and trafilatura:
        folders = ["--input-dir", str(source), "--output-dir", str(out)]
        for jobs in (1, 2):
            name = f"trafilatura, {jobs} process{'es' if jobs > 1 else ''}"
            commands[name] = [trafilatura, *folders, "--parallel", str(jobs)]
    measures = {name: partial(seconds, command, out) for name, command in commands.items()}
    spent = common.in_turn(measures, ROUNDS)
    for name, times in spent.items():
        print(f"  {name}: {common.spread([pages / value for value in times], 0, ' pages/s')}")
    one, two, *others = spent.values()
    print(f"  2 processes: {common.spread(common.ratios(one, two), 2, ' times 1')}")
    for mine, other, jobs in zip((one, two), others, (1, 2), strict=False):
        middle = statistics.median(common.ratios(other, mine))
        print(f"  clutter: {middle:.1f} times trafilatura, jobs {jobs}")
    sys.stdout.flush()


def speeds(html: Sequence[bytes], scratch: Path) -> None:
    """Measure speed on HTML, and on JSON lines of text."""
    source = scratch / "html"
    write_pages(html, source)
    print(f"HTML, {len(html):,} pages to a folder")
    speed(source, scratch, len(html), against=True)
    source = scratch / "text.jsonl"
    texts = common.read_pages(120).texts
    write_rows([text.encode("utf-8", "replace") for text in texts], "text", source)
    print(f"text, {len(texts):,} records of .jsonl to a folder")
    speed(source, scratch, len(texts), against=False)


def processes(group: int) -> Iterator[int]:
    """The process ids of a session, which was started as its own process group."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == group:
                yield int(entry.name)


def peak(command: Sequence[str]) -> tuple[float, float]:
    """The peak memory of all processes of a command together, in MB, with shared memory counted
    once; and the seconds that it took."""
    begin = time.perf_counter()
    run = common.start(command)
    most = 0.0
    while run.poll() is None:
        total = 0
        for number in processes(run.pid):
            try:
                rows = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
        most = max(most, total / 1000)
        time.sleep(0.1)
    assert run.returncode == 0
    return most, time.perf_counter() - begin


def write_pages(pages: Sequence[bytes], folder: Path) -> None:
    """Write pages of HTML to a new folder."""
    folder.mkdir()
    for i, page in enumerate(pages):
        (folder / f"{i:05}.html").write_bytes(page)


def write_rows(pages: Sequence[bytes], field: str, path: Path) -> None:
    """Write pages as JSON lines, packed if the path ends in .gz."""
    rows = [
        json.dumps({"id": i, field: page.decode("utf-8", "replace")}) + "\n"
        for i, page in enumerate(pages)
    ]
    data = "".join(rows).encode()
    path.write_bytes(gzip.compress(data, 6) if path.suffix == ".gz" else data)


def write_archive(pages: Sequence[bytes], path: Path) -> None:
    """Write pages as the responses of a packed WARC file, each packed alone, as crawlers do."""
    with open(path, "wb") as archive:
        for i, page in enumerate(pages):
            body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
            head = (
                f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/{i}\r\n"
                "WARC-Date: 2024-01-01T00:00:00Z\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{i:012}>\r\n"
                "Content-Type: application/http; msgtype=response\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            archive.write(gzip.compress(head.encode() + body + b"\r\n\r\n", 6))


def share(source: Path, output: Path) -> tuple[float, float]:
    """CPU seconds that a page takes: in the main process, which reads and writes, and in the
    workers, of which there are two."""

    def spent(who: int) -> float:
        used = resource.getrusage(who)
        return used.ru_utime + used.ru_stime

    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = [spent(who) for who in whose]
    pages = run([str(source)], str(output), CleanOptions(), jobs=2, force=True).pages
    main, workers = (
        (spent(who) - earlier) / pages for who, earlier in zip(whose, before, strict=True)
    )
    return main, workers


def shares(html: Sequence[bytes], scratch: Path) -> None:
    """Print what a page takes in the main process and in the workers, for each form of input, and
    what follows from it for more processes, each on a core of its own."""
    texts = [text.encode("utf-8", "replace") for text in common.read_pages(8).texts]
    out = "out.jsonl"
    forms: list[tuple[str, str, str, Callable[[Path], None]]] = [
        ("HTML, files to files", "html", "out", partial(write_pages, html)),
        ("HTML, files to .jsonl", "again", out, partial(write_pages, html)),
        ("HTML, .jsonl", "html.jsonl", out, partial(write_rows, html, "html")),
        ("HTML, .jsonl.gz", "html.jsonl.gz", out, partial(write_rows, html, "html")),
        ("HTML, .warc.gz", "html.warc.gz", out, partial(write_archive, html)),
        ("text, .jsonl", "text.jsonl", out, partial(write_rows, texts, "text")),
        ("text, .jsonl.gz", "text.jsonl.gz", out, partial(write_rows, texts, "text")),
    ]
    write_pages(html[:5], scratch / "first")
    share(scratch / "first", scratch / out)  # what is loaded once
    head = ["input", "main", "workers", *map(str, MANY), "at most", "a million, 16", "cluster, 64"]
    common.print_row(head)
    common.print_row(["---"] * len(head))
    for name, source, target, write in forms:
        write(scratch / source)
        main, workers = share(scratch / source, scratch / target)
        rates = [f"{min(jobs / workers, 1 / main):,.0f}" for jobs in MANY]
        million = [1e6 * max(workers / 16, main) / 60, 1e6 * workers / 64 / 60]
        spent = [f"{main * 1000:.2f} ms", f"{workers * 1000:.2f} ms"]
        limit = f"{workers / main:.0f}"
        common.print_row([name, *spent, *rates, limit, *(f"{x:.0f} min" for x in million)])


def memory_of_processes(html: Sequence[bytes], scratch: Path) -> None:
    """Print the peak memory of a run over HTML, by the number of processes."""
    print("memory by processes, HTML")
    source, out = scratch / "html", scratch / "out.jsonl"
    write_pages(html, source)
    for jobs in JOBS:
        megabytes, _ = peak([*clean(source, out, jobs), "--force"])
        print(f"  {jobs} process{'es' * (jobs > 1)}: peak {megabytes:.0f} MB", flush=True)


def memory(scratch: Path) -> None:
    """Measure peak memory on repeated pages: as many files, or as records of one file."""
    print("memory, 2 processes")
    texts = [text[:2000] for text in common.read_pages(2).texts]
    for kind in ("folder to folder", "folder to .jsonl", ".jsonl.gz to .parquet"):
        for size in SIZES:
            source, out = scratch / "in", scratch / "out"
            if kind.startswith("folder"):
                for i in range(size):
                    file = source / f"{i % 10}" / f"{i:06}.txt"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(texts[i % len(texts)], encoding="utf-8", errors="replace")
            else:
                source = scratch / "in.jsonl.gz"
                with gzip.open(source, "wt", 1, encoding="utf-8", errors="replace") as rows:
                    for i in range(size):
                        rows.write(json.dumps({"id": i, "text": texts[i % len(texts)]}) + "\n")
            if not kind.endswith("folder"):
                out = scratch / ("out" + kind.rpartition(" ")[2])
            megabytes, spent = peak(clean(source, out, 2))
            print(f"  {kind}, {size:,} pages: peak {megabytes:.0f} MB, {size / spent:.0f} pages/s")
            sys.stdout.flush()
            for path in (source, out):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def main() -> None:
    parser = common.parser("Speed and memory of clutter clean on folders.", "--corpus")
    parts = ("speed", "shares", "processes", "memory")
    parser.add_argument("--only", choices=parts, help="measure only this")
    args = parser.parse_args()
    html = common.html_pages(args.corpus, PAGES)
    for part in [args.only] if args.only else parts:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            if part == "speed":
                speeds(html, scratch)
            elif part == "shares":
                shares(html[:SHARE_PAGES], scratch)
            elif part == "processes":
                memory_of_processes(html[:SHARE_PAGES], scratch)
            else:
                memory(scratch)


if __name__ == "__main__":
    main()
