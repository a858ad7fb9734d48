"""The training loop: samples in, a trained network out.

- Pages are drawn and cut at random (samples.py).
- N-grams are dropped at random, for some pages all of them. So the model also learns to read a
  page by its shape, as it must in a language that it does not know.
- Adam trains the weights and Adagrad the tables of vectors (optimiser.py), with dropout
  (Srivastava et al., 2014). The result has the running average of the weights.

To tune an existing network, only the vectors of its tables are trained.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import joblib
import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from clutter import features
from clutter.features import BUCKET_BITS, N_LINE_FEATURES, Features, Floats, Ints
from clutter.markup import (
    MARKUP_HASH_BITS,
    N_MARKUP_FEATURES,
    Markup,
    joined,
    without_hashes,
)
from clutter.model import NETWORK_CHARACTERS, Model
from clutter.network import Layout, Outputs, forward, network_input, quantised, weight_shapes
from clutter.threads import one_thread
from clutter.training.gradients import backward
from clutter.training.optimiser import Adagrad, Adam, Average
from clutter.training.samples import Sample, augment

logger = logging.getLogger(__name__)

NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY = 32, 24, 112, 56
"""Sizes of the vector of an n-gram, of the vector of a markup hash, of a line's state, and of the
running means."""

LEARNING_RATE, TABLE_LEARNING_RATE = 2e-3, 0.05
STATE_DROPOUT, NGRAM_DROPOUT, PAGE_DROPOUT = 0.2, 0.3, 0.25
"""Shares dropped: of the numbers of a state, of n-grams, and of pages that lose all n-grams."""

MARKUP_DROPOUT, MARKUP_PAGE_DROPOUT = 0.2, 0.1
"""Shares dropped: of markup hashes, and of pages of HTML that lose all of them."""

MAIN_SHARE, KIND_SHARE = 0.5, 0.2
"""How much main content and the kinds of pages count in the loss; labels count 1."""

AVERAGED_SHARE = 0.15
"""Share of all steps that the running average of the weights covers."""

STEP_LINES = 6000
"""Lines in one training step; fewer if there are few pages."""

TUNING_RATE = 0.02
"""Learning rate of the vectors when a model is tuned. Chosen on sites of the corpus with many
pages, by the gain there and the loss on dev sites."""

LOG_SECONDS = 10
"""Seconds between two progress messages."""


@dataclass(frozen=True)
class TrainedNetwork:
    """The arrays of a trained network, before they become a Model. ``base`` is the model that it
    was tuned from, or None."""

    ngram_vectors: Floats
    markup_vectors: Floats
    weights: dict[str, Floats]
    base: Model | None = None

    def model(self) -> Model:
        """The model, with quantised vectors; a tuned one keeps the scales of its base."""
        base = self.base
        ngrams = quantised(self.ngram_vectors, None if base is None else base.ngram_scale)
        markup = quantised(self.markup_vectors, None if base is None else base.markup_scale)
        return Model(*ngrams, *markup, self.weights)


@dataclass(frozen=True)
class Vectors:
    """The sum of table rows for each line, as a matrix product: ``sums`` (lines, used rows) says
    which rows each line has, ``rows`` are their numbers in the table, and ``per_line`` (lines, 1)
    is a factor for each line's sum."""

    sums: scipy.sparse.csr_matrix
    rows: Ints
    per_line: Floats

    def of(self, table: Floats) -> Floats:
        """The vector of each line: (lines, size)."""
        product: Floats = (self.sums @ table[self.rows]) * self.per_line
        return product

    def gradient(self, back: Floats) -> Floats:
        """The gradient of the used rows (used rows, size), from that of the lines' vectors."""
        gradient: Floats = self.sums.T @ (back * self.per_line)
        return gradient


