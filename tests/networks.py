"""Small networks with random weights, for the tests of what is done with a network."""

from __future__ import annotations

import numpy as np

from clutter import Model, features
from clutter.markup import MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup
from clutter.network import quantised, weight_shapes
from clutter.page import KINDS, LABELS

NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY = 8, 8, 5, 3


def random_model(seed: int = 0) -> Model:
    """A small network with weights large enough for every part of it to matter."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    shapes = weight_shapes(NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY)
    weights = {name: normal(*shape) for name, shape in shapes.items()}
    weights["shape_mean"] = normal(features.N_LINE_FEATURES)
    weights["shape_scale"] = np.abs(normal(features.N_LINE_FEATURES))
    table = normal(1 << features.BUCKET_BITS, NGRAM_SIZE)
    marks = normal(1 << MARKUP_HASH_BITS, MARKUP_SIZE)
    about = {"pages": 3, "note": "größer"}
    return Model(*quantised(table), *quantised(marks), weights, about)


LISTING = "§§§§§§"
"""What ``model_of_kinds`` takes for the sign of a listing."""


def model_of_kinds() -> Model:
    """A network for which every page is an article, and a listing if ``LISTING`` is in it. All of
    its lines are body and main content."""
    shapes = weight_shapes(NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights["shape_mean"] = np.zeros(features.N_LINE_FEATURES, np.float32)
    weights["shape_scale"] = np.ones(features.N_LINE_FEATURES, np.float32)
    weights["out_b"][LABELS.index("body")] = 5
    weights["main_b"][0] = 5
    weights["in_w"][0, 0] = weights["kind_u"][0, 0] = 1
    weights["kind_w"][[0, SUMMARY], KINDS.index("listing")] = 30
    weights["kind_b"][KINDS.index("article")] = 4
    table = np.zeros((1 << features.BUCKET_BITS, NGRAM_SIZE), np.float32)
    buckets = features.features(features.split([LISTING]).lines).buckets
    table[buckets[buckets > 0], 0] = 1  # 0 stands for n-grams that would begin before the line
    marks = np.zeros((1 << MARKUP_HASH_BITS, MARKUP_SIZE), np.float32)
    return Model(*quantised(table), *quantised(marks), weights)


def random_markup(lines: int, seed: int) -> Markup:
    """Markup of so many lines, a third of them without any hash, in groups of about three."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, lines) * (rng.random(lines) > 1 / 3)
    first = np.concatenate(([0], np.cumsum(counts)))
    cues = rng.random((lines, N_MARKUP_FEATURES)).astype(np.float32)
    hashes = rng.integers(0, 1 << MARKUP_HASH_BITS, first[-1])
    group, unit = rng.integers(0, 1 + lines // 3, lines), np.zeros(lines, np.int64)
    return Markup(cues, hashes, first, group, unit)
