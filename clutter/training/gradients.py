"""The gradients of the network: the backward pass.

They are derived by hand, layer by layer, in the reverse order of ``network.forward``, from the
values that it records on a tape. A test compares them with finite differences.
"""

from __future__ import annotations

import numpy as np

from clutter.features import Floats
from clutter.network import DILATIONS, Layout, Outputs, blocks, group_means


def backward(
    weights: dict[str, Floats],
    tape: list[tuple[Floats, ...]],
    layout: Layout,
    error: Outputs,
    dropout: tuple[Floats, Floats],
) -> tuple[dict[str, Floats], Floats]:
    """Gradients of all weights, by name, and of the network's input (lines, inputs).

    ``tape`` is that of the forward pass, ``dropout`` the two masks (lines, hidden) used there.
    ``error`` is the gradient of the loss by the scores of all outputs, before softmax and sigmoid.
    """
    gradients: dict[str, Floats] = {}
    last, u, page = tape[-1]
    gradients["out_w"], gradients["out_b"] = last.T @ error.labels, error.labels.sum(axis=0)
    main = error.main[:, None]
    gradients["main_w"], gradients["main_b"] = last.T @ main, main.sum(axis=0)
    gradients["kind_w"], gradients["kind_b"] = page.T @ error.kinds, error.kinds.sum(axis=0)
    by_line = _page_summary_back(error.kinds @ weights["kind_w"].T, u, page, layout) * (u > 0)
    gradients["kind_u"], gradients["kind_c"] = last.T @ by_line, by_line.sum(axis=0)
    back: Floats = error.labels @ weights["out_w"].T
    back += main @ weights["main_w"].T
    back += by_line @ weights["kind_u"].T
    back *= dropout[1]
    layers = blocks("group0_w" in weights)
    for (kind, i), record in zip(reversed(layers), reversed(tape[1:-1]), strict=True):
        seen, update = record[0], record[-1]
        name = f"{kind}{i}"
        inner: Floats = back * (update > 0)
        gradients[f"{name}_w"], gradients[f"{name}_b"] = seen.T @ inner, inner.sum(axis=0)
        inner = inner @ weights[f"{name}_w"].T
        if kind == "conv":
            back = back + _neighbours_back(inner, DILATIONS[i], layout)
        else:
            h, summary = record[1], record[2]
            # the mean of a group is the same sum for each of its lines: its gradient is a mean too
            means_back = _running_means_back if kind == "mean" else group_means
            inner = means_back(inner, layout) * (summary > 0)
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


def _page_summary_back(back: Floats, u: Floats, page: Floats, layout: Layout) -> Floats:
    """The gradient of ``page_summary``: that of a maximum goes to the lines that have it."""
    half = back.shape[1] // 2
    size = np.diff(layout.sections)[layout.section, None]
    out: Floats = back[layout.section, :half] / size.astype(back.dtype)
    out += back[layout.section, half:] * (u == page[layout.section, half:])
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
