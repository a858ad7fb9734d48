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

MARKUP_FEATURE_NAMES = [*COUNTED, *(f"in {tag}" for tag in INSIDE)]
N_MARKUP_FEATURES = len(MARKUP_FEATURE_NAMES)


@dataclass(frozen=True)
class Markup:
    """What the markup says about lines: ``features`` (lines, N_MARKUP_FEATURES), and ``hashes`` of
    the tags and names on each line's path. Line i has ``hashes[first[i]:first[i + 1]]``."""

    features: Floats
    hashes: Ints
    first: Ints

    def take(self, lines: Ints) -> Markup:
        """The markup of the lines with these indices, in this order."""
        counts = np.diff(self.first)[lines]
        first = np.concatenate(([0], np.cumsum(counts)))
        return Markup(self.features[lines], self.hashes[runs(self.first[lines], counts)], first)


def without_hashes(features: Floats) -> Markup:
    """Markup with these features (lines, N_MARKUP_FEATURES) and no hashes."""
    return Markup(features, np.zeros(0, np.int64), np.zeros(len(features) + 1, np.int64))


def runs(starts: Ints, counts: Ints) -> Ints:
    """Runs of consecutive integers, joined: ``counts[i]`` of them from ``starts[i]`` on."""
    ends = np.cumsum(counts)
    place: Ints = np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)
    return place


def joined(parts: list[Markup]) -> Markup:
    """The markup of several pages' lines, one after another."""
    starts = np.cumsum([0] + [part.hashes.size for part in parts])
    first = [part.first[1:] + start for part, start in zip(parts, starts, strict=False)]
    return Markup(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([[0], *first]),
    )
