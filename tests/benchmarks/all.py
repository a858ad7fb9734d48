"""Prints the whole table of speed: each figure as a ratio to a peer, measured in turn in one run.

    python tests/benchmarks/all.py [--corpus DIR]

It takes some five minutes. docs/speed.md holds the table, and says what is measured and how.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import common
from batch import clean, seconds, write_pages, write_rows
from extraction import peers
from sizes import FORMS, base_of, cleaned, page_of

import clutter
from clutter.html.lines import parse
from clutter.threads import one_thread

HTML_PAGES = 100
BATCH_PAGES = 400
SPEED_MB = 4
BATCH_MB = 20
"""How much is measured on: pages of HTML one by one and in a batch, MB of text likewise."""

SHORT, LONG = 10_000, 1_000_000
"""Bytes of a page of usual size, and of a long one."""

ROUNDS = 5
PAIRS = 11
"""Rounds in turn, and those of whole commands that are short."""

ENTERED = 20_000
"""So often the linear algebra is limited to one thread, to measure what that costs."""


class Row(NamedTuple):
    """A row of the table: what was measured, the peer, how they compare, and the figures of both,
    all as text."""

    measured: str
    peer: str
    ratio: str
    mine: str
    other: str


HEAD = Row("measured", "against", "ratio (range)", "clutter", "the other")


def compared(
    measured: str,
    peer: str,
    words: str,
    taken: Sequence[float],
    others: Sequence[float] | None,
    shown: Callable[[float], str],
    package: str = "",
) -> Row:
    """A row from the times of both, round by round. ``words`` follow the ratio: "times as fast",
    or "times as long". ``shown`` turns a time into a figure. Without the times of the other, the
    row says which ``package`` is missing."""
    mine = shown(statistics.median(taken))
    if others is None:
        return Row(measured, peer, f"not measured: pip install {package}", mine, "")
    pairs = (others, taken) if words.endswith("fast") else (taken, others)
    ratio = common.spread(common.ratios(*pairs), 2, f" {words}")
    return Row(measured, peer, ratio, mine, shown(statistics.median(others)))


def milliseconds(pages: int = 1) -> Callable[[float], str]:
    """A function that shows a time for so many pages as milliseconds a page."""
    return lambda spent: f"{spent / pages * 1000:.1f} ms"


def rate(size: float, unit: str) -> Callable[[float], str]:
    """A function that shows a time for ``size`` as the size a second."""
    return lambda spent: f"{size / spent:,.1f} {unit}"


def html(corpus: str) -> Iterator[Row]:
    """Pages of HTML one by one, as a scraper cleans them, by CPU time of all threads."""
    # decoded: trafilatura gets the same characters
    pages = [parse(page).html for page in common.html_pages(corpus, HTML_PAGES)]
    model = clutter.load()

    def clean_all(threads: AbstractContextManager[Any]) -> None:
        with threads:
            for page in pages:
                model.label_html(page).clean()

    default, one, other = "default threads", "one thread", "trafilatura"
    actions: dict[str, Callable[[], object]] = {
        default: lambda: clean_all(_default_threads()),
        one: lambda: clean_all(nullcontext()),
    }
    installed = peers()
    if other in installed:
        actions[other] = lambda: [installed[other](page, "") for page in pages]
    measures = {
        name: partial(common.seconds, action, time.process_time) for name, action in actions.items()
    }
    for measure in measures.values():
        measure()  # what is loaded at the first page
    taken = common.in_turn(measures, ROUNDS)
    shown = milliseconds(len(pages))
    others = taken.get(other)
    for name in (default, one):
        measured = f"`label_html(page).clean()`, {name}"
        yield compared(measured, other, "times as fast", taken[name], others, shown, other)
    yield compared(
        f"`label_html(page).clean()`, {default}",
        one,
        "times as long",
        taken[default],
        taken[one],
        shown,
    )


def _default_threads() -> AbstractContextManager[Any]:
    """As many threads for the linear algebra as a program has that sets nothing."""
    from threadpoolctl import threadpool_limits

    threads: AbstractContextManager[Any] = threadpool_limits(os.cpu_count(), "blas")
    return threads


def threads() -> Row:
    """What it costs to keep the linear algebra to one thread for the time of a page."""

    def enter() -> None:
        for _ in range(ENTERED):
            with one_thread():
                pass

    spent = min(common.seconds(enter, time.process_time) for _ in range(ROUNDS)) / ENTERED
    spent *= 1e6
    measured = "limiting numpy to one thread, once a page"
    return Row(
        measured, "20 microseconds", f"{spent / 20:.2f} times as long", f"{spent:.1f} µs", ""
    )


def labelling(folder: Path) -> Iterator[Row]:
    """Labelling of text, against fastText on the lines that were labelled."""
    pages = common.read_pages(SPEED_MB)
    model = clutter.load()
    # fastText needs a line break at the end of each line
    lines = [f"{line.text}\n" for page in model.label_many(pages.texts) for line in page.lines]

    def label() -> None:
        for page in model.label_many(pages.texts):
            page.probabilities.argmax(axis=1)

    def label_to_lines() -> None:
        for page in model.label_many(pages.texts):
            page.lines  # noqa: B018 - builds a Line with its text and label for each

    labels = "`label_many`", "`label_many` and `page.lines`"
    actions: dict[str, Callable[[], object]] = dict(
        zip(labels, (label, label_to_lines), strict=True)
    )
    peer = "fastText's `predict`"
    try:
        other = _fasttext_model(pages, folder)
        # called by the wrapper's predict for a list; its predict for one line fails with numpy 2
        actions[peer] = lambda: other.f.multilinePredict(lines, 1, 0.0, "strict")
    except ModuleNotFoundError:
        pass
    measures = {
        name: partial(common.seconds, action, time.process_time) for name, action in actions.items()
    }
    taken = common.in_turn(measures, ROUNDS)
    for name in labels:
        yield compared(
            name,
            peer,
            "times as fast",
            taken[name],
            taken.get(peer),
            rate(pages.megabytes, "MB/s"),
            "fasttext",
        )


def _fasttext_model(pages: common.Pages, folder: Path) -> Any:
    """A supervised fastText model of the labelled lines. One epoch is enough: the quality of the
    training does not change the speed of its answers."""
    import fasttext

    file = folder / "lines.txt"
    rows = [f"__label__{label} {' '.join(line.split())}\n" for label, line in pages.labelled_lines]
    file.write_text("".join(rows), "utf-8")
    return fasttext.train_supervised(
        str(file), minn=2, maxn=5, wordNgrams=2, epoch=1, thread=1, verbose=0
    )


def start(folder: Path) -> Row:
    """A whole command on a page of median length, against importing numpy."""
    texts = sorted(common.read_pages(1).texts, key=len)
    file = folder / "page.txt"
    file.write_text(texts[len(texts) // 2], "utf-8", errors="replace", newline="")
    numpy = 'python -c "import numpy"'
    commands = {
        "clutter": common.clutter_command("clean", file),
        numpy: [sys.executable, "-c", "import numpy"],
    }
    environment = common.FOUND | common.COMMAND_PATH

    def run(command: Sequence[str]) -> None:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    for command in commands.values():
        run(command)  # the first run compiles to bytecode
    measures = {
        name: partial(common.seconds, partial(run, command)) for name, command in commands.items()
    }
    mine, other = common.in_turn(measures, PAIRS).values()
    return compared(
        "a cold `clutter clean page.txt`",
        f"`{numpy}`",
        "times as long",
        mine,
        other,
        milliseconds(),
    )


def batches(corpus: str, folder: Path) -> Iterator[Row]:
    """Whole commands over many pages: two processes against one."""
    drawn = common.html_pages(corpus, BATCH_PAGES)
    texts = [text.encode("utf-8", "replace") for text in common.read_pages(BATCH_MB).texts]
    inputs = {"HTML, a folder": folder / "html", "text, JSON lines": folder / "text.jsonl"}
    write_pages(drawn, folder / "html")
    write_rows(texts, "text", folder / "text.jsonl")
    out = folder / "out"
    for (name, source), pages in zip(inputs.items(), (len(drawn), len(texts)), strict=True):
        measures = {str(jobs): partial(seconds, clean(source, out, jobs), out) for jobs in (2, 1)}
        mine, other = common.in_turn(measures, ROUNDS).values()
        yield compared(
            f"`clutter clean`, {name}, two processes",
            "one process",
            "times as fast",
            mine,
            other,
            rate(pages, "pages/s"),
        )


def long_pages(corpus: str) -> Iterator[Row]:
    """One long page, against as many bytes of pages of usual size."""
    model = clutter.load()
    times = LONG // SHORT
    for form in FORMS:
        base = base_of(form, corpus)
        long, short = (page_of(form, size, base) for size in (LONG, SHORT))
        lines = len(cleaned(model, form, long))
        measures = {
            str(count): partial(
                common.seconds,
                partial(_clean_often, model, form, page, count),
                time.process_time,
            )
            for page, count in ((long, 1), (short, times))
        }
        mine, other = common.in_turn(measures, ROUNDS).values()
        yield compared(
            f"a page of 1 MB, {lines:,} lines: {form}",
            f"{times} pages of 10 kB",
            "times as long",
            mine,
            other,
            milliseconds(),
        )


def _clean_often(model: clutter.Model, form: str, page: str, count: int) -> None:
    for _ in range(count):
        cleaned(model, form, page)


def main() -> None:
    parser = common.parser("The whole table of speed.", "--corpus")
    args = parser.parse_args()
    common.print_row(HEAD)
    common.print_row(["---"] * len(HEAD))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # whole commands first: they use all cores
        parts: list[Callable[[], Iterator[Row]]] = [
            lambda: batches(args.corpus, folder),
            lambda: iter([start(folder)]),
            lambda: html(args.corpus),
            lambda: labelling(folder),
            lambda: iter([threads()]),
            lambda: long_pages(args.corpus),
        ]
        for part in parts:
            for row in part():
                common.print_row(row)


if __name__ == "__main__":
    main()
