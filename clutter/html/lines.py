"""HTML -> the lines that a reader sees, and what the markup says of each.

Plain text has lost what a page's author marked: that this is a list of links, that the
element around it is called "related". Where the HTML is at hand, this room keeps both. It
cuts the page into lines as a browser would show them (one a block, in reading order, hidden
parts left out, a row of a plain table in one line) and notes what is around each line;
describe.py makes numbers of that.

The parser is turbohtml. The walk over its tree looks once at every node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import turbohtml
from turbohtml import Document, Element, Node, Text

from clutter.html.decode import decoded_html
from clutter.html.describe import Names, describe, spread
from clutter.markup import INSIDE, N_MARKUP_FEATURES, Markup, without_hashes
from clutter.text import LINE_BREAK

NEAR = 10
"""Elements of a line's path that are looked at, from the innermost."""


def tags(names: str) -> frozenset[str]:
    """Names of elements, from one string."""
    return frozenset(names.split())


BLOCKS = tags(
    "address article aside blockquote body br button caption center dd details dialog dir div dl "
    "dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html "
    "legend li listing main menu nav ol p plaintext pre search section summary table tbody td "
    "tfoot th thead tr ul xmp"
)
_APART = tags(
    "address article aside blockquote dl figure footer form h1 h2 h3 h4 h5 h6 header hr listing "
    "main nav ol p pre section table ul xmp"
)
"""Blocks with a blank line before and behind them."""
_LEFT_OUT = ", ".join(
    (
        "annotation, annotation-xml, audio, canvas, datalist, embed, iframe, noembed, noframes",
        "noscript, object, rp, rt, script, select, style, svg, template, textarea, title, video",
        "dialog:not([open]), [popover]",
        # pages hide their body until a script has run, and by "visibility: hidden", which
        # keeps the place free, their article
        ':not(html, body):is([hidden], [style*="display:none" i], [style*="display: none" i])',
    )
)
"""A selector for what a reader does not see, or not as text."""
_VERBATIM = tags("listing plaintext pre xmp")
_BOLD = tags("b em i strong")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_TAG = re.compile(r"<(?:!--|!doctype|\?xml|/?[a-z][\w-]*(?:[\s/][^<>]*)?>)", re.ASCII | re.I)
"""What tells HTML from plain text, where <someone@example.org> or a < b may stand."""
_CELL = 120
"""Characters of a cell beyond which a row is no row of data."""

_BIT = {tag: 1 << i for i, tag in enumerate(INSIDE)}


@dataclass(frozen=True)
class HtmlText:
    """A page's text, what the markup says of each of its lines (blank ones too), the text
    nodes that each is made of, and the parsed document. Text without any tag is its own
    lines; of these the markup says nothing, not one hash."""

    text: str
    markup: Markup
    nodes: list[list[Text]]
    document: Document
    encoding: str | None


def parse(html: str | bytes, encoding: str | None = None) -> Document:
    """The document of a page; ``encoding`` is what the HTTP header says of bytes.

    Raises what ``decoded_html`` does.
    """
    document = turbohtml.parse(
        decoded_html(html, encoding),
        positions=False,
        scripting=True,
        allow_declarative_shadow_roots=False,
    )
    for template in document.select("template[shadowrootmode]"):  # readers see what is in these
        template.replace_with(*[node for content in template.children for node in content.children])
    return document


def read(html: str | bytes, encoding: str | None = None) -> HtmlText:
    """The lines of a page and their markup. Raises what ``parse`` does."""
    text = decoded_html(html, encoding)
    document = parse(text)
    if not _TAG.search(text):
        return _unmarked(text, document, encoding)
    walk = _Walk(document)
    if not walk.lines:
        return _unmarked("", document, encoding)
    texts: list[str] = []
    nodes: list[list[Text]] = []
    rows: list[int] = []
    for i, line in enumerate(walk.lines):
        if line.apart and texts:
            texts.append("")
            nodes.append([])
            rows.append(-1)
        texts.append(line.text)
        nodes.append(line.nodes)
        rows.append(i)
    markup = spread(describe(walk.lines, walk.elements), np.array(rows, np.int64))
    return HtmlText("\n".join(texts), markup, nodes, document, encoding)


def _unmarked(text: str, document: Document, encoding: str | None) -> HtmlText:
    count = len(LINE_BREAK.split(text))
    markup = without_hashes(np.zeros((count, N_MARKUP_FEATURES), np.float32))
    return HtmlText(text, markup, [[] for _ in range(count)], document, encoding)


class WalkedLine:
    """A line while it is read, and what the markup said meanwhile."""

    __slots__ = ("apart", "bold", "depth", "family", "inside", "link", "links", "nodes", "parts",
                 "path", "size", "target", "text", "within")  # fmt: skip

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.nodes: list[Text] = []
        self.text = ""
        self.apart = False
        self.size = self.link = self.bold = self.links = self.depth = self.inside = 0
        self.path: list[int] = []
        self.within: list[int] = []
        self.family = (0, 0)
        self.target = ""


