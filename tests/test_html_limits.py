"""Small pages that would become very large when they are read: how time and memory are limited."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

import turbohtml
from pages_of_html import TEXTS, labelled, lines_of, trees, without_space

from clutter.errors import HtmlError
from clutter.html import limits
from clutter.html.lines import parse, read
from clutter.html.metadata import declared


def numbered(piece: str, count: int) -> str:
    return "".join([piece.replace("#", str(i)) for i in range(count)])


# --- formatting elements ---

UNCLOSED = [
    "<b a#>",
    "<I\ta=#>",
    "<font color='#'>",
    "<u a='>#'>",
    "<tt a#/>",
    "<em a#><!--</em>-->",
    "<b a#><script></b></script>",
    "<svg><i a#><style></i></style>",
    "<table><td></b></table><b a#>",
]


@pytest.mark.parametrize("piece", UNCLOSED)
def test_formatting_that_is_never_closed_is_not_repeated_in_every_block(piece: str) -> None:
    source = "<p>" + numbered(piece, 700) + "<p>x</p>" * 700
    elements = parse(source).select("*")
    assert len(elements) < 5 * source.count("<")
    assert lines_of(source).count("x") == 700


def test_a_few_unclosed_formatting_elements_are_repeated_as_browsers_do() -> None:
    found = parse("<b>one<p>two<p>three")
    assert [str(element.tag) for element in found.select("b, p")] == ["b", "p", "p"]
    assert len(parse("<p><b>one<p>two<p>three").select("p > b")) == 3


@settings(max_examples=200)
@given(trees(TEXTS))
def test_no_text_is_lost_with_any_limit(tree: tuple[str, list[str]]) -> None:
    source, visible = tree
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_MAX_COPIES", 0)
        found = read("<!doctype html>" + source)
    assert without_space(found.text) == without_space("".join(visible))


def test_closed_formatting_is_the_same_with_any_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "<p class=a>One <b id=c>two</b></p><ul><li><i><font>x</font></i><li><code>y</code></ul>"
    )
    whole = read(source)
    monkeypatch.setattr(limits, "_MAX_COPIES", 0)
    found = read(source)
    assert found.text == whole.text
    assert (found.markup.features == whole.markup.features).all()
    assert (found.markup.hashes == whole.markup.hashes).all()


def test_text_that_holds_tags_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MAX_COPIES", 0)
    monkeypatch.setattr(limits, "_MAX_BODIES", 0)
    source = "<title><b>a</b></title><b>One</b><xmp><b>two</b> </i x> <body a> <bx></xmp>"
    assert lines_of(source) == ["One", "", "<b>two</b> </i x> <body a> <bx>"]
    assert labelled(source, set()).metadata.title == "<b>a</b>"


# --- repeated body tags ---


@pytest.mark.parametrize("tag", ["body", "HTML"])
def test_only_the_first_bodies_of_a_page_give_it_attributes(tag: str) -> None:
    source = numbered(f"<{tag} a#=1>x#<br>", 500)
    root = parse(source).root
    assert root is not None
    assert all(len(element.attrs) <= 101 for element in [root, *root.select("body")])
    assert lines_of(source) == [f"x{i}" for i in range(500)]


# --- too much ---


def test_a_page_with_too_many_elements_is_refused() -> None:
    with pytest.raises(HtmlError, match="more than 150,000 elements, too many for one page"):
        parse("<p>" * 150_001)
    assert len(parse("< p" * 150_001 + "</b>" * 150_001).select("*")) == 3


@pytest.mark.parametrize("piece", ["<p>x", "x\n", "<pre>x\n"])
def test_a_page_with_too_many_lines_is_refused(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lines", "walk"):
        monkeypatch.setattr(f"clutter.html.{module}.MAX_LINES", 100)
    read(piece * 99)
    with pytest.raises(HtmlError, match="lines, too many for one page"):
        read(piece * 102)


# --- what is kept in memory ---


def test_long_names_and_link_targets_are_not_kept_after_a_page() -> None:
    def page(number: int) -> str:
        word = f"{number} " + "data " * 20_000
        return f"<p class='{word}'><a href='data:{word}'>One</a></p>"

    read(page(0))
    tracemalloc.start()
    try:
        for number in range(1, 11):
            read(page(number))
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()


# --- metadata ---


def test_metadata_of_tables_in_tables_takes_no_long_time() -> None:
    begin = time.process_time()
    found = labelled("<title>One</title>" + "<table><tr><td>a</td><td>" * 32, set()).metadata
    assert found.title == "One"
    assert time.process_time() - begin < 2


PIECES = st.sampled_from(
    [
        "<h1>One</h1>", "<h1> </h1>", "<title>Two</title>", "<html lang=de>", "<body>",
        "<meta name=author content=Ann>", "<meta property=article:author content=Eve>",
        "<a rel='x author' href=/c>Bob <b>B.</b></a>", "<link rel=author href=/d>",
        "<meta property=og:title content=Three>", "<meta property=og:url content=/a>",
        "<meta property=og:site_name content=Paper>", "<meta name=application-name content=Old>",
        "<time datetime=2020-05-04>May</time>", "<time>4 May</time>",
        "<noscript><time>5 May</time></noscript>", "<meta name=date content=2022-02-02>",
        "<meta property=article:published_time content=2021-01-01>",
        "<link rel=canonical href=/b>", "<template><h1>Six</h1></template>",
        "<p>Some words, and more of it.</p>",
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_metadata_is_what_turbohtml_finds_in_the_whole_page(source: str) -> None:
    whole = turbohtml.parse(source, scripting=True).article()
    found = turbohtml.parse(declared(parse(source)).head).article()
    for name in ("title", "lang", "site_name", "canonical"):
        assert getattr(found, name) == getattr(whole, name)
