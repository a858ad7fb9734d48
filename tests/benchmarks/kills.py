"""Kills runs of ``clutter clean`` at random moments and starts them again until they end. Then
compares the output of each with that of an undisturbed run.

    python tests/benchmarks/kills.py [--runs 50]

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import common

OUTPUTS = ("clean.jsonl", "clean.jsonl.gz", "clean.parquet", "folder")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


def write_input(folder: Path, size: float) -> None:
    """Write a folder of pages, and a file of records of the same pages, some without a page."""
    texts = common.read_pages(size).texts
    for i, text in enumerate(texts):
        file = folder / f"{i % 7}" / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="replace")
    with gzip.open(folder / "records.jsonl.gz", "wt", encoding="utf-8") as rows:
        for i, text in enumerate(texts):
            row = {"id": i, "text": text} if i % 50 else {"id": i}
            rows.write(json.dumps(row) + "\n")


def digest(place: Path) -> str:
    """One hash of all files in a folder and below, names and contents, without the manifests: they
    hold times."""
    result = hashlib.sha256()
    for path in sorted(place.rglob("*")):
        is_manifest = path.parent.name == ".clutter" or path.suffix == ".clutter"
        if path.is_file() and not is_manifest:
            result.update(f"{path.relative_to(place)}\n".encode())
            result.update(hashlib.sha256(path.read_bytes()).digest())
    return result.hexdigest()


def start(source: Path, place: Path, output: str, jobs: int) -> subprocess.Popen[bytes]:
    """Start a run that cleans ``source`` to ``output`` in the folder ``place``."""
    command = common.clutter_command("clean", source, "-o", place / output, "--jobs", jobs)
    return common.start(command)


def main() -> None:
    parser = common.parser("Kill and resume runs at random moments.")
    parser.add_argument("--runs", type=int, default=50, help="number of runs (default: 50)")
    parser.add_argument(
        "--megabytes", type=float, default=6, help="megabytes of pages (default: 6)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in")
        write_input(source, args.megabytes)
        right: dict[str, str] = {}
        for output in OUTPUTS:
            place = Path(folder, "right", output)
            place.mkdir(parents=True)
            begin = time.monotonic()
            assert start(source, place, output, 2).wait() == 0
            right[output] = digest(place)
        seconds = time.monotonic() - begin
        print(f"undisturbed: {seconds:.1f} s", flush=True)
        equal = 0
        kills: Counter[str] = Counter()
        for number in range(args.runs):
            dice = random.Random(number)
            output = OUTPUTS[number % len(OUTPUTS)]
            jobs = 1 + number // len(OUTPUTS) % 2
            place = Path(folder, "run")
            place.mkdir()
            stops = 0
            while True:
                run = start(source, place, output, jobs)
                try:
                    # some are stopped early, some late, some while they finish
                    status = run.wait(dice.uniform(0.2, 1.1 * seconds) if stops < 5 else None)
                    if status == 0:
                        break
                    raise SystemExit(f"run {number} ended with {status}")
                except subprocess.TimeoutExpired:
                    sign = dice.choice(SIGNALS)
                    run.send_signal(sign)
                    run.wait()
                    kills[sign.name] += 1
                    stops += 1
            same = digest(place) == right[output]
            equal += same
            end = "equal" if same else "OTHER"
            print(f"{number + 1}: {output}, jobs {jobs}, stopped {stops} times, {end}")
            sys.stdout.flush()
            shutil.rmtree(place)
        stopped = ", ".join(f"{n} by {name}" for name, n in kills.items())
        print(f"{equal} of {args.runs} runs equal the undisturbed one; stops: {stopped}")
        sys.exit(equal < args.runs)


if __name__ == "__main__":
    main()
