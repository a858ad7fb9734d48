"""A model and a few pages of a new site -> a model that knows the site too.

The network stays and the n-gram vectors alone are trained on (as Artetxe et al., 2020,
arXiv:1910.11856, bring a network to a new language), since what is new about a site is its
wording. The base's own answers soften the labels (Li and Hoiem, 2016, arXiv:1606.09282), so
that what it knew is moved no further than needed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from sklearn.model_selection import GroupKFold

from clutter.errors import TrainingError
from clutter.labelled import LabelledPage
from clutter.model import Model
from clutter.training.fit import fit_all, step_lines
from clutter.training.samples import Sample, html_samples, text_samples
from clutter.training.train import guess_labels, score_guesses

logger = logging.getLogger(__name__)

MIN_STEPS, EPOCHS = 60, 7.5
"""The least steps, and how often each line is seen where there are many."""

DISTILLATION_WEIGHT = 0.15
"""Share of the label that the base's guess takes over. These three, and the learning rate, were
chosen on sites of the corpus with many pages, by what is won there and lost on dev sites."""


def tune(
    base: Model,
    pages: Sequence[LabelledPage],
    *,
    seed: int = 0,
    jobs: int = 1,
) -> Model:
    """A model that starts from ``base`` and learns a few pages more, of a new site say; from
    their HTML too, where they name it.

    What keeps it from forgetting the rest is said above. Where there are several pages, it is
    also measured, and logged, how tuning on half of them reads the other half.

    Raises TrainingError where no line is labelled.
    """
    texts = text_samples(pages)
    marked = html_samples(pages)
    if not texts:
        raise TrainingError(f"no labelled line in {len(pages)} page(s)")
    labels = sum(int(page.weight.sum()) for page in texts)
    logger.info("%d page(s), %d labelled lines", len(texts), labels)
    model = _tuned(base, texts, seed, jobs)
    model.html = base.html
    if marked:
        logger.info("and from the HTML of %d page(s)", len(marked))
        model.html = _tuned(base.html or base, texts + marked, seed, jobs)
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
    """Steps of tuning: few, since each takes the model further from its base."""
    total = sum(len(page.lines) for page in samples)
    return max(MIN_STEPS, int(EPOCHS * total / step_lines(samples)))


def _tuned(base: Model, samples: list[Sample], seed: int, jobs: int) -> Model:
    guesses = guess_labels(base, samples)
    softened = [
        replace(page, target=(1 - DISTILLATION_WEIGHT) * page.target + DISTILLATION_WEIGHT * guess)
        for page, guess in zip(samples, guesses, strict=True)
    ]
    scores = {"base": score_guesses(samples, guesses)}
    logger.info("before, on these pages: %s", _in_words(scores["base"]))
    # by page, not by site: the question is how well new pages of these sites will be read
    names = sorted({page.page for page in samples})
    folds = []
    if len(names) > 1:
        groups = [names.index(page.page) for page in samples]
        folds = list(GroupKFold(2, shuffle=True, random_state=seed).split(samples, groups=groups))
    seen = [softened, *([softened[i] for i in half] for half, _ in folds)]
    tasks = [(some, tuning_steps(some), seed) for some in seen]
    model, *others = fit_all(tasks, jobs, "model", base)
    if others:
        unseen = dict(enumerate(guesses))
        for other, (_, left) in zip(others, folds, strict=True):
            answers = guess_labels(other, [samples[i] for i in left])
            unseen |= dict(zip(left.tolist(), answers, strict=True))
        scores["tuned"] = score_guesses(samples, [unseen[i] for i in range(len(samples))])
        tuned = _in_words(scores["tuned"])
        logger.info("tuned on one half of them, on the other: %s", tuned)
    model.metadata |= {"held_out_by_page": scores}
    return model


def _in_words(scores: dict[str, float]) -> str:
    return (
        f"accuracy {scores['accuracy']:.3f}, {scores['wrong_characters']:.2%} of the characters "
        "kept or dropped wrongly"
    )
