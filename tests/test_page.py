"""What Page makes of labelled lines; the probabilities are made up, so no model is asked.

``examples_clean.json`` holds the cases: lines with their probabilities ("" and the like
for a blank line) and the clean text that must come out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from made_pages import made_page

from clutter import LABELS, Page, features
from clutter.errors import CleaningError
from clutter.page import ARTICLE, MAIN, REPEATED, keeps

EXAMPLES = json.loads(Path(__file__).with_name("examples_clean.json").read_text("utf-8"))


def example_page(lines: list[Any]) -> Page:
    filled = [line for line in lines if not isinstance(line, str)]
    text = "\n".join([line if isinstance(line, str) else line[0] for line in lines])
    return made_page(text, [[given.get(label, 0) for label in LABELS] for _, given in filled])


LONG = "The bridge over the river was opened " * 3
"""A paragraph, long enough to be kept only once."""


@st.composite
def pages(draw: st.DrawFn) -> Page:
    lines = ["", " ", "Bridge opens", "BRIDGE OPENS", "Text.", "\u200b", "مرحبا", "\ud800"]
    lines += [LONG, LONG.upper()]
    line = st.sampled_from(lines)
    parts = draw(st.lists(st.tuples(line, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12))
    text = "".join([part + end for part, end in parts])
    count = features.split([text]).number.size
    weights = draw(arrays.arrays(np.float64, (count, len(LABELS)), elements=st.floats(0.01, 1)))
    # not an article, of which a few lines would be kept in any case
    return made_page(text, weights / weights.sum(axis=1, keepdims=True), kind="listing")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["about"])
def test_clean_text(example: dict[str, Any]) -> None:
    page = example_page(example["lines"])
    options = {key: example[key] for key in ("keep", "threshold") if key in example}
    assert page.clean(**options) == example["clean"]


@given(pages(), st.floats(0, 1), st.sets(st.sampled_from(LABELS), min_size=1))
def test_clean_text_is_a_subsequence_of_the_lines(
    page: Page, threshold: float, keep: set[str]
) -> None:
    rest = iter(re.split(r"\r\n|\n|\r", page.text))
    clean = page.clean(keep=keep, threshold=threshold)
    for line in clean.split("\n") if clean else []:
        assert line == "" or line in rest  # "in" moves the iterator on to the line found


@given(pages(), st.floats(0, 1))
def test_clean_text_holds_the_kept_lines(page: Page, threshold: float) -> None:
    kept = page.kept(threshold=threshold).tolist()
    expected = [line.text for line, keep in zip(page.lines, kept, strict=True) if keep]
    assert [line for line in page.clean(threshold=threshold).split("\n") if line] == expected


@given(pages(), st.floats(0, 1), st.sets(st.sampled_from([*LABELS, MAIN])))
def test_the_kept_lines_are_those_of_keeps_but_for_repeats_of_headlines_and_long_lines(
    page: Page, threshold: float, keep: set[str]
) -> None:
    kept = page.kept(keep=keep, threshold=threshold)
    alone = keeps(page.probabilities, page.main, keep, threshold)
    seen: set[str] = set()
    for line, is_kept, is_kept_alone in zip(page.lines, kept, alone, strict=True):
        text = line.text.strip()
        text = text.casefold() if line.label == "title" else text
        once = line.label == "title" or len(line.text) >= REPEATED
        assert is_kept == (is_kept_alone and not (once and text in seen))
        if is_kept and once:
            seen.add(text)


def test_an_article_whose_lines_are_all_doubtful_keeps_its_best_ones() -> None:
    rows = np.zeros((4, len(LABELS)))
    rows[:, LABELS.index("body")] = 0.4, 0.1, 0.3, 0.2
    rows[:, LABELS.index("nav")] = 1 - rows[:, LABELS.index("body")]
    lines = "One\nTwo\nThree\nFour"
    article = made_page(lines, rows)
    assert article.clean() == article.clean(keep=ARTICLE) == "One\nThree"
    assert article.clean(threshold=0.35) == "One"
    # unless only certain lines, or others, are asked for; or if nothing looks like an article
    assert article.clean(threshold=0.8) == article.clean(keep=["comment"]) == ""
    assert made_page(lines, rows, kind="other").clean() == ""
    # what an organisation says of itself is one text too
    assert made_page(lines, rows, kind="service").clean() == "One\nThree"
    rows[:, LABELS.index("body")] /= 4
    assert made_page(lines, rows).clean() == made_page("", []).clean() == ""


def test_an_article_of_which_only_the_headline_is_sure_keeps_its_best_lines_too() -> None:
    rows = np.zeros((4, len(LABELS)))
    rows[:, LABELS.index("body")] = 0.1, 0, 0.4, 0.2
    rows[:, LABELS.index("nav")] = 1 - rows[:, LABELS.index("body")]
    rows[1] = np.eye(len(LABELS))[LABELS.index("title")]
    lines = "Home\nA short piece of news\nIt was seen at noon.\nMore"
    article = made_page(lines, rows)
    assert article.clean() == "A short piece of news\nIt was seen at noon."
    assert article.clean(keep=["title"]) == "A short piece of news"
    assert made_page(lines, rows, kind="other").clean() == "A short piece of news"


def test_keeps_is_a_sum_over_the_kept_labels_that_reaches_the_threshold() -> None:
    rows = np.zeros((3, len(LABELS)), np.float32)
    rows[:, LABELS.index("title")] = 0.25, 0.5, 0
    rows[:, LABELS.index("body")] = 0.25, 0, 0.4
    main = np.zeros(3, np.float32)
    assert keeps(rows, main, ARTICLE).tolist() == [True, True, False]
    assert keeps(rows, main, ["title"]).tolist() == [False, True, False]
    assert keeps(rows, main, "body", 0.4).tolist() == [False, False, True]
    assert keeps(rows, main, [], 0).tolist() == [False] * 3
    assert keeps(rows[:, :2], main, ["b"], 0.25, labels=("b", "t")).tolist() == [True, False, True]
    with pytest.raises(CleaningError, match=r"unknown label 'junk'; there are .*, main"):
        keeps(rows, main, ["junk"])


def test_main_content_is_kept_whatever_its_label() -> None:
    rows = np.eye(3, len(LABELS), dtype=np.float32)
    main = np.array([0.2, 0.9, 0.5], np.float32)
    assert keeps(rows, main).tolist() == [False, True, True]
    assert keeps(rows, main, threshold=0.6).tolist() == [False, True, False]
    # also beside labels: a line is kept for one or the other
    assert keeps(rows, main, ["main", "body"]).tolist() == [True, True, True]


@given(pages())
def test_no_two_paragraph_breaks_in_a_row_and_none_at_the_ends(page: Page) -> None:
    clean = page.clean(keep=LABELS, threshold=0)
    assert "\n\n\n" not in clean
    assert clean == clean.strip("\n")


@given(pages(), st.floats(0, 1), st.floats(0, 1))
def test_a_lower_threshold_keeps_all_that_a_higher_one_does(page: Page, a: float, b: float) -> None:
    # of lines that may be repeated: of the copies, the first that is kept stays
    low, high = (page.kept(keep=["body"], threshold=x) for x in (min(a, b), max(a, b)))
    once = [line.label == "title" or len(line.text) >= REPEATED for line in page.lines]
    assert (low | ~high | np.array(once, bool)).all()


@given(pages())
def test_lines_stand_where_they_say(page: Page) -> None:
    lines = re.split(r"\r\n|\n|\r", page.text)
    assert len(page) == len(page.lines) == len(page.probabilities)
    for line, row in zip(page.lines, page.probabilities, strict=True):
        assert lines[line.number - 1] == line.text
        assert line.confidence == row.max()
        assert row[LABELS.index(line.label)] == row.max()


def test_line_breaks_of_every_kind_count_as_one_each() -> None:
    page = made_page("a\r\nb\rc\n\nd", np.eye(4, len(LABELS)))
    assert [(line.number, line.text) for line in page.lines] == [
        (1, "a"), (2, "b"), (3, "c"), (5, "d"),
    ]  # fmt: skip


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold: a number from 0 to 1"):
        made_page("a", np.eye(1, len(LABELS))).clean(threshold=threshold)


def test_an_unknown_label_is_refused_and_the_known_ones_are_named() -> None:
    message = r"unknown label 'bdy' \(did you mean 'body'\?\); there are body, title"
    with pytest.raises(ValueError, match=message):
        made_page("a", np.eye(1, len(LABELS))).clean(keep=["title", "bdy"])


def test_the_title_is_the_first_line_labelled_so() -> None:
    lines = [["Home", {"nav": 1}], ["A headline", {"title": 1}], ["A headline - X", {"title": 1}]]
    assert example_page(lines).title == "A headline"
    assert example_page(lines[:1]).title is None


def test_code_and_tables_keep_lines_that_they_repeat() -> None:
    page = made_page(f"{LONG}\n{LONG}", np.eye(1, len(LABELS)).repeat(2, axis=0))
    assert page.clean() == LONG
    page.unit[:] = 1
    assert page.clean() == f"{LONG}\n{LONG}"


def test_boilerplate_of_a_site_is_not_kept_for_want_of_better_lines() -> None:
    rows = np.zeros((2, len(LABELS)))
    rows[:, LABELS.index("body")] = 0.4, 0.3
    page = made_page("One\nTwo", rows)
    page.boilerplate[0] = True
    assert page.clean() == "Two"
