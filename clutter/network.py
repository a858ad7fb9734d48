"""The network: from the features of lines to the probabilities of their labels, in numpy.

It reads a page as a sequence of lines. The input for each line is the scaled sum of its
n-grams' learned vectors, its line features (features.py) and, for HTML, its markup (markup.py).
Convolutions over the lines, at distances from 1 to 32, let a line see its neighbours (dilated
convolutions after Yu and Koltun, 2016, arXiv:1511.07122, with residual sums after He et al.,
2016, arXiv:1512.03385); running means from the page's top and from its end let it see the
whole page. With markup, means over the lines with the same path of elements let siblings, such
as the items of a list, decide together. A softmax gives the probability of each label, a sigmoid
that of being main content; a layer over the mean and the maximum of all lines gives the kind of the
page.

Sums of n-gram vectors, found by hash, are from fastText (Bojanowski et al., 2017,
arXiv:1607.04606). Training uses the same functions; training/gradients.py computes their
gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clutter.features import N_LINE_FEATURES, Features, Floats, Ints
from clutter.markup import N_MARKUP_FEATURES, Markup
from clutter.page import KINDS, LABELS

DILATIONS = (1, 2, 4, 8, 16, 32)
"""Distances, in lines, between a line and the neighbours that a convolution reads."""

_BLOCKS = (
    ("conv", 0),
    ("conv", 1),
    ("conv", 2),
    ("mean", 0),
    ("group", 0),
    ("conv", 3),
    ("conv", 4),
    ("conv", 5),
    ("mean", 1),
    ("group", 1),
)


def blocks(has_markup: bool) -> list[tuple[str, int]]:
    """The residual blocks in order: the kind and number of each. Only a network that reads markup
    has the kind "group"."""
    return [(kind, i) for kind, i in _BLOCKS if has_markup or kind != "group"]


NGRAM_CHUNK = 4096
"""Number of characters whose n-grams are summed together: the arrays then fit in the cache."""

_PIECE = 64
"""Number of positions whose n-grams are summed in 16 bits; see ``sum_ngram_vectors``."""

_MARKUP_PIECE = 256
"""Number of hashes of markup that are summed in 16 bits: 256 * 255 is below 2**16."""

_EVEN, _EIGHT = np.uint64(0x00FF00FF00FF00FF), np.uint64(8)
"""Of the eight bytes of an integer the even ones, each in a lane of 16 bits."""

Weights = Mapping[str, Floats]


class Outputs(NamedTuple):
    """What the network says: for each line the probabilities of the labels (lines, labels) and
    that it is main content (lines,); for each section the probabilities of the kinds of pages
    (sections, kinds)."""

    labels: Floats
    main: Floats
    kinds: Floats


def weight_shapes(
    ngram_size: int, markup_size: int, hidden: int, summary: int
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of a network except the tables of vectors.

    ``ngram_size`` is the size of an n-gram's vector, ``markup_size`` that of a markup hash's
    vector (0 in a network for text only), ``hidden`` that of a line's state, ``summary`` that of
    the running means.
    """
    markup_inputs = markup_size + N_MARKUP_FEATURES + 1 if markup_size else 0
    shapes: dict[str, tuple[int, ...]] = {
        "in_w": (ngram_size + N_LINE_FEATURES + markup_inputs, hidden),
        "in_b": (hidden,),
        "out_w": (hidden, len(LABELS)),
        "out_b": (len(LABELS),),
        "main_w": (hidden, 1),
        "main_b": (1,),
        "kind_u": (hidden, summary),
        "kind_c": (summary,),
        "kind_w": (2 * summary, len(KINDS)),
        "kind_b": (len(KINDS),),
    }
    for kind, i in blocks(markup_size > 0):
        name = f"{kind}{i}"
        if kind == "conv":
            shapes |= {f"{name}_w": (3 * hidden, hidden), f"{name}_b": (hidden,)}
        else:
            means = 2 if kind == "mean" else 1
            shapes |= {f"{name}_u": (hidden, summary), f"{name}_c": (summary,)}
            shapes |= {f"{name}_w": (means * summary, hidden), f"{name}_b": (hidden,)}
    return shapes


