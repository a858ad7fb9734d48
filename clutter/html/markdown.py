"""The kept lines as Markdown.

turbohtml converts a tree to Markdown; this module prepares the tree. It removes everything
that is not kept, turns layout tables into plain blocks, and replaces elements that do not exist
in Markdown by others that keep their line breaks.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from turbohtml import Document, Element, Markdown, Node, Text

from clutter.html.walk import BLOCKS, tags

if TYPE_CHECKING:
    from clutter.html.lines import HtmlText

_CODE = tags("code kbd samp")
_SKIPPED = re.compile(r"[\\\s\0-\x20\x7f-\x9f\xad\u200b-\u200f\u2060\ufeff]+")
_OTHER_SPACE = re.compile(r"[^\S \t\n\r\f]")
_LANGUAGE = re.compile(r"(?<!\S)(?:language|lang|highlight-source)-([^\s`]+)(?!\S)")


def _formula(math: Element, text: str) -> str:
    """A formula as TeX between dollar signs; its text if it has no TeX that can stand so."""
    tex = math.attr("alttext") or ""
    if not tex or tex.endswith("\\") or "$" in tex or "`" in tex:
        return text
    # programs that know no formulas would read tags and links in it
    tex = tex.replace("<", r"\lt ").replace(">", r"\gt ").replace("](", "] (")
    signs = "$$" if math.attr("display") == "block" else "$"
    return signs + tex + signs


# no emphasis: where Markdown does not allow its signs, turbohtml would write HTML tags
_STYLE = Markdown(
    inline=Markdown.Inline(ignore_emphasis=True),
    tables=Markdown.Tables(cell_blocks="text"),
    converters={"math": _formula},
)
_REPLACED = dict.fromkeys(tags("listing plaintext xmp"), "pre") | dict.fromkeys(
    tags("button center dialog dir fieldset form hgroup legend search"), "div"
)
"""Replacements for elements that would lose their line breaks in Markdown."""


def to_markdown(source: HtmlText, kept: Collection[int]) -> str:
    """The lines with these 0-based numbers (``kept``) as Markdown. Removes everything else from
    ``source.document``."""
    document = source.document
    lines: dict[Text, list[int]] = {}
    for i, nodes in enumerate(source.nodes):
        for node in nodes:
            lines.setdefault(node, []).append(i)
    cells: dict[Node, Element | None] = {document: None}  # the cell of each node that stays
    line_cells: dict[int, set[Element]] = {}  # the cells of each line in a table
    for node, numbers in lines.items():
        staying = [i for i in numbers if i in kept]
        if not staying:
            node.extract()
            continue
        if len(staying) < len(numbers):  # verbatim text: one number for each non-blank line
            remaining = iter(numbers)
            pieces = node.data.split("\n")
            node.data = "\n".join([x for x in pieces if not x.strip() or next(remaining) in kept])
        cell = _around(node, ("td", "th"), cells)
        if cell is not None:
            for i in staying:
                line_cells.setdefault(i, set()).add(cell)
    _prune(document, cells)
    for link in document.select("a:has(h1, h2, h3, h4, h5, h6, p, ul, ol, table, pre)"):
        link.unwrap()  # links in Markdown cannot contain blocks
    for link in document.select("a[href]"):
        if _is_script(link.attr("href") or ""):
            link.unwrap()
    for bold in _around_blocks(document, "br", ("b", "em", "i", "strong")):
        bold.tag = "span"  # turbohtml would write some <br> in it as HTML tags
    _settle_code(document)
    _settle_tables(document, list(line_cells.values()))
    return document.to_markdown(_STYLE)


def _around(node: Node, tags: Collection[str], found: dict[Node, Element | None]) -> Element | None:
    """The innermost element around the node with one of these tags, or None. Adds the node and its
    ancestors to ``found``, where the answers for the document and other nodes are."""
    path = []
    above: Node | None = node
    while above is not None and above not in found:
        path.append(above)
        above = above.parent
    element = None if above is None else found[above]
    for inner in reversed(path):
        if isinstance(inner, Element) and inner.tag in tags:
            element = inner
        found[inner] = element
    return element


def _around_blocks(document: Document, others: str, tags: Collection[str]) -> list[Element]:
    """The elements with these tags that have some others, given as a selector, within them."""
    found = []
    seen: set[Node] = set()
    for block in document.select(others):
        above = block.parent
        while above is not None and above not in seen:
            seen.add(above)
            if isinstance(above, Element) and above.tag in tags:
                found.append(above)
            above = above.parent
    return found


def _is_script(target: str) -> bool:
    """Whether the target of a link is no address, but code or a document. Markdown reads character
    references and backslashes in it once more, and browsers skip control characters."""
    plain = _SKIPPED.sub("", html.unescape(html.unescape(target)))
    return plain.lower().startswith(("javascript:", "vbscript:", "data:"))


def _settle_code(document: Document) -> None:
    """Change code that Markdown cannot hold. turbohtml would write HTML tags for it, or signs that
    begin no code block, so that the code would become HTML."""
    for verbatim in document.select("pre"):
        _settle_language(verbatim)
    for element in document.select("pre[class], code[class]"):
        if "`" in (element.attr("class") or ""):  # it would be the language of the block
            del element.attrs["class"]
    for quote in _around_blocks(document, "listing, plaintext, pre, xmp", ("q",)):
        quote.tag = "span"  # its quotation mark would come before the block
    if document.select_one("code, kbd, samp") is None:
        return
    _unwrap_code(document, _around_blocks(document, ", ".join(BLOCKS - {"br", "hr"}), _CODE))
    beside: dict[Element, None] = {}  # code that begins directly behind other code or a backtick
    blocks: dict[Node, Element | None] = {document: None}
    codes: dict[Node, Element | None] = {document: None}
    block_before: Element | None = None
    code_before: Element | None = None
    text = ""
    for node in document.descendants:
        is_break = isinstance(node, Element) and node.tag == "br"
        if is_break and _around(node, _CODE, codes) is None:
            code_before, text = None, ""
        if not isinstance(node, Text) or not node.data:
            continue
        block, code = _around(node, BLOCKS, blocks), _around(node, _CODE, codes)
        is_next = block is block_before and (code_before is not None or text.endswith("`"))
        around = code
        while is_next and around is not None and around is not code_before:
            if around in beside:  # and so those around it
                break
            beside[around] = None
            around = codes[around.parent] if around.parent is not None else None
        block_before, code_before = block, None if code in beside else code
        text = node.data
    _unwrap_code(document, beside)


def _settle_language(block: Element) -> None:
    """Give a code block the class for its language that Markdown is made from. Pages have it on
    the block, on the code in it, or on an element for highlighted code around it."""
    codes = [child for child in block.children if isinstance(child, Element)]
    codes = [child for child in codes if child.tag == "code"]
    names = [element.attr("class") or "" for element in (*codes, block)]
    above: Node | None = block.parent
    for _ in range(2):
        if isinstance(above, Element):
            name = above.attr("class") or ""
            names += [name] if "highlight" in name else []
            above = above.parent
    found = next((match for name in names if (match := _LANGUAGE.search(name))), None)
    if found is not None:
        for element in (*codes[:1], block):
            element.attrs["class"] = f"language-{found[1]}"


def _unwrap_code(document: Document, elements: Collection[Element]) -> None:
    """Replace code elements by their contents; the outer ones first, else the contents of the
    inner ones would be moved again and again."""
    chosen = set(elements)
    for element in document.select("code, kbd, samp"):
        if element in chosen:
            element.unwrap()


def _prune(document: Document, staying: Collection[Node]) -> None:
    """Remove the elements that are empty now, turn two <br> in a row into the end of a paragraph,
    and replace all kinds of spaces by the ordinary space."""
    verbatim: dict[Node, Element | None] = {document: None}
    broken: Element | None = None  # the last <br>, if only white space has followed
    begun = False  # whether the block has any text yet
    for node in list(document.descendants):
        if isinstance(node, Text):
            if not node.data.isascii():
                node.data = _OTHER_SPACE.sub(" ", node.data)  # else: character references
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
        elif node.tag in ("td", "th"):  # empty cells keep the columns of a row in place
            node.clear()
        elif node.tag in BLOCKS or not node.text:
            node.decompose()
        else:  # the space between two words, or blanks of code
            is_code = _around(node, ("pre",), verbatim) is not None
            node.set_text(node.text if is_code else " ")
            node.unwrap()


def _settle_tables(document: Document, lines: list[set[Element]]) -> None:
    """Turn layout tables into plain blocks, and give all rows of a data table the same number of
    cells, which Markdown requires. A table is for layout if no line joins several cells, or if a
    cell has several lines. ``lines`` are the cells of each line."""
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
    for table, table_rows in rows.items():
        width = max(count for _, count in table_rows)
        if width * len(table_rows) > 1000 + 9 * sum(count for _, count in table_rows):
            data.remove(table)  # too many empty cells
            continue
        for row, count in table_rows:
            row.extend([Element("td") for _ in range(width - count)])
    parts = document.select("table, caption, colgroup, tbody, thead, tfoot, tr, td, th")
    for part in [part for part in parts if part.closest("table") not in data]:
        part.tag = "div"
