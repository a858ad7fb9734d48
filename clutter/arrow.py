"""Cleaning tables of pages: Arrow record batches in, record batches out.

Cluster engines hand a function its share of a table as Arrow batches and take batches
back: Spark by ``mapInArrow``, Ray Data and Dask in much the same way. The same two
functions serve them all, and the command when it reads Parquet, so that a table gives
the same records on one machine as on many. Needs pyarrow: ``clutter[batch]``, or what
the engine brings along.

>>> clean = functools.partial(clean_batches, how=Cleaning(html="content"))
>>> df.mapInArrow(clean, spark_schema(df.schema, how))    # Spark; README.md has the rest
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from clutter.cleaning import (
    DEFAULT,
    Cleaned,
    Cleaning,
    CleaningError,
    Content,
    clean_many,
    count,
)
from clutter.labelled import site_of

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

    from clutter.repeats import Repeats

try:
    import pyarrow as pa
except ImportError as error:  # pragma: no cover
    raise ImportError("Arrow tables need pyarrow: pip install 'clutter[batch]'") from error

ROWS = 256
"""Rows that are cleaned together."""

_LINES = pa.list_(
    pa.struct(
        [
            ("number", pa.int32()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
            ("text", pa.string()),
        ]
    )
)

_PAGES = ("string", "string_view", "binary", "binary_view", "null")
"""Types of a column of pages, ``large_`` left out."""


def clean_batches(
    batches: Iterable[pa.RecordBatch], how: Cleaning = DEFAULT
) -> Iterator[pa.RecordBatch]:
    """Clean batches of records, each a page: for ``mapInArrow`` of Spark.

    What comes back has the input's columns but the one that held the page, then ``text``
    (the clean text), ``title``, with ``how.lines`` ``lines``, and ``error``: null, or why a
    page could not be cleaned; its other new columns are null then. A column that has the
    name of a new one becomes ``original_NAME``. Rows keep their order; a batch of more than
    256 rows comes back as several.

    Raises CleaningError where no column holds the page.
    """
    for batch in batches:
        for start in range(0, max(batch.num_rows, 1), ROWS):
            yield clean_batch(batch.slice(start, ROWS), how)[0]


def clean_table(table: pa.Table, how: Cleaning = DEFAULT) -> pa.Table:
    """Clean a table of records, as ``clean_batches`` does: for ``map_batches`` of Ray Data."""
    batches = clean_batches(table.to_batches(), how)
    return pa.Table.from_batches(batches, cleaned_schema(table.schema, how))


def cleaned_schema(schema: pa.Schema, how: Cleaning = DEFAULT) -> pa.Schema:
    """The schema of what ``clean_batches`` gives for batches of this schema.

    Raises CleaningError where no column holds the page.
    """
    names, source = _names(schema.names, how)
    kept = [field.with_name(new) for field, new in zip(schema, names, strict=True)]
    del kept[source]
    types = {"lines": _LINES}
    new = [pa.field(name, types.get(name, pa.string())) for name in how.gained]
    return pa.schema([*kept, *new, pa.field("error", pa.string())])


def spark_schema(schema: StructType, how: Cleaning = DEFAULT) -> StructType:
    """``cleaned_schema`` for Spark, which has to know what ``mapInArrow`` will give: from
    ``df.schema``, as Spark's own types, so that the columns that stay are exactly what they were.

    Raises CleaningError where no column holds the page.
    """
    from pyspark.sql import types

    names, source = _names(schema.names, how)
    kept = [
        types.StructField(new, field.dataType, field.nullable, field.metadata)
        for field, new in zip(schema.fields, names, strict=True)
    ]
    del kept[source]
    line = types.StructType(
        [
            types.StructField("number", types.IntegerType()),
            types.StructField("label", types.StringType()),
            types.StructField("confidence", types.FloatType()),
            types.StructField("text", types.StringType()),
        ]
    )
    lines = types.ArrayType(line)
    new = [
        types.StructField(name, lines if name == "lines" else types.StringType())
        for name in (*how.gained, "error")
    ]
    return types.StructType([*kept, *new])


def clean_batch(
    batch: pa.RecordBatch, how: Cleaning, repeats: Repeats | None = None
) -> tuple[pa.RecordBatch, Counter[str]]:
    """Clean one batch, all of it together; with the counts of what went through."""
    schema = cleaned_schema(batch.schema, how)
    source = page_column(batch.schema, how)
    # an engine runs as many processes as there are cores, and not all tell numpy to stay on one
    with threadpool_limits(1):
        found = clean_many(contents(batch, how), how, repeats)
    new: dict[str, list[object]] = {
        "text": [one.text if isinstance(one, Cleaned) else None for one in found],
        "title": [one.title if isinstance(one, Cleaned) else None for one in found],
        "error": [one if isinstance(one, str) else None for one in found],
    }
    if how.lines:
        new["lines"] = [one.rows() if isinstance(one, Cleaned) else None for one in found]
    columns = batch.columns
    del columns[source]
    columns += [pa.array(new[f.name], f.type) for f in list(schema)[len(columns) :]]
    return pa.RecordBatch.from_arrays(columns, schema=schema), count(found)


def contents(batch: pa.RecordBatch, how: Cleaning) -> list[Content]:
    """The pages of a batch; their sites by its column ``url``, where there is one."""
    source = page_column(batch.schema, how)
    is_html = how.is_html(batch.schema.names[source])
    sites = [""] * batch.num_rows
    if batch.schema.names.count("url") == 1:
        sites = [site_of(url) for url in batch.column("url").to_pylist()]
    pages = batch.column(source).to_pylist()
    return [Content(page, is_html, site=site) for page, site in zip(pages, sites, strict=True)]


def page_column(schema: pa.Schema, how: Cleaning) -> int:
    """The position of the column that holds the pages. Raises CleaningError where none does."""
    _, source = _names(schema.names, how)
    field = schema.field(source)
    if not _holds_pages(field.type):
        raise CleaningError(f"the column {field.name!r} holds {field.type}, not pages")
    return source


def _names(names: list[str], how: Cleaning) -> tuple[list[str], int]:
    """What the columns are called afterwards, and the position of the one that holds the page:
    a join may leave two of one name behind, so that positions tell them apart."""
    page = how.field(names)
    if names.count(page) > 1:
        raise CleaningError(f"there are {names.count(page)} columns {page!r}")
    renamed = how.renamed([name for name in names if name != page])
    return [renamed.get(name, name) for name in names], names.index(page)


def _holds_pages(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind).removeprefix("large_") in _PAGES
