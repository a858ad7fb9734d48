"""What the tests of scores share: a model that answers what it is told to, and two pages whose
scores can be worked out on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from made_pages import made_page

from clutter import LABELS, Model, Page, features
from clutter.labelled import LabelledPage


class Answering(Model):
    """A model that gives the probabilities it is told to: one row for each non-blank
    line, page after page."""

    labels = LABELS

    def __init__(self, rows: Iterable[np.ndarray]) -> None:
        self.rows = iter(list(rows))

    def label_many(self, texts: Iterable[str]) -> Iterator[Page]:
        for text in texts:
            count = features.split([text]).number.size
            yield made_page(text, [next(self.rows) for _ in range(count)])


def sure(label: str, probability: float = 1.0) -> np.ndarray:
    """A row that gives ``label`` this probability and shares the rest among the others."""
    row = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1))
    row[LABELS.index(label)] = probability
    return row


def page(name: str, *lines: tuple[str, str], lang: str = "en") -> LabelledPage:
    labels, texts = zip(*lines, strict=True)
    return LabelledPage(name, {"lang": lang}, tuple(texts), tuple(labels))


FIRST = page(
    "first.tsv",
    ("nav", "Home"),  # nav
    ("title", "A headline"),  # title
    ("", ""),
    ("body", "First paragraph."),  # body
    ("body", "Second."),  # nav: dropped, 7 characters
    ("?", "Nobody labelled this"),  # left out
    ("ad", "Buy!"),  # body: kept, 4 characters
)


SECOND = page(
    "second.tsv",
    ("body", "Τρίτη παράγραφος"),  # body
    ("", "\u200b"),
    ("nav", "Μενού"),  # nav
    lang="el",
)


GUESSES = ["nav", "title", "body", "nav", "body", "body", "body", "nav"]
