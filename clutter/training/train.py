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
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold

from clutter.errors import TrainingError
from clutter.features import Floats
from clutter.labelled import LabelledPage
from clutter.model import Model
from clutter.page import ARTICLE, KINDS, LABELS, Page, keeps
from clutter.training.evaluate import share_wrong
from clutter.training.fit import Task, fit_all, step_lines
from clutter.training.samples import Sample, html_samples, short_html_samples, text_samples

logger = logging.getLogger(__name__)

EPOCHS = 60
TEXT_STEPS, TEXT_TEACHER_SHARE = 3000, 0.4
HTML_STEPS, HTML_TEACHER_SHARE = 3200, 0.35
"""Most steps for a network for text, and for one that also learns from HTML; and the share of the
steps that a teacher is trained for."""

DISTILLATION_WEIGHT = 0.35
"""Share of a label that the answer of a perfect teacher would replace. For a real teacher it is
multiplied by the teachers' macro F1."""

TEMPERATURE = 1.25
"""The final scores are divided by this, because after distillation the model is still a little too
certain. Chosen on dev sites, where it lowers the calibration error."""

KIND_REGULARISATION = 0.03
"""The inverse strength of regularisation when the last layer for kinds is fitted anew. Chosen on
dev sites."""

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

    ``views`` are half-cleaned copies of pages, which count less. Unread pages are left out. Up to
    ``jobs`` processes are used; their number does not change the result.

    Raises TrainingError if there are fewer than 100 labelled lines or fewer than 2 sites; OSError,
    CorpusError and MissingLibraryError for HTML as ``corpus.from_html``.
    """
    pages = [page for page in pages if not page.is_unread]
    texts = text_samples(pages)
    marked = html_samples(pages)
    short = short_html_samples(pages)
    cleaned = text_samples(views, VIEW_WEIGHT, whole=False)
    plans = [_Plan("text", texts + cleaned, TEXT_STEPS, TEXT_TEACHER_SHARE)]
    if marked:
        # first, since it takes longest
        plans.insert(
            0, _Plan("HTML", texts + marked + short + cleaned, HTML_STEPS, HTML_TEACHER_SHARE)
        )
    *html, model = _distilled(plans, seed, jobs)
    if html:
        model.html = html[0]
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


@dataclass(frozen=True)
class _Plan:
    """A network to train: what for, on what, and for how many steps at most; ``teacher_share`` is
    the share of the steps that its teachers are trained for."""

    name: str
    samples: list[Sample]
    most_steps: int
    teacher_share: float

    @property
    def steps(self) -> int:
        return how_many_steps(self.samples, self.most_steps)

    @property
    def sites(self) -> list[str]:
        return sorted({page.site for page in self.samples})

    @property
    def labels(self) -> int:
        """The number of labelled lines."""
        return sum(int(page.weight.sum()) for page in self.samples)


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


def _distilled(plans: Sequence[_Plan], seed: int, jobs: int) -> list[Model]:
    """Train a network for each plan, on labels and on the answers of two teachers. All teachers are
    trained at the same time, then all networks."""
    folds = []
    tasks = []
    for plan in plans:
        sites, labels = plan.sites, plan.labels
        if len(sites) < 2 or labels < 100:
            raise TrainingError(
                f"{labels} labelled lines of {len(sites)} site(s): training needs at least 100 "
                "lines of 2 sites (a page's site is the host of its '# url:' line)"
            )
        logger.info(
            "for %s: %d pages of %d sites, %d labelled lines",
            plan.name, len(plan.samples), len(sites), labels,
        )  # fmt: skip
        number = {site: i for i, site in enumerate(sites)}
        groups = [number[page.site] for page in plan.samples]
        split = GroupKFold(2, shuffle=True, random_state=seed).split(plan.samples, groups=groups)
        folds.append(list(split))
        steps = max(200, int(plan.steps * plan.teacher_share))
        for fold, (seen, _) in enumerate(folds[-1], 1):
            half = [plan.samples[i] for i in seen]
            tasks.append(Task(f"{plan.name}, fold {fold}", half, steps, seed + fold))
    teachers = iter(fit_all(tasks, jobs))
    final = []
    scores = []
    for plan, halves in zip(plans, folds, strict=True):
        answers: dict[int, Page] = {}
        for _, left_out in halves:
            unseen = answers_of(next(teachers), [plan.samples[i] for i in left_out])
            answers |= dict(zip(left_out.tolist(), unseen, strict=True))
        scores.append(score_answers(plan.samples, [answers[i] for i in range(len(answers))]))
        logger.info(
            "%s, on sites not trained on: accuracy %.3f, macro F1 %.3f (models of half the sites)",
            plan.name, scores[-1]["accuracy"], scores[-1]["macro_f1"],
        )  # fmt: skip
        share = DISTILLATION_WEIGHT * scores[-1]["macro_f1"]
        soft = [softened(page, answers[i], share) for i, page in enumerate(plan.samples)]
        final.append(Task(plan.name, soft, plan.steps, seed))
    models = fit_all(final, jobs)
    for model, plan, score in zip(models, plans, scores, strict=True):
        refit_kinds(model, plan.samples)
        for name in ("out_w", "out_b", "main_w", "main_b"):
            model.weights[name] /= TEMPERATURE
        model.metadata |= {
            "labelled_lines": plan.labels,
            "sites": len(plan.sites),
            "held_out_by_site": score,
        }
    return models
