"""The training script: labelled pages -> Model.

Labelled pages are few and sites differ, so everything here is about learning the
kind and not the site:

- Pages are cut down at random, the way extractors cut them: runs of clutter go,
  sometimes the headline, sometimes a page's top or end.
- N-grams are dropped at random, for some pages all of them, so that the model also
  learns to read a page by its shape, as it must in a language it does not know.
- Two models, each trained on half of the sites, say how well unseen sites are read, and
  are teachers: what the one that has not seen a page says of a line softens its label
  (distillation, Hinton et al., 2015, arXiv:1503.02531), so that doubtful and wrong labels
  weigh less and the model is nearly as sure as it may be. The rest is temperature scaling
  (Guo et al., 2017, arXiv:1706.04599).

A few pages of a new site are learned by tuning a model that exists. Its network stays and
the n-gram vectors alone are trained on (as Artetxe et al., 2020, arXiv:1910.11856, bring a
network to a new language), since what is new about a site is its wording; the base's own
answers soften the labels (Li and Hoiem, 2016, arXiv:1606.09282), so that what it knew is
moved no further than needed.

The network (model.py) is trained by Adam (Kingma and Ba, 2015, arXiv:1412.6980), its
n-gram table by Adagrad with one rate a row (Duchi et al., 2011), with dropout
(Srivastava et al., 2014) and a running average of the weights, which is what is
kept (Polyak and Juditsky, 1992). Gradients are worked out by hand below, layer by
layer, in the reverse order of ``model.forward``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import scipy.sparse
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from clutter import corpus, features
from clutter.corpus import CorpusError
from clutter.features import BUCKET_BITS, Features, Floats, Ints
from clutter.labelled import LabelledError, LabelledPage, read_all
from clutter.markup import MARK_BITS, N_CUES, Markup, joined, markless
from clutter.model import (
    BLOCKS,
    DILATIONS,
    GROUP,
    Layout,
    Model,
    ModelError,
    forward,
    load,
    quantised,
    weight_shapes,
)
from clutter.page import LABELS

Tell = Callable[[str], None]

VECTOR, MARKS, HIDDEN, SUMMARY = 16, 24, 80, 40
"""Sizes of the vectors of an n-gram and of a mark, of a line's state and of the running means."""

RATE, TABLE_RATE = 2e-3, 0.05
STATE_DROPOUT, NGRAM_DROPOUT, PAGE_DROPOUT = 0.2, 0.3, 0.25
"""Shares dropped: of a state's numbers, of n-grams, of pages that lose all n-grams."""

MARK_DROPOUT, MARKLESS = 0.2, 0.1
"""Shares dropped: of marks, and of pages with markup that lose all their marks."""

AVERAGED = 0.15
"""Share of all steps that the running average of the weights looks back over."""

STEP_LINES = 6000
"""Lines seen in one step of training, or fewer where there are few pages."""

EPOCHS = 60
MOST_STEPS, TEACHER_SHARE = 2000, 0.5
MARKED_MOST_STEPS, MARKED_TEACHER_SHARE = 3200, 0.35
"""Steps of a network for text, and of one that learns from HTML too; a teacher's share of
them."""

SOFTENED = 0.35
"""Share of a label that a perfect teacher's guess would take over; a teacher takes its own
macro F1 of that."""

TEMPERATURE = 1.25
"""What the final scores are divided by. Softened labels leave the model a little too sure;
chosen on dev sites, where it lowers the calibration error."""

TUNE_RATE, TUNE_STEPS, TUNE_EPOCHS, TUNE_SOFTENED = 0.02, 60, 7.5, 0.15
"""Tuning of a model: the n-gram vectors' rate, the least steps, how often each line is seen
where there are many, and the share of a label that the base's guess takes over. Chosen on
sites of the corpus with many pages, by what is won there and lost on dev sites."""

CROP = 1500
"""Lines of a longer page that one step sees."""

VIEW_WEIGHT = 0.35
"""How often a half-cleaned view is drawn, a labelled page being 1."""

_BODY, _TITLE = LABELS.index("body"), LABELS.index("title")


class TrainingError(ValueError):
    """Labelled pages that nothing can be learned from, and why."""


