"""Prints where the time of a page of HTML goes, part by part.

    python tests/benchmarks/parts.py [--corpus DIR] [--model FILE]

CPU time of one thread, the least of some rounds, the mean over pages drawn at random. docs/speed.md
has the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import common
import numpy as np

import clutter
from clutter import features
from clutter.html.decode import decoded_html
from clutter.html.describe import describe, spread
from clutter.html.headline import declared_titles
from clutter.html.lines import parse, read
from clutter.html.walk import Walk
from clutter.network import Layout, forward
from clutter.threads import one_thread

PAGES, ROUNDS = 200, 5

PARTS = (
    "decoding",
    "parsing (turbohtml)",
    "finding the lines (the walk)",
    "features and hashes of markup",
    "features of the text",
    "sums of vectors",
    "the network",
    "the rest: decisions, the result, the clean text",
)

Value = TypeVar("Value")


def times_of(html: bytes, model: clutter.Model) -> list[float]:
    """Seconds of each part for one page, of all but the rest; and of the whole."""
    taken: list[float] = []

    def timed(action: Callable[[], Value]) -> Value:
        begin = time.process_time()
        result = action()
        taken.append(time.process_time() - begin)
        return result

    text = timed(lambda: decoded_html(html))
    document = timed(lambda: parse(text))
    titles = declared_titles(document)
    walk = timed(lambda: Walk(document))
    number = np.arange(len(walk.lines))
    markup = timed(lambda: spread(describe(walk.lines, list(walk.elements), titles), number))
    source = read(html)
    pages = timed(lambda: features.split([source.text]))
    lines = timed(lambda: features.features(pages.lines))
    taken[-2:] = [sum(taken[-2:])]
    if len(lines.line_features) == len(walk.lines) > 0:
        x = timed(lambda: model._input(lines, markup))
        layout = Layout(lines.sections, markup.group)
        with one_thread():
            timed(lambda: forward(model.weights, x, layout))
    else:  # no line, or one of signs that are not seen
        taken += [0, 0]
    timed(lambda: model.label_html(html).clean())
    return taken


def main() -> None:
    parser = common.parser("Where the time of a page of HTML goes.", "--corpus", "--model")
    args = parser.parse_args()
    common.one_core()
    model = clutter.load(args.model)
    rounds = []
    pages = common.html_pages(args.corpus, PAGES)
    for number in range(ROUNDS):
        rounds.append([times_of(html, model) for html in pages])
        common.tell(f"round {number + 1} of {ROUNDS}")
    # of each page and part the least, as other programs only add to it
    *parts, whole = (np.min(rounds, axis=0).mean(axis=0) * 1000).tolist()
    common.print_row(("part of a page's time", "ms", "share"))
    common.print_row(("---", "---:", "---:"))
    for name, part in zip(PARTS, [*parts, whole - sum(parts)], strict=True):
        common.print_row((name, f"{part:.2f}", f"{part / whole:.0%}"))
    common.print_row(("the whole", f"{whole:.2f}", "100%"))


if __name__ == "__main__":
    main()
