"""Files that hold one page each: plain text or HTML, plain or packed with gzip.

The name of a file decides whether it is HTML. If the name does not say, its first bytes decide.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

from clutter.cleaning import Content
from clutter.errors import ReadError
from clutter.formats import base
from clutter.formats.base import Chunk, ItemFormat, Record, Row, unpacked
from clutter.options import CleanOptions
from clutter.text import looks_like_html

HTML_ENDINGS = (".html", ".htm", ".xhtml")
"""File name endings of HTML, without .gz."""


class PageFiles(ItemFormat):
    """Files of one page. A chunk holds several files; its items are (path, name in messages,
    site)."""

    endings = (".txt", *HTML_ENDINGS, ".txt.gz", *(end + ".gz" for end in HTML_ENDINGS))

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        raise TypeError("files of one page are read by the process that cleans them")

    def _record(self, item: tuple[str, str, str], options: CleanOptions) -> Record:
        path, name, site = item
        try:
            return Record({"id": name}, Content(*read_page(path), site=site))
        except (ReadError, OSError) as error:
            return Record({"id": name}, error=getattr(error, "strerror", None) or str(error))

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        """The entry of a page in the errors file; it has no record number."""
        return {"file": chunk.raw[i][1][1], "error": reason}

    def output_name(self, place: str, suffix: str) -> str:
        # an unknown ending is kept: as the whole ending of clean text, else before the new ending
        known = [end for end in self.endings if place.lower().endswith(end)]
        ending = max(known, key=len, default="")
        if not ending and suffix == ".txt":
            return place
        return place[: len(place) - len(ending)] + suffix


def read_page(path: str) -> tuple[bytes, bool]:
    """The unpacked bytes of a page, and whether they are HTML.

    Raises ReadError if the file cannot be unpacked or is longer than ``base.MAX_PAGE_BYTES``;
    OSError.
    """
    with open(path, "rb") as file, unpacked(file, path) as stream:
        try:
            data = stream.read(base.MAX_PAGE_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ReadError(f"cannot be unpacked ({error})") from None
    if len(data) > base.MAX_PAGE_BYTES:
        raise ReadError(f"longer than {base.MAX_PAGE_BYTES:,} bytes")
    name = path.lower().removesuffix(".gz")
    is_html = name.endswith(HTML_ENDINGS)
    return data, is_html or (not name.endswith(".txt") and looks_like_html(data))