class Layout:
    """The position of each line in its section, for the forward pass and its gradient.

    ``sections`` (sections + 1) is that of ``features.Lines``, ``group`` (lines,) that of
    ``markup.Markup``; without it, each line is a group of its own.
    """

    def __init__(self, sections: Ints, group: Ints | None = None) -> None:
        sizes = np.diff(sections)
        self.sections = sections
        self.bounds = list(itertools.pairwise(sections.tolist()))
        self.section = np.repeat(np.arange(sizes.size), sizes)
        index = np.arange(self.section.size) - sections[self.section]
        left = sizes[self.section] - 1 - index
        self.before = (index + 1).astype(np.float32)[:, None]
        self.after = (left + 1).astype(np.float32)[:, None]
        # for each distance, the lines without a neighbour that far above or below
        self.top: dict[int, Ints | slice]
        self.bottom: dict[int, Ints | slice]
        if sizes.size == 1:  # most often a single page: slices take less time
            self.top = {d: slice(0, d) for d in DILATIONS}
            self.bottom = {d: slice(max(index.size - d, 0), None) for d in DILATIONS}
        else:
            self.top = {d: np.flatnonzero(index < d) for d in DILATIONS}
            self.bottom = {d: np.flatnonzero(left < d) for d in DILATIONS}
        self.group: Ints | None = None
        if group is not None and group.size:
            # a group ends with its section
            keys = self.section * (int(group.max()) + 1) + group
            self.by_group = np.argsort(keys, kind="stable")
            in_order = keys[self.by_group]
            is_first = np.concatenate(([True], in_order[1:] != in_order[:-1]))
            self.group_first = np.flatnonzero(is_first)
            size = np.diff(self.group_first, append=keys.size)
            self.group_size = size.astype(np.float32)[:, None]
            self.group = np.empty_like(keys)
            self.group[self.by_group] = np.cumsum(is_first) - 1


def neighbours(h: Floats, distance: int, layout: Layout) -> Floats:
    """The states of the line ``distance`` above, of the line itself and of the line ``distance``
    below, side by side; zeros if there is no such line. (lines, hidden) -> (lines, 3 * hidden)"""
    count, hidden = h.shape
    out = np.empty((count, 3 * hidden), h.dtype)
    out[distance:, :hidden] = h[:-distance]
    out[layout.top[distance], :hidden] = 0
    out[:, hidden : 2 * hidden] = h
    out[:-distance, 2 * hidden :] = h[distance:]
    out[layout.bottom[distance], 2 * hidden :] = 0
    return out


def running_means(u: Floats, layout: Layout) -> Floats:
    """Mean over the lines from the section's top to each line, and mean from each line to the
    section's end. (lines, n) -> (lines, 2 * n)"""
    count, size = u.shape
    exact = u.astype(np.float64)  # numpy is slower if the types of two arrays differ
    total = np.empty_like(exact)
    for a, b in layout.bounds:  # other sections must not change the result
        np.cumsum(exact[a:b], axis=0, out=total[a:b])
    out = np.empty((count, 2 * size), u.dtype)
    out[:, :size] = total / layout.before.astype(np.float64)
    end = total.take(layout.sections[layout.section + 1] - 1, axis=0)
    end -= total
    end += exact
    end /= layout.after.astype(np.float64)
    out[:, size:] = end
    return out


def product(h: Floats, weights: Floats, layout: Layout) -> Floats:
    """``h @ weights``, section by section: (lines, n), (n, m) -> (lines, m).

    The last bits of a matrix product depend on the number of its rows, and on some processors on
    the place of a row among them. So in one product, a page would depend on the pages beside it.
    """
    out = np.empty((h.shape[0], weights.shape[1]), h.dtype)
    for a, b in layout.bounds:
        np.matmul(h[a:b], weights, out=out[a:b])
    return out


def group_means(u: Floats, layout: Layout) -> Floats:
    """The mean over all lines of a line's group. (lines, n) -> (lines, n)"""
    if layout.group is None:
        return u
    means: Floats = np.add.reduceat(u[layout.by_group], layout.group_first, axis=0)
    means /= layout.group_size
    return means[layout.group]


def page_summary(u: Floats, layout: Layout) -> Floats:
    """The mean and the maximum over the lines of each section. (lines, n) -> (sections, 2 * n)"""
    first = layout.sections[:-1]
    size = np.diff(layout.sections)[:, None].astype(u.dtype)
    mean = np.add.reduceat(u, first, axis=0) / size
    return np.concatenate((mean, np.maximum.reduceat(u, first, axis=0)), axis=1)


