"""One schema for many tables, so that they fit into one Parquet file.

The pieces of an output are encoded one by one, and each sees only its own rows. A field may be
missing in some pieces, a number in one and text in another. The common schema fits the rows of all
pieces, and has only types that Parquet and its readers support.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from clutter.formats.base import Row
from clutter.formats.jsonl import json_text
from clutter.text import utf8


def table_of(rows: Sequence[Row]) -> pa.Table:
    """A table of records with a column for every field in any of them. A field with values of
    different types becomes JSON text."""
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


def common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """A schema that fits the rows of all schemas. Fields whose types have no common type, or a
    type that Parquet does not support, become JSON text."""
    types: dict[str, pa.DataType] = {}
    for field in (field for schema in schemas for field in schema):
        known = types.get(field.name, field.type)
        types[field.name] = known if known == field.type else _wider(known, field.type)
    return pa.schema([(name, _storable(kind)) for name, kind in types.items()])


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table converted to a schema that fits its rows; missing columns are filled with null."""
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


def _wider(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """A type that holds the values of both; text if there is none."""
    try:
        schemas = [pa.schema([("x", kind)]) for kind in (first, second)]
        wide = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        for kind in (first, second):
            pa.nulls(1, kind).cast(wide)
        return wide
    except pa.ArrowException:
        return pa.string()


def _storable(kind: pa.DataType) -> pa.DataType:
    """The type itself, or one that Parquet and its readers support: text instead of null, JSON
    text instead of structures without fields."""
    if pa.types.is_null(kind) or "struct<>" in str(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_storable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _storable(field.type)) for field in kind])
    return kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return utf8(json_text(value)).decode()
