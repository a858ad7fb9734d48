"""Pages of HTML a second: ``label_html`` and the clean text against trafilatura, on one core.

    python tests/benchmarks/html_speed.py --corpus DIR

README.md beside this file says what is measured and how.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import gzip
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extraction import peers

import clutter
from clutter.html import parse

PAGES = 200
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="Pages of HTML a second, in turn.")
    parser.add_argument("--corpus", required=True, help="the corpus folder")
    parser.add_argument("--model", help="a model file (default: the shipped model)")
    args = parser.parse_args()
    model = clutter.load(args.model)
    files = sorted(Path(args.corpus, "html").rglob("*.html.gz"))
    some = random.Random(0).sample(files, min(PAGES, len(files)))
    pages = [parse(gzip.decompress(file.read_bytes())).html for file in some]

    def clean() -> None:
        for page in model.label_html_many(pages):
            page.clean()

    actions: dict[str, Callable[[], None]] = {"clutter": clean}
    if "trafilatura" in (others := peers()):
        actions["trafilatura"] = lambda: (
            [others["trafilatura"](page, "") for page in pages] and None
        )
    rates: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            # CPU time: what else runs on the machine counts less
            begin = time.process_time()
            action()
            rates[name].append(len(pages) / (time.process_time() - begin))
    for name, found in rates.items():
        print(f"{name}: {statistics.median(found):.0f} pages/s ({min(found):.0f}-{max(found):.0f})")
    if "trafilatura" in rates:
        ratios = [a / b for a, b in zip(rates["clutter"], rates["trafilatura"], strict=True)]
        print(f"ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})")


if __name__ == "__main__":
    main()
