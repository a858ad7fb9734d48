"""Cleaning tables of pages: Arrow record batches in, record batches out.

Cluster engines hand a function its share of a table as Arrow batches and take batches
back: Spark by ``mapInArrow``, Ray Data and Dask in much the same way. The same two
functions serve them all, and the command when it reads Parquet, so that a table gives
the same records on one machine as on many. Needs pyarrow: ``clutter[batch]``, or what
the engine brings along.

>>> clean = functools.partial(clean_batches, how=Cleaning(html="content"))
>>> df.mapInArrow(clean, schema)          # Spark; README.md has the rest
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from clutter.cleaning import DEFAULT, Cleaned, Cleaning, Content, clean_many, count

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
    source = how.field(schema.names)
    names = how.renamed(schema.names)
    kept = [field.with_name(names[field.name]) for field in schema if field.name != source]
    types = {"lines": _LINES}
    new = [pa.field(name, types.get(name, pa.string())) for name in how.gained]
    return pa.schema([*kept, *new, pa.field("error", pa.string())])


def clean_batch(batch: pa.RecordBatch, how: Cleaning) -> tuple[pa.RecordBatch, Counter[str]]:
    """Clean one batch, all of it together; with the counts of what went through."""
    source = how.field(batch.schema.names)
    is_html = how.is_html(source)
    found = clean_many([Content(x, is_html) for x in batch.column(source).to_pylist()], how)
    new: dict[str, list[object]] = {
        "text": [one.text if isinstance(one, Cleaned) else None for one in found],
        "title": [one.title if isinstance(one, Cleaned) else None for one in found],
        "error": [one if isinstance(one, str) else None for one in found],
    }
    if how.lines:
        new["lines"] = [one.rows() if isinstance(one, Cleaned) else None for one in found]
    schema = cleaned_schema(batch.schema, how)
    columns = [batch.column(name) for name in batch.schema.names if name != source]
    columns += [pa.array(new[f.name], f.type) for f in list(schema)[len(columns) :]]
    return pa.RecordBatch.from_arrays(columns, schema=schema), count(found)