class _Walk:
    """One pass over a document's nodes: its lines, and the kinds of elements met (tag, class,
    id, role, itemprop, rel), numbered. What is left out of the lines is removed from it."""

    def __init__(self, document: Document) -> None:
        self.lines: list[WalkedLine] = []
        self.elements: dict[Names, int] = {}
        self.line = WalkedLine()
        self.apart = False
        self.pre = self.links = self.bolds = 0
        self.href = ""
        self.open: list[Node] = [document]
        self.tags: list[str] = [""]
        self.inside: list[int] = [0]
        self.path: list[int] = [0]
        self.blocks = [0, 0, 0]  # numbers of the blocks around, the innermost last
        # of the table rows around: the first line, that of the last cell, whether it is plain
        self.rows: list[tuple[int, int, bool]] = []
        self._walk(document.remove(_LEFT_OUT))

    def _walk(self, document: Document) -> None:
        # what is done for every element stands here in full: this is half of the time of a page
        opened, tags, insides, path = self.open, self.tags, self.inside, self.path
        elements = self.elements
        line = self.line
        blocks = 0
        broken = False
        for node in document.descendants:
            parent = node.parent
            while opened[-1] is not parent:
                opened.pop()
                insides.pop()
                path.pop()
                tag = tags.pop()
                if tag in BLOCKS:
                    line = self._leave_block(tag)
                elif tag == "a":
                    self.links -= 1
                elif tag in _BOLD:
                    self.bolds -= 1
            if isinstance(node, Text):
                data = node.data
                if self.pre:
                    self._verbatim(node, data)
                    line = self.line
                    broken = broken and not line.size
                elif data.isspace():
                    line.parts.append(data)
                    line.nodes.append(node)
                else:
                    self._add(node, data)
                    broken = False
            elif isinstance(node, Element):
                tag = node.tag
                if tag in BLOCKS:
                    line = self._close()
                    if tag == "br":  # two in a row part paragraphs
                        self.apart, broken = self.apart or broken, True
                        continue
                    blocks += 1
                    self._open_block(tag, blocks)
                elif tag == "a":
                    self.links += 1
                    self.href = node.attr("href") or ""
                    line.links += 1
                elif tag in _BOLD:
                    self.bolds += 1
                element: Names = (tag,)
                if node.attrs:
                    get = node.attr
                    element = (
                        tag,
                        get("class"),
                        get("id"),
                        get("role"),
                        get("itemprop"),
                        get("rel"),
                    )
                number = elements.setdefault(element, len(elements))
                opened.append(node)
                tags.append(tag)
                insides.append(insides[-1] | _BIT.get(tag, 0))
                path.append(number)
                if line.size and len(line.within) < NEAR:
                    line.within.append(number)
        for tag in reversed(tags):
            if tag in BLOCKS:
                self._leave_block(tag)
        self._close()

    def _open_block(self, tag: str, number: int) -> None:
        if tag in _APART:
            self.apart = True
        self.blocks.append(number)
        count = len(self.lines)
        if tag == "tr":
            if self.rows:  # a table in a table
                self.rows[-1] = (*self.rows[-1][:2], False)
            self.rows.append((count, count, True))
        elif tag in ("td", "th") and self.rows:
            first, _, plain = self.rows[-1]
            self.rows[-1] = (first, count, plain)
        elif tag in _VERBATIM:
            self.pre += 1

    def _leave_block(self, tag: str) -> WalkedLine:
        line = self._close()
        self.blocks.pop()
        if tag in _APART:
            self.apart = True
        elif tag in ("td", "th") and self.rows:
            first, cell, plain = self.rows[-1]
            self.rows[-1] = (first, cell, plain and len(self.lines) - cell < 2)
        elif tag == "tr":
            first, _, plain = self.rows.pop()
            if plain:
                self._join_row(first)
        if tag in _VERBATIM:
            self.pre -= 1
        return line

    def _begin(self, line: WalkedLine) -> None:
        """Note where the first text of a line stands."""
        line.apart = self.apart
        line.path = self.path[1:] if len(self.path) <= NEAR else self.path[-NEAR:]
        line.depth = len(self.path)
        line.inside = self.inside[-1]
        line.family = (self.blocks[-2], self.blocks[-3])
        line.links = max(line.links, min(self.links, 1))  # begun before this line

    def _verbatim(self, node: Text, data: str) -> None:
        """Text whose line breaks and blanks stay."""
        *whole, last = data.split("\n")
        for piece in whole:
            self._add(node, piece)
            self.apart = self.apart or not self.line.size
            self._close()
        self._add(node, last)

    def _add(self, node: Text, data: str) -> None:
        line = self.line
        size = len(data.strip())
        if size:
            if not line.size:
                self._begin(line)
            line.size += size
            if self.links:
                line.link += size
                line.target = line.target or self.href
            if self.bolds:
                line.bold += size
            line.nodes.append(node)
        line.parts.append(data)

    def _close(self) -> WalkedLine:
        """End the line that is being read, and return the next one."""
        line = self.line
        if line.size:
            text = "".join(line.parts)
            text = text.rstrip() if self.pre else _SPACE.sub(" ", text).strip(" ")
            line.text = LINE_BREAK.sub(" ", text)
            self.lines.append(line)
            self.apart = False
            self.line = line = WalkedLine()
        elif line.parts or line.links:
            line.links = 0
            line.parts.clear()
            line.nodes.clear()
        return line

    def _join_row(self, first: int) -> None:
        """Make one line of a table row's cells where each is one short line."""
        row = self.lines[first:]
        if len(row) < 2 or max(len(line.text) for line in row) > _CELL:
            return
        whole = row[0]
        for line in row[1:]:
            whole.nodes += line.nodes
            whole.size += line.size
            whole.link += line.link
            whole.bold += line.bold
            whole.links += line.links
            whole.target = whole.target or line.target
        whole.text = "\t".join(line.text for line in row)
        del self.lines[first + 1 :]