def fit(
    samples: Sequence[Sample],
    steps: int,
    seed: int,
    base: Model | None = None,
    name: str = "model",
    start: Floats | None = None,
) -> TrainedNetwork:
    """Train a network on samples for a number of steps. The same seed gives the same network.

    With a ``base``, training starts from that model, and only the vectors of n-grams and markup
    hashes are trained. Vectors that do not occur in the samples stay the same, bit for bit.
    Without, the vectors of n-grams start at random, or at ``start`` (buckets, NGRAM_SIZE).
    ``name`` is the name of the network in messages.
    """
    rng = np.random.default_rng(seed)
    if base is None:
        table_rate, page_dropout = TABLE_LEARNING_RATE, PAGE_DROPOUT
        markup_size = MARKUP_SIZE if any(page.markup is not None for page in samples) else 0
        weights = initial_weights(rng, markup_size)
        ngram_vectors = _random_table(rng, 1 << BUCKET_BITS, NGRAM_SIZE)
        if start is not None:  # drawn all the same: so the other numbers do not depend on it
            ngram_vectors = start.copy()
        markup_vectors = _random_table(rng, 1 << MARKUP_HASH_BITS, markup_size)
        scaling = _feature_scaling(samples, rng)
    else:
        table_rate, page_dropout = TUNING_RATE, 0.0
        weights = dict(base.weights)
        scaling = {name: weights.pop(name) for name in ("shape_mean", "shape_scale")}
        ngram_vectors = np.multiply(base.ngram_vectors, base.ngram_scale, dtype=np.float32)
        markup_vectors = np.multiply(base.markup_vectors, base.markup_scale, dtype=np.float32)
    has_html = markup_vectors.shape[1] > 0
    sampling = np.cumsum([page.sampling_weight for page in samples])
    lines = step_lines(samples)
    adam = Adam(weights)
    average = Average(weights, AVERAGED_SHARE, steps)
    ngram_adagrad, markup_adagrad = Adagrad(ngram_vectors), Adagrad(markup_vectors)
    loss, begun, last = 0.0, time.monotonic(), time.monotonic()
    for step in range(1, steps + 1):
        pages: list[tuple[Sample, Ints]] = []
        while sum(rows.size for _, rows in pages) < lines:
            drawn = np.searchsorted(sampling, rng.random() * sampling[-1], side="right")
            page = samples[int(drawn)]
            pages.append((page, augment(page, rng)))
        line_features = features_of(
            ["\n".join([page.lines[i] for i in rows]) for page, rows in pages]
        )
        wordless = np.repeat(
            rng.random(len(pages)) < page_dropout, [rows.size for _, rows in pages]
        )
        ngrams = ngram_sums(line_features, wordless, rng)
        of_ngrams = ngrams.of(ngram_vectors)
        if has_html:
            markup, has_markup = _markup(pages, rng)
            hashes = _markup_sums(markup, rng)
            x = network_input(
                scaling,
                of_ngrams,
                line_features.line_features,
                hashes.of(markup_vectors),
                markup.features,
                has_markup,
            )
        else:
            x = network_input(scaling, of_ngrams, line_features.line_features)
        masks = [
            (rng.random((len(x), weights["in_b"].size), np.float32) > STATE_DROPOUT)
            / np.float32(1 - STATE_DROPOUT)
            for _ in range(2)
        ]
        dropout = (masks[0], masks[1])
        layout = Layout(line_features.sections, markup.group if has_html else None)
        tape: list[tuple[Floats, ...]] = []
        guess = forward(weights, x, layout, tape, dropout)
        now, error = _loss(guess, pages, layout)
        loss = now if step == 1 else 0.98 * loss + 0.02 * now
        gradients, back = backward(weights, tape, layout, error, dropout)
        # linear warm-up, then cosine decay
        pace = min(1.0, step / 100) * (0.515 + 0.485 * np.cos(np.pi * step / steps))
        if base is None:
            adam.step(gradients, LEARNING_RATE * pace)
            average.add(weights, step)
        ngram_size, markup_size = ngram_vectors.shape[1], markup_vectors.shape[1]
        gradient = ngrams.gradient(back[:, :ngram_size])
        ngram_adagrad.step(ngrams.rows, gradient, table_rate * pace)
        if has_html and hashes.rows.size:
            first = ngram_size + N_LINE_FEATURES
            gradient = hashes.gradient(back[:, first : first + markup_size])
            markup_adagrad.step(hashes.rows, gradient, table_rate * pace)
        if time.monotonic() - last > LOG_SECONDS or step == steps:
            last = time.monotonic()
            left = (last - begun) / step * (steps - step)
            message = "%s: step %d of %d, loss %.3f, %.0f s left"
            logger.info(message, name, step, steps, loss, left)
    return TrainedNetwork(ngram_vectors, markup_vectors, average.weights | scaling, base)


