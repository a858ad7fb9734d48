"""Small conversions between bytes, text and the text of messages.

Text from scrapers and names of files are often malformed: bytes in another encoding than
declared, lone surrogates, file names that are not valid text. The few rules for such cases are
in this module.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from clutter.errors import DecodingError, EncodingError

LINE_BREAK = re.compile(r"\r\n|\n|\r")
"""The line breaks, in the whole library: no other character ends a line."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # of a name: those are \udc80 to \udcff
_UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)


def utf8(text: str) -> bytes:
    """UTF-8 for any str. Lone surrogates, which UTF-8 cannot encode, become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def decoded(data: str | bytes, encoding: str) -> str:
    """The text of a page of plain text. Line breaks do not change.

    Raises DecodingError for bytes that are not valid in this encoding, EncodingError for an
    unknown encoding.
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
