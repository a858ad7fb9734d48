"""What to read next, and what has been gained so far.

A page teaches most if the model is uncertain of many of its lines (uncertainty sampling, Lewis and
Gale, 1994), and if no page that was read holds these lines already: a menu that stands on every
page teaches once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from clutter.annotate.files import AnnotatedPage
from clutter.text import plural

NEW_KIND = 1.5
"""How much more a page counts if no page of its kind was read."""


class Advice(NamedTuple):
    """The number of the page to read next, and why, in one line."""

    page: int
    reason: str


def next_page(pages: Sequence[AnnotatedPage]) -> Advice | None:
    """The page that teaches most of those that nobody has read; None if all are read."""
    known = {page.keys[row] for page in pages if page.is_read for row in page.rows}
    kinds = {page.shown_kind for page in pages if page.is_read}
    best: tuple[float, Advice] | None = None
    for number, page in enumerate(pages):
        if page.is_read:
            continue
        new = {page.keys[row]: row for row in page.left}
        rows = [row for key, row in new.items() if key not in known]
        worth = sum(1 - page.guess[row][1] for row in rows)
        is_new_kind = bool(kinds) and page.shown_kind not in kinds
        if is_new_kind:
            worth *= NEW_KIND
        if best is None or worth > best[0]:
            best = worth, Advice(number, _reason(page, len(rows), bool(known), is_new_kind))
    return None if best is None else best[1]


def curve(pages: Sequence[AnnotatedPage]) -> list[dict[str, Any]]:
    """The pages in the order in which they were read: ``page`` (its name), ``lines``, and
    ``corrected``, how many of the lines the model had guessed wrongly before."""
    read = [page for page in pages if page.is_read and page.head.get("corrected", "").isdecimal()]
    read.sort(key=lambda page: (page.head.get("read-at", ""), page.name))
    return [
        {"page": page.name, "lines": len(page.rows), "corrected": int(page.head["corrected"])}
        for page in read
    ]


def _reason(page: AnnotatedPage, new: int, has_known: bool, is_new_kind: bool) -> str:
    said = [plural(len(page.doubtful), "doubtful line")]
    if has_known:
        said.append(f"{plural(new, 'line')} that no page read so far has")
    if is_new_kind:
        said.append(f"the first page of the kind {page.shown_kind}")
    return ", ".join(said)
