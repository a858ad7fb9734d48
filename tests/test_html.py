"""Reading HTML: the lines a reader sees, what the markup says of them, and Markdown.

``examples_html.json`` holds the cases of the cut: a page and its lines; add to it what you
meet. The labels are made up here, so no model is asked.
"""

from __future__ import annotations

import html as escaping
import itertools
import json
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter import LABELS, Page, features

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from clutter.html import HtmlError, HtmlPage, HtmlText, read
from clutter.markup import CUE_NAMES, INSIDE, MARK_BITS, N_CUES, Markup, joined

EXAMPLES = json.loads(Path(__file__).with_name("examples_html.json").read_text("utf-8"))


def lines_of(page: str | bytes, encoding: str | None = None) -> list[str]:
    return read(page, encoding).text.split("\n")


def assert_whole(found: HtmlText) -> None:
    """There is one row of markup, and one list of nodes, for every line of the text."""
    # a line more at the end, to see the number of the last one even if it is blank
    count = int(features.split([found.text + "\rx"]).number[-1]) - 1
    assert found.markup.cues.shape == (count, N_CUES)
    assert found.markup.first.shape == (count + 1,)
    assert found.markup.first[0] == 0
    assert found.markup.first[-1] == found.markup.buckets.size
    assert len(found.nodes) == count


def without_space(text: str) -> str:
    return "".join(text.split())


# --- the cut ---


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["about"])
def test_lines(example: dict[str, object]) -> None:
    found = read(str(example["html"]))
    assert found.text.split("\n") == example["lines"]
    assert_whole(found)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["about"])
def test_lines_of_bytes_are_those_of_the_text(example: dict[str, object]) -> None:
    page = str(example["html"])
    if "\0" not in page:  # which tells binary data
        assert read(page.encode()).text == read(page).text


# no NUL, which HTML drops, and no carriage return, which is a line end of its own kind
TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \n\t\u00a0\u3000\u200b\ufeff<>&;\"'`\\-/!|"),
        st.sampled_from("aZéßЖςאم٣一かक\U0001f44d"),
        st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"),
    ),
    max_size=40,
)
INLINE = ("a", "b", "i", "span", "em", "code", "font", "abbr", "x-y", "label", "time", "q")
BLOCK = ("address", "article", "aside", "blockquote", "center", "dd", "div", "dt", "fieldset",
         "figure", "footer", "form", "h2", "header", "li", "main", "nav", "ol", "p", "pre",
         "section", "summary", "details", "ul", "x-z", "button")  # fmt: skip
HIDDEN = ("<script>{}</script>", "<style>{}</style>", "<template><p>{}</p></template>",
          "<p hidden>{}</p>", "<span style='display:none'>{}</span>", "<!-- {} -->",
          "<noscript><p>{}</p></noscript>", "<select><option>{}</select>")  # fmt: skip


@st.composite
def trees(draw: st.DrawFn, texts: st.SearchStrategy[str], depth: int = 4) -> tuple[str, list[str]]:
    """A page in random elements, and its visible texts in order."""
    source: list[str] = []
    visible: list[str] = []
    for _ in range(draw(st.integers(0, 4 if depth > 2 else 2))):
        kind = draw(st.sampled_from(("text", "text", "inline", "block", "table", "hidden", "void")))
        if kind == "text" or (depth == 0 and kind != "void"):
            text = draw(texts)
            source.append(escaping.escape(text))
            visible.append(text)
        elif kind == "hidden":
            source.append(draw(st.sampled_from(HIDDEN)).format("Unseen words"))
        elif kind == "void":
            source.append(
                draw(st.sampled_from(("<br>", "<br><br>", "<hr>", "<img alt=x>", "<wbr>")))
            )
        elif kind == "table":
            cells = [draw(trees(texts, depth - 1)) for _ in range(draw(st.integers(1, 4)))]
            row = [f"<td>{cell}</td>" for cell, _ in cells]
            middle = len(row) // 2
            source.append(
                f"<table><tr>{''.join(row[:middle])}</tr><tr>{''.join(row[middle:])}</tr></table>"
            )
            visible += [text for _, inner in cells for text in inner]
        else:
            tag = draw(st.sampled_from(INLINE if kind == "inline" else BLOCK))
            inner, inner_visible = draw(trees(texts, depth - 1))
            source.append(f"<{tag} class='{tag}-box'>{inner}</{tag}>")
            visible += inner_visible
    return "".join(source), visible


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_every_paragraph_is_a_line(texts: list[str]) -> None:
    found = read("".join([f"<p>{escaping.escape(text)}</p>" for text in texts]))
    expected = [without_space(text) for text in texts if not text.isspace() and text]
    assert [without_space(line) for line in found.text.split("\n\n")] == (expected or [""])
    assert_whole(found)


