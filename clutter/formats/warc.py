"""WARC and WET archives, the formats of web archives and Common Crawl: reading only.

A record gets the page and its id, address and date. fastwarc reads the archives. In an output
folder, their clean records become JSON lines.
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
"""A record of an archive: its fields, its content, whether that is HTTP, and its media type."""


class Warc(ItemFormat):
    """Archives of responses. The items of a chunk are responses."""

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

                if not is_encoding(encoding):  # servers also send names that do not exist
                    encoding = None
        return Record(fields, Content(block, is_html, encoding, site_of(fields["url"])))

    def output_name(self, place: str, suffix: str) -> str:
        """The path of the output: the ending becomes .jsonl.gz."""
        ending = max((end for end in self.endings if place.lower().endswith(end)), key=len)
        return place[: -len(ending)] + ".jsonl.gz"


def _responses(file: BinaryIO) -> Iterator[tuple[_Response | None, int]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
    # HTTP headers are parsed later: here a mistake in them would end the reading of the file
    for record in ArchiveIterator(file, record_types=kinds, parse_http=False):
        block = record.reader.read(base.MAX_PAGE_BYTES + 1)
        headers = {key.lower(): value for key, value in record.headers.items()}
        kind = _page_type(block) if record.is_http else headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() not in _PAGE_TYPES:
            yield None, len(block)
            continue
        if len(block) < min(record.content_length, base.MAX_PAGE_BYTES):
            raise EOFError("the file ends within a record")
        fields = {
            "id": headers.get("warc-record-id", "").strip("<>"),
            "url": headers.get("warc-target-uri", "").strip("<>"),
            "date": headers.get("warc-date", ""),
        }
        yield (fields, block, bool(record.is_http), kind), len(block)


def _page_type(block: bytes) -> str:
    """The media type of an HTTP response: "" if its status is not 2xx, "text/html" if it does not
    name one."""
    end = _HEADERS_END.search(block, 0, 100_000)
    headers = block[: end.start()] if end else b""
    status = _STATUS.match(headers)
    if status is None or not status[1].startswith(b"2"):
        return ""
    kind = _TYPE.search(headers)
    return kind[1].decode("ascii", "replace") if kind else "text/html"


def _http_body(block: bytes) -> tuple[bytes, str | None]:
    """The unpacked body of an HTTP response and its declared character set. Raises ReadError."""
    from fastwarc.warc import WarcRecord, WarcRecordType

    # in many archives the body is already unpacked, but the headers say that it is packed
    for decode in ("all", "content", "none"):
        record = WarcRecord()
        record.init_headers(record_type=WarcRecordType.response)
        record.set_bytes_content(block)
        record.is_http = True
        with contextlib.suppress(OSError, ValueError):
            record.parse_http(auto_decode=decode)
            return record.reader.read(), record.http_charset
    raise ReadError("not HTTP")