@dataclass(frozen=True)
class Sample:
    """A page to learn from: its non-blank lines, for each the probability of every label
    (lines, labels) and how much it counts (lines,), and how the page is drawn."""

    site: str
    lines: list[str]
    target: Floats
    weight: Floats
    draw: float = 1.0
    whole: bool = True
    markup: Markup | None = None
    page: str = ""


@dataclass(frozen=True)
class Fit:
    """The arrays of a trained network: what a Model is made of. ``base`` is the
    model it was tuned from, if it was."""

    table: Floats
    marks: Floats
    weights: dict[str, Floats]
    base: Model | None = None

    def model(self) -> Model:
        scales = (None, None) if self.base is None else (self.base.scale, self.base.marks_scale)
        return Model(
            *quantised(self.table, scales[0]), *quantised(self.marks, scales[1]), self.weights
        )


# --- pages -> samples ---


def sample(
    site: str,
    lines: Sequence[str],
    labels: Sequence[str],
    draw: float = 1.0,
    whole: bool = True,
    markup: Markup | None = None,
    page: str = "",
) -> Sample:
    """A sample of a page's non-blank lines; lines labelled "?" count nothing."""
    found = features.split(["\n".join(lines)])
    rows = found.number - 1
    target = np.zeros((len(rows), len(LABELS)), np.float32)
    weight = np.zeros(len(rows), np.float32)
    for i, row in enumerate(rows.tolist()):
        if labels[row] in LABELS:
            target[i, LABELS.index(labels[row])] = 1
            weight[i] = 1
    marks = None if markup is None else markup.take(rows)
    text = [lines[row] for row in rows.tolist()]
    return Sample(site, text, target, weight, draw, whole, marks, page)


def marked_sample(page: LabelledPage) -> Sample | None:
    """A sample of the HTML that a page's head names; None where it names none."""
    found = corpus.from_html(page)
    if found is None:
        return None
    cut, markup = found
    return sample(cut.site, cut.lines, cut.labels, whole=False, markup=markup, page=cut.name)


# --- samples -> a network ---