@settings(max_examples=300)
@given(trees(TEXTS))
def test_nothing_visible_is_lost_or_moved(tree: tuple[str, list[str]]) -> None:
    source, visible = tree
    found = read("<!doctype html>" + source)
    assert without_space(found.text) == without_space("".join(visible))
    assert_whole(found)
    assert "\n\n\n" not in found.text
    assert found.text == found.text.strip("\n")
    for line, nodes in zip(found.text.split("\n"), found.nodes, strict=True):
        assert bool(line) == bool(nodes)
        inside = without_space("".join([node.data for node in nodes]))
        assert without_space(line) in inside


TAGS = """<p> </p> <div> </div> <b> </b> <a> </a> <table> <tr> <td> </table> <ul> <li> <pre> </pre>
<br> <svg> </svg> <math> <select> <option> <template> </template> <script> </script> <form>
<button> <h1> </h1> <frameset> <body> <html> <head> <title> </title> <caption> <col> <th> <!-- -->
<![CDATA[ ]]> <?x < > &amp; &#0; &#xd800; <textarea> <iframe> <object> <plaintext> <noscript> <x-y>
</body> </html> <template/shadowrootmode=open> <p/hidden> <a/href=/x> <dialog> <xmp> <dl> <dd>"""
SOUP = st.lists(
    st.one_of(
        st.sampled_from(TAGS.split()),
        st.text(max_size=5),
    ),
    max_size=30,
).map("".join)


@settings(max_examples=300)
@given(SOUP)
def test_any_string_is_read(source: str) -> None:
    found = read(source)
    assert_whole(found)
    page = labelled(source, set())
    assert page.clean(LABELS, 0) == "\n".join([line.text for line in page.lines]) or page.text
    assert isinstance(page.clean(format="markdown"), str)
    assert isinstance(page.metadata.title, str | None)


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "koi8-r", "gbk", "utf-16le"]))
def test_any_bytes_are_read_or_refused(data: bytes, encoding: str | None) -> None:
    try:
        found = read(data, encoding)
    except HtmlError as error:
        assert str(error).startswith("not HTML, but ")
    else:
        assert_whole(found)


@given(st.text(st.characters(exclude_characters="<")))
def test_text_without_any_tag_stays_as_it_is(text: str) -> None:
    found = read(text)
    assert found.text == text.removeprefix("\ufeff")
    assert_whole(found)
    assert found.markup.buckets.size == 0
    assert not found.markup.cues.any()


# --- numbers ---


def cues(page: str, line: str) -> dict[str, float]:
    found = read(page)
    row = found.text.split("\n").index(line)
    return dict(zip(CUE_NAMES, found.markup.cues[row].tolist(), strict=True))


def links(page: str, line: str) -> int:
    return round(float(np.expm1(cues(page, line)["links"])))


def test_share_of_a_line_that_is_link() -> None:
    page = "<p><a href=/x>abcd</a>efgh</p><p><a>abcd</a> <a>e</a></p><p>none</p>"
    assert cues(page, "abcdefgh")["link share"] == 0.5
    assert cues(page, "abcdefgh")["link is all"] == 0
    assert cues(page, "abcd e")["link share"] == 1
    assert cues(page, "abcd e")["link is all"] == 1
    assert cues(page, "none")["link share"] == 0


def test_share_of_a_line_that_is_bold() -> None:
    page = "<p><b>ab<i>cd</i></b>efgh</p><p><strong>all</strong></p><p>none</p>"
    assert cues(page, "abcdefgh")["bold share"] == 0.5
    assert cues(page, "all")["bold share"] == 1
    assert cues(page, "none")["bold share"] == 0


def test_links_are_counted() -> None:
    page = "<nav><a>a</a> <a>b</a> <a>c</a></nav><p>d</p><ul><li><a>e</a><li>f</ul>"
    assert [links(page, line) for line in ("a b c", "d", "e", "f")] == [3, 0, 1, 0]


