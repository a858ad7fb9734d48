"""Training: a model that knows its pages, says what it was made of, and comes out the same
every time.

Networks here are tiny and trained for a moment: the question is whether the parts do what
they promise, not how good a model gets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from training_for_a_moment import TEXTS, messages, tiny_training

from clutter import LABELS, Model, labelled
from clutter.errors import TrainingError
from clutter.labelled import LabelledPage
from clutter.page import KINDS
from clutter.training import train
from clutter.training.answers import Answers, cell_hash
from clutter.training.evaluate import evaluate
from clutter.training.samples import sample
from clutter.training.tune import tune


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with tiny_training():
        yield


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all(TEXTS)


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


STORY = ("Home", "A story.")
ANSWERS = Answers(
    [cell_hash(line) for line in STORY],
    np.full((2, len(LABELS)), 1 / len(LABELS), np.float32),
    np.full(2, 0.5, np.float32),
    np.full(len(KINDS), 1 / len(KINDS), np.float32),
)


@pytest.fixture(scope="module")
def trained(small: None, pages: list[LabelledPage], told: list[str]) -> Model:
    with messages() as logged:
        model = train.train(pages[:14])
    told += logged
    return model


def test_a_model_is_better_than_chance_on_pages_it_has_not_seen(
    trained: Model, pages: list[LabelledPage]
) -> None:
    scores = evaluate(trained, pages[14:])
    commonest = max(score.support for score in scores.by_label.values()) / scores.lines
    assert scores.accuracy > commonest + 0.05
    assert scores.kept_by_characters.f1 > scores.keep_everything


def test_a_model_says_what_it_was_made_of(trained: Model, pages: list[LabelledPage]) -> None:
    about = trained.metadata
    assert about["pages"] == {"labelled": 14, "views": 0, "html": 0}
    assert about["labelled_lines"] == sum(
        bool(label) for page in pages[:14] for label in page.labels
    )
    assert about["sites"] == len({page.site for page in pages[:14]})
    assert about["languages"] == ["en"]
    assert 0 < about["held_out_by_site"]["accuracy"] <= 1
    json.dumps(about)


def test_training_tells_how_far_it_is(trained: Model, told: list[str]) -> None:
    assert told[0].startswith("14 pages of ")
    assert any(line.startswith("fold 2: step 10 of 10, loss ") for line in told)
    assert any("on sites not trained on: accuracy 0." in line for line in told)
    assert told[-1].startswith("model: step 100 of 100, loss ")


def test_the_same_pages_give_the_same_file_also_with_two_jobs(
    trained: Model, small: None, pages: list[LabelledPage], tmp_path: Path
) -> None:
    trained.save(tmp_path / "one")
    with joblib.parallel_config(backend="threading"):  # threads share the small sizes
        train.train(pages[:14], jobs=2).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_views_take_part(small: None, pages: list[LabelledPage]) -> None:
    view = LabelledPage("a", {}, ("Home", "", "A story's line."), ("nav", "", "body"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples: 5)
        model = train.train(pages[:6], [view], seed=3)
    assert model.metadata["pages"] == {"labelled": 6, "views": 1, "html": 0}
    assert model.metadata["seed"] == 3


def test_with_the_answers_of_a_teacher_no_halves_are_trained(
    small: None, pages: list[LabelledPage]
) -> None:
    """And a page without labels takes part, which does not count as labelled."""
    unknown = LabelledPage("unknown", {"site": "b.example"}, STORY, ("?", "?"))
    with pytest.MonkeyPatch.context() as patch, messages() as told:
        patch.setattr(train, "how_many_steps", lambda samples: 5)
        model = train.train([*pages[:6], unknown], answers={"unknown": ANSWERS})
    assert model.metadata["pages"] == {"labelled": 6, "views": 0, "html": 0, "taught": 1}
    labels = sum(bool(label) for page in pages[:6] for label in page.labels)
    assert model.metadata["labelled_lines"] == labels
    assert not any("fold" in message for message in told)
    assert any("with a teacher's answers" in message for message in told)


@pytest.mark.parametrize(
    ("host", "weight"),
    [
        ("news.example", train.WRITTEN_WEIGHT),
        ("www.news.example.org", train.WRITTEN_WEIGHT),
        ("example.com", train.WRITTEN_WEIGHT),
        ("news.org", 1),
        ("my-example.com", 1),
        ("example.news.org", 1),
    ],
)
def test_pages_of_hosts_that_cannot_exist_are_drawn_less_often(host: str, weight: float) -> None:
    """They were written to learn from."""
    page = LabelledPage("a", {"url": f"https://{host}/a"}, STORY, ("nav", "body"))
    assert train.written_less_often(sample(page)).sampling_weight == weight
    assert train.written_less_often(sample(page, 0.5)).sampling_weight == weight / 2


def test_answers_for_none_of_the_pages_are_as_good_as_none(
    small: None, pages: list[LabelledPage]
) -> None:
    with pytest.MonkeyPatch.context() as patch, messages() as told:
        patch.setattr(train, "how_many_steps", lambda samples: 5)
        train.train(pages[:6], answers={"unknown": ANSWERS})
    assert any("fold" in message for message in told)
    assert not any("with a teacher's answers" in message for message in told)


def test_markup_is_learned(small: None, tmp_path: Path) -> None:
    """Lines that only their class tells apart."""
    pages = []
    for i in range(12):
        kinds = np.random.default_rng(i).permutation(["nav", "body"] * 10)
        rows = "".join(
            f'<div class="{"menu" if kind == "nav" else "story"}">Word</div>' for kind in kinds
        )
        (tmp_path / f"{i}.html").write_text(rows)
        head = {"html": f"{i}.html", "site": f"{i}.example"}
        name = str(tmp_path / f"{i}.tsv")
        pages.append(LabelledPage(name, head, ("Word",) * 20, tuple(kinds.tolist())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples: 150)
        model = train.train(pages[:10])
    right = 0
    for page in pages[10:]:
        found = model.label_html((tmp_path / page.head["html"]).read_bytes())
        right += sum(
            line.label == label for line, label in zip(found.lines, page.labels, strict=True)
        )
    assert right > 35
    tuned = tune(model, pages[10:])
    assert np.array_equal(tuned.markup_scale, model.markup_scale)
    assert (tuned.markup_vectors != model.markup_vectors).any()
    tuned.save(tmp_path / "m.safetensors")
    again = Model.load(tmp_path / "m.safetensors")
    assert again.metadata == tuned.metadata
    assert np.array_equal(again.markup_vectors, tuned.markup_vectors)


@pytest.mark.parametrize(
    ("rows", "sites", "reason"),
    [
        (200, 1, "200 labelled lines of 1 site"),
        (40, 2, "80 labelled lines of 2 site"),
        (0, 2, "0 labelled lines of 0 site"),
    ],
)
def test_too_little_to_learn_from_is_refused(rows: int, sites: int, reason: str) -> None:
    pages = [
        LabelledPage(f"{i}.tsv", {"site": f"{i}.example"}, ("Text",) * rows + ("Odd",),
                     ("body",) * rows + ("?",))
        for i in range(sites)
    ]  # fmt: skip
    with pytest.raises(TrainingError, match=reason):
        train.train(pages)
