"""On how many pages of its site a line is: what a single page cannot tell.

A sentence that a crawl meets on many pages of one site belongs to the site, whatever it
says: an appeal below each article, the blurb of a service, the label of a form. The idea
is that of template detection (Bar-Yossef and Rajagopalan, 2002, "Template detection via
data mining"). A first pass over the crawl counts, for each site, on how many pages each
line is; the second, which cleans, lowers the odds of ``body`` for lines that are on
many. What is counted are hashes of 64 bits. They go to disk and are sorted there part by
part (keys.py), so that memory does not grow with the crawl; processes share what is left.

Measured (tests/benchmarks/repetition.py) on 24 sites, all pages seen: 1.32% of the characters
kept or dropped wrongly, where it was 1.72%; four sites better, none worse. Fewer than three
pages of a site have no effect.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clutter import features
from clutter.characters import code_points
from clutter.features import Ints
from clutter.files import replacing
from clutter.keys import Keys, keys_by_top_bits
from clutter.markup import runs
from clutter.page import LABELS, Page

MIN_CHARACTERS = 25
"""Characters from which on a line counts: shorter ones, such as the subheads of reviews and
recipes, repeat in articles too."""

MIN_PAGES = 3
"""Pages of its site, the line's own among them, that it has to be on."""

MIN_SHARE = 0.2
"""And their share of all pages of the site. An article may be in a crawl several times; what
belongs to the site is on many pages."""

DROP = 2.0
"""By how much the logit of body falls then."""

_CUT = 200
"""Characters of a line that are hashed, with its length."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


def page_keys(texts: Sequence[str], sites: Sequence[str]) -> Keys:
    """What pages add to the counts: a key for each page's site, and one for each different long
    line on it. A page without a site ("") adds nothing."""
    pages = features.split(texts)
    found = []
    for i, site in enumerate(sites):
        if site:
            a, b = pages.first[i], pages.first[i + 1]
            start, end = pages.lines.start[a:b], pages.lines.end[a:b]
            keys = _line_keys(pages.lines.codes, start, end, site)
            found.append(np.unique(keys[keys > 0]))
            found.append(_site_key(site))
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def count_keys(part: Path, folder: Path) -> None:
    """Count the keys in a file, and write those that are often enough, with their numbers,
    to a folder. Raises OSError."""
    with replacing(folder / "keys") as keys, replacing(folder / "counts") as counts:
        for some in keys_by_top_bits(part, folder):
            key, count = np.unique(some, return_counts=True)
            often = count >= MIN_PAGES
            key[often].tofile(keys)
            count[often].astype(np.uint32).tofile(counts)


class Repetition:
    """On how many pages of their site lines are, for a whole crawl: what ``count_keys`` wrote,
    which stays on disk."""

    def __init__(self, folder: Path) -> None:
        files = (folder / "keys", np.uint64), (folder / "counts", np.uint32)
        is_empty = files[0][0].stat().st_size == 0  # which no map can be
        self._keys, self._counts = (
            np.zeros(0, kind) if is_empty else np.memmap(file, kind, "r") for file, kind in files
        )

    def pages(self, keys: Keys) -> Ints:
        """On how many pages each key is; 0 where on too few."""
        found = np.zeros(keys.size, np.int64)
        place = np.searchsorted(self._keys, keys)
        inside = np.flatnonzero(place < self._keys.size)
        same = inside[self._keys[place[inside]] == keys[inside]]
        found[same] = self._counts[place[same]]
        return found

    def repeating(self, page: Page, site: str) -> NDArray[np.bool_]:
        """Which lines of a page belong to its site: bool, one entry a line."""
        if not site or not len(page):
            return np.zeros(len(page), bool)
        keys = _line_keys(code_points(page.text), page.start, page.end, site)
        often = self.pages(keys)
        whole = self.pages(_site_key(site))
        found: NDArray[np.bool_] = (keys > 0) & (often >= MIN_PAGES) & (often >= MIN_SHARE * whole)
        return found

    def weigh(self, page: Page, site: str) -> None:
        """Lower the odds of body for the lines of a page that belong to its site."""
        rows = self.repeating(page, site)
        if rows.any():
            lowered = page.probabilities[rows]
            lowered[:, LABELS.index("body")] *= np.float32(np.exp(-DROP))
            page.probabilities[rows] = lowered / lowered.sum(axis=1, keepdims=True)


def load_repetition(folder: str) -> Repetition:
    """The counts in a folder, kept open."""
    stamp = os.stat(os.path.join(folder, "keys"))
    return _load(folder, stamp.st_ino, stamp.st_mtime_ns)


@functools.lru_cache(2)
def _load(folder: str, inode: int, time: int) -> Repetition:
    return Repetition(Path(folder))


def _line_keys(codes: NDArray[np.uint32], start: Ints, end: Ints, site: str) -> Keys:
    """A key for each long line on this site, 0 for short ones."""
    out = np.zeros(start.size, np.uint64)
    long = np.flatnonzero(end - start >= MIN_CHARACTERS)
    if not long.size:
        return out
    size = np.minimum(end[long] - start[long], _CUT)
    first = np.cumsum(size) - size
    position = np.arange(size.sum()) - np.repeat(first, size)
    values = (codes[runs(start[long], size)].astype(np.uint64) + np.uint64(1)) * _powers()[position]
    hashes = np.add.reduceat(values, first)
    with np.errstate(over="ignore"):
        hashes += (end[long] - start[long]).astype(np.uint64) * _MIX
        out[long] = np.maximum(_mixed(_mixed(hashes) ^ _site_key(site)), np.uint64(1))
    return out


def _site_key(site: str) -> Keys:
    codes = code_points(site).astype(np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        powers = _powers()[np.arange(codes.size) % _CUT]
        total: Keys = np.add.reduce(codes * powers, keepdims=True)
        return _mixed(total + _MIX)


def _mixed(hashes: Keys) -> Keys:
    """Each bit of a hash in all others (the finisher of splitmix64, Steele et al., 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


@functools.cache
def _powers() -> Keys:
    with np.errstate(over="ignore"):
        return np.full(_CUT, 0xD6E8FEB86659FD93, np.uint64).cumprod(dtype=np.uint64)
