"""Measures time and memory of one page against its size, from 1 kB to 10 MB, and draws the picture.

    python tests/benchmarks/sizes.py [--corpus DIR] -o docs/page-sizes.svg

docs/speed.md says what is measured and how.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import common
import turbohtml
from stream import peak_megabytes

import clutter

LINES, TEXT, HTML = FORMS = ("text, a word a line", "text", "HTML")

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
"""Bytes of a page."""

SECONDS = 0.3
"""A page is cleaned again until this much CPU time is spent, and the least time counts."""

BASE_MB = 2
BASE_PAGES = 30
"""So much text, and so many pages of HTML, are different. For longer pages they are repeated."""


class Point(NamedTuple):
    """What a page of ``size`` bytes and ``lines`` lines took: CPU seconds, and the MB at its peak
    in addition to those after a page of 1 kB."""

    size: int
    lines: int
    seconds: float
    megabytes: float


def page_of(form: str, size: int, base: bytes) -> str:
    """A page of one of the ``FORMS`` of about ``size`` bytes, from the bytes of ``base_of``."""
    data = base * (size // len(base)) + base[: size % len(base)]
    head = (
        b"<!DOCTYPE html><meta charset=utf-8><title>A page</title><body>" if form == HTML else b""
    )
    return (head + data).decode("utf-8", "ignore")


def base_of(form: str, corpus: str) -> bytes:
    """Some megabytes of real pages, one after the other; of HTML the bodies, with every element
    closed."""
    if form != HTML:
        pages = common.read_pages(BASE_MB).texts
        if form == LINES:
            pages = " ".join(pages).split()
        return "\n".join(pages).encode("utf-8", "replace") + b"\n"
    found: list[bytes] = []
    for page in common.html_pages(corpus, BASE_PAGES):
        body = turbohtml.parse(page).find("body")
        if body is not None:
            found.append(f"<div>{body.inner_html}</div>\n".encode("utf-8", "replace"))
    return b"".join(found)


def cleaned(model: clutter.Model, form: str, page: str) -> clutter.Page:
    """The labelled page; its clean text is made too."""
    labelled = model.label_html(page) if form == HTML else model.label(page)
    labelled.clean()
    return labelled


def measure(form: str, base: bytes) -> list[Point]:
    """A point for each of the ``SIZES``, in growing order: the peak is that of the last page."""
    model = clutter.load()
    cleaned(model, form, page_of(form, SIZES[0], base))
    before = peak_megabytes()
    points = []
    for size in SIZES:
        page = page_of(form, size, base)
        times: list[float] = []
        while sum(times) < SECONDS:
            begin = time.process_time()
            answer = cleaned(model, form, page)
            times.append(time.process_time() - begin)
        points.append(Point(size, len(answer), min(times), peak_megabytes() - before))
    return points


def picture(points: Mapping[str, Sequence[Point]], path: str) -> None:
    """Plot time and memory against size, both on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "clutter"  # the same data gives the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for (form, row), style in zip(points.items(), ("s-", "o-", "^-"), strict=True):
        sizes = [point.size for point in row]
        axes[0].plot(sizes, [point.seconds for point in row], style, label=form)
        axes[1].plot(sizes, [point.megabytes for point in row], style, label=form)
    last = max(row[-1].seconds for row in points.values())
    line = [last * size / SIZES[-1] for size in SIZES]
    axes[0].plot(SIZES, line, color="gray", linewidth=1, linestyle=":", label="in proportion")
    axes[0].set(title="CPU time", ylabel="seconds", yscale="log")
    axes[1].set(title="memory, in addition to the model", ylabel="MB", yscale="symlog")
    for axis in axes:
        axis.set(xlabel="size of the page", xscale="log")
        axis.set_xticks(SIZES[::2], ["1 kB", "10 kB", "100 kB", "1 MB", "10 MB"], minor=False)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = common.parser("Time and memory of one page against its size.", "--corpus")
    parser.add_argument("-o", "--output", required=True, help="the picture, .svg")
    args = parser.parse_args()
    common.one_core()
    # each form in a process of its own, because a process knows only the peak of all its time
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        bases = [base_of(form, args.corpus) for form in FORMS]
        points = dict(zip(FORMS, pool.map(measure, FORMS, bases), strict=True))
    head = ["page", "bytes", "lines", "time", "for each 10 kB", "memory"]
    common.print_row(head)
    common.print_row(["---"] * len(head))
    for form, row in points.items():
        for size, lines, spent, megabytes in row[::2]:
            each = spent / size * 10_000
            figures = [f"{spent * 1000:,.1f} ms", f"{each * 1000:.2f} ms", f"{megabytes:,.0f} MB"]
            common.print_row([form, f"{size:,}", f"{lines:,}", *figures])
    picture(points, args.output)


if __name__ == "__main__":
    main()
