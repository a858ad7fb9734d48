"""The same columns, types and values from every way in and out: the command, Python, Scrapy.

tests/test_cluster.py asks the same of the engines of clusters.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from clutter import KINDS
from clutter.batch import run
from clutter.cleaning import Cleaned, Content, clean_many, clean_record
from clutter.options import CleanOptions

pa = pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
from pyarrow import parquet  # noqa: E402

from clutter.arrow import clean_table  # noqa: E402
from clutter.formats.values import json_rows  # noqa: E402

OPTIONS = CleanOptions(html_field="content", lines=True)
METADATA = ["title", "author", "date", "language", "site_name", "url"]
LINE = ["number", "text", "label", "confidence"]
TYPES = {
    "text": pa.string(),
    "title": pa.string(),
    "kind": pa.string(),
    "metadata": pa.struct([(name, pa.string()) for name in METADATA]),
    "lines": pa.list_(
        pa.struct(
            [
                ("number", pa.int32()),
                ("text", pa.string()),
                ("label", pa.string()),
                ("confidence", pa.float32()),
            ]
        )
    ),
}
"""The types of the new columns. Tables that keep bad pages also have ``error``."""

Row = dict[str, Any]


def page(number: int) -> str:
    paragraphs = "".join(
        f"<p>On crossing {i} the ferry of line {number} left the harbour {i + number} minutes "
        "late, and those on board were told that the storm had not yet passed.</p>"
        for i in range(2 + number % 3)
    )
    return (
        '<html lang="en"><meta name="author" content="By Mira Holt"><link rel="canonical" '
        f'href="/ferry/{number}"><meta name="date" content="2026-05-{number + 1:02}">'
        "<nav><ul><li><a href=/>Home</a><li><a href=/login>Log in</a></ul></nav><article>"
        f"<h1>Ferry {number} is late again</h1>{paragraphs}</article><footer>© 2026 Coast</footer>"
    )


@pytest.fixture(scope="module")
def table() -> Any:
    """Pages, among them one without lines, and one that cannot be cleaned."""
    pages = [*map(page, range(9)), "", None]
    urls = [f"https://example.org/{i}" if i % 4 else None for i in range(len(pages))]
    taken = {"title": ["x"] * len(pages), "metadata": [{"title": 1}] * len(pages)}
    taken["kind"] = [3] * len(pages)
    return pa.table({"id": range(len(pages)), "url": urls, **taken, "content": pages})


@pytest.fixture(scope="module")
def expected(table: Any) -> Any:
    """What the table becomes, without the page that cannot be cleaned."""
    clean = clean_table(table, OPTIONS)
    assert clean["error"].to_pylist() == [None] * 10 + ["no page: the field is empty"]
    return clean.slice(0, 10)


def rows_of(table: Any) -> list[Row]:
    return [row for batch in table.to_batches() for row in json_rows(batch)]


def assert_same(found: list[Row], expected: Any) -> None:
    """Rows have the columns and values of a table, and confidences of four digits."""
    rows = rows_of(expected.drop_columns(["error"]))
    assert found == rows
    assert [list(row) for row in found] == [list(row) for row in rows]
    lines = [line for row in found for line in row["lines"]]
    assert all(list(line) == LINE for line in lines)
    assert all(line["confidence"] == round(line["confidence"], 4) for line in lines)


def test_tables_have_these_types(expected: Any) -> None:
    assert expected.schema.names == [
        "id", "url", "original_title", "original_metadata", "original_kind", "text", "title",
        "kind", "metadata", "lines", "error",
    ]  # fmt: skip
    types = TYPES | {"error": pa.string()}
    assert {name: expected.schema.field(name).type for name in types} == types


def test_every_page_that_is_clean_has_a_kind(expected: Any) -> None:
    kinds = expected["kind"].to_pylist()
    assert set(kinds) <= set(KINDS)
    assert kinds[9] == "other"  # a page without lines
    assert expected["original_kind"].to_pylist() == [3] * 10


def test_what_a_page_says_of_itself_is_in_one_column(expected: Any) -> None:
    assert expected["metadata"].to_pylist()[1:3] == [
        {
            "title": f"Ferry {i} is late again",
            "author": "Mira Holt",
            "date": f"2026-05-{i + 1:02}",
            "language": "en",
            "site_name": None,
            "url": f"https://example.org/ferry/{i}",
        }
        for i in (1, 2)
    ]
    assert expected["metadata"].to_pylist()[9] == dict.fromkeys(METADATA) | {
        "url": "https://example.org/9"
    }


def test_records_in_python_are_those_of_tables(table: Any, expected: Any) -> None:
    rows = table.to_pylist()[:10]
    contents = [Content(row.pop("content"), is_html=True, url=row["url"]) for row in rows]
    pages = clean_many(contents, OPTIONS)
    found = []
    for row, answer in zip(rows, pages, strict=True):
        assert isinstance(answer, Cleaned)
        found.append(clean_record(row, answer, OPTIONS))
    assert_same(found, expected)


@pytest.mark.parametrize("source", ["in.jsonl.gz", "in.parquet"])
@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_the_command_writes_what_tables_have(
    tmp_path: Path, table: Any, expected: Any, source: str, output: str
) -> None:
    if source == "in.parquet":
        parquet.write_table(table, tmp_path / source)
    else:
        lines = [json.dumps(row).encode() + b"\n" for row in table.to_pylist()]
        (tmp_path / source).write_bytes(gzip.compress(b"".join(lines)))
    run([str(tmp_path / source)], str(tmp_path / output), OPTIONS)
    if output == "out.jsonl":
        assert_same([json.loads(row) for row in (tmp_path / output).open()], expected)
        return
    found = parquet.read_table(tmp_path / output)
    assert_same(rows_of(found), expected)
    assert {name: found.schema.field(name).type for name in TYPES} == TYPES


def test_columns_have_one_type_even_if_no_page_has_any_values(tmp_path: Path, table: Any) -> None:
    rows = [row | {"url": None} for row in table.to_pylist() if row["content"] == ""]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run([str(tmp_path / "in.jsonl")], str(tmp_path / "out.parquet"), OPTIONS)
    found = parquet.read_table(tmp_path / "out.parquet")
    assert {name: found.schema.field(name).type for name in TYPES} == TYPES
    assert found["lines"].to_pylist() == [[]]


def test_items_of_scrapy_are_those_of_tables(table: Any, expected: Any) -> None:
    pytest.importorskip("scrapy", reason="needs Scrapy")
    from scrapy.utils.test import get_crawler

    from clutter.scrapy import CleanPipeline

    settings = {"CLUTTER_HTML": "content", "CLUTTER_LINES": True}
    pipeline = CleanPipeline.from_crawler(get_crawler(settings_dict=settings))
    pipeline.open_spider()
    found = [pipeline.process_item(row) for row in table.to_pylist()[:10]]
    names = expected.schema.names[:-1]
    assert all(row.keys() == set(names) for row in found)
    assert_same([{name: row[name] for name in names} for row in found], expected)
