"""What two benchmarks found can be compared only where both began alike and counted alike, so
what they share is here: their pages, one thread, rounds in turn, and what counts as wrong.

``import common`` goes before all that is installed (its name sorts before ``joblib`` and
``numpy``): it tells the linear algebra to use one thread, which it asks for as it loads, and
makes the ``clutter`` of this checkout the one that is measured.
"""

# ruff: noqa: E402 - numpy and clutter are loaded when it is said how and from where

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"

FOUND = dict(os.environ)
"""The environment as it was found: for commands that choose their threads themselves."""

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
sys.path.insert(0, str(ROOT))

import numpy as np

from clutter import KEPT, LABELS, Page
from clutter.labelled import LabelledPage, read_all
from clutter.page import keeps


def one_core() -> None:
    """Bind this process, and those that it starts from here on, to one core, where the system
    lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def parser(description: str, *options: str) -> argparse.ArgumentParser:
    """A parser with those of the options that several benchmarks have."""
    shared: dict[str, dict[str, Any]] = {
        "--corpus": {"required": True, "help": "the corpus folder"},
        "--model": {"help": "a model file (default: the shipped model)"},
        "--jobs": {"type": int, "default": os.cpu_count() or 1},
    }
    found = argparse.ArgumentParser(description=description)
    for option in options:
        found.add_argument(option, **shared[option])
    return found


def tell(message: str) -> None:
    """What goes on meanwhile, beside what is found."""
    print(message, file=sys.stderr, flush=True)


def show_messages() -> None:
    """Let what the library logs go to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")


# pages


@dataclass(frozen=True)
class Pages:
    """Texts of pages, and (label, text) of their labelled lines; ``name`` says which."""

    name: str
    texts: list[str]
    labelled_lines: list[tuple[str, str]]

    @property
    def megabytes(self) -> float:
        """Size of the texts in UTF-8, in millions of bytes."""
        return sum(len(text.encode()) for text in self.texts) / 1e6


def read_pages(size: float) -> Pages:
    """At least ``size`` megabytes of pages, cut or repeated: real ones, where a corpus stands
    beside the repository, in ../shared/corpus; else the authored pages, which are part of it."""
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
    """The pages of a packed file of a corpus, as they stand there."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def authored_pages() -> list[LabelledPage]:
    """The pages written for this project, with their labels."""
    return read_all([ROOT / "labelled" / "pages"])


def labelled_pages(corpus: str, split: str) -> list[LabelledPage]:
    """The pages of one split of a corpus that have labels."""
    # what a corpus needs is loaded for it alone: stream.py prints the memory in use
    from clutter.training.corpus import read_pages as read

    return read(corpus, split, _standoff())


def train_views(corpus: str) -> list[LabelledPage]:
    """The half-cleaned views of the train pages that have labels."""
    from clutter.training.corpus import read_views

    return read_views(corpus, "train", _standoff())


@cache
def _standoff() -> dict[str, list[tuple[str, str]]]:
    from clutter.training.corpus import read_standoff

    return read_standoff([ROOT / "labelled"])


def html_files(corpus: str) -> list[Path]:
    """The packed HTML of a corpus, where it holds some."""
    return sorted(Path(corpus, "html").rglob("*.html.gz"))


# what is wrong


def wrong(page: LabelledPage, answer: Page) -> np.ndarray:
    """Characters kept or dropped wrongly, lines labelled wrongly, and all of both."""
    labels = np.array(page.labels)[answer.number - 1]
    known = np.isin(labels, LABELS)
    kept = keeps(answer.probabilities)
    size = (answer.end - answer.start) * known
    guess = np.array(LABELS)[answer.probabilities.argmax(axis=1)]
    others = kept != np.isin(labels, KEPT)
    return np.array([size[others].sum(), (guess != labels)[known].sum(), size.sum(), known.sum()])


# time


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long an action takes."""
    begin = clock()
    action()
    return clock() - begin


def in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each measure gives, round by round: what else the machine does meets all alike."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    """How many times the others, round by round."""
    return [one / other for one, other in zip(some, others, strict=True)]


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """The median, with its unit, and the range."""
    least, middle, most = (f"{f(values):.{digits}f}" for f in (min, np.median, max))
    return f"{middle}{unit} ({least}-{most})"


# commands


COMMAND_PATH = {"PYTHONPATH": str(ROOT)}
"""What the environment of a ``clutter_command`` needs."""


def clutter_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "clutter", *map(str, arguments)]


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A command that has begun, in the environment as it was found and in a session of its own;
    what it says is not shown."""
    return subprocess.Popen(
        command,
        env=FOUND | COMMAND_PATH,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
