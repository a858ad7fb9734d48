"""Where clean records go: JSON lines, Parquet tables, files of clean text.

A run that is broken off and goes on must end in the same bytes as one that was not. So
output is made of pieces, each some records encoded by themselves in the process that
cleaned them: lines of JSON, a gzip member or Zstandard frame of such lines, an Arrow
stream. The process in charge only appends pieces to one file; to go back to a point,
it cuts the file there. Once all are there the file takes its name; of Arrow streams
a Parquet table is made then, because only then is known what columns there are.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from clutter.labelled import utf8

if TYPE_CHECKING:
    import pyarrow

FORMS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
"""How the names of the files end that hold records."""

GROUP = 32_000_000
"""Bytes of a row group of a Parquet table."""

Row = Mapping[str, Any]


def form_of(name: str) -> str | None:
    """How a file of this name holds records; None where it does not."""
    low = name.lower().replace(".ndjson", ".jsonl")
    return next((form for form in FORMS if low.endswith(form)), None)


def encode(rows: Sequence[Row] | pyarrow.RecordBatch, form: str) -> bytes:
    """A piece of a file of this form. Raises ImportError without the form's library."""
    if form == ".parquet":
        table = _table(rows) if isinstance(rows, Sequence) else rows
        return _frame(table)
    if not isinstance(rows, Sequence):
        rows = rows.to_pylist()
    lines = [json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows]
    return _packed(utf8("".join(lines)), form)


def finish(part: Path, target: Path, form: str) -> None:
    """Give a file of pieces its name. Raises OSError, ImportError."""
    if form == ".parquet":
        # beside the pieces, so that a kill leaves no half table beside the target
        table = part.with_name(part.name + ".parquet")
        with open(table, "wb") as file:
            _write_table(part, file)
        table.replace(target)
        part.unlink()
        return
    if part.stat().st_size == 0:
        part.write_bytes(_packed(b"", form))
    part.replace(target)


def _packed(data: bytes, form: str) -> bytes:
    if form.endswith(".gz"):
        return gzip.compress(data, 6, mtime=0)
    if form.endswith(".zst"):
        import pyarrow

        return bytes(pyarrow.Codec("zstd").compress(data))
    return data


def _plain(value: Any) -> Any:
    """What JSON has no form for, in one that people expect."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _table(rows: Sequence[Row]) -> pyarrow.Table:
    """A table of records, a column for every field that any has. A field whose values are of
    several kinds becomes JSON text."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        values = [utf8(value).decode() if isinstance(value, str) else value for value in values]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError):
            columns[name] = pa.array([_json(value) for value in values], pa.string())
    return pa.table(columns)


def _json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return utf8(json.dumps(value, ensure_ascii=False, default=_plain)).decode()


def _frame(table: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write(table)
    data = sink.getvalue().to_pybytes()
    return struct.pack("<Q", len(data)) + bytes(data)


def _tables(part: Path) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    with open(part, "rb") as file:
        while head := file.read(8):
            data = file.read(struct.unpack("<Q", head)[0])
            yield pa.ipc.open_stream(data).read_all()


def _write_table(part: Path, file: BinaryIO) -> None:
    """The Parquet table of a file of pieces, read twice: for its columns, then for its rows."""
    import pyarrow as pa
    from pyarrow import parquet

    # most pieces have the same schema, and few different ones are held
    schemas = {table.schema.serialize().to_pybytes(): table.schema for table in _tables(part)}
    schema = _common(list(schemas.values()))
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        gathered: list[pa.Table] = []
        for table in itertools.chain(_tables(part), [None]):
            if table is not None:
                gathered.append(_fitted(table, schema))
            if gathered and (table is None or sum(x.nbytes for x in gathered) >= GROUP):
                writer.write_table(pa.concat_tables(gathered))
                gathered = []


def _common(schemas: Sequence[pyarrow.Schema]) -> pyarrow.Schema:
    """A schema that the rows of all fit into. Fields whose types have nothing in common, or
    that Parquet cannot hold, are JSON text."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    for field in (field for schema in schemas for field in schema):
        known = types.get(field.name, field.type)
        types[field.name] = known if known == field.type else _wider(known, field.type)
    return pa.schema([(name, _storable(kind)) for name, kind in types.items()])


def _wider(one: pyarrow.DataType, other: pyarrow.DataType) -> pyarrow.DataType:
    import pyarrow as pa

    try:
        schemas = [pa.schema([("x", kind)]) for kind in (one, other)]
        wide = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        for kind in (one, other):
            pa.nulls(1, kind).cast(wide)
        return wide
    except pa.ArrowException:
        return pa.string()


def _storable(kind: pyarrow.DataType) -> pyarrow.DataType:
    """A type that Parquet, and whoever reads it, can hold: nothing but nulls are text, and
    structures without a field JSON text."""
    import pyarrow as pa

    if pa.types.is_null(kind) or "struct<>" in str(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_storable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _storable(field.type)) for field in kind])
    return kind


def _fitted(table: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if column.type != field.type and field.type == pa.string() and not _is_text(column.type):
            column = pa.array([_json(value) for value in column.to_pylist()], pa.string())
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
