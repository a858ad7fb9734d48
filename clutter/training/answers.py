"""The answers of a teacher: what a larger model says of the pages of a corpus.

A teacher that knows what words mean in a hundred languages is far too slow to label pages with, but
the networks learn from it (distillation, Hinton et al., 2015, arXiv:1503.02531): its answers stand
beside the labels, and alone where nobody has labelled a page. ``tests/benchmarks/teacher.py`` makes
such a teacher; its answers lie in ``labelled/corpora/answers.npz``, without text, so that the
shipped model can be trained again without it.

The unit is a cell: a line, or the part of a line between tabs, since rows of a table are cut into
cells or not. A file holds, in numpy's format, ``pages`` (the ids), ``cells`` (how many each page
has), ``hashes`` (16 bits a cell), ``labels`` (cells, labels), ``main`` (cells,) and ``kinds``
(pages, kinds): probabilities in 255 steps, the first label and the first kind left out, since all
add up to 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clutter.features import Floats, Ints
from clutter.page import KINDS, LABELS
from clutter.training.corpus import Array, align_labels, cells_of, line_hash, read_arrays

FILE_NAME = "answers.npz"


class Answers(NamedTuple):
    """What a teacher says of a page: for each cell a hash of its text, the probabilities of the
    labels (cells, labels) and that it is main content (cells,); for the page those of its kinds
    (kinds,)."""

    hashes: list[str]
    labels: Floats
    main: Floats
    kinds: Floats


def cell_hash(text: str) -> str:
    """16 bits of a cell's text, in hexadecimal digits. Enough to find it among its page's cells,
    where the order helps."""
    return line_hash(text)[:4]


def read_answers(paths: Iterable[str | os.PathLike[str]]) -> dict[str, Answers]:
    """The answers in the files of the name ``answers.npz`` below the folders among ``paths``, by
    page id; none if there is no such file.

    Raises CorpusError if a file cannot be read.
    """
    answers: dict[str, Answers] = {}
    for found in read_arrays(paths, FILE_NAME, _unpacked):
        answers |= found
    return answers


def write_answers(path: str | os.PathLike[str], answers: Mapping[str, Answers]) -> None:
    """Write answers as ``read_answers`` reads them."""
    made = list(answers.values())
    hashes = [int(key, 16) for page in made for key in page.hashes]
    np.savez_compressed(
        path,
        pages=np.array(list(answers)),
        cells=np.array([len(page.hashes) for page in made], np.int32),
        hashes=np.array(hashes, np.uint16),
        labels=_in_steps(np.concatenate([page.labels for page in made])[:, 1:]),
        main=_in_steps(np.concatenate([page.main for page in made])),
        kinds=_in_steps(np.stack([page.kinds for page in made])[:, 1:]),
    )


def answers_for(lines: Sequence[str], answers: Answers) -> tuple[Ints, Floats, Floats]:
    """The answers for the lines of a page: the indices of the lines that were found (found,), their
    labels' probabilities (found, labels) and that they are main content (found,). A line of several
    cells has the mean of their answers, by their lengths."""
    cells = cells_of(lines)
    known = [(key, str(place)) for place, key in enumerate(answers.hashes)]
    places = align_labels([cell_hash(cell) for _, cell in cells], known)
    found = [
        (i, int(place), len(cell))
        for (i, cell), place in zip(cells, places, strict=True)
        if place.isdigit()
    ]
    if not found:
        empty = np.zeros((0, len(LABELS)), np.float32)
        return np.zeros(0, np.int64), empty, empty[:, 0]
    line, place, size = np.array(found).T
    rows, first = np.unique(line, return_index=True)
    share = (size / np.add.reduceat(size, first)[np.searchsorted(rows, line)]).astype(np.float32)
    labels = np.add.reduceat(answers.labels[place] * share[:, None], first)
    return rows, labels, np.add.reduceat(answers.main[place] * share, first)


def _in_steps(probabilities: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.rint(probabilities * 255).astype(np.uint8)


def _unpacked(arrays: Mapping[str, Array]) -> dict[str, Answers]:
    pages = arrays["pages"].tolist()
    labels, main, kinds = (
        np.float32(1 / 255) * arrays[name] for name in ("labels", "main", "kinds")
    )
    hashes = [f"{key:04x}" for key in arrays["hashes"].tolist()]
    ends = np.cumsum(arrays["cells"]).tolist()
    labels, kinds = (
        np.concatenate((np.maximum(1 - part.sum(axis=1, keepdims=True), 0), part), axis=1)
        for part in (labels, kinds)
    )
    sizes = (labels.shape, main.shape, kinds.shape, sum(arrays["cells"].tolist()))
    count = len(hashes)
    if sizes != ((count, len(LABELS)), (count,), (len(pages), len(KINDS)), count):
        raise ValueError("sizes do not agree")
    out = {}
    begin = 0
    for page, end, of_kinds in zip(pages, ends, kinds, strict=True):
        out[page] = Answers(hashes[begin:end], labels[begin:end], main[begin:end], of_kinds)
        begin = end
    return out
