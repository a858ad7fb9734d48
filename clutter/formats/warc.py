"""WARC and WET archives, the formats of web archives and Common Crawl: reading only.

A record gets the page, its id, address and date, and the status and media type of the response. In
an output folder, their clean records become JSON lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from clutter.cleaning import Content
from clutter.formats import base
from clutter.formats.base import Chunk, ItemFormat, Passed, Record, gathered
from clutter.options import CleanOptions
from clutter.text import is_text_encoding, site_of

if TYPE_CHECKING:
    from clutter.formats import http
    from clutter.formats.archive import Damage

_PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain")
_PAGE_RECORDS = ("response", "resource", "conversion")


class _Page(NamedTuple):
    """A record of an archive that holds a page: its fields, its block, the response in it (None if
    the block is the page itself), and its media type."""

    fields: dict[str, Any]
    block: bytes
    response: http.Response | None
    kind: str


class Warc(ItemFormat):
    """Archives of responses. The items of a chunk are pages, and damage."""

    endings = tuple(
        kind + pack for kind in (".warc", ".wet", ".warc.wet") for pack in ("", ".gz", ".zst")
    )

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        with open(path, "rb") as file:
            yield from gathered(_items(file), start, file.tell)

    def _record(self, item: _Page | Damage, options: CleanOptions) -> Record:
        if not isinstance(item, _Page):
            return Record(_identity(item.headers) if item.headers else {}, error=item.reason)
        fields, block, response, kind = item
        if len(block) > base.MAX_PAGE_BYTES:
            return Record(fields, error=f"longer than {base.MAX_PAGE_BYTES:,} bytes")
        encoding = None
        is_html = kind != "text/plain"
        if response is not None:
            from clutter.formats import http

            try:
                block = http.body(block, response)
            except ValueError as error:
                return Record(fields, error=str(error))
            encoding = response.charset
            # servers also send names that do not exist
            if encoding is not None and not _is_known(encoding, is_html):
                encoding = None
        url = fields["url"]
        return Record(fields, Content(block, is_html, encoding, site_of(url), url))

    def output_name(self, place: str, suffix: str) -> str:
        """The path of the output: the ending becomes .jsonl.gz."""
        ending = max((end for end in self.endings if place.lower().endswith(end)), key=len)
        return place[: -len(ending)] + ".jsonl.gz"


def _is_known(encoding: str, is_html: bool) -> bool:
    if not is_html:
        return is_text_encoding(encoding)
    from clutter.html.decode import is_encoding

    return is_encoding(encoding)


def _items(file: BinaryIO) -> Iterator[tuple[_Page | Damage | Passed, int]]:
    """The items of an archive with their sizes: pages, damage, and why others are passed over."""
    from clutter.formats.archive import Damage, archive_records  # not needed for other files

    for record in archive_records(file):
        if isinstance(record, Damage):
            yield record, 0
        else:
            yield _item(record.headers, record.block), len(record.block)


def _item(headers: dict[str, str], block: bytes) -> _Page | Passed:
    from clutter.formats import http

    if headers.get("warc-type", "").lower() not in _PAGE_RECORDS:
        return Passed("no page")
    status, response = None, None
    kind = http.media_type(headers.get("content-type", ""))
    if kind == "application/http":
        response = http.parsed(block)
        if response is None:
            return Passed("no page")
        status, kind = response.status, response.media_type
        if not 200 <= status < 300:
            return Passed("redirect" if 300 <= status < 400 else "status")
    page_kind = kind or ("text/html" if response is not None else "")
    if page_kind not in _PAGE_TYPES:
        return Passed("content type")
    fields = _identity(headers) | {
        "date": headers.get("warc-date", ""),
        "status": status,
        "content_type": kind,
    }
    return _Page(fields, block, response, page_kind)


def _identity(headers: dict[str, str]) -> dict[str, Any]:
    return {
        "id": headers.get("warc-record-id", "").strip("<>"),
        "url": headers.get("warc-target-uri", "").strip("<>"),
    }
