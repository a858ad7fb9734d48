"""Samples say what the labelled pages say, and cutting one down leaves lines of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter import LABELS
from clutter.features import split
from clutter.labelled import LabelledPage
from clutter.markup import MARKUP_FEATURE_NAMES
from clutter.page import KINDS
from clutter.training import samples
from clutter.training.samples import Sample, augment, html_samples, sample, text_samples


def one_hot(*names: str) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(name) for name in names]]


def page_of(
    lines: list[str], labels: list[str], kind: str = "", main: tuple[int, ...] = ()
) -> LabelledPage:
    head = {"site": "a.example", "kind": kind}
    return LabelledPage("a", head, tuple(lines), tuple(labels), main=main)


# --- pages become samples ---


def test_a_sample_leaves_out_blank_lines_and_gives_unlabelled_ones_no_weight() -> None:
    made = sample(page_of(["Home", "", "Text", "\u200b", "Odd"], ["nav", "", "body", "", "?"]))
    assert made.lines == ["Home", "Text", "Odd"]
    assert made.weight.tolist() == [1, 1, 0]
    assert np.array_equal(made.target[:2], one_hot("nav", "body"))
    assert not made.target[2].any()
    assert (made.site, made.sampling_weight, made.whole) == ("a.example", 1, True)


def test_a_page_that_names_its_html_is_learned_from_twice(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<nav>Home</nav><p class=lead>Text</p><p>\u200b</p><p>New")
    page = LabelledPage(
        str(tmp_path / "a.tsv"), {"html": "a.html"}, ("Home", "Text"), ("nav", "body")
    )
    (plain,), (marked,) = text_samples([page]), html_samples([page])
    assert (plain.lines, plain.markup) == (["Home", "Text"], None)
    assert marked.lines == ["Home", "Text", "New"]
    assert marked.weight.tolist() == [1, 1, 0]
    assert np.array_equal(marked.target[:2], one_hot("nav", "body"))
    assert marked.markup is not None
    assert len(marked.markup.features) == 3
    assert marked.markup.features[0, MARKUP_FEATURE_NAMES.index("in nav")] == 1
    assert not marked.whole


@given(st.lists(st.tuples(st.text("a \u200b\u3000", max_size=4), st.sampled_from([*LABELS, "?"]))))
def test_every_other_line_keeps_its_label(rows: list[tuple[str, str]]) -> None:
    lines, labels = [line for line, _ in rows], [label for _, label in rows]
    made = sample(page_of(lines, labels))
    filled = [row for row in rows if split([row[0]]).number.size]
    assert made.lines == [line for line, _ in filled]
    for (_, label), target, weight in zip(filled, made.target, made.weight, strict=True):
        assert weight == target.sum() == (label != "?")
        assert label == "?" or LABELS[target.argmax()] == label


def test_main_content_follows_from_label_and_kind() -> None:
    labels = ["title", "body", "meta", "teaser", "comment", "nav", "?"]
    says = {}
    for kind in ("article", "forum", "listing", "service", ""):
        made = sample(page_of(labels, labels, kind))
        pairs = zip(made.main.tolist(), made.main_weight.tolist(), strict=True)
        says[kind] = "".join(
            ["?" if not weight else "y" if main else "n" for main, weight in pairs]
        )
        assert made.kinds.tolist() == [kind == name for name in KINDS]
    assert says == {
        "article": "yynnnn?",
        "forum": "yynn?n?",  # a reply, or only the name of who wrote it
        "listing": "yy?ynn?",
        "service": "yy?nnn?",
        "": "yy???n?",
    }


def test_a_reference_says_more_about_main_content_than_labels_do_but_for_the_headline() -> None:
    lines = [
        "A headline of the page",
        "A reply of some length",
        "Ok",
        "A menu with many items",
        "New",
    ]
    labels = ["title", "comment", "comment", "nav", "?"]
    made = sample(page_of(lines, labels, "forum", (0, 1, 1, 0, -1)))
    assert made.main.tolist() == [1, 1, 1, 0, 0]
    assert made.main_weight.tolist() == pytest.approx([1, 1, 0.3, 1, 0])


def test_a_reference_that_breaks_off_says_nothing_of_what_a_reader_saw() -> None:
    lines = ["The pump is made of steel.", "It is sold in three sizes.", "Read on"]
    made = sample(page_of(lines, ["body", "body", "nav"], "product", (1, 0, 0)))
    assert made.main_weight.tolist() == pytest.approx([1, 0, 0.3])


def test_a_head_line_of_the_users_own_does_not_rename_a_page() -> None:
    page = LabelledPage("mine/a.tsv", {"page": "1"}, ("Home",), ("nav",))
    assert samples.sample(page).page == "mine/a.tsv"


def test_a_page_without_labels_teaches_what_its_reference_says() -> None:
    page = page_of(["A reply of some length"], ["?"], "forum", (1,))
    (made,) = text_samples([page])
    assert (made.weight.tolist(), made.main_weight.tolist()) == ([0], [1])
    assert samples.informative(text_samples([page_of(["Text"], ["?"], "forum")])) == []


# --- cutting pages down ---


EXTRACTOR_SEEDS = [seed for seed in range(300) if np.random.default_rng(seed).random() < 0.3]
"""Seeds whose first number, which decides how a page is cut, calls for an extractor's cut."""


