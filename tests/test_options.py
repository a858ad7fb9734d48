"""The settings of cleaning: which there are, which field holds a page, what fields are called."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clutter import KINDS
from clutter.errors import CleaningError
from clutter.options import CleanOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": ["title", "bodi"]}, "keep: unknown label 'bodi'"),
        ({"kinds": ["article", "froum"]}, "kinds: unknown kind 'froum' (did you mean 'forum'?); "),
        ({"kinds": []}, "kinds: name one or more of article, forum, product, "),
        ({"threshold": 1.01}, "threshold: a number from 0 to 1, not 1.01"),
        ({"threshold": float("nan")}, "threshold: a number from 0 to 1, not nan"),
        ({"format": "html"}, "format: unknown 'html'; there are text and markdown"),
        (
            {"text_field": "a", "html_field": "b"},
            "text or html names the field of the page, not both",
        ),
    ],
)
def test_settings_that_do_not_exist_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CleaningError) as caught:
        CleanOptions(**options)
    assert str(caught.value).startswith(message)


def test_settings_travel_to_other_processes() -> None:
    options = CleanOptions(keep=["body"], threshold=0.25, html_field="page", lines=True)  # type: ignore[arg-type]
    assert options.keep == ("body",)
    assert pickle.loads(pickle.dumps(options)) == options
    assert (
        len({options, CleanOptions(keep=("body",), threshold=0.25, html_field="page", lines=True)})
        == 1
    )


def test_the_order_of_kinds_makes_no_other_setting() -> None:
    options = CleanOptions(kinds=("forum", "article", "forum"))
    assert options == CleanOptions(kinds=("article", "forum"))
    assert CleanOptions().kinds == KINDS


@pytest.mark.parametrize(
    ("options", "names", "field", "is_html"),
    [
        (CleanOptions(), ["id", "text"], "text", False),
        (CleanOptions(), ["id", "text", "html"], "html", True),
        (CleanOptions(text_field="html"), ["text", "html"], "html", False),
        (CleanOptions(html_field="text"), ["text", "html"], "text", True),
        (CleanOptions(text_field="content"), ["content", "html"], "content", False),
    ],
)
def test_the_field_of_the_page(
    options: CleanOptions, names: list[str], field: str, is_html: bool
) -> None:
    assert options.page_field(names) == field
    assert options.is_html(field) == is_html


def test_a_record_without_a_page_says_what_it_has() -> None:
    with pytest.raises(CleaningError, match="no field 'html' or 'text'; there are: id, url; text"):
        CleanOptions().page_field(["id", "url"])
    with pytest.raises(CleaningError, match="no field 'page'; there are: none; text or html"):
        CleanOptions(text_field="page").page_field([])


@pytest.mark.parametrize(
    ("lines", "names", "renamed"),
    [
        (False, ["id", "lines"], ["id", "lines"]),
        (True, ["id", "lines"], ["id", "original_lines"]),
        (False, ["Kind", "id"], ["original_Kind", "id"]),
        (False, ["Metadata", "id"], ["original_Metadata", "id"]),
        (False, ["title", "error", "text"], ["original_title", "original_error", "original_text"]),
        (False, ["title", "original_title"], ["original_original_title", "original_title"]),
        (False, ["original_title", "title"], ["original_title", "original_original_title"]),
    ],
)
def test_fields_make_way_for_those_that_are_gained(
    lines: bool, names: list[str], renamed: list[str]
) -> None:
    assert CleanOptions(lines=lines).renamed_fields(names) == dict(zip(names, renamed, strict=True))


NAMES = ("text", "title", "kind", "metadata", "error", "lines", "id")


@given(st.lists(st.sampled_from(NAMES), unique=True),
       st.lists(st.integers(0, 3)), st.booleans())  # fmt: skip
def test_no_two_fields_get_the_same_name(names: list[str], depths: list[int], lines: bool) -> None:
    names = list(dict.fromkeys("original_" * n + name for name in names for n in [0, *depths]))
    options = CleanOptions(lines=lines)
    renamed = options.renamed_fields(names)
    assert list(renamed) == names
    taken = [*renamed.values(), *options.new_fields, "error"]
    assert len(set(taken)) == len(taken)


def test_a_field_that_nobody_named_holds_html_if_its_page_begins_so() -> None:
    assert CleanOptions().is_html("text", "<!doctype html><p>One")
    assert not CleanOptions().is_html("text", "One")
    assert not CleanOptions(text_field="text").is_html("text", "<!doctype html><p>One")
    assert CleanOptions(html_field="page").is_html("page", "One")
