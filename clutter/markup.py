"""What the markup says about lines, as numbers. The html package makes them, the model reads
them.

This module is not in the html package, because plain text can be labelled without an HTML
parser: so the model must load without one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clutter.features import Floats, Ints

MARKUP_HASH_BITS = 15
"""Hashes of tags, class names, ids and link targets are numbers below 2**15."""

INSIDE = ("a", "article", "aside", "blockquote", "button", "dd", "dt", "figcaption", "figure",
          "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "li", "main", "nav",
          "p", "pre", "section", "table", "td", "th", "ul")  # fmt: skip
"""For each of these elements, a feature says whether a line is inside one."""

COUNTED = ("link share", "links", "link is all", "bold share", "depth",
           "characters of parent", "link share of parent", "lines of parent",
           "characters of grandparent", "link share of grandparent",
           "lines of grandparent")  # fmt: skip

NAMED = {
    "comment": "comment comments commenter commenters commentlist discussion disqus replies reply",
    "terms": "conditions disclaimer guidelines rule rules terms",
    "dialog": "dialog lightbox modal overlay popover popup",
    "newsletter": "newsletter newsletters signup subscribe subscription",
    "related": "recommend recommendation recommendations recommended related",
    "cookie": "ccpa consent cookie cookies gdpr",
    "share": "share sharing social",
    "sidebar": "sidebar widget widgets",
    "footer": "footer",
    "menu": "menu menus nav navbar navigation",
}
"""For each of these kinds of containers, a feature says whether a line is inside a block (not body
or html) with one of these words in its class or id."""

TITLED = ("is a title", "part of a title", "words of a title")
"""What a line shares with the titles in the page's head: html/headline.py."""

MARKUP_FEATURE_NAMES = [
    *COUNTED,
    *(f"in {tag}" for tag in INSIDE),
    "hidden",
    *(f"named {name}" for name in NAMED),
    *TITLED,
]
N_MARKUP_FEATURES = len(MARKUP_FEATURE_NAMES)


@dataclass(frozen=True)
class Markup:
    """What the markup says about lines: ``features`` (lines, N_MARKUP_FEATURES); ``hashes`` of the
    tags and names on each line's path: line i has ``hashes[first[i]:first[i + 1]]``; ``group``
    (lines,): lines of a page in elements of the same tags and classes have the same number, any
    one from 0 on, and a line of which nothing is known has a number of its own; ``unit`` (lines,):
    lines with the same number above 0 belong to one code block or one data table."""

    features: Floats
    hashes: Ints
    first: Ints
    group: Ints
    unit: Ints

    def take(self, lines: Ints) -> Markup:
        """The markup of the lines with these indices, in this order."""
        counts = np.diff(self.first)[lines]
        first = np.concatenate(([0], np.cumsum(counts)))
        hashes = self.hashes[runs(self.first[lines], counts)]
        return Markup(self.features[lines], hashes, first, self.group[lines], self.unit[lines])


def without_hashes(features: Floats) -> Markup:
    """Markup with these features (lines, N_MARKUP_FEATURES), no hashes, and no groups or units of
    several lines."""
    count = len(features)
    no_hashes, none = np.zeros(0, np.int64), np.zeros(count + 1, np.int64)
    return Markup(features, no_hashes, none, np.arange(count), none[:count])


def runs(starts: Ints, counts: Ints) -> Ints:
    """Runs of consecutive integers, joined: ``counts[i]`` of them from ``starts[i]`` on."""
    ends = np.cumsum(counts)
    place: Ints = np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)
    return place


def joined(parts: list[Markup]) -> Markup:
    """The markup of several pages' lines, one after another. The groups and units of each page
    get numbers above those of the pages before it."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0] + [part.hashes.size for part in parts])
    first = [part.first[1:] + start for part, start in zip(parts, starts, strict=False)]
    groups = np.cumsum([0] + [part.group.max(initial=-1) + 1 for part in parts])
    group = [part.group + start for part, start in zip(parts, groups, strict=False)]
    units = np.cumsum([0] + [part.unit.max(initial=0) for part in parts])
    unit = [
        np.where(part.unit > 0, part.unit + before, 0)
        for part, before in zip(parts, units, strict=False)
    ]
    return Markup(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([[0], *first]),
        np.concatenate(group),
        np.concatenate(unit),
    )
