"""JSON lines, plain or packed with gzip or Zstandard: reading and writing.

A record keeps all its fields except the one that held its page.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clutter.cleaning import Content
from clutter.errors import CleaningError, import_library
from clutter.files import move
from clutter.formats import base
from clutter.formats.base import (
    Chunk,
    ItemFormat,
    OutputFormat,
    Record,
    Row,
    distinct,
    finite,
    gathered,
    unpacked,
)
from clutter.options import CleanOptions
from clutter.text import site_of, utf8

if TYPE_CHECKING:
    import pyarrow

MAX_DEPTH = 200
"""Records that are nested deeper are not read: Python reads somewhat deeper values than it can
write again."""

READ_BYTES = 1 << 18
"""Bytes of a file that are read at once. A line with a page is longer than Python's 8 KB."""

_TOO_LONG = b"\n\n"
"""Replaces a line that is too long. No real line is equal to it."""


class JsonLines(ItemFormat, OutputFormat):
    """Files of JSON objects, one per line. The items of a chunk are lines, as bytes."""

    endings = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
    output_endings = (".jsonl", ".jsonl.gz", ".jsonl.zst")

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        with open(path, "rb", READ_BYTES) as file, unpacked(file, path) as stream:
            position = file.tell if file.seekable() else lambda: 0  # a pipe has no place
            yield from gathered(_lines(stream), start, position)

    def read_pieces(self, pieces: Iterable[bytes]) -> Iterator[Chunk]:
        """Read the records of a stream from its ``pieces``, which may end anywhere. The lines that
        end in a piece become chunks at once: no record waits for those after it. A piece in which
        no line ends gives a chunk without records."""
        first = 0
        for lines in _arrived(pieces):
            for start in range(0, max(len(lines), 1), base.CHUNK_RECORDS):
                some = lines[start : start + base.CHUNK_RECORDS]
                numbered = enumerate(some, first)
                raw = [(i, line) for i, line in numbered if line.strip() or line == _TOO_LONG]
                yield Chunk(raw, first, len(some))
                first += len(some)

    def _record(self, item: bytes, options: CleanOptions) -> Record:
        if item == _TOO_LONG:
            return Record({}, error=f"longer than {base.MAX_PAGE_BYTES:,} bytes")
        try:
            fields = _parsed(item)
            is_deep = depth(fields, MAX_DEPTH) > MAX_DEPTH
        except RecursionError:
            is_deep = True
        except ValueError as error:
            return Record({}, error=f"not JSON ({error})")
        if is_deep:
            return Record({}, error=f"nested more than {MAX_DEPTH} levels deep")
        if not isinstance(fields, dict):
            return Record({}, error="not a JSON object")
        # names are UTF-8 everywhere, so lone surrogates are replaced
        names = distinct(utf8(name).decode() for name in fields)
        fields = dict(zip(names, fields.values(), strict=True))
        try:
            source = options.page_field(list(fields))
        except CleaningError as error:
            return Record(fields, error=str(error))
        data = fields.pop(source)
        if data is not None and not isinstance(data, str):
            return Record(fields, error=f"the field {source!r} holds no text")
        url = fields.get("url") if isinstance(fields.get("url"), str) else None
        is_html = options.is_html(source, data)
        return Record(fields, Content(data, is_html, site=site_of(url), url=url))

    def output_name(self, place: str, suffix: str) -> str:
        """The path of the output: a file that is only said to be JSON lines gets an ending."""
        return place if place.lower().endswith(self.endings) else f"{place}.jsonl"

    def encode(self, rows: Sequence[Row] | pyarrow.RecordBatch, ending: str) -> bytes:
        """Encode records as lines, compressed by themselves if the ending says so: gzip and
        Zstandard files may consist of several compressed parts."""
        if not isinstance(rows, Sequence):
            from clutter.formats.values import json_rows

            rows = json_rows(rows)
        return _packed(utf8("".join([json_text(row) + "\n" for row in rows])), ending)

    def finish(self, part: Path, target: Path, ending: str) -> None:
        if part.stat().st_size == 0:
            part.write_bytes(_packed(b"", ending))
        move(part, target)


def json_text(value: Any) -> str:
    """A JSON value as JSON. NaN and infinity, which Python reads but JSON does not have, become
    null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def depth(value: Any, limit: int) -> int:
    """How deep a JSON value is nested: 0 for a number, 1 for a list of numbers. Stops above
    ``limit``."""
    level, inner = 0, [value]
    while level <= limit:
        inner = [x for x in inner if isinstance(x, dict | list)]
        if not inner:
            return level
        level += 1
        inner = [y for x in inner for y in (x.values() if isinstance(x, dict) else x)]
    return level


def _parsed(line: bytes) -> Any:
    """The value of a line. Raises ValueError if it is not JSON, RecursionError."""
    try:
        return json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:  # an integer with more digits than Python converts
        return json.loads(line, parse_int=_integer)


def _integer(digits: str) -> int | str:
    """An integer, or its digits as text if there are more than Python converts."""
    limit = sys.get_int_max_str_digits()
    return digits if limit and len(digits.lstrip("-")) > limit else int(digits)


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


def _arrived(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines that end in each piece of a stream, without their line breaks."""
    begun = (
        bytearray()
    )  # the line that has not ended; not more of it than shows that it is too long
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        if ended:
            ended[0] = bytes(begun) + ended[0]
            begun.clear()
        if len(begun) < base.MAX_PAGE_BYTES:
            begun += rest
        yield [_limited(line) for line in ended]
    if begun:
        yield [_limited(bytes(begun))]


def _limited(line: bytes) -> bytes:
    return line if len(line) < base.MAX_PAGE_BYTES else _TOO_LONG
