"""Trains a new model on labelled pages.

The label of a line is mixed with the answer of a teacher that has not seen the page's site
(distillation, Hinton et al., 2015, arXiv:1503.02531). So doubtful and wrong labels count less, and
the final model is hardly too certain. Temperature scaling corrects the rest (Guo et al., 2017,
arXiv:1706.04599).

A corpus can come with the answers of a better teacher (answers.py), which also label the pages that
nobody has labelled; pages without answers are then learned from their labels alone. If there are no
answers, two models are trained first, each on half of the sites. They are the teachers, and they
show how well unseen sites are read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold

from clutter.errors import TrainingError
from clutter.features import Floats
from clutter.labelled import LabelledPage
from clutter.model import Model
from clutter.page import ARTICLE, KINDS, LABELS, Page, keeps
from clutter.training.answers import Answers, answers_for
from clutter.training.evaluate import share_wrong
from clutter.training.fit import Task, fit_all, step_lines
from clutter.training.samples import (
    Sample,
    html_samples,
    informative,
    short_html_samples,
    text_samples,
)

logger = logging.getLogger(__name__)

EPOCHS = 60
STEPS, TEACHER_SHARE = 6000, 0.19
"""Most steps of training, and the share of the steps that a teacher is trained for."""

DISTILLATION_WEIGHT = 0.35
"""Share of a label that the answer of a perfect teacher would replace. For a real teacher it is
multiplied by the teachers' macro F1."""

TEMPERATURE, TAUGHT_TEMPERATURE = 1.25, 1.02
"""The final scores are divided by the first one after distillation from models of half the sites,
because a model is still a little too certain then, and by the second one after distillation from
the answers of a teacher. Chosen on dev sites by the calibration error."""

KIND_REGULARISATION = 0.005
"""The inverse strength of regularisation when the last layer for kinds is fitted anew. Chosen on
dev sites."""

TEXT_TAUGHT_SHARE, HTML_TAUGHT_SHARE, TAUGHT_WEIGHT = 0.3, 0.1, 0.6
"""The share of a label that a teacher's answer replaces, in a text and in HTML, and how often a
page is drawn that has answers but no labels. The teacher has read the HTML: its answers tell of a
text what it does not show, but of HTML the labels know more."""

VIEW_WEIGHT = 0.35
"""How often a half-cleaned view is drawn; a labelled page has 1."""

WRITTEN_WEIGHT = 0.7
"""How often a page is drawn that was written to learn from, in place of 1. Such pages bring kinds
of pages and languages that are rare among real ones, but are more alike than these."""

_WRITTEN = re.compile(r"(?:^|\.)(?:example|example\.(?:com|net|org))$")
"""The hosts of written pages: names that no real site can have (RFC 2606)."""


