"""The walk over the tree of a page: which text makes one line, and which elements are around it.

A line is what a browser would show as one: the text of one block, in reading order, without
hidden parts; each row of a simple table is one line. The walk visits every node once and
records for each line how much of it is link or bold, and the elements around and within it.
What of a page counts as a line is decided here and nowhere else.
"""

from __future__ import annotations

import re
from itertools import islice

from turbohtml import Document, Element, Node, Text

from clutter.html.formulas import settle_formulas
from clutter.html.gutters import remove_gutters
from clutter.html.hidden import settle_hidden
from clutter.html.limits import MAX_LINES, too_many
from clutter.html.names import HIDDEN, Names
from clutter.text import LINE_BREAK

NEAR = 10
"""Only this many elements around a line are described, from the innermost."""
_FAR = 40
"""Only this many elements around a line are recorded: the near ones and the outermost."""


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
        ".mw-editsection",  # "[edit]" behind the headings of wikis
    )
)
"""A selector for the elements that are never text. Parts that are hidden: hidden.py."""
_HEADINGS = tags("h1 h2 h3 h4 h5 h6")
_LINK_IN_HEADING = ":is(h1, h2, h3, h4, h5, h6) a[href*='#']"
_HEADING_AROUND = 6
"""A heading is looked for in so many elements around one."""
_PERMALINK = re.compile(r"anchor|permalink|(?:hash|head(?:er|ing)|self)[-_]?link", re.I)
_DISPLAYED = "[style*='block' i], .block, .d-block"
_DISPLAY_BLOCK = re.compile(r"(?:^|;)\s*display\s*:\s*block\b", re.I)
_DISPLAYABLE = tags("a b cite em font i label small span strong time")
_SEPARATE = tags("a label time")
_LOOSE = tags("a cite em label small span strong time")
"""Where an element of the first kind and one of the second follow each other without a blank,
their words are two. In other cases they may be parts of one word."""
_VERBATIM = tags("listing plaintext pre xmp")
_COUNTED = _VERBATIM | tags("button table td th tr")
"""Blocks whose lines depend on where the block begins and ends."""
_BOLD = tags("b em i strong")
_NAMES = ("class", "id", "role", "itemprop", "rel")
_BLANKS = " \t\n\r\f"
_SPACE = re.compile(r"[ \t\n\r\f]+")
_CELL = 120
"""If a cell has more characters than this, its row is not a row of data."""


def _remove_permalinks(document: Document) -> None:
    """Remove the links in headings that are no part of them: those whose text is only a sign, such
    as a pilcrow, and those that are named as links to the heading itself."""
    for link in document.select(_LINK_IN_HEADING):
        text = link.text or ""
        if any(map(str.isalnum, text)):
            if not _PERMALINK.search(link.attr("class") or ""):
                continue
            heading = _heading_around(link)
            letters = sum(map(str.isalpha, text))
            if heading is None or sum(map(str.isalpha, heading.text or "")) == letters:
                continue  # the link is the heading
        link.extract()


def _displayed_blocks(document: Document) -> set[Element]:
    """Inline elements that are displayed as blocks, by their style or a class that is known."""
    found = set()
    for element in document.select(_DISPLAYED):
        names = (element.attr("class") or "").split()
        is_block = "block" in names or "d-block" in names
        is_block = is_block or bool(_DISPLAY_BLOCK.search(element.attr("style") or ""))
        # a heading is one line
        if is_block and element.tag in _DISPLAYABLE and _heading_around(element) is None:
            found.add(element)
    return found


def _heading_around(element: Element) -> Element | None:
    for around in islice(element.ancestors, _HEADING_AROUND):
        if isinstance(around, Element) and around.tag in _HEADINGS:
            return around
    return None


def _has_block(node: Node) -> bool:
    return any(
        isinstance(child, Element) and child.tag in BLOCKS and child.tag != "br"
        for child in node.children
    )


