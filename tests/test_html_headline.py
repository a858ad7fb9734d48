"""What lines have in common with the titles in the head of their page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from clutter.html.headline import declared_titles, titled
from clutter.html.lines import parse, read
from clutter.markup import MARKUP_FEATURE_NAMES, TITLED


def titles(head: str) -> list[str]:
    return declared_titles(parse(f"<html><head>{head}</head><body><p>text"))


def shared(line: str, *declared: str) -> tuple[float, float, float]:
    """Whether a line is one of the titles, whether it is a part of one, and the share of words."""
    is_title, is_part, share = titled([line], declared)[0].tolist()
    return is_title, is_part, round(share, 3)


# --- the titles ---


def test_the_title_element_and_the_titles_for_previews() -> None:
    head = """<title>Ferry stays - Coast Daily</title>
      <meta property="og:title" content="Ferry stays in harbour">
      <meta name=Twitter:Title content="No ferry today"><meta name=author content="Mira Holt">"""
    found = ["ferry stays - coast daily", "ferry stays in harbour", "no ferry today"]
    assert titles(head) == found


def test_each_title_counts_once_and_blank_ones_do_not() -> None:
    head = "<title>Ferry\n  stays</title><meta property=og:title content='FERRY STAYS'>"
    assert titles(head) == ["ferry stays"]
    assert titles("<title> </title><meta property=og:title content=''><meta name=og:title>") == []
    assert titles("<title>" + "long " * 100 + "</title>") == []


def test_the_title_of_a_drawing_is_not_the_pages() -> None:
    assert declared_titles(parse("<svg><title>Logo</title></svg><p>text")) == []


# --- what a line shares with them ---


def test_a_line_that_is_a_title() -> None:
    assert shared("Ferry stays in harbour", "ferry stays in harbour") == (1, 1, 1)
    assert shared("FERRY stays  in harbour", "ferry stays in harbour") == (1, 1, 1)
    assert shared("The bakery closes", "ferry stays in harbour") == (0, 0, 0)


@pytest.mark.parametrize("sign", ["-", "|", "–", "·", "::", "»", "/"])
def test_the_name_of_the_site_may_be_missing(sign: str) -> None:
    title = f"ferry stays in harbour {sign} coast daily"
    assert shared("Ferry stays in harbour", title) == (1, 1, 1)
    # before the headline too
    title = f"coast daily {sign} ferry stays in harbour"
    assert shared("Ferry stays in harbour", title) == (1, 1, 1)


def test_the_name_of_the_site_alone_is_no_title() -> None:
    assert shared("Coast Daily", "ferry stays in harbour - coast daily") == (0, 1, 0)
    assert shared("Coast", "ferry stays in harbour - coast") == (0, 0, 0)


def test_a_part_of_a_title_also_in_scripts_without_blanks() -> None:
    assert shared("stays in harbour", "ferry stays in harbour until monday")[1] == 1
    assert shared("渡し船は月曜まで港に停泊", "渡し船は月曜まで港に停泊する見込み") == (0, 1, 0)
    assert shared("渡し船", "渡し船は月曜まで港に停泊する見込み") == (0, 0, 0)


def test_another_wording_of_the_title() -> None:
    title = "ferry stays in harbour until monday"
    assert shared("The ferry stays in harbour until Monday", title) == (0, 0, 0.857)
    assert shared("Why the ferry to the islands stays in harbour", title) == (0, 0, 0)


def test_long_lines_are_no_headlines() -> None:
    assert shared("ferry " * 60, "ferry ferry ferry") == (0, 0, 0)


def test_without_titles_nothing_is_shared() -> None:
    assert titled(["Ferry stays", ""], []).tolist() == [[0, 0, 0]] * 2


@given(st.lists(st.text()), st.lists(st.text(min_size=1)))
def test_any_lines_and_titles(lines: list[str], declared: list[str]) -> None:
    found = titled(lines, declared)
    assert found.shape == (len(lines), len(TITLED))
    assert ((found >= 0) & (found <= 1)).all()


def test_a_page_gives_them_to_the_model() -> None:
    page = read("<title>Ferry stays in harbour | Coast</title><h1>Ferry stays in harbour</h1><p>It")
    columns = [MARKUP_FEATURE_NAMES.index(name) for name in TITLED]
    assert page.text.split("\n") == ["Ferry stays in harbour", "", "It"]
    assert page.markup.features[:, columns].tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
