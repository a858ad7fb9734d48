"""The gradients of the network, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from clutter import LABELS
from clutter.network import Layout, Outputs, forward, weight_shapes
from clutter.training.gradients import backward


def random_network(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, Layout]:
    """Weights, inputs and sections of one, three and forty lines, in double precision; lines have
    one of nine groups."""
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(4, 2, 5, 3)
    weights = {name: rng.normal(0, 0.4, shape) for name, shape in shapes.items()}
    for name in ("main_w", "kind_w"):  # no probability so close to 0 or 1 that its logarithm is inf
        weights[name] *= 0.02
    layout = Layout(np.array([0, 1, 4, 44]), rng.integers(0, 9, 44))
    return weights, rng.normal(0, 1, (44, len(weights["in_w"]))), layout


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(seed: int) -> None:
    weights, x, layout = random_network(seed)
    rng = np.random.default_rng(seed + 100)
    target = Outputs(
        rng.dirichlet(np.ones(len(LABELS)), 44), rng.random(44), rng.dirichlet(np.ones(7), 3)
    )
    weight = rng.random(44)
    one, two = ((rng.random((44, 5)) > 0.2) / 0.8 for _ in range(2))
    dropout = (one, two)

    def loss() -> float:
        guess = forward(weights, x, layout, [], dropout)
        main = target.main * np.log(guess.main) + (1 - target.main) * np.log(1 - guess.main)
        by_line = (target.labels * np.log(guess.labels)).sum(axis=1) + main
        return float(-(by_line * weight).sum() - (target.kinds * np.log(guess.kinds)).sum())

    tape: list[tuple[np.ndarray, ...]] = []
    guess = forward(weights, x, layout, tape, dropout)
    error = Outputs(
        (guess.labels - target.labels) * weight[:, None],
        (guess.main - target.main) * weight,
        guess.kinds - target.kinds,
    )
    gradients, by_input = backward(weights, tape, layout, error, dropout)
    assert gradients.keys() == weights.keys()

    step = 1e-6
    for name, array in (*weights.items(), ("input", x)):
        gradient = by_input if name == "input" else gradients[name]
        assert gradient.shape == array.shape
        # a few numbers one by one, and all of them along a random direction
        moves = [rng.normal(0, 1, array.shape)]
        for place in rng.integers(0, array.size, 4):
            moves.append(np.zeros(array.shape))
            moves[-1].flat[place] = 1
        kept = array.copy()
        for move in moves:
            array[...] = kept + step * move
            above = loss()
            array[...] = kept - step * move
            below = loss()
            array[...] = kept
            slope = (above - below) / (2 * step)
            assert (gradient * move).sum() == pytest.approx(slope, rel=1e-4, abs=1e-5), name


def test_lines_of_other_sections_have_no_part_in_the_gradient() -> None:
    weights, x, layout = random_network(7)
    dropout = (np.ones((44, 5)), np.ones((44, 5)))
    tape: list[tuple[np.ndarray, ...]] = []
    error = forward(weights, x, layout, tape, dropout)
    for part in error[:2]:  # only the second section's lines are wrong
        part[:1] = part[4:] = 0
    error.kinds[[0, 2]] = 0
    _, by_input = backward(weights, tape, layout, error, dropout)
    assert np.abs(by_input[[0, *range(4, 44)]]).max() < 1e-6
    assert np.abs(by_input[1:4]).max() > 1e-3
