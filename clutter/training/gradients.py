"""The gradients of the network: the backward pass.

They are derived by hand, layer by layer, in the reverse order of ``network.forward``, from the
values that it records on a tape. A test compares them with finite differences.
"""

from __future__ import annotations

import numpy as np

from clutter.features import Floats
from clutter.network import BLOCKS, DILATIONS, Layout


def backward(
    weights: dict[str, Floats],
    tape: list[tuple[Floats, ...]],
    layout: Layout,
    error: Floats,
    dropout: tuple[Floats, Floats],
) -> tuple[dict[str, Floats], Floats]:
    """Gradients of all weights, by name, and of the network's input (lines, inputs).

    ``tape`` is that of the forward pass, ``dropout`` the two masks (lines, hidden) used there.
    ``error`` (lines, labels) is the gradient of the loss by the scores before the softmax.
    """
    gradients: dict[str, Floats] = {}
    (last,) = tape[-1]
    gradients["out_w"], gradients["out_b"] = last.T @ error, error.sum(axis=0)
    back: Floats = error @ weights["out_w"].T * dropout[1]
    for (kind, i), record in zip(reversed(BLOCKS), reversed(tape[1:-1]), strict=True):
        seen, update = record[0], record[-1]
        name = f"{kind}{i}"
        inner: Floats = back * (update > 0)
        gradients[f"{name}_w"], gradients[f"{name}_b"] = seen.T @ inner, inner.sum(axis=0)
        inner = inner @ weights[f"{name}_w"].T
        if kind == "conv":
            back = back + _neighbours_back(inner, DILATIONS[i], layout)
        else:
            h, summary = record[1], record[2]
            inner = _running_means_back(inner, layout) * (summary > 0)
            gradients[f"{name}_u"], gradients[f"{name}_c"] = h.T @ inner, inner.sum(axis=0)
            back = back + inner @ weights[f"{name}_u"].T
    x, h = tape[0]
    back = back * dropout[0]
    back *= h > 0
    gradients["in_w"], gradients["in_b"] = x.T @ back, back.sum(axis=0)
    return gradients, back @ weights["in_w"].T


def _neighbours_back(back: Floats, distance: int, layout: Layout) -> Floats:
    hidden = back.shape[1] // 3
    out = back[:, hidden : 2 * hidden].copy()
    above, below = back[:, :hidden], back[:, 2 * hidden :]
    above[layout.top[distance]] = 0
    below[layout.bottom[distance]] = 0
    out[:-distance] += above[distance:]
    out[distance:] += below[:-distance]
    return out


def _running_means_back(back: Floats, layout: Layout) -> Floats:
    half = back.shape[1] // 2
    above, below = back[:, :half] / layout.before, back[:, half:] / layout.after
    begin, end = layout.sections[layout.section], layout.sections[layout.section + 1]
    total = np.zeros((back.shape[0] + 1, half))
    np.cumsum(above, axis=0, dtype=np.float64, out=total[1:])
    out = total[end] - total[:-1]
    np.cumsum(below, axis=0, dtype=np.float64, out=total[1:])
    out += total[1:] - total[begin]
    return out.astype(np.float32)
