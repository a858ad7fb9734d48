"""How often a line stands on the pages of its site: what a single page cannot tell.

A sentence that a crawl meets on many pages of one site belongs to the site, whatever it
says: an appeal below each article, the blurb of a service, the label of a form. The idea
is that of template detection (Bar-Yossef and Rajagopalan, 2002, "Template detection via
data mining"). A first pass over the crawl counts, for each site, on how many pages each
line stands; the second, which cleans, lowers the odds of ``body`` for lines that stand on
many. What is counted are hashes of 64 bits. They go to disk and are sorted there part by
part, so that memory does not grow with the crawl; processes share what is left of them.

Measured (tests/benchmarks/repetition.py) on 24 sites, all pages seen: 1.32% of the characters
kept or dropped wrongly, where it was 1.72%; four sites better, none worse. Fewer than three
pages of a site have no effect.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clutter import features
from clutter.features import Ints
from clutter.labelled import replacing
from clutter.markup import runs
from clutter.page import LABELS, Page

LONG = 25
"""Characters from which on a line counts: shorter ones, such as the subheads of reviews and
recipes, repeat in articles too."""

PAGES = 3
"""Pages of its site, the line's own among them, that it has to stand on."""

SHARE = 0.2
"""And their share of all pages of the site. An article may stand in a crawl several times; what
belongs to the site stands on many pages."""

DROP = 2.0
"""By how much the logit of body falls then."""

_CUT = 200
"""Characters of a line that are hashed, with its length."""
_PART = 1 << 20
"""Hashes that are sorted together, if that is more than 256 parts of them."""
_MIX = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]


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


def build(part: Path, folder: Path) -> None:
    """Count the keys that stand in a file, and write those that count, with their numbers,
    to a folder. Raises OSError."""
    with replacing(folder / "keys") as keys, replacing(folder / "counts") as counts:
        for some in by_top_bits(part, folder):
            key, count = np.unique(some, return_counts=True)
            often = count >= PAGES
            key[often].tofile(keys)
            count[often].astype(np.uint32).tofile(counts)


def by_top_bits(part: Path, folder: Path) -> Iterator[Keys]:
    """The keys of a file, some at a time: those with the same top bits together, in order, so
    that equal keys come together. ``folder`` is for files on the way. Raises OSError."""
    bits = min(max(part.stat().st_size // 8 // _PART, 1).bit_length(), 8)
    sorted_out = folder / "keys-by-bits"
    sorted_out.mkdir(exist_ok=True)
    files = [open(sorted_out / str(i), "wb") for i in range(1 << bits)]  # noqa: SIM115
    try:
        with open(part, "rb") as source:
            while (some := np.fromfile(source, np.uint64, _PART)).size:
                some.sort()
                cuts = np.searchsorted(some >> np.uint64(64 - bits), np.arange(len(files) + 1))
                for i, file in enumerate(files):
                    some[cuts[i] : cuts[i + 1]].tofile(file)
    finally:
        for file in files:
            file.close()
    for i in range(len(files)):
        yield np.fromfile(sorted_out / str(i), np.uint64)
        (sorted_out / str(i)).unlink()


class Repeats:
    """The counts of a crawl, as ``build`` wrote them; they stay on disk."""

    def __init__(self, folder: Path) -> None:
        files = (folder / "keys", np.uint64), (folder / "counts", np.uint32)
        is_empty = files[0][0].stat().st_size == 0  # which no map can be
        self._keys, self._counts = (
            np.zeros(0, kind) if is_empty else np.memmap(file, kind, "r") for file, kind in files
        )

    def pages(self, keys: Keys) -> Ints:
        """On how many pages each key stands; 0 where on too few."""
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
        keys = _line_keys(features.code_points(page.text), page.start, page.end, site)
        often = self.pages(keys)
        whole = self.pages(_site_key(site))
        found: NDArray[np.bool_] = (keys > 0) & (often >= PAGES) & (often >= SHARE * whole)
        return found

    def weigh(self, page: Page, site: str) -> None:
        """Lower the odds of body for the lines of a page that belong to its site."""
        rows = self.repeating(page, site)
        if rows.any():
            lowered = page.probabilities[rows]
            lowered[:, LABELS.index("body")] *= np.float32(np.exp(-DROP))
            page.probabilities[rows] = lowered / lowered.sum(axis=1, keepdims=True)


def load(folder: str) -> Repeats:
    """The counts in a folder, kept open."""
    stamp = os.stat(os.path.join(folder, "keys"))
    return _load(folder, stamp.st_ino, stamp.st_mtime_ns)


@functools.lru_cache(2)
def _load(folder: str, inode: int, time: int) -> Repeats:
    return Repeats(Path(folder))


def _line_keys(codes: NDArray[np.uint32], start: Ints, end: Ints, site: str) -> Keys:
    """A key for each long line on this site, 0 for short ones."""
    out = np.zeros(start.size, np.uint64)
    long = np.flatnonzero(end - start >= LONG)
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
    codes = features.code_points(site).astype(np.uint64) + np.uint64(1)
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
