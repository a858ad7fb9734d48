"""Where pages come from: files of pages, JSON lines, Parquet tables, WARC and WET files.

A crawl is stored in one of a few ways. This room reads each of them as a stream of
records, a few at a time, however large the file: the process that reads hands raw items
on (paths, lines, table batches, archive records), and :func:`records` makes pages of
them in the process that cleans, because parsing is work too. What each record holds
besides its page, its id and address among it, stays with it.

The formats are read by the field's own libraries, which the extra ``clutter[batch]``
brings: fastwarc for archives, pyarrow for tables and for Zstandard.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple

from clutter.cleaning import Cleaning, CleaningError, Content
from clutter.labelled import site_of

if TYPE_CHECKING:
    import pyarrow

HTML = (".html", ".htm", ".xhtml")
"""How the names of HTML files end, before .gz."""

PAGES = (".txt", *HTML, ".txt.gz", *(end + ".gz" for end in HTML))
"""How the names of the files end that hold a page each."""

KINDS = {
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst"),
    "parquet": (".parquet",),
    "warc": tuple(
        kind + pack for kind in (".warc", ".wet", ".warc.wet") for pack in ("", ".gz", ".zst")
    ),
}
"""How the names of the files end that hold many records, by what they are."""

ROWS = 64
"""The most records that are handed on together."""

SIZE = 2_000_000
"""Bytes from which on what was gathered is handed on."""

LARGEST = 20_000_000
"""Bytes of the largest page that is read. No article is nearly as long, and labelling takes
many times the memory of a page."""

START_OF_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.{0,500}?-->\s*|<\?xml.{0,200}?\?>\s*)?"
                           rb"<(!doctype\s+html|html|head|body)\b", re.I | re.S)  # fmt: skip
"""What tells HTML where no name does."""

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\S+\s+(\d+)")
_TYPE = re.compile(rb"^content-type:\s*([\w.+/-]+)", re.I | re.M)
_PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain")

_TOO_LONG = b"\n\n"
"""What stands for a line that is too long; no line looks like it."""

_DAMAGE = (OSError, EOFError, ValueError, zlib.error)
"""What the libraries raise for a file that is damaged or is none of its kind."""

_Response = tuple[dict[str, str], bytes, bool, str]
"""A record of an archive: its fields, its block, whether that is HTTP, and its type."""


class ReadError(ValueError):
    """A file, or a record in it, that cannot be read, and why."""


class Record(NamedTuple):
    """A page with the other fields of its record, or the reason why it cannot be read."""

    fields: dict[str, Any]
    content: Content = Content(None)
    error: str | None = None


@dataclass
class Items:
    """Some of a file's records as they were read: ``first`` is the number of the first, from
    0, ``count`` how many there are (those without a page too), ``read`` the bytes of the file
    that are behind. ``raw`` is a list of numbers and records, or an Arrow stream of one batch.
    ``error`` says why nothing more can be read."""

    raw: Any
    first: int
    count: int
    read: int
    error: str | None = None


def kind_of(name: str) -> str:
    """What a file of this name holds: "page", "jsonl", "parquet" or "warc"."""
    low = name.lower()
    return next((kind for kind, ends in KINDS.items() if low.endswith(ends)), "page")


def read_page(path: str) -> tuple[bytes, bool]:
    """A page's bytes, unpacked, and whether they are HTML: its name says that, or else its
    beginning. Raises ReadError, OSError."""
    packed = path.lower().endswith(".gz")
    with open(path, "rb") as file, _unpacked(file, path) as stream:
        try:
            data = stream.read(LARGEST + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ReadError(f"cannot be unpacked ({error})") from None
    if len(data) > LARGEST:
        raise ReadError(f"longer than {LARGEST:,} bytes")
    name = path.lower().removesuffix(".gz") if packed else path.lower()
    is_html = name.endswith(HTML)
    return data, is_html or (not name.endswith(".txt") and is_like_html(data))


def is_like_html(data: bytes) -> bool:
    """Whether a page begins as HTML does."""
    return START_OF_HTML.match(data[:1024]) is not None


def read(path: str, kind: str, start: int, how: Cleaning) -> Iterator[Items]:
    """The records of a file from number ``start`` on, some at a time; where they begin and end
    does not depend on ``start``, if that is where some began. Where the file cannot be read, or
    no further, the last items say why. Raises ImportError without the format's library."""
    number, behind = start, 0
    try:
        for items in _READ[kind](path, start, how):
            number, behind = items.first + items.count, items.read
            yield items
    except _DAMAGE as error:
        yield Items([], number, 0, behind, _reason(error))


