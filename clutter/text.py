"""Small conversions between bytes, text and the text of messages.

Text from scrapers and names of files are often malformed: bytes in another encoding than
declared, lone surrogates, file names that are not valid text. The few rules for such cases are
in this module.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from clutter.errors import DecodingError, EncodingError

LINE_BREAK = re.compile(r"\r\n|\n|\r")
"""The line breaks, in the whole library: no other character ends a line."""

_MARK = "\ufeff"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GUESSED = 100_000
"""So many bytes are enough to guess an encoding."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # of a name: those are \udc80 to \udcff
_UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)


def utf8(text: str) -> bytes:
    """UTF-8 for any str. Lone surrogates, which UTF-8 cannot encode, become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def decoded(data: str | bytes, encoding: str) -> str:
    """The text of a page of plain text. Line breaks do not change. A byte order mark at the start
    is not part of the text; bytes that begin with the mark of UTF-16 are read as UTF-16 if
    ``encoding`` is UTF-8.

    Raises DecodingError for bytes that are not valid in this encoding, EncodingError for an
    unknown encoding.
    """
    if isinstance(data, str):
        return data.removeprefix(_MARK)
    data = bytes(data)
    try:
        if data.startswith(_UTF16_MARKS) and codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-16"
        return data.decode(encoding).removeprefix(_MARK)
    except UnicodeDecodeError as error:
        byte = data[error.start : error.start + 1].hex()
        raise DecodingError(
            f"not {encoding.upper()}: byte 0x{byte} at position {error.start}; "
            f"name the right encoding, for example {likely_encoding(data)}"
        ) from None
    except UnicodeError as error:
        raise DecodingError(f"not {encoding.upper()}: {error}") from None
    except LookupError as error:
        raise EncodingError(str(error)) from None
    except ValueError:  # a NUL in the name
        raise EncodingError(f"unknown encoding: {encoding!a}") from None


def is_text_encoding(name: str) -> bool:
    """Whether Python knows an encoding of text with this name."""
    try:
        "a".encode(name)  # not true of codecs such as hex, which are not of text
    except (LookupError, ValueError):
        return False
    return True


def likely_encoding(data: bytes) -> str:
    """The encoding that bytes of plain text most likely have, for a message: by the detector of
    turbohtml if that is installed, else by how many bytes are not ASCII."""
    is_whole = len(data) <= _GUESSED  # else the last character may be cut
    data = data[:_GUESSED]
    for name in _guesses(data):
        try:
            codecs.getincrementaldecoder(name)().decode(data, is_whole)
        except (LookupError, UnicodeError):
            continue
        return name
    return "cp1252"


def _guesses(data: bytes) -> Iterator[str]:
    zeros = data.count(0)
    if data.startswith(_UTF16_MARKS):
        yield "utf-16"
    elif zeros * 3 > len(data):  # every second byte of most UTF-16
        yield "utf-16-be" if data[::2].count(0) * 2 > zeros else "utf-16-le"
    yield "utf-8"
    try:
        from turbohtml import detect
    except ImportError:
        letters = sum(byte >= 0xC0 for byte in data)
        if letters * 2 > len(data):  # words of an alphabet that is not Latin
            yield "cp1251"
    else:
        name = detect.detect(data).encoding or ""
        # the names that Python and people use
        yield re.sub("^windows-(?=125)", "cp", name.lower())


_HTML_BYTES = 65_536
"""So many bytes are looked at: some pages begin with a long comment."""
_BEFORE_HTML = re.compile(rb"(?:\s+|<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>)*+", re.S)
_HTML = re.compile(
    rb"<(?:!doctype\s+html|(?:html|head|body|title|meta|link|base|script|style|noscript|template|main"
    rb"|header|footer|nav|article|section|aside|div|span|p|h[1-6]|table|ul|ol|dl|a|img|center|font"
    rb"|form|iframe|frameset|br|hr|b|i|strong|em|svg)(?=[\s/>]))",
    re.I,
)


def looks_like_html(page: str | bytes) -> bool:
    """Whether a page begins as HTML does: with a doctype or a usual element, after comments and
    blanks."""
    start = page[:_HTML_BYTES]
    if isinstance(start, str):
        start = start.encode("utf-8", "replace")
    elif start.startswith(_UTF16_MARKS):
        start = start.decode("utf-16", "replace").encode("utf-8", "replace")
    start = start.removeprefix(codecs.BOM_UTF8)
    begin = _BEFORE_HTML.match(start)
    return _HTML.match(start, begin.end() if begin else 0) is not None


def printable(path: str) -> str:
    """A path, or a message with one in it, as one line that is safe on a screen.

    A file name may hold anything. Bytes that are not UTF-8 become U+FFFD, and so do characters that
    end the line, control a terminal, or turn the direction of the text round.
    """
    data = os.fsencode(_NO_BYTE.sub("\ufffd", path))
    return _UNSAFE.sub("\ufffd", data.decode("utf-8", "replace"))


def plural(number: int, noun: str) -> str:
    """A number and a noun for messages: "1 page", "1,000 pages"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def site_of(url: object) -> str:
    """The host in a URL, without "www."; "" if there is none."""
    if not isinstance(url, str):
        return ""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


def web_address(url: object, base: object = None) -> str | None:
    """A URL that is complete, with http or https; None if it is not one. A relative URL is taken
    as one of a page at the URL ``base``."""
    if not isinstance(url, str) or not url.strip():
        return None
    try:
        url = urljoin(base, url.strip()) if isinstance(base, str) else url.strip()
        parts = urlsplit(url)
    except ValueError:
        return None
    return utf8(url).decode() if parts.scheme in ("http", "https") and parts.hostname else None