def test_a_link_around_blocks_counts_for_each_of_them() -> None:
    page = "<a href=/x><div>One</div><div>Two</div></a><div>Three</div>"
    assert [links(page, line) for line in ("One", "Two", "Three")] == [1, 1, 0]


def test_links_without_text_do_not_count_for_the_next_block() -> None:
    page = "<div><a><img></a> <a><img></a></div><p>One</p>"
    assert links(page, "One") == 0


@pytest.mark.parametrize("tag", INSIDE)
def test_inside(tag: str) -> None:
    page = f"<div>out</div><{tag}>in</{tag}><div>behind</div>"
    if tag in ("table", "td", "th"):
        cell = "td" if tag == "table" else tag
        page = f"<div>out</div><table><tr><{cell}>in</{cell}></table><div>behind</div>"
    name = f"in {tag}"
    assert [cues(page, line)[name] for line in ("out", "in", "behind")] == [0, 1, 0]


def test_inside_of_several() -> None:
    page = "<footer><nav><ul><li><h3><a>deep</a></h3></li></ul></nav></footer>"
    inside = [name for name, value in cues(page, "deep").items() if name[:3] == "in " and value]
    assert inside == ["in a", "in footer", "in h3", "in li", "in nav", "in ul"]


def test_depth_grows_with_every_element_around() -> None:
    depths = [cues("<div>" * n + "<i>x</i>", "x")["depth"] for n in range(4)]
    assert np.diff(depths) == pytest.approx([0.05] * 3)
    assert cues("<div>" * 500 + "x", "x")["depth"] == 2


def test_blocks_around_are_counted() -> None:
    page = """<div id=box>
      <ul><li>abcd</li> <li><a href=/x>efgh</a></li></ul>
      <ul><li><a href=/y>ijkl</a></li></ul>
    </div><p>outside</p>"""
    found = cues(page, "abcd")
    assert found["lines of parent"] == pytest.approx(np.log1p(2) / 3)
    assert found["characters of parent"] == pytest.approx(np.log1p(8) / 5)
    assert found["link share of parent"] == pytest.approx(1 / 2)
    # the items of both lists have the same block around their list
    for line in ("abcd", "ijkl"):
        found = cues(page, line)
        assert found["lines of grandparent"] == pytest.approx(np.log1p(3) / 3)
        assert found["characters of grandparent"] == pytest.approx(np.log1p(12) / 5)
        assert found["link share of grandparent"] == pytest.approx(2 / 3)
    assert cues(page, "ijkl")["lines of parent"] == pytest.approx(np.log1p(1) / 3)


def test_a_row_of_a_table_counts_all_its_cells() -> None:
    page = "<table><tr><td>ab</td><td><a>cd</a></td><td><b><a>efgh</a></b></td></table>"
    found = cues(page, "ab\tcd\tefgh")
    assert found["link share"] == pytest.approx(6 / 8)
    assert found["bold share"] == pytest.approx(4 / 8)
    assert links(page, "ab\tcd\tefgh") == 2


def test_white_space_of_the_source_changes_nothing() -> None:
    plain = read(
        "<div class=a><p>One <a href=/x>two</a></p><ul><li>three<li><b>four</b></ul></div>"
    )
    spaced = read("""
      <div class="a">
        <p>
            One
            <a  href = "/x" >
                two
            </a>
        </p>
        <ul>
            <li> three </li>
            <li>
                <b>
                    four
                </b>
            </li>
        </ul>
      </div>
    """)
    assert spaced.text == plain.text
    assert np.array_equal(spaced.markup.cues, plain.markup.cues)
    assert np.array_equal(spaced.markup.buckets, plain.markup.buckets)


# --- hashes ---


def buckets(page: str, line: str) -> Counter[int]:
    found = read(page)
    row = found.text.split("\n").index(line)
    first = found.markup.first
    return Counter(found.markup.buckets[first[row] : first[row + 1]].tolist())


def test_a_bucket_is_one_of_the_table_and_blank_lines_have_none() -> None:
    found = read("<h1 class=a>One</h1><p id=b>two</p><ul><li><a href=/c/d>three</a></ul>")
    assert found.text == "One\n\ntwo\n\nthree"
    assert found.markup.buckets.min() >= 0
    assert found.markup.buckets.max() < 2**MARK_BITS
    counts = np.diff(found.markup.first)
    assert (counts > 0).tolist() == [True, False, True, False, True]


