"""Markdown: the kept lines of a page, in the form that its markup gives them."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from pages_of_html import labelled, lines_of, trees

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
