"""Samples say what the labelled pages say, and cutting one down leaves lines of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter import LABELS
from clutter.features import split
from clutter.labelled import LabelledPage
from clutter.markup import MARKUP_FEATURE_NAMES
from clutter.training import samples
from clutter.training.samples import Sample, augment, html_samples, sample, text_samples


def one_hot(*names: str) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(name) for name in names]]


# --- pages become samples ---


def test_a_sample_leaves_out_blank_lines_and_gives_unlabelled_ones_no_weight() -> None:
    made = sample("a.example", ["Home", "", "Text", "\u200b", "Odd"], ["nav", "", "body", "", "?"])
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
    made = sample("a.example", lines, labels)
    filled = [row for row in rows if split([row[0]]).number.size]
    assert made.lines == [line for line, _ in filled]
    for (_, label), target, weight in zip(filled, made.target, made.weight, strict=True):
        assert weight == target.sum() == (label != "?")
        assert label == "?" or LABELS[target.argmax()] == label


# --- cutting pages down ---


EXTRACTOR_SEEDS = [seed for seed in range(300) if np.random.default_rng(seed).random() < 0.3]
"""Seeds whose first number, which decides how a page is cut, calls for an extractor's cut."""


def labelled_sample(labels: list[str], whole: bool = True) -> Sample:
    lines = [f"line {i}" for i in range(len(labels))]
    return sample("a.example", lines, labels, whole=whole)


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
    page = labelled_sample(["body"] * (samples.MAX_LINES * 3))
    left = [augment(page, np.random.default_rng(seed)) for seed in range(40)]
    assert {rows.size for rows in left} == {samples.MAX_LINES}
    assert all((np.diff(rows) == 1).all() for rows in left)
    assert len({int(rows[0]) for rows in left}) > 10
