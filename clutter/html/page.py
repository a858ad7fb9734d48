"""The result for a page of HTML: its lines with their labels, Markdown, metadata.

A :class:`HtmlPage` is a :class:`clutter.Page` whose text holds the lines that a reader sees.
It keeps the page's source, but not its tree, which needs many times the memory and is rarely
used. So Markdown parses the source again, and so does metadata, unless what it needs was copied
before.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from clutter.errors import CleaningError
from clutter.html.decode import decoded_html
from clutter.html.lines import HtmlText, parse, read
from clutter.html.markdown import to_markdown
from clutter.html.metadata import MOST_LINES, declared, read_metadata
from clutter.page import KEPT, THRESHOLD, Metadata, Page


class HtmlPage(Page):
    """A labelled page of HTML: a Page whose ``text`` holds the lines that a reader sees."""

    __slots__ = ("_declared", "_encoding", "_has_tags", "_html")

    def __init__(self, page: Page, source: HtmlText, html: str | bytes) -> None:
        super().__init__(
            page.text,
            page.number,
            page.start,
            page.end,
            page.probabilities,
            page.main,
            page.kinds,
            page.labels,
            page.unit,
        )
        self._has_tags = any(source.nodes)
        self._declared = source.declared
        self._encoding = source.encoding
        self._html = html

    @property
    def source(self) -> str:
        """The HTML of the page, as text."""
        return decoded_html(self._html, self._encoding)

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
        kept = self.kept(keep=keep, threshold=threshold)
        return self.text_of(kept) if format == "text" else self.markdown_of(kept)

    def markdown_of(self, kept: NDArray[np.bool_]) -> str:
        """The lines that ``kept`` selects, one entry per non-blank line, as Markdown."""
        if not self._has_tags:
            return self.text_of(kept)
        numbers = set((self.number[kept] - 1).tolist())
        return to_markdown(read(self._html, self._encoding), numbers)

    def metadata_at(self, url: str | None) -> Metadata:
        """The metadata of the page if it was loaded from ``url``, or None if that is not known.

        ``url`` counts where the page gives no address of its own, or an incomplete one. The title
        is the first line with the label title, if there is one, else that of the page's head.

        Raises MissingLibraryError if dateparser is not installed.
        """
        if self._declared is None:
            self._declared = declared(parse(self._html, self._encoding))
        return read_metadata(self._declared, self.title, self._lines_of("meta", MOST_LINES), url)
