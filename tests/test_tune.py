"""Tuning: a model learns a few pages of a site, and what it knew stays what it was."""

from __future__ import annotations

import numpy as np
import pytest
from networks import random_model
from training_for_a_moment import PROMOTION, SITE, TEXTS, messages, tiny_training

import clutter
from clutter import Model, features, labelled
from clutter.errors import TrainingError
from clutter.features import split
from clutter.labelled import LabelledPage
from clutter.training.evaluate import evaluate
from clutter.training.tune import tune


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all(TEXTS)


@pytest.fixture(scope="module")
def tuned() -> Model:
    with tiny_training(), messages() as logged:
        model = tune(clutter.load(), SITE[:4])
    TOLD_OF_TUNING.extend(logged)
    return model


TOLD_OF_TUNING: list[str] = []


def test_a_tuned_model_knows_the_site(tuned: Model) -> None:
    before, after = (evaluate(model, SITE[4:]) for model in (clutter.load(), tuned))
    assert after.accuracy > before.accuracy
    assert after.kept_by_characters.f1 > before.kept_by_characters.f1
    label = {line.text: line.label for line in tuned.label(SITE[4].text).lines}
    assert (label[PROMOTION[1]], label["Zwiebelfreunde"]) == ("ad", "body")


def test_a_tuned_model_is_its_base_but_for_the_words_it_was_shown(tuned: Model) -> None:
    base = clutter.load()
    for name, array in base.weights.items():
        assert np.array_equal(array, tuned.weights[name])
    assert np.array_equal(base.ngram_scale, tuned.ngram_scale)
    changed = (base.ngram_vectors != tuned.ngram_vectors).any(axis=1)
    shown = np.zeros(len(changed), bool)
    for page in SITE[:4]:
        shown[features.features(split([page.text]).lines).buckets] = True
    assert changed.any()
    assert not (changed & ~shown).any()


def test_a_tuned_model_labels_other_pages_as_its_base_does(
    tuned: Model, pages: list[LabelledPage]
) -> None:
    before, after = (evaluate(model, pages) for model in (clutter.load(), tuned))
    # these are pages that the base was trained on: on others it has less to lose
    assert after.accuracy > before.accuracy - 0.03
    assert after.kept_by_characters.f1 > before.kept_by_characters.f1 - 0.01


def test_tuning_tells_what_it_brings(tuned: Model) -> None:
    assert TOLD_OF_TUNING[0] == "4 page(s), 48 labelled lines"
    assert TOLD_OF_TUNING[1].startswith("before, on these pages: accuracy 0.")
    assert TOLD_OF_TUNING[-1].startswith("tuned on one half of them, on the other: accuracy ")
    assert TOLD_OF_TUNING[-1].endswith("% of the characters kept or dropped wrongly")
    assert tuned.metadata["base"] == clutter.load().metadata
    assert tuned.metadata["pages"] == {"labelled": 4, "html": 0}
    assert set(tuned.metadata["held_out_by_page"]) == {"base", "tuned"}


def test_one_page_is_enough_and_the_same_pages_give_the_same_model() -> None:
    one, two = (tune(random_model(), SITE[:1]) for _ in range(2))
    assert np.array_equal(one.ngram_vectors, two.ngram_vectors)
    assert set(one.metadata["held_out_by_page"]) == {"base"}


def test_tuning_without_a_labelled_line_is_refused() -> None:
    page = LabelledPage("a", {}, ("Text", "Odd"), ("?", "?"), {0: ("nav", 0.4)})
    with pytest.raises(TrainingError, match="no labelled line in 1 page"):
        tune(clutter.load(), [page])