def _are_two_words(left: str, right: str) -> bool:
    """Whether the texts of two inline elements with these tags, one directly behind the other, are
    two words."""
    if "-" in left or "-" in right:  # custom elements
        return True
    pair = {left, right}
    return pair <= _LOOSE and not pair.isdisjoint(_SEPARATE)


def _is_spaced(character: str) -> bool:
    """Whether it is of a word, and of a script that has blanks between words."""
    return character.isalnum() and not "\u2e80" <= character < "\uac00"


class WalkedLine:
    """A line and its markup, as the walk collects them.

    ``text`` and ``nodes`` are its text and the nodes of it; ``apart``: a blank line comes
    before it. ``size``, ``link`` and ``bold`` are characters, ``links`` a number of links,
    ``depth`` a number of elements. ``path`` are the numbers of the elements around its block and
    of the block itself, the innermost last; ``within`` those of the inline elements in its block;
    ``family`` are the numbers of the two blocks around its own block; ``unit`` is the number of
    the code block or of the data table that it belongs to, or 0; ``target`` is the URL of its
    first link.

    There are tens of thousands of lines on some pages. So a line holds no lists, which the garbage
    collector would visit again and again, and ``_begin`` and ``_close`` set what a line without
    text does not need.
    """

    __slots__ = ("apart", "bold", "depth", "family", "link", "links", "nodes",
                 "path", "size", "target", "text", "unit", "within")  # fmt: skip

    apart: bool
    depth: int
    family: tuple[int, int]
    nodes: tuple[Text, ...]
    path: tuple[int, ...]
    text: str
    unit: int
    within: tuple[int, ...]

    def __init__(self) -> None:
        self.size = self.link = self.bold = self.links = 0
        self.target = ""


