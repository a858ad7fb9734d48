"""Cleaning tables of pages: Arrow record batches in, record batches out.

Cluster engines pass parts of a table to a function as Arrow batches and expect batches back:
Spark with ``mapInArrow``, Ray Data and Dask in a similar way. The same functions serve all
of them, and the command when it reads Parquet. So a table gives the same records on one
machine as on many. Needs pyarrow, which most engines install.

>>> options = CleanOptions(html_field="content")
>>> clean = functools.partial(clean_batches, options=options)
>>> df.mapInArrow(clean, spark_schema(df.schema, options))  # Spark; docs/clusters.md has the rest
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from clutter import cleaning
from clutter.cleaning import Cleaned, Content, Dropped, clean_many
from clutter.errors import CleaningError, import_library
from clutter.options import DEFAULT, CleanOptions
from clutter.page import Metadata
from clutter.text import site_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

    from clutter.repetition import Repetition
else:
    pa = import_library("pyarrow", "cleaning tables")

BATCH_ROWS = 256
"""Number of rows that are cleaned together."""

LINES = pa.list_(
    pa.struct(
        [
            ("number", pa.int32()),
            ("text", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
        ]
    )
)
"""The type of the column ``lines``, the same in every table."""

METADATA = pa.struct([(field.name, pa.string()) for field in fields(Metadata)])
"""The type of the column ``metadata``, the same in every table."""

_PAGE_TYPES = ("string", "string_view", "binary", "binary_view", "null")
"""Column types that can hold pages, without the prefix ``large_``."""


def clean_batches(
    batches: Iterable[pa.RecordBatch], options: CleanOptions = DEFAULT
) -> Iterator[pa.RecordBatch]:
    """Clean batches of records, one page per record: for ``mapInArrow`` of Spark.

    The output has all columns of the input except the column of the page, then ``text`` (the
    clean text), ``title``, ``kind``, ``metadata`` (a struct of text: title, author, date, language,
    site_name, url), ``lines`` if ``options.lines`` is set, and ``error``. ``error`` is null, or the
    reason why the page could not be cleaned; then the other new columns are null. An input column
    with the name of a new one is renamed to ``original_NAME``. An input column ``url`` is the
    address that the page was loaded from. Rows keep their order; those of pages of other kinds than
    ``options.kinds`` are left out. A batch of more than 256 rows comes back as several.

    Raises CleaningError if no column holds the page.
    """
    for batch in batches:
        for start in range(0, max(batch.num_rows, 1), BATCH_ROWS):
            yield clean_batch(batch.slice(start, BATCH_ROWS), options)[0]


def clean_table(table: pa.Table, options: CleanOptions = DEFAULT) -> pa.Table:
    """Clean a table of records like ``clean_batches``: for ``map_batches`` of Ray Data.

    Raises CleaningError if no column holds the page.
    """
    batches = clean_batches(table.to_batches(), options)
    return pa.Table.from_batches(batches, cleaned_schema(table.schema, options))


def cleaned_schema(schema: pa.Schema, options: CleanOptions = DEFAULT) -> pa.Schema:
    """The schema of the output of ``clean_batches`` for input of this schema.

    Raises CleaningError if no column holds the page.
    """
    names, source = _names(schema.names, options)
    kept = [field.with_name(new) for field, new in zip(schema, names, strict=True)]
    del kept[source]
    types = {"metadata": METADATA, "lines": LINES}
    new = [pa.field(name, types.get(name, pa.string())) for name in options.new_fields]
    return pa.schema([*kept, *new, pa.field("error", pa.string())])


def spark_schema(schema: StructType, options: CleanOptions = DEFAULT) -> StructType:
    """``cleaned_schema`` in Spark's own types, from ``df.schema``: ``mapInArrow`` needs it.

    The columns that are kept have exactly the same types as before.

    Raises CleaningError if no column holds the page.
    """
    from pyspark.sql import types

    names, source = _names(schema.names, options)
    kept = [
        types.StructField(new, field.dataType, field.nullable, field.metadata)
        for field, new in zip(schema.fields, names, strict=True)
    ]
    del kept[source]
    line = types.StructType(
        [
            types.StructField("number", types.IntegerType()),
            types.StructField("text", types.StringType()),
            types.StructField("label", types.StringType()),
            types.StructField("confidence", types.FloatType()),
        ]
    )
    metadata = [types.StructField(field.name, types.StringType()) for field in fields(Metadata)]
    kinds = {"metadata": types.StructType(metadata), "lines": types.ArrayType(line)}
    new = [
        types.StructField(name, kinds.get(name, types.StringType()))
        for name in (*options.new_fields, "error")
    ]
    return types.StructType([*kept, *new])


def clean_batch(
    batch: pa.RecordBatch, options: CleanOptions, repetition: Repetition | None = None
) -> tuple[pa.RecordBatch, list[Cleaned | Dropped | str]]:
    """Clean all rows of one batch together. Returns the clean batch, without the rows of pages that
    are dropped because of their kind, and the answer of ``clean_many`` for each row of the input.
    Raises CleaningError if no column holds the page."""
    schema = cleaned_schema(batch.schema, options)
    source = page_column(batch.schema, options)
    pages = clean_many(contents(batch, options), options, repetition)
    for i, size in enumerate(_sizes(batch.column(source))):
        if size > cleaning.MAX_PAGE_BYTES:
            pages[i] = f"longer than {cleaning.MAX_PAGE_BYTES:,} bytes"
    stay = [not isinstance(page, Dropped) for page in pages]
    columns = batch.columns if all(stay) else batch.filter(pa.array(stay)).columns
    del columns[source]
    rows = [
        {"error": page} if isinstance(page, str) else page.fields()
        for page in pages
        if not isinstance(page, Dropped)
    ]
    for new in list(schema)[len(columns) :]:
        columns.append(pa.array([row.get(new.name) for row in rows], new.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema), pages


def contents(batch: pa.RecordBatch, options: CleanOptions) -> list[Content]:
    """The pages of a batch. Their addresses and sites come from the column ``url``, if there is
    one. A page of text that is not UTF-8 is given as bytes, one that is too long as None.

    Raises CleaningError if no column holds the page.
    """
    source = page_column(batch.schema, options)
    name = batch.schema.names[source]
    urls: list[str | None] = [None] * batch.num_rows
    if batch.schema.names.count("url") == 1 and _holds_pages(batch.column("url").type):
        urls = [url if isinstance(url := _page(x), str) else None for x in batch.column("url")]
    pages = [
        _page(value) if size <= cleaning.MAX_PAGE_BYTES else None
        for value, size in zip(batch.column(source), _sizes(batch.column(source)), strict=True)
    ]
    return [
        Content(page, options.is_html(name, page), site=site_of(url), url=url)
        for page, url in zip(pages, urls, strict=True)
    ]


def cut_pages(column: pa.Array) -> pa.Array:
    """A column of pages in which those that are too long are cut to one byte too many, so that they
    are refused without taking their memory again and again."""
    limit = cleaning.MAX_PAGE_BYTES + 1
    if max(_sizes(column), default=0) <= limit:
        return column
    buffers = [_buffer(value) for value in column]
    pages = [None if x is None else x.slice(0, min(limit, x.size)).to_pybytes() for x in buffers]
    kind = pa.large_string() if "string" in str(column.type) else pa.large_binary()
    return pa.array(pages, pa.large_binary()).view(kind)


def _sizes(column: pa.Array) -> list[int]:
    """The size of each page in bytes, before it takes the memory of a Python object."""
    buffers = [_buffer(value) for value in column]
    return [0 if buffer is None else buffer.size for buffer in buffers]


def _page(value: pa.Scalar) -> str | bytes | None:
    buffer = _buffer(value)
    if buffer is None:
        return None
    data: bytes = buffer.to_pybytes()
    if "string" in str(value.type):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode()
    return data


def _buffer(value: pa.Scalar) -> pa.Buffer | None:
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    return value.as_buffer() if value.is_valid else None


def page_column(schema: pa.Schema, options: CleanOptions) -> int:
    """The position of the column that holds the pages.

    Raises CleaningError if there is none, or if it has a type that is not text or bytes.
    """
    _, source = _names(schema.names, options)
    field = schema.field(source)
    if not _holds_pages(field.type):
        raise CleaningError(f"the column {field.name!r} holds {field.type}, not pages")
    return source


def _names(names: list[str], options: CleanOptions) -> tuple[list[str], int]:
    """The new names of all columns, and the position of the column that holds the page.

    Columns are identified by position: after a join, two may have the same name.
    """
    page = options.page_field(names)
    if names.count(page) > 1:
        raise CleaningError(f"there are {names.count(page)} columns {page!r}")
    renamed = options.renamed_fields([name for name in names if name != page])
    return [renamed.get(name, name) for name in names], names.index(page)


def _holds_pages(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind).removeprefix("large_") in _PAGE_TYPES