def train(
    pages: Sequence[LabelledPage],
    views: Sequence[LabelledPage] = (),
    *,
    answers: Mapping[str, Answers] | None = None,
    start: Floats | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> Model:
    """Train a model for plain text and, if pages name their HTML files, for HTML.

    Unread pages are left out. ``views`` are half-cleaned copies of pages, which count less.
    ``answers`` are those of a teacher, by the name of a page; pages without labels are then of use
    too. ``start`` are vectors of n-grams to start from (start.py). Up to ``jobs`` processes are
    used; their number does not change the result.

    Raises TrainingError if there are fewer than 100 labelled lines or fewer than 2 sites; OSError,
    CorpusError and MissingLibraryError for HTML as ``corpus.from_html``.
    """
    pages = [page for page in pages if not page.is_unread]
    answers = answers or {}
    texts, marked = text_samples(pages), html_samples(pages)
    cleaned = text_samples(views, VIEW_WEIGHT, whole=False)
    # HTML has the same lines once more
    labels = sum(int(page.weight.sum()) for page in texts + cleaned)
    bare = [*texts, *cleaned, *marked, *short_html_samples(pages)]
    samples = taught(map(written_less_often, bare), answers)
    sites = len({page.site for page in samples})
    if sites < 2 or labels < 100:
        raise TrainingError(
            f"{labels} labelled lines of {sites} site(s): training needs at least 100 lines of 2 "
            "sites (a page's site is the host of its '# url:' line)"
        )
    # answers for other pages teach nothing
    has_teacher = any(page.page in answers for page in samples)
    logger.info(
        "%d pages of %d sites, %d labelled lines%s",
        len(samples), sites, labels, ", with a teacher's answers" if has_teacher else "",
    )  # fmt: skip
    steps = how_many_steps(samples)
    scores = None
    if not has_teacher:
        samples, scores = _taught_by_halves(samples, steps, start, seed, jobs)
    (model,) = fit_all([Task("model", samples, steps, seed, start)], jobs)
    refit_kinds(model, bare)
    for name in ("out_w", "out_b", "main_w", "main_b"):
        model.weights[name] /= TAUGHT_TEMPERATURE if has_teacher else TEMPERATURE
    counts = {"labelled": len(informative(texts)), "views": len(views), "html": len(marked)}
    if has_teacher:
        counts["taught"] = sum(page.whole for page in samples) - counts["labelled"]
    else:
        model.metadata["held_out_by_site"] = scores
    model.metadata |= {
        "pages": counts,
        "labelled_lines": labels,
        "sites": sites,
        "languages": sorted({page.lang for page in pages}),
        "seed": seed,
    }
    return model


def how_many_steps(samples: Sequence[Sample]) -> int:
    """Number of steps to see each line about 60 times: at least 200, at most ``STEPS``."""
    total = sum(len(page.lines) for page in samples)
    return int(np.clip(EPOCHS * total / step_lines(samples), 200, STEPS))


def answers_of(model: Model, pages: Sequence[Sample]) -> list[Page]:
    """A model's answers for samples."""
    plain = [i for i, page in enumerate(pages) if page.markup is None]
    texts = ["\n".join(pages[i].lines) for i in plain]
    answers = dict(zip(plain, model.label_many(texts), strict=True))
    for i, page in enumerate(pages):
        if page.markup is not None:
            (answers[i],) = model.label_marked(["\n".join(page.lines)], [page.markup])
    return [answers[i] for i in range(len(pages))]


def softened(sample: Sample, answer: Page, share: float) -> Sample:
    """A sample with a share of its targets replaced by a model's answer."""
    kept, taken = np.float32(1 - share), np.float32(share)
    is_known = sample.kinds.any()
    return replace(
        sample,
        target=kept * sample.target + taken * answer.probabilities,
        main=kept * sample.main + taken * answer.main,
        kinds=kept * sample.kinds + taken * answer.kinds * is_known,
    )


def written_less_often(sample: Sample) -> Sample:
    """The sample; if its page was written to learn from, it is drawn less often."""
    is_written = _WRITTEN.search(sample.site) is not None
    weight = WRITTEN_WEIGHT if is_written else 1
    return replace(sample, sampling_weight=weight * sample.sampling_weight)


def taught(samples: Iterable[Sample], answers: Mapping[str, Answers]) -> list[Sample]:
    """The samples with the answers of a teacher: in place of a share of their labels, and alone
    where a line or a page has none. Samples that nothing is known of, neither labels nor answers,
    are left out."""
    return informative(
        _taught(page, answers[page.page]) if page.page in answers else page for page in samples
    )


def _taught(sample: Sample, answers: Answers) -> Sample:
    share = np.float32(TEXT_TAUGHT_SHARE if sample.markup is None else HTML_TAUGHT_SHARE)
    rows, labels, main = answers_for(sample.lines, answers)
    # the share of the answer for each line: 0 without one, 1 without a label
    of_labels, of_main = np.zeros((2, len(sample.lines)), np.float32)
    of_labels[rows] = np.where(sample.weight[rows] > 0, share, 1)
    of_main[rows] = np.where(sample.main_weight[rows] > 0, share, 1)
    all_labels, all_main = np.zeros_like(sample.target), np.zeros_like(sample.main)
    all_labels[rows], all_main[rows] = labels, main
    is_labelled = sample.weight.any()
    kept = 1 - share if sample.kinds.any() else np.float32(0)
    return replace(
        sample,
        target=(1 - of_labels[:, None]) * sample.target + of_labels[:, None] * all_labels,
        weight=np.maximum(sample.weight, of_labels > 0).astype(np.float32),
        main=(1 - of_main) * sample.main + of_main * all_main,
        main_weight=np.where(sample.main_weight > 0, sample.main_weight, of_main > 0).astype(
            np.float32
        ),
        kinds=kept * sample.kinds + (1 - kept) * answers.kinds,
        sampling_weight=sample.sampling_weight * (1 if is_labelled else TAUGHT_WEIGHT),
    )


def score_answers(pages: Sequence[Sample], answers: Sequence[Page]) -> dict[str, float]:
    """Scores of the answers of models that were not trained on the pages."""
    rows = np.concatenate([page.weight > 0 for page in pages])
    truth = np.concatenate([page.target.argmax(axis=1) for page in pages])[rows]
    probabilities = np.concatenate([page.probabilities for page in answers])[rows]
    main = np.concatenate([page.main for page in answers])[rows]
    guess = probabilities.argmax(axis=1)
    characters = np.array([len(line) for page in pages for line in page.lines])[rows]
    truly_kept = np.isin(truth, [LABELS.index(label) for label in ARTICLE])
    wrong = share_wrong(truly_kept, keeps(probabilities, main, ARTICLE), characters)
    return {
        "accuracy": round(float(accuracy_score(truth, guess)), 4),
        "macro_f1": round(float(f1_score(truth, guess, average="macro")), 4),
        "wrong_characters": round(wrong, 5),
    }


def refit_kinds(model: Model, samples: Sequence[Sample]) -> None:
    """Fit the last layer for the kinds of pages anew, with rare kinds weighted by the square root
    of how rare they are (last layer re-training, Kirichenko et al., 2022, arXiv:2204.02937): most
    labelled pages are articles. Changes the model."""
    known = [page for page in samples if page.whole or page.markup is not None]
    known = [page for page in known if page.kinds.any() and page.lines]
    kinds = np.array([page.kinds.argmax() for page in known])
    if np.unique(kinds).size < len(KINDS):
        return
    summaries = np.concatenate([_page_summary(model, page) for page in known])
    mean, scale = summaries.mean(axis=0), summaries.std(axis=0) + 1e-6
    weight = 1 / np.sqrt(np.bincount(kinds))[kinds]
    fitted = LogisticRegression(C=KIND_REGULARISATION, max_iter=1000).fit(
        (summaries - mean) / scale, kinds, sample_weight=weight / weight.mean()
    )
    of_kinds = fitted.coef_.T / scale[:, None]
    model.weights["kind_w"] = of_kinds.astype(np.float32)
    model.weights["kind_b"] = (fitted.intercept_ - mean @ of_kinds).astype(np.float32)


def _page_summary(model: Model, page: Sample) -> Floats:
    """What the layer for the kinds reads of a page: (1, inputs)."""
    return model.page_summaries("\n".join(page.lines), page.markup)[:1]


def _taught_by_halves(
    samples: Sequence[Sample], steps: int, start: Floats | None, seed: int, jobs: int
) -> tuple[list[Sample], dict[str, float]]:
    """The samples mixed with the answers of two models, and the models' scores. Each model is
    trained on half of the sites and answers for the other half."""
    number = {site: i for i, site in enumerate(sorted({page.site for page in samples}))}
    groups = [number[page.site] for page in samples]
    folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(samples, groups=groups))
    steps = max(200, int(steps * TEACHER_SHARE))
    halves = [[samples[i] for i in seen] for seen, _ in folds]
    tasks = [Task(f"fold {i}", half, steps, seed + i, start) for i, half in enumerate(halves, 1)]
    answers: dict[int, Page] = {}
    for teacher, (_, left_out) in zip(fit_all(tasks, jobs), folds, strict=True):
        unseen = answers_of(teacher, [samples[i] for i in left_out])
        answers |= dict(zip(left_out.tolist(), unseen, strict=True))
    scores = score_answers(samples, [answers[i] for i in range(len(answers))])
    logger.info(
        "on sites not trained on: accuracy %.3f, macro F1 %.3f (models of half the sites)",
        scores["accuracy"], scores["macro_f1"],
    )  # fmt: skip
    share = DISTILLATION_WEIGHT * scores["macro_f1"]
    return [softened(page, answers[i], share) for i, page in enumerate(samples)], scores
