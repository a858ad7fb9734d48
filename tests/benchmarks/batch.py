"""Measures ``clutter clean`` on whole folders: pages per second for one and two processes, compared
with the command of trafilatura, and whether memory grows with ten times as many pages.

    python tests/benchmarks/batch.py [--corpus DIR]

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import common

PAGES = 1500
"""Pages of HTML to measure speed on."""

ROUNDS = 3
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


def memory(scratch: Path) -> None:
    """Measure peak memory on repeated pages: as many files, or as records of one file."""
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
    parser = common.parser("Speed and memory of clutter clean on folders.")
    parser.add_argument(
        "--corpus",
        default=str(common.CORPUS),
        help="the corpus folder, for its HTML (default: ../shared/corpus)",
    )
    parser.add_argument("--only", choices=("speed", "memory"), help="measure only this")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        html = common.html_files(args.corpus)[:PAGES]
        if html and args.only != "memory":
            source = scratch / "html"
            source.mkdir()
            for file in html:
                (source / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
            print(f"HTML, {len(html):,} pages to a folder")
            speed(source, scratch, len(html), against=True)
            shutil.rmtree(source)
        if args.only != "memory":
            source = scratch / "text.jsonl"
            texts = common.read_pages(120).texts
            with open(source, "w", encoding="utf-8", errors="replace") as rows:
                rows.writelines(json.dumps({"text": text}) + "\n" for text in texts)
            print(f"text, {len(texts):,} records of .jsonl to a folder")
            speed(source, scratch, len(texts), against=False)
        if args.only != "speed":
            print("memory, 2 processes")
            memory(scratch)


if __name__ == "__main__":
    main()
