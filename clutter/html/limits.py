"""Limits for pages that are small but become very large when they are read.

In HTML a few bytes can stand for very much: an element such as <b> that is never closed is
repeated in every block after it, and each further <body> adds its attributes to the first one.
This module changes the source of such pages, so that time and memory stay in proportion to its
size. No text is lost: what changes is the nesting of bold and the like, and the attributes of
<body>. A page with far more elements or lines than a person could read is refused.
"""

from __future__ import annotations

import re
from collections import Counter

from turbohtml import Document, Text

from clutter.errors import HtmlError

MAX_ELEMENTS = 150_000
"""The largest number of elements of a page. A page of ten thousand is already rare."""
MAX_LINES = 60_000
"""The largest number of lines of a page."""
_MAX_COPIES = 300_000
"""How often formatting elements may be repeated, all together."""
_MAX_BODIES = 100
"""How many <body> or <html> tags may have attributes."""

_START = re.compile(r"<(?:[a-z]|/(?:p|br)[\s/>])", re.I)
"""The tags that make elements: start tags, and two end tags that count as start tags."""
_FORMATTING = "b|big|code|em|font|i|s|small|strike|strong|tt|u"
"""Elements that are repeated in the blocks after them until they are closed. <a> and <nobr> are
not here: a second one closes the first."""
_FORMATTING_START = re.compile(
    # most tags are ruled out by their first letter, which is faster
    rf"<(?=[bcefistuBCEFISTU])(?:{_FORMATTING})(?=[\s/>])"
    # the attributes, if the tag surely ends where it seems to end
    r"((?:\s++[a-z-]++(?:\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'<>=`]++))?+)*+\s*+/?>)?",
    re.I,
)
_OTHER = "x-"
"""With this before their names, formatting elements are not repeated."""
_FORMATTING_TAGS = {
    start: re.compile(rf"{start}(?=(?:{_FORMATTING})[\s/>])", re.I) for start in ("<", "</")
}
"""By how they start: one pattern for both would need a group, which is slow to replace."""
_OTHERS = ", ".join(_OTHER + name for name in _FORMATTING.split("|"))
_BODY = re.compile(r"<(?=[bhBH])(?=(?:body|html)[\s/])", re.I)
_CHANGED = re.compile(
    rf"<(?:!(?=(?:body|html)[\s/])|(/?){_OTHER}(?=(?:{_FORMATTING})[\s/>]))", re.I
)


def too_many(what: str, limit: int) -> HtmlError:
    """The error for a page with too many elements or lines."""
    return HtmlError(f"more than {limit:,} {what}, too many for one page: divide it")


def limited(source: str) -> tuple[str, bool]:
    """The source of a page, changed if need be so that its tree is not much larger than it; and
    whether ``restore`` must be called with its tree.

    Raises HtmlError if it has more than ``MAX_ELEMENTS`` elements.
    """
    signs = source.count("<")
    if signs > MAX_ELEMENTS and len(_START.findall(source)) > MAX_ELEMENTS:
        raise too_many("elements", MAX_ELEMENTS)
    is_changed = False
    if signs > _MAX_BODIES and len(bodies := list(_BODY.finditer(source))) > _MAX_BODIES:
        first = bodies[_MAX_BODIES].start()
        source = source[:first] + _BODY.sub("<!", source[first:])  # the others become comments
        is_changed = True
    # only the tags are counted, not where they end: end tags may be inside of comments, scripts
    # or tables, where they end nothing
    if signs * signs <= _MAX_COPIES or signs * _formatting(source) <= _MAX_COPIES:
        return source, is_changed
    # elements with other names are not repeated; those that are closed mean the same
    for start, tag in _FORMATTING_TAGS.items():
        source = tag.sub(start + _OTHER, source)
    return source, True


def restore(document: Document) -> None:
    """Give the formatting elements in the tree of a changed source their names back, and to text
    that holds tags its tags."""
    for element in document.select(_OTHERS):
        element.tag = element.tag.removeprefix(_OTHER)
    for element in document.select("plaintext, title, xmp"):
        for node in element.children:
            if isinstance(node, Text):
                node.data = _CHANGED.sub(lambda tag: f"<{tag[1] or ''}", node.data)


def _formatting(source: str) -> int:
    """The largest number of formatting elements that can be open at the same time. Of equal tags,
    only three can be."""
    tags: Counter[str] = Counter()
    unclear = 0
    for tag in _FORMATTING_START.finditer(source):
        if tag[1] is None:
            unclear += 1
        else:
            tags[tag[0]] += 1
    return unclear + sum(min(count, 3) for count in tags.values())
