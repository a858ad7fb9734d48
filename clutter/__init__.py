"""Label every line of a scraped page and get the clean article back.

>>> import clutter
>>> clutter.clean(text)                   # the article of a page of plain text
>>> clutter.clean_html(html)              # the article of a page of HTML
>>> page = clutter.load().label(text)     # every line with its label and confidence
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clutter.errors import ClutterError, ModelError
    from clutter.html.page import HtmlPage
    from clutter.model import Model, load
    from clutter.page import KEPT, KINDS, LABELS, Line, Page
    from clutter.shortcuts import clean, clean_html

__version__ = "0.2.0"

__all__ = [
    "KEPT",
    "KINDS",
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

_MODULES = {
    "KEPT": "page",
    "KINDS": "page",
    "LABELS": "page",
    "ClutterError": "errors",
    "HtmlPage": "html.page",
    "Line": "page",
    "Model": "model",
    "ModelError": "errors",
    "Page": "page",
    "clean": "shortcuts",
    "clean_html": "shortcuts",
    "load": "model",
}


def __getattr__(name: str) -> Any:
    # a module is loaded when a name of it is used: so the command begins at once and can catch ^C
    # while the others load, and only HTML needs its parser
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"clutter.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
