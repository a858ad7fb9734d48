"""The result for one page: its lines with their labels, and the clean text.

A :class:`Page` keeps the input text and gives the label of every non-blank line and the
model's confidence. No text is rewritten: a line has exactly the characters of the
input, and the clean text consists of whole lines.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clutter.errors import CleaningError
from clutter.text import web_address

LABELS = ("body", "title", "meta", "nav", "comment", "ad", "teaser", "notice")
"""The labels of lines. README.md and labelled/README.md explain them."""

KEPT = ("title", "body")
"""The labels of the clean text by default."""

THRESHOLD = 0.5
"""A line is kept if the sum of the probabilities of the kept labels is at least this."""


def unknown_label(label: str, known: Sequence[str] = LABELS) -> str:
    """The message for an unknown label: it names the most similar label, and all labels."""
    import difflib  # only needed for this message

    near = difflib.get_close_matches(label.strip().lower(), known, 1, 0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown label {label[:40]!r}{hint}; there are {', '.join(known)}"


def keeps(
    probabilities: NDArray[np.floating[Any]],
    keep: Collection[str] = KEPT,
    threshold: float = THRESHOLD,
    labels: Sequence[str] = LABELS,
) -> NDArray[np.bool_]:
    """Which lines to keep: bool, one entry for each row of ``probabilities`` (lines, labels).

    A line is kept if the sum of the probabilities of the kept labels is at least the threshold.

    Raises CleaningError for an unknown label or a threshold outside 0 to 1.
    """
    if isinstance(keep, str):
        keep = (keep,)
    unknown = [label for label in keep if label not in labels]
    if unknown:
        raise CleaningError(f"unknown label {unknown[0]!r}; there are {', '.join(labels)}")
    if not 0 <= threshold <= 1:
        raise CleaningError(f"threshold: a number from 0 to 1, not {threshold}")
    columns = [labels.index(label) for label in dict.fromkeys(keep)]
    if not columns:
        return np.zeros(len(probabilities), bool)
    # with threshold 1, rounding errors must not drop a line that is certain
    kept: NDArray[np.bool_] = probabilities[:, columns].sum(axis=1) >= threshold - 1e-6
    return kept


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line. ``number`` is its 1-based number among all lines of the input,
    including blank ones; ``confidence`` is the probability of ``label``."""

    number: int
    text: str
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says of itself; None for what it does not say.

    ``date`` is the day on which it was published, as YYYY-MM-DD. ``language`` is a tag such as en
    or pt-BR. ``url`` is the address that the page gives itself, or else the one it was loaded from.
    """

    title: str | None = None
    author: str | None = None
    date: str | None = None
    language: str | None = None
    site_name: str | None = None
    url: str | None = None


class Page:
    """A labelled page.

    ``probabilities`` (lines, labels) float32 has a row for every non-blank line, which sums
    to 1, and a column for every label in ``labels``. ``number``, ``start`` and ``end`` (int64,
    one entry per non-blank line) are the line's 1-based number in ``text``, the position of
    its first character, and the position after its last.
    """

    __slots__ = ("__dict__", "end", "labels", "number", "probabilities", "start", "text")

    def __init__(
        self,
        text: str,
        number: NDArray[np.int64],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        probabilities: NDArray[np.float32],
        labels: tuple[str, ...] = LABELS,
    ) -> None:
        self.text = text
        self.number = number
        self.start = start
        self.end = end
        self.probabilities = probabilities
        self.labels = labels

    def __repr__(self) -> str:
        return f"<Page of {len(self)} lines>"

    def __len__(self) -> int:
        return len(self.start)

    @functools.cached_property
    def lines(self) -> list[Line]:
        """Every non-blank line with its label."""
        if len(self) == 0:
            return []
        best = self.probabilities.argmax(axis=1)
        confidence = self.probabilities[np.arange(best.size), best]
        return [
            Line(number, self.text[start:end], self.labels[label], sure)
            for number, start, end, label, sure in zip(
                self.number.tolist(),
                self.start.tolist(),
                self.end.tolist(),
                best.tolist(),
                confidence.tolist(),
                strict=True,
            )
        ]

    @property
    def title(self) -> str | None:
        """The article's headline: the first line with the label title, or None."""
        return next(iter(self._lines_of("title", 1)), None)

    def metadata_at(self, url: str | None) -> Metadata:
        """The metadata of a page that was loaded from ``url``, or None if that is not known. Plain
        text says nothing of itself but its title."""
        return Metadata(title=self.title, url=web_address(url))

    @functools.cached_property
    def metadata(self) -> Metadata:
        """The metadata of the page. The title is the first line with the label title, if there is
        one."""
        return self.metadata_at(None)

    def _lines_of(self, label: str, most: int) -> list[str]:
        """The texts of the first lines with a label."""
        if label not in self.labels:
            return []
        is_label = self.probabilities.argmax(axis=1) == self.labels.index(label)
        rows = np.flatnonzero(is_label)[:most]
        spans = zip(self.start[rows].tolist(), self.end[rows].tolist(), strict=True)
        return [self.text[start:end] for start, end in spans]

    def kept(
        self, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD
    ) -> NDArray[np.bool_]:
        """Which lines belong to the clean text: bool, one entry per non-blank line.

        These are the lines that ``keeps`` selects, but a headline that the page repeats is kept
        only once.

        Raises CleaningError for an unknown label or a threshold outside 0 to 1.
        """
        kept = keeps(self.probabilities, keep, threshold, self.labels)
        if "title" not in self.labels:
            return kept
        is_title = self.probabilities.argmax(axis=1) == self.labels.index("title")
        headlines: set[str] = set()
        for row in np.flatnonzero(kept & is_title).tolist():
            text = " ".join(self.text[self.start[row] : self.end[row]].split()).casefold()
            kept[row] = text not in headlines
            headlines.add(text)
        return kept

    def clean(self, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD) -> str:
        """The kept lines, in order, with the paragraph breaks between them.

        There is one blank line between two kept lines if the input had blank lines between
        them. A low threshold favours recall, a high one precision.

        Raises CleaningError for an unknown label or a threshold outside 0 to 1.
        """
        rows = np.flatnonzero(self.kept(keep=keep, threshold=threshold))
        if rows.size == 0:
            return ""
        # there is a blank line between two rows if their line numbers differ by more
        # than their indices
        gaps = np.diff(self.number[rows]) > np.diff(rows)
        breaks = ["\n\n" if gap else "\n" for gap in gaps.tolist()]
        spans = zip(self.start[rows].tolist(), self.end[rows].tolist(), ["", *breaks], strict=True)
        return "".join([lead + self.text[start:end] for start, end, lead in spans])
