"""HTML -> the lines that a reader sees, and what the markup says of each.

Plain text has lost what a page's author marked: that this is a list of links, that
the element around it is called "related". Where the HTML is at hand, this room keeps
both. It cuts the page into lines as a browser would show them (one a block, in reading
order, hidden parts left out, a row of a plain table in one line) and describes the
markup around each line in two ways: numbers, such as the share of its characters that
are links, and hashes of the tags, class names, ids and link targets on its path, which
the model turns into a learned vector as it does with n-grams.

Parsing, character sets and Markdown are turbohtml's (extra ``clutter[html]``). The walk
over the tree looks once at every node; all that follows is numpy on all lines together.
"""

from __future__ import annotations

import codecs
import functools
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from clutter.features import Ints
from clutter.markup import COUNTED, INSIDE, MARK_BITS, N_CUES, Markup, markless, runs
from clutter.page import KEPT, Page

try:
    import turbohtml
    from turbohtml import Document, Element, Markdown, Node, Text, detect
except ImportError as error:  # pragma: no cover
    raise ImportError("reading HTML needs turbohtml: pip install 'clutter[html]'") from error

NEAR = 10
"""Elements of a line's path that are looked at, from the innermost."""


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BLOCKS = _tags(
    "address article aside blockquote body br button caption center dd details dialog dir div dl "
    "dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html "
    "legend li listing main menu nav ol p plaintext pre search section summary table tbody td "
    "tfoot th thead tr ul xmp"
)
_APART = _tags(
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
_VERBATIM = _tags("listing plaintext pre xmp")
_BOLD = _tags("b em i strong")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_OTHER_SPACE = re.compile(r"[^\S \t\n\r\f]")
_BREAK = re.compile(r"\r\n|\r|\n")
_TAG = re.compile(r"<(?:!--|!doctype|\?xml|/?[a-z][\w-]*(?:[\s/][^<>]*)?>)", re.ASCII | re.I)
"""What tells HTML from plain text, where <someone@example.org> or a < b may stand."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CELL = 120
"""Characters of a cell beyond which a row is no row of data."""

_BIT = {tag: 1 << i for i, tag in enumerate(INSIDE)}


class HtmlError(ValueError):
    """Something that is not HTML, and what it is."""


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
    """The document of a page. The encoding of bytes is ``encoding`` (what the HTTP header
    says), or else what they declare or look like. They are asked first whether they are
    UTF-8, though: other text hardly passes for it, and much of it is declared as something
    else. What most characters contradict is not believed.

    Raises HtmlError for what is no text at all; LookupError for an unknown encoding.
    """
    document = turbohtml.parse(
        _decoded(html, encoding),
        positions=False,
        scripting=True,
        allow_declarative_shadow_roots=False,
    )
    for template in document.select("template[shadowrootmode]"):  # readers see what is in these
        template.replace_with(*[node for content in template.children for node in content.children])
    return document


def _decoded(html: str | bytes, encoding: str | None) -> str:
    if isinstance(html, str):
        return html.removeprefix("\ufeff")
    data = bytes(html)
    if encoding is not None and not is_encoding(encoding):
        raise LookupError(f"unknown encoding: {encoding}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and data[2:4] != b"\0\0":
        return data.decode("utf-16", "replace")
    head = data[:1024].lstrip()
    for start, name in _KINDS.items():
        if head.startswith(start):
            raise HtmlError(f"not HTML, but {name}")
    if b"\0" in head:
        if encoding is None or "16" not in encoding:
            raise HtmlError("not HTML, but binary data")
        return data.decode(_codec(encoding))
    high = np.count_nonzero(np.frombuffer(data, np.uint8) & 128)
    if b"\x1b$" not in data:  # which begins Japanese in seven bits
        text = data.decode("utf-8-sig", "replace")
        # a few wrong bytes in a page of UTF-8, or one cut short, change nothing
        if (text.count("\ufffd") - data.count(b"\xef\xbf\xbd")) * _WRONG <= high:
            return text
    for name in _guesses(data, encoding):
        text = data.decode(_codec(name))
        if text.count("\ufffd") * _WRONG <= high:
            break
    return text


def _guesses(data: bytes, encoding: str | None) -> Iterator[str]:
    if encoding is not None:
        yield encoding
    yield turbohtml.parse(data, detect_encoding=True).encoding or "windows-1252"
    # without its tags, and so without what they declare
    yield detect.detect(re.sub(rb"<[^<>]*>", b" ", data)).encoding or "windows-1252"


def is_encoding(name: str) -> bool:
    """Whether browsers know an encoding of this name."""
    try:
        codecs.lookup(_codec(name))
    except (LookupError, ValueError):
        return False
    return True


def _codec(encoding: str) -> str:
    """Python's name of an encoding as browsers know it."""
    return f"whatwg-{encoding.strip()}"


_KINDS = {
    b"%PDF-": "a PDF", b"\x1f\x8b": "gzip: decompress it first", b"PK\x03\x04": "a ZIP archive",
    b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"GIF8": "an image",
}  # fmt: skip
_WRONG = 10
"""An encoding is wrong if more than one in so many bytes beyond ASCII cannot be read by it."""


def read(html: str | bytes, encoding: str | None = None) -> HtmlText:
    """The lines of a page and their markup. Raises HtmlError and LookupError as ``parse``."""
    text = _decoded(html, encoding)
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
    markup = _spread(walk.markup(), np.array(rows, np.int64))
    return HtmlText("\n".join(texts), markup, nodes, document, encoding)


def _unmarked(text: str, document: Document, encoding: str | None) -> HtmlText:
    count = len(_BREAK.split(text))
    markup = markless(np.zeros((count, N_CUES), np.float32))
    return HtmlText(text, markup, [[] for _ in range(count)], document, encoding)


@dataclass(frozen=True)
class Metadata:
    """What a page says of itself; None where it says nothing."""

    title: str | None
    author: str | None
    date: str | None
    language: str | None
    site_name: str | None
    url: str | None


class HtmlPage(Page):
    """A labelled page of HTML: a Page whose ``text`` holds the lines that a reader sees."""

    __slots__ = ("_encoding", "_has_tags", "_html")

    def __init__(self, page: Page, source: HtmlText, html: str | bytes) -> None:
        super().__init__(
            page.text,
            page.number,
            page.start,
            page.end,
            page.probabilities,
            page.labels,
        )
        # the tree is not held: it takes many times the room of the page, and few ask for it
        self._has_tags = any(source.nodes)
        self._encoding = source.encoding
        self._html = html

    def clean(
        self, keep: Collection[str] = KEPT, threshold: float = 0.5, format: str = "text"
    ) -> str:
        """The kept lines, as ``Page.clean``; with format "markdown" as Markdown, with their
        headings, lists, quotes, code, tables and links. Text without any tag comes out as it is.

        Raises ValueError for an unknown label or format, or a threshold outside 0 to 1.
        """
        if format not in ("text", "markdown"):
            raise ValueError(f"unknown format {format!r}; there are text and markdown")
        if format == "text" or not self._has_tags:
            return super().clean(keep, threshold)
        kept = set((self.number[self.kept(keep, threshold)] - 1).tolist())
        return _markdown(read(self._html, self._encoding), kept)

    @functools.cached_property
    def metadata(self) -> Metadata:
        """What the page says of itself: its first ``title`` line, and its metadata for the rest
        (and for the title where no line is one)."""
        found = parse(self._html, self._encoding).article()
        return Metadata(
            self.title or found.title,
            found.byline,
            found.date,
            found.lang,
            found.site_name,
            found.canonical,
        )


def _markdown(source: HtmlText, kept: set[int]) -> str:
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
            if tag in _AS:
                node.tag = _AS[tag]
            if tag in _BLOCKS:
                broken, begun = None, False
        elif node.tag == "br":
            before = node.previous_sibling
            if isinstance(before, Text) and not before.data.strip():
                before = before.previous_sibling
            if broken is None and begun and getattr(before, "tag", "") not in _BLOCKS:
                broken = node
                continue
            if broken is not None:
                broken.tag = "p"
            node.decompose()
        elif node.tag in ("td", "th"):  # which keep the columns of a row apart
            node.clear()
        elif node.tag in _BLOCKS or not node.text:
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


# where Markdown's signs of emphasis cannot stand, there would be HTML
_STYLE = Markdown(
    inline=Markdown.Inline(ignore_emphasis=True), tables=Markdown.Tables(cell_blocks="text")
)
_AS = dict.fromkeys(_tags("listing plaintext xmp"), "pre") | dict.fromkeys(
    _tags("button center dialog dir fieldset form hgroup legend search"), "div"
)
"""What elements become that Markdown would lose the line breaks of."""


class _Line:
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
        self.lines: list[_Line] = []
        self.kinds: dict[tuple[str | None, ...], int] = {}
        self.line = _Line()
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
        kinds = self.kinds
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
                if tag in _BLOCKS:
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
                if tag in _BLOCKS:
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
                kind: tuple[str | None, ...] = (tag,)
                if node.attrs:
                    get = node.attr
                    kind = (
                        tag,
                        get("class"),
                        get("id"),
                        get("role"),
                        get("itemprop"),
                        get("rel"),
                    )
                number = kinds.setdefault(kind, len(kinds))
                opened.append(node)
                tags.append(tag)
                insides.append(insides[-1] | _BIT.get(tag, 0))
                path.append(number)
                if line.size and len(line.within) < NEAR:
                    line.within.append(number)
        for tag in reversed(tags):
            if tag in _BLOCKS:
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

    def _leave_block(self, tag: str) -> _Line:
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

    def _begin(self, line: _Line) -> None:
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

    def _close(self) -> _Line:
        """End the line that is being read, and return the next one."""
        line = self.line
        if line.size:
            text = "".join(line.parts)
            text = text.rstrip() if self.pre else _SPACE.sub(" ", text).strip(" ")
            line.text = _BREAK.sub(" ", text)
            self.lines.append(line)
            self.apart = False
            self.line = line = _Line()
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

    def markup(self) -> Markup:
        """What the markup says of the lines, in their order."""
        lines = self.lines
        count = len(lines)
        columns = [(x.size, x.link, x.bold, x.links, x.depth, x.inside, *x.family) for x in lines]
        table = np.array(columns, np.int64).reshape(count, 8)
        size, link, bold, links, depth, inside = table.T[:6]
        cues = np.zeros((count, N_CUES), np.float32)
        cues[:, 0] = link / np.maximum(size, 1)
        cues[:, 1] = np.log1p(links)
        cues[:, 2] = cues[:, 0] > 0.9
        cues[:, 3] = bold / np.maximum(size, 1)
        cues[:, 4] = np.minimum(depth, 40) / 20
        for first, family in ((5, table[:, 6]), (8, table[:, 7])):
            together = np.bincount(family, size, 1), np.bincount(family, link, 1)
            characters = together[0][family]
            cues[:, first] = np.log1p(characters) / 5
            cues[:, first + 1] = together[1][family] / np.maximum(characters, 1)
            cues[:, first + 2] = np.log1p(np.bincount(family)[family]) / 3
        cues[:, len(COUNTED) :] = inside[:, None] >> np.arange(len(INSIDE)) & 1
        return Markup(cues, *self._hashes())

    def _hashes(self) -> tuple[Ints, Ints]:
        """Hashes of the tags and names on the path of each line, told apart by how far out
        they stand, and of its first link's target."""
        words = [_kind_hashes(kind) for kind in self.kinds]
        words += [_target_hashes(line.target) for line in self.lines]
        targets = len(self.kinds)
        # for each line its elements, innermost first, those within it, and its target
        numbers: list[int] = []
        distances: list[int] = []
        counts: list[int] = []
        for i, line in enumerate(self.lines):
            numbers += [*line.path[::-1], *line.within, targets + i]
            distances += [*_DISTANCE[: len(line.path)], *[6] * len(line.within), 7]
            counts.append(len(line.path) + len(line.within) + 1)
        if not counts:
            return np.zeros(0, np.int64), np.zeros(1, np.int64)
        sizes = np.array([len(some) for some in words], np.int64)
        flat = np.array([word for some in words for word in some], np.uint64)
        begin = np.cumsum(sizes) - sizes
        number = np.array(numbers, np.int64)
        repeat = sizes[number]
        place = runs(begin[number], repeat)
        salt = np.repeat(np.array(distances, np.uint64), repeat)
        with np.errstate(over="ignore"):
            mixed = (flat[place] ^ (salt * np.uint64(0x9E3779B97F4A7C15))) * _MIX
        buckets = (mixed >> np.uint64(64 - MARK_BITS)).astype(np.int64)
        first = np.concatenate(([0], np.cumsum(repeat)[np.cumsum(counts) - 1]))
        return buckets, first


_DISTANCE = (0, 1, 2, 3, 3, 4, 4, 5, 5, 5)
"""What an element counts as by how far out it stands: further ones are lumped together."""
_MIX = np.uint64(0xD6E8FEB86659FD93)


@functools.lru_cache(1 << 15)
def _kind_hashes(kind: tuple[str | None, ...]) -> tuple[int, ...]:
    """Hashes of an element's tag and of the words of its class, id, role and so on."""
    tag, *names = kind
    words = [f"<{tag}"]
    for sort, name in enumerate(names):
        if name:
            words += [f"{sort}{word}" for word in _words(name)]
    return tuple(zlib.crc32(word.encode("utf-8", "replace")) * 0x100000001 for word in words[:12])


@functools.lru_cache(1 << 15)
def _target_hashes(target: str) -> tuple[int, ...]:
    """Hashes of the words of a link's address."""
    if not target:
        return ()
    start = "#" if target.startswith("#") else "//" if "//" in target[:8] else "/"
    target = target.removeprefix("https").removeprefix("http")
    words = [f">{start}", *(f">{word}" for word in _words(target[:100]))]
    return tuple(zlib.crc32(word.encode("utf-8", "replace")) * 0x100000001 for word in words[:8])


def _words(name: str) -> list[str]:
    return [word.lower()[:20] for word in _WORD.findall(_HUMP.sub("-", name))]


def _spread(markup: Markup, rows: Ints) -> Markup:
    """Markup for all lines of a text, of which ``rows`` says which were walked; -1 for blank."""
    filled = rows >= 0
    cues = np.zeros((rows.size, N_CUES), np.float32)
    cues[filled] = markup.cues
    counts = np.zeros(rows.size, np.int64)
    counts[filled] = np.diff(markup.first)
    return Markup(cues, markup.buckets, np.concatenate(([0], np.cumsum(counts))))