def records(kind: str, raw: Any, how: Cleaning) -> list[Record]:
    """The pages of the numbered items that ``read`` gave ("jsonl", "warc"), or, of kind "page",
    of numbered triples: path, the path as it was named, site."""
    return [_record(kind, item, how) for _, item in raw]


def _record(kind: str, item: Any, how: Cleaning) -> Record:
    try:
        return _MAKE[kind](item, how)
    except (ValueError, OSError, RecursionError) as error:
        return Record({}, error=getattr(error, "strerror", None) or str(error))


def batch(raw: bytes) -> pyarrow.RecordBatch:
    """The record batch of what was read from a Parquet file."""
    import pyarrow as pa

    return pa.ipc.open_stream(raw).read_next_batch()


def stream(rows: pyarrow.RecordBatch) -> bytes:
    """A record batch as it is handed on."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue().to_pybytes())


def renamed(place: str, end: str) -> str:
    """Where the output of a file belongs that stands at ``place``: a page's has another ending,
    and one of an unknown kind is kept before it, and all of it where clean text is written. A
    file of records keeps its name, but archives become JSON lines."""
    low = place.lower()
    kind = kind_of(place)
    if kind != "page":
        stem = place[: -len(_end(low, KINDS[kind]))]
        return stem + ".jsonl.gz" if kind == "warc" else place
    found = _end(low, PAGES)
    return place if not found and end == ".txt" else place[: len(place) - len(found)] + end


def _end(name: str, ends: Iterable[str]) -> str:
    return max((end for end in ends if name.endswith(end)), key=len, default="")


def _gathered(
    found: Iterator[tuple[Any, int]], start: int, tell: Callable[[], int]
) -> Iterator[Items]:
    """Single records, each with its size, some together; None is a record without a page."""
    raw: list[tuple[int, Any]] = []
    size, first, number = 0, start, 0
    error = None
    try:
        for item, bytes_of_it in found:
            number += 1
            if number <= start:
                continue
            if item is not None:
                raw.append((number - 1, item))
            size += bytes_of_it
            if len(raw) == ROWS or size >= SIZE:
                yield Items(raw, first, number - first, tell())
                raw, size, first = [], 0, number
    except _DAMAGE as damage:
        error = _reason(damage)
    yield Items(raw, first, max(number - first, 0), tell(), error)


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read from here on: {reason}"


def _jsonl(path: str, start: int, how: Cleaning) -> Iterator[Items]:
    with open(path, "rb") as file, _unpacked(file, path) as stream:
        yield from _gathered(_lines(stream), start, file.tell)


def _lines(stream: IO[bytes]) -> Iterator[tuple[bytes | None, int]]:
    while line := stream.readline(LARGEST):
        if len(line) == LARGEST and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):  # the rest of it
                line = stream.readline(LARGEST)
            line = _TOO_LONG
        yield (line if line.strip() or line == _TOO_LONG else None), len(line)


def _json_record(line: bytes, how: Cleaning) -> Record:
    if line == _TOO_LONG:
        return Record({}, error=f"longer than {LARGEST:,} bytes")
    try:
        fields = json.loads(line)
    except ValueError as error:
        return Record({}, error=f"not JSON ({error})")
    if not isinstance(fields, dict):
        return Record({}, error="not a JSON object")
    try:
        source = how.field(list(fields))
    except CleaningError as error:
        return Record(fields, error=str(error))
    data = fields.pop(source)
    if data is not None and not isinstance(data, str):
        return Record(fields, error=f"the field {source!r} holds no text")
    return Record(fields, Content(data, how.is_html(source), site=site_of(fields.get("url"))))


def _parquet(path: str, start: int, how: Cleaning) -> Iterator[Items]:
    _library("pyarrow", "Parquet")
    from pyarrow import parquet

    from clutter.arrow import page_column

    size = os.path.getsize(path)
    # pages of columns are read as they are needed, not whole row groups ahead
    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        page_column(file.schema_arrow, how)
        behind = 0
        for group in range(file.num_row_groups):
            size_of_it = file.metadata.row_group(group).num_rows
            if behind + size_of_it <= start:
                behind += size_of_it
                continue
            # of one row group at a time, so that batches begin where they did before a stop
            for rows in file.iter_batches(ROWS, row_groups=[group]):
                behind += rows.num_rows
                if behind <= start:
                    continue
                done = size * behind // file.metadata.num_rows
                yield Items(stream(rows), behind - rows.num_rows, rows.num_rows, done)


def _warc(path: str, start: int, how: Cleaning) -> Iterator[Items]:
    _library("fastwarc", "WARC")
    with open(path, "rb") as file:
        yield from _gathered(_responses(file), start, file.tell)


def _responses(file: BinaryIO) -> Iterator[tuple[_Response | None, int]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
    # what HTTP says is read later: a mistake in it would end the reading of the file
    for record in ArchiveIterator(file, record_types=kinds, parse_http=False):
        block = record.reader.read(LARGEST + 1)
        headers = {key.lower(): value for key, value in record.headers.items()}
        kind = _page_type(block) if record.is_http else headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() not in _PAGE_TYPES:
            yield None, len(block)
            continue
        if len(block) < min(record.content_length, LARGEST):
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


def _warc_record(item: _Response, how: Cleaning) -> Record:
    fields, block, is_http, kind = item
    if len(block) > LARGEST:
        return Record(fields, error=f"longer than {LARGEST:,} bytes")
    encoding = None
    is_html = not kind.startswith("text/plain")
    if is_http:
        block, encoding = _http_body(block)
        if is_html and encoding is not None:
            from clutter.html import is_encoding

            encoding = (
                encoding if is_encoding(encoding) else None
            )  # servers say all sorts of things
    return Record(fields, Content(block, is_html, encoding, site_of(fields["url"])))


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


def _page_record(item: tuple[str, str, str], how: Cleaning) -> Record:
    path, name, site = item
    try:
        return Record({"id": name}, Content(*read_page(path), site=site))
    except (ReadError, OSError) as error:
        return Record({"id": name}, error=getattr(error, "strerror", None) or str(error))


_READ: dict[str, Callable[[str, int, Cleaning], Iterator[Items]]] = {
    "jsonl": _jsonl,
    "parquet": _parquet,
    "warc": _warc,
}
_MAKE: dict[str, Callable[[Any, Cleaning], Record]] = {
    "page": _page_record,
    "jsonl": _json_record,
    "warc": _warc_record,
}


def _unpacked(file: BinaryIO, path: str) -> contextlib.AbstractContextManager[Any]:
    """The bytes of a file, unpacked where its name says that it is packed."""
    if path.lower().endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    if path.lower().endswith(".zst"):
        # which notices a file that breaks off; what is in the buffer then is lost
        pa = _library("pyarrow", ".zst")
        return io.BufferedReader(pa.CompressedInputStream(file, "zstd"), 1 << 14)
    return contextlib.nullcontext(file)


def _library(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"reading {what} needs {name}: pip install 'clutter[batch]'") from error