def test_what_stands_in_the_same_elements_has_the_same_buckets() -> None:
    page = "<div class=list><p class=teaser>One</p><p class=teaser>Two</p><p>Three</p></div>"
    assert buckets(page, "One") == buckets(page, "Two")
    # the third lacks the class
    assert buckets(page, "One") > buckets(page, "Three")
    assert buckets(page, "One").total() == buckets(page, "Three").total() + 1
    # and other pages give the same
    assert buckets("<p>x</p>" + page, "Two") == buckets(page, "Two")


def test_the_words_of_a_class_are_split() -> None:
    def of(name: str) -> Counter[int]:
        return buckets(f"<p class='{name}'>x</p>", "x")

    assert of("related-posts") == of("relatedPosts") == of("related posts") == of("Related__POSTS")
    assert of("related-posts") == of("posts related")
    assert of("related-posts") > of("posts")
    assert of("post-123") == of("post-456") == of("post")
    assert of("posts") != of("post")
    assert of("связанные-новости") > of("новости")


@pytest.mark.parametrize("name", ["class", "id", "role", "itemprop", "rel"])
def test_names_of_an_element(name: str) -> None:
    plain = buckets("<p>x</p>", "x")
    assert buckets(f"<p {name}=comment>x</p>", "x") > plain
    other = "id" if name == "class" else "class"
    assert buckets(f"<p {name}=comment>x</p>", "x") != buckets(f"<p {other}=comment>x</p>", "x")


def test_attributes_that_name_nothing_have_no_bucket() -> None:
    assert buckets("<p title=one data-x=two lang=en>x</p>", "x") == buckets("<p>x</p>", "x")


def test_nearer_and_farther_elements_are_told_apart() -> None:
    marked = ["<div class=ad><div><div><p>x", "<div><div class=ad><div><p>x",
              "<div><div><div class=ad><p>x", "<div><div><div><p class=ad>x"]  # fmt: skip
    plain = buckets("<div><div><div><p>x", "x")
    extra = [buckets(page, "x") - plain for page in marked]
    assert [found.total() for found in extra] == [1, 1, 1, 1]
    assert len({bucket for found in extra for bucket in found}) == 4


def test_elements_far_out_are_lumped_together_and_then_left_out() -> None:
    def at(distance: int) -> Counter[int]:
        around = ["<div>"] * 20
        around[-1 - distance] = "<div class=ad>"
        return buckets("".join(around) + "x", "x")

    assert at(3) == at(4)
    assert at(7) == at(9)
    assert at(3) != at(7)
    assert at(10) == at(15) == buckets("<div>" * 20 + "x", "x")


def test_elements_within_a_line_count() -> None:
    plain = buckets("<p>x 2020</p>", "x 2020")
    assert buckets("<p>x <time class=date>2020</time></p>", "x 2020") > plain


def test_the_first_links_target() -> None:
    def to(*targets: str) -> Counter[int]:
        return buckets("<p>" + " ".join([f"<a href='{x}'>x</a>" for x in targets]) + "</p>", "x")

    assert to("/author/jane") > to("/author/")
    assert to("/author/") != to("/tag/")
    assert to("#top") != to("/top") != to("https://top/")
    assert to("https://example.org/a") == to("http://example.org/a")

    def first(*targets: str) -> Counter[int]:
        page = "<p>" + " ".join([f"<a href='{x}'>x</a>" for x in targets]) + "</p>"
        return buckets(page, " ".join(["x"] * len(targets)))

    assert first("/author/", "/tag/") == first("/author/", "/page/")
    assert first("/author/", "/tag/") != first("/tag/", "/author/")


def test_the_target_of_a_table_row_is_that_of_its_first_link() -> None:
    row = "<table><tr><td>a</td><td><a href='{}'>b</a></td><td><a href='{}'>c</a></td></table>"
    one, same, other = (row.format(*x) for x in (("/x", "/y"), ("/x", "/z"), ("/user/", "/y")))
    assert buckets(one, "a\tb\tc") == buckets(same, "a\tb\tc")
    assert buckets(one, "a\tb\tc") != buckets(other, "a\tb\tc")


# --- Markup ---


