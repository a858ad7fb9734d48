"""Lines of text -> numbers, the same for training and for inference.

Three kinds of features describe a line: what it says (hashes of its character
n-grams, which the model turns into a learned vector), its shape (length,
punctuation, digits, capitals, first and last character) and its page (position,
repetition, and how much of its wording is also in the page's text: the words of a
headline are, those of a teaser are not).

All code is numpy on whole batches of pages. The text of many lines is one array
of code points. The hash of every n-gram at every position is built by vector
operations (order n from order n - 1), and sums per line come from ``reduceat``
and ``bincount``. There is no Python loop over characters, lines or n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clutter.characters import CLASS, CLASSES, N_CLASSES, character_classes, code_points, folded

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

ORDERS = (2, 3, 4, 5)
"""Lengths of the character n-grams."""

BUCKET_BITS = 18
"""An n-gram's hash is one of 2**18 buckets."""

LINE_LIMIT = 4096
"""Only this many characters of a line are read; the rest counts in its length only."""

LONG = 90
"""A line of this width or more is long: most long lines are paragraphs."""

TEXT = 120
"""A line of this width or more is text; the words of a headline are often in such lines."""

SECTION_LINES = 4096
SECTION_CHARACTERS = 1 << 19
"""A page longer than either limit is labelled in sections. This limits the memory."""


@dataclass(frozen=True)
class Lines:
    """The non-blank lines of a batch of pages.

    ``codes`` holds the code points of all pages, one after another, with a newline
    after each page, and ``classes`` their character classes. ``start`` and ``end``
    (one entry per line) are positions in ``codes``. ``sections`` (sections + 1) holds
    the index of each section's first line, and the number of lines. A section is a
    page, or a part of a very long page. Positions and neighbours of a line are
    counted within its section.
    """

    codes: NDArray[np.uint32]
    classes: NDArray[np.uint8]
    start: Ints
    end: Ints
    sections: Ints

    def part(self, first: int, stop: int) -> Lines:
        """The sections from ``first`` up to but not including ``stop``; they share ``codes``."""
        a, b = self.sections[first], self.sections[stop]
        bounds = self.sections[first : stop + 1] - a
        return Lines(self.codes, self.classes, self.start[a:b], self.end[a:b], bounds)


@dataclass(frozen=True)
class Pages:
    """The non-blank lines of a batch of pages, and which page each belongs to.

    ``number`` (one entry per line) is the 1-based number of the line in its page; blank
    lines count. Page i has the lines ``first[i]:first[i + 1]``, and its text begins at
    position ``offset[i]`` of ``lines.codes``.
    """

    lines: Lines
    number: Ints
    first: Ints
    offset: Ints


def split(texts: Sequence[str]) -> Pages:
    r"""Find the non-blank lines of each text.

    A line ends at ``\n``, ``\r\n`` or ``\r``. A line is blank if it has only white
    space, zero-width or direction marks.
    """
    codes = code_points("".join([text + "\n" for text in texts]))
    sizes = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    offset = np.cumsum(sizes) - sizes
    classes = character_classes(codes)
    breaks = np.flatnonzero(classes == CLASS["newline"])
    # \r\n is one break: the line ends at \r and the next starts after \n
    feed = np.zeros(breaks.size, bool)
    feed[1:] = (codes[breaks[1:]] == 10) & (codes[breaks[1:] - 1] == 13)
    end = breaks[~feed]
    after = breaks + 1
    after[:-1][feed[1:]] += 1
    start = np.concatenate(([0], after[~feed][:-1])) if end.size else end
    page = np.searchsorted(offset, start, side="right") - 1
    number = np.arange(start.size) - np.searchsorted(page, np.arange(len(texts)))[page] + 1
    visible = _VISIBLE.take(classes, mode="clip")
    filled = np.logical_or.reduceat(visible, start) if start.size else np.zeros(0, bool)
    if not filled.all():
        start, end, number, page = start[filled], end[filled], number[filled], page[filled]
    first = np.searchsorted(page, np.arange(len(texts) + 1))
    # a section ends at the end of its page, or before it becomes too long
    index = np.arange(start.size) - first[page]
    characters_before = start - offset[page]
    part = index // SECTION_LINES + characters_before // SECTION_CHARACTERS
    cuts = np.flatnonzero((np.diff(page) != 0) | (np.diff(part) != 0)) + 1
    sections = np.concatenate(([0], cuts, [start.size])) if start.size else np.zeros(1, np.int64)
    return Pages(Lines(codes, classes, start, end, sections), number, first, offset)


