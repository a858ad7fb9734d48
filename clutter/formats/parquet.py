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

from clutter.cleaning import Content
from clutter.errors import import_library
from clutter.formats import base
from clutter.formats.base import Chunk, CleanedChunk, Format, OutputFormat, Row, record_failure
from clutter.options import CleanOptions

if TYPE_CHECKING:
    import pyarrow

    from clutter.repetition import Repetition

ROW_GROUP_BYTES = 32_000_000
"""A row group of the output is complete at this many bytes."""


class Parquet(Format, OutputFormat):
    """Parquet tables. A chunk holds one record batch as an Arrow stream."""

    endings = (".parquet",)
    output_endings = endings

    def _read(self, path: str, start: int, options: CleanOptions) -> Iterator[Chunk]:
        import_library("pyarrow", "reading Parquet")
        from pyarrow import parquet

        from clutter.arrow import page_column

        size = os.path.getsize(path)
        # read the pages of columns when they are needed, not whole row groups in advance
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            page_column(file.schema_arrow, options)
            rows_read = 0
            for group in range(file.num_row_groups):
                group_rows = file.metadata.row_group(group).num_rows
                if rows_read + group_rows <= start:
                    rows_read += group_rows
                    continue
                # one row group at a time: batches then begin at the same rows after a restart
                for rows in file.iter_batches(base.CHUNK_RECORDS, row_groups=[group]):
                    rows_read += rows.num_rows
                    if rows_read <= start:
                        continue
                    read = size * rows_read // file.metadata.num_rows
                    first = rows_read - rows.num_rows
                    yield Chunk(stream_of(rows), first, rows.num_rows, read)

    def contents(self, chunk: Chunk, options: CleanOptions) -> list[Content]:
        from clutter.arrow import contents

        return contents(batch_of(chunk.raw), options)

    def clean(
        self, name: str, chunk: Chunk, options: CleanOptions, repetition: Repetition | None
    ) -> CleanedChunk:
        import pyarrow as pa

        from clutter.arrow import clean_batch

        batch, counts = clean_batch(batch_of(chunk.raw), options, repetition)
        reasons = batch.column("error").to_pylist()
        named = [key for key in ("id", "url") if batch.schema.names.count(key) == 1]
        fields = batch.select(named).to_pylist()
        errors = [
            self.failure(name, chunk, i, reason, fields[i] if named else {})
            for i, reason in enumerate(reasons)
            if reason is not None
        ]
        good = batch.filter(pa.array([reason is None for reason in reasons]))
        return CleanedChunk(good.drop_columns(["error"]), tuple(errors), dict(counts))

    def halves(self, chunk: Chunk) -> list[Chunk]:
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
        table.replace(target)
        part.unlink()


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


def _write_table(part: Path, file: BinaryIO) -> None:
    """Write the table of a file of pieces. Reads it twice: for the columns, then for the rows."""
    import pyarrow as pa
    from pyarrow import parquet

    from clutter.formats.schema import common_schema, fitted

    # most pieces have the same schema; each different one is kept once
    schemas = {table.schema.serialize().to_pybytes(): table.schema for table in _tables(part)}
    schema = common_schema(list(schemas.values()))
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        gathered: list[pa.Table] = []
        for table in itertools.chain(_tables(part), [None]):
            if table is not None:
                gathered.append(fitted(table, schema))
            if gathered and (table is None or sum(x.nbytes for x in gathered) >= ROW_GROUP_BYTES):
                writer.write_table(pa.concat_tables(gathered))
                gathered = []


def _tables(part: Path) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    with open(part, "rb") as file:
        while head := file.read(8):
            data = file.read(struct.unpack("<Q", head)[0])
            yield pa.ipc.open_stream(data).read_all()