@st.composite
def markups(draw: st.DrawFn) -> Markup:
    counts = draw(st.lists(st.integers(0, 4), max_size=6))
    total = sum(counts)
    numbers = draw(st.lists(st.integers(0, 2**MARK_BITS - 1), min_size=total, max_size=total))
    start = draw(st.integers(0, 1000))
    cues = (start + np.arange(len(counts) * N_CUES)).reshape(-1, N_CUES).astype(np.float32)
    first = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    return Markup(cues, np.array(numbers, np.int64), first)


def rows_of(markup: Markup) -> list[tuple[list[float], list[int]]]:
    """What is said of each line."""
    spans = itertools.pairwise(markup.first.tolist())
    hashes = [markup.buckets[a:b].tolist() for a, b in spans]
    return list(zip(markup.cues.tolist(), hashes, strict=True))


@given(st.data(), markups())
def test_take_gives_the_lines_in_the_order_given(data: st.DataObject, markup: Markup) -> None:
    count = len(markup.cues)
    some = data.draw(st.lists(st.integers(0, count - 1), max_size=8)) if count else []
    rows = rows_of(markup)
    assert rows_of(markup.take(np.array(some, np.int64))) == [rows[i] for i in some]


@given(st.lists(markups(), min_size=1, max_size=4))
def test_joined_parts_can_be_taken_apart(parts: list[Markup]) -> None:
    whole = joined(parts)
    assert rows_of(whole) == [row for part in parts for row in rows_of(part)]
    start = 0
    for part in parts:
        stop = start + len(part.cues)
        taken = whole.take(np.arange(start, stop))
        assert np.array_equal(taken.cues, part.cues)
        assert np.array_equal(taken.buckets, part.buckets)
        assert np.array_equal(taken.first, part.first)
        start = stop


# --- Markdown ---


def labelled(
    page: str | bytes, dropped: set[str], title: str = "", encoding: str | None = None
) -> HtmlPage:
    """A page whose lines are body but for those to drop, which are nav, and the title."""
    source = read(page, encoding)
    found = features.split([source.text])
    spans = zip(found.lines.start.tolist(), found.lines.end.tolist(), strict=True)
    lines = [source.text[a:b] for a, b in spans]
    names = ["nav" if x in dropped else "title" if x == title else "body" for x in lines]
    rows = np.zeros((len(lines), len(LABELS)), np.float32)
    rows[np.arange(len(lines)), [LABELS.index(name) for name in names]] = 1
    plain = Page(source.text, found.number, found.lines.start, found.lines.end, rows)
    return HtmlPage(plain, source, page)


