"""What the markup says about each line: numbers, and hashes of names.

The walk (walk.py) records for each line the elements around it and in it, and how much of
the line is link or bold. This module turns these records into the model's input: features such
as the share of links, the depth and the size of the block around the line; and hashes of the
tags, class names, ids and link targets, where the hash also depends on the distance of the
element from the line. The code is numpy on all lines together.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Collection, Sequence

import numpy as np

from clutter.features import Ints
from clutter.html.walk import Names, WalkedLine
from clutter.markup import COUNTED, INSIDE, MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup, runs

_WORD = re.compile(r"[^\W\d_]{2,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DISTANCE = (0, 1, 2, 3, 3, 4, 4, 5, 5, 5)
"""The distance class of an element around a line, from the innermost; far ones share a class."""
_WITHIN, _TARGET = 6, 7
"""The distance classes of elements within the line, and of the target of its link."""
_CACHED = 1 << 13
_LONG = 500
"""The names of elements with more characters than this are not cached: some have megabytes."""
_USED = 105
"""Only so many characters of the target of a link are used. The others are cut off before it is
cached: targets that begin with "data:" have megabytes."""
_MIX = np.uint64(0xD6E8FEB86659FD93)


def describe(lines: Sequence[WalkedLine], elements: Collection[Names]) -> Markup:
    """What the markup says about lines, in their order. ``elements`` are the names of all kinds of
    elements on the page; lines refer to them by their index."""
    count = len(lines)
    columns = [(x.size, x.link, x.bold, x.links, x.depth, x.inside, *x.family) for x in lines]
    table = np.array(columns, np.int64).reshape(count, 8)
    size, link, bold, links, depth, inside = table.T[:6]
    features = np.zeros((count, N_MARKUP_FEATURES), np.float32)
    features[:, 0] = link / np.maximum(size, 1)
    features[:, 1] = np.log1p(links)
    features[:, 2] = features[:, 0] > 0.9
    features[:, 3] = bold / np.maximum(size, 1)
    features[:, 4] = np.minimum(depth, 40) / 20
    for first, family in ((5, table[:, 6]), (8, table[:, 7])):
        block_size, block_link = np.bincount(family, size, 1), np.bincount(family, link, 1)
        characters = block_size[family]
        features[:, first] = np.log1p(characters) / 5
        features[:, first + 1] = block_link[family] / np.maximum(characters, 1)
        features[:, first + 2] = np.log1p(np.bincount(family)[family]) / 3
    features[:, len(COUNTED) :] = inside[:, None] >> np.arange(len(INSIDE)) & 1
    return Markup(features, *_hashes(lines, elements))


def spread(markup: Markup, rows: Ints) -> Markup:
    """Markup for all lines of a text, including blank ones. ``rows`` (one entry per line) is the
    line's index in ``markup``, in increasing order, or -1 for a blank line."""
    filled = rows >= 0
    features = np.zeros((rows.size, N_MARKUP_FEATURES), np.float32)
    features[filled] = markup.features
    counts = np.zeros(rows.size, np.int64)
    counts[filled] = np.diff(markup.first)
    return Markup(features, markup.hashes, np.concatenate(([0], np.cumsum(counts))))


def _hashes(lines: Sequence[WalkedLine], elements: Collection[Names]) -> tuple[Ints, Ints]:
    """Hashes of the tags and names on the path of each line, which also depend on the distance,
    and of the target of its first link: ``hashes`` and ``first`` of ``Markup``."""
    words = [_element_hashes(names) for names in elements]
    words += [_target_hashes(line.target[:_USED]) for line in lines]
    targets = len(elements)
    # for each line: the elements around it, innermost first, those within it, and its target
    numbers: list[int] = []
    distances: list[int] = []
    counts: list[int] = []
    for i, line in enumerate(lines):
        numbers += [*line.path[::-1], *line.within, targets + i]
        distances += [*_DISTANCE[: len(line.path)], *[_WITHIN] * len(line.within), _TARGET]
        counts.append(len(line.path) + len(line.within) + 1)
    if not counts:
        return np.zeros(0, np.int64), np.zeros(1, np.int64)
    sizes = np.array([len(hashes) for hashes in words], np.int64)
    flat = np.array([word for hashes in words for word in hashes], np.uint64)
    begin = np.cumsum(sizes) - sizes
    number = np.array(numbers, np.int64)
    repeat = sizes[number]
    place = runs(begin[number], repeat)
    salt = np.repeat(np.array(distances, np.uint64), repeat)
    with np.errstate(over="ignore"):
        mixed = (flat[place] ^ (salt * np.uint64(0x9E3779B97F4A7C15))) * _MIX
    buckets = (mixed >> np.uint64(64 - MARKUP_HASH_BITS)).astype(np.int64)
    first = np.concatenate(([0], np.cumsum(repeat)[np.cumsum(counts) - 1]))
    return buckets, first


def _element_hashes(element: Names) -> tuple[int, ...]:
    """Hashes of an element's tag and of the words of its class, id, role and so on."""
    if sum([len(name) for name in element if name]) > _LONG:
        return _hashes_of_names(element)
    return _cached_hashes(element)


def _hashes_of_names(element: Names) -> tuple[int, ...]:
    tag, *names = element
    words = [f"<{tag}"]
    for sort, name in enumerate(names):
        if name:
            words += [f"{sort}{word}" for word in _words(name)]
    return tuple(zlib.crc32(word.encode("utf-8", "replace")) * 0x100000001 for word in words[:12])


_cached_hashes = functools.lru_cache(_CACHED)(_hashes_of_names)


@functools.lru_cache(_CACHED)
def _target_hashes(target: str) -> tuple[int, ...]:
    """Hashes of the words in the URL of a link."""
    if not target:
        return ()
    start = "#" if target.startswith("#") else "//" if "//" in target[:8] else "/"
    target = target.removeprefix("https").removeprefix("http")
    words = [f">{start}", *(f">{word}" for word in _words(target[:100]))]
    return tuple(zlib.crc32(word.encode("utf-8", "replace")) * 0x100000001 for word in words[:8])


def _words(name: str) -> list[str]:
    return [word.lower()[:20] for word in _WORD.findall(_HUMP.sub("-", name))]
