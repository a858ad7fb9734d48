"""What every format of files has to offer: reading pages in chunks, cleaning, writing.

A crawl is stored in one of a few ways. Each is a class here in formats/, and a run treats them
all alike: the process in charge reads a file as a stream of chunks, a few records each,
however large the file (lines, table batches, archive records, as they are), and the process
that cleans makes pages of a chunk, because parsing is work too. What a record holds besides
its page, its id and address among it, stays with it.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from clutter.cleaning import Cleaned, Content, clean_many, clean_record, count
from clutter.errors import import_library
from clutter.options import CleanOptions

if TYPE_CHECKING:
    import pyarrow

    from clutter.repetition import Repetition

CHUNK_RECORDS = 64
"""The most records of a chunk."""

CHUNK_BYTES = 2_000_000
"""Bytes from which on a chunk is handed on."""

MAX_PAGE_BYTES = 20_000_000
"""Bytes of the largest page that is read. No article is nearly as long, and labelling takes
many times the memory of a page."""

DAMAGE = (OSError, EOFError, ValueError, zlib.error)
"""What the libraries raise for a file that is damaged or is none of its kind."""

Row = Mapping[str, Any]


class Record(NamedTuple):
    """A page with the other fields of its record, or the reason why it cannot be read."""

    fields: dict[str, Any]
    content: Content = Content(None)
    error: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Some of a file's records as they were read: ``first`` is the number of the first, from
    0, ``count`` how many there are (those without a page too), ``read`` the bytes of the file
    that are behind. What ``raw`` is, the format knows. ``error`` says why nothing more can be
    read."""

    raw: Any
    first: int
    count: int
    read: int = 0
    error: str | None = None


@dataclass(frozen=True)
class CleanedChunk:
    """A chunk after cleaning: the ``rows`` of the output, an entry for each record that failed,
    the ``counts`` of ``cleaning.count``, and, of files of one page, the ``pages`` themselves."""

    rows: Sequence[Row] | pyarrow.RecordBatch
    errors: tuple[dict[str, Any], ...]
    counts: dict[str, int]
    pages: Sequence[Cleaned | str] = field(default=())


class Format(ABC):
    """A kind of file that holds pages."""

    endings: tuple[str, ...]
    """How the names of such files end."""

    def read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        """The records of a file from number ``start`` on, in chunks. Where chunks begin and end
        does not depend on ``start``, if that is where one began. Where the file cannot be read,
        or no further, the last chunk says why.

        Raises MissingLibraryError without the format's library.
        """
        number, behind = start, 0
        try:
            for chunk in self._read(path, start, options):
                number, behind = chunk.first + chunk.count, chunk.read
                yield chunk
        except DAMAGE as error:
            yield Chunk([], number, 0, behind, damage_reason(error))

    @abstractmethod
    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]: ...

    @abstractmethod
    def contents(self, chunk: Chunk, options: CleanOptions) -> list[Content]:
        """The pages of a chunk."""

    @abstractmethod
    def clean(
        self, name: str, chunk: Chunk, options: CleanOptions, repetition: Repetition | None
    ) -> CleanedChunk:
        """Clean a chunk of the file that messages call ``name``."""

    @abstractmethod
    def halves(self, chunk: Chunk) -> list[Chunk]:
        """A chunk in two; nothing where it is a single record."""

    @abstractmethod
    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        """What the errors file says of a chunk's record ``i``: where it is, what names it, what
        is wrong."""

    def output_name(self, place: str, suffix: str) -> str:
        """What the output of a file at ``place`` is called, below a folder of output.
        ``suffix`` is the ending of files of clean text."""
        return place


class OutputFormat(ABC):
    """A kind of file that clean records can go to.

    A run that was interrupted and goes on must end in the same bytes as one that was not. So
    output is made of pieces, each some records encoded by themselves in the process that
    cleaned them. The process in charge only appends pieces to one file; to go back to a
    point, it cuts the file there. When all pieces are there, the file gets its name.
    """

    output_endings: tuple[str, ...]
    """How the names of such files end, in lower case."""

    @abstractmethod
    def encode(self, rows: Sequence[Row] | pyarrow.RecordBatch, ending: str) -> bytes:
        """A piece of a file with this ending. Raises MissingLibraryError."""

    @abstractmethod
    def finish(self, part: Path, target: Path, ending: str) -> None:
        """Make the file of pieces the file that it is to be, with its name. Raises OSError,
        MissingLibraryError."""


class ItemFormat(Format):
    """A format whose chunks are lists of (number, item), each item a record for itself."""

    def records(self, chunk: Chunk, options: CleanOptions) -> list[Record]:
        """The records of a chunk."""
        return [self._record_or_error(item, options) for _, item in chunk.raw]

    @abstractmethod
    def _record(self, item: Any, options: CleanOptions) -> Record: ...

    def _record_or_error(self, item: Any, options: CleanOptions) -> Record:
        try:
            return self._record(item, options)
        except (ValueError, OSError, RecursionError) as error:
            return Record({}, error=getattr(error, "strerror", None) or str(error))

    def contents(self, chunk: Chunk, options: CleanOptions) -> list[Content]:
        return [record.content for record in self.records(chunk, options)]

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
            else:
                rows.append(clean_record(record.fields, page, options))
        return CleanedChunk(rows, tuple(errors), dict(count(pages)), pages)

    def halves(self, chunk: Chunk) -> list[Chunk]:
        half = len(chunk.raw) // 2
        if not half:
            return []
        return [replace(chunk, raw=chunk.raw[:half]), replace(chunk, raw=chunk.raw[half:])]

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        return record_failure(name, chunk.raw[i][0], reason, fields or {})


def record_failure(name: str, number: int, reason: str, fields: Row) -> dict[str, Any]:
    """The entry of a record, the ``number``-th of its file from 0, in the errors file."""
    names = {key: fields[key] for key in ("id", "url") if key in fields}
    return {"file": name, "record": number + 1, **names, "error": reason}


def gathered(
    items: Iterator[tuple[Any, int]], start: int, position: Callable[[], int]
) -> Iterator[Chunk]:
    """Single items, each with its size, in chunks; None is a record without a page.
    ``position`` says how many bytes of the file are behind."""
    raw: list[tuple[int, Any]] = []
    size, first, number = 0, start, 0
    error = None
    try:
        for item, item_size in items:
            number += 1
            if number <= start:
                continue
            if item is not None:
                raw.append((number - 1, item))
            size += item_size
            if len(raw) == CHUNK_RECORDS or size >= CHUNK_BYTES:
                yield Chunk(raw, first, number - first, position())
                raw, size, first = [], 0, number
    except DAMAGE as damage:
        error = damage_reason(damage)
    yield Chunk(raw, first, max(number - first, 0), position(), error)


def damage_reason(error: Exception) -> str:
    """What to say of a file that cannot be read any further."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read from here on: {reason}"


def unpacked(file: BinaryIO, path: str) -> contextlib.AbstractContextManager[Any]:
    """The bytes of a file, unpacked where its name says that it is packed."""
    if path.lower().endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    if path.lower().endswith(".zst"):
        # which notices a file that breaks off; what is in the buffer then is lost
        pyarrow = import_library("pyarrow", "reading .zst")
        return io.BufferedReader(pyarrow.CompressedInputStream(file, "zstd"), 1 << 14)
    return contextlib.nullcontext(file)
