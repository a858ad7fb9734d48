"""Trains a new model on labelled pages.

First, two models are trained, each on half of the sites. They show how well unseen sites are read,
and they are teachers (distillation, Hinton et al., 2015, arXiv:1503.02531): the label of a line is
mixed with the answer of the teacher that has not seen the page. So doubtful and wrong labels count
less, and the final model is hardly too certain. Temperature scaling corrects the rest (Guo et al.,
2017, arXiv:1706.04599).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold

from clutter.errors import TrainingError
from clutter.features import Floats
from clutter.labelled import LabelledPage
from clutter.model import Model
from clutter.page import KEPT, LABELS, keeps
from clutter.training.evaluate import share_wrong
from clutter.training.fit import fit_all, step_lines
from clutter.training.samples import Sample, html_samples, text_samples

logger = logging.getLogger(__name__)

EPOCHS = 60
TEXT_STEPS, TEXT_TEACHER_SHARE = 2000, 0.5
HTML_STEPS, HTML_TEACHER_SHARE = 3200, 0.35
"""Most steps for a network for text, and for one that also learns from HTML; and the share of the
steps that a teacher is trained for."""

DISTILLATION_WEIGHT = 0.35
"""Share of a label that the answer of a perfect teacher would replace. For a real teacher it is
multiplied by the teachers' macro F1."""

TEMPERATURE = 1.25
"""The final scores are divided by this, because after distillation the model is still a little too
certain. Chosen on dev sites, where it lowers the calibration error."""

VIEW_WEIGHT = 0.35
"""How often a half-cleaned view is drawn; a labelled page has 1."""


def train(
    pages: Sequence[LabelledPage],
    views: Sequence[LabelledPage] = (),
    *,
    seed: int = 0,
    jobs: int = 1,
) -> Model:
    """Train a model: a network for plain text and, if pages name their HTML files, another one
    that reads both.

    ``views`` are half-cleaned copies of pages, which count less. Up to ``jobs`` processes are
    used; their number does not change the result.

    Raises TrainingError if there are fewer than 100 labelled lines or fewer than 2 sites; OSError,
    CorpusError and MissingLibraryError for HTML as ``corpus.from_html``.
    """
    texts = text_samples(pages)
    marked = html_samples(pages)
    cleaned = text_samples(views, VIEW_WEIGHT, whole=False)
    model = _distilled(texts + cleaned, TEXT_STEPS, TEXT_TEACHER_SHARE, seed, jobs)
    if marked:
        logger.info("and from the HTML of %d pages", len(marked))
        samples = texts + marked + cleaned
        model.html = _distilled(samples, HTML_STEPS, HTML_TEACHER_SHARE, seed, jobs)
    model.metadata |= {
        "pages": {"labelled": len(texts), "views": len(cleaned), "html": len(marked)},
        "languages": sorted({page.lang for page in pages}),
        "seed": seed,
    }
    return model


def how_many_steps(samples: Sequence[Sample], most: int = TEXT_STEPS) -> int:
    """Number of steps to see each line about 60 times: at least 200, at most ``most``."""
    total = sum(len(page.lines) for page in samples)
    return int(np.clip(EPOCHS * total / step_lines(samples), 200, most))


def guess_labels(model: Model, pages: Sequence[Sample]) -> list[Floats]:
    """A model's answers for samples: for each the probabilities (lines, labels)."""
    plain = [i for i, page in enumerate(pages) if page.markup is None]
    answers = model.label_many("\n".join(pages[i].lines) for i in plain)
    guesses = {i: page.probabilities for i, page in zip(plain, answers, strict=True)}
    for i, page in enumerate(pages):
        if page.markup is not None:
            (answer,) = model.label_marked(["\n".join(page.lines)], [page.markup])
            guesses[i] = answer.probabilities
    return [guesses[i] for i in range(len(pages))]


def score_guesses(pages: Sequence[Sample], guesses: Sequence[Floats]) -> dict[str, float]:
    """Scores of the answers of models that were not trained on the pages."""
    rows = np.concatenate([page.weight > 0 for page in pages])
    truth = np.concatenate([page.target.argmax(axis=1) for page in pages])[rows]
    probabilities = np.concatenate(guesses)[rows]
    guess = probabilities.argmax(axis=1)
    characters = np.array([len(line) for page in pages for line in page.lines])[rows]
    truly_kept = np.isin(truth, [LABELS.index(label) for label in KEPT])
    wrong = share_wrong(truly_kept, keeps(probabilities), characters)
    return {
        "accuracy": round(float(accuracy_score(truth, guess)), 4),
        "macro_f1": round(float(f1_score(truth, guess, average="macro")), 4),
        "wrong_characters": round(wrong, 5),
    }


def _distilled(
    samples: list[Sample], most_steps: int, teacher_share: float, seed: int, jobs: int
) -> Model:
    """Train a network on labels and on the answers of two teachers."""
    sites = sorted({page.site for page in samples})
    labels = sum(int(page.weight.sum()) for page in samples)
    if len(sites) < 2 or labels < 100:
        raise TrainingError(
            f"{labels} labelled lines of {len(sites)} site(s): training needs at least 100 lines "
            "of 2 sites (a page's site is the host of its '# url:' line)"
        )
    logger.info("%d pages of %d sites, %d labelled lines", len(samples), len(sites), labels)

    groups = [sites.index(page.site) for page in samples]
    folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(samples, groups=groups))
    steps = max(200, int(how_many_steps(samples, most_steps) * teacher_share))
    halves = [[samples[i] for i in seen] for seen, _ in folds]
    tasks = [(half, steps, seed + 1 + fold) for fold, half in enumerate(halves)]
    teachers = fit_all(tasks, jobs, "fold")
    guesses: dict[int, Floats] = {}
    for teacher, (_, left_out) in zip(teachers, folds, strict=True):
        answers = guess_labels(teacher, [samples[i] for i in left_out])
        guesses |= dict(zip(left_out.tolist(), answers, strict=True))
    scores = score_guesses(samples, [guesses[i] for i in range(len(samples))])
    logger.info(
        "on sites not trained on: accuracy %.3f, macro F1 %.3f (models of half the sites)",
        scores["accuracy"],
        scores["macro_f1"],
    )
    share = np.float32(DISTILLATION_WEIGHT * scores["macro_f1"])
    samples = [
        replace(page, target=(1 - share) * page.target + share * guesses[i])
        for i, page in enumerate(samples)
    ]
    (model,) = fit_all([(samples, how_many_steps(samples, most_steps), seed)], jobs, "model")
    for name in ("out_w", "out_b"):
        model.weights[name] /= TEMPERATURE
    model.metadata |= {
        "labelled_lines": labels,
        "sites": len(sites),
        "held_out_by_site": scores,
    }
    return model
