"""JSON lines, plain or packed with gzip or Zstandard: reading and writing.

A record keeps all its fields except the one that held its page.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clutter.cleaning import Content
from clutter.errors import CleaningError, import_library
from clutter.formats import base
from clutter.formats.base import (
    Chunk,
    ItemFormat,
    OutputFormat,
    Record,
    Row,
    gathered,
    unpacked,
)
from clutter.options import CleanOptions
from clutter.text import site_of, utf8

if TYPE_CHECKING:
    import pyarrow

_TOO_LONG = b"\n\n"
"""Replaces a line that is too long. No real line is equal to it."""


class JsonLines(ItemFormat, OutputFormat):
    """Files of JSON objects, one per line. The items of a chunk are lines, as bytes."""

    endings = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
    output_endings = (".jsonl", ".jsonl.gz", ".jsonl.zst")

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        with open(path, "rb") as file, unpacked(file, path) as stream:
            yield from gathered(_lines(stream), start, file.tell)

    def _record(self, item: bytes, options: CleanOptions) -> Record:
        if item == _TOO_LONG:
            return Record({}, error=f"longer than {base.MAX_PAGE_BYTES:,} bytes")
        try:
            fields = json.loads(item)
        except ValueError as error:
            return Record({}, error=f"not JSON ({error})")
        if not isinstance(fields, dict):
            return Record({}, error="not a JSON object")
        try:
            source = options.page_field(list(fields))
        except CleaningError as error:
            return Record(fields, error=str(error))
        data = fields.pop(source)
        if data is not None and not isinstance(data, str):
            return Record(fields, error=f"the field {source!r} holds no text")
        site = site_of(fields.get("url"))
        return Record(fields, Content(data, options.is_html(source), site=site))

    def encode(self, rows: Sequence[Row] | pyarrow.RecordBatch, ending: str) -> bytes:
        """Encode records as lines, compressed by themselves if the ending says so: gzip and
        Zstandard files may consist of several compressed parts."""
        if not isinstance(rows, Sequence):
            rows = rows.to_pylist()
        return _packed(utf8("".join([json_text(row) + "\n" for row in rows])), ending)

    def finish(self, part: Path, target: Path, ending: str) -> None:
        if part.stat().st_size == 0:
            part.write_bytes(_packed(b"", ending))
        part.replace(target)


def json_text(value: Any) -> str:
    """A value as JSON. Values that JSON does not have become text: dates in ISO format, bytes as
    UTF-8 or else as base64, others by ``str``."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _packed(data: bytes, ending: str) -> bytes:
    if ending.endswith(".gz"):
        return gzip.compress(data, 6, mtime=0)
    if ending.endswith(".zst"):
        pyarrow = import_library("pyarrow", "writing .zst")
        return bytes(pyarrow.Codec("zstd").compress(data))
    return data


def _lines(stream: IO[bytes]) -> Iterator[tuple[bytes | None, int]]:
    while line := stream.readline(base.MAX_PAGE_BYTES):
        if len(line) == base.MAX_PAGE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):  # skip the rest of it
                line = stream.readline(base.MAX_PAGE_BYTES)
            line = _TOO_LONG
        yield (line if line.strip() or line == _TOO_LONG else None), len(line)
