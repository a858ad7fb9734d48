"""How often lines stand on the pages of a site: counting, looking up, and what follows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clutter
from clutter import keys as keys_on_disk
from clutter import repetition
from clutter.repetition import MIN_CHARACTERS, Repetition, count_keys, page_keys

LINE = "Follow the harbour news every morning"
OTHER = "A line that stands on this page and on no other"


def counted(folder: Path, pages: list[tuple[str, str]]) -> Repetition:
    """The counts of (site, text) pages."""
    sites, texts = [site for site, _ in pages], [text for _, text in pages]
    (folder / "part").write_bytes(page_keys(texts, sites).tobytes())
    count_keys(folder / "part", folder)
    return Repetition(folder)


def repeating(counts: Repetition, site: str, text: str) -> list[bool]:
    found: list[bool] = counts.repeating(clutter.load().label(text), site).tolist()
    return found


def test_a_line_of_many_pages_repeats_and_others_do_not(tmp_path: Path) -> None:
    counts = counted(tmp_path, [("a.org", f"{LINE}\n\n{OTHER} {i}") for i in range(3)])
    assert repeating(counts, "a.org", f"{LINE}\n\n{OTHER} 1\nHome") == [True, False, False]


def test_each_site_has_its_own_counts(tmp_path: Path) -> None:
    counts = counted(tmp_path, [("a.org", LINE)] * 3 + [("b.org", LINE)] * 2)
    assert repeating(counts, "a.org", LINE) == [True]
    assert repeating(counts, "b.org", LINE) == [False]
    assert repeating(counts, "c.org", LINE) == [False]


def test_a_page_without_a_site_neither_counts_nor_is_changed(tmp_path: Path) -> None:
    counts = counted(tmp_path, [("", LINE)] * 5)
    assert repeating(counts, "", LINE) == [False]


def test_a_line_counts_once_a_page(tmp_path: Path) -> None:
    counts = counted(tmp_path, [("a.org", f"{LINE}\n" * 9)] * 2)
    assert repeating(counts, "a.org", LINE) == [False]


def test_short_lines_do_not_count(tmp_path: Path) -> None:
    short, long = "x" * (MIN_CHARACTERS - 1), "x" * MIN_CHARACTERS
    counts = counted(tmp_path, [("a.org", f"{short}\n{long}")] * 5)
    assert repeating(counts, "a.org", f"{short}\n{long}") == [False, True]


def test_an_article_that_stands_in_a_large_crawl_a_few_times_is_no_furniture(
    tmp_path: Path,
) -> None:
    pages = [("a.org", LINE)] * 3 + [("a.org", f"{OTHER} {i}") for i in range(12)]
    assert repeating(counted(tmp_path, pages), "a.org", LINE) == [True]
    pages.append(("a.org", OTHER))
    assert repeating(counted(tmp_path, pages), "a.org", LINE) == [False]


def test_long_lines_are_told_apart_by_their_length_too(tmp_path: Path) -> None:
    start = "word " * 60
    counts = counted(tmp_path, [("a.org", f"{start}one")] * 3)
    assert repeating(counts, "a.org", f"{start}one") == [True]
    assert repeating(counts, "a.org", f"{start}another") == [False]


def test_the_odds_of_body_fall_and_the_rest_keeps_its_shares(tmp_path: Path) -> None:
    counts = counted(tmp_path, [("a.org", LINE)] * 3)
    page = clutter.load().label(f"{LINE}\n{OTHER}")
    before = page.probabilities.copy()
    counts.weigh(page, "a.org")
    after = page.probabilities
    assert after[1].tolist() == before[1].tolist()
    odds = [p[0, 0] / (1 - p[0, 0]) for p in (before, after)]
    assert odds[1] == pytest.approx(odds[0] * np.exp(-2), rel=1e-4)
    shares = [p[0, 1:] / p[0, 1:].sum() for p in (before, after)]
    assert shares[1] == pytest.approx(shares[0], rel=1e-4)
    assert after.sum(axis=1) == pytest.approx(1)


def test_nothing_counted_is_nothing_repeated(tmp_path: Path) -> None:
    counts = counted(tmp_path, [])
    assert repeating(counts, "a.org", LINE) == [False]
    assert repeating(counts, "a.org", "") == []


def test_counts_that_were_made_anew_are_read_anew(tmp_path: Path) -> None:
    for n, expected in ((2, False), (3, True), (1, False)):
        counted(tmp_path, [("a.org", LINE)] * n)
        assert repeating(repetition.load_repetition(str(tmp_path)), "a.org", LINE) == [expected]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300), st.integers(1, 50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_sorting_in_parts_counts_as_sorting_all_at_once(
    tmp_path: Path, keys: list[int], part: int
) -> None:
    keys = [keys[i * i % len(keys)] for i in range(3 * len(keys))] + keys
    (tmp_path / "part").write_bytes(np.array(keys, np.uint64).tobytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_on_disk, "_PART", part)
        count_keys(tmp_path / "part", tmp_path)
    often = {key: n for key, n in Counter(keys).items() if n >= repetition.MIN_PAGES}
    counts = Repetition(tmp_path)
    every = np.array(sorted({*keys, 0, 2**64 - 1}), np.uint64)
    assert counts.pages(every).tolist() == [often.get(key, 0) for key in every.tolist()]


@given(st.text(), st.text(max_size=300))
def test_the_keys_of_a_page_do_not_depend_on_the_pages_beside_it(one: str, other: str) -> None:
    alone = page_keys([one], ["a.org"]).tolist()
    assert page_keys([other, one], ["", "a.org"]).tolist() == alone
    assert page_keys([one, other], ["a.org", ""]).tolist() == alone