_VISIBLE = ~np.isin(np.arange(N_CLASSES), [CLASS[c] for c in ("space", "ignored", "newline")])


@dataclass(frozen=True)
class Stream:
    """The visible text of the lines, folded: the input of the hashes and counts.

    Runs of white space become one space, lines have no space at either end, and marks
    without width are removed. There is a newline after each line and one before the
    first line. ``line`` (one entry per position) is the index of the line. ``first``
    (one entry per line) is the position of the line's first character, ``last`` that
    of its newline.
    """

    codes: NDArray[np.uint32]
    classes: NDArray[np.uint8]
    line: Ints
    first: Ints
    last: Ints


def _stream(lines: Lines) -> Stream:
    count = lines.start.size
    length = np.minimum(lines.end - lines.start, LINE_LIMIT)
    # positions of the characters to keep: one for the newline before the first line, those of each
    # line, and one for its newline
    sizes = length + 1
    sizes[0] += 1
    closing = np.cumsum(sizes)
    line = np.repeat(np.arange(count), sizes)
    shift = lines.start - closing + sizes
    shift[0] = lines.start[0] - 1
    position = np.repeat(shift, sizes)
    position += np.arange(position.size)
    closing -= 1
    classes = lines.classes.take(position, mode="clip")
    codes = lines.codes.take(position, mode="clip")
    for newlines in (0, closing):
        classes[newlines] = CLASS["newline"]
        codes[newlines] = 10
    keep = classes != CLASS["ignored"]
    if not keep.all():
        codes, classes, line = codes[keep], classes[keep], line[keep]
    space = classes == CLASS["space"]
    newline = classes == CLASS["newline"]
    drop = space[1:] & (space | newline)[:-1]  # a space after a space or a newline
    if drop.any():
        keep = np.concatenate(([True], ~drop))
        codes, classes, line = codes[keep], classes[keep], line[keep]
        space, newline = space[keep], newline[keep]
    drop = space[:-1] & newline[1:]  # a space before a newline
    if drop.any():
        keep = np.concatenate((~drop, [True]))
        codes, classes, line, newline = codes[keep], classes[keep], line[keep], newline[keep]
    last = np.flatnonzero(newline)
    return Stream(folded(codes), classes, line, last[:-1] + 1, last[1:])


def _hashes(stream: Stream) -> NDArray[np.uint32]:
    """For each order, the 32-bit hash of the n-gram that ends at each position: (orders,
    positions).

    The newlines around a line are part of its n-grams. So an n-gram at the start or
    end of a line differs from the same characters in the middle. N-grams that would
    reach into the next line get hash 0.
    """
    base = stream.codes * np.uint32(0x9E3779B1)
    base ^= base >> np.uint32(15)
    rolling = base
    mixed = np.empty((len(ORDERS), base.size), np.uint32)
    for row, order in zip(mixed, ORDERS, strict=True):
        longer = np.zeros_like(base)
        np.multiply(rolling[:-1], np.uint32(0x85EBCA6B), out=longer[1:])
        longer[1:] ^= base[1:]
        rolling = longer
        np.multiply(rolling, np.uint32(0xC2B2AE35), out=row)
        row ^= row >> np.uint32(13)
        row *= np.uint32(0x27D4EB2F)
        row[_crossing(stream, order)] = 0
    return mixed


def _crossing(stream: Stream, order: int) -> Ints:
    """The positions where an n-gram of this order that ends there would begin before the newline
    in front of its line."""
    after = (stream.first[:, None] + np.arange(order - 2)).ravel()
    return after[after < stream.codes.size]


def _share(counts: Floats, total: Floats) -> Floats:
    return counts / np.maximum(total, 1)


FIRST_LAST = tuple(range(N_CLASSES - 2))
LINE_FEATURE_NAMES = (
    ["log width", "sqrt width", "log words", "word length", "capitalised share", "cut"]
    + [f"share {name}" for name in CLASSES[:-2]]
    + [f"log {name}" for name in ("digit", "terminal", "comma", "quote", "upper")]
    + [f"first {CLASSES[c]}" for c in FIRST_LAST]
    + [f"last {CLASSES[c]}" for c in FIRST_LAST]
    + ["log same", "same before", "same after"]
    + ["overlap 4", "overlap 8"]
    + ["place", "log from start", "log from end", "text before", "log lines", "log text",
       "share long", "width to longest", "width to mean", "log to long above", "log to long below"]
)  # fmt: skip
N_LINE_FEATURES = len(LINE_FEATURE_NAMES)