def cut_down(page: Sample, rng: np.random.Generator) -> Ints:
    """The lines of a page that a step sees: all of them, or what an extractor might leave."""
    count = len(page.lines)
    choice = rng.random()
    keep = np.ones(count, bool)
    label = np.where(page.weight > 0, page.target.argmax(axis=1), -1)
    if page.whole and choice < 0.3:
        # runs of clutter stay or go together, as blocks of a page do
        ends = (label[1:] != label[:-1]) | (rng.random(count - 1) < 0.08)
        run = np.concatenate(([0], np.cumsum(ends)))
        stays = rng.random(run[-1] + 1) < rng.choice([0.1, 0.25, 0.5, 0.8])
        keep = (label == _BODY) | (label == _TITLE) | stays[run]
        if rng.random() < 0.3:
            keep &= label != _TITLE
        if keep.sum() < 2:
            keep[:] = True
    elif count > 40 and choice < 0.45:
        first = rng.integers(0, count // 3)
        keep[:first] = False
        keep[count - rng.integers(0, count // 3) :] = False
    rows = np.flatnonzero(keep)
    if rows.size > CROP:
        first = rng.integers(0, rows.size - CROP)
        rows = rows[first : first + CROP]
    return rows


def _features(texts: list[str]) -> Features:
    """Features of many pages, found a few pages at a time, as in inference."""
    lines = features.split(texts).lines
    size = np.cumsum(lines.end - lines.start)[lines.sections[1:] - 1]
    cuts = np.unique(np.searchsorted(size, np.arange(0, size[-1], GROUP))).tolist()
    bounds = itertools.pairwise([*cuts, size.size])
    parts = [features.features(lines.part(a, b)) for a, b in bounds]
    starts = np.cumsum([0] + [part.first[-1] for part in parts])
    return Features(
        np.concatenate([part.buckets for part in parts], axis=1),
        np.concatenate(
            [[0]] + [part.first[1:] + start for part, start in zip(parts, starts, strict=False)]
        ),
        np.concatenate([part.shape for part in parts]),
        lines.sections,
    )


def initial_weights(rng: np.random.Generator, marks: int) -> dict[str, Floats]:
    """Random weights (He et al., 2015, arXiv:1502.01852), halved where sums add up."""
    weights = {}
    for name, shape in weight_shapes(VECTOR, marks, HIDDEN, SUMMARY, len(LABELS)).items():
        if len(shape) == 1:
            weights[name] = np.zeros(shape, np.float32)
            continue
        scale = np.sqrt(2 / shape[0])
        if name.endswith("_w") and name != "in_w":
            scale /= 2
        weights[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return weights


def backward(
    weights: dict[str, Floats],
    tape: list[tuple[Floats, ...]],
    layout: Layout,
    error: Floats,
    dropout: tuple[Floats, Floats],
) -> tuple[dict[str, Floats], Floats]:
    """Gradients of every weight and of the network's input, from a forward pass's tape.

    ``error`` (lines, labels) is the loss's gradient by the scores before the softmax.
    """
    gradients: dict[str, Floats] = {}
    (last,) = tape[-1]
    gradients["out_w"], gradients["out_b"] = last.T @ error, error.sum(axis=0)
    back: Floats = error @ weights["out_w"].T * dropout[1]
    for (kind, i), record in zip(reversed(BLOCKS), reversed(tape[1:-1]), strict=True):
        seen, found = record[0], record[-1]
        name = f"{kind}{i}"
        inner: Floats = back * (found > 0)
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


def fit(
    samples: Sequence[Sample], steps: int, seed: int, tell: Tell, base: Model | None = None
) -> Fit:
    """Train a network on samples for a number of steps; the same seed gives the same.

    With a ``base``, it is that model's network, and the vectors of n-grams and marks alone
    learn: those that the samples do not hold stay what they are, bit for bit.
    """
    rng = np.random.default_rng(seed)
    if base is None:
        table_rate, page_dropout = TABLE_RATE, PAGE_DROPOUT
        mark = MARKS if any(page.markup is not None for page in samples) else 0
        weights = initial_weights(rng, mark)
        table = (rng.standard_normal((1 << BUCKET_BITS, VECTOR)) * 0.01).astype(np.float32)
        marks = (rng.standard_normal((1 << MARK_BITS, mark)) * 0.01).astype(np.float32)
        some = rng.permutation(len(samples))[:300]
        shape = _features(["\n".join(samples[i].lines) for i in some]).shape
        mean, scale = shape.mean(axis=0), (1 / (shape.std(axis=0) + 0.05)).astype(np.float32)
    else:
        table_rate, page_dropout = TUNE_RATE, 0.0
        weights = dict(base.weights)
        mean, scale = weights.pop("shape_mean"), weights.pop("shape_scale")
        table = np.multiply(base.table, base.scale, dtype=np.float32)
        marks = np.multiply(base.marks, base.marks_scale, dtype=np.float32)
    draw = np.cumsum([page.draw for page in samples])
    lines = step_lines(samples)
    rows_squared = np.full(len(table), 1e-8, np.float32)
    marks_squared = np.full(len(marks), 1e-8, np.float32)
    first = {name: np.zeros_like(array) for name, array in weights.items()}
    second = {name: np.zeros_like(array) for name, array in weights.items()}
    average = {name: array.copy() for name, array in weights.items()}
    loss, begun, told = 0.0, time.monotonic(), time.monotonic()
    for step in range(1, steps + 1):
        pages: list[tuple[Sample, Ints]] = []
        while sum(rows.size for _, rows in pages) < lines:
            page = samples[int(np.searchsorted(draw, rng.random() * draw[-1], side="right"))]
            pages.append((page, cut_down(page, rng)))
        found = _features(["\n".join([page.lines[i] for i in rows]) for page, rows in pages])
        target = np.concatenate([page.target[rows] for page, rows in pages])
        weight = np.concatenate([page.weight[rows] for page, rows in pages])
        weight /= max(weight.sum(), 1)
        wordless = np.repeat(rng.random(len(pages)) < page_dropout, [r.size for _, r in pages])
        sums, used = _ngram_sums(found, rng)
        per_line = np.sqrt(np.diff(found.first) * len(features.ORDERS)) * (1 - NGRAM_DROPOUT)
        per_line = (~wordless / per_line).astype(np.float32)[:, None]
        x = np.concatenate(
            ((sums @ table[used]) * per_line, ((found.shape - mean) * scale).clip(-5, 5)), axis=1
        )
        if marks.shape[1]:
            markup, marked = _markup(pages, rng)
            mark_sums, marks_used = _mark_sums(markup, rng)
            size = np.sqrt(np.maximum(np.diff(markup.first), 1)) * (1 - MARK_DROPOUT)
            per_mark: Floats = (1 / size).astype(np.float32)[:, None]
            vectors = (mark_sums @ marks[marks_used]) * per_mark
            x = np.concatenate((x, vectors, markup.cues, marked[:, None]), axis=1)
        masks = [
            (rng.random((len(x), weights["in_b"].size), np.float32) > STATE_DROPOUT)
            / np.float32(1 - STATE_DROPOUT)
            for _ in range(2)
        ]
        dropout = (masks[0], masks[1])
        layout = Layout(found.sections)
        tape: list[tuple[Floats, ...]] = []
        guess = forward(weights, x, layout, tape, dropout)
        now = float(-((target * np.log(guess + 1e-9)).sum(axis=1) * weight).sum())
        loss = now if step == 1 else 0.98 * loss + 0.02 * now
        error = (guess - target) * weight[:, None]
        gradients, back = backward(weights, tape, layout, error, dropout)
        # Adam with a warm start, a cosine's decay and clipped gradients
        pace = min(1.0, step / 100) * (0.515 + 0.485 * np.cos(np.pi * step / steps))
        if base is None:
            norm = np.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
            for name, gradient in gradients.items():
                gradient *= min(1.0, 1 / max(norm, 1e-12))
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.002 * (gradient * gradient - second[name])
                move = first[name] / (1 - 0.9**step)
                move /= np.sqrt(second[name] / (1 - 0.998**step)) + 1e-8
                if name.endswith("_w"):
                    move += 1e-4 * weights[name]
                weights[name] -= np.float32(RATE * pace) * move
                kept = 1 - 1 / (AVERAGED * steps) if step > steps / 10 else 0.0
                average[name] += np.float32(1 - kept) * (weights[name] - average[name])
        change = sums.T @ (back[:, : table.shape[1]] * per_line)
        rows_squared[used] += (change * change).mean(axis=1)
        table[used] -= np.float32(table_rate * pace) * change / np.sqrt(rows_squared[used])[:, None]
        if marks.shape[1] and marks_used.size:
            place = table.shape[1] + features.N_SHAPE
            change = mark_sums.T @ (back[:, place : place + marks.shape[1]] * per_mark)
            marks_squared[marks_used] += (change * change).mean(axis=1)
            step_size = np.float32(table_rate * pace) / np.sqrt(marks_squared[marks_used])
            marks[marks_used] -= step_size[:, None] * change
        if time.monotonic() - told > 10 or step == steps:
            told = time.monotonic()
            left = (told - begun) / step * (steps - step)
            tell(f"step {step} of {steps}, loss {loss:.3f}, {left:.0f} s left")
    weights = average | {"shape_mean": mean, "shape_scale": scale}
    return Fit(table, marks, weights, base)


def _markup(
    pages: Sequence[tuple[Sample, Ints]], rng: np.random.Generator
) -> tuple[Markup, Floats]:
    """The markup of a step's lines, none for pages without it, some pages losing all their
    marks; and for each line whether it has any."""
    parts = []
    marked = []
    for page, rows in pages:
        if page.markup is None:
            parts.append(markless(np.zeros((rows.size, N_CUES), np.float32)))
        else:
            part = page.markup.take(rows)
            if rng.random() < MARKLESS:
                part = markless(part.cues)
            parts.append(part)
        marked.append(np.full(rows.size, page.markup is not None, np.float32))
    return joined(parts), np.concatenate(marked)


def _mark_sums(markup: Markup, rng: np.random.Generator) -> tuple[scipy.sparse.csr_matrix, Ints]:
    """A matrix (lines, used buckets) of which marks each line has, some dropped at random, and
    which buckets its columns are."""
    used, column = np.unique(markup.buckets, return_inverse=True)
    data = (rng.random(column.size, np.float32) >= MARK_DROPOUT).astype(np.float32)
    matrix = scipy.sparse.csr_matrix(
        (data, column, markup.first), shape=(markup.first.size - 1, used.size)
    )
    return matrix, used


def _ngram_sums(found: Features, rng: np.random.Generator) -> tuple[scipy.sparse.csr_matrix, Ints]:
    """A matrix (lines, used buckets) of which n-grams each line has, some dropped at
    random, and which buckets its columns are."""
    index = found.buckets.T.ravel()
    data = (rng.integers(0, 256, index.size, dtype=np.uint8) >= int(NGRAM_DROPOUT * 256)).astype(
        np.float32
    )
    is_used = np.zeros(1 << BUCKET_BITS, bool)
    is_used[index] = True
    used = np.flatnonzero(is_used)
    column = np.cumsum(is_used, dtype=np.int32) - 1
    bounds = found.first * len(features.ORDERS)
    matrix = scipy.sparse.csr_matrix(
        (data, column[index], bounds), shape=(found.first.size - 1, used.size)
    )
    return matrix, used


def step_lines(samples: Sequence[Sample]) -> int:
    """Lines a step: fewer where there are few pages, so that there are steps enough."""
    total = sum(len(page.lines) for page in samples)
    return int(np.clip(total / 8, 500, STEP_LINES))


def how_many_steps(samples: Sequence[Sample], most: int = MOST_STEPS) -> int:
    """Steps that see each line some sixty times, within bounds."""
    total = sum(len(page.lines) for page in samples)
    return int(np.clip(EPOCHS * total / step_lines(samples), 200, most))


def tuning_steps(samples: Sequence[Sample]) -> int:
    """Steps of tuning: few, since each takes the model further from its base."""
    total = sum(len(page.lines) for page in samples)
    return max(TUNE_STEPS, int(TUNE_EPOCHS * total / step_lines(samples)))


# --- the whole of it ---


def train(
    pages: Sequence[LabelledPage],
    views: Sequence[LabelledPage] = (),
    seed: int = 0,
    jobs: int = 1,
    tell: Tell = lambda message: None,
) -> Model:
    """Train a model: a network for plain text and, where pages name their HTML, another that
    reads both.

    ``views`` are half-cleaned copies of pages, which count less. ``jobs`` processes are used
    where there is work for several; it does not change the result.

    Raises TrainingError where there are too few labelled lines or sites.
    """
    plain = _labelled_samples(pages)
    marked = _marked_samples(pages)
    cleaned = _labelled_samples(views, VIEW_WEIGHT, whole=False)
    shares = (MOST_STEPS, TEACHER_SHARE)
    model = _network(plain + cleaned, *shares, seed, jobs, tell)
    if marked:
        tell(f"and from the HTML of {len(marked)} pages")
        shares = (MARKED_MOST_STEPS, MARKED_TEACHER_SHARE)
        model.html = _network(plain + marked + cleaned, *shares, seed, jobs, tell)
    model.about |= {
        "pages": {"labelled": len(plain), "views": len(cleaned), "html": len(marked)},
        "languages": sorted({page.lang for page in pages}),
        "seed": seed,
    }
    return model


def _network(
    known: list[Sample], most: int, teacher_share: float, seed: int, jobs: int, tell: Tell
) -> Model:
    sites = sorted({page.site for page in known})
    labels = sum(int(page.weight.sum()) for page in known)
    if len(sites) < 2 or labels < 100:
        raise TrainingError(
            f"{labels} labelled lines of {len(sites)} site(s): training takes at least 100 lines "
            "of 2 sites (a page's site is the host of its '# url:' line)"
        )
    tell(f"{len(known)} pages of {len(sites)} sites, {labels} labelled lines")

    groups = [sites.index(page.site) for page in known]
    folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(known, groups=groups))
    steps = max(200, int(how_many_steps(known, most) * teacher_share))
    halves = [[known[i] for i in seen] for seen, _ in folds]
    tasks = [(half, steps, seed + 1 + fold) for fold, half in enumerate(halves)]
    teachers = _fit_all(tasks, jobs, "fold", tell)
    guesses: dict[int, Floats] = {}
    for teacher, (_, left) in zip(teachers, folds, strict=True):
        found = _guesses(teacher, [known[i] for i in left])
        guesses |= dict(zip(left.tolist(), found, strict=True))
    scores = _held_out(known, [guesses[i] for i in range(len(known))])
    tell(
        f"on sites not trained on: accuracy {scores['accuracy']:.3f}, "
        f"macro F1 {scores['macro_f1']:.3f} (models of half the sites)"
    )
    share = np.float32(SOFTENED * scores["macro_f1"])
    known = [
        replace(page, target=(1 - share) * page.target + share * guesses[i])
        for i, page in enumerate(known)
    ]
    (model,) = _fit_all([(known, how_many_steps(known, most), seed)], jobs, "model", tell)
    for name in ("out_w", "out_b"):
        model.weights[name] /= TEMPERATURE
    model.about |= {
        "labelled_lines": labels,
        "sites": len(sites),
        "held_out_by_site": scores,
    }
    return model


def tune(
    base: Model,
    pages: Sequence[LabelledPage],
    seed: int = 0,
    jobs: int = 1,
    tell: Tell = lambda message: None,
) -> Model:
    """A model that starts from ``base`` and learns a few pages more, of a new site say; from
    their HTML too, where they name it.

    What keeps it from forgetting the rest is said in ``fit`` and above. Where there are
    several pages, it is told first how tuning on half of them reads the other half.

    Raises TrainingError where no line is labelled.
    """
    plain = _labelled_samples(pages)
    marked = _marked_samples(pages)
    if not plain:
        raise TrainingError(f"no labelled line in {len(pages)} page(s)")
    labels = sum(int(page.weight.sum()) for page in plain)
    tell(f"{len(plain)} page(s), {labels} labelled lines")
    model = _tuned(base, plain, seed, jobs, tell)
    model.html = base.html
    if marked:
        tell(f"and from the HTML of {len(marked)} page(s)")
        model.html = _tuned(base.html or base, plain + marked, seed, jobs, tell)
    model.about |= {
        "base": base.about,
        "pages": {"labelled": len(plain), "html": len(marked)},
        "labelled_lines": labels,
        "sites": len({page.site for page in plain}),
        "languages": sorted({page.lang for page in pages}),
        "seed": seed,
    }
    return model


def _tuned(base: Model, known: list[Sample], seed: int, jobs: int, tell: Tell) -> Model:
    guesses = _guesses(base, known)
    softened = [
        replace(page, target=(1 - TUNE_SOFTENED) * page.target + TUNE_SOFTENED * guess)
        for page, guess in zip(known, guesses, strict=True)
    ]
    scores = {"base": _held_out(known, guesses)}
    tell(f"before, on these pages: {_in_words(scores['base'])}")
    # by page, not by site: the question is how well new pages of these sites will be read
    names = sorted({page.page for page in known})
    folds = []
    if len(names) > 1:
        groups = [names.index(page.page) for page in known]
        folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(known, groups=groups))
    seen = [softened, *([softened[i] for i in half] for half, _ in folds)]
    tasks = [(some, tuning_steps(some), seed) for some in seen]
    model, *others = _fit_all(tasks, jobs, "model", tell, base)
    if others:
        unseen = dict(enumerate(guesses))
        for other, (_, left) in zip(others, folds, strict=True):
            found = _guesses(other, [known[i] for i in left])
            unseen |= dict(zip(left.tolist(), found, strict=True))
        scores["tuned"] = _held_out(known, [unseen[i] for i in range(len(known))])
        tell(f"tuned on one half of them, on the other: {_in_words(scores['tuned'])}")
    model.about |= {"held_out_by_page": scores}
    return model


def _in_words(scores: dict[str, float]) -> str:
    return (
        f"accuracy {scores['accuracy']:.3f}, {scores['wrong_characters']:.2%} of the characters "
        "kept or dropped wrongly"
    )


def _labelled_samples(
    pages: Sequence[LabelledPage], draw: float = 1.0, whole: bool = True
) -> list[Sample]:
    """Samples of the text of the pages that have a labelled line."""
    made = [
        sample(page.site, page.lines, page.labels, draw, whole, page=page.name) for page in pages
    ]
    return [page for page in made if page.weight.any()]


def _marked_samples(pages: Sequence[LabelledPage]) -> list[Sample]:
    """Samples of the HTML that pages name."""
    made = map(marked_sample, pages)
    return [page for page in made if page is not None and page.weight.any()]


def _guesses(model: Model, pages: Sequence[Sample]) -> list[Floats]:
    """What a model says of samples: for each the probabilities (lines, labels)."""
    plain = [i for i, page in enumerate(pages) if page.markup is None]
    answers = model.label_many("\n".join(pages[i].lines) for i in plain)
    found = {i: page.probabilities for i, page in zip(plain, answers, strict=True)}
    for i, page in enumerate(pages):
        if page.markup is not None:
            (answer,) = model.label_marked(["\n".join(page.lines)], [page.markup])
            found[i] = answer.probabilities
    return [found[i] for i in range(len(pages))]


def _fit_all(
    tasks: list[tuple[list[Sample], int, int]],
    jobs: int,
    name: str,
    tell: Tell,
    base: Model | None = None,
) -> list[Model]:
    def work(number: int, samples: list[Sample], steps: int, seed: int) -> Fit:
        label = f"{name} {number}" if len(tasks) > 1 else name
        # one thread each: more would not give the same sums on every run
        with threadpool_limits(1):
            return fit(samples, steps, seed, lambda message: tell(f"{label}: {message}"), base)

    parallel = joblib.Parallel(n_jobs=min(jobs, len(tasks)))
    fits = parallel(joblib.delayed(work)(i, *task) for i, task in enumerate(tasks, 1))
    return [found.model() for found in fits]


def _held_out(pages: Sequence[Sample], guesses: Sequence[Floats]) -> dict[str, float]:
    """Scores of the guesses of models that have not seen the pages."""
    rows = np.concatenate([page.weight > 0 for page in pages])
    truth = np.concatenate([page.target.argmax(axis=1) for page in pages])[rows]
    probabilities = np.concatenate(guesses)[rows]
    guess = probabilities.argmax(axis=1)
    characters = np.array([len(line) for page in pages for line in page.lines])[rows]
    kept = probabilities[:, [_BODY, _TITLE]].sum(axis=1) >= 0.5
    wrong = characters[kept != np.isin(truth, [_BODY, _TITLE])].sum() / characters.sum()
    return {
        "accuracy": round(float(accuracy_score(truth, guess)), 4),
        "macro_f1": round(float(f1_score(truth, guess, average="macro")), 4),
        "wrong_characters": round(float(wrong), 5),
    }


def unfinished(pages: Sequence[LabelledPage]) -> list[str]:
    """What is left to label, a line for each page: pages without any label, and pages with
    guesses still marked as doubtful. Lines with a bare "?" were left out on purpose."""
    found = []
    for page in pages:
        lines = sum(label != "" for label in page.labels)
        if not any(label in LABELS for label in page.labels):
            found.append(f"{page.name}: not labelled yet")
        elif page.guesses:
            found.append(
                f"{page.name}: {len(page.guesses)} of {lines} lines still marked as doubtful"
            )
    return found


def main_train(args: argparse.Namespace) -> int:
    """The ``train`` command: read, train, write the model; exit status."""

    begun = time.monotonic()

    def tell(message: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {message}", file=sys.stderr, flush=True)

    try:
        if not os.access(Path(args.output).parent, os.W_OK):
            raise TrainingError(f"{args.output}: cannot be written there")
        base = None
        if args.base is not None:
            if args.corpus:
                raise TrainingError("--base learns from LABELLED alone; leave out --corpus")
            base = load(None if args.base == "default" else args.base)
        pages = read_all(args.labelled)
        for message in _at_most(20, unfinished(pages)):
            tell(f"{message}; not trained on")
        if base is not None:
            model = tune(base, pages, args.seed, args.jobs, tell)
        else:
            views: list[LabelledPage] = []
            if args.corpus:
                standoff = corpus.read_standoff(args.labelled)
                pages += corpus.read_pages(args.corpus, "train", standoff)
                views = corpus.read_views(args.corpus, "train")
            model = train(pages, views, args.seed, args.jobs, tell)
        model.save(args.output)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"clutter: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except (LabelledError, ModelError, CorpusError, TrainingError, ImportError) as error:
        print(f"clutter: {error}", file=sys.stderr)
        return 2
    tell(f"wrote {args.output}")
    return 0


def _at_most(count: int, messages: list[str]) -> list[str]:
    more = len(messages) - count
    return messages if more <= 0 else [*messages[:count], f"and {more} more pages"]


if __name__ == "__main__":
    from clutter.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
