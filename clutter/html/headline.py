"""Which lines have the words of the title that a page's head gives.

The head of a page mostly names its headline: as its title, often with the name of the site behind
it, and for the previews of links to it. A line that says the same is hardly ever a teaser or a
menu, wherever it stands. This module compares the lines with what the head says, and gives the
model three numbers a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from turbohtml import Document

from clutter.features import Floats
from clutter.markup import TITLED

_PREVIEWS = {"og:title", "twitter:title"}
_CUT = re.compile(r"\s[-‐-―|·•:/~»›]+\s|\s*\|\s*")
"""Between a headline and the name of the site in one title."""
_HEADLINE = 0.4
"""Without the name of the site, at least this share of the characters of a title is left."""
_MOST_METAS = 200
_LONG = 300
"""Longer titles are not read, and longer lines are no headline."""
_PART = 10
"""A line of fewer characters is not looked for inside of a title."""
_SIMILAR = 0.5


def declared_titles(document: Document) -> list[str]:
    """The titles of a page, as its head gives them: that of its title element, and those for
    previews."""
    titles = [
        element.text for element in document.select("title")[:1] if element.closest("svg") is None
    ]
    for element in document.select("meta")[:_MOST_METAS]:
        name = element.attr("property") or element.attr("name") or ""
        if name.strip().lower() in _PREVIEWS:
            titles.append(element.attr("content") or "")
    return [title for title in dict.fromkeys(map(_folded, titles)) if 0 < len(title) <= _LONG]


def titled(lines: Sequence[str], titles: Sequence[str]) -> Floats:
    """What lines share with the titles of ``declared_titles``: (lines, 3).

    The columns are those of ``markup.TITLED``: 1 if the line is a title, or a title without the
    name of the site; 1 if the line is a part of a title; and the share of words that the line and
    the most similar title have in common (Jaccard index), from ``_SIMILAR`` on.
    """
    found = np.zeros((len(lines), len(TITLED)), np.float32)
    if not titles:
        return found
    whole = {part for title in titles for part in _headlines(title)}
    several = [words for words in map(_words, whole) if len(words) > 2]
    all_words = frozenset[str]().union(*map(_words, titles))
    joined = "\n".join(titles)  # to be searched at once: no line holds a line break
    for row, line in enumerate(lines):
        if len(line) > _LONG:
            continue
        words = line.casefold().split()
        text = " ".join(words)
        is_part = len(text) >= _PART and text in joined
        similarity = 0.0
        if not all_words.isdisjoint(words):
            own = frozenset(words)
            if 2 * len(own & all_words) >= len(own):
                similarity = max((len(own & x) / len(own | x) for x in several), default=0)
        if is_part or similarity >= _SIMILAR or text in whole:
            found[row] = text in whole, is_part, similarity if similarity >= _SIMILAR else 0
    return found


def _headlines(title: str) -> Iterator[str]:
    """A title, and what is left of it without its first or last parts."""
    yield title
    for cut in _CUT.finditer(title):
        for part in (title[: cut.start()], title[cut.end() :]):
            if len(part) >= _HEADLINE * len(title):
                yield part


def _folded(text: str) -> str:
    """A text in lower case, with one blank for each run of white space."""
    return " ".join(text.split()).casefold()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())
