"""Measures pages of HTML per second, on one core: labelling and cleaning, against trafilatura.

    python tests/benchmarks/html_speed.py --corpus DIR

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable
from functools import partial

import common
from extraction import peers

import clutter
from clutter.html.lines import parse

PAGES = 200
ROUNDS = 5


def main() -> None:
    args = common.parser("Pages of HTML per second, in turn.", "--corpus", "--model").parse_args()
    common.one_core()
    model = clutter.load(args.model)
    files = common.html_files(args.corpus)
    drawn = random.Random(0).sample(files, min(PAGES, len(files)))
    pages = [parse(gzip.decompress(file.read_bytes())).html for file in drawn]

    def clean() -> None:
        for page in model.label_html_many(pages):
            page.clean()

    actions: dict[str, Callable[[], object]] = {"clutter": clean}
    if "trafilatura" in (others := peers()):
        actions["trafilatura"] = lambda: [others["trafilatura"](page, "") for page in pages]
    # CPU time: other load on the machine matters less
    measures = {
        name: partial(common.seconds, action, time.process_time) for name, action in actions.items()
    }
    rates = {
        name: [len(pages) / spent for spent in times]
        for name, times in common.in_turn(measures, ROUNDS).items()
    }
    for name, values in rates.items():
        print(f"{name}: {common.spread(values, 0, ' pages/s')}")
    if "trafilatura" in rates:
        print("ratio:", common.spread(common.ratios(rates["clutter"], rates["trafilatura"]), 1))


if __name__ == "__main__":
    main()
