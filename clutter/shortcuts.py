"""The main content of a page in one call, by the shipped model.

The package exports these functions; they are here because ``import clutter`` loads no numpy.
"""

from __future__ import annotations

from collections.abc import Collection

from clutter.model import load
from clutter.page import KEPT, THRESHOLD
from clutter.text import looks_like_html


def clean(text: str, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD) -> str:
    """The main content of a page, found by the shipped model: of plain text, the same as
    ``clutter.load().label(text).clean(keep=keep, threshold=threshold)``; a page that begins as
    HTML does is read by ``clean_html``.
    """
    if isinstance(text, str) and looks_like_html(text):
        return clean_html(text, keep=keep, threshold=threshold)
    return load().label(text).clean(keep=keep, threshold=threshold)


def clean_html(
    html: str | bytes,
    encoding: str | None = None,
    *,
    keep: Collection[str] = KEPT,
    threshold: float = THRESHOLD,
    format: str = "text",
) -> str:
    """The main content of a page of HTML, found by the shipped model.

    ``format`` is "text" or "markdown". For bytes, ``encoding`` is the encoding from the HTTP
    header. Raises the errors of ``Model.label_html`` and ``HtmlPage.clean``.
    """
    page = load().label_html(html, encoding)
    return page.clean(keep=keep, threshold=threshold, format=format)
