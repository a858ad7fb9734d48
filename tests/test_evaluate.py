"""Scores: small cases counted by hand, agreement with scikit-learn, and what must hold
for any answers.

The model here is a stand-in that answers what a test tells it to, line by line, so
that every number can be worked out on paper.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corpus_beside import dev_scores, needs_corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from scored import FIRST, GUESSES, SECOND, Answering, page, sure
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from clutter import LABELS
from clutter.labelled import LabelledPage
from clutter.training.evaluate import Score, Scores, WorstPage, calibration_error, evaluate


@pytest.fixture
def scores() -> Scores:
    return evaluate(Answering(map(sure, GUESSES)), [FIRST, SECOND])


def test_labelled_lines_alone_are_counted(scores: Scores) -> None:
    assert (scores.pages, scores.lines) == (2, 7)
    assert scores.accuracy == 5 / 7
    assert np.sum(scores.confusion) == 7


def test_each_label_has_its_scores(scores: Scores) -> None:
    # body: 3 there, 3 guessed, 2 of them right
    assert scores.by_label["body"] == Score(2 / 3, 2 / 3, 2 / 3, 3)
    # nav: 2 there, 3 guessed, 2 right
    assert scores.by_label["nav"] == Score(2 / 3, 1, pytest.approx(0.8), 2)  # type: ignore[arg-type]
    assert scores.by_label["title"] == Score(1, 1, 1, 1)
    assert scores.by_label["ad"] == Score(0, 0, 0, 1)
    assert scores.by_label["comment"] == Score(0, 0, 0, 0)
    # of the eight labels four occur
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.8 + 1 + 0) / 4)


def test_kept_or_dropped_is_scored_by_lines_and_by_characters(scores: Scores) -> None:
    # truly kept are title, three bodies; kept are title, two bodies and the ad
    assert scores.kept_by_lines == Score(3 / 4, 3 / 4, 3 / 4, 4)
    right = len("A headline") + len("First paragraph.") + len("Τρίτη παράγραφος")
    assert scores.kept_by_characters.precision == pytest.approx(right / (right + 4))
    assert scores.kept_by_characters.recall == pytest.approx(right / (right + 7))
    assert scores.kept_by_characters.support == right + 7


def test_characters_kept_or_dropped_wrongly_are_a_share_of_all(scores: Scores) -> None:
    every = "Home" + "A headline" + "First paragraph." + "Second." + "Buy!" + "Τρίτη παράγραφος"
    wrong = len("Second." + "Buy!")
    assert scores.wrong_characters == pytest.approx(wrong / len(every + "Μενού"))


def test_keeping_everything_is_the_yardstick(scores: Scores) -> None:
    there = len("A headline" + "First paragraph." + "Second." + "Τρίτη παράγραφος")
    clutter_characters = len("Home" + "Buy!" + "Μενού")
    assert scores.keep_everything == pytest.approx(2 * there / (2 * there + clutter_characters))


def test_the_confusion_table_has_a_row_for_each_true_label(scores: Scores) -> None:
    row = dict(zip(LABELS, scores.confusion[LABELS.index("body")], strict=True))
    assert row == dict.fromkeys(LABELS, 0) | {"body": 2, "nav": 1}


def test_languages_are_scored_apart(scores: Scores) -> None:
    assert list(scores.by_language) == ["el", "en"]
    greek, english = scores.by_language.values()
    assert (greek.pages, greek.lines, greek.accuracy, greek.macro_f1) == (1, 2, 1, 1)
    assert greek.kept_by_characters == 1
    assert (english.pages, english.lines, english.accuracy) == (1, 5, 3 / 5)
    assert english.kept_by_lines == pytest.approx(2 / 3)


def test_the_worst_pages_are_named_with_what_went_wrong(scores: Scores) -> None:
    characters = len("Home" + "A headline" + "First paragraph." + "Second." + "Buy!")
    assert scores.worst == [WorstPage("first.tsv", 11, 11 / characters, kept=4, dropped=7)]


def test_the_worst_page_comes_first_and_no_more_than_asked_for() -> None:
    pages = [page(f"{size}.tsv", ("nav", "x" * size)) for size in (3, 9, 1, 5)]
    found = evaluate(Answering([sure("body")] * 4), pages, worst=3)
    assert [worst.name for worst in found.worst] == ["9.tsv", "5.tsv", "3.tsv"]
    assert evaluate(Answering([sure("body")] * 4), pages, worst=0).worst == []


def test_lines_where_label_and_model_disagree_are_named_the_most_striking_first() -> None:
    rows = [sure("nav"), sure("nav", 0.65), sure("ad", 0.93), sure("body", 0.3)]
    doubted = page(
        "a.tsv", ("nav", "Home"), ("body", "Text."), ("", ""), ("nav", "Buy"), ("ad", "Now")
    )
    found = evaluate(Answering(rows), [replace(doubted, first=3)]).disagreements
    assert [(line.name, line.number, line.text) for line in found] == [
        ("a.tsv", 6, "Buy"),
        ("a.tsv", 4, "Text."),
        ("a.tsv", 7, "Now"),
    ]
    assert (found[0].label, found[0].guess) == ("nav", "ad")
    assert found[0].guess_probability == pytest.approx(0.93)
    assert found[0].label_probability == pytest.approx(0.01)
    assert len(evaluate(Answering(rows), [doubted], worst=2).disagreements) == 2


def of_kind(kind: str) -> LabelledPage:
    return replace(page("a.tsv", ("body", "Text")), head={"kind": kind})


def test_the_kind_is_scored_on_pages_that_name_one(scores: Scores) -> None:
    assert scores.kinds is None
    # the model here takes every page for an article
    kinds = ["article", "forum", "article", "article", "", "listing?0.60"]
    found = evaluate(Answering([sure("body")] * len(kinds)), list(map(of_kind, kinds))).kinds
    assert found is not None
    assert (found.pages, found.accuracy) == (4, 3 / 4)
    assert list(found.by_kind) == ["article", "forum"]
    assert found.by_kind["article"] == Score(3 / 4, 1, pytest.approx(6 / 7), 3)  # type: ignore[arg-type]
    assert found.by_kind["forum"] == Score(0, 0, 0, 1)


def test_main_content_is_scored_against_reference_texts(scores: Scores) -> None:
    assert scores.main_by_characters is None
    # the model here takes title and body for main content
    stated = page(
        "a.tsv", ("title", "Headline"), ("", ""), ("body", "abc"), ("teaser", "defgh"), ("nav", "i")
    )
    stated = replace(stated, main=(0, -1, 0, 1, -1))
    guesses = map(sure, ["title", "body", "body", "body"])
    # a headline that the reference lacks and a line that it says nothing of do not count
    found = evaluate(Answering(guesses), [stated]).main_by_characters
    assert found == Score(5 / 8, 1, pytest.approx(10 / 13), 5)  # type: ignore[arg-type]


def test_title_and_body_together_decide_what_is_kept() -> None:
    row = np.zeros(len(LABELS))
    row[[LABELS.index("title"), LABELS.index("body"), LABELS.index("nav")]] = 0.3, 0.3, 0.4
    found = evaluate(Answering([row]), [page("a.tsv", ("body", "Text"))])
    assert found.by_label["nav"].precision == 0  # nav is the likeliest label,
    assert found.kept_by_lines.recall == 1  # and the line is kept all the same


def test_another_choice_of_what_to_keep() -> None:
    found = evaluate(Answering(map(sure, GUESSES)), [FIRST, SECOND], keep=("nav",))
    assert found.kept_by_lines == Score(2 / 3, 1, pytest.approx(0.8), 2)  # type: ignore[arg-type]
    assert found.keep == ("nav",)


def test_calibration_error_of_a_worked_example() -> None:
    # bins of a fifteenth: (0, 1/15] holds two lines, (8/15, 9/15] two, (14/15, 1] one
    probability = np.array([0.02, 0.04, 0.55, 0.59, 1.0])
    happened = np.array([False, False, True, False, True])
    expected = 2 / 5 * 0.03 + 2 / 5 * abs(0.57 - 0.5) + 1 / 5 * 0
    assert calibration_error(probability, happened) == pytest.approx(expected)


def test_a_bin_holds_its_upper_bound() -> None:
    # 0 and 1/15 share the first bin; a bin's mean may be right where no line is
    assert calibration_error(np.array([1 / 15, 0.0]), np.array([False, False])) == pytest.approx(
        1 / 30
    )
    assert calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == 0


def slow_calibration_error(probability: np.ndarray, happened: np.ndarray) -> float:
    total = 0.0
    for b in range(15):
        inside = [
            (p, h)
            for p, h in zip(probability, happened, strict=True)
            if b / 15 < p <= (b + 1) / 15 or (b == 0 and p == 0)
        ]
        if inside:
            mean = sum(p for p, _ in inside) / len(inside)
            share = sum(h for _, h in inside) / len(inside)
            total += len(inside) / len(probability) * abs(mean - share)
    return total


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=40))
def test_calibration_error_is_that_of_the_plain_loop(lines: list[tuple[int, bool]]) -> None:
    # thousandths and a bit: none falls on a bound, where rounding would decide
    probability = np.array([p * 0.999 / 1000 + 1e-5 for p, _ in lines])
    happened = np.array([h for _, h in lines])
    found = calibration_error(probability, happened)
    assert found == pytest.approx(slow_calibration_error(probability, happened), abs=1e-9)
    assert 0 <= found <= 1


ANSWERED = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS), st.integers(1, 30)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(ANSWERED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_are_those_of_scikit_learn(lines: list[tuple[str, str, int]]) -> None:
    true, guessed, sizes = zip(*lines, strict=True)
    pages = [page("a.tsv", *((label, "x" * size) for label, size in zip(true, sizes, strict=True)))]
    found = evaluate(Answering(map(sure, guessed)), pages)
    assert found.accuracy == pytest.approx(accuracy_score(true, guessed))
    assert found.confusion == confusion_matrix(true, guessed, labels=LABELS).tolist()
    expected = precision_recall_fscore_support(true, guessed, labels=LABELS, zero_division=0)
    for row, label in zip(zip(*expected, strict=True), LABELS, strict=True):
        score = found.by_label[label]
        assert (score.precision, score.recall, score.f1, score.support) == pytest.approx(row)
    macro = precision_recall_fscore_support(true, guessed, average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(macro[2])
    kept = [[label in ("title", "body") for label in side] for side in (true, guessed)]
    for score, weights in ((found.kept_by_lines, None), (found.kept_by_characters, sizes)):
        expected = precision_recall_fscore_support(
            *kept, labels=[True], sample_weight=weights, zero_division=0
        )
        assert (score.precision, score.recall, score.f1) == pytest.approx(
            [values[0] for values in expected[:3]]
        )


@settings(max_examples=40, deadline=None)
@given(ANSWERED, st.integers(1, 5))
def test_what_holds_for_any_answers(lines: list[tuple[str, str, int]], size: int) -> None:
    true, guessed, _ = zip(*lines, strict=True)
    rows = [(label, f"line {i}") for i, label in enumerate(true)]
    pages = [
        page(f"{i}.tsv", *rows[i : i + size], lang=("en", "el")[i % 2])
        for i in range(0, len(rows), size)
    ]
    found = evaluate(Answering(map(sure, guessed)), pages, worst=len(pages))
    assert found.pages == len(pages)
    assert sum(score.support for score in found.by_label.values()) == found.lines == len(lines)
    assert sum(score.lines for score in found.by_language.values()) == found.lines
    assert sum(score.pages for score in found.by_language.values()) == found.pages
    for score in (*found.by_label.values(), found.kept_by_lines, found.kept_by_characters):
        assert min(score.precision, score.recall) <= score.f1 + 1e-12
        assert score.f1 <= max(score.precision, score.recall) + 1e-12 <= 1 + 1e-12
    keep = {"title", "body"}
    wrongly = [
        i for i, (a, b) in enumerate(zip(true, guessed, strict=True)) if (a in keep) != (b in keep)
    ]
    assert sum(worst.wrong for worst in found.worst) == sum(len(rows[i][1]) for i in wrongly)
    assert {worst.name for worst in found.worst} == {f"{i - i % size}.tsv" for i in wrongly}
    assert all(worst.kept + worst.dropped == worst.wrong for worst in found.worst)
    assert all(0 < worst.share <= 1 for worst in found.worst)


def test_perfect_answers_score_one() -> None:
    perfect = evaluate(Answering(map(sure, ["nav", "title", "body", "body", "nav", "ad"])), [FIRST])
    assert perfect.accuracy == perfect.macro_f1 == 1
    assert perfect.kept_by_lines.f1 == perfect.kept_by_characters.f1 == 1
    assert perfect.calibration_error == 0
    assert perfect.worst == []


def test_labels_of_blank_lines_are_left_out() -> None:
    odd = LabelledPage("a.tsv", {}, ("\u200f", "Text"), ("nav", "body"))
    assert evaluate(Answering([sure("body")]), [odd]).lines == 1


@pytest.mark.parametrize(
    "pages",
    [[], [page("a.tsv", ("?", "unlabelled"), ("", ""))], [LabelledPage("a.tsv", {}, (), ())]],
)
def test_pages_without_a_labelled_line_are_refused(pages: list[LabelledPage]) -> None:
    with pytest.raises(ValueError, match="no labelled line in"):
        evaluate(Answering([sure("body")]), pages)


def test_labels_that_the_model_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.tsv: the model has no label 'menu'"):
        evaluate(Answering([]), [page("a.tsv", ("menu", "Home"))])
    with pytest.raises(ValueError, match="keep: the model has no label 'text'"):
        evaluate(Answering([]), [FIRST], keep=("text",))


@pytest.mark.parametrize("line", ["two\nlines", "two\rlines"])
def test_a_line_break_inside_a_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"a\.tsv: a line holds a line break"):
        evaluate(Answering([]), [page("a.tsv", ("body", line))])


@needs_corpus
def test_the_model_is_better_than_keeping_everything_on_real_pages() -> None:
    scores = dev_scores()
    assert scores.pages > 50
    assert scores.kept_by_characters.f1 > 0.9 > scores.keep_everything
