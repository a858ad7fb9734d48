"""Tables of pages: what columns come back, and that batches are cleaned as their pages are."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import LISTING, model_of_kinds

import clutter
from clutter.cleaning import Cleaned, Content, clean_many
from clutter.errors import CleaningError
from clutter.options import CleanOptions
from clutter.page import Metadata

pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")

import pyarrow as pa

from clutter.arrow import BATCH_ROWS, clean_batch, clean_batches, clean_table, cleaned_schema

TEXT = CleanOptions(text_field="content")


def page(n: int) -> str:
    return (
        "Home\nLog in\n\n"
        f"Mill number {n} will grind again\n\n"
        f"The old mill on the river, the last of {n}, was sold on Friday to a baker who wants to "
        "grind flour in it again from next spring.\n"
        "“Nobody has touched the stones since my grandfather's time,” said the miller's daughter, "
        "who had kept the key for forty years.\n\n"
        "Copyright 2025 River Post. All rights reserved."
    )


def column(pages: Sequence[object], kind: pa.DataType) -> pa.RecordBatch:
    return pa.record_batch({"content": pa.array(pages, kind)})


# columns


def test_the_page_goes_and_what_was_found_comes_last() -> None:
    batch = pa.record_batch({"id": [3], "content": [page(1)], "url": ["https://example.org/1"]})
    (clean,) = clean_batches([batch], TEXT)
    assert clean.schema.names == ["id", "url", "text", "title", "kind", "metadata", "error"]
    assert clean.to_pylist() == [
        {
            "id": 3,
            "url": "https://example.org/1",
            "text": clutter.clean(page(1)),
            "kind": clutter.load().label(page(1)).kind,
            "title": (title := clutter.load().label(page(1)).title),
            "metadata": asdict(Metadata(title=title, url="https://example.org/1")),
            "error": None,
        }
    ]


def test_lines_are_those_of_the_page() -> None:
    table = pa.table({"content": [page(1)]})
    (row,) = clean_table(table, CleanOptions(text_field="content", lines=True)).to_pylist()
    lines = clutter.load().label(page(1)).lines
    assert [(x["number"], x["label"], x["text"]) for x in row["lines"]] == [
        (x.number, x.label, x.text) for x in lines
    ]
    rounded = np.array([round(x.confidence, 4) for x in lines], np.float32)
    assert [x["confidence"] for x in row["lines"]] == rounded.tolist()


def test_a_column_of_a_new_ones_name_is_kept_under_another() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    table = pa.table(
        {"title": ["a"], "html": ["<p>one"], "text": ["b"], "original_title": ["c"], "error": [4]}
    )
    (row,) = clean_table(table).to_pylist()
    assert set(row) == {
        "original_original_title", "original_text", "original_title", "original_error",
        "text", "title", "kind", "metadata", "error",
    }  # fmt: skip
    assert row["original_original_title"] == "a"
    assert (row["original_title"], row["original_text"], row["original_error"]) == ("c", "b", 4)
    assert row["error"] is None


def test_columns_that_stay_keep_their_type_and_what_is_known_of_them() -> None:
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False, metadata={"unit": "pages"}),
            pa.field("content", pa.string()),
            pa.field("tags", pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        ]
    )
    table = pa.Table.from_pylist([{"id": 1, "content": "one", "tags": ["x", None]}], schema)
    clean = clean_table(table, TEXT)
    assert clean.schema == cleaned_schema(schema, TEXT)
    assert clean.schema.field("id").equals(schema.field("id"), check_metadata=True)
    assert clean["tags"].equals(table["tags"])


def test_columns_of_the_same_name_stay_apart() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1]), pa.array([2]), pa.array(["one"])], ["id", "id", "content"]
    )
    (clean,) = clean_batches([batch], TEXT)
    assert clean.schema.names == ["id", "id", "text", "title", "kind", "metadata", "error"]
    assert [clean.column(i).to_pylist() for i in range(2)] == [[1], [2]]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_binary()),
    ],
    ids=str,
)
def test_pages_may_be_text_or_bytes_of_any_kind(kind: pa.DataType) -> None:
    pages = [page(1), None, page(2), page(1)]
    if "binary" in str(kind):
        pages = [None if one is None else one.encode() for one in pages]  # type: ignore[misc]
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    array = pa.array(pages, inner)
    if inner != kind:
        array = array.dictionary_encode().cast(kind)
    (clean,) = clean_batches([pa.record_batch({"content": array})], TEXT)
    texts = [clutter.clean(page(n)) for n in (1, 2, 1)]
    assert clean["text"].to_pylist() == [texts[0], None, texts[1], texts[2]]


# rows


def test_a_page_that_cannot_be_cleaned_says_why_and_the_others_are_clean() -> None:
    batch = column([b"caf\xe9", page(1).encode(), None], pa.binary())
    options = CleanOptions(text_field="content", lines=True)
    clean, pages = clean_batch(batch, options)
    bad, good, none = clean.to_pylist()
    assert "not UTF-8: byte 0xe9 at position 3" in bad["error"]
    assert none["error"] == "no page: the field is empty"
    for row in (bad, none):
        assert row["text"] is row["title"] is row["metadata"] is row["lines"] is None
        assert row["kind"] is None
    assert (good["text"], good["error"]) == (clutter.clean(page(1)), None)
    assert [type(answer) for answer in pages] == [str, Cleaned, str]


def test_rows_of_pages_of_other_kinds_are_left_out(tmp_path: Path) -> None:
    model_of_kinds().save(tmp_path / "kinds.safetensors")
    model = str(tmp_path / "kinds.safetensors")
    options = CleanOptions(text_field="content", model=model, kinds=("article",))
    pages = ["One.", f"Two. {LISTING}", None, "Four."]
    table = pa.table({"id": range(4), "content": pages})
    clean = clean_table(table, options)
    assert clean["id"].to_pylist() == [0, 2, 3]
    assert clean["kind"].to_pylist() == ["article", None, "article"]
    assert clean_table(table.slice(1, 1), options).equals(clean.slice(0, 0))


def test_a_column_without_any_page_is_no_mistake() -> None:
    (clean,) = clean_batches([column([None, None], pa.null())], TEXT)
    assert clean["error"].null_count == 0
    assert clean["text"].null_count == 2


@pytest.mark.parametrize(
    "sizes", [[1] * 5, [2, 0, 3], [3 * BATCH_ROWS + 1], [BATCH_ROWS, BATCH_ROWS + 1]]
)
def test_rows_keep_their_order_however_they_are_batched(sizes: list[int]) -> None:
    pages = [page(n) for n in range(sum(sizes))]
    whole = pa.record_batch({"id": range(len(pages)), "content": pages})
    ends = list(itertools.accumulate(sizes))
    batches = [whole.slice(end - size, size) for end, size in zip(ends, sizes, strict=True)]
    clean = list(clean_batches(batches, TEXT))
    assert max(batch.num_rows for batch in clean) <= BATCH_ROWS
    rows = [row for batch in clean for row in batch.to_pylist()]
    assert [row["id"] for row in rows] == list(range(len(pages)))
    found = clean_many([Content(one) for one in pages], TEXT)
    assert [row["text"] for row in rows] == [x.text for x in found if isinstance(x, Cleaned)]


def test_no_rows_have_the_columns_of_some() -> None:
    schema = pa.schema([("id", pa.int64()), ("content", pa.string())])
    options = CleanOptions(text_field="content", lines=True)
    empty = clean_table(schema.empty_table(), options)
    assert empty.num_rows == 0
    assert empty.schema.names == ["id", "text", "title", "kind", "metadata", "lines", "error"]
    (batch,) = clean_batches([pa.RecordBatch.from_pylist([], schema)], options)
    assert (batch.num_rows, batch.schema) == (0, empty.schema)
    assert list(clean_batches([], options)) == []


def test_part_of_a_table_is_cleaned_as_itself() -> None:
    table = pa.table({"id": range(9), "content": [page(n) for n in range(9)]})
    assert clean_table(table.slice(3, 4), TEXT).equals(clean_table(table, TEXT).slice(3, 4))


# what cannot be


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"url": ["a"]}, CleanOptions(), "no field 'html' or 'text'; there are: url; "),
        ({"url": ["a"]}, CleanOptions(html_field="page"), "no field 'page'; there are: url; "),
        ({}, CleanOptions(), "no field 'html' or 'text'; there are: none; "),
        ({"text": [1]}, CleanOptions(), "the column 'text' holds int64, not pages"),
        ({"text": [["a"]]}, CleanOptions(), "the column 'text' holds list<"),
    ],
)
def test_a_table_without_pages_is_a_mistake(
    table: dict[str, list[Any]], options: CleanOptions, message: str
) -> None:
    with pytest.raises(CleaningError) as caught:
        clean_table(pa.table(table), options)
    assert message in str(caught.value)


def test_two_columns_of_pages_are_a_mistake() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["one"]), pa.array(["two"])], ["text", "text"])
    with pytest.raises(CleaningError, match="there are 2 columns 'text'"):
        list(clean_batches([batch]))
