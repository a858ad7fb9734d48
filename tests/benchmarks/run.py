"""Measures speed, start-up time and memory, on one core, in one run.

    python tests/benchmarks/run.py [--stream-mb N]

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import common

import clutter
from clutter.threads import one_thread

ROUNDS = 7
PAIRS = 11
SPEED_MB = 4


def fasttext_model(pages: common.Pages, folder: Path) -> Any:
    """A supervised fastText model of the labelled lines. One epoch is enough: the quality of the
    training does not change the speed of its answers."""
    import fasttext

    file = folder / "lines.txt"
    rows = [f"__label__{label} {' '.join(line.split())}\n" for label, line in pages.labelled_lines]
    file.write_text("".join(rows), "utf-8")
    return fasttext.train_supervised(
        str(file), minn=2, maxn=5, wordNgrams=2, epoch=1, thread=1, verbose=0
    )


def measure_speed(pages: common.Pages, folder: Path) -> None:
    """Print the megabytes per second of labelling, compared with fastText if it is installed."""
    size = pages.megabytes
    print(f"Labelling {size:.1f} MB of {pages.name}, MB/s, {ROUNDS} rounds in turn")
    model = clutter.load()
    # the lines that clutter labels; fastText needs a line break at the end of each
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
        # called by the wrapper's predict for a list; its predict for one line fails with numpy 2
        actions["fastText"] = lambda: other.f.multilinePredict(lines, 1, 0.0, "strict")
    except ModuleNotFoundError:
        print("  (pip install fasttext, to compare with it)")
    measures = {name: partial(common.seconds, action) for name, action in actions.items()}
    taken = common.in_turn(measures, ROUNDS)
    for name, times in taken.items():
        best, middle = size / min(times), size / statistics.median(times)
        print(f"  {name:26} median {middle:6.2f}  best {best:6.2f}", end="")
        if name != "fastText" and "fastText" in taken:
            ratio = statistics.median(taken["fastText"]) / statistics.median(times)
            best_ratio = min(taken["fastText"]) / min(times)
            print(f"   {ratio:.2f} times fastText (best: {best_ratio:.2f})", end="")
        print()


def measure_start(pages: common.Pages, folder: Path) -> None:
    """Print the time of a whole command on a page of median length, compared with importing
    numpy."""
    file = folder / "page.txt"
    page = sorted(pages.texts, key=len)[len(pages.texts) // 2]
    file.write_text(page, "utf-8", newline="")
    environment = os.environ | common.COMMAND_PATH  # one thread, as in this process
    commands = {
        "python -m clutter clean PAGE": common.clutter_command("clean", file),
        'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
    }

    def run(command: list[str]) -> None:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    for command in commands.values():
        run(command)  # the first run compiles to bytecode
    measures = {
        name: partial(common.seconds, partial(run, command)) for name, command in commands.items()
    }
    taken = common.in_turn(measures, PAIRS)
    print(f"Start-up with a page of {len(page):,} characters, median of {PAIRS} runs in turn")
    for name, times in taken.items():
        print(f"  {name:30} {statistics.median(times) * 1000:6.0f} ms")
    print(f"  {statistics.median(common.ratios(*taken.values())):.2f} times (median of the pairs)")


def measure_threads() -> None:
    """What it costs to keep the linear algebra to one thread for the time of a page."""
    blocks = 20_000

    def enter() -> None:
        for _ in range(blocks):
            with one_thread():
                pass

    cost = statistics.median(common.seconds(enter) for _ in range(ROUNDS)) / blocks
    print(f"One thread for the linear algebra: {cost * 1e6:.1f} microseconds a page")


def measure_memory(size: float) -> None:
    """Run stream.py on ``size`` megabytes of pages."""
    print(f"Memory while {size:.0f} MB of pages stream through label_many", flush=True)
    stream = Path(__file__).with_name("stream.py")
    subprocess.run([sys.executable, str(stream), str(size)], check=True)


def main() -> None:
    parser = common.parser("Measure speed, start-up time and memory.")
    parser.add_argument(
        "--stream-mb",
        type=float,
        default=1000,
        metavar="N",
        help="megabytes of pages for the memory measurement (default: 1000)",
    )
    args = parser.parse_args()
    common.one_core()
    # first, while this process is small: Linux includes its memory in the peak of a child process
    measure_memory(args.stream_mb)
    pages = common.read_pages(SPEED_MB)
    with tempfile.TemporaryDirectory() as folder:
        measure_start(pages, Path(folder))
        measure_threads()
        measure_speed(pages, Path(folder))


if __name__ == "__main__":
    main()
