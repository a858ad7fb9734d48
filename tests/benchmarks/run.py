"""Measure speed, start-up time and memory, on one core, in one run.

    python tests/benchmarks/run.py [--stream-mb N]

README.md beside this file says what is measured and how.
"""

from __future__ import annotations

import os

# before numpy loads; child processes inherit it
os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pages import ROOT, Pages, read_pages

import clutter

ROUNDS = 7
PAIRS = 11
SPEED_MB = 4


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def fasttext_model(pages: Pages, folder: Path) -> Any:
    """A supervised fastText model of the labelled lines. How well it was trained does
    not change how fast it answers, so one epoch will do."""
    import fasttext

    file = folder / "lines.txt"
    rows = [f"__label__{label} {' '.join(line.split())}\n" for label, line in pages.labelled_lines]
    file.write_text("".join(rows), "utf-8")
    return fasttext.train_supervised(
        str(file), minn=2, maxn=5, wordNgrams=2, epoch=1, thread=1, verbose=0
    )


def measure_speed(pages: Pages, folder: Path) -> None:
    size = pages.megabytes
    print(f"Labelling {size:.1f} MB of {pages.name}, MB/s, {ROUNDS} rounds in turn")
    model = clutter.load()
    # the same lines, one for each label that clutter gives; fastText wants them closed
    lines = [f"{line.text}\n" for page in model.label_many(pages.texts) for line in page.lines]

    def label() -> None:
        for page in model.label_many(pages.texts):
            page.probabilities.argmax(axis=1)

    def label_to_lines() -> None:
        for page in model.label_many(pages.texts):
            page.lines  # noqa: B018 - builds a Line with its text and label for each

    actions: dict[str, Callable[[], object]] = {
        "label_many": label,
        "label_many and page.lines": label_to_lines,
    }
    try:
        other = fasttext_model(pages, folder)
        # what the wrapper's predict calls for a list; its predict of one line fails with numpy 2
        actions["fastText"] = lambda: other.f.multilinePredict(lines, 1, 0.0, "strict")
    except ModuleNotFoundError:
        print("  (pip install fasttext, to compare with it)")
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            taken[name].append(seconds(action))
    for name, found in taken.items():
        best, middle = size / min(found), size / statistics.median(found)
        print(f"  {name:26} median {middle:6.2f}  best {best:6.2f}", end="")
        if name != "fastText" and "fastText" in taken:
            ratio = statistics.median(taken["fastText"]) / statistics.median(found)
            best_ratio = min(taken["fastText"]) / min(found)
            print(f"   {ratio:.2f} times fastText (best: {best_ratio:.2f})", end="")
        print()


def measure_start(pages: Pages, folder: Path) -> None:
    file = folder / "page.txt"
    page = sorted(pages.texts, key=len)[len(pages.texts) // 2]
    file.write_text(page, "utf-8", newline="")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    commands = {
        "python -m clutter clean PAGE": [sys.executable, "-m", "clutter", "clean", str(file)],
        'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
    }

    def run(command: list[str]) -> None:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    for command in commands.values():
        run(command)  # the first run compiles to bytecode
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(PAIRS):
        for name, command in commands.items():
            taken[name].append(seconds(lambda command=command: run(command)))
    print(f"Start-up with a page of {len(page):,} characters, median of {PAIRS} runs in turn")
    for name, found in taken.items():
        print(f"  {name:30} {statistics.median(found) * 1000:6.0f} ms")
    ratios = [one / other for one, other in zip(*taken.values(), strict=True)]
    print(f"  {statistics.median(ratios):.2f} times (median of the pairs)")


def measure_memory(size: float) -> None:
    print(f"Memory while {size:.0f} MB of pages stream through label_many", flush=True)
    stream = Path(__file__).with_name("stream.py")
    subprocess.run([sys.executable, str(stream), str(size)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure speed, start-up time and memory.")
    parser.add_argument(
        "--stream-mb",
        type=float,
        default=1000,
        metavar="N",
        help="megabytes of pages for the memory measurement (default: 1000)",
    )
    args = parser.parse_args()
    # first, while this process is small: Linux counts its memory into a child's peak
    measure_memory(args.stream_mb)
    pages = read_pages(SPEED_MB)
    with tempfile.TemporaryDirectory() as folder:
        measure_start(pages, Path(folder))
        measure_speed(pages, Path(folder))


if __name__ == "__main__":
    main()
