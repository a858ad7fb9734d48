"""Bytes of HTML -> text, in the right encoding.

Pages declare wrong encodings, HTTP headers may be guesses, and some pages declare nothing. So
UTF-8 is tried first: text in other encodings is almost never valid UTF-8, and many UTF-8 pages
declare something else. Then the encoding from the header is tried, then the one that the page
declares, then the one detected from its bytes. An encoding that fails on many characters is
ignored. Data that is not text, such as a PDF, raises an error.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import numpy as np
import turbohtml
from turbohtml import detect

from clutter.errors import EncodingError, HtmlError

_MAGIC = {
    b"%PDF-": "a PDF", b"\x1f\x8b": "gzip: decompress it first", b"PK\x03\x04": "a ZIP archive",
    b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"GIF8": "an image",
}  # fmt: skip
"""The first bytes of common files that are not HTML, and the names of their formats."""

_WRONG = 10
"""An encoding is wrong if it cannot decode more than one in ten of the non-ASCII bytes."""


def decoded_html(html: str | bytes, encoding: str | None = None) -> str:
    """The text of a page, including its tags. For bytes, ``encoding`` is the encoding from the
    HTTP header.

    Raises HtmlError for data that is not text; EncodingError for an unknown encoding.
    """
    if isinstance(html, str):
        return html.removeprefix("\ufeff")
    if encoding is not None and not is_encoding(encoding):
        raise EncodingError(f"unknown encoding: {encoding}")
    # some pages have a mark from a template and a body in another encoding
    return _decoded(bytes(html).removeprefix(codecs.BOM_UTF8), encoding).removeprefix("\ufeff")


def _decoded(data: bytes, encoding: str | None) -> str:
    """The text of bytes; there may be a byte order mark at its start."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and data[2:4] != b"\0\0":
        return data.decode("utf-16", "replace")
    head = data[:1024].lstrip()
    for start, name in _MAGIC.items():
        if head.startswith(start):
            raise HtmlError(f"not HTML, but {name}")
    if b"\0" in head:
        if encoding is None or "16" not in encoding:
            raise HtmlError("not HTML, but binary data")
        return data.decode(_codec(encoding))
    high = np.count_nonzero(np.frombuffer(data, np.uint8) & 128)
    if b"\x1b$" not in data:  # the start of Japanese text in ISO-2022-JP
        text = data.decode("utf-8", "replace")
        # a page with a few wrong bytes, or a truncated page, is still UTF-8
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
    # without the tags, and so without the declared encoding
    yield detect.detect(re.sub(rb"<[^<>]*>", b" ", data)).encoding or "windows-1252"


def is_encoding(name: str) -> bool:
    """Whether browsers know an encoding with this name."""
    try:
        codecs.lookup(_codec(name))
    except (LookupError, ValueError):
        return False
    return True


def _codec(encoding: str) -> str:
    """The name in Python of the browsers' version of an encoding (turbohtml registers these)."""
    return f"whatwg-{encoding.strip()}"