MARKDOWN = [
    ("blanks of other kinds", "<p>\u3000\u3000One<b>\u00a0</b>two&nbsp;</p>", "", "One two"),
    ("headings", "<h1>One</h1><p>Two</p><h3>Three</h3>", "", "# One\n\nTwo\n\n### Three"),
    ("lists", "<ul><li>One<li>Two</ul><ol><li>a<li>b</ol>", "", "- One\n- Two\n1. a\n2. b"),
    ("a list in a list", "<ul><li>One<ul><li>Two</ul></ul>", "", "- One\n  - Two"),
    ("no bullet for an item dropped", "<ul><li>One<li>x<li>Two</ul>", "x", "- One\n- Two"),
    ("no heading without words", "<h2><a href=/x>x</a></h2><h2></h2><p>One</p>", "x", "One"),
    ("quotes", "<blockquote><p>One<p>Two</blockquote>", "", "> One\n>\n> Two"),
    ("code", "<p>One <code>two</code></p>", "", "One `two`"),
    ("no signs of emphasis", "<p><b>One:</b>two <i>three</i></p>", "", "One:two three"),
    ("links", "<p>One <a href=/x>two</a></p>", "", "One [two](/x)"),
    ("no link without words", "<p>One <a href=/x><img src=y></a>two</p>", "", "One two"),
    ("a heading in a link", "<a href=/x><h2>One</h2></a>", "", "## One"),
    ("verbatim text", "<pre><code class=language-python>def f():\n    return 1</code></pre>", "",
     "```python\ndef f():\n    return 1\n```"),
    ("a line dropped from verbatim text", "<pre>one\n  x\n\n  <b>tw</b>o\nx\n</pre>", "  x;x",
     "```\none\n\n  two\n```"),
    ("blanks between marked words of code", "<pre><i>a</i><i> </i><i>b</i>\n<i>c</i></pre>", "",
     "```\na b\nc\n```"),
    ("old verbatim elements", "<xmp>a\n <b></xmp>", "", "```\na\n <b>\n```"),
    ("a blank between marked words", "<p><b>One</b><span> </span>two<a> </a>three</p>", "",
     "One two three"),
    ("tables", "<table><tr><th>a<th>b<tr><td>1<td>2</table>", "",
     "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ("an empty cell keeps its column", "<table><tr><th>a<th>b<tr><td><td>2</table>", "",
     "| a | b |\n| --- | --- |\n|  | 2 |"),
    ("rows of different lengths", "<table><tr><th colspan=2>a<tr><td>1<td>2<tr><td>3</table>", "",
     "| a |  |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |"),
    ("several bodies", "<table><thead><tr><th>a<th>b<tbody><tr><td>1<td>2<tbody><tr><td>3<td>4"
     "<tfoot><tr><td>5<td>6</table>", "",
     "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |"),
    ("a row dropped", "<table><tr><th>a<th>b<tr><td>x<td>y<tr><td>1<td>2</table>", "x\ty",
     "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ("a table dropped", "<p>One</p><table><tr><td>x<td>y</table>", "x\ty", "One"),
    ("a table that lays out the page",
     "<table><tr><td>x</td><td><h2>One</h2><p>Two</p><p>Three</p></td></tr></table>", "x",
     "## One\n\nTwo\n\nThree"),
    ("a table of one cell", "<table><tr><td>One</td></tr></table>", "", "One"),
    ("cells of a layout stay apart", f"<table><tr><td>One<td>{'two ' * 40}</table>", "",
     "One\n\n" + ("two " * 40).strip()),
    ("data in a layout",
     "<table><tr><td>x<td><p>One</p><table><tr><td>a<td>b<tr><td>1<td>2</table></table>", "x",
     "One\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ("line breaks", "<p>One<br>two<br></p>", "", "One  \ntwo"),
    ("two line breaks", "<div><br>One<br><br>Two<br> <br><br>Three</div><br>Four", "",
     "One\n\nTwo\n\nThree\n\nFour"),
    ("line breaks around what is dropped", "<div>One<br><br>x<br><br>Two</div>", "x", "One\n\nTwo"),
    ("rules go", "<p>One</p><hr><p>x</p><hr><p>Two</p>", "x", "One\n\nTwo"),
    ("blocks that Markdown has no sign for",
     "<center>One</center><form>Two<fieldset>Three</fieldset></form><button>Four</button>", "",
     "One\n\nTwo\n\nThree\n\nFour"),
    ("hidden things", "<p>One</p><script>x()</script><p hidden>Two</p>", "", "One"),
    ("signs of Markdown in the text", "<p>1. One *two*</p><p># Three</p>", "",
     "1\\. One \\*two\\*\n\n\\# Three"),
    ("nothing kept", "<ul><li>x</ul><p>x</p>", "x", ""),
    ("text without any tag", "# One\n\n* x\n  two", "* x", "# One\n\n  two"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "dropped", "markdown"), [case[1:] for case in MARKDOWN], ids=[x[0] for x in MARKDOWN]
)
def test_markdown(page: str, dropped: str, markdown: str) -> None:
    assert labelled(page, set(dropped.split(";"))).clean(format="markdown") == markdown


@st.composite
def words(draw: st.DrawFn) -> str:
    return f" w{draw(st.integers(0, 999))}w "


@settings(max_examples=200)
@given(trees(words()), st.randoms(use_true_random=False))
def test_markdown_holds_the_words_of_the_kept_lines(
    tree: tuple[str, list[str]], rng: random.Random
) -> None:
    source = "<!doctype html>" + tree[0]
    lines = [line for line in lines_of(source) if line]
    dropped = {line for line in lines if rng.random() < 0.4}
    page = labelled(source, dropped)
    markdown = page.clean(format="markdown")
    assert re.findall(r"w\d+w", markdown) == re.findall(r"w\d+w", page.clean())
    assert not re.search(r"^[\s>]*(?:[-*]|\d+\.|#+)\s*$", markdown, re.M)  # no empty bullets


def test_cleaning_changes_nothing_of_the_page() -> None:
    page = labelled("<h1>One</h1><p>x</p><p>Two</p>", {"x"})
    first = page.clean(format="markdown")
    assert page.clean() == "One\n\nTwo"
    assert page.clean(format="markdown") == first == "# One\n\nTwo"
    assert page.clean(["nav"], format="markdown") == "x"


def test_a_format_that_is_not() -> None:
    with pytest.raises(ValueError, match="unknown format 'pdf'; there are text and markdown"):
        labelled("<p>One", set()).clean(format="pdf")
    with pytest.raises(ValueError, match="threshold"):
        labelled("<p>One", set()).clean(threshold=2, format="markdown")


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


def test_a_title_line_goes_before_the_heads_title() -> None:
    found = labelled(HEAD.encode("latin-1"), set(), "Die Brücke ist offen", "latin1").metadata
    assert found.title == "Die Brücke ist offen"
    assert found.author == "Anna Beispiel"


@pytest.mark.parametrize("page", ["", "One\ntwo", "<p>One</p>"])
def test_a_page_that_says_nothing_of_itself(page: str) -> None:
    found = labelled(page, set()).metadata
    assert (found.author, found.date, found.language, found.site_name, found.url) == (None,) * 5


# --- encodings ---

GREEK = "Η γέφυρα άνοιξε σήμερα για τα αυτοκίνητα, είπε ο δήμαρχος."
RUSSIAN = "Мост открыт для движения, сообщил сегодня мэр города."
JAPANESE = "橋は今日から車が通れるようになったと市長が発表した。"
CHINESE = "市长今天宣布，新的大桥已经向汽车开放通行了。"
KOREAN = "시장은 오늘 다리가 자동차에 개방되었다고 발표했다."
FRENCH = "Le maire a annoncé que le pont était ouvert à la circulation dès l'été."
ENCODINGS = [(RUSSIAN, "koi8-r"), (RUSSIAN, "windows-1251"), (GREEK, "iso-8859-7"),
             (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"), (JAPANESE, "iso-2022-jp"),
             (CHINESE, "gb18030"), (CHINESE, "utf-8"), (KOREAN, "euc-kr"),
             (FRENCH, "windows-1252")]  # fmt: skip


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_of_the_http_header(text: str, codec: str) -> None:
    assert lines_of(f"<p>{text}</p>".encode(codec), codec) == [text]
    assert lines_of(text.encode(codec), codec) == [text]  # without any tag, too


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_of_the_meta_element(text: str, codec: str) -> None:
    for meta in (f"<meta charset={codec}>",
                 f"<meta http-equiv=Content-Type content='text/html; charset={codec}'>",
                 f"<script>{'long() ' * 300}</script><meta charset={codec}>"):  # fmt: skip
        assert lines_of(f"{meta}<p>{text}</p>".encode(codec)) == [text]


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_by_the_bytes_alone(text: str, codec: str) -> None:
    assert lines_of(f"<p>{text}</p>".encode(codec)) == [text]


@pytest.mark.parametrize(("text", "codec"), [x for x in ENCODINGS if x[1] != "iso-2022-jp"])
def test_what_is_declared_as_utf8_but_is_not(text: str, codec: str) -> None:
    data = f"<meta charset=utf-8><p>{text}</p>".encode(codec)
    assert lines_of(data) == [text]
    assert lines_of(data, "utf-8") == [text]


def test_the_meta_element_holds_where_the_header_cannot() -> None:
    data = f"<meta charset=koi8-r><p>{RUSSIAN}</p>".encode("koi8-r")
    assert lines_of(data, "utf-8") == [RUSSIAN]


def test_the_header_goes_before_the_meta_element() -> None:
    data = f"<meta charset=windows-1251><p>{RUSSIAN}</p>".encode("koi8-r")
    assert lines_of(data, "koi8-r") == [RUSSIAN]


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1251", "shift_jis", "utf-16le"])
def test_utf8_is_utf8_whatever_is_declared(declared: str) -> None:
    for text in (FRENCH, JAPANESE):
        data = f"<meta charset={declared}><p>{text}</p>".encode()
        assert lines_of(data) == lines_of(data, declared) == [text]


def test_a_few_wrong_bytes_do_not_make_utf8_something_else() -> None:
    data = f"<p>{RUSSIAN}</p><p>".encode() + b"\xff</p><p>" + RUSSIAN.encode()[:-2]
    found = lines_of(data, "windows-1251")
    assert found[0] == RUSSIAN
    assert "\ufffd" in found[2]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark(codec: str) -> None:
    data = f"<meta charset=latin1><p>{JAPANESE}</p>".encode(codec)
    assert lines_of(data) == lines_of(data, "koi8-r") == [JAPANESE]


def test_utf16_without_a_mark_needs_the_header() -> None:
    data = f"<p>{FRENCH}</p>".encode("utf-16-le")
    assert lines_of(data, "utf-16le") == [FRENCH]
    with pytest.raises(HtmlError, match="binary data"):
        read(data)


@pytest.mark.parametrize("data", [b"<p>One</p>", b"<p>\xe9t\xe9</p>"])
def test_an_unknown_encoding(data: bytes) -> None:
    with pytest.raises(LookupError, match="unknown encoding: klingon"):
        read(data, "klingon")


# --- what is no HTML, and what is too much of it ---


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF"),
        (b"\r\n%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08\x00\x00", "gzip"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (b"GIF89a", "an image"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "binary data"),
        (b"\xff\xfe\x00\x00<\x00\x00\x00", "binary data"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(HtmlError, match=f"not HTML, but {kind}"):
        read(data)


@pytest.mark.parametrize("page", [b"", "", b" \n", "<html></html>", b"<p>", "<", "</"])
def test_pages_without_text_have_no_labelled_lines(page: str | bytes) -> None:
    found = labelled(page, set())
    assert [line.text for line in found.lines if line.text not in ("<", "</")] == []


N = 100_000
LARGE = {
    "nested elements": "<div>" * N + "x",
    "nested elements, closed": "<div>" * N + "x" + "</div>" * N,
    "nested elements with text": "<section>x" * (N // 5),
    "nested inline elements": "<b>x<i>" * (N // 2),
    "nested tables": "<table><tr><td>x" * (N // 5),
    "nested lists": "<ul><li>x" * (N // 5),
    "elements that overlap": "<p><b>x<p></b>" * (N // 100),
    "paragraphs": "<p>x" * (N // 2),
    "rows": "<table>" + "<tr><td>x<td>x" * (N // 4),
    "one long row and many short": "<table><tr>" + "<td>x" * 9000 + "<tr><td>x" * 9000,
    "line breaks": "x" + "<br>" * N + "y",
    "line breaks and comments": "x" + "<br><!-- -->" * N + "y",
    "links": "<p>" + "<a href=/x/y>x</a> " * (N // 2),
    "names": "".join([f"<p id=a{i} class='b{i} c'>x</p>" for i in range(N // 10)]),
    "one name": f"<p class='{'word ' * N}'>x</p>",
    "attributes": "<p " + " ".join([f"a{i}=1" for i in range(N)]) + ">x",
    "verbatim lines": "<pre>" + "<i>x</i>\n" * (N // 2),
    "shadow trees": "<x-y><template shadowrootmode=open>x" * (N // 10),
    "hidden elements": "<div hidden>" * N + "</div>" * N + "x",
    "one line of 5 MB": "<p>" + "x " * 2_500_000,
    "signs that start no tag": "<p>x" + "< " * 500_000,
    "a comment never closed": "<p>x<!--" + "y" * 5_000_000,
    "a script never closed": "<p>x<script>" + "y" * 5_000_000,
    "plain lines": "x\n" * (N // 2),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_pages(name: str) -> None:
    source = LARGE[name]
    page = labelled(source, set())
    seen = re.sub(r"<!--.*?-->|<!--.*|<script>.*|<[^< ][^<]*?>", "", source, flags=re.S)
    assert without_space(page.text) == without_space(seen)
    markdown = page.clean(format="markdown")
    assert markdown.count("x") >= page.text.count("x") > 0


def test_a_page_of_5_mb() -> None:
    card = (
        "<div class='card c{0}'><h2><a href='/story/{0}'>Headline {0}</a></h2>"
        "<p>Words of story {0}, <b>some</b> bold. "
        + "More of it follows here. " * 20
        + "</p></div>"
    )
    source = "".join([card.format(i) for i in range(8200)])
    assert len(source) > 5_000_000
    lines = [line for line in lines_of(source) if line]
    assert len(lines) == 16_400
    assert lines[-2] == "Headline 8199"


def test_bytes_in_a_wrong_encoding_of_5_mb() -> None:
    data = b"<meta charset=utf-8><p>" + b"<\xe9\xe8" * 1_500_000
    assert without_space(read(data).text) == "<éè" * 1_500_000
