"""Small conversions between bytes, text and what a message shows.

Text comes from scrapers and goes to files and terminals, and neither is well-behaved: bytes
in other encodings than they say, halves of surrogate pairs, file names that are no text. The
few rules for that are here, once.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from clutter.errors import DecodingError, EncodingError

LINE_BREAK = re.compile(r"\r\n|\n|\r")
"""What ends a line, here as everywhere: no other character does."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def utf8(text: str) -> bytes:
    """UTF-8 for any str: lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def decoded(data: str | bytes, encoding: str) -> str:
    """The text of a page of plain text, with its line breaks as they are.

    Raises DecodingError for bytes that are not in this encoding, EncodingError for an
    encoding that does not exist.
    """
    if isinstance(data, str):
        return data
    try:
        return bytes(data).decode(encoding)
    except UnicodeDecodeError as error:
        byte = bytes(data[error.start : error.start + 1]).hex()
        raise DecodingError(
            f"not {encoding.upper()}: byte 0x{byte} at position {error.start}; "
            "name the right encoding, for example cp1252"
        ) from None
    except UnicodeError as error:
        raise DecodingError(f"not {encoding.upper()}: {error}") from None
    except LookupError as error:
        raise EncodingError(str(error)) from None


def printable(path: str) -> str:
    """A path to show: bytes in it that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def plural(number: int, noun: str) -> str:
    """A number of things, to show."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def site_of(url: object) -> str:
    """The host in an address, without "www."; "" where there is none."""
    if not isinstance(url, str):
        return ""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")
