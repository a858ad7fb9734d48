"""Bytes of HTML -> text, in the right encoding.

Pages declare encodings that they are not in, headers guess, and some say nothing. So bytes
are asked first whether they are UTF-8 (other text hardly passes for it, and much of it is
declared as something else), then what the header says is tried, then what the page declares
or looks like. What is no text at all, such as a PDF, is refused.
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
"""How files begin that are not HTML, and what they are."""

_WRONG = 10
"""An encoding is wrong if more than one byte in ten beyond ASCII cannot be read by it."""


def decoded_html(html: str | bytes, encoding: str | None = None) -> str:
    """The text of a page, tags and all. ``encoding`` is what the HTTP header says of bytes.

    Raises HtmlError for what is no text at all; EncodingError for an unknown encoding.
    """
    if isinstance(html, str):
        return html.removeprefix("\ufeff")
    data = bytes(html)
    if encoding is not None and not is_encoding(encoding):
        raise EncodingError(f"unknown encoding: {encoding}")
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
    if b"\x1b$" not in data:  # which begins Japanese in seven bits
        text = data.decode("utf-8-sig", "replace")
        # a few wrong bytes in a page of UTF-8, or one cut short, change nothing
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
    # without its tags, and so without what they declare
    yield detect.detect(re.sub(rb"<[^<>]*>", b" ", data)).encoding or "windows-1252"


def is_encoding(name: str) -> bool:
    """Whether browsers know an encoding of this name."""
    try:
        codecs.lookup(_codec(name))
    except (LookupError, ValueError):
        return False
    return True


def _codec(encoding: str) -> str:
    """Python's name of an encoding as browsers know it."""
    return f"whatwg-{encoding.strip()}"
