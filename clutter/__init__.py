"""Label every line of a scraped page and get the clean article back.

>>> import clutter
>>> clutter.clean(text)                   # the article of a page of plain text
>>> clutter.clean_html(html)              # the article of a page of HTML
>>> page = clutter.load().label(text)     # every line with its label and confidence
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from clutter.errors import ClutterError, ModelError
from clutter.model import Model, load
from clutter.page import KEPT, LABELS, THRESHOLD, Line, Page

if TYPE_CHECKING:
    from clutter.html.page import HtmlPage

__version__ = "0.2.0"

__all__ = [
    "KEPT",
    "LABELS",
    "ClutterError",
    "HtmlPage",
    "Line",
    "Model",
    "ModelError",
    "Page",
    "clean",
    "clean_html",
    "load",
]


def clean(text: str, *, keep: Collection[str] = KEPT, threshold: float = THRESHOLD) -> str:
    """The article of a page of plain text, found by the shipped model.

    Same as ``clutter.load().label(text).clean(keep=keep, threshold=threshold)``.
    """
    return load().label(text).clean(keep=keep, threshold=threshold)


def clean_html(
    html: str | bytes,
    encoding: str | None = None,
    *,
    keep: Collection[str] = KEPT,
    threshold: float = THRESHOLD,
    format: str = "text",
) -> str:
    """The article of a page of HTML, found by the shipped model.

    ``format`` is "text" or "markdown". For bytes, ``encoding`` is the encoding from the HTTP
    header. Raises the errors of ``Model.label_html`` and ``HtmlPage.clean``.
    """
    page = load().label_html(html, encoding)
    return page.clean(keep=keep, threshold=threshold, format=format)


def __getattr__(name: str) -> Any:
    if name == "HtmlPage":  # load the HTML parser only when it is used
        from clutter.html.page import HtmlPage

        return HtmlPage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
