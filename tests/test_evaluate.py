"""Scores: small cases counted by hand, agreement with scikit-learn, and what must hold
for any answers.

The model here is a stand-in that answers what a test tells it to, line by line, so
that every number of the report can be worked out on paper.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

import clutter
from clutter import LABELS, Model, Page, cli, features, labelled
from clutter.labelled import LabelledPage
from clutter.training.corpus import line_hash, read_pages, read_standoff
from clutter.training.evaluate import Score, Scores, WorstPage, calibration_error, evaluate
from clutter.training.report import format_json, format_text, format_views

AUTHORED = Path(__file__).parent.parent / "labelled" / "pages"


class Answering(Model):
    """A model that gives the probabilities it is told to: one row for each non-blank
    line, page after page."""

    labels = LABELS

    def __init__(self, rows: Iterable[np.ndarray]) -> None:
        self.rows = iter(list(rows))

    def label_many(self, texts: Iterable[str]) -> Iterator[Page]:
        for text in texts:
            found = features.split([text])
            count = found.number.size
            rows = np.array([next(self.rows) for _ in range(count)], np.float32)
            rows = rows.reshape(count, len(LABELS))
            yield Page(text, found.number, found.lines.start, found.lines.end, rows)


def sure(label: str, probability: float = 1.0) -> np.ndarray:
    """A row that gives ``label`` this probability and shares the rest among the others."""
    row = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1))
    row[LABELS.index(label)] = probability
    return row


def page(name: str, *lines: tuple[str, str], lang: str = "en") -> LabelledPage:
    labels, texts = zip(*lines, strict=True)
    return LabelledPage(name, {"lang": lang}, tuple(texts), tuple(labels))


FIRST = page(
    "first.tsv",
    ("nav", "Home"),  # nav
    ("title", "A headline"),  # title
    ("", ""),
    ("body", "First paragraph."),  # body
    ("body", "Second."),  # nav: dropped, 7 characters
    ("?", "Nobody labelled this"),  # left out
    ("ad", "Buy!"),  # body: kept, 4 characters
)
SECOND = page(
    "second.tsv",
    ("body", "Τρίτη παράγραφος"),  # body
    ("", "\u200b"),
    ("nav", "Μενού"),  # nav
    lang="el",
)
GUESSES = ["nav", "title", "body", "nav", "body", "body", "body", "nav"]


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


def test_the_report_shows_disagreements_by_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("# lang: en\n\nnav\tHome\nbody\tB\x1b[1muy " + "now " * 30 + "\n")
    pages = [labelled.read(file)]
    report = format_text(evaluate(Answering([sure("nav"), sure("ad", 0.93)]), pages))
    row = report.splitlines()[-1]
    assert row.startswith(f"{file}:4  body   ad     0.93  B\ufffd[1muy now now")
    assert row.endswith("...") and len(row) < len(str(file)) + 90


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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=60, deadline=None)
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


def test_the_report_holds_the_numbers(scores: Scores) -> None:
    report = format_text(scores)
    rows = [" ".join(line.split()) for line in report.splitlines()]
    assert "2 pages, 7 labelled lines" in rows
    assert "accuracy 0.714" in rows
    assert "body 0.667 0.667 0.667 3" in rows
    assert "by lines 0.750 0.750 0.750" in rows
    assert "first.tsv 11 26.8% 4 7" in rows
    assert "body 2 0 0 1 0 0 0 0" in rows
    assert report.endswith("\n")
    assert all(line == line.rstrip() for line in report.split("\n"))


def test_json_holds_all_scores(scores: Scores) -> None:
    found = json.loads(format_json(scores))
    assert found == json.loads(json.dumps(scores.as_dict()))
    assert found["by_label"]["body"] == {
        "precision": 2 / 3,
        "recall": 2 / 3,
        "f1": 2 / 3,
        "support": 3,
    }
    assert found["worst"][0]["name"] == "first.tsv"
    assert found["labels"] == list(LABELS)


# --- the command --------------------------------------------------------------------


def run(
    *labelled: Path,
    model: str | None = None,
    format: str = "text",
    worst: int = 3,
    corpus: str | None = None,
) -> int:
    args = [*map(str, labelled), "--format", format, "--worst", str(worst)]
    for name, value in (("--model", model), ("--corpus", corpus)):
        args += [] if value is None else [name, value]
    return cli.main(["evaluate", *args])


def test_the_shipped_model_knows_the_authored_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(AUTHORED, format="json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["pages"] == len(list(AUTHORED.rglob("*.tsv")))
    assert scores["kept_by_characters"]["f1"] > scores["keep_everything"]
    assert len(scores["worst"]) <= 3


def test_the_text_report_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("# lang: el\nnav\tΜενού\nbody\tΚείμενο.\n", "utf-8")
    assert run(tmp_path) == 0
    out = capsys.readouterr()
    assert out.out.startswith("1 page, 2 labelled lines\n")
    assert out.err == ""


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_file_name_that_is_no_text_is_printed_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, format: str
) -> None:
    odd = tmp_path / "caf\udce9.tsv"
    try:
        odd.write_text("body\tshare\nnav\tA paragraph of many words, and then some more.\n")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    assert run(odd, format=format) == 0
    assert "caf\\udce9.tsv" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *args: Path, **options: Any) -> str:
    """The message of a refused command."""
    assert run(*args, **options) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith("clutter: ")
    return out.err


def test_a_folder_without_a_labelled_line_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("?\tNobody looked at this\n")
    (tmp_path / "two.tsv").write_text("?\tNor at this\n")
    message = refused(capsys, tmp_path)
    assert message == f"clutter: {tmp_path}: no labelled line in 2 pages\n"


def test_a_malformed_file_is_refused_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("nav\tHome\nbdy\tText\n")
    assert "one.tsv:2: " in refused(capsys, tmp_path)


def test_what_cannot_be_read_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "none.tsv" in refused(capsys, tmp_path / "none.tsv")
    fine = tmp_path / "fine.tsv"
    fine.write_text("nav\tHome\n")
    assert "none.safetensors" in refused(capsys, fine, model=str(tmp_path / "none.safetensors"))
    assert "not a model file" in refused(capsys, fine, model=str(fine))


def test_nothing_to_evaluate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: LABELLED" in refused(capsys)


def test_a_negative_number_of_worst_pages_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a whole number from 0 up, not '-1'" in refused(capsys, AUTHORED, worst=-1)
    with pytest.raises(ValueError, match="negative"):
        evaluate(Answering([]), [FIRST], worst=-1)


# --- a corpus folder ----------------------------------------------------------------

MENU, STORY = "Home", "The council has voted to keep the ferry running through the winter."


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A corpus folder with two pages and two views, and stand-off labels for one page."""
    lines = [{"text": MENU}, {"text": STORY}]
    rows = [
        {"id": name, "source": "made-up", "site": f"{name}.example", "lang": "en", "lines": lines}
        | {"html": f"{name}.html"}
        for name in ("known", "unknown")
    ]
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "known.html").write_text(f"<ul><li>{MENU}</ul><p>{STORY}</p><p>New")
    views = [
        {
            "id": "known",
            "split": split,
            "site": "known.example",
            "lang": "en",
            "extractor": extractor,
            "lines": [{"text": STORY, "label": "body"}, {"text": "A stray line", "label": None}],
        }
        for split, extractor in (("dev", "sieve"), ("train", "riddle"))
    ]
    for file, content in (("dev", rows), ("train", []), ("residue", views)):
        with gzip.open(tmp_path / f"{file}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in content)
    labels = [[line_hash(MENU), "nav"], [line_hash(STORY), "body"]]
    (tmp_path / "labels.jsonl").write_text(json.dumps({"id": "known", "lines": labels}) + "\n")
    return tmp_path


def test_a_corpus_is_scored_on_its_labelled_dev_pages_and_on_their_views(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    labels = tiny_corpus / "labels.jsonl"
    assert run(labels, corpus=str(tiny_corpus), format="json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pages"], found["lines"]) == (1, 2)
    assert found["by_label"]["nav"]["support"] == found["by_label"]["body"]["support"] == 1
    # the view of the other split is not there, and what has no label is not counted
    assert list(found["views"]) == ["sieve"]
    assert (found["html"]["pages"], found["html"]["lines"]) == (1, 2)
    assert found["views"]["sieve"]["lines"] == 1


def test_the_views_have_a_table_of_their_own_in_the_report(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    assert run(tiny_corpus, corpus=str(tiny_corpus)) == 0
    report = capsys.readouterr().out
    assert report.startswith("1 page, 2 labelled lines\n")
    report, _, html = report.partition("\nFrom HTML\n\n")
    assert html.startswith("1 page, 2 labelled lines\n")
    head, _, table = report.partition("\nHalf-cleaned views, by extractor\n")
    assert "By language" in head
    rows = [row.split() for row in table.splitlines()]
    assert rows[0][:2] == ["pages", "accuracy"]
    assert [row[:2] for row in rows[1:]] == [["sieve", "1"]]


def test_a_labelled_page_of_html_is_scored_as_text_and_from_its_html(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.html").write_text(f"<ul><li>{MENU}</ul><p>{STORY}</p>")
    (tmp_path / "a.tsv").write_text(f"# html: a.html\nnav\t{MENU}\nbody\t{STORY}\n")
    (tmp_path / "b.tsv").write_text(f"nav\t{MENU}\nbody\t{STORY}\n")
    assert run(tmp_path) == 0
    text, _, html = capsys.readouterr().out.partition("\nFrom HTML\n\n")
    assert text.startswith("2 pages, 4 labelled lines\n")
    assert html.startswith("1 page, 2 labelled lines\n")
    (tmp_path / "a.html").unlink()
    assert "a.html" in refused(capsys, tmp_path)


def test_views_are_scored_extractor_by_extractor() -> None:
    right = evaluate(Answering([sure("body")]), [page("a", ("body", "Text"))])
    wrong = evaluate(Answering([sure("nav")]), [page("b", ("body", "Text"))])
    rows = [
        " ".join(row.split()) for row in format_views({"sieve": right, "x": wrong}).splitlines()
    ]
    assert rows[-2:] == ["sieve 1 1.000 1.000 1.000 1.000", "x 1 0.000 0.000 0.000 1.000"]


def test_without_views_the_report_says_nothing_of_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("nav\tHome\nbody\tText\n")
    assert run(tmp_path) == 0
    assert "Half-cleaned" not in capsys.readouterr().out
    assert run(tmp_path, format="json") == 0
    assert "views" not in json.loads(capsys.readouterr().out)


def test_what_is_wrong_with_a_corpus_is_told(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert "no stand-off labels" in refused(capsys, empty, corpus=str(tiny_corpus))
    assert "dev.jsonl.gz: no such file" in refused(capsys, tiny_corpus, corpus=str(empty))
    (tiny_corpus / "dev.jsonl.gz").write_bytes(b"not compressed")
    assert "dev.jsonl.gz: cannot be read" in refused(capsys, tiny_corpus, corpus=str(tiny_corpus))
    (tiny_corpus / "labels.jsonl").write_text("{}\n")
    assert "labels.jsonl:1: " in refused(capsys, tiny_corpus, corpus=str(tiny_corpus))


def test_a_corpus_without_a_label_for_it_is_refused(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    labels = tiny_corpus / "labels.jsonl"
    labels.write_text(labels.read_text().replace("known", "other"))
    message = refused(capsys, labels, corpus=str(tiny_corpus))
    assert "dev.jsonl.gz: holds no page that has labels" in message


CORPUS = AUTHORED.parent.parent.parent / "shared" / "corpus"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus here")
def test_the_model_is_better_than_keeping_everything_on_real_pages() -> None:
    standoff = read_standoff([AUTHORED.parent / "corpora"])
    scores = evaluate(clutter.load(), read_pages(CORPUS, "dev", standoff))
    assert scores.pages > 50
    assert scores.kept_by_characters.f1 > 0.9 > scores.keep_everything
