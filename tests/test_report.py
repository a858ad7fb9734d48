"""The report of scores: the numbers that it holds, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scored import FIRST, GUESSES, SECOND, Answering, page, sure

from clutter import LABELS, labelled
from clutter.training.evaluate import Scores, evaluate
from clutter.training.report import format_json, format_text, format_views


@pytest.fixture
def scores() -> Scores:
    return evaluate(Answering(map(sure, GUESSES)), [FIRST, SECOND])


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


def test_the_report_has_the_kinds_and_the_main_content_of_pages_that_say_them() -> None:
    pages = [replace(FIRST, head={"kind": "article"}), replace(SECOND, head={"kind": "forum"})]
    pages[1] = replace(pages[1], main=(1, -1, 0))
    scores = evaluate(Answering(map(sure, GUESSES)), pages)
    rows = [" ".join(line.split()) for line in format_text(scores).splitlines()]
    start = rows.index("Kind of the page: accuracy 0.500 (2 pages)")
    assert rows[start + 1 : start + 4] == [
        "precision recall F1 pages",
        "article 0.500 1.000 0.667 1",
        "forum 0.000 0.000 0.000 1",
    ]
    start = rows.index("Main content, against reference texts")
    assert rows[start + 2] == "by characters 1.000 1.000 1.000"
    found = json.loads(format_json(scores))
    assert (found["kinds"]["accuracy"], found["main_by_characters"]["f1"]) == (0.5, 1)


def test_the_report_shows_disagreements_by_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("# lang: en\n\nnav\tHome\nbody\tB\x1b[1muy " + "now " * 30 + "\n")
    pages = [labelled.read(file)]
    report = format_text(evaluate(Answering([sure("nav"), sure("ad", 0.93)]), pages))
    row = report.splitlines()[-1]
    assert row.startswith(f"{file}:4  body   ad     0.93  B\ufffd[1muy now now")
    assert row.endswith("...") and len(row) < len(str(file)) + 90


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


def test_views_are_scored_extractor_by_extractor() -> None:
    right = evaluate(Answering([sure("body")]), [page("a", ("body", "Text"))])
    wrong = evaluate(Answering([sure("nav")]), [page("b", ("body", "Text"))])
    rows = [
        " ".join(row.split()) for row in format_views({"sieve": right, "x": wrong}).splitlines()
    ]
    assert rows[-2:] == ["sieve 1 1.000 1.000 1.000 1.000", "x 1 0.000 0.000 0.000 1.000"]
