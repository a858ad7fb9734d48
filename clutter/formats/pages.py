"""Files that hold one page each: plain text or HTML, packed or not.

The name says whether a file is HTML, or else its beginning does.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import Any

from clutter.cleaning import Content
from clutter.errors import ReadError
from clutter.formats import base
from clutter.formats.base import Chunk, ItemFormat, Record, Row, unpacked
from clutter.options import CleanOptions

HTML_ENDINGS = (".html", ".htm", ".xhtml")
"""How the names of HTML files end, before .gz."""

_START_OF_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.{0,500}?-->\s*|<\?xml.{0,200}?\?>\s*)?"
                            rb"<(!doctype\s+html|html|head|body)\b", re.I | re.S)  # fmt: skip
"""What tells HTML where no name does."""


class PageFiles(ItemFormat):
    """Files of one page. A chunk holds several files: numbered triples of the path, the path as
    it was named, and the site."""

    endings = (".txt", *HTML_ENDINGS, ".txt.gz", *(end + ".gz" for end in HTML_ENDINGS))

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        raise TypeError("files of one page are read where they are cleaned")

    def _record(self, item: tuple[str, str, str], options: CleanOptions) -> Record:
        path, name, site = item
        try:
            return Record({"id": name}, Content(*read_page(path), site=site))
        except (ReadError, OSError) as error:
            return Record({"id": name}, error=getattr(error, "strerror", None) or str(error))

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        return {"file": chunk.raw[i][1][1], "error": reason}

    def output_name(self, place: str, suffix: str) -> str:
        # an unknown ending is kept: before another one, or where clean text is written at all
        known = [end for end in self.endings if place.lower().endswith(end)]
        ending = max(known, key=len, default="")
        if not ending and suffix == ".txt":
            return place
        return place[: len(place) - len(ending)] + suffix


def read_page(path: str) -> tuple[bytes, bool]:
    """A page's bytes, unpacked, and whether they are HTML. Raises ReadError, OSError."""
    with open(path, "rb") as file, unpacked(file, path) as stream:
        try:
            data = stream.read(base.MAX_PAGE_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ReadError(f"cannot be unpacked ({error})") from None
    if len(data) > base.MAX_PAGE_BYTES:
        raise ReadError(f"longer than {base.MAX_PAGE_BYTES:,} bytes")
    name = path.lower().removesuffix(".gz")
    is_html = name.endswith(HTML_ENDINGS)
    return data, is_html or (not name.endswith(".txt") and is_like_html(data))


def is_like_html(data: bytes) -> bool:
    """Whether a page begins as HTML does."""
    return _START_OF_HTML.match(data[:1024]) is not None
