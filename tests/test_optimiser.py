"""Optimisers, against plain loops over single numbers by the formulas of their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter.training.optimiser import Adagrad, Adam, Average

SHAPES = {"in_w": (3, 2), "in_b": (2,), "mean0_u": (2, 2), "mean0_c": (2,)}


def random_arrays(rng: np.random.Generator, size: float) -> dict[str, np.ndarray]:
    return {name: rng.normal(0, size, shape).astype(np.float32) for name, shape in SHAPES.items()}


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}


# --- Adam ---


def slow_adam(
    start: float, gradients: list[float], rates: list[float], decay: float
) -> list[float]:
    """One number's way: algorithm 1 of Kingma and Ba (2015), with decay beside its steps."""
    beta1, beta2, epsilon = 0.9, 0.998, 1e-8
    value, m, v, way = start, 0.0, 0.0, []
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        value -= rate * (m_hat / (math.sqrt(v_hat) + epsilon) + decay * value)
        way.append(value)
    return way


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 0.3, 5.0]), st.integers(1, 25))
def test_adam_is_that_of_the_plain_loop(seed: int, size: float, steps: int) -> None:
    rng = np.random.default_rng(seed)
    start = random_arrays(rng, 1)
    gradients = [random_arrays(rng, size) for _ in range(steps)]
    rates = rng.uniform(1e-4, 1e-2, steps).tolist()
    weights = copies(start)
    adam = Adam(weights)
    ways = []
    for gradient, rate in zip(gradients, rates, strict=True):
        adam.step(copies(gradient), rate)
        ways.append(copies(weights))
    # all numbers of a step together are clipped to a norm of 1
    norms = [math.sqrt(sum(float((g * g).sum()) for g in one.values())) for one in gradients]
    clips = [min(1.0, 1 / norm) for norm in norms]
    for name, array in start.items():
        decay = 1e-4 if name == "in_w" else 0.0
        for place in np.ndindex(array.shape):
            seen = [
                float(one[name][place]) * clip for one, clip in zip(gradients, clips, strict=True)
            ]
            expected = slow_adam(float(array[place]), seen, rates, decay)
            found = [float(way[name][place]) for way in ways]
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient() -> None:
    weights = {"in_b": np.zeros(3, np.float32)}
    Adam(weights).step({"in_b": np.array([1e-3, -0.2, 50], np.float32)}, 0.01)
    assert weights["in_b"] == pytest.approx([-0.01, 0.01, -0.01], rel=1e-3)


def test_without_a_gradient_nothing_moves_but_what_decays() -> None:
    weights = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    Adam(weights).step({name: np.zeros_like(array) for name, array in weights.items()}, 0.1)
    assert weights.pop("in_w") == pytest.approx(np.full((3, 2), 1 - 0.1 * 1e-4))
    assert all((array == 1).all() for array in weights.values())


# --- Adagrad ---


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 20))
def test_adagrad_is_that_of_the_plain_loop_and_touches_its_rows_alone(
    seed: int, steps: int
) -> None:
    rng = np.random.default_rng(seed)
    start = rng.normal(0, 1, (12, 4)).astype(np.float32)
    table = start.copy()
    adagrad = Adagrad(table)
    expected: list[list[float]] = start.tolist()
    squared = [1e-8] * 12
    touched: set[int] = set()
    for _ in range(steps):
        rows = np.flatnonzero(rng.random(12) < 0.3)
        rate = float(rng.uniform(0.01, 0.1))
        gradient = rng.normal(0, 0.5, (rows.size, 4)).astype(np.float32)
        adagrad.step(rows, gradient.copy(), rate)
        for row, moves in zip(rows.tolist(), gradient.tolist(), strict=True):
            touched.add(row)
            squared[row] += sum(g * g for g in moves) / 4
            scale = rate / math.sqrt(squared[row])
            expected[row] = [
                value - scale * g for value, g in zip(expected[row], moves, strict=True)
            ]
    for row in range(12):
        if row in touched:
            assert table[row].tolist() == pytest.approx(expected[row], rel=1e-4, abs=1e-5)
        else:
            assert np.array_equal(table[row], start[row])


def test_a_row_that_was_moved_often_moves_less_and_the_others_as_far_as_ever() -> None:
    table = np.zeros((2, 4), np.float32)
    adagrad = Adagrad(table)
    gradient = np.ones((1, 4), np.float32)
    for _ in range(9):
        adagrad.step(np.array([0]), gradient, 0.1)
    before = table.copy()
    adagrad.step(np.array([0, 1]), np.ones((2, 4), np.float32), 0.1)
    often, once = np.abs(table - before).max(axis=1).tolist()
    assert often == pytest.approx(0.1 / math.sqrt(10), rel=1e-4)
    assert once == pytest.approx(0.1, rel=1e-4)


# --- the running average ---


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(10, 60), st.sampled_from([0.15, 0.5]))
def test_the_average_is_that_of_the_plain_loop(seed: int, steps: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    weights = random_arrays(rng, 1)
    average = Average(weights, share, steps)
    expected = {name: array.astype(np.float64) for name, array in weights.items()}
    part = 1 / (share * steps)
    for step in range(1, steps + 1):
        for name, array in weights.items():
            array += rng.normal(0, 0.1, array.shape).astype(np.float32)  # in place, as Adam does
            # of the first tenth, only the last weights count
            new = 1.0 if step <= steps / 10 else part
            expected[name] = (1 - new) * expected[name] + new * array
        average.add(weights, step)
    for name, array in average.weights.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-4)


def test_the_average_of_weights_that_stay_is_these_weights() -> None:
    weights = random_arrays(np.random.default_rng(2), 1)
    average = Average(weights, 0.2, 50)
    for step in range(1, 51):
        average.add(weights, step)
    for name, array in weights.items():
        assert np.array_equal(average.weights[name], array)
        assert not np.shares_memory(average.weights[name], array)