class Walk:
    """One pass over the nodes of a document. It collects the lines, and numbers the kinds of
    elements around them (tag, class, id, role, itemprop, rel). It removes hidden parts from the
    document.

    Raises HtmlError if there are more than ``MAX_LINES`` lines or ``MAX_ELEMENTS`` elements.
    """

    def __init__(self, document: Document) -> None:
        self.lines: list[WalkedLine] = []
        self.elements: dict[Names, int] = {}
        # the line that is open, the pieces of its text, their nodes, and the numbers of the inline
        # elements in its block
        self.line = WalkedLine()
        self.parts: list[str] = []
        self.nodes: list[Text] = []
        self.within: list[int] = []
        self.apart = False
        self.pre = self.buttons = self.links = self.bolds = 0
        self.href = ""
        self.open: list[Document | Element] = [document]
        self.tags: list[str] = [""]
        # the number of each that is open, or -1 if no line in it has begun: most hold none
        self.path: list[int] = [0]
        self.tops = [1]  # how many elements are open with each block around, the innermost last
        self.blocks = [0, 0, 0]  # numbers of the blocks around, the innermost last
        # for each table row around: its first line, the first line of its last cell, and whether
        # it is simple: no table inside, and at most one line in each cell
        self.rows: list[tuple[int, int, bool]] = []
        self.tables: list[int] = []  # numbers of the tables around
        self.verbatim = 0  # number of the outermost block of verbatim text
        settle_formulas(document)  # first: MathML may be hidden, and TeX in a script
        remove_gutters(document)
        document.remove(_LEFT_OUT)
        self.hidden = settle_hidden(document)
        _remove_permalinks(document)
        self.standing = _displayed_blocks(document)  # inline elements that begin and end lines
        self.children: dict[Node, tuple[bool, bool]] = {}
        self.gaps: list[Element] = []
        self._walk(document)
        # for Markdown, which knows tags only
        for element in self.standing:
            if element.tag != "a":
                element.tag = "div"
        for element in self.gaps:
            element.insert_before(Text(" "))

    def _walk(self, document: Document) -> None:
        # the code for every element is inlined here: this loop is half of the time per page. A line
        # that holds nothing yet is not closed
        opened, tags, path, blocks, tops = self.open, self.tags, self.path, self.blocks, self.tops
        parts, nodes, within, standing = self.parts, self.nodes, self.within, self.standing
        line = self.line
        count = 0  # of blocks
        broken = False
        left = ""  # the tag of the inline element that ends directly here, or ""
        gap: Element | None = None  # an element that begins directly behind another
        for node in document.descendants:
            parent = node.parent
            while opened[-1] is not parent:
                closed = opened.pop()
                path.pop()
                left = tag = tags.pop()
                if tag in BLOCKS:
                    if parts or line.links:
                        line = self._close()
                    if tag in _APART:
                        self.apart = True
                    blocks.pop()
                    tops.pop()
                    if tag in _COUNTED:
                        self._leave(tag)
                    continue
                if tag == "a":
                    self.links -= 1
                elif tag in _BOLD:
                    self.bolds -= 1
                if standing and closed in standing:
                    line = self._close()
                    blocks.pop()
                    tops.pop()
            if isinstance(node, Text):
                data = node.data
                left = ""
                if self.pre:
                    self._verbatim(node, data)
                    line = self.line
                    broken = broken and not line.size
                elif data.isspace():
                    parts.append(data)
                    nodes.append(node)
                else:
                    if gap is not None:
                        self._separate(gap, data)
                        gap = None
                    self._add(node, data)
                    broken = False
            elif isinstance(node, Element):
                tag = node.tag
                number = -1
                if tag in BLOCKS:
                    if parts or line.links:
                        line = self._close()
                    if tag == "br":  # two in a row separate paragraphs
                        self.apart, broken = self.apart or broken, True
                        continue
                    count += 1
                    blocks.append(count)
                    tops.append(len(opened) + 1)
                    if tag in _APART:
                        self.apart = True
                    if tag in _COUNTED:
                        self._enter(tag, count)
                    gap = None
                else:
                    if (standing and node in standing) or ("-" in tag and self._stands_alone(node)):
                        standing.add(node)
                        line = self._close()
                        count += 1
                        blocks.append(count)
                        tops.append(len(opened) + 1)
                    elif left and line.size and _are_two_words(left, tag):
                        # in a sentence, they may be parts of a word
                        gap = None if self._children(opened[-1])[1] else node
                    if tag == "a":
                        self.links += 1
                        self.href = node.attr("href") or ""
                        line.links += 1
                    elif tag in _BOLD:
                        self.bolds += 1
                    if line.size and len(within) < NEAR:
                        number = self._number(node)
                        within.append(number)
                left = ""
                opened.append(node)
                tags.append(tag)
                path.append(number)
        for tag, closed in zip(reversed(tags), reversed(opened), strict=True):
            if tag in BLOCKS or closed in standing:
                self._close()
                if tag in _COUNTED:
                    self._leave(tag)
        self._close()

    def _number(self, element: Element) -> int:
        """The number of the kind of an element."""
        names: Names = (element.tag,)
        attributes = element.attrs
        if attributes:
            # the names are read first, since most elements have few of these
            get = {name: element.attr(name) for name in attributes if name in _NAMES}.get
            names = (*names, *map(get, _NAMES))
        if self.hidden and element in self.hidden:
            names = (*names, *[None] * (6 - len(names)), HIDDEN)
        return self.elements.setdefault(names, len(self.elements))

    def _stands_alone(self, element: Element) -> bool:
        """Whether a custom element is a block: it holds blocks, or stands beside blocks only."""
        if _has_block(element):
            return True
        parent = element.parent
        if parent is None or (self.tags[-1] not in BLOCKS and "-" not in self.tags[-1]):
            return False
        has_block, has_text = self._children(parent)
        return has_block and not has_text

    def _children(self, parent: Node) -> tuple[bool, bool]:
        """Whether blocks, and whether text, are right in an element."""
        if parent not in self.children:
            texts = [node.data for node in parent.children if isinstance(node, Text)]
            self.children[parent] = _has_block(parent), bool("".join(texts).strip())
        return self.children[parent]

    def _separate(self, gap: Element, data: str) -> None:
        """Put a blank between the last word of the line and the first of an element, if the text
        of the element begins with a word."""
        before = self.parts[-1:] or [""]
        if before[0] and _is_spaced(before[0][-1]) and _is_spaced(data[0]):
            self.parts.append(" ")
            self.gaps.append(gap)

    def _enter(self, tag: str, number: int) -> None:
        """Begin a block whose lines depend on where it begins and ends."""
        count = len(self.lines)
        if tag == "tr":
            if self.rows:  # a table in a table
                self.rows[-1] = (*self.rows[-1][:2], False)
            self.rows.append((count, count, True))
        elif tag in ("td", "th") and self.rows:
            first, _, plain = self.rows[-1]
            self.rows[-1] = (first, count, plain)
        elif tag == "table":
            self.tables.append(number)
        elif tag == "button":
            self.buttons += 1
        elif tag in _VERBATIM:
            self.pre += 1
            if self.pre == 1:
                self.verbatim = number

    def _leave(self, tag: str) -> None:
        """End such a block."""
        if tag == "tr":
            first, _, plain = self.rows.pop()
            if plain:
                self._join_row(first)
        elif tag == "table":
            self.tables.pop()
        elif tag in ("td", "th") and self.rows:
            first, cell, plain = self.rows[-1]
            self.rows[-1] = (first, cell, plain and len(self.lines) - cell < 2)
        elif tag == "button":
            self.buttons -= 1
        elif tag in _VERBATIM:
            self.pre -= 1

    def _begin(self, line: WalkedLine) -> None:
        """Record the position of a line's block in the tree, and the inline elements around its
        first text."""
        top = self.tops[-1]
        i = len(self.path) - 1
        # all elements around one with a number have numbers
        while self.path[i] < 0 and isinstance(element := self.open[i], Element):
            self.path[i] = self._number(element)
            i -= 1
        line.apart = self.apart
        if top <= _FAR:
            line.path = tuple(self.path[1:top])
        else:  # without a copy of them all, which may be very many
            line.path = (*self.path[1 : _FAR - NEAR], *self.path[top - NEAR : top])
        self.within += self.path[top : top + NEAR]
        line.depth = top
        line.family = (self.blocks[-2], self.blocks[-3])
        # not a button in the code, such as one that copies it
        line.unit = self.verbatim if self.pre and not self.buttons else 0
        if self.links and not line.links:
            line.links = 1  # a link from before this line

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
            self.nodes.append(node)
        self.parts.append(data)

    def _close(self) -> WalkedLine:
        """End the current line, and return the next one."""
        line = self.line
        if line.size:
            text = "".join(self.parts)
            if self.pre:
                text = LINE_BREAK.sub(" ", text.rstrip())
            else:
                text = text.strip(_BLANKS)
                # most texts have single blanks only, which need not be replaced one by one
                if "\n" in text or "  " in text or "\t" in text or "\r" in text or "\f" in text:
                    text = _SPACE.sub(" ", text)
            line.text = text
            line.nodes = tuple(self.nodes)
            line.within = tuple(self.within)
            self.within.clear()
            self.lines.append(line)
            if len(self.lines) > MAX_LINES:
                raise too_many("lines", MAX_LINES)
            self.apart = False
            self.line = line = WalkedLine()
        else:
            line.links = 0
        self.parts.clear()
        self.nodes.clear()
        return line

    def _join_row(self, first: int) -> None:
        """Join the cells of a table row into one line, if each is one short line."""
        row = self.lines[first:]
        if len(row) < 2 or max(len(line.text) for line in row) > _CELL:
            return
        joined = row[0]
        joined.nodes = tuple([node for line in row for node in line.nodes])
        for line in row[1:]:
            joined.size += line.size
            joined.link += line.link
            joined.bold += line.bold
            joined.links += line.links
            joined.target = joined.target or line.target
        joined.unit = joined.unit or (self.tables[-1] if self.tables else 0)
        joined.text = "\t".join(line.text for line in row)
        del self.lines[first + 1 :]
