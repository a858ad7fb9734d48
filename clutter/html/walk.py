"""The walk over the tree of a page: which text makes one line, and which elements are around it.

A line is what a browser would show as one: the text of one block, in reading order, without
hidden parts; each row of a simple table is one line. The walk visits every node once and
records for each line how much of it is link or bold, and the elements around and within it.
What of a page counts as a line is decided here and nowhere else.
"""

from __future__ import annotations

import re

from turbohtml import Document, Element, Node, Text

from clutter.html.limits import MAX_LINES, too_many
from clutter.markup import INSIDE
from clutter.text import LINE_BREAK

Names = tuple[str | None, ...]
"""What an element is called: its tag, and its class, id, role, itemprop and rel."""

NEAR = 10
"""Only this many elements around a line are used, from the innermost."""


def tags(names: str) -> frozenset[str]:
    """A set of the names of elements in one string, separated by spaces."""
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
"""Blocks with a blank line before and after them."""
_LEFT_OUT = ", ".join(
    (
        "annotation, annotation-xml, audio, canvas, datalist, embed, iframe, noembed, noframes",
        "noscript, object, rp, rt, script, select, style, svg, template, textarea, title, video",
        "dialog:not([open]), [popover]",
        # not html or body: some pages hide these until a script has run. And not "visibility:
        # hidden": some pages hide their article with it
        ':not(html, body):is([hidden], [style*="display:none" i], [style*="display: none" i])',
    )
)
"""A selector for the elements that a reader does not see, or not as text."""
_VERBATIM = tags("listing plaintext pre xmp")
_BOLD = tags("b em i strong")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_CELL = 120
"""If a cell has more characters than this, its row is not a row of data."""

_BIT = {tag: 1 << i for i, tag in enumerate(INSIDE)}


class WalkedLine:
    """A line and its markup, as the walk collects them.

    ``parts`` and ``nodes`` are its pieces of text and their nodes; ``apart``: a blank line comes
    before it. ``size``, ``link`` and ``bold`` are characters, ``links`` a number of links,
    ``depth`` a number of elements, ``inside`` bits for the elements in ``INSIDE``. ``path`` and
    ``within`` are the numbers of the elements around and within it; ``family`` are the numbers of
    the two blocks around its own block; ``target`` is the URL of its first link.
    """

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


class Walk:
    """One pass over the nodes of a document. It collects the lines, and numbers the kinds of
    elements (tag, class, id, role, itemprop, rel). It removes hidden parts from the document.

    Raises HtmlError if there are more than ``MAX_LINES`` lines or ``MAX_ELEMENTS`` elements.
    """

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
        # for each table row around: its first line, the first line of its last cell, and whether
        # it is simple: no table inside, and at most one line in each cell
        self.rows: list[tuple[int, int, bool]] = []
        self._walk(document.remove(_LEFT_OUT))

    def _walk(self, document: Document) -> None:
        # the code for every element is inlined here: this loop is half of the time per page
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
                    if tag == "br":  # two in a row separate paragraphs
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
        """Record the position of a line's first text in the tree."""
        line.apart = self.apart
        line.path = self.path[1:] if len(self.path) <= NEAR else self.path[-NEAR:]
        line.depth = len(self.path)
        line.inside = self.inside[-1]
        line.family = (self.blocks[-2], self.blocks[-3])
        line.links = max(line.links, min(self.links, 1))  # a link from before this line

    def _verbatim(self, node: Text, data: str) -> None:
        """Add text whose line breaks and spaces are kept."""
        *closed, last = data.split("\n")
        for piece in closed:
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
        """End the current line, and return the next one."""
        line = self.line
        if line.size:
            text = "".join(line.parts)
            text = text.rstrip() if self.pre else _SPACE.sub(" ", text).strip(" ")
            line.text = LINE_BREAK.sub(" ", text)
            self.lines.append(line)
            if len(self.lines) > MAX_LINES:
                raise too_many("lines", MAX_LINES)
            self.apart = False
            self.line = line = WalkedLine()
        elif line.parts or line.links:
            line.links = 0
            line.parts.clear()
            line.nodes.clear()
        return line

    def _join_row(self, first: int) -> None:
        """Join the cells of a table row into one line, if each is one short line."""
        row = self.lines[first:]
        if len(row) < 2 or max(len(line.text) for line in row) > _CELL:
            return
        joined = row[0]
        for line in row[1:]:
            joined.nodes += line.nodes
            joined.size += line.size
            joined.link += line.link
            joined.bold += line.bold
            joined.links += line.links
            joined.target = joined.target or line.target
        joined.text = "\t".join(line.text for line in row)
        del self.lines[first + 1 :]