def network_input(
    weights: Weights,
    ngram_vectors: Floats,
    line_features: Floats,
    markup_vectors: Floats | None = None,
    markup_features: Floats | None = None,
    has_markup: Floats | None = None,
) -> Floats:
    """The network's input for each line: (lines, ngram_size + N_LINE_FEATURES), or with markup
    (lines, ngram_size + N_LINE_FEATURES + markup_size + N_MARKUP_FEATURES + 1).

    ``weights`` hold the mean and scale for standardising the line features. ``has_markup``
    (lines,) is 1 for lines from HTML and 0 for others; without it, all lines are from HTML.
    """
    scaled = line_features - weights["shape_mean"]
    scaled *= weights["shape_scale"]
    np.clip(scaled, -5, 5, out=scaled)
    parts = [ngram_vectors, scaled]
    if markup_vectors is not None and markup_features is not None:
        if has_markup is None:
            has_markup = np.ones(len(scaled), np.float32)
        parts += [markup_vectors, markup_features, has_markup[:, None]]
    return np.concatenate(parts, axis=1)


def forward(
    weights: Weights,
    x: Floats,
    layout: Layout,
    tape: list[tuple[Floats, ...]] | None = None,
    dropout: tuple[Floats, Floats] | None = None,
) -> Outputs:
    """What the network says for the input ``x`` from ``network_input``.

    For training: ``tape`` collects the inputs and outputs of each layer; ``dropout`` are two
    masks, one for the first state and one for the last.
    """
    h = product(x, weights["in_w"][: x.shape[1]], layout)
    h += weights["in_b"]
    np.maximum(h, 0, out=h)
    if dropout is not None:
        h *= dropout[0]
    if tape is not None:
        tape.append((x, h))
    for kind, i in blocks("group0_w" in weights):
        name = f"{kind}{i}"
        if kind == "conv":
            layer_input = neighbours(h, DILATIONS[i], layout)
            record: tuple[Floats, ...] = (layer_input,)
        else:
            summary = product(h, weights[f"{name}_u"], layout)
            summary += weights[f"{name}_c"]
            np.maximum(summary, 0, out=summary)
            means = running_means if kind == "mean" else group_means
            layer_input = means(summary, layout)
            record = (layer_input, h, summary)
        update = product(layer_input, weights[f"{name}_w"], layout)
        update += weights[f"{name}_b"]
        np.maximum(update, 0, out=update)
        if tape is None:
            h += update
        else:
            tape.append((*record, update))
            h = h + update
    if dropout is not None:
        h = h * dropout[1]
    # the sigmoid, in a form that cannot overflow
    main = 0.5 + 0.5 * np.tanh(0.5 * (product(h, weights["main_w"], layout) + weights["main_b"]))
    seen: Floats = np.maximum(product(h, weights["kind_u"], layout) + weights["kind_c"], 0)
    of_page = page_summary(seen, layout)
    of_kinds = (of_page[:, :, None] * weights["kind_w"]).sum(axis=1)  # as ``product``, for a row
    if tape is not None:
        tape.append((h, seen, of_page))
    return Outputs(
        _softmax(product(h, weights["out_w"], layout) + weights["out_b"]),
        main[:, 0],
        _softmax(of_kinds + weights["kind_b"]),
    )


def _softmax(z: Floats) -> Floats:
    """Probabilities of scores, row by row. Changes ``z``."""
    if z.size:
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
    return z


def quantised(table: Floats, scale: Floats | None = None) -> tuple[NDArray[np.int8], Floats]:
    """A table of vectors (rows, size) with 8 bits per number, and the scale (size,) of its columns.

    If ``scale`` is given, values are clipped to it; values that were rounded to it before do
    not change.
    """
    if scale is None:
        scale = (np.maximum(np.abs(table).max(axis=0), 1e-12) / np.float32(127)).astype(np.float32)
    return np.rint(table / scale).clip(-127, 127).astype(np.int8), scale


def shifted(table: NDArray[np.int8]) -> NDArray[np.uint64]:
    """A quantised table in the form that the sums need: (rows, size / 8). Each integer holds eight
    numbers of the table, plus 128 (0 to 255), in a byte each."""
    return (table.view(np.uint8) ^ np.uint8(128)).view(np.uint64)


def unshifted(table: NDArray[np.uint64]) -> NDArray[np.int8]:
    """The table that ``shifted`` was given."""
    return (table.view(np.uint8) ^ np.uint8(128)).view(np.int8)


