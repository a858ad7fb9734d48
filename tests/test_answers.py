"""A teacher's answers: kept by hash, found again by text and order, and mixed with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clutter import LABELS
from clutter.errors import CorpusError
from clutter.features import Floats
from clutter.labelled import LabelledPage
from clutter.markup import N_MARKUP_FEATURES, without_hashes
from clutter.page import KINDS
from clutter.training.answers import (
    Answers,
    answers_for,
    cell_hash,
    read_answers,
    write_answers,
)
from clutter.training.samples import sample, text_samples
from clutter.training.train import HTML_TAUGHT_SHARE, TAUGHT_WEIGHT, TEXT_TAUGHT_SHARE, taught


def certain(names: list[str], labels: list[str]) -> Floats:
    """Probabilities (labels, names): all of it for the right name."""
    return np.eye(len(names), dtype=np.float32)[[names.index(label) for label in labels]]


def answers_of(cells: list[str], labels: list[str], kind: str = "article") -> Answers:
    is_body = np.array([label == "body" for label in labels], np.float32)
    return Answers(
        [cell_hash(cell) for cell in cells],
        certain(list(LABELS), labels),
        is_body,
        certain(list(KINDS), [kind])[0],
    )


def page_of(lines: list[str], labels: list[str], kind: str = "") -> LabelledPage:
    return LabelledPage("a", {"site": "a.example", "kind": kind}, tuple(lines), tuple(labels))


STORY = ["Home", "A story about rain", "It rained for a week.", "Read more"]
SAID = ["nav", "title", "body", "teaser"]


# --- files --------------------------------------------------------------------------


def test_what_is_written_is_read_again_in_steps_of_one_255th(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    answers = {}
    for name, count in (("a/1", 5), ("empty", 0), ("ü", 3)):
        labels = rng.dirichlet(np.ones(len(LABELS)), count).astype(np.float32)
        kinds = rng.dirichlet(np.ones(len(KINDS))).astype(np.float32)
        hashes = [cell_hash(f"{name} {i}") for i in range(count)]
        answers[name] = Answers(hashes, labels, rng.random(count, np.float32), kinds)
    write_answers(tmp_path / "answers.npz", answers)
    found = read_answers([tmp_path])
    assert list(found) == list(answers)
    for name, page in answers.items():
        assert found[name].hashes == page.hashes
        for was, now in zip(page[1:], found[name][1:], strict=True):
            assert now.shape == was.shape
            # the first label is what the others leave, so it has the steps of all of them
            assert np.abs(now - was).max(initial=0) < len(LABELS) / 2 / 255
        sums = found[name].labels.sum(axis=1)
        assert sums == pytest.approx(np.ones_like(sums), abs=len(LABELS) / 2 / 255)


def test_folders_without_such_a_file_and_files_of_labels_hold_no_answers(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("body\tText\n")
    assert read_answers([tmp_path, tmp_path / "a.tsv"]) == {}


@pytest.mark.parametrize(
    ("name", "shape"),
    [("labels", (3, len(LABELS) - 1)), ("main", (3,)), ("cells", (1,)), ("kinds", (2, 6))],
)
def test_sizes_that_do_not_agree_are_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    write_answers(tmp_path / "answers.npz", {"a": answers_of(STORY, SAID)})
    with np.load(tmp_path / "answers.npz") as arrays:
        parts = dict(arrays) | {name: np.zeros(shape, np.uint8)}
    np.savez(tmp_path / "answers.npz", **parts)
    with pytest.raises(CorpusError, match="sizes do not agree"):
        read_answers([tmp_path])


# --- finding the lines --------------------------------------------------------------


def test_lines_are_found_by_text_and_order_whatever_else_the_page_holds() -> None:
    lines = ["Skip", "Home", "", "It rained for a week.", "Read more", "Home"]
    rows, labels, main = answers_for(lines, answers_of(STORY, SAID))
    assert rows.tolist() == [1, 3, 4]
    assert [LABELS[i] for i in labels.argmax(axis=1)] == ["nav", "body", "teaser"]
    assert main.tolist() == [0, 1, 0]


def test_a_row_of_cells_has_the_mean_of_their_answers_by_length() -> None:
    answers = answers_of(["Weight", "12 kg, without the box"], ["meta", "body"])
    rows, labels, main = answers_for(["Weight\t12 kg, without the box"], answers)
    assert rows.tolist() == [0]
    assert labels[0, LABELS.index("body")] == pytest.approx(22 / 28)
    assert labels[0, LABELS.index("meta")] == pytest.approx(6 / 28)
    assert main.tolist() == pytest.approx([22 / 28])


def test_nothing_is_found_on_another_page() -> None:
    rows, labels, main = answers_for(["Other", "words"], answers_of(STORY, SAID))
    assert (rows.size, labels.shape, main.size) == (0, (0, len(LABELS)), 0)


# --- with and without labels --------------------------------------------------------


def test_a_label_is_mixed_with_the_answer() -> None:
    page = sample(page_of(STORY, ["nav", "body", "body", "?"], "forum"))
    (made,) = taught([page], {"a": answers_of(STORY, SAID)})
    title, body = LABELS.index("title"), LABELS.index("body")
    share = TEXT_TAUGHT_SHARE
    assert made.target[1, [body, title]] == pytest.approx([1 - share, share])
    assert made.target[2, body] == 1
    # a line without a label has that of the answer
    assert LABELS[made.target[3].argmax()] == "teaser"
    assert made.weight.tolist() == [1, 1, 1, 1]
    kinds = dict(zip(KINDS, made.kinds.tolist(), strict=True))
    assert (kinds["forum"], kinds["article"]) == pytest.approx((1 - share, share))
    assert made.sampling_weight == 1


def test_what_the_page_shows_as_html_counts_more_against_the_answer() -> None:
    page = page_of(STORY, ["nav", "body", "body", "?"])
    markup = without_hashes(np.zeros((len(STORY), N_MARKUP_FEATURES), np.float32))
    (made,) = taught([sample(page, markup=markup)], {"a": answers_of(STORY, SAID)})
    assert made.target[1, LABELS.index("title")] == pytest.approx(HTML_TAUGHT_SHARE)


def test_a_page_without_labels_has_those_of_the_answers_and_is_drawn_less_often() -> None:
    page = page_of(STORY, ["?"] * len(STORY))
    answers = answers_of(STORY[:3], SAID[:3], "listing")
    (made,) = taught(text_samples([page]), {"a": answers})
    assert made.weight.tolist() == made.main_weight.tolist() == [1, 1, 1, 0]
    assert [LABELS[i] for i in made.target[:3].argmax(axis=1)] == SAID[:3]
    assert KINDS[made.kinds.argmax()] == "listing"
    assert made.sampling_weight == TAUGHT_WEIGHT


def test_pages_without_answers_stay_as_they_are_and_those_without_anything_are_left_out() -> None:
    known, unknown = page_of(["Home"], ["nav"]), page_of(["Home"], ["?"])
    made = taught(text_samples([known, unknown]), {"b": answers_of(STORY, SAID)})
    assert [page.target.argmax() for page in made] == [LABELS.index("nav")]
