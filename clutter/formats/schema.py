"""One schema for many tables, so that they fit into one Parquet file.

The pieces of an output are encoded one by one, and each sees only its own rows. A field may be
missing in some pieces, a number in one and text in another. The common schema fits the rows of all
pieces, and has only types that Parquet and its readers support.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from clutter.arrow import LINES, METADATA
from clutter.formats.base import LineRows, MetadataRow, Row, finite
from clutter.formats.jsonl import depth, json_text
from clutter.formats.values import json_values
from clutter.text import utf8

MAX_DEPTH = 50
"""Columns that are nested deeper become JSON text. Arrow sends at most 64 levels to another
process."""


def table_of(rows: Sequence[Row]) -> pa.Table:
    """A table of records with a column for every field in any of them. A field with values of
    different types becomes JSON text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: Sequence[Any]) -> pa.Array:
    for marker, kind in ((LineRows, LINES), (MetadataRow, METADATA)):
        if any(isinstance(value, marker) for value in values):
            return pa.array(values, kind)
    values = [utf8(value).decode() if isinstance(value, str) else value for value in values]
    if max(depth(value, MAX_DEPTH) for value in values) <= MAX_DEPTH:
        try:
            return pa.array(values)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError):
            pass
    return pa.array([_json(value) for value in values], pa.string())


def arrow_depth(kind: pa.DataType) -> int:
    """How deep a type is nested: 0 for numbers, 1 for a list of numbers."""
    children = [kind.field(i).type for i in range(kind.num_fields)]
    return 1 + max(map(arrow_depth, children)) if children else 0


def text_column(array: pa.Array) -> pa.Array:
    """A column as text: text as it is, other values as JSON."""
    if _is_text(array.type):
        return array.cast(pa.string())
    return pa.array([_json(value) for value in json_values(array)], pa.string())


def common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """A schema that fits the rows of all schemas. Fields whose types have no common type, or a
    type that Parquet does not support, become JSON text."""
    types: dict[str, pa.DataType] = {}
    for field in (field for schema in schemas for field in schema):
        known = types.get(field.name, field.type)
        types[field.name] = known if known == field.type else _wider(known, field.type)
    storable = {name: _storable(kind) for name, kind in types.items()}
    return pa.schema(
        [(name, kind if _in_parquet(kind) else pa.string()) for name, kind in storable.items()]
    )


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table converted to a schema; missing columns are filled with null. Raises ArrowInvalid if
    a value does not fit its column, never for a column of text."""
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if column.type == field.type:
            columns.append(column)
        elif field.type == pa.string():
            columns.append(pa.chunked_array(map(text_column, column.chunks), pa.string()))
        else:
            columns.append(column.cast(field.type))
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


@functools.lru_cache
def _in_parquet(kind: pa.DataType) -> bool:
    """Whether Parquet has a form for this type. It has none for unions and intervals."""
    try:
        parquet.write_table(pa.table({"x": pa.nulls(1, kind)}), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _json(value: Any) -> str | None:
    value = finite(value)
    if value is None or isinstance(value, str):
        return value
    return utf8(json_text(value)).decode()
