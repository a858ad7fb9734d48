"""What the tests of training share: tiny networks, pages to learn from, and what is told."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clutter.labelled import LabelledPage
from clutter.training import fit, train
from clutter.training.samples import Sample

PAGES = Path(__file__).parent.parent / "labelled" / "pages" / "en"

TEXTS = sorted(path for path in PAGES.glob("*.tsv") if "\n# html: " not in path.read_text("utf-8"))
"""The files of pages that stand there as text, without HTML."""

SMALL = {
    "NGRAM_SIZE": 8,
    "MARKUP_SIZE": 8,
    "HIDDEN": 24,
    "SUMMARY": 8,
    "STEP_LINES": 300,
    "LEARNING_RATE": 1e-2,
    "AVERAGED_SHARE": 0.1,
}
"""Sizes of a tiny network."""


@contextlib.contextmanager
def messages() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    logged: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    logger, handler = logging.getLogger("clutter"), Collect()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logged
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@contextlib.contextmanager
def tiny_training() -> Iterator[None]:
    """A tiny network, trained for a moment, and the models of half the sites for less."""
    whole = fit.fit

    def shorter(samples: list[Sample], steps: int, *rest: Any) -> fit.TrainedNetwork:
        return whole(samples, 10 if steps == 200 else steps, *rest)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(fit, name, value)
        patch.setattr(train, "how_many_steps", lambda samples: 100)
        patch.setattr(fit, "fit", shorter)
        yield


MENU = [("nav", word) for word in ("Home", "News", "Weather", "Events", "Sport", "Contact")]
STORIES = [
    ["The ferry to the island stays in harbour until Monday.", "A storm has torn two piles away."],
    ["The library opens on Sundays from May.", "The council voted for it with nine to two."],
    ["A bear was seen near the school on Tuesday.", "The forester asks walkers to keep away."],
    ["The bakery on the square is to close.", "Its owner found nobody to take it over."],
    ["Pupils have built a bridge of paper.", "It carried the mayor, who had offered to try."],
    ["The choir sings in the old mill tonight.", "Seats are free, the door opens at seven."],
]
TALK = [
    "People in the valley had waited for it for a long time, and not all of them believed it.",
    "It is not the first time that this is tried, as the older ones among them remember.",
    "What it will cost is to be said next week, when the council has seen the bills.",
]
PROMOTION = ("ad", "The Xyloquont of the valley thanks its four hundred friends for each letter.")


def story(number: int) -> LabelledPage:
    """A page of a site that puts a sentence about itself into each story, and sets its
    subheads in one odd word."""
    first, second = STORIES[number]
    rows = [
        *MENU, ("title", first.rstrip(".")), ("body", f"{first} {second} {TALK[0]}"), PROMOTION,
        ("body", "Zwiebelfreunde"), ("body", f"{TALK[1]} {second} {TALK[2]}"), ("nav", "Top"),
    ]  # fmt: skip
    labels, lines = zip(*rows, strict=True)
    return LabelledPage(f"{number}.tsv", {"site": "a.example", "lang": "en"}, lines, labels)


SITE = [story(number) for number in range(6)]
