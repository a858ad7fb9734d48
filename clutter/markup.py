"""What the markup says of lines, as numbers: what html.py finds and the model reads.

It stands apart from html.py so that the model can be loaded without a parser: who has
plain text only needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clutter.features import Floats, Ints

MARK_BITS = 15
"""A hash of a tag, class name, id or link target is one of 2**15 buckets."""

INSIDE = ("a", "article", "aside", "blockquote", "button", "dd", "dt", "figcaption", "figure",
          "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "li", "main", "nav",
          "p", "pre", "section", "table", "td", "th", "ul")  # fmt: skip
"""Elements of which a cue says whether a line is inside one."""

COUNTED = ("link share", "links", "link is all", "bold share", "depth",
           "characters of parent", "link share of parent", "lines of parent",
           "characters of grandparent", "link share of grandparent",
           "lines of grandparent")  # fmt: skip

CUE_NAMES = [*COUNTED, *(f"in {tag}" for tag in INSIDE)]
N_CUES = len(CUE_NAMES)


@dataclass(frozen=True)
class Markup:
    """What the markup says of lines: ``cues`` (lines, N_CUES), and hashes of the tags and names
    on each line's path, those of line i being ``buckets[first[i]:first[i + 1]]``."""

    cues: Floats
    buckets: Ints
    first: Ints

    def take(self, lines: Ints) -> Markup:
        """The markup of some of the lines, in the order given."""
        counts = np.diff(self.first)[lines]
        first = np.concatenate(([0], np.cumsum(counts)))
        return Markup(self.cues[lines], self.buckets[runs(self.first[lines], counts)], first)


def markless(cues: Floats) -> Markup:
    """Markup of lines with these cues and without any hash."""
    return Markup(cues, np.zeros(0, np.int64), np.zeros(len(cues) + 1, np.int64))


def runs(starts: Ints, counts: Ints) -> Ints:
    """The places of runs one after another: ``counts[i]`` of them from ``starts[i]`` on."""
    ends = np.cumsum(counts)
    place: Ints = np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)
    return place


def joined(parts: list[Markup]) -> Markup:
    """The markup of several pages' lines, one after another."""
    starts = np.cumsum([0] + [part.buckets.size for part in parts])
    first = [part.first[1:] + start for part, start in zip(parts, starts, strict=False)]
    return Markup(
        np.concatenate([part.cues for part in parts]),
        np.concatenate([part.buckets for part in parts]),
        np.concatenate([[0], *first]),
    )