def _loss(
    guess: Outputs, pages: Sequence[tuple[Sample, Ints]], layout: Layout
) -> tuple[float, Outputs]:
    """The cross-entropy of the labels of a step, and the gradient of the whole loss (labels, main
    content and kinds) by the scores of the outputs."""
    target = np.concatenate([page.target[rows] for page, rows in pages])
    weight = np.concatenate([page.weight[rows] for page, rows in pages])
    weight /= max(weight.sum(), 1)
    loss = float(-((target * np.log(guess.labels + 1e-9)).sum(axis=1) * weight).sum())
    main = np.concatenate([page.main[rows] for page, rows in pages])
    main_weight = np.concatenate([page.main_weight[rows] for page, rows in pages])
    main_weight *= MAIN_SHARE / max(main_weight.sum(), 1)
    # a long page has several sections
    begins = np.cumsum([0] + [rows.size for _, rows in pages])
    page_of = np.searchsorted(begins, layout.sections[:-1], side="right") - 1
    kinds = np.stack([page.kinds for page, _ in pages])[page_of]
    is_known = kinds.sum(axis=1, keepdims=True)
    kind_weight = is_known * np.float32(KIND_SHARE / max(is_known.sum(), 1))
    error = Outputs(
        (guess.labels - target) * weight[:, None],
        (guess.main - main) * main_weight,
        (guess.kinds - kinds) * kind_weight,
    )
    return loss, error


class Task(NamedTuple):
    """A network to train. ``name`` is its name in messages, ``start`` as for ``fit``."""

    name: str
    samples: list[Sample]
    steps: int
    seed: int
    start: Floats | None = None


def fit_all(tasks: Sequence[Task], jobs: int, base: Model | None = None) -> list[Model]:
    """Train a model for each task, in up to ``jobs`` processes. Their number does not change the
    models."""
    level, main = logger.getEffectiveLevel(), os.getpid()

    def work(task: Task) -> TrainedNetwork:
        if os.getpid() != main and not logger.hasHandlers():  # a new process has no logging yet
            logger.addHandler(logging.StreamHandler())
            logger.setLevel(level)
        # one thread each: with more, sums would differ from run to run
        with one_thread():
            return fit(task.samples, task.steps, task.seed, base, task.name, task.start)

    parallel = joblib.Parallel(n_jobs=min(jobs, len(tasks)))
    networks = parallel(joblib.delayed(work)(task) for task in tasks)
    return [network.model() for network in networks]


def step_lines(samples: Sequence[Sample]) -> int:
    """Lines in one step: fewer if there are few pages, so there are still enough steps."""
    total = sum(len(page.lines) for page in samples)
    return int(np.clip(total / 8, 500, STEP_LINES))


