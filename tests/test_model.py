"""Labelling: what a model says of a page, alone and among others, of text and of HTML."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import HIDDEN, NGRAM_SIZE, SUMMARY, random_markup, random_model

import clutter
from clutter import LABELS, ClutterError, Model, Page, features
from clutter.errors import EncodingError, HtmlError
from clutter.markup import MARKUP_FEATURE_NAMES, MARKUP_HASH_BITS
from clutter.model import decide_together, look_around, main_content
from clutter.network import quantised, weight_shapes
from clutter.page import KINDS, THRESHOLD

AUTHORED = sorted((Path(__file__).parent.parent / "labelled" / "pages").rglob("*.tsv"))


@pytest.fixture(scope="module")
def small() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def shipped() -> Model:
    return clutter.load()


def texts_of_authored_pages(count: int) -> list[str]:
    step = max(len(AUTHORED) // count, 1)
    pages = [path.read_text("utf-8") for path in AUTHORED[::step][:count]]
    return [re.sub(r"(?m)^(#.*\n|[a-z?]+\t)", "", page) for page in pages]


# --- pages of text ---


LINES = st.text(
    st.one_of(st.sampled_from("aZЖ一ا9 .|\t\u200b\u200f\x00\ud800\n\r"), st.characters()),
    max_size=30,
)


PAGES = st.lists(LINES, max_size=12).map("\n".join)


@settings(deadline=None)
@given(PAGES)
@example("")
@example("\n\u200b\n")
def test_every_non_blank_line_gets_one_label_with_its_probability(
    shipped: Model, text: str
) -> None:
    page = shipped.label(text)
    assert page.text == text
    assert page.labels == shipped.labels
    assert page.probabilities.shape == (len(page), len(page.labels))
    assert page.probabilities.dtype == np.float32
    assert (page.probabilities >= 0).all()
    np.testing.assert_allclose(page.probabilities.sum(axis=1), 1, atol=1e-5)
    every = re.split("\r\n|\n|\r", text)
    numbers = [line.number for line in page.lines]
    assert numbers == sorted(set(numbers))
    assert [line.text for line in page.lines] == [every[number - 1] for number in numbers]
    left_out = [line for number, line in enumerate(every, 1) if number not in set(numbers)]
    assert not any(re.search(r"\w", line) for line in left_out)
    for line, row in zip(page.lines, page.probabilities, strict=True):
        assert line.label == page.labels[row.argmax()]
        assert line.confidence == row.max()


def assert_same_page(one: Page, other: Page) -> None:
    assert one.text == other.text
    assert [line.number for line in one.lines] == [line.number for line in other.lines]
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


@settings(deadline=None, max_examples=50)
@given(st.lists(PAGES, max_size=6))
def test_many_pages_are_labelled_as_each_alone(shipped: Model, texts: list[str]) -> None:
    for together, text in zip(shipped.label_many(texts), texts, strict=True):
        assert_same_page(together, shipped.label(text))


def test_authored_pages_are_labelled_as_each_alone(shipped: Model) -> None:
    texts = texts_of_authored_pages(40)
    # many copies, so that pages stand in several batches and at different places of them
    for together, text in zip(shipped.label_many(texts * 4), texts * 4, strict=True):
        assert_same_page(together, shipped.label(text))


@pytest.mark.parametrize(
    "container", [list, tuple, iter, lambda texts: (t for t in texts), dict.fromkeys]
)
def test_any_iterable_of_pages_will_do(
    small: Model, container: Callable[[list[str]], Iterable[str]]
) -> None:
    texts = ["one\ntwo", "", "three"]
    pages = small.label_many(container(texts))
    assert [page.text for page in pages] == texts


def test_an_endless_stream_of_pages_yields_as_it_goes(small: Model) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken = number
            yield f"Page {number}\n" + "some words of it\n" * 50

    pages = small.label_many(endless())
    assert taken == 0
    for number, page in zip(range(500), pages, strict=False):
        assert page.lines[0].text == f"Page {number}"
    assert taken < 1000


def test_labelling_starts_only_when_asked(small: Model) -> None:
    def failing() -> Iterator[str]:
        yield "one"
        raise RuntimeError("the source broke")

    pages = small.label_many(failing())
    with pytest.raises(RuntimeError, match="the source broke"):
        list(pages)


@pytest.mark.parametrize("wrong", [b"bytes", None, 5, ["a"]])
def test_a_page_that_is_no_text_is_refused(small: Model, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"str, not {type(wrong).__name__}"):
        list(small.label_many(["fine", wrong]))


def test_threads_may_share_a_model(shipped: Model) -> None:
    texts = texts_of_authored_pages(16)
    with ThreadPoolExecutor(4) as pool:
        for page, text in zip(pool.map(shipped.label, texts), texts, strict=True):
            assert_same_page(page, shipped.label(text))


def test_a_page_that_is_kept_does_not_hold_its_batch(small: Model) -> None:
    page = next(small.label_many(["Home\nA headline"] * 500))
    for array in (page.number, page.start, page.end, page.probabilities):
        assert array.base is None or array.base.nbytes == array.nbytes


# --- pages of HTML ---


def test_pages_of_html_are_labelled_alone_as_together(small: Model) -> None:
    pages: list[str | bytes] = [
        f"<h1>Page {i}</h1><p class=a>{'Words. ' * i}</p><ul><li>x" for i in range(40)
    ]
    pages[7] = b""
    for page, html in zip(small.label_html_many(pages), pages, strict=True):
        alone = small.label_html(html)
        assert_same_page(page, alone)


def test_the_lines_of_a_unit_get_their_mean_weighted_by_characters() -> None:
    rows = np.zeros((5, len(LABELS)), np.float32)
    rows[[0, 1, 2, 3, 4], [0, 1, 0, 3, 2]] = 1
    decide_together(rows, np.array([7, 7, 0, 7, 9]), np.array([1, 2, 5, 1, 3]))
    assert rows[:, :4].tolist() == [
        [0.25, 0.5, 0, 0.25], [0.25, 0.5, 0, 0.25], [1, 0, 0, 0], [0.25, 0.5, 0, 0.25], [0, 0, 1, 0]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [
        ("article", "body", 0.8),
        ("article", "comment", 0.0),
        ("forum", "comment", 0.8),
        ("forum", "teaser", 0.3),
        ("listing", "teaser", 0.8),
        ("product", "comment", 0.0),
        ("product", "title", 0.8),
        ("product", "meta", 0.8),
        ("service", "teaser", 0.3),
    ],
)
def test_main_content_is_the_article_or_what_the_network_or_label_and_kind_say(
    kind: str, label: str, expected: float
) -> None:
    """The network says 0.3, which does not count for products; the label is certain to 0.8, and
    what is left is nav."""
    kinds = np.array([name == kind for name in KINDS], np.float32)
    of_label = {label: 0.8, "nav": 0.2}
    probabilities = np.array([[of_label.get(name, 0) for name in LABELS]], np.float32)
    found = main_content(np.array([0.3], np.float32), probabilities, kinds)
    assert found[0] == pytest.approx(expected)


def test_a_page_of_which_nobody_knows_whether_it_is_an_article_is_half_of_each() -> None:
    kinds = np.array([{"article": 0.15, "forum": 0.85}.get(name, 0) for name in KINDS], np.float32)
    lines = np.array([[name == of for name in LABELS] for of in ("comment", "body")], np.float32)
    found = main_content(np.zeros(2, np.float32), lines, kinds)
    assert found.tolist() == pytest.approx([0.5 * 0.85, 1])


@pytest.mark.parametrize(("likely", "expected"), [(0.6, 1), (0.3, 0.5), (0, 0)])
def test_the_teasers_of_a_page_that_is_likely_a_listing_are_its_entries(
    likely: float, expected: float
) -> None:
    of_kinds = {"listing": likely, "service": 1 - likely}
    kinds = np.array([of_kinds.get(name, 0) for name in KINDS], np.float32)
    teaser = np.array([[name == "teaser" for name in LABELS]], np.float32)
    assert main_content(np.zeros(1, np.float32), teaser, kinds) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kinds", "label", "is_kept"),
    [
        ({"article": 0.6, "listing": 0.4}, "teaser", True),
        ({"article": 0.6, "forum": 0.3, "other": 0.1}, "comment", True),
        ({"article": 0.95, "listing": 0.05}, "teaser", False),
        ({"article": 0.6, "listing": 0.4}, "nav", False),
        ({"listing": 0.28, "service": 0.25, "other": 0.24, "forum": 0.23}, "teaser", True),
        ({"listing": 0.25, "other": 0.75}, "teaser", False),
    ],
)
def test_a_page_without_any_main_content_is_read_as_of_another_kind(
    kinds: dict[str, float], label: str, is_kept: bool
) -> None:
    of_kinds = np.array([kinds.get(name, 0) for name in KINDS], np.float32)
    labels = np.array([[name == label for name in LABELS]], np.float32)
    line, body = labels, np.array([[name == "body" for name in LABELS]], np.float32)
    (alone,) = main_content(np.zeros(1, np.float32), line, of_kinds)
    assert (alone >= THRESHOLD) == is_kept
    beside = main_content(np.zeros(2, np.float32), np.concatenate([line, body]), of_kinds)
    assert beside[0] < THRESHOLD <= beside[1]


def test_code_is_judged_by_the_lines_around_it_too() -> None:
    rows = np.zeros((6, len(LABELS)), np.float32)
    rows[[0, 1, 2, 3, 4, 5], [0, 1, 1, 0, 1, 2]] = 1
    markup = random_markup(6, 1)
    markup.features[:, MARKUP_FEATURE_NAMES.index("in pre")] = 0, 1, 1, 0, 1, 0
    markup.unit[:] = 0, 1, 1, 0, 2, 0
    look_around(rows, markup, np.array([0, 0, 0, 0, 0, 1]))  # the last line is of another page
    assert rows[:, :3].tolist() == [
        [1, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]
    ]  # fmt: skip


def test_code_and_tables_are_kept_or_dropped_as_one(shipped: Model) -> None:
    source = (
        "<p>One</p><pre>a = 1\n\n    Home\nprint(a)</pre>"
        "<table><tr><td>Year<td>Rain<tr><td>2020<td>612 mm</table><ul><li>Home<li>Two words</ul>"
    )
    rows = shipped.label_html(source).probabilities.tolist()
    one, code1, code2, code3, row1, row2, *items = rows
    assert code1 == code2 == code3
    assert row1 == row2
    assert one != code1 != row1
    assert items[0] != items[1]


def test_a_network_for_text_only_reads_the_text_of_html() -> None:
    rng = np.random.default_rng(3)
    shapes = weight_shapes(NGRAM_SIZE, 0, HIDDEN, SUMMARY)
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["shape_mean"] = weights["shape_scale"] = np.ones(features.N_LINE_FEATURES, np.float32)
    table = rng.normal(0, 0.4, (1 << features.BUCKET_BITS, NGRAM_SIZE)).astype(np.float32)
    none = np.zeros((1 << MARKUP_HASH_BITS, 0), np.int8)
    model = Model(*quantised(table), none, np.zeros(0, np.float32), weights)
    page = model.label_html("<h1>A headline</h1><p class=a>Words.")
    expected = model.label("A headline\n\nWords.").probabilities
    np.testing.assert_array_equal(page.probabilities, expected)


def test_text_without_a_tag_is_labelled_as_plain_text(small: Model) -> None:
    text = "Home\nNews\n\nA headline\n\nA paragraph, and a < b."
    for page in (small.label_html(text), *small.label_html_many(["<p>One", text])):
        if page.text == text:
            np.testing.assert_array_equal(page.probabilities, small.label(text).probabilities)
    assert page.text == text


def test_a_page_that_is_no_html_stops_the_others_only_when_its_turn_comes(small: Model) -> None:
    found = small.label_html_many(["<p>one", "<p>two", b"%PDF-1.7", "<p>four"])
    assert [next(found).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ValueError, match="not HTML, but a PDF"):
        next(found)


def test_pages_of_html_come_with_what_their_headers_say_of_the_encoding(small: Model) -> None:
    word = "Bücher"
    pages: list[tuple[str | bytes, str | None] | str | bytes] = [
        (f"<p>{word}".encode("cp1252"), "windows-1252"),
        (f"<p>{word}".encode(), None),
        f"<p>{word}".encode(),
        (f"<p>{word}", "latin-99"),  # of text that is read already no encoding is asked
        f"<p>{word}",
        (f"<p>{word}".encode("utf-16"), "utf-16"),
    ]
    found = list(small.label_html_many(pages))
    assert [page.text for page in found] == [word] * 6
    for page in found[1:]:
        np.testing.assert_array_equal(page.probabilities, found[0].probabilities)


BAD_HTML: list[tuple[tuple[bytes, str | None], type[ClutterError], str]] = [
    ((b"%PDF-1.7", None), HtmlError, "not HTML, but a PDF"),
    ((b"\0\1\2", "utf-8"), HtmlError, "not HTML, but binary data"),
    ((b"<p>words", "latin-99"), EncodingError, "unknown encoding: latin-99"),
]


def test_errors_come_in_the_place_of_their_pages_where_that_is_asked_for(small: Model) -> None:
    pages: list[tuple[str | bytes, str | None]] = [("<p>first", None)]
    for i, (bad, _, _) in enumerate(BAD_HTML):
        pages += [bad, (f"<p>page {i}", None)]
    found = list(small.label_html_many(pages, errors="return"))
    assert [isinstance(one, Page) for one in found] == [True, False, True, False, True, False, True]
    texts = [one.text for one in found if isinstance(one, Page)]
    assert texts == ["first", "page 0", "page 1", "page 2"]
    for error, (_, kind, reason) in zip(found[1::2], BAD_HTML, strict=True):
        assert type(error) is kind
        assert str(error) == reason


@pytest.mark.parametrize(("bad", "kind", "reason"), BAD_HTML)
def test_an_error_is_raised_when_its_turn_comes_where_nothing_else_is_said(
    small: Model, bad: tuple[bytes, str | None], kind: type[ClutterError], reason: str
) -> None:
    for found in (
        small.label_html_many(["<p>one", bad, "<p>two"]),
        small.label_html_many(["<p>one", bad, "<p>two"], errors="raise"),
    ):
        assert next(found).text == "one"
        with pytest.raises(kind, match=f"^{reason}$"):
            next(found)
    with pytest.raises(kind, match=f"^{reason}$"):
        small.label_html(*bad)


@pytest.mark.parametrize("wrong", ["ignore", "", None, True])
def test_another_way_with_errors_is_refused_at_once(small: Model, wrong: Any) -> None:
    def never() -> Iterator[str]:
        raise AssertionError("no page is asked for")
        yield ""

    with pytest.raises(ValueError, match=f'errors is "raise" or "return", not {wrong!r}'):
        small.label_html_many(never(), errors=wrong)


def test_an_endless_stream_of_html_yields_as_it_goes(small: Model) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for taken in itertools.count():
            yield f"<p>Page {taken}" + "<p>some words of it" * 200

    pages = small.label_html_many(endless())
    assert taken == 0
    for number, page in zip(range(100), pages, strict=False):
        assert page.lines[0].text == f"Page {number}"
    assert taken < 200


def test_an_endless_stream_of_what_is_no_html_yields_too(small: Model) -> None:
    errors = small.label_html_many(itertools.repeat(b"%PDF-1.7"), errors="return")
    assert isinstance(next(errors), HtmlError)
