"""What the markup says about each line: numbers, and hashes of names.

The walk (walk.py) records for each line the elements around it and in it, and how much of
the line is link or bold. This module turns these records into the model's input: features such
as the share of links, the depth and the size of the block around the line; hashes of the
tags, class names, ids and link targets, where the hash also depends on the distance of the
element from the line; and groups of lines that stand in the same kinds of elements.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

from clutter.features import Ints
from clutter.html.headline import titled
from clutter.html.names import Kind, Names, kind_of, target_hashes
from clutter.html.walk import BLOCKS, NEAR, WalkedLine
from clutter.markup import (
    COUNTED,
    INSIDE,
    MARKUP_HASH_BITS,
    N_MARKUP_FEATURES,
    NAMED,
    TITLED,
    Markup,
    runs,
)

_DISTANCE = (0, 1, 2, 3, 3, 4, 4, 5, 5, 5)
"""The distance class of an element around a line, from the innermost; far ones share a class."""
_WITHIN, _TARGET = 6, 7
"""The distance classes of inline elements in the line's block, and of the target of its link."""
_BIT = {tag: 1 << i for i, tag in enumerate(INSIDE)}
_HIDDEN = 1 << len(INSIDE)
_N_BITS = len(INSIDE) + 1 + len(NAMED)
"""The bits of the features behind ``COUNTED``: inside of these elements, in a hidden part, and then
those of named containers."""
_MIX = np.uint64(0xD6E8FEB86659FD93)

Value = TypeVar("Value", bound=Hashable)


def describe(
    lines: Sequence[WalkedLine], elements: Sequence[Names], titles: Sequence[str]
) -> Markup:
    """What the markup says about lines, in their order. ``elements`` are the names of all kinds of
    elements on the page; lines refer to them by their index. ``titles`` are those in its head."""
    count = len(lines)
    columns = [(x.size, x.link, x.bold, x.links, x.depth, *x.family, x.unit) for x in lines]
    table = np.array(columns, np.int64).reshape(count, 8)
    size, link, bold, links, depth = table.T[:5]
    features = np.zeros((count, N_MARKUP_FEATURES), np.float32)
    features[:, 0] = link / np.maximum(size, 1)
    features[:, 1] = np.log1p(links)
    features[:, 2] = features[:, 0] > 0.9
    features[:, 3] = bold / np.maximum(size, 1)
    features[:, 4] = np.minimum(depth, 40) / 20
    for first, family in ((5, table[:, 5]), (8, table[:, 6])):
        block_size, block_link = np.bincount(family, size, 1), np.bincount(family, link, 1)
        characters = block_size[family]
        features[:, first] = np.log1p(characters) / 5
        features[:, first + 1] = block_link[family] / np.maximum(characters, 1)
        features[:, first + 2] = np.log1p(np.bincount(family)[family]) / 3
    # lines often stand in the same elements: each path of elements is looked at once
    paths, of_path = _distinct([line.path for line in lines])
    withins, of_within = _distinct([line.within for line in lines])
    targets, of_target = _distinct([line.target for line in lines])
    kinds = list(map(kind_of, elements))
    bits = [_bits(names, kind) for names, kind in zip(elements, kinds, strict=True)]
    inside = np.array([_around(path, bits) for path in paths], np.int64)[of_path]
    inside |= np.array([_around(within, bits) & _HIDDEN for within in withins], np.int64)[of_within]
    inside |= (features[:, 2] > 0) * _BIT["a"]  # also if no block is inside the link
    of_bits = slice(len(COUNTED), len(COUNTED) + _N_BITS)
    features[:, of_bits] = inside[:, None] >> np.arange(_N_BITS) & 1
    features[:, -len(TITLED) :] = titled([line.text for line in lines], titles)
    pieces = np.stack((of_path, len(paths) + of_within, len(paths) + len(withins) + of_target), 1)
    hashes, begin = _hashes(paths, withins, targets, pieces, kinds)
    return Markup(features, hashes, begin, _groups(paths, kinds)[of_path], table[:, 7])


