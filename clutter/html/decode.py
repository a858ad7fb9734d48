"""Bytes of HTML -> text, in the right encoding.

Pages declare wrong encodings, HTTP headers may be guesses, and some pages declare nothing. So
UTF-8 is tried first: text in other encodings is almost never valid UTF-8, and many UTF-8 pages
declare something else. Then the encoding from the header is tried, then the one that the page
declares. An encoding that fails on many characters is ignored. So is windows-1252, with Latin-1
and ASCII, which browsers read as the same: it fails on nothing, and is declared for pages in any
language. Then the encoding is detected from the text. If that shows no letters of a language that
windows-1252 lacks, it is windows-1252.

Pages of UTF-8 that was once read as windows-1252 and encoded again ("cafÃ©") are mended, if all
of the page is like that. Data that is not text, such as a PDF, raises an error.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import turbohtml
from turbohtml import detect

from clutter.errors import EncodingError, HtmlError

_MAGIC = {
    b"%PDF-": "a PDF", b"\x1f\x8b": "gzip: decompress it first", b"PK\x03\x04": "a ZIP archive",
    b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"GIF8": "an image",
}  # fmt: skip
"""The first bytes of common files that are not HTML, and the names of their formats."""

_JAPANESE = b"\x1b$"
"""The start of Japanese letters in ISO-2022-JP, which writes them in ASCII, "<" and ">" too."""
_WRONG = 10
"""An encoding is wrong if it cannot decode more than one in ten of the non-ASCII bytes."""


def decoded_html(html: str | bytes, encoding: str | None = None) -> str:
    """The text of a page, including its tags. For bytes, ``encoding`` is the encoding from the
    HTTP header. Text that was encoded twice is mended.

    Raises HtmlError for data that is not text; EncodingError for an unknown encoding.
    """
    if isinstance(html, str):
        text = html
    elif encoding is not None and not is_encoding(encoding):
        raise EncodingError(f"unknown encoding: {encoding}")
    else:
        # some pages have a mark from a template and a body in another encoding
        text = _decoded(bytes(html).removeprefix(codecs.BOM_UTF8), encoding)
    return _decoded_once(text.removeprefix("\ufeff")).removeprefix("\ufeff")


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
    if not _is_japanese(data):
        text = data.decode("utf-8", "replace")
        wrong = text.count("\ufffd")
        if wrong:
            wrong -= data.count(b"\xef\xbf\xbd")
        # a page with a few wrong bytes, or a truncated page, is still UTF-8
        if wrong * _WRONG <= high:
            return text
    for name in _guesses(data, encoding):
        text = data.decode(_codec(name))
        if text.count("\ufffd") * _WRONG <= high:
            break
    return text


def _is_japanese(data: bytes) -> bool:
    return _JAPANESE[:1] in data and _JAPANESE in data  # one byte is found in less time


def _guesses(data: bytes, encoding: str | None) -> Iterator[str]:
    if _is_japanese(data):
        yield "iso-2022-jp"
    if encoding is not None and not _is_weak(encoding):
        yield encoding
    declared = turbohtml.parse(data).encoding or _WESTERN
    if not _is_weak(declared):
        yield declared
    yield _detected(data)


def _is_weak(encoding: str) -> bool:
    """Whether an encoding is windows-1252, by any name."""
    return _decoded_bytes(encoding) == _decoded_bytes(_WESTERN)


# detection

_WESTERN = "windows-1252"
_NO_TEXT = re.compile(
    rb"<(?:!--.*?(?:-->|\Z)|(?:script|style)\b[^<]*+(?:<(?!/(?:script|style))[^<]*+)*+|[^<>]*+>)",
    re.S | re.I,
)
_NO_LETTERS = re.compile(r"[\W\d_]+")
_OTHER_WORD = re.compile(r"[^\W\d_\0-\x7f]{2,}")
_OTHER_LETTERS = re.compile(rb"(?<=[abc])b|b(?=[abc])|c{3,}")
_OF_LANGUAGE = {
    "hun": "windows-1250", "est": "windows-1257", "lav": "windows-1257", "lit": "windows-1257",
    "nld": "windows-1252", "por": "windows-1252",
}  # fmt: skip
"""The encodings of languages that have few letters of their own, which the detector overlooks, or
takes for others in a short text. Its knowledge of languages needs none of these letters."""
_SURE = 0.9
_FEW = 250
"""Fewer letters than one in 250 are no evidence. Hungarian has one in 100 and more that are not in
windows-1252; wrong guesses find fewer than one in 300 in English, even in short texts."""


def _detected(data: bytes) -> str:
    """The encoding that the text of a page is in, whatever the page declares."""
    text = _NO_TEXT.sub(b" ", data)
    if text.isascii():  # a description or a script may not be
        text = data
    match = detect.detect(text)
    name = match.encoding or _WESTERN
    if name == "UTF-8":
        return name
    if match.language is None:  # an encoding of many languages with Latin letters
        language = detect.detect_language(text.decode(_codec(_WESTERN)))
        if language.language in _OF_LANGUAGE and language.confidence > _SURE:
            name = _OF_LANGUAGE[language.language]
    return name if name != _WESTERN and _shows_letters(text, name) else _WESTERN


def _shows_letters(text: bytes, encoding: str) -> bool:
    """Whether text has letters in an encoding, inside of words, that it lacks in windows-1252.

    The detector takes the few signs and accents of some English pages for Polish or Russian.
    """
    if len(_decoded_bytes(encoding)) < 256:  # some characters have two bytes
        known = text.decode(_codec(encoding))
        letters = len(_NO_LETTERS.sub("", known))
        found = _OTHER_WORD.findall(known)
        return sum(map(len, found)) * _FEW > letters
    kinds = text.translate(_kinds(encoding))
    other = _OTHER_LETTERS.findall(kinds)
    return sum(map(len, other)) * _FEW > len(kinds) - kinds.count(b" ")


@lru_cache
def _kinds(encoding: str) -> bytes:
    """For each byte, what it is in an encoding: "a" is a letter that is the same in windows-1252,
    "b" another Latin letter, "c" a letter of another script, a blank all else."""
    pairs = zip(_decoded_bytes(encoding), _decoded_bytes(_WESTERN), strict=True)
    # no-break spaces, many in a row, are letters in the Russian encoding of MS-DOS
    return "".join(
        " "
        if not new.isalpha() or old == "\xa0"
        else ("a" if new == old else "b" if new <= "\u024f" else "c")
        for new, old in pairs
    ).encode()


@lru_cache
def _decoded_bytes(encoding: str) -> str:
    """Each byte, decoded; fewer than 256 characters where a character may have two bytes."""
    return bytes(range(256)).decode(_codec(encoding), "replace")


# what was encoded twice

_BYTES = str.maketrans(
    {known: chr(i) for i in range(0x80, 0xA0) if (known := bytes([i]).decode("cp1252", "ignore"))}
)
"""The characters of windows-1252 that Latin-1 lacks, and what it has for the same bytes."""
_LATER = "\x80-\xbf" + "".join(map(chr, _BYTES))
_TWICE = f"(?:[\xc2-\xdf][{_LATER}]|[\xe0-\xef][{_LATER}]{{2}}|[\xf0-\xf4][{_LATER}]{{3}})"
"""A character in UTF-8, each byte of which was decoded as windows-1252 or Latin-1."""
_ALL_TWICE = re.compile(rf"(?:[\0-\x7f]++|{_TWICE})*+")
_IN_WORD = re.compile(f"(?:[A-Za-z]|{_TWICE}){_TWICE}")
_CONTROL = re.compile(f"[{''.join(_BYTES.values())}]")
"""Characters without a glyph. Only Latin-1 makes them out of UTF-8."""
_ENOUGH = 20
"""So many characters that were encoded twice, inside of words, are not there on purpose."""


def _decoded_once(text: str) -> str:
    """Text, or what it was before it was encoded twice, if that is true of all its characters that
    are not ASCII. A page that shows such text on purpose has others, or only a few of them, and no
    control characters."""
    try:
        text.encode("ascii")  # the fastest way to the first other character
        return text
    except UnicodeEncodeError as error:
        if not _ALL_TWICE.fullmatch(text, error.start):
            return text
    known = text
    if not _CONTROL.search(text):
        if len(_IN_WORD.findall(text)) < _ENOUGH:
            return text
        known = text.translate(_BYTES)
    try:
        return known.encode("latin-1").decode()
    except UnicodeError:  # both encodings in one page, or bytes that no UTF-8 has
        return text


# names of encodings


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
