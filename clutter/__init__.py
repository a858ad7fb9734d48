"""Label every line of a scraped page and get the clean article back.

>>> import clutter
>>> clutter.clean(text)                   # the article of a page of plain text
>>> page = clutter.load().label(text)     # every line with its label and confidence
"""

from __future__ import annotations

from collections.abc import Collection

from clutter.model import Model, ModelError, load
from clutter.page import KEPT, LABELS, Line, Page

__all__ = ["KEPT", "LABELS", "Line", "Model", "ModelError", "Page", "clean", "load"]


def clean(text: str, keep: Collection[str] = KEPT, threshold: float = 0.5) -> str:
    """The article of a page of plain text, by the shipped model.

    The same as ``clutter.load().label(text).clean(keep, threshold)``.
    """
    return load().label(text).clean(keep, threshold)


def __getattr__(name: str) -> str:
    # read when asked for: finding it takes a good part of a cold start
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("clutter")
        except metadata.PackageNotFoundError:  # a checkout that was not installed
            return "0.1.0"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
