"""Shared by all benchmarks: test pages, a single thread, rounds in turn, the count of errors.

The results of two benchmarks can be compared only if both start and count in the same way.

``import common`` must be before all imports of installed libraries (its name sorts before
``joblib`` and ``numpy``). It sets numpy to one thread, which must happen before numpy is loaded,
and puts the ``clutter`` of this checkout first on the path.
"""

# ruff: noqa: E402 - numpy and clutter are imported after threads and path are set

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"

FOUND = dict(os.environ)
"""The original environment, for commands that choose their number of threads themselves."""

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
sys.path.insert(0, str(ROOT))

import numpy as np

from clutter import LABELS, Page
from clutter.labelled import LabelledPage, read_all
from clutter.page import ARTICLE, keeps

if TYPE_CHECKING:
    from clutter.training.corpus import Standoff


def one_core() -> None:
    """Bind this process, and those that it starts later, to one core, if the system supports
    it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def parser(description: str, *options: str) -> argparse.ArgumentParser:
    """An argument parser with some of the options that several benchmarks share."""
    shared: dict[str, dict[str, Any]] = {
        "--corpus": {
            "default": str(CORPUS),
            "help": "the corpus folder (default: ../shared/corpus)",
        },
        "--model": {"help": "a model file (default: the shipped model)"},
        "--jobs": {
            "type": int,
            "default": os.cpu_count() or 1,
            "help": "number of processes (default: one for each processor)",
        },
    }
    result = argparse.ArgumentParser(description=description)
    for option in options:
        result.add_argument(option, **shared[option])
    return result


def tell(message: str) -> None:
    """Print a progress message to standard error, apart from the results."""
    print(message, file=sys.stderr, flush=True)


def show_messages() -> None:
    """Print the log messages of the library to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")


# pages


@dataclass(frozen=True)
class Pages:
    """Texts of pages, and (label, text) of their labelled lines. ``name`` describes them."""

    name: str
    texts: list[str]
    labelled_lines: list[tuple[str, str]]

    @property
    def megabytes(self) -> float:
        """Size of the texts in UTF-8, in millions of bytes."""
        return sum(len(text.encode()) for text in self.texts) / 1e6


def read_pages(size: float) -> Pages:
    """At least ``size`` megabytes of pages, repeated if there are not enough: the dev pages of the
    corpus in ../shared/corpus, beside the repository, or without it the authored pages."""
    file = CORPUS / "dev.jsonl.gz"
    pages = _corpus(file) if file.exists() else _authored()
    texts: list[str] = []
    spent = 0
    while spent < size * 1e6:
        text = pages.texts[len(texts) % len(pages.texts)]
        texts.append(text)
        spent += len(text.encode())
    return Pages(pages.name, texts, pages.labelled_lines)


def _corpus(file: Path) -> Pages:
    texts, lines = [], []
    for page in rows(file):
        texts.append("\n".join(line["text"] for line in page["lines"]))
        lines += [(x["label"], x["text"]) for x in page["lines"] if x.get("label")]
    return Pages("pages of the corpus", texts, lines)


def _authored() -> Pages:
    pages = authored_pages()
    lines = [
        (label, line)
        for page in pages
        for label, line in zip(page.labels, page.lines, strict=True)
        if label not in ("", "?")
    ]
    return Pages("authored pages", [page.text for page in pages], lines)


def rows(file: Path) -> Iterator[dict[str, Any]]:
    """The pages of a packed corpus file, as they are in it."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def authored_pages() -> list[LabelledPage]:
    """The pages written for this project, with their labels."""
    return read_all([ROOT / "labelled" / "pages"])


def labelled_pages(corpus: str, split: str) -> list[LabelledPage]:
    """The pages of one split of a corpus that have labels."""
    # imported only here: stream.py prints the memory in use, and does not need it
    from clutter.training.corpus import read_pages as read

    return read(corpus, split, _standoff())


def train_views(corpus: str) -> list[LabelledPage]:
    """The half-cleaned views of the train pages that have labels."""
    from clutter.training.corpus import read_views

    return read_views(corpus, "train", _standoff())


@cache
def _standoff() -> dict[str, Standoff]:
    from clutter.training.corpus import read_standoff

    return read_standoff([ROOT / "labelled"])


def html_files(corpus: str) -> list[Path]:
    """The packed HTML files of a corpus; an empty list if it has none."""
    return sorted(Path(corpus, "html").rglob("*.html.gz"))


def html_pages(corpus: str, count: int) -> list[bytes]:
    """Pages of HTML of a corpus, drawn at random, since those beside each other are of one site.
    Without a corpus those that were written for this project, repeated."""
    files = html_files(corpus)
    if files:
        drawn = random.Random(0).sample(files, min(count, len(files)))
        return [gzip.decompress(file.read_bytes()) for file in drawn]
    pages = [file.read_bytes() for file in sorted((ROOT / "labelled" / "pages").rglob("*.html"))]
    return (pages * (count // len(pages) + 1))[:count]


# what is wrong


def wrong(page: LabelledPage, answer: Page) -> np.ndarray:
    """Four counts: characters kept or dropped wrongly, lines labelled wrongly, all labelled
    characters, all labelled lines."""
    labels = np.array(page.labels)[answer.number - 1]
    known = np.isin(labels, LABELS)
    kept = keeps(answer.probabilities, answer.main, ARTICLE)
    size = (answer.end - answer.start) * known
    guess = np.array(LABELS)[answer.probabilities.argmax(axis=1)]
    is_wrong = kept != np.isin(labels, ARTICLE)
    return np.array([size[is_wrong].sum(), (guess != labels)[known].sum(), size.sum(), known.sum()])


# time


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that an action takes."""
    begin = clock()
    action()
    return clock() - begin


def in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The results of each measure, round by round. The measures take turns, so other load on the
    machine affects all in the same way."""
    results: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            results[name].append(measure())
    return results


def ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    """The values of ``some`` divided by those of ``others``, round by round."""
    return [value / other for value, other in zip(some, others, strict=True)]


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """The median with its unit, and the range, as text."""
    least, middle, most = (f"{f(values):.{digits}f}" for f in (min, np.median, max))
    return f"{middle}{unit} ({least}-{most})"


def print_row(cells: Sequence[str]) -> None:
    """Print a row of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


# commands


COMMAND_PATH = {"PYTHONPATH": str(ROOT)}
"""Environment variables that a ``clutter_command`` needs."""


def clutter_command(*arguments: object) -> list[str]:
    """The command line that runs the ``clutter`` of this checkout."""
    return [sys.executable, "-m", "clutter", *map(str, arguments)]


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command in the original environment and in its own session. Its output is not
    shown."""
    return subprocess.Popen(
        command,
        env=FOUND | COMMAND_PATH,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
