"""The result for a page of HTML: its lines with their labels, Markdown, metadata.

A :class:`HtmlPage` is a :class:`clutter.Page` whose text holds the lines that a reader sees.
It keeps the page's source, but not its tree, which needs many times the memory and is rarely
used. So Markdown and metadata parse the source again.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

import turbohtml
from turbohtml import Document, Element, Text

from clutter.errors import CleaningError
from clutter.html.lines import HtmlText, parse, read
from clutter.html.markdown import to_markdown
from clutter.page import KEPT, THRESHOLD, Page


@dataclass(frozen=True)
class Metadata:
    """The metadata of a page; None for what the page does not say."""

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
        self._has_tags = any(source.nodes)
        self._encoding = source.encoding
        self._html = html

    def clean(
        self,
        *,
        keep: Collection[str] = KEPT,
        threshold: float = THRESHOLD,
        format: str = "text",
    ) -> str:
        """The kept lines, as from ``Page.clean``; with format "markdown" as Markdown, with their
        headings, lists, quotes, code, tables and links. A page without any tag is plain text in
        both formats.

        Raises CleaningError for an unknown label or format, or a threshold outside 0 to 1.
        """
        if format not in ("text", "markdown"):
            raise CleaningError(f"unknown format {format!r}; there are text and markdown")
        if format == "text" or not self._has_tags:
            return super().clean(keep=keep, threshold=threshold)
        kept = set((self.number[self.kept(keep=keep, threshold=threshold)] - 1).tolist())
        return to_markdown(read(self._html, self._encoding), kept)

    @functools.cached_property
    def metadata(self) -> Metadata:
        """The metadata of the page. The title is the first line with the label title, if there is
        one, else the title in the page's own metadata."""
        article = _summary(parse(self._html, self._encoding)).article()
        return Metadata(
            self.title or article.title,
            article.byline,
            article.date,
            article.lang,
            article.site_name,
            article.canonical,
        )


_METADATA = (("h1", 20), ("title", 20), ("time", 20), ("a[rel~=author i]", 20), ("meta", 1000),
             ("link", 1000))  # fmt: skip
"""The elements that hold metadata, and how many of each are read."""
_ATTRIBUTES = ("content", "datetime", "href", "name", "property", "rel")


def _summary(document: Document) -> Document:
    """A flat document with only those elements of another that hold metadata.

    turbohtml reads metadata together with the text of the article, which takes very long for
    tables in tables; this is the same for the metadata, and short. Removes templates from
    ``document``.
    """
    document.remove("template")
    summary = turbohtml.parse("<!doctype html>", positions=False)
    head, body = summary.select("head, body")
    if document.root is not None and summary.root is not None:
        language = document.root.attr("lang")
        if language is not None:
            summary.root.attrs["lang"] = language
    for selector, most in _METADATA:
        in_head = set(document.select(f"head {selector}"))
        for element in document.select(selector)[:most]:
            attributes = {name: element.attr(name) for name in _ATTRIBUTES}
            copy = Element(
                element.tag, {name: x for name, x in attributes.items() if x is not None}
            )
            if text := element.text:
                copy.append(Text(text))
            (head if element in in_head else body).append(copy)
    return summary