@dataclass(frozen=True)
class Features:
    """Features of the lines of a batch.

    ``buckets`` (orders, positions) holds the hash buckets of all n-grams, line after
    line; line i has the positions ``first[i]:first[i + 1]``. ``line_features`` (lines,
    N_LINE_FEATURES) holds all other features. ``sections`` (sections + 1) is that of
    ``Lines``.
    """

    buckets: NDArray[np.uint32]
    first: Ints
    line_features: Floats
    sections: Ints


def features(lines: Lines) -> Features:
    """The features of all lines."""
    count = lines.start.size
    if count == 0:
        empty = np.zeros((0, N_LINE_FEATURES), np.float32)
        return Features(
            np.zeros((len(ORDERS), 0), np.uint32), np.zeros(1, np.int64), empty, lines.sections
        )
    stream = _stream(lines)
    hashes = _hashes(stream)
    buckets = hashes[:, 1:] >> np.uint32(32 - BUCKET_BITS)
    first = np.concatenate((stream.first, [stream.codes.size])) - 1
    line_features = np.empty((count, N_LINE_FEATURES), np.float32)
    width = _line_shape(lines, stream, line_features)
    column = LINE_FEATURE_NAMES.index("log same")
    section = np.repeat(np.arange(lines.sections.size - 1), np.diff(lines.sections))
    _repetition(lines, section, stream, hashes, width, line_features[:, column:])
    _place(lines, section, width, line_features[:, column + 5 :])
    return Features(buckets, first, line_features, lines.sections)


def _line_shape(lines: Lines, stream: Stream, line_features: Floats) -> Floats:
    count = lines.start.size
    classes = stream.classes
    cells = np.bincount(stream.line * N_CLASSES + classes, minlength=count * N_CLASSES)
    counts = cells[: count * N_CLASSES].reshape(count, N_CLASSES).astype(np.float32)
    total = counts[:, :-2].sum(axis=1)
    cut = np.maximum(lines.end - lines.start - LINE_LIMIT, 0).astype(np.float32)
    width: Floats = total + 1.5 * counts[:, CLASS["ideograph"]] + cut
    letter = _LETTER.take(classes, mode="clip")
    begins = letter[1:] & ~letter[:-1]
    at = np.flatnonzero(begins) + 1
    words = np.bincount(stream.line[at], minlength=count).astype(np.float32)
    capital = at[classes.take(at) == CLASS["upper"]]
    capitals = np.bincount(stream.line[capital], minlength=count).astype(np.float32)
    letters = counts[:, _LETTER].sum(axis=1)
    columns = [
        np.log1p(width),
        np.sqrt(width),
        np.log1p(words),
        np.minimum(_share(letters, words), 30),
        _share(capitals, words),
        np.log1p(cut),
    ]
    for column, values in enumerate(columns):
        line_features[:, column] = values
    column = len(columns)
    line_features[:, column : column + N_CLASSES - 2] = _share(counts[:, :-2], total[:, None])
    column += N_CLASSES - 2
    counted = [CLASS[name] for name in ("digit", "terminal", "comma", "quote", "upper")]
    line_features[:, column : column + 5] = np.log1p(counts[:, counted])
    column += 5
    for at in (stream.first, stream.last - 1):
        which = _ONE_OF.take(classes.take(at), axis=0)
        line_features[:, column : column + len(FIRST_LAST)] = which
        column += len(FIRST_LAST)
    return width


_ONE_OF = np.eye(N_CLASSES, len(FIRST_LAST), dtype=np.float32)
_LETTER = np.isin(np.arange(N_CLASSES), [CLASS[c] for c in ("lower", "upper", "letter", "mark")])


