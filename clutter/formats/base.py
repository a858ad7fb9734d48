"""The base classes of all file formats: reading pages in chunks, cleaning them, writing records.

A run treats all formats alike. The main process reads a file as a stream of chunks of a few
records each (lines, table batches or archive records), however large the file is. The chunks are
not parsed there: the worker processes parse them, because parsing is work too. A record keeps the
other fields beside its page, such as id and address.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from clutter.cleaning import MAX_PAGE_BYTES as MAX_PAGE_BYTES
from clutter.cleaning import Cleaned, Content, Dropped, clean_many, clean_record, count
from clutter.errors import import_library
from clutter.options import CleanOptions
from clutter.text import printable

if TYPE_CHECKING:
    import pyarrow

    from clutter.repetition import Repetition

CHUNK_RECORDS = 64
"""Most records in a chunk."""

CHUNK_BYTES = 2_000_000
"""A chunk of this many bytes is full."""

DAMAGE = (OSError, EOFError, ValueError, zlib.error)
"""What the libraries raise for a file that is damaged or has another format."""

Row = Mapping[str, Any]


class Passed(NamedTuple):
    """A record that is passed over, because it holds no page; ``why`` is a name for the counts."""

    why: str


class LineRows(list[dict[str, object]]):
    """The lines of a page in a record. Tables give them a column of one type, which their values
    alone do not tell: a page may have no lines."""


class MetadataRow(dict[str, str | None]):
    """The metadata of a page in a record. Tables give it a column of one type: all its values may
    be None."""


class Record(NamedTuple):
    """A page and the other fields of its record; ``error`` says why it cannot be read."""

    fields: dict[str, Any]
    content: Content = Content(None)
    error: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Some records of a file, not yet parsed.

    ``raw`` holds them in a form that only the format knows. ``first`` is the number of the first
    record, from 0, and ``count`` the number of records, including those without a page. ``read``
    is the number of bytes of the file read so far. ``error`` says why the rest of the file cannot
    be read. ``passed`` counts the records that were passed over, by why.
    """

    raw: Any
    first: int
    count: int
    read: int = 0
    error: str | None = None
    passed: Mapping[str, int] = field(default_factory=dict)

    def failure(self, name: str) -> dict[str, Any] | None:
        """The entry in the errors file if the file with this name cannot be read after these
        records, else None."""
        if self.error is None:
            return None
        return {"file": name, "record": self.first + self.count + 1, "error": self.error}


@dataclass(frozen=True)
class CleanedChunk:
    """A chunk after cleaning.

    ``rows`` are the output records, without the pages that were dropped because of their kind.
    ``errors`` has an entry for each record that failed, ``counts`` are those of
    ``cleaning.count``, and "passed/WHY" for the records that were passed over. Item formats also
    give the ``pages``: the answer of ``clean_many`` or the error message of each record.
    """

    rows: Sequence[Row] | pyarrow.RecordBatch
    errors: tuple[dict[str, Any], ...]
    counts: dict[str, int]
    pages: Sequence[Cleaned | Dropped | str] = field(default=())


class Format(ABC):
    """A file format that pages can be read from."""

    endings: tuple[str, ...]
    """File name endings, in lower case."""

    def read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        """Read the records of a file in chunks, from record number ``start`` on.

        If ``start`` is the beginning of a chunk, the chunks from there on are the same as when the
        whole file is read. If the file, or the rest of it, cannot be read, the last chunk says
        why.

        Raises MissingLibraryError if the format's library is not installed.
        """
        number, bytes_read = start, 0
        try:
            for chunk in self._read(path, start, options):
                number, bytes_read = chunk.first + chunk.count, chunk.read
                yield chunk
        except DAMAGE as error:
            yield Chunk([], number, 0, bytes_read, damage_reason(error))

    @abstractmethod
    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]: ...

    @abstractmethod
    def records(self, chunk: Chunk, options: CleanOptions) -> list[Record]:
        """The parsed records of a chunk. Of their fields at least ``id`` and ``url`` are there, if
        they have them."""

    def contents(self, chunk: Chunk, options: CleanOptions) -> list[Content]:
        """The pages of a chunk, one for each record."""
        return [record.content for record in self.records(chunk, options)]

    @abstractmethod
    def clean(
        self, name: str, chunk: Chunk, options: CleanOptions, repetition: Repetition | None
    ) -> CleanedChunk:
        """Clean a chunk. ``name`` is the name of its file in messages."""

    @abstractmethod
    def halves(self, chunk: Chunk) -> list[Chunk]:
        """Split a chunk into two; an empty list if it has a single record."""

    @abstractmethod
    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        """The entry for record ``i`` of a chunk in the errors file: its file and number, its id and
        url, and the reason."""

    def output_name(self, place: str, suffix: str) -> str:
        """The path of a file's output below the output folder. ``place`` is the path of the file
        below the input folder, ``suffix`` the ending of files of clean text."""
        return place


