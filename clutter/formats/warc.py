"""WARC and WET archives: what web archives and Common Crawl store pages in.

A record with a page gives its id, address and date besides. Archives are read by fastwarc.
They are only read: their clean records go to JSON lines.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import BinaryIO

from clutter.cleaning import Content
from clutter.errors import ReadError, import_library
from clutter.formats import base
from clutter.formats.base import Chunk, ItemFormat, Record, gathered
from clutter.options import CleanOptions
from clutter.text import site_of

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\S+\s+(\d+)")
_TYPE = re.compile(rb"^content-type:\s*([\w.+/-]+)", re.I | re.M)
_PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain")

_Response = tuple[dict[str, str], bytes, bool, str]
"""A record of an archive: its fields, its block, whether that is HTTP, and its type."""


class Warc(ItemFormat):
    """Archives of responses. A chunk holds numbered responses."""

    endings = tuple(
        kind + pack for kind in (".warc", ".wet", ".warc.wet") for pack in ("", ".gz", ".zst")
    )

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        import_library("fastwarc", "reading WARC")
        with open(path, "rb") as file:
            yield from gathered(_responses(file), start, file.tell)

    def _record(self, item: _Response, options: CleanOptions) -> Record:
        fields, block, is_http, kind = item
        if len(block) > base.MAX_PAGE_BYTES:
            return Record(fields, error=f"longer than {base.MAX_PAGE_BYTES:,} bytes")
        encoding = None
        is_html = not kind.startswith("text/plain")
        if is_http:
            block, encoding = _http_body(block)
            if is_html and encoding is not None:
                from clutter.html.decode import is_encoding

                if not is_encoding(encoding):  # servers say all sorts of things
                    encoding = None
        return Record(fields, Content(block, is_html, encoding, site_of(fields["url"])))

    def output_name(self, place: str, suffix: str) -> str:
        ending = max((end for end in self.endings if place.lower().endswith(end)), key=len)
        return place[: -len(ending)] + ".jsonl.gz"


def _responses(file: BinaryIO) -> Iterator[tuple[_Response | None, int]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
    # what HTTP says is read later: a mistake in it would end the reading of the file
    for record in ArchiveIterator(file, record_types=kinds, parse_http=False):
        block = record.reader.read(base.MAX_PAGE_BYTES + 1)
        headers = {key.lower(): value for key, value in record.headers.items()}
        kind = _page_type(block) if record.is_http else headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() not in _PAGE_TYPES:
            yield None, len(block)
            continue
        if len(block) < min(record.content_length, base.MAX_PAGE_BYTES):
            raise EOFError("the file breaks off within a record")
        fields = {
            "id": headers.get("warc-record-id", "").strip("<>"),
            "url": headers.get("warc-target-uri", "").strip("<>"),
            "date": headers.get("warc-date", ""),
        }
        yield (fields, block, bool(record.is_http), kind), len(block)


def _page_type(block: bytes) -> str:
    """What an HTTP response says it holds, "" where it is an answer without a page; HTML
    where it does not say."""
    end = _HEADERS_END.search(block, 0, 100_000)
    headers = block[: end.start()] if end else b""
    status = _STATUS.match(headers)
    if status is None or not status[1].startswith(b"2"):
        return ""
    kind = _TYPE.search(headers)
    return kind[1].decode("ascii", "replace") if kind else "text/html"


def _http_body(block: bytes) -> tuple[bytes, str | None]:
    """The body of an HTTP response, unpacked, and its declared character set."""
    from fastwarc.warc import WarcRecord, WarcRecordType

    # many archives hold bodies that were unpacked before, below the old headers
    for decode in ("all", "content", "none"):
        record = WarcRecord()
        record.init_headers(record_type=WarcRecordType.response)
        record.set_bytes_content(block)
        record.is_http = True
        with contextlib.suppress(OSError, ValueError):
            record.parse_http(auto_decode=decode)
            return record.reader.read(), record.http_charset
    raise ReadError("not HTTP")