def _repetition(
    lines: Lines,
    section: Ints,
    stream: Stream,
    hashes: NDArray[np.uint32],
    width: Floats,
    out: Floats,
) -> None:
    count = lines.start.size
    total = np.add.reduceat(hashes[2], stream.first, dtype=np.uint64)
    total += np.add.reduceat(hashes[0], stream.first, dtype=np.uint64) << np.uint64(20)
    total ^= (section.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    _, earliest, group, same = np.unique(
        total, return_index=True, return_inverse=True, return_counts=True
    )
    out[:, 0] = np.log(same[group])
    out[:, 1] = earliest[group] < np.arange(count)
    out[:, 2] = (same[group] > 1) & (earliest[group] == np.arange(count))
    _overlap(lines, stream, hashes[2], width >= TEXT, out[:, 3:5])


def _overlap(
    lines: Lines, stream: Stream, four: NDArray[np.uint32], text: NDArray[np.bool_], out: Floats
) -> None:
    """Share of a line's n-grams that are also in the text of its section, into ``out``
    (lines, 2): for orders 4 and 8. The text is all lines of width TEXT or more; these
    lines themselves get 0.

    Every section has its own table, and its size depends on the section only. So the
    result for a line does not depend on the other pages in the batch.
    """
    size = four.size
    grams = np.zeros((2, size), np.uint32)
    grams[0] = four
    np.multiply(four[:-4], np.uint32(0x85EBCA6B), out=grams[1, 4:])
    grams[1] ^= four
    grams[1, _crossing(stream, 8)] = 0
    edges = np.append(stream.first, size)
    lengths = np.diff(edges[lines.sections])
    sizes = 4 << np.ceil(np.log2(np.maximum(lengths, 16))).astype(np.int64)
    tables = np.concatenate((sizes, sizes)).reshape(2, -1)  # for each order and section
    begin = (np.cumsum(tables).reshape(2, -1) - tables).astype(np.uint32)
    spans = lengths.copy()
    spans[0] += 1  # the newline before the first line
    key = grams >> np.uint32(7)
    key &= np.repeat((sizes - 1).astype(np.uint32), spans)
    key += np.repeat(begin, spans, axis=1)
    # half of the n-grams, chosen by their hash, give as good a feature in less time; those that
    # cross the end of a line have hash 0 and are left out with the other half
    chosen = (grams & np.uint32(1 << 5)) != 0
    of_text = text.take(stream.line, mode="clip")
    is_in_text = np.zeros(tables.sum(), np.uint8)
    is_in_text[key.take(np.flatnonzero(chosen & of_text))] = 1
    compared = np.flatnonzero(chosen & ~of_text)
    running = np.zeros(compared.size + 1, np.int32)
    np.cumsum(is_in_text.take(key.take(compared), mode="clip"), out=running[1:])
    bounds = np.searchsorted(compared, (edges, edges + size))
    found, total = np.diff(running.take(bounds)), np.diff(bounds)
    out[:] = (found / np.maximum(total, 1)).T


def _place(lines: Lines, section: Ints, width: Floats, out: Floats) -> None:
    bounds = lines.sections
    sizes = np.diff(bounds)
    inside = sizes[section]
    index = np.arange(lines.start.size) - bounds[section]
    running = np.concatenate(([0.0], np.cumsum(width, dtype=np.float64)))
    whole = (running[bounds[1:]] - running[bounds[:-1]])[section]
    before = running[:-1] - running[bounds[section]]
    filled = np.flatnonzero(sizes)
    longest = np.zeros(sizes.size, np.float32)
    longest[filled] = np.maximum.reduceat(width, bounds[filled])
    long = np.bincount(section, weights=width * (width >= LONG), minlength=sizes.size)
    out[:, 0] = index / inside
    out[:, 1] = np.log1p(index)
    out[:, 2] = np.log1p(inside - 1 - index)
    out[:, 3] = before / whole
    out[:, 4] = np.log(inside)
    out[:, 5] = np.log(whole)
    out[:, 6] = long[section] / whole
    out[:, 7] = width / longest[section]
    out[:, 8] = np.log1p(width) - np.log1p(whole / inside)
    # the distance to the nearest long line above and below, or to the section's edge
    here = np.arange(width.size)
    above = np.maximum.accumulate(np.where(width >= LONG, here, -1))
    above = np.concatenate(([-1], above[:-1]))
    above = np.maximum(above, bounds[section] - 1)
    below = np.minimum.accumulate(np.where(width >= LONG, here, width.size)[::-1])[::-1]
    below = np.concatenate((below[1:], [width.size]))
    below = np.minimum(below, bounds[section + 1])
    out[:, 9] = np.log(here - above)
    out[:, 10] = np.log(below - here)
