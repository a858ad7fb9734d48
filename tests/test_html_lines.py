"""Reading HTML: the lines a reader sees, of any page there may be.

``examples_html.json`` holds the cases of the cut: a page and its lines; add to it what you
meet.
"""

from __future__ import annotations

import html as escaping
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter import LABELS

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from pages_of_html import (
    ENCODED_TWICE,
    TEXTS,
    assert_whole,
    labelled,
    lines_of,
    trees,
    without_space,
)

from clutter.errors import HtmlError
from clutter.html.lines import read

EXAMPLES = json.loads(Path(__file__).with_name("examples_html.json").read_text("utf-8"))


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


# --- lines that belong together ---


def units_of(page: str) -> list[list[str]]:
    """The units of lines of a page, in order."""
    found = read(page)
    lines: dict[int, list[str]] = {}
    for line, unit in zip(found.text.split("\n"), found.markup.unit.tolist(), strict=True):
        if unit:
            lines.setdefault(unit, []).append(line)
    return list(lines.values())


def test_the_lines_of_a_code_block_belong_together() -> None:
    page = "<p>x</p><pre>a\n\n b</pre><pre><code><div>c</div><div>d</div></code></pre><xmp>e</xmp>"
    assert units_of(page) == [["a", " b"], ["c", "d"], ["e"]]


def test_a_button_in_a_code_block_does_not_belong_to_it() -> None:
    assert units_of("<pre>a<button>Copy</button>\nb</pre>") == [["a", "b"]]


def test_the_rows_of_a_data_table_belong_together() -> None:
    rows = "<tr><th>a<th>b<tbody><tr><td>1<td>2"
    page = f"<table><caption>x</caption><thead>{rows}</table><table>{rows}</table>"
    assert units_of(page) == [["a\tb", "1\t2"], ["a\tb", "1\t2"]]


def test_a_table_that_lays_out_the_page_is_no_unit() -> None:
    page = "<table><tr><td><p>x<p>y<td>z<tr><td><table><tr><td>a<td>b</table></table>"
    assert units_of(page) == [["a\tb"]]


def test_a_row_after_a_table_inside_the_table_belongs_to_the_outer_one() -> None:
    inner = "<tr><td><table><tr><td>c<td>d</table></td></tr>"
    page = f"<table><tr><td>a<td>b</tr>{inner}<tr><td>e<td>f</table>"
    assert units_of(page) == [["a\tb", "e\tf"], ["c\td"]]


# --- hidden parts ---


def test_a_hidden_copy_of_the_article_is_not_read_a_second_time() -> None:
    sentence = (
        "<p>Ferry {0} took {0} people and two dogs to the islands in the north of the sound.</p>"
    )
    article = "".join([sentence.format(number) for number in range(20)])
    other = article.replace("Ferry", "Train").replace("dogs", "cats")
    alone = read(f"<article><div>{article}</div></article>").text
    assert read(f"<article><div>{article}</div><div hidden>{article}</div></article>").text == alone
    rest = read(f"<article><div>{article}</div><div hidden>{other}</div></article>").text
    assert rest.count("Train") == 20


# --- whatever the page ---


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
    assert (
        page.clean(keep=LABELS, threshold=0) == "\n".join([line.text for line in page.lines])
        or page.text
    )
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


@given(st.text(st.characters(exclude_characters="<" + ENCODED_TWICE)))
def test_text_without_any_tag_stays_as_it_is(text: str) -> None:
    found = read(text)
    assert found.text == text.removeprefix("\ufeff")
    assert_whole(found)
    assert found.markup.hashes.size == 0
    assert not found.markup.features.any()


# --- large pages ---

N = 30_000  # what grows with the square takes minutes
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
    "one long row and many short": "<table><tr>" + "<td>x" * (N // 10) + "<tr><td>x" * (N // 10),
    "line breaks": "x" + "<br>" * N + "y",
    "line breaks and comments": "x" + "<br><!-- -->" * N + "y",
    "links": "<p>" + "<a href=/x/y>x</a> " * (N // 2),
    "names": "".join([f"<p id=a{i} class='b{i} c'>x</p>" for i in range(N // 10)]),
    "one name": f"<p class='{'word ' * N}'>x</p>",
    "attributes": "<p " + " ".join([f"a{i}=1" for i in range(N)]) + ">x",
    "verbatim lines": "<pre>" + "<i>x</i>\n" * (N // 2),
    "shadow trees": "<x-y><template shadowrootmode=open>x" * (N // 10),
    "hidden elements": "<div hidden>" * N + "</div>" * N + "x",
    "one line of 2 MB": "<p>" + "x " * 1_000_000,
    "signs that start no tag": "<p>x" + "< " * (5 * N),
    "a comment never closed": "<p>x<!--" + "y" * 2_000_000,
    "a script never closed": "<p>x<script>" + "y" * 2_000_000,
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
