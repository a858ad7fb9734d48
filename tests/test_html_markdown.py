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
    ("line breaks in bold text", "<p><b>One<br>two*<br></b></p>", "", "One  \ntwo\\*"),
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
    ("a formula with its TeX",
     r"<p>So <math alttext='\sqrt{x}&lt;1'><msqrt><mi>x</mi></msqrt></math>.</p>", "",
     r"So $\sqrt{x}\lt 1$."),
    ("a formula without TeX", "<p>So <math alttext='x and y'><mi>x</mi></math></p>", "", "So x"),
    ("a formula that stands apart",
     "<p><span class=katex-display><span class=katex><math alttext='a_1'><mi>a</mi></math></span>"
     "</span></p><p><script type='math/tex; mode=display'>b_1</script></p>", "",
     "$$a_1$$\n\n$$b_1$$"),
    ("a formula in a table",
     "<table><tr><td>a<td><math alttext='|x|'><mi>x</mi></math><tr><td>1<td>2</table>", "",
     "| a | $\\|x\\|$ |\n| --- | --- |\n| 1 | 2 |"),
    ("a formula in code", "<pre>a <math alttext='b_1'><mi>x</mi></math></pre>", "",
     "```\na x\n```"),
    ("a formula dropped", "<p>x<math alttext='a_1'><mi>x</mi></math></p><p>One", "xx", "One"),
    ("TeX that dollar signs cannot hold", "<img class=tex alt='5$'><img class=tex alt='`a`'>", "",
     "5$\\`a\\`"),
    ("no link and no tag from TeX", "<img class=tex alt='[a](javascript:x) &lt;b&gt;'>", "",
     r"$[a] (javascript:x) \lt b\gt $"),
    ("the language of code, from where pages have it",
     "<pre class=lang-js><code>a</code></pre><div class='highlight highlight-source-shell'><pre>b"
     "</pre></div><div class='language-ruby highlighter-rouge'><div><pre>c</pre></div></div>"
     "<div class=lang-en><pre>d</pre></div>", "",
     "```js\na\n```\n\n```shell\nb\n```\n\n```ruby\nc\n```\n\n```\nd\n```"),
    ("blanks and line breaks that highlighting puts in elements",
     "<pre><i>a</i><i> </i>b<i>\n</i><i>  </i>c<i>\n\n</i><i>\t</i><b>d</b></pre>", "",
     "```\na b\n  c\n\n\td\n```"),
    ("nothing kept", "<ul><li>x</ul><p>x</p>", "x", ""),
    ("text without any tag", "# One\n\n* x\n  two", "* x", "# One\n\n  two"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "dropped", "markdown"), [case[1:] for case in MARKDOWN], ids=[x[0] for x in MARKDOWN]
)
def test_markdown(page: str, dropped: str, markdown: str) -> None:
    assert labelled(page, set(dropped.split(";"))).clean(format="markdown") == markdown


# --- nothing of a page becomes HTML ---

SCRIPTS = [
    "javascript:x()", "JavaScript:x()", " java\tscript:x()", "java\nscript:x()", "vbscript:x",
    "\x01javascript:x()", "data:text/html,x", "java&#x0d;script:x", "javascript&colon;x()",
    "javascript&amp;colon;x()", "&amp;#106;avascript:x()", "javascript\\:x()", "DATA:,x",
    "\ufeffjavascript:x", "&Tab;javascript:x",
]  # fmt: skip


@pytest.mark.parametrize("target", SCRIPTS)
def test_a_link_to_a_script_loses_its_target(target: str) -> None:
    page = labelled(f'<p>One <a href="{target}">two</a> three</p>', set())
    assert page.clean(format="markdown") == "One two three"


@pytest.mark.parametrize(
    "target", ["/x", "data/x", "/javascript:x", "https://a.example/?javascript:"]
)
def test_other_links_keep_their_target(target: str) -> None:
    page = labelled(f'<p>One <a href="{target}">two</a></p>', set())
    assert page.clean(format="markdown") == f"One [two]({target})"


CODE = [
    ("<pre><code class='language-a`b'>x\n\n&lt;b></code></pre>", "```\nx\n\n<b>\n```"),
    ("<p>w<q>x<pre>a\n\n&lt;b></pre></q></p>", 'w"x"\n\n```\na\n\n<b>\n```'),
    ("<q><pre>a\n\n&lt;b></pre></q>", "```\na\n\n<b>\n```"),
    ("<q><span><xmp>a\n\n<b></xmp></span></q>", "```\na\n\n<b>\n```"),
    ("<p><code>a</code><kbd>&lt;b></kbd><samp>c</samp></p>", "`a`\\<b>`c`"),
    ("`<samp><p>`&lt;b></samp>", "\\`\n\n\\`\\<b>"),
    ("<p>x`<i><code>&lt;b></code></i></p>", "x\\`\\<b>"),
    ("<p><code>a</code> <code>b</code></p><code>c</code>", "`a` `b`\n\n`c`"),
    ("<table><tr><td><code>a</code><td><code>b</code><tr><td>1<td>2</table>",
     "| `a` | `b` |\n| --- | --- |\n| 1 | 2 |"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "markdown"), CODE)
def test_code_stays_code(page: str, markdown: str) -> None:
    assert labelled(page, set()).clean(format="markdown") == markdown


def html_in(markdown: str) -> list[str]:
    """Signs of HTML in Markdown outside of code, by simple rules: fences of backticks, code spans
    in a line, and escapes."""
    found = []
    fence = ""
    for line in markdown.split("\n"):
        bare = re.sub(r"^(?:[ \t>]|[-*+](?= |$)|\d+[.)](?= |$))*", "", line)
        opening = re.match(r"(`{3,})[^`]*$", bare)
        if fence:
            fence = "" if re.fullmatch(rf"{fence}`*\s*", bare) else fence
        elif opening:
            fence = opening[1]
        else:
            bare = re.sub(r"\\[!-/:-@\[-`{-~]|(`+)(?!`).+?(?<!`)\1(?!`)", "", bare)
            found += re.findall(r"<[a-zA-Z/!?].*", bare)
    return found


PIECES = st.sampled_from(
    ["<p>", "</p>", "<q>", "</q>", "<pre>", "</pre>", "<code>", "</code>", "<kbd>", "</kbd>",
     "<pre><code class='language-`x'>", "<pre class='language-x`'>", "<b>", "</b>", "<h2>", "<li>",
     "<ul>", "</ul>", "<blockquote>", "</blockquote>", "<td>", "<tr>", "<table>", "</table>",
     "<a href=/x>", "</a>", "<samp>", "</samp>", "<xmp>", "</xmp>", "<dd>", "<span>", "</span>",
     "`", "&lt;b>", "&lt;script>", "&amp;lt;b>", "\\", "x", " ", "\n", "\n\n", "<br>", "*",
     "_", "[", "]"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_html_comes_through_into_markdown(source: str) -> None:
    markdown = labelled("<p>One</p>" + source, set()).clean(format="markdown")
    assert html_in(markdown) == []


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
