"""Tunes a model to a few pages of a new site.

Only the vectors of n-grams and markup hashes are trained, because what is new about a site is its
wording; the weights stay the same (as Artetxe et al., 2020, arXiv:1910.11856, adapt a network to a
new language). The labels are mixed with the answers of the base model (Li and Hoiem, 2016,
arXiv:1606.09282), so the tuned model does not change more than it needs to.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sklearn.model_selection import GroupKFold

from clutter.errors import TrainingError
from clutter.labelled import LabelledPage
from clutter.model import Model
from clutter.training.fit import Task, fit_all, step_lines
from clutter.training.samples import Sample, html_samples, informative, text_samples
from clutter.training.train import answers_of, score_answers, softened

logger = logging.getLogger(__name__)

MIN_STEPS, EPOCHS = 60, 7.5
"""Fewest steps, and how often each line is seen if there are many lines."""

DISTILLATION_WEIGHT = 0.15
"""Share of a label that the answer of the base model replaces. These three constants and the
learning rate were chosen on sites of the corpus with many pages, by the gain there and the loss on
dev sites."""


def tune(
    base: Model,
    pages: Sequence[LabelledPage],
    *,
    seed: int = 0,
    jobs: int = 1,
    forecast: bool = True,
) -> Model:
    """Tune the model ``base`` to a few more pages, for example of a new site, and return the new
    model. If pages name their HTML files, it is tuned to these too. Unread pages are left out.

    With several pages, models are also tuned on half of them and scored on the other half, unless
    ``forecast`` is False. The scores are logged and are in the model's metadata.

    Raises TrainingError if no line is labelled; OSError, CorpusError and MissingLibraryError for
    HTML as ``corpus.from_html``.
    """
    pages = [page for page in pages if not page.is_unread]
    texts = informative(text_samples(pages))
    marked = informative(html_samples(pages))
    if not texts:
        raise TrainingError(f"no labelled line in {len(pages)} page(s)")
    labels = sum(int(page.weight.sum()) for page in texts)
    and_html = f", and the HTML of {len(marked)} of them" if marked else ""
    logger.info("%d page(s), %d labelled lines%s", len(texts), labels, and_html)
    model = _tuned(base, texts + marked, seed, jobs, forecast)
    model.metadata |= {
        "base": base.metadata,
        "pages": {"labelled": len(texts), "html": len(marked)},
        "labelled_lines": labels,
        "sites": len({page.site for page in texts}),
        "languages": sorted({page.lang for page in pages}),
        "seed": seed,
    }
    return model


def tuning_steps(samples: Sequence[Sample]) -> int:
    """Number of tuning steps: few, because each one moves the model away from its base."""
    total = sum(len(page.lines) for page in samples)
    return max(MIN_STEPS, int(EPOCHS * total / step_lines(samples)))


def _tuned(base: Model, samples: list[Sample], seed: int, jobs: int, forecast: bool) -> Model:
    answers = answers_of(base, samples)
    soft = [
        softened(page, answer, DISTILLATION_WEIGHT)
        for page, answer in zip(samples, answers, strict=True)
    ]
    scores = {"base": score_answers(samples, answers)}
    logger.info("before, on these pages: %s", _in_words(scores["base"]))
    # fold by page, not by site: the scores are for new pages of the same sites
    names = sorted({page.page for page in samples})
    folds = []
    if forecast and len(names) > 1:
        groups = [names.index(page.page) for page in samples]
        folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(samples, groups=groups))
    seen = [soft, *([soft[i] for i in half] for half, _ in folds)]
    names = ["model", "half 1", "half 2"]
    tasks = [
        Task(name, train_samples, tuning_steps(train_samples), seed)
        for name, train_samples in zip(names, seen, strict=False)
    ]
    model, *others = fit_all(tasks, jobs, base)
    if others:
        unseen = dict(enumerate(answers))
        for other, (_, left_out) in zip(others, folds, strict=True):
            tuned_answers = answers_of(other, [samples[i] for i in left_out])
            unseen |= dict(zip(left_out.tolist(), tuned_answers, strict=True))
        scores["tuned"] = score_answers(samples, [unseen[i] for i in range(len(samples))])
        tuned = _in_words(scores["tuned"])
        logger.info("tuned on one half of them, on the other: %s", tuned)
    model.metadata |= {"held_out_by_page": scores}
    return model


def _in_words(scores: dict[str, float]) -> str:
    return (
        f"accuracy {scores['accuracy']:.3f}, {scores['wrong_characters']:.2%} of the characters "
        "kept or dropped wrongly"
    )