def spread(markup: Markup, rows: Ints) -> Markup:
    """Markup for all lines of a text, including blank ones. ``rows`` (one entry per line) is the
    line's index in ``markup``, in increasing order, or -1 for a blank line."""
    filled = rows >= 0
    features = np.zeros((rows.size, N_MARKUP_FEATURES), np.float32)
    features[filled] = markup.features
    counts = np.zeros(rows.size, np.int64)
    counts[filled] = np.diff(markup.first)
    group = markup.group.max(initial=-1) + 1 + np.arange(rows.size)
    unit = np.zeros(rows.size, np.int64)
    group[filled] = markup.group
    unit[filled] = markup.unit
    first = np.concatenate(([0], np.cumsum(counts)))
    return Markup(features, markup.hashes, first, group, unit)


def _distinct(values: Sequence[Value]) -> tuple[list[Value], Ints]:
    """The values without repetitions, and the index in them of each value."""
    numbers: dict[Value, int] = {}
    index = [numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), np.array(index, np.int64)


def _around(path: tuple[int, ...], bits: Sequence[int]) -> int:
    """The bits of all elements of a path together."""
    around = 0
    for number in path:
        around |= bits[number]
    return around


def _groups(paths: Sequence[tuple[int, ...]], kinds: Sequence[Kind]) -> Ints:
    """The number of the group of the lines with each path: lines whose nearest elements have the
    same tags and words of classes are one group."""
    looks = [hashes[:count] for hashes, count, _ in kinds]
    return _distinct([tuple([looks[number] for number in path[-NEAR:]]) for path in paths])[1]


def _bits(names: Names, kind: Kind) -> int:
    """The bits of what a line in an element is inside, as far as the element itself says it."""
    tag = names[0] or ""
    bits = _BIT.get(tag, 0)
    if names[6:]:  # it has the name HIDDEN
        bits |= _HIDDEN
    if kind[2] and tag in BLOCKS and tag not in ("body", "html"):
        bits |= kind[2] * _HIDDEN << 1
    return bits


def _hashes(
    paths: Sequence[tuple[int, ...]],
    withins: Sequence[tuple[int, ...]],
    targets: Sequence[str],
    pieces: Ints,
    kinds: Sequence[Kind],
) -> tuple[Ints, Ints]:
    """Hashes of the tags and names on the path of each line, which also depend on the distance,
    and of the target of its first link: ``hashes`` and ``first`` of ``Markup``.

    ``pieces`` (lines, 3) says of what a line's hashes are made: the indices of its path, of the
    elements within it, and of its target, in ``paths``, ``withins`` and ``targets`` together.
    """
    words = [hashes for hashes, _, _ in kinds]
    words += map(target_hashes, targets)
    numbers: list[int] = []
    distances: list[int] = []
    counts: list[int] = []
    for path in paths:
        near = path[: -NEAR - 1 : -1]  # innermost first
        numbers += near
        distances += _DISTANCE[: len(near)]
        counts.append(len(near))
    for within in withins:
        numbers += within
        distances += [_WITHIN] * len(within)
        counts.append(len(within))
    numbers += range(len(kinds), len(words))
    distances += [_TARGET] * len(targets)
    counts += [1] * len(targets)
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
    # the hashes of a piece are those of its elements, those of a line are those of its pieces
    bounds = _from_zero(repeat)[_from_zero(np.array(counts, np.int64))]
    size = np.diff(bounds)[pieces]
    hashes = buckets[runs(bounds[pieces].ravel(), size.ravel())]
    return hashes, _from_zero(size.sum(axis=1))


def _from_zero(counts: Ints) -> Ints:
    """Where each of some runs begins, and where the last one ends."""
    return np.concatenate(([0], np.cumsum(counts)))
