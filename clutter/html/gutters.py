"""Line numbers beside code are not text: this module removes them.

Programs that highlight code write its line numbers in a column of a table, in an element beside
the code, or before each of its lines. Somebody who copies the code does not want them.
"""

from __future__ import annotations

import re
from itertools import pairwise

from turbohtml import Document

_CODE = "code, pre, .highlight, .highlighttable, .syntaxhighlighter"
"""Code, and elements for highlighted code. Elsewhere ``line-number`` may be that of a bus."""
_NAMED = (
    f":is({_CODE}) :is(.gutter, .hljs-ln-n, .hljs-ln-numbers, .line-number, "
    ".line-numbers, .line-numbers-rows, .lineno, .linenodiv, .linenos, .linenumber, .ln, .lnr, "
    ".lnt, .lntd:first-child, [data-line-number]):not(code, pre, .hljs-ln-code)"
)
_COLUMN = "td:first-child:has(> pre):not(:last-child)"
_NUMBERS = re.compile(r"\s*\d+(?:\s+\d+)*\s*")


def remove_gutters(document: Document) -> None:
    """Remove line numbers from the code of a page: elements that hold nothing but numbers and are
    named like line numbers, or first cells of rows with verbatim numbers that follow each other."""
    if document.find("pre") is None and document.find("code") is None:  # saves most of the time
        return
    for element in document.select(f"{_NAMED}, {_COLUMN}"):
        if _NUMBERS.fullmatch(element.text) and (
            element.matches(_NAMED) or _is_series(element.text)
        ):
            element.clear()


def _is_series(text: str) -> bool:
    numbers = text.split()
    return len(numbers) > 1 and all(int(b) == int(a) + 1 for a, b in pairwise(numbers))