def labelled_sample(labels: list[str], whole: bool = True) -> Sample:
    lines = [f"line {i}" for i in range(len(labels))]
    return sample(page_of(lines, labels), whole=whole)


PAGE_LABELS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=80)


@settings(deadline=None)
@given(PAGE_LABELS, st.booleans(), st.integers(0, 10**6))
def test_what_is_left_of_a_page_are_lines_of_it_in_order(
    labels: list[str], whole: bool, seed: int
) -> None:
    rows = augment(labelled_sample(labels, whole), np.random.default_rng(seed))
    assert rows.size > 0
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0 and rows[-1] < len(labels)


@settings(deadline=None)
@given(PAGE_LABELS, st.sampled_from(EXTRACTOR_SEEDS))
def test_an_extractor_never_drops_the_article(labels: list[str], seed: int) -> None:
    rows = augment(labelled_sample(labels), np.random.default_rng(seed))
    body = {i for i, label in enumerate(labels) if label == "body"}
    assert body <= set(rows.tolist())


def test_an_extractor_drops_clutter_and_now_and_then_the_headline() -> None:
    page = labelled_sample(["nav", "nav", "title", "body", "body", "ad", "teaser"] * 5)
    left = [augment(page, np.random.default_rng(seed)) for seed in EXTRACTOR_SEEDS]
    assert np.mean([rows.size for rows in left]) < 0.8 * 35
    titles = [sum(int(row) % 7 == 2 for row in rows) for rows in left]
    assert set(titles) == {0, 5}
    assert titles.count(5) > titles.count(0) > 0


def test_a_page_that_is_no_whole_one_is_left_to_no_extractor() -> None:
    page = labelled_sample(["nav", "body", "ad"] * 5, whole=False)
    for seed in EXTRACTOR_SEEDS:
        assert augment(page, np.random.default_rng(seed)).tolist() == list(range(15))


def test_a_very_long_page_is_seen_in_parts() -> None:
    page = labelled_sample(["body"] * (samples.MAX_LINES * 3), whole=False)
    left = [augment(page, np.random.default_rng(seed)) for seed in range(40)]
    assert {rows.size for rows in left} == {samples.MAX_LINES}
    assert all((np.diff(rows) == 1).all() for rows in left)
    assert len({int(rows[0]) for rows in left}) > 10


def test_now_and_then_an_article_ends_after_its_first_lines() -> None:
    page = labelled_sample(["nav"] * 3 + ["title"] + ["body"] * 9 + ["teaser"] * 3)
    short = [augment(page, np.random.default_rng(seed)) for seed in range(400)]
    short = [rows for rows in short if {0, 1, 2, 3, 4, 13, 14, 15} <= set(rows.tolist())]
    assert {rows.size - 7 for rows in short} >= {1, 2, 3, 9}
    assert {tuple(rows[4 : rows.size - 3]) for rows in short if rows.size < 16} == {
        (4,), (4, 5), (4, 5, 6),
    }  # fmt: skip


def test_of_some_articles_of_html_a_short_copy_is_learned_from_too(tmp_path: Path) -> None:
    def written(number: int) -> LabelledPage:
        paragraphs = [f"Paragraph {i} of article {number}" for i in range(9)]
        html = "<nav>Home</nav>" + "".join([f"<p>{text}</p>" for text in paragraphs])
        (tmp_path / f"{number}.html").write_text(html + "<footer>Terms</footer>")
        return LabelledPage(
            str(tmp_path / f"{number}.tsv"),
            {"html": f"{number}.html"},
            ("Home", *paragraphs, "Terms"),
            ("nav", *["body"] * 9, "notice"),
        )

    pages = [written(number) for number in range(60)]
    made = samples.short_html_samples(pages)
    assert 10 < len(made) < 30
    assert {len(page.lines) for page in made} == {3, 4, 5}
    for page in made:
        whole = next(one for one in pages if one.name == page.page)
        assert tuple(page.lines) == (*whole.lines[: len(page.lines) - 1], "Terms")
    assert [page.page for page in samples.short_html_samples(pages[30:])] == [
        page.page for page in made if int(Path(page.page).stem) >= 30
    ]
    forum = [replace(page, head=page.head | {"kind": "forum"}) for page in pages]
    assert samples.short_html_samples(forum) == []
