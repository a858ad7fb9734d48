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
from clutter.labelled import LabelledPage

FOLDER = Path(__file__).parent.parent / "labelled" / "pages"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())

LANGUAGES = "ru ar en fa ur he tr hi bn zh ja ko vi th id de fr es pt it pl uk el nl sv cs ro kk"


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all([FOLDER])


def test_every_file_is_a_well_formed_page(pages: list[LabelledPage]) -> None:
    assert [path.suffix for path in FILES] == [".tsv"] * len(FILES)
    assert [Path(page.name) for page in pages] == FILES
    for page in pages:
        assert labelled.format_page(page) == Path(page.name).read_bytes().decode("utf-8")


def test_every_line_has_a_label(pages: list[LabelledPage]) -> None:
    assert [page.name for page in pages if labelled.UNLABELLED in page.labels] == []


def test_every_page_says_where_it_is_from_and_stands_with_its_language(
    pages: list[LabelledPage],
) -> None:
    for page in pages:
        assert page.lang == Path(page.name).parent.name
        assert page.site != page.name


def test_there_are_enough_pages_in_enough_languages(pages: list[LabelledPage]) -> None:
    count = Counter(page.lang for page in pages)
    assert count.total() >= 150
    assert set(count) >= set(LANGUAGES.split())
    assert {lang for lang in ("ru", "ar", "en") if count[lang] < 15} == set()
    assert {lang for lang in count if count[lang] < 4} == set()


def test_whole_pages_and_what_extractors_leave_are_both_there(pages: list[LabelledPage]) -> None:
    count = Counter(page.head["kind"] for page in pages)
    assert set(count) == {"whole", "residue"}
    assert min(count.values()) >= 0.4 * len(pages)


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
