"""HTML -> the lines that a reader sees, and what the markup says about each.

Plain text has lost the markup: for example, that some lines are a list of links, or that the
element around them is called "related". From HTML, this module gets both: it parses a page,
lets the walk (walk.py) find its lines, and puts together their text and their markup
(describe.py). The parser is turbohtml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import turbohtml
from turbohtml import Document, Text

from clutter.html.decode import decoded_html
from clutter.html.describe import describe, spread
from clutter.html.headline import declared_titles
from clutter.html.limits import MAX_LINES, limited, restore, too_many
from clutter.html.metadata import Declared, declared
from clutter.html.walk import Walk
from clutter.markup import N_MARKUP_FEATURES, Markup, without_hashes
from clutter.text import LINE_BREAK

_TAG = re.compile(r"<(?:!--|!doctype|\?xml|/?[a-z][\w-]*(?:[\s/][^<>]*)?>)", re.ASCII | re.I)
"""A match means HTML. Plain text may contain <someone@example.org> or a < b."""


@dataclass(frozen=True)
class HtmlText:
    """The result of ``read``: the text of a page; for each of its lines, including blank ones, the
    markup and the text nodes; the parsed document; and, copied from it, the places that hold
    metadata, if they were asked for. For a page without any tag, ``text`` is the decoded input, and
    the markup has no hashes."""

    text: str
    markup: Markup
    nodes: list[tuple[Text, ...]]
    document: Document
    encoding: str | None
    declared: Declared | None


def parse(html: str | bytes, encoding: str | None = None) -> Document:
    """The parsed document of a page. For bytes, ``encoding`` is the encoding from the HTTP header.

    Raises the errors of ``decoded_html`` and ``limited``.
    """
    source, is_changed = limited(decoded_html(html, encoding))
    document = turbohtml.parse(
        source,
        positions=False,
        scripting=True,
        allow_declarative_shadow_roots=False,
    )
    if is_changed:
        restore(document)
    for template in document.select("template[shadowrootmode]"):  # their content is visible
        template.replace_with(*[node for content in template.children for node in content.children])
    document.remove("template")  # that of others is not
    return document


def read(
    html: str | bytes, encoding: str | None = None, *, with_metadata: bool = False
) -> HtmlText:
    """The lines of a page and their markup. With ``with_metadata``, the places that hold metadata
    are copied.

    Raises the errors of ``parse``; HtmlError if it has more than ``MAX_LINES`` lines.
    """
    text = decoded_html(html, encoding)
    document = parse(text)
    places = declared(document) if with_metadata else None  # before the walk, which removes scripts
    if not _TAG.search(text):
        return _unmarked(text, document, encoding, places)
    return read_document(document, encoding, places)


def read_document(
    document: Document, encoding: str | None = None, places: Declared | None = None
) -> HtmlText:
    """The lines of a parsed page, as from ``read``. Changes the document.

    Raises HtmlError if it has more than ``MAX_LINES`` lines.
    """
    titles = declared_titles(document)  # before the walk, which removes the title element
    walk = Walk(document)
    if not walk.lines:
        return _unmarked("", document, encoding, places)
    texts: list[str] = []
    nodes: list[tuple[Text, ...]] = []
    rows: list[int] = []
    for i, line in enumerate(walk.lines):
        if line.apart and texts:
            texts.append("")
            nodes.append(())
            rows.append(-1)
        texts.append(line.text)
        nodes.append(line.nodes)
        rows.append(i)
    markup = spread(describe(walk.lines, list(walk.elements), titles), np.array(rows, np.int64))
    return HtmlText("\n".join(texts), markup, nodes, document, encoding, places)


def _unmarked(
    text: str, document: Document, encoding: str | None, places: Declared | None
) -> HtmlText:
    count = len(LINE_BREAK.split(text))
    if count > MAX_LINES:
        raise too_many("lines", MAX_LINES)
    markup = without_hashes(np.zeros((count, N_MARKUP_FEATURES), np.float32))
    return HtmlText(text, markup, [()] * count, document, encoding, places)