def _pieces(first: Ints, counts: Ints, most: int) -> tuple[Ints, Ints]:
    """Cut runs, of ``counts`` positions each, into pieces of at most ``most`` positions: where each
    piece starts, and which piece is the first of each run. ``first`` has the runs' starts."""
    pieces = (counts + most - 1) // most
    end = np.cumsum(pieces)
    nth = np.arange(end[-1]) - np.repeat(end - pieces, pieces)
    return np.repeat(first, pieces) + most * nth, end - pieces


def _numbers(sums: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The numbers in the sums of even bytes and of odd bytes, in the order of the table: (2, rows,
    width) -> (rows, 8 * width)."""
    _, rows, width = sums.shape
    return sums.view(np.uint16).transpose(1, 2, 0).reshape(rows, 8 * width)


def sum_ngram_vectors(table: NDArray[np.uint64], scale: Floats, features: Features) -> Floats:
    """Sum of each line's n-gram vectors, divided by the square root of their number:
    (lines, ngram_size).

    ``table`` comes from ``shifted``. Its even bytes and its odd bytes are added apart, in lanes of
    16 bits, so one addition of integers adds four numbers. This is exact for up to 64 positions
    with four n-grams each (64 * 4 * 255 is below 2**16); longer lines are added up in pieces.
    """
    count = features.first.size - 1
    width = table.shape[1]
    if count == 0:
        return np.zeros((0, 8 * width), np.float32)
    positions = np.diff(features.first)
    start, first_piece = _pieces(features.first[:-1], positions, _PIECE)
    cuts = np.append(np.flatnonzero(np.diff(start // NGRAM_CHUNK, prepend=-1)), start.size)
    stops = np.append(start, features.first[-1])[cuts]
    # the sums of the even bytes, then those of the odd ones
    sums = np.empty((2, start.size, width), np.uint64)
    longest = int(np.diff(stops).max())
    rows, lane, *totals = np.empty((4, longest, width), np.uint64)
    for i in range(cuts.size - 1):
        begin, stop = stops[i], stops[i + 1]
        row, part, even, odd = (x[: stop - begin] for x in (rows, lane, *totals))
        even[:] = odd[:] = 0
        for order in range(features.buckets.shape[0]):
            table.take(features.buckets[order, begin:stop], axis=0, out=row, mode="clip")
            even += np.bitwise_and(row, _EVEN, out=part)
            row >>= _EIGHT
            odd += np.bitwise_and(row, _EVEN, out=row)
        a, b = cuts[i], cuts[i + 1]
        for half, total in enumerate((even, odd)):
            np.add.reduceat(total, start[a:b] - begin, axis=0, out=sums[half, a:b])
    lanes: NDArray[Any] = _numbers(sums)
    if start.size > count:
        lanes = np.add.reduceat(lanes, first_piece, axis=0, dtype=np.int32)
    grams = (positions * features.buckets.shape[0])[:, None]
    out: Floats = lanes.astype(np.float32)
    out -= (128 * grams).astype(np.float32)
    out *= scale
    out /= np.sqrt(grams, dtype=np.float32)
    return out


def sum_markup_vectors(table: NDArray[np.uint64], scale: Floats, markup: Markup) -> Floats:
    """Sum of each line's markup vectors, divided by the square root of their number:
    (lines, markup_size). Lines without hashes get zeros. ``table`` comes from ``shifted``;
    longer lines are added up in pieces, as in ``sum_ngram_vectors``."""
    counts = np.diff(markup.first)
    out = np.zeros((counts.size, scale.size), np.float32)
    marked = np.flatnonzero(counts)
    if marked.size:
        counts = counts[marked]
        start, first_piece = _pieces(markup.first[marked], counts, _MARKUP_PIECE)
        rows = table.take(markup.hashes, axis=0, mode="clip")
        halves = rows & _EVEN, rows >> _EIGHT & _EVEN
        lanes: NDArray[Any] = _numbers(np.stack([np.add.reduceat(x, start) for x in halves]))
        if start.size > marked.size:
            lanes = np.add.reduceat(lanes, first_piece, axis=0, dtype=np.int32)
        sums = (lanes - 128 * counts[:, None]).astype(np.float32)
        sums *= scale
        sums /= np.sqrt(counts, dtype=np.float32)[:, None]
        out[marked] = sums
    return out
