"""The network: its forward pass, the sums of vectors that enter it, and quantising.

It is written with whole-batch operations; here each line is computed for itself by a plain
loop, and both must agree.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import NGRAM_SIZE, random_markup, random_model

from clutter import Model, features
from clutter.markup import N_MARKUP_FEATURES, Markup
from clutter.network import (
    DILATIONS,
    NGRAM_CHUNK,
    blocks,
    quantised,
    shifted,
    sum_markup_vectors,
)


@pytest.fixture(scope="module")
def small() -> Model:
    return random_model()


def slow_probabilities(model: Model, text: str, markup: Markup | None = None) -> np.ndarray:
    """The network on one page, line by line, in double precision."""
    w = {name: array.astype(np.float64) for name, array in model.weights.items()}
    split = features.split([text])
    found = features.features(split.lines)
    states = []
    for i, number in enumerate(split.number.tolist()):
        buckets = found.buckets[:, found.first[i] : found.first[i + 1]].ravel()
        vector = model.ngram_vectors[buckets].astype(np.float64).sum(axis=0) * model.ngram_scale
        vector /= np.sqrt(buckets.size)
        shape = (found.line_features[i] - w["shape_mean"]) * w["shape_scale"]
        beside = np.zeros(len(w["in_w"]) - vector.size - shape.size)
        if markup is not None:
            hashes = markup.hashes[markup.first[number - 1] : markup.first[number]]
            marks = model.markup_vectors[hashes].astype(np.float64).sum(axis=0) * model.markup_scale
            marks /= np.sqrt(max(hashes.size, 1))
            beside = np.concatenate((marks, markup.features[number - 1], [1]))
        x = np.concatenate((vector, np.clip(shape, -5, 5), beside))
        states.append(np.maximum(x @ w["in_w"] + w["in_b"], 0))
    nothing = np.zeros(states[0].size)
    group = np.arange(len(states)) if markup is None else markup.group[split.number - 1]
    for kind, n in blocks(has_markup=True):
        grown = []
        for i, state in enumerate(states):
            if kind == "conv":
                above, below = i - DILATIONS[n], i + DILATIONS[n]
                seen = np.concatenate(
                    (
                        states[above] if above >= 0 else nothing,
                        state,
                        states[below] if below < len(states) else nothing,
                    )
                )
            else:
                u, c = w[f"{kind}{n}_u"], w[f"{kind}{n}_c"]
                notes = [np.maximum(state @ u + c, 0) for state in states]
                above_and_below = (np.mean(notes[: i + 1], axis=0), np.mean(notes[i:], axis=0))
                siblings = [note for note, g in zip(notes, group, strict=True) if g == group[i]]
                seen = np.concatenate(
                    above_and_below if kind == "mean" else [np.mean(siblings, axis=0)]
                )
            grown.append(state + np.maximum(seen @ w[f"{kind}{n}_w"] + w[f"{kind}{n}_b"], 0))
        states = grown
    scores: np.ndarray = np.exp([state @ w["out_w"] + w["out_b"] for state in states])
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abЖ一 .1\u200b", max_size=8), min_size=1, max_size=45).map("\n".join))
@example("\n".join(f"line {i} of the page" for i in range(90)))
@example("one line")
def test_the_network_is_that_of_the_plain_loop(small: Model, text: str) -> None:
    page = small.label(text)
    if len(page):
        np.testing.assert_allclose(page.probabilities, slow_probabilities(small, text), atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text("abЖ一 .1\u200b", max_size=8), min_size=1, max_size=45).map("\n".join),
    st.integers(0, 9),
)
@example("\n".join(f"line {i} of the page" for i in range(90)), 0)
def test_the_network_with_markup_is_that_of_the_plain_loop(
    small: Model, text: str, seed: int
) -> None:
    markup = random_markup(text.count("\n") + 1, seed)
    (page,) = small.label_marked([text], [markup])
    if len(page):
        expected = slow_probabilities(small, text, markup)
        np.testing.assert_allclose(page.probabilities, expected, atol=1e-4)


def test_text_beyond_one_chunk_is_summed_as_a_whole(small: Model) -> None:
    sizes = np.random.default_rng(1).integers(1, 3000, 60)
    text = "\n".join("wording "[: size % 9] + "ab c" * (size // 4) for size in sizes.tolist())
    assert len(text) > 2 * NGRAM_CHUNK
    page = small.label(text)
    np.testing.assert_allclose(page.probabilities, slow_probabilities(small, text), atol=1e-4)


def test_a_line_of_many_hashes_of_markup_is_summed_as_a_whole() -> None:
    rng = np.random.default_rng(2)
    table = rng.choice(np.array([-127, 3, 127], np.int8), (50, 8))
    scale = rng.random(8).astype(np.float32)
    counts = np.array([0, 1, 256, 257, 0, 1000, 3])
    first = np.concatenate(([0], np.cumsum(counts)))
    hashes = rng.integers(0, 50, first[-1])
    hashes[: first[5]] = 49  # all alike: the largest sum that there can be
    table[49] = 127
    markup = Markup(np.zeros((7, N_MARKUP_FEATURES)), hashes, first, np.arange(7), np.zeros(7, int))
    found = sum_markup_vectors(shifted(table), scale, markup)
    for line, count in enumerate(counts.tolist()):
        rows = table[hashes[first[line] : first[line + 1]]].astype(np.float64)
        expected = rows.sum(axis=0) * scale / np.sqrt(max(count, 1))
        np.testing.assert_allclose(found[line], expected, rtol=1e-6)


def test_quantising_a_table_moves_no_number_by_more_than_half_a_step() -> None:
    table = np.random.default_rng(1).normal(0, 0.3, (1000, NGRAM_SIZE)).astype(np.float32)
    table[:, 1] = 0  # a column without any size
    whole, scale = quantised(table)
    assert whole.dtype == np.int8
    assert (np.abs(whole * scale - table) <= scale * 0.5001).all()
