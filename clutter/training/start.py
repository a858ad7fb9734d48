"""Vectors of n-grams to start a training from: what words mean, before any label is read.

The n-grams of few languages are well covered by labelled pages. A sentence model knows words in a
hundred languages, so the sums of the n-gram vectors of a line are first fitted to the vector that
such a model gives the line, without labels (after Mimick, Pinter et al., 2017, arXiv:1707.06961).
Where labels are many, training moves the vectors; elsewhere they stay near what they were.

``tests/benchmarks/teacher.py`` fits them; they lie in ``labelled/corpora/ngrams.npz``: ``vectors``
(buckets, NGRAM_SIZE), 8 bits a number, and ``scale`` (NGRAM_SIZE,).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from clutter.features import BUCKET_BITS, Floats, Ints
from clutter.network import quantised
from clutter.training.corpus import Array, read_arrays
from clutter.training.fit import NGRAM_SIZE, features_of, ngram_sums
from clutter.training.optimiser import Adagrad

FILE_NAME = "ngrams.npz"

STEP_LINES, RATE = 6000, 0.1
"""Lines in a step, and the learning rate at the first one; it falls in a line to nearly 0."""


def read_start(paths: Iterable[str | os.PathLike[str]]) -> Floats | None:
    """The vectors of the file of the name ``ngrams.npz`` below the folders among ``paths``:
    (buckets, NGRAM_SIZE); None if there is no such file, the last one if there are several.

    Raises CorpusError if a file cannot be read.
    """
    found = read_arrays(paths, FILE_NAME, _unpacked)
    return found[-1] if found else None


def write_start(path: str | os.PathLike[str], vectors: Floats) -> None:
    """Write vectors as ``read_start`` reads them."""
    table, scale = quantised(vectors)
    np.savez_compressed(path, vectors=table, scale=scale)


def fit_start(
    lines: Sequence[str], target: Callable[[Ints], Floats], epochs: int, seed: int = 0
) -> Floats:
    """Fit vectors of n-grams, so that their scaled sum for each line is near a target.

    ``lines`` must each hold something to see; ``target`` gives the targets of the lines with these
    indices, (n,) -> (n, NGRAM_SIZE). Returns (buckets, NGRAM_SIZE). N-grams that occur nowhere get
    zeros.
    """
    rng = np.random.default_rng(seed)
    table = np.zeros((1 << BUCKET_BITS, NGRAM_SIZE), np.float32)
    adagrad = Adagrad(table)
    per_epoch = max(1, len(lines) // STEP_LINES)
    for step in range(epochs * per_epoch):
        if step % per_epoch == 0:
            order = rng.permutation(len(lines))
        rows = order[step % per_epoch * STEP_LINES :][:STEP_LINES]
        read = features_of(["\n".join([lines[i] for i in rows])])
        sums = ngram_sums(read, np.zeros(rows.size, bool), rng)
        error = sums.of(table) - target(rows)
        adagrad.step(sums.rows, sums.gradient(error), RATE * (1 - step / (epochs * per_epoch)))
    return table


def _unpacked(arrays: Mapping[str, Array]) -> Floats:
    vectors = np.multiply(arrays["vectors"], arrays["scale"], dtype=np.float32)
    if vectors.shape != (1 << BUCKET_BITS, NGRAM_SIZE):
        raise ValueError(f"its size is {vectors.shape}")
    return vectors
