"""The optimisers: Adam for the weights, Adagrad for the tables of vectors.

To use another optimiser, add a class with the same ``step`` here and name it in fit.py.
"""

from __future__ import annotations

import numpy as np

from clutter.features import Floats, Ints


class Adam:
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980). The norm of all gradients together is clipped
    to 1. Arrays whose name ends in ``_w`` have weight decay. ``weights`` are changed in place."""

    def __init__(self, weights: dict[str, Floats]) -> None:
        self.weights = weights
        self.steps = 0
        self._first = {name: np.zeros_like(array) for name, array in weights.items()}
        self._second = {name: np.zeros_like(array) for name, array in weights.items()}

    def step(self, gradients: dict[str, Floats], rate: float) -> None:
        """Move every weight against its gradient. ``gradients`` are changed in place too."""
        self.steps += 1
        norm = np.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
        for name, gradient in gradients.items():
            first, second, weight = self._first[name], self._second[name], self.weights[name]
            gradient *= min(1.0, 1 / max(norm, 1e-12))
            first += 0.1 * (gradient - first)
            second += 0.002 * (gradient * gradient - second)
            move = first / (1 - 0.9**self.steps)
            move /= np.sqrt(second / (1 - 0.998**self.steps)) + 1e-8
            if name.endswith("_w"):
                move += 1e-4 * weight
            weight -= np.float32(rate) * move


class Adagrad:
    """Adagrad with one rate per row (Duchi et al., 2011), for tables of which each step uses only a
    few rows. ``table`` (rows, size) is changed in place."""

    def __init__(self, table: Floats) -> None:
        self.table = table
        self._squared = np.full(len(table), 1e-8, np.float32)

    def step(self, rows: Ints, gradient: Floats, rate: float) -> None:
        """Move the rows with these numbers against their ``gradient`` (rows, size)."""
        self._squared[rows] += (gradient * gradient).mean(axis=1)
        scale = np.sqrt(self._squared[rows])[:, None]
        self.table[rows] -= np.float32(rate) * gradient / scale


class Average:
    """A running average of the weights over the last ``share`` of all steps (Polyak and Juditsky,
    1992). It is the result of a training."""

    def __init__(self, weights: dict[str, Floats], share: float, steps: int) -> None:
        self.weights = {name: array.copy() for name, array in weights.items()}
        self._kept = 1 - 1 / (share * steps)
        self._begin = steps / 10

    def add(self, weights: dict[str, Floats], step: int) -> None:
        """Add the weights after a step; steps count from 1."""
        kept = self._kept if step > self._begin else 0.0
        for name, array in weights.items():
            self.weights[name] += np.float32(1 - kept) * (array - self.weights[name])
