"""Files that hold one page each: plain text or HTML, plain or packed with gzip.

Whether a page is HTML is what the user says; else its name decides, and if that does not say, its
first bytes.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from clutter.cleaning import Content
from clutter.errors import ReadError
from clutter.formats import base
from clutter.formats.base import Chunk, ItemFormat, Record, Row, unpacked
from clutter.options import CleanOptions
from clutter.text import looks_like_html

HTML_ENDINGS = (".html", ".htm", ".xhtml")
"""File name endings of HTML, without .gz."""


class PageFile(NamedTuple):
    """A file of one page: its path, its name in messages and records, its site, and its kind, if
    the user says it. ``data`` is the page itself if it does not come from a file."""

    path: str
    name: str
    site: str = ""
    kind: str | None = None
    data: bytes | None = None


class PageFiles(ItemFormat):
    """Files of one page. A chunk holds several; its items are ``PageFile``."""

    endings = (".txt", *HTML_ENDINGS, ".txt.gz", *(end + ".gz" for end in HTML_ENDINGS))

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        raise TypeError("files of one page are read by the process that cleans them")

    def _record(self, item: PageFile, options: CleanOptions) -> Record:
        fields = {"id": item.name}
        try:
            if item.data is None:
                data, is_html = read_page(item.path, item.kind)
            else:
                data, is_html = item.data, is_html_page(item.path, item.data, item.kind)
        except (ReadError, OSError) as error:
            return Record(fields, error=getattr(error, "strerror", None) or str(error))
        return Record(fields, Content(data, is_html, site=item.site))

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        """The entry of a page in the errors file; it has no record number."""
        return {"file": chunk.raw[i][1].name, "error": reason}

    def output_name(self, place: str, suffix: str) -> str:
        # an unknown ending is kept: as the whole ending of clean text, else before the new ending
        known = [end for end in self.endings if place.lower().endswith(end)]
        ending = max(known, key=len, default="")
        if not ending and suffix == ".txt":
            return place
        return place[: len(place) - len(ending)] + suffix


def read_page(path: str, kind: str | None = None) -> tuple[bytes, bool]:
    """The unpacked bytes of a page, and whether they are HTML: as ``is_html_page``.

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
    return data, is_html_page(path, data, kind)


def is_html_page(path: str, data: bytes, kind: str | None = None) -> bool:
    """Whether a page is HTML: by its ``kind`` ("html" or "text"), else by its name, else by how
    it begins."""
    if kind is not None:
        return kind == "html"
    name = path.lower().removesuffix(".gz")
    return name.endswith(HTML_ENDINGS) or (not name.endswith(".txt") and looks_like_html(data))
