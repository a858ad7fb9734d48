"""Parquet tables: reading and writing.

A table is read and cleaned as Arrow record batches, so its other columns stay exactly as they
were. Each piece of the output is an Arrow stream. The columns of the output table are known only
after the last piece; then the Parquet file is written.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from clutter.cleaning import count
from clutter.errors import ReadError, import_library
from clutter.files import move
from clutter.formats import base
from clutter.formats.base import (
    DAMAGE,
    Chunk,
    CleanedChunk,
    Format,
    OutputFormat,
    Record,
    Row,
    damage_reason,
    distinct,
    record_failure,
)
from clutter.options import CleanOptions

if TYPE_CHECKING:
    import pyarrow

    from clutter.repetition import Repetition

SMALL_GROUP_BYTES = 1_000_000
"""Row groups up to this size are read ``CHUNK_RECORDS`` rows at a time, others at most
``FEW_ROWS`` rows: however well they are compressed, the rows in memory are then few."""

FEW_ROWS = 4

_TOO_LONG = f"longer than {base.MAX_PAGE_BYTES:,} bytes"

ROW_GROUP_BYTES = 32_000_000
"""A row group of the output is complete at this many bytes."""


class Parquet(Format, OutputFormat):
    """Parquet tables. A chunk holds one record batch as an Arrow stream, or as a str the reason why
    its rows cannot be read."""

    endings = (".parquet",)
    output_endings = endings

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        pa = import_library("pyarrow", "reading Parquet")
        from pyarrow import parquet

        from clutter.arrow import page_column

        try:
            # read the pages of columns when they are needed, not whole row groups in advance
            file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        except (pa.ArrowException, OverflowError) as error:
            raise ReadError(str(error)) from None
        size = os.path.getsize(path)
        with file:
            page = page_column(file.schema_arrow, options)
            total = max(file.metadata.num_rows, 1)
            end = 0
            for group in range(file.num_row_groups):
                first, end = end, end + file.metadata.row_group(group).num_rows
                if end <= start:
                    continue
                # one row group at a time: batches then begin at the same rows after a restart
                try:
                    for rows in _batches(file, group, page):
                        chunk_first, first = first, first + rows.num_rows
                        if first > start:
                            read = size * first // total
                            yield Chunk(stream_of(rows), chunk_first, rows.num_rows, read)
                except (*DAMAGE, pa.ArrowException, OverflowError) as error:
                    reason = damage_reason(error).removeprefix("cannot be read from here on: ")
                    if first < end:
                        yield Chunk(reason, first, end - first, size * end // total)

    def records(self, chunk: Chunk, options: CleanOptions) -> list[Record]:
        from clutter.arrow import contents, page_column

        if isinstance(chunk.raw, str):
            return [Record({}, error=_unreadable(chunk))]
        batch = batch_of(chunk.raw)
        has_page = batch.column(page_column(batch.schema, options)).is_valid().to_pylist()
        return [
            Record(fields, page, _TOO_LONG if page.data is None and is_there else None)
            for fields, page, is_there in zip(
                _identities(batch), contents(batch, options), has_page, strict=True
            )
        ]

    def clean(
        self, name: str, chunk: Chunk, options: CleanOptions, repetition: Repetition | None
    ) -> CleanedChunk:
        from clutter.arrow import clean_batch

        if isinstance(chunk.raw, str):
            failure = self.failure(name, chunk, 0, _unreadable(chunk))
            return CleanedChunk([], (failure,), {"errors": 1})
        raw = batch_of(chunk.raw)
        batch, pages = clean_batch(raw, options, repetition)
        fields = _identities(raw)
        errors = [
            self.failure(name, chunk, i, page, fields[i])
            for i, page in enumerate(pages)
            if isinstance(page, str)
        ]
        good = batch.filter(batch.column("error").is_null())
        return CleanedChunk(good.drop_columns(["error"]), tuple(errors), dict(count(pages)))

    def halves(self, chunk: Chunk) -> list[Chunk]:
        if isinstance(chunk.raw, str):
            return []
        rows = batch_of(chunk.raw)
        half = len(rows) // 2
        if not half:
            return []
        return [
            Chunk(stream_of(rows[:half]), chunk.first, half),
            Chunk(stream_of(rows[half:]), chunk.first + half, len(rows) - half),
        ]

    def failure(
        self, name: str, chunk: Chunk, i: int, reason: str, fields: Row | None = None
    ) -> dict[str, Any]:
        return record_failure(name, chunk.first + i, reason, fields or {})

    def encode(self, rows: Sequence[Row] | pyarrow.RecordBatch, ending: str) -> bytes:
        """Encode records as an Arrow stream, after its length in 8 bytes (little-endian)."""
        pa = import_library("pyarrow", "writing Parquet")
        from clutter.formats.schema import table_of

        table = table_of(rows) if isinstance(rows, Sequence) else rows
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
            stream.write(table)
        data = sink.getvalue().to_pybytes()
        return struct.pack("<Q", len(data)) + bytes(data)

    def finish(self, part: Path, target: Path, ending: str) -> None:
        # in the folder of the pieces: a kill then leaves no half table beside the target
        table = part.with_name(part.name + ".parquet")
        with open(table, "wb") as file:
            _write_table(part, file)
        move(table, target)
        part.unlink()


def _unreadable(chunk: Chunk) -> str:
    """Why the rows of a chunk cannot be read."""
    last = chunk.first + chunk.count
    return f"rows {chunk.first + 1:,} to {last:,} cannot be read: {chunk.raw}"


def _identities(batch: pyarrow.RecordBatch) -> list[dict[str, Any]]:
    """The id and the url of each row, as far as there are such columns."""
    from clutter.formats.values import json_rows

    named = [key for key in ("id", "url") if key in batch.schema.names]
    return json_rows(batch.select(named)) if named else [{} for _ in range(batch.num_rows)]


def batch_of(raw: bytes) -> pyarrow.RecordBatch:
    """The record batch of an Arrow stream that holds one."""
    import pyarrow as pa

    return pa.ipc.open_stream(raw).read_next_batch()


def stream_of(rows: pyarrow.RecordBatch) -> bytes:
    """A record batch as an Arrow stream, to send to another process."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue().to_pybytes())


