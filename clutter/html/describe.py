"""What the markup says about each line: numbers, and hashes of names.

The walk (walk.py) records for each line the elements around it and in it, and how much of
the line is link or bold. This module turns these records into the model's input: features such
as the share of links, the depth and the size of the block around the line; hashes of the
tags, class names, ids and link targets, where the hash also depends on the distance of the
element from the line; and groups of lines that stand in the same kinds of elements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clutter.features import Ints
from clutter.html.names import Kind, Names, kind_of, target_hashes
from clutter.html.walk import BLOCKS, NEAR, WalkedLine
from clutter.markup import COUNTED, INSIDE, MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup, runs

_DISTANCE = (0, 1, 2, 3, 3, 4, 4, 5, 5, 5)
"""The distance class of an element around a line, from the innermost; far ones share a class."""
_WITHIN, _TARGET = 6, 7
"""The distance classes of inline elements in the line's block, and of the target of its link."""
_BIT = {tag: 1 << i for i, tag in enumerate(INSIDE)}
_HIDDEN = 1 << len(INSIDE)
"""The bits of the features behind ``COUNTED``: inside of these elements, in a hidden part, and then
those of named containers."""
_UNUSED: Kind = ((), 0, 0)
_MIX = np.uint64(0xD6E8FEB86659FD93)


def describe(lines: Sequence[WalkedLine], elements: Sequence[Names]) -> Markup:
    """What the markup says about lines, in their order. ``elements`` are the names of all kinds of
    elements on the page; lines refer to them by their index."""
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
    used: set[int] = set()
    for line in lines:
        used.update(line.path, line.within)
    kinds = [kind_of(names) if i in used else _UNUSED for i, names in enumerate(elements)]
    inside, group = _paths(lines, elements, kinds)
    inside = inside | (features[:, 2] > 0) * _BIT["a"]  # also if no block is inside the link
    features[:, len(COUNTED) :] = inside[:, None] >> np.arange(N_MARKUP_FEATURES - len(COUNTED)) & 1
    return Markup(features, *_hashes(lines, kinds), group, table[:, 7])


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


def _paths(
    lines: Sequence[WalkedLine], elements: Sequence[Names], kinds: Sequence[Kind]
) -> tuple[Ints, Ints]:
    """For each line the bits of what it is inside, one for each feature behind ``COUNTED``; and
    the number of its group: lines whose nearest elements have the same tags and words of classes
    are one group."""
    bits = [_bits(names, kind) for names, kind in zip(elements, kinds, strict=True)]
    of_path: dict[tuple[int, ...], tuple[int, int]] = {}
    of_looks: dict[tuple[tuple[int, ...], ...], int] = {}
    found = []
    for line in lines:
        known = of_path.get(line.path)
        if known is None:
            around = 0
            for number in line.path:
                around |= bits[number]
            near = [kinds[number] for number in line.path[-NEAR:]]
            looks = tuple([hashes[:count] for hashes, count, _ in near])
            known = of_path[line.path] = around, of_looks.setdefault(looks, len(of_looks))
        found.append(known)
    inside, group = np.array(found, np.int64).reshape(-1, 2).T
    hidden = {number for number, bit in enumerate(bits) if bit & _HIDDEN}
    if hidden:
        parts = [not hidden.isdisjoint(line.within) for line in lines]
        inside = inside | np.array(parts, np.int64) * _HIDDEN
    return inside, group


def _bits(names: Names, kind: Kind) -> int:
    """The bits of what a line in an element is inside, as far as the element itself says it."""
    tag = names[0] or ""
    bits = _BIT.get(tag, 0)
    if names[6:]:  # it has the name HIDDEN
        bits |= _HIDDEN
    if kind[2] and tag in BLOCKS and tag not in ("body", "html"):
        bits |= kind[2] * _HIDDEN << 1
    return bits


def _hashes(lines: Sequence[WalkedLine], kinds: Sequence[Kind]) -> tuple[Ints, Ints]:
    """Hashes of the tags and names on the path of each line, which also depend on the distance,
    and of the target of its first link: ``hashes`` and ``first`` of ``Markup``."""
    words = [hashes for hashes, _, _ in kinds]
    words += [target_hashes(line.target) for line in lines]
    targets = len(kinds)
    # for each line: the elements around it, innermost first, those within it, and its target
    numbers: list[int] = []
    distances: list[int] = []
    counts: list[int] = []
    for i, line in enumerate(lines):
        near = line.path[: -NEAR - 1 : -1]
        numbers += [*near, *line.within, targets + i]
        distances += [*_DISTANCE[: len(near)], *[_WITHIN] * len(line.within), _TARGET]
        counts.append(len(near) + len(line.within) + 1)
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
