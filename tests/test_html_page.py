"""A page of HTML with its labels: the clean text in a form, and what the page says of itself."""

from __future__ import annotations

import pytest

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from pages_of_html import labelled

import clutter
from clutter.html.lines import read

# --- cleaning ---


def test_cleaning_changes_nothing_of_the_page() -> None:
    page = labelled("<h1>One</h1><p>x</p><p>Two</p>", {"x"})
    first = page.clean(format="markdown")
    assert page.clean() == "One\n\nTwo"
    assert page.clean(format="markdown") == first == "# One\n\nTwo"
    assert page.clean(keep=["nav"], format="markdown") == "x"


def test_a_format_that_is_not() -> None:
    with pytest.raises(ValueError, match="unknown format 'pdf'; there are text and markdown"):
        labelled("<p>One", set()).clean(format="pdf")
    with pytest.raises(ValueError, match="threshold"):
        labelled("<p>One", set()).clean(threshold=2, format="markdown")


@pytest.mark.parametrize("page", [b"", "", b" \n", "<html></html>", b"<p>", "<", "</"])
def test_pages_without_text_have_no_labelled_lines(page: str | bytes) -> None:
    found = labelled(page, set())
    assert [line.text for line in found.lines if line.text not in ("<", "</")] == []


# --- metadata ---

HEAD = """<!doctype html><html lang="de"><head><title>Die Brücke | Blatt</title>
<meta name="author" content="Anna Beispiel">
<meta property="og:site_name" content="Blatt">
<meta property="og:title" content="Die Brücke">
<meta property="article:published_time" content="2020-05-04T10:00:00Z">
<link rel="canonical" href="https://example.org/bruecke">
</head><body><div>Die Brücke ist offen</div><p>Sie ist 120 Meter lang.</p></body></html>"""


def test_metadata_of_the_head() -> None:
    found = labelled(HEAD, set()).metadata
    assert found.title == "Die Brücke"
    assert found.author == "Anna Beispiel"
    assert found.date is not None
    assert found.date.startswith("2020-05-04")
    assert found.language == "de"
    assert found.site_name == "Blatt"
    assert found.url == "https://example.org/bruecke"


def test_metadata_is_the_same_whether_it_was_copied_before_or_is_read_when_asked_for() -> None:
    page = f"<template><meta name=author content='Nobody here'></template>{HEAD}"
    assert read(page).declared is None
    model = clutter.load()
    (copied,) = model.label_html_many([page], with_metadata=True)
    assert copied.metadata == model.label_html(page).metadata
    assert copied.metadata.author == "Anna Beispiel"


def test_a_title_line_goes_before_the_heads_title() -> None:
    found = labelled(HEAD.encode("latin-1"), set(), "Die Brücke ist offen", "latin1").metadata
    assert found.title == "Die Brücke ist offen"
    assert found.author == "Anna Beispiel"


@pytest.mark.parametrize("page", ["", "One\ntwo", "<p>One</p>"])
def test_a_page_that_says_nothing_of_itself(page: str) -> None:
    found = labelled(page, set()).metadata
    assert (found.author, found.date, found.language, found.site_name, found.url) == (None,) * 5
