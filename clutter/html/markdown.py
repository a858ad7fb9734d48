"""The Markdown of the lines that are kept.

turbohtml turns a tree into Markdown; this room makes the tree fit. Everything that is not kept
is cut from it, tables that only lay out the page become plain blocks, and elements that
Markdown has no sign for become such as keep their line breaks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from turbohtml import Document, Element, Markdown, Node, Text

from clutter.html.lines import BLOCKS, tags

if TYPE_CHECKING:
    from clutter.html.lines import HtmlText

_OTHER_SPACE = re.compile(r"[^\S \t\n\r\f]")
# where Markdown's signs of emphasis cannot be, there would be HTML
_STYLE = Markdown(
    inline=Markdown.Inline(ignore_emphasis=True), tables=Markdown.Tables(cell_blocks="text")
)
_REPLACED = dict.fromkeys(tags("listing plaintext xmp"), "pre") | dict.fromkeys(
    tags("button center dialog dir fieldset form hgroup legend search"), "div"
)
"""What elements become that Markdown would lose the line breaks of."""


def to_markdown(source: HtmlText, kept: Collection[int]) -> str:
    """The Markdown of the lines with these numbers: everything else is cut from the tree."""
    document = source.document
    lines: dict[Text, list[int]] = {}
    for i, nodes in enumerate(source.nodes):
        for node in nodes:
            lines.setdefault(node, []).append(i)
    cells: dict[Node, Element | None] = {document: None}  # of each node that stays: its cell
    held: dict[int, set[Element]] = {}  # of each line in a table: its cells
    for node, numbers in lines.items():
        staying = [i for i in numbers if i in kept]
        if not staying:
            node.extract()
            continue
        if len(staying) < len(numbers):  # verbatim text, each of whose lines but the blank is one
            rest = iter(numbers)
            pieces = node.data.split("\n")
            node.data = "\n".join([x for x in pieces if not x.strip() or next(rest) in kept])
        cell = _find_cell(node, cells)
        if cell is not None:
            for i in staying:
                held.setdefault(i, set()).add(cell)
    _prune(document, cells)
    for link in document.select("a:has(h1, h2, h3, h4, h5, h6, p, ul, ol, table, pre)"):
        link.unwrap()  # Markdown's links hold no blocks
    _settle_tables(document, list(held.values()))
    return document.to_markdown(_STYLE)


def _find_cell(node: Node, cells: dict[Node, Element | None]) -> Element | None:
    """The table cell that a node stands in. Notes it for all elements on the way up."""
    path = []
    above: Node | None = node
    while above is not None and above not in cells:
        path.append(above)
        above = above.parent
    cell = None if above is None else cells[above]
    for found in reversed(path):
        if isinstance(found, Element) and found.tag in ("td", "th"):
            cell = found
        cells[found] = cell
    return cell


def _prune(document: Document, staying: Collection[Node]) -> None:
    """Cut the elements that are empty now, and make two <br> in a row a paragraph's end and
    blanks of all kinds the ordinary one."""
    broken: Element | None = None  # the <br> that only blanks have followed
    begun = False  # whether the block holds anything yet
    for node in list(document.descendants):
        if isinstance(node, Text):
            if not node.data.isascii():
                node.data = _OTHER_SPACE.sub(" ", node.data)  # Markdown would have references
            if node.data.strip():
                broken, begun = None, True
        elif not isinstance(node, Element) or node.parent not in staying:
            continue
        elif node in staying:
            tag = node.tag
            if tag in _REPLACED:
                node.tag = _REPLACED[tag]
            if tag in BLOCKS:
                broken, begun = None, False
        elif node.tag == "br":
            before = node.previous_sibling
            if isinstance(before, Text) and not before.data.strip():
                before = before.previous_sibling
            if broken is None and begun and getattr(before, "tag", "") not in BLOCKS:
                broken = node
                continue
            if broken is not None:
                broken.tag = "p"
            node.decompose()
        elif node.tag in ("td", "th"):  # which keep the columns of a row apart
            node.clear()
        elif node.tag in BLOCKS or not node.text:
            node.decompose()
        else:  # the blank between two words
            node.replace_with(Text(" "))


def _settle_tables(document: Document, lines: list[set[Element]]) -> None:
    """Make plain blocks of the tables that hold no data, but lay out the page: where no line
    joins several cells, or a cell holds several lines. Give all rows of the others as many
    cells, since Markdown knows no other tables."""
    size = Counter(cell for cells in lines for cell in cells)
    data = {cell.closest("table") for cells in lines if len(cells) > 1 for cell in cells}
    data -= {cell.closest("table") for cell in size if size[cell] > 1}
    rows: dict[Element, list[tuple[Element, int]]] = {}
    for row in document.select("tr"):
        table = row.closest("table")
        if table is not None and table in data:
            cells = [cell for cell in row.children if isinstance(cell, Element)]
            for cell in cells:
                cell.attrs.pop("colspan", None)
                cell.attrs.pop("rowspan", None)
            rows.setdefault(table, []).append((row, len(cells)))
    for table, some in rows.items():
        width = max(count for _, count in some)
        if width * len(some) > 1000 + 9 * sum(count for _, count in some):
            data.remove(table)  # too full of holes
            continue
        for row, count in some:
            row.extend([Element("td") for _ in range(width - count)])
    parts = document.select("table, caption, colgroup, tbody, thead, tfoot, tr, td, th")
    for part in [part for part in parts if part.closest("table") not in data]:
        part.tag = "div"
