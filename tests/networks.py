"""Small networks with random weights, for the tests of what is done with a network."""

from __future__ import annotations

import numpy as np

from clutter import LABELS, Model, features
from clutter.markup import MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup
from clutter.network import quantised, weight_shapes

NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY = 4, 3, 5, 3


def random_model(seed: int = 0) -> Model:
    """A small network with weights large enough for every part of it to matter."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    shapes = weight_shapes(NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY, len(LABELS))
    weights = {name: normal(*shape) for name, shape in shapes.items()}
    weights["shape_mean"] = normal(features.N_LINE_FEATURES)
    weights["shape_scale"] = np.abs(normal(features.N_LINE_FEATURES))
    table = normal(1 << features.BUCKET_BITS, NGRAM_SIZE)
    marks = normal(1 << MARKUP_HASH_BITS, MARKUP_SIZE)
    about = {"pages": 3, "note": "größer"}
    return Model(*quantised(table), *quantised(marks), weights, about)


def random_markup(lines: int, seed: int) -> Markup:
    """Markup of so many lines, a third of them without any hash."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, lines) * (rng.random(lines) > 1 / 3)
    first = np.concatenate(([0], np.cumsum(counts)))
    cues = rng.random((lines, N_MARKUP_FEATURES)).astype(np.float32)
    return Markup(cues, rng.integers(0, 1 << MARKUP_HASH_BITS, first[-1]), first)
