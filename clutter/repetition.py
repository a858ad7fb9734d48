"""How many pages of its site a line is on. A single page does not show this.

A sentence that is on many pages of one site is boilerplate, whatever it says: an appeal below
each article, the description of a service, the label of a form. The method is template
detection (Bar-Yossef and Rajagopalan, 2002, "Template detection via data mining"). A first
pass over the crawl counts, for each site, how many pages each line is on. The second pass,
which cleans, lowers the odds of ``body`` and of main content for lines that are on many pages.
Lines are counted by 64-bit hashes, which are sorted on disk in parts (keys.py): the memory does
not grow with the crawl. The counts of frequent lines remain in files, which all processes share.

Measured (tests/benchmarks/repetition.py) on 24 sites, with all pages in the counts: 1.32% of
the characters are kept or dropped wrongly, without counts 1.72%; four sites are better, none
is worse. Fewer than three pages of a site have no effect.
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
"""Shorter lines are not counted: some, such as the subheads of reviews and recipes, are repeated
in articles too."""

MIN_PAGES = 3
"""A line has no effect if it is on fewer pages of its site, its own page included."""

MIN_SHARE = 0.2
"""The same for the share of all pages of the site: a crawl may contain an article several times,
but boilerplate is on many pages."""

DROP = 2.0
"""The logits of body and of main content are lowered by this for a line that is on enough pages."""

_CUT = 200
"""Only this many characters of a line, and its length, are hashed."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


def page_keys(texts: Sequence[str], sites: Sequence[str]) -> Keys:
    """The keys to count for some pages: one for the site of each page, and one for each distinct
    long line on it. A page without a site ("") has no keys."""
    pages = features.split(texts)
    all_keys = []
    for i, site in enumerate(sites):
        if site:
            a, b = pages.first[i], pages.first[i + 1]
            start, end = pages.lines.start[a:b], pages.lines.end[a:b]
            keys = _line_keys(pages.lines.codes, start, end, site)
            all_keys.append(np.unique(keys[keys > 0]))
            all_keys.append(_site_key(site))
    return np.concatenate(all_keys) if all_keys else np.zeros(0, np.uint64)


def count_keys(part: Path, folder: Path) -> None:
    """Count the keys in the file ``part``, and write those that occur at least ``MIN_PAGES`` times
    to the files ``keys`` and ``counts`` in ``folder``. Raises OSError."""
    with replacing(folder / "keys") as keys, replacing(folder / "counts") as counts:
        for some_keys in keys_by_top_bits(part, folder):
            key, count = np.unique(some_keys, return_counts=True)
            is_frequent = count >= MIN_PAGES
            key[is_frequent].tofile(keys)
            count[is_frequent].astype(np.uint32).tofile(counts)


class Repetition:
    """How many pages of their site lines are on, for a whole crawl.

    It reads the files of ``count_keys`` in ``folder`` as memory maps. Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        files = (folder / "keys", np.uint64), (folder / "counts", np.uint32)
        is_empty = files[0][0].stat().st_size == 0  # a memory map cannot be empty
        self._keys, self._counts = (
            np.zeros(0, kind) if is_empty else np.memmap(file, kind, "r") for file, kind in files
        )

    def pages(self, keys: Keys) -> Ints:
        """How many pages each key is on, or 0 if fewer than ``MIN_PAGES``: one entry per key."""
        page_counts = np.zeros(keys.size, np.int64)
        place = np.searchsorted(self._keys, keys)
        inside = np.flatnonzero(place < self._keys.size)
        same = inside[self._keys[place[inside]] == keys[inside]]
        page_counts[same] = self._counts[place[same]]
        return page_counts

    def repeating(self, page: Page, site: str) -> NDArray[np.bool_]:
        """Which lines are on so many pages of the site that they are boilerplate: bool, one entry
        per non-blank line."""
        if not site or not len(page):
            return np.zeros(len(page), bool)
        keys = _line_keys(code_points(page.text), page.start, page.end, site)
        pages = self.pages(keys)
        all_pages = self.pages(_site_key(site))
        is_repeating: NDArray[np.bool_] = (
            (keys > 0) & (pages >= MIN_PAGES) & (pages >= MIN_SHARE * all_pages)
        )
        return is_repeating

    def weigh(self, page: Page, site: str) -> None:
        """Lower the odds of body and of main content for the ``repeating`` lines of a page; changes
        the page."""
        rows = self.repeating(page, site) & (page.unit == 0)  # code and tables stay whole
        if rows.any():
            page.boilerplate[rows] = True
            lowered = page.probabilities[rows]
            lowered[:, LABELS.index("body")] *= np.float32(np.exp(-DROP))
            page.probabilities[rows] = lowered / lowered.sum(axis=1, keepdims=True)
            main = page.main[rows] * np.float32(np.exp(-DROP))
            page.main[rows] = main / (main + 1 - page.main[rows])


def load_repetition(folder: str) -> Repetition:
    """The counts in a folder, kept in memory for the next call. Raises OSError."""
    stamp = os.stat(os.path.join(folder, "keys"))
    return _load(folder, stamp.st_ino, stamp.st_mtime_ns)


@functools.lru_cache(2)
def _load(folder: str, inode: int, time: int) -> Repetition:
    return Repetition(Path(folder))


def _line_keys(codes: NDArray[np.uint32], start: Ints, end: Ints, site: str) -> Keys:
    """A key for each line on this site; 0 for short lines."""
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
    """Mix hashes: each bit affects all others (end of splitmix64, Steele et al., 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


@functools.cache
def _powers() -> Keys:
    with np.errstate(over="ignore"):
        return np.full(_CUT, 0xD6E8FEB86659FD93, np.uint64).cumprod(dtype=np.uint64)
