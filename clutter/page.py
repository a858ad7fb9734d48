"""The result for one page: its lines with their labels, and the clean text.

A :class:`Page` keeps the input text and gives the label of every non-blank line, the model's
confidence and the probability that the line is main content, and the kind of the page. No text is
rewritten: a line has exactly the characters of the input, and the clean text consists of whole
lines.
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

KINDS = ("article", "forum", "product", "listing", "documentation", "service", "other")
"""The kinds of pages. README.md and labelled/README.md explain them."""

ARTICLE = ("title", "body")
"""The labels of an article."""

MAIN = "main"
"""In place of a label: the lines that the page is there for, whatever their label."""

KEPT = (MAIN,)
"""What the clean text holds by default."""

THRESHOLD = 0.5
"""A line is kept if the sum of the probabilities of the kept labels is at least this."""


REPEATED = 80
"""A line of so many characters or more is kept once if the page repeats it: it is the same
paragraph in another part of the page, such as a preview or a copy for printing."""


FEEBLE, NEAR_BEST = 0.15, 0.6
"""If no line of an article or of a page of the kind service reaches the threshold, or only its
headline, those with this share of the highest probability are kept, if that is at least ``FEEBLE``.
Chosen on dev sites."""


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """The message for a name of a label or kind (``what``) that does not exist: it has the most
    similar name, and all that there are."""
    import difflib  # only needed for this message

    near = difflib.get_close_matches(name.strip().lower(), known, 1, 0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown {what} {name[:40]!r}{hint}; there are {', '.join(known)}"


def keeps(
    probabilities: NDArray[np.floating[Any]],
    main: NDArray[np.floating[Any]],
    keep: Collection[str] = KEPT,
    threshold: float = THRESHOLD,
    labels: Sequence[str] = LABELS,
) -> NDArray[np.bool_]:
    """Which lines to keep: bool, one entry for each row of ``probabilities`` (lines, labels) and of
    ``main`` (lines,), the probability of being main content.

    A line is kept if the sum of the probabilities of the kept labels is at least the threshold,
    or, with ``MAIN`` among ``keep``, if that of being main content is.

    Raises CleaningError for an unknown label or a threshold outside 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise CleaningError(f"threshold: a number from 0 to 1, not {threshold}")
    # with threshold 1, rounding errors must not drop a line that is certain
    kept: NDArray[np.bool_] = _scores(probabilities, main, keep, labels) >= threshold - 1e-6
    return kept


def _scores(
    probabilities: NDArray[np.floating[Any]],
    main: NDArray[np.floating[Any]],
    keep: Collection[str],
    labels: Sequence[str],
) -> NDArray[np.floating[Any]]:
    """What is compared with the threshold: one entry for each line; -1 if nothing is to be kept.
    Raises CleaningError for an unknown label."""
    if isinstance(keep, str):
        keep = (keep,)
    known = (*labels, MAIN)
    for label in keep:
        if label not in known:
            raise CleaningError(unknown("label", label, known))
    columns = [labels.index(label) for label in dict.fromkeys(keep) if label != MAIN]
    scores = np.full(len(probabilities), -1, probabilities.dtype)
    if columns:
        scores = probabilities[:, columns].sum(axis=1)
    return np.maximum(scores, main) if MAIN in keep else scores


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
    to 1, and a column for every label in ``labels``. ``main`` (lines,) float32 is the probability
    of each line that the page is there for it. ``kinds`` (kinds,) float32 are the probabilities of
    the kinds of pages in ``KINDS``. ``unit`` (lines,) is that of ``markup.Markup``, and
    ``boilerplate`` (lines,) bool says which lines were found on many pages of their site.
    ``number``, ``start`` and ``end`` (int64, one entry per
    non-blank line) are the line's 1-based number in ``text``, the position of its first
    character, and the position after its last.
    """

    __slots__ = (
        "__dict__", "boilerplate", "end", "kinds", "labels", "main", "number", "probabilities",
        "start", "text", "unit",
    )  # fmt: skip

    def __init__(
        self,
        text: str,
        number: NDArray[np.int64],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        probabilities: NDArray[np.float32],
        main: NDArray[np.float32],
        kinds: NDArray[np.float32],
        labels: tuple[str, ...] = LABELS,
        unit: NDArray[np.int64] | None = None,
    ) -> None:
        self.text = text
        self.number = number
        self.start = start
        self.end = end
        self.probabilities = probabilities
        self.main = main
        self.kinds = kinds
        self.labels = labels
        self.unit = np.zeros(len(start), np.int64) if unit is None else unit
        self.boilerplate = np.zeros(len(start), bool)

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
    def kind(self) -> str:
        """The kind of the page, one of ``KINDS``."""
        return KINDS[int(self.kinds.argmax())]

    @property
    def kind_confidence(self) -> float:
        """The probability of ``kind``, from 0 to 1."""
        return float(self.kinds.max())

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

    @property
    def _is_one_text(self) -> bool:
        return len(self) > 0 and self.kind in ("article", "service")

    def kept(
        self, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD
    ) -> NDArray[np.bool_]:
        """Which lines belong to the clean text: bool, one entry per non-blank line.

        These are the lines that ``keeps`` selects, but what the page repeats is kept only once: a
        headline, in upper or lower case, and a line of ``REPEATED`` characters or more. If that is
        nothing of an article or of a page of an organisation but its headline, its best lines are
        kept, unless the threshold asks for certainty.

        Raises CleaningError for an unknown label or a threshold outside 0 to 1.
        """
        kept = keeps(self.probabilities, self.main, keep, threshold, self.labels)
        is_title = np.zeros(len(self), bool)
        if "title" in self.labels:
            is_title = self.probabilities.argmax(axis=1) == self.labels.index("title")
        is_asked_for = MAIN in keep or "body" in keep
        has_text = bool((kept & ~is_title).any())
        if not has_text and is_asked_for and threshold <= THRESHOLD and self._is_one_text:
            scores = _scores(self.probabilities, self.main, keep, self.labels)
            scores = np.where(self.boilerplate | (kept & is_title), 0, scores)
            if scores.max() >= FEEBLE:
                kept |= scores >= NEAR_BEST * scores.max()
        size = self.end - self.start
        # code or a table without one of its lines would be wrong
        is_long = (size >= REPEATED) & (self.unit == 0)
        seen: set[str] = set()
        for row in np.flatnonzero(kept & (is_title | is_long)).tolist():
            text = " ".join(self.text[self.start[row] : self.end[row]].split())
            if is_title[row]:
                text = text.casefold()
            kept[row] = text not in seen
            seen.add(text)
        return kept

    def clean(self, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD) -> str:
        """The kept lines, in order, with the paragraph breaks between them.

        There is one blank line between two kept lines if the input had blank lines between
        them. A low threshold favours recall, a high one precision.

        Raises CleaningError for an unknown label or a threshold outside 0 to 1.
        """
        return self.text_of(self.kept(keep=keep, threshold=threshold))

    def text_of(self, kept: NDArray[np.bool_]) -> str:
        """The lines that ``kept`` selects, one entry per non-blank line, with the paragraph breaks
        between them."""
        rows = np.flatnonzero(kept)
        if rows.size == 0:
            return ""
        # there is a blank line between two rows if their line numbers differ by more
        # than their indices
        gaps = np.diff(self.number[rows]) > np.diff(rows)
        breaks = ["\n\n" if gap else "\n" for gap in gaps.tolist()]
        spans = zip(self.start[rows].tolist(), self.end[rows].tolist(), ["", *breaks], strict=True)
        return "".join([lead + self.text[start:end] for start, end, lead in spans])
