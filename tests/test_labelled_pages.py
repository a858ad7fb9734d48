"""The pages under labelled/pages: what the shipped model is trained on besides the corpora.

Whoever adds pages sees here whether they can be used: well-formed, in several languages,
with enough lines of every label, and written one by one.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from clutter import LABELS, features, labelled
from clutter.labelled import UNLABELLED, LabelledPage
from clutter.page import KINDS
from clutter.training import corpus

FOLDER = Path(__file__).parent.parent / "labelled" / "pages"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())

LANGUAGES = "ru ar en fa ur he tr hi bn zh ja ko vi th id de fr es pt it pl uk el nl sv cs ro kk"


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all([FOLDER])


@pytest.fixture(scope="module")
def texts(pages: list[LabelledPage]) -> list[LabelledPage]:
    """The pages of plain text."""
    return [page for page in pages if "html" not in page.head]


@pytest.fixture(scope="module")
def with_html(pages: list[LabelledPage]) -> list[LabelledPage]:
    return [page for page in pages if "html" in page.head]


def test_every_file_is_a_well_formed_page_or_its_html(
    pages: list[LabelledPage], with_html: list[LabelledPage]
) -> None:
    html = [Path(page.name).with_name(page.head["html"]) for page in with_html]
    assert sorted([*html, *(Path(page.name) for page in pages)]) == FILES
    for page in pages:
        assert labelled.format_page(page) == Path(page.name).read_bytes().decode("utf-8")


def test_every_line_has_a_label(pages: list[LabelledPage]) -> None:
    assert [page.name for page in pages if UNLABELLED in page.labels] == []


def test_every_page_says_where_it_is_from_and_stands_with_its_language(
    pages: list[LabelledPage],
) -> None:
    for page in pages:
        assert page.lang == Path(page.name).parent.name
        assert page.site != page.name


def test_the_labels_reach_the_lines_of_the_html(with_html: list[LabelledPage]) -> None:
    """A line of the markup that has no line in the labelled file stays without a label."""
    pytest.importorskip("turbohtml")
    read = [corpus.from_html(page) for page in with_html]
    count = {page[0].name: Counter(page[0].labels) for page in read if page}
    assert len(count) == len(with_html) > 0
    assert {name for name, labels in count.items() if labels[UNLABELLED] > 2} == set()


def test_there_are_enough_pages_in_enough_languages(texts: list[LabelledPage]) -> None:
    count = Counter(page.lang for page in texts)
    assert count.total() >= 150
    assert set(count) >= set(LANGUAGES.split())
    assert {lang for lang in ("ru", "ar", "en") if count[lang] < 15} == set()
    assert {lang for lang in count if count[lang] < 4} == set()


def test_whole_pages_and_what_extractors_leave_are_both_there(texts: list[LabelledPage]) -> None:
    count = Counter(page.head["view"] for page in texts)
    assert set(count) == {"whole", "residue"}
    assert min(count.values()) >= 0.4 * len(texts)


def test_every_page_says_of_what_kind_it_is(pages: list[LabelledPage]) -> None:
    assert {page.head["kind"] for page in pages} == set(KINDS)


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_enough_lines(pages: list[LabelledPage], label: str) -> None:
    assert sum(page.labels.count(label) for page in pages) >= 300


def test_pages_are_not_stamped_from_a_template(pages: list[LabelledPage]) -> None:
    """No two pages share more than three lines long enough not to meet by chance."""
    holders: dict[str, set[str]] = defaultdict(set)
    for page in pages:
        for line in page.lines:
            if len(line) >= features.LONG // 2:
                holders[" ".join(line.split())].add(page.name)
    shared = Counter(
        pair for names in holders.values() for pair in itertools.combinations(sorted(names), 2)
    )
    assert {pair: count for pair, count in shared.items() if count > 3} == {}