class OutputFormat(ABC):
    """A file format that clean records can be written to.

    An interrupted run that continues must write the same bytes as an undisturbed run. So the
    output consists of pieces. Each piece is a few records, encoded by the process that cleaned
    them. The main process only appends pieces to one file; to go back to a checkpoint, it
    truncates the file. After the last piece the file gets its final name.
    """

    output_endings: tuple[str, ...]
    """File name endings, in lower case."""

    @abstractmethod
    def encode(self, rows: Sequence[Row] | pyarrow.RecordBatch, ending: str) -> bytes:
        """Encode records as a piece of a file with this ending. Raises MissingLibraryError."""

    @abstractmethod
    def finish(self, part: Path, target: Path, ending: str) -> None:
        """Turn ``part``, the file of all pieces, into the output file ``target``. Raises OSError,
        MissingLibraryError."""


class ItemFormat(Format):
    """A format whose chunks are lists of (record number, item), one item for each record."""

    def records(self, chunk: Chunk, options: CleanOptions) -> list[Record]:
        return [self._record_or_error(item, options) for _, item in chunk.raw]

    @abstractmethod
    def _record(self, item: Any, options: CleanOptions) -> Record: ...

    def _record_or_error(self, item: Any, options: CleanOptions) -> Record:
        try:
            return self._record(item, options)
        except (ValueError, OSError, RecursionError) as error:
            return Record({}, error=getattr(error, "strerror", None) or str(error))

    def clean(
        self, name: str, chunk: Chunk, options: CleanOptions, repetition: Repetition | None
    ) -> CleanedChunk:
        records = self.records(chunk, options)
        cleaned = clean_many([record.content for record in records], options, repetition)
        pages = [record.error or page for record, page in zip(records, cleaned, strict=True)]
        rows: list[Row] = []
        errors: list[dict[str, Any]] = []
        for i, (record, page) in enumerate(zip(records, pages, strict=True)):
            if isinstance(page, str):
                errors.append(self.failure(name, chunk, i, page, record.fields))
            elif isinstance(page, Cleaned):
                row = clean_record(record.fields, page, options)
                row["metadata"] = MetadataRow(row["metadata"])
                if page.lines is not None:
                    row["lines"] = LineRows(row["lines"])
                rows.append(row)
        counts = count(pages)
        counts.update({f"passed/{why}": number for why, number in chunk.passed.items()})
        return CleanedChunk(rows, tuple(errors), dict(counts), pages)

    def halves(self, chunk: Chunk) -> list[Chunk]:
        half = len(chunk.raw) // 2
        if not half and not (chunk.raw and chunk.passed):
            return []
        # a single record is split from the counts, so that they do not fail with it
        return [
            replace(chunk, raw=chunk.raw[:half]),
            replace(chunk, raw=chunk.raw[half:], passed={}),
        ]

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        return record_failure(name, chunk.raw[i][0], reason, fields or {})


def record_failure(name: str, number: int, reason: str, fields: Row) -> dict[str, Any]:
    """The entry of a record in the errors file. ``number`` counts from 0, the entry from 1."""
    identity = {key: finite(fields[key]) for key in ("id", "url") if key in fields}
    return {"file": name, "record": number + 1, **identity, "error": reason}


def failure_line(failure: Mapping[str, Any]) -> str:
    """An entry of the errors file as one line that is safe on a screen."""
    record = f", record {failure['record']}" if "record" in failure else ""
    return printable(f"{failure['file']}{record}: {failure['error']}")


def finite(value: Any) -> Any:
    """A value without NaN and infinity, which JSON does not have: they become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return value


def distinct(names: Iterable[str]) -> list[str]:
    """Names that are all different: the second ``NAME`` becomes ``NAME_2``."""
    known = list(names)
    taken = set(known)
    result: dict[str, None] = {}
    for name in known:
        new, number = name, 2
        while new in result or (number > 2 and new in taken):
            new, number = f"{name}_{number}", number + 1
        result[new] = None
    return list(result)


def gathered(
    items: Iterator[tuple[Any, int]], start: int, position: Callable[[], int]
) -> Iterator[Chunk]:
    """Collect (item, size in bytes) into chunks, from record number ``start`` on. An item of None
    is a record without a page, one of ``Passed`` is counted too. ``position`` gives the number of
    bytes of the file read so far."""
    raw: list[tuple[int, Any]] = []
    passed: Counter[str] = Counter()
    size, first, number = 0, start, 0
    error = None
    try:
        for item, item_size in items:
            number += 1
            if number <= start:
                continue
            if isinstance(item, Passed):
                passed[item.why] += 1
            elif item is not None:
                raw.append((number - 1, item))
            size += item_size
            if len(raw) == CHUNK_RECORDS or size >= CHUNK_BYTES:
                yield Chunk(raw, first, number - first, position(), passed=dict(passed))
                raw, size, first = [], 0, number
                passed.clear()
    except DAMAGE as damage:
        error = damage_reason(damage)
    yield Chunk(raw, first, max(number - first, 0), position(), error, dict(passed))


def damage_reason(error: Exception) -> str:
    """The error message for a file that cannot be read any further."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read from here on: {reason}"


def unpacked(file: BinaryIO, path: str) -> contextlib.AbstractContextManager[Any]:
    """The bytes of a file, unpacked if its name ends in .gz or .zst. Raises MissingLibraryError."""
    if path.lower().endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    if path.lower().endswith(".zst"):
        # this raises for a truncated file; what was in the buffer is then lost
        pyarrow = import_library("pyarrow", "reading .zst")
        return io.BufferedReader(pyarrow.CompressedInputStream(file, "zstd"), 1 << 14)
    return contextlib.nullcontext(file)