def initial_weights(rng: np.random.Generator, markup_size: int) -> dict[str, Floats]:
    """Random weights (He et al., 2015, arXiv:1502.01852), halved where outputs are added up."""
    shapes = weight_shapes(NGRAM_SIZE, markup_size, HIDDEN, SUMMARY)
    weights = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            weights[name] = np.zeros(shape, np.float32)
            continue
        scale = np.sqrt(2 / shape[0])
        if name.endswith("_w") and name != "in_w":
            scale /= 2
        weights[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return weights


def _random_table(rng: np.random.Generator, rows: int, size: int) -> Floats:
    return (rng.standard_normal((rows, size)) * 0.01).astype(np.float32)


def _feature_scaling(samples: Sequence[Sample], rng: np.random.Generator) -> dict[str, Floats]:
    """Mean and inverse standard deviation of the line features, from at most 300 samples."""
    drawn = rng.permutation(len(samples))[:300]
    values = features_of(["\n".join(samples[i].lines) for i in drawn]).line_features
    scale = (1 / (values.std(axis=0) + 0.05)).astype(np.float32)
    return {"shape_mean": values.mean(axis=0), "shape_scale": scale}


def features_of(texts: list[str]) -> Features:
    """Features of many pages, computed a few pages at a time, as in inference."""
    lines = features.split(texts).lines
    size = np.cumsum(lines.end - lines.start)[lines.sections[1:] - 1]
    cuts = np.unique(np.searchsorted(size, np.arange(0, size[-1], NETWORK_CHARACTERS))).tolist()
    bounds = itertools.pairwise([*cuts, size.size])
    parts = [features.features(lines.part(a, b)) for a, b in bounds]
    starts = np.cumsum([0] + [part.first[-1] for part in parts])
    return Features(
        np.concatenate([part.buckets for part in parts], axis=1),
        np.concatenate(
            [[0]] + [part.first[1:] + start for part, start in zip(parts, starts, strict=False)]
        ),
        np.concatenate([part.line_features for part in parts]),
        lines.sections,
    )


def _markup(
    pages: Sequence[tuple[Sample, Ints]], rng: np.random.Generator
) -> tuple[Markup, Floats]:
    """The markup of the lines of a step, and for each line whether its page has markup (1 or 0).
    Random pages lose all their hashes."""
    parts = []
    has_markup = []
    for page, rows in pages:
        if page.markup is None:
            parts.append(without_hashes(np.zeros((rows.size, N_MARKUP_FEATURES), np.float32)))
        else:
            part = page.markup.take(rows)
            if rng.random() < MARKUP_PAGE_DROPOUT:
                part = replace(without_hashes(part.features), group=part.group)
            parts.append(part)
        has_markup.append(np.full(rows.size, page.markup is not None, np.float32))
    return joined(parts), np.concatenate(has_markup)


def _markup_sums(markup: Markup, rng: np.random.Generator) -> Vectors:
    """Which markup hashes each line has; some are dropped at random."""
    used, column = np.unique(markup.hashes, return_inverse=True)
    data = (rng.random(column.size, np.float32) >= MARKUP_DROPOUT).astype(np.float32)
    matrix = scipy.sparse.csr_matrix(
        (data, column, markup.first), shape=(markup.first.size - 1, used.size)
    )
    size = np.sqrt(np.maximum(np.diff(markup.first), 1)) * (1 - MARKUP_DROPOUT)
    return Vectors(matrix, used, (1 / size).astype(np.float32)[:, None])


def ngram_sums(lines: Features, wordless: NDArray[np.bool_], rng: np.random.Generator) -> Vectors:
    """Which n-grams each line has; some are dropped at random, and all those of the lines that are
    ``wordless`` (lines,)."""
    index = lines.buckets.T.ravel()
    data = (rng.integers(0, 256, index.size, dtype=np.uint8) >= int(NGRAM_DROPOUT * 256)).astype(
        np.float32
    )
    is_used = np.zeros(1 << BUCKET_BITS, bool)
    is_used[index] = True
    used = np.flatnonzero(is_used)
    column = np.cumsum(is_used, dtype=np.int32) - 1
    bounds = lines.first * len(features.ORDERS)
    matrix = scipy.sparse.csr_matrix(
        (data, column[index], bounds), shape=(lines.first.size - 1, used.size)
    )
    size = np.sqrt(np.diff(lines.first) * len(features.ORDERS)) * (1 - NGRAM_DROPOUT)
    return Vectors(matrix, used, (~wordless / size).astype(np.float32)[:, None])