def _batches(file: Any, group: int, page: int) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a row group in batches, each as large as a chunk or a single row. ``page`` is the
    position of the column of pages. Where a batch begins depends on the file only."""

    size = base.CHUNK_RECORDS
    metadata = file.metadata.row_group(group)
    if metadata.total_byte_size > SMALL_GROUP_BYTES:
        mean = metadata.total_byte_size // max(metadata.num_rows, 1)
        size = min(size, FEW_ROWS if mean * FEW_ROWS <= base.CHUNK_BYTES else 1)
    gathered: list[Any] = []
    rows = nbytes = 0
    for batch in file.iter_batches(size, row_groups=[group]):
        batch_bytes = batch.nbytes
        is_large = batch_bytes > base.CHUNK_BYTES
        for part in [batch.slice(i, 1) for i in range(batch.num_rows)] if is_large else [batch]:
            gathered.append(part)
            rows += part.num_rows
            nbytes += part.nbytes if is_large else batch_bytes
            if rows + size > base.CHUNK_RECORDS or nbytes >= base.CHUNK_BYTES:
                yield from _joined(gathered, page)
                gathered, rows, nbytes = [], 0, 0
    if gathered:
        yield from _joined(gathered, page)


def _joined(batches: list[Any], page: int) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    for batch in pa.Table.from_batches(batches).combine_chunks().to_batches():
        yield _portable(batch, page)


def _portable(batch: pyarrow.RecordBatch, page: int) -> pyarrow.RecordBatch:
    """A batch that can be sent to another process and written: columns with different names, not
    nested too deep, and pages cut after ``MAX_PAGE_BYTES``, which are then refused as too long."""
    import pyarrow as pa

    from clutter.arrow import cut_pages
    from clutter.formats.schema import MAX_DEPTH, arrow_depth, text_column

    columns = [
        text_column(column) if arrow_depth(column.type) > MAX_DEPTH else column
        for column in batch.columns
    ]
    columns[page] = cut_pages(columns[page])
    fields = [
        field.with_name(name).with_type(column.type)
        for field, name, column in zip(
            batch.schema, distinct(batch.schema.names), columns, strict=True
        )
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _write_table(part: Path, file: BinaryIO) -> None:
    """Write the table of a file of pieces. Reads it at least twice: for the columns, then for the
    rows. Columns that Parquet cannot hold become text."""
    import pyarrow as pa

    from clutter.formats.schema import common_schema

    # most pieces have the same schema; each different one is kept once
    schemas = {table.schema.serialize().to_pybytes(): table.schema for table in _tables(part)}
    schema = common_schema(list(schemas.values()))
    try:
        _write_rows(part, file, schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # the types did not show it: a large integer in a column of floats, say
        for name in _unwritable(part, schema):
            i = schema.get_field_index(name)
            schema = schema.set(i, pa.field(name, pa.string()))
        file.seek(0)
        file.truncate()
        _write_rows(part, file, schema)


def _write_rows(part: Path, file: BinaryIO, schema: pyarrow.Schema) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    from clutter.formats.schema import fitted

    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        gathered: list[pa.Table] = []
        for table in itertools.chain(_tables(part), [None]):
            if table is not None:
                gathered.append(fitted(table, schema))
            if gathered and (table is None or sum(x.nbytes for x in gathered) >= ROW_GROUP_BYTES):
                writer.write_table(pa.concat_tables(gathered))
                gathered = []


def _unwritable(part: Path, schema: pyarrow.Schema) -> list[str]:
    """The names of the columns with values that do not fit the schema, or Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    from clutter.formats.schema import fitted

    good = {field.name: pa.schema([field]) for field in schema}
    for table in _tables(part):
        for name, alone in list(good.items()):
            try:
                parquet.write_table(fitted(table, alone), pa.BufferOutputStream())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                del good[name]
    return [field.name for field in schema if field.name not in good]


def _tables(part: Path) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    with open(part, "rb") as file:
        while head := file.read(8):
            data = file.read(struct.unpack("<Q", head)[0])
            yield pa.ipc.open_stream(data).read_all()
