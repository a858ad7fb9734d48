"""What the tests of HTML share: pages to read, pages with labels, and what to look at.

The labels are made up, so no model is asked. Import this behind ``importorskip``: it needs
the HTML reader.
"""

from __future__ import annotations

import html as escaping

import numpy as np
from hypothesis import strategies as st
from made_pages import made_page

from clutter import LABELS, features
from clutter.html.lines import HtmlText, read
from clutter.html.page import HtmlPage
from clutter.markup import N_MARKUP_FEATURES


def lines_of(page: str | bytes, encoding: str | None = None) -> list[str]:
    return read(page, encoding).text.split("\n")


def assert_whole(found: HtmlText) -> None:
    """There is one row of markup, and one list of nodes, for every line of the text."""
    # a line more at the end, to see the number of the last one even if it is blank
    count = int(features.split([found.text + "\rx"]).number[-1]) - 1
    assert found.markup.features.shape == (count, N_MARKUP_FEATURES)
    assert found.markup.first.shape == (count + 1,)
    assert found.markup.first[0] == 0
    assert found.markup.first[-1] == found.markup.hashes.size
    assert found.markup.group.shape == (count,)
    assert found.markup.group.min(initial=0) >= 0
    assert len(found.nodes) == count


def without_space(text: str) -> str:
    return "".join(text.split())


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
    return HtmlPage(made_page(source.text, rows), source, page)


ENCODED_TWICE = "".join(map(chr, range(128, 160)))
"""Control characters that are a sign of UTF-8 that was encoded twice, which is mended."""
# also no NUL, which HTML drops, and no carriage return, which is a line end of its own kind
TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \n\t\u00a0\u3000\u200b\ufeff<>&;\"'`\\-/!|"),
        st.sampled_from("aZéßЖςאم٣一かक\U0001f44d"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\r" + ENCODED_TWICE),
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
