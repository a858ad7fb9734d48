"""Tables in Parquet: read in pieces, and written with a column for all values of a field."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")

import pyarrow as pa
from files_of_pages import Rows, rows_of, spans, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from clutter.formats.parquet import Parquet, batch_of
from clutter.options import DEFAULT, CleanOptions
from clutter.text import utf8

# --- reading ---


def test_parquet_is_read_in_pieces_that_do_not_depend_on_the_start(tmp_path: Path) -> None:
    table = pa.table({"id": [*range(300)], "text": ["A line"] * 300})
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, row_group_size=100)
    through = spans(Parquet().read(str(path), 0, DEFAULT))
    assert through == [(0, 64), (64, 36), (100, 64), (164, 36), (200, 64), (264, 36)]
    for first, count in through:
        rest = list(Parquet().read(str(path), first + count, DEFAULT))
        assert spans(iter(rest)) == [x for x in through if x[0] > first]
        ids = [i for some in rest for i in batch_of(some.raw).column("id").to_pylist()]
        assert ids == [*range(first + count, 300)]
    assert rest == []


@pytest.mark.parametrize(
    ("cut", "options", "reason"),
    [
        (100, DEFAULT, "magic bytes"),
        (0, CleanOptions(html_field="page"), "no field 'page'; there are: text"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_once(
    tmp_path: Path, cut: int, options: CleanOptions, reason: str
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"text": ["A line"] * 300}), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    [only] = Parquet().read(str(path), 0, options)
    assert reason in (only.error or "")
    assert only.count == 0


# --- writing ---


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 2.5, [1.0, 2.5]),
        (1, "b", ["1", "b"]),
        (1, {"a": 1}, ["1", '{"a": 1}']),
        ([], ["a"], [[], ["a"]]),
        ([1], ["a"], ["[1]", '["a"]']),
        ({}, {"a": 1}, [{"a": None}, {"a": 1}]),
        ({}, {}, ["{}", "{}"]),
        ({"a": {}}, None, ['{"a": {}}', None]),
        (None, None, [None, None]),
        ([None, None], None, [[None, None], None]),
        ({"a": [None]}, {"a": []}, [{"a": [None]}, {"a": []}]),
        (True, 2, ["true", "2"]),
        (2**70, 1, [str(2**70), "1"]),
        ([1, "a"], [1], ['[1, "a"]', "[1]"]),
        ("\ud800", "é", ["\ufffd", "é"]),
        ({"a": "\ud800"}, None, ['{"a": "\ufffd"}', None]),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_values_of_several_kinds_share_a_column_of_a_table(
    tmp_path: Path, one: object, other: object, expected: list[object], apart: bool
) -> None:
    rows = [{"x": one}, {"x": other}]
    pieces = [rows[:1], rows[1:]] if apart else [rows]
    path = written(tmp_path, pieces, ".parquet")
    found = [row["x"] for row in rows_of(path)]
    assert found == expected


def test_the_columns_of_a_table_keep_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "bytes": pa.array([b"\xff", None], pa.binary()),
            "day": pa.array([datetime.date(2024, 5, 1), None]),
            "when": pa.array([datetime.datetime(2024, 5, 1, 12)] * 2, pa.timestamp("us")),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "small": pa.array([1, 2], pa.uint8()),
        }
    )
    path = written(tmp_path, [table.to_batches()[0]] * 3, ".parquet")
    assert parquet.read_schema(path).equals(table.schema)
    assert parquet.read_table(path).to_pylist() == table.to_pylist() * 3


def test_a_table_has_few_groups_of_rows(tmp_path: Path) -> None:
    path = written(tmp_path, [[{"text": "x" * 1000}] * 64] * 20, ".parquet")
    assert parquet.ParquetFile(path).num_row_groups == 1


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=4), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_any_json_records_make_a_table_that_loses_nothing(
    tmp_path: Path, pieces: list[Rows]
) -> None:
    pieces = [[{"text": str(i)} | row for i, row in enumerate(piece)] for piece in pieces]
    found = rows_of(written(tmp_path, pieces, ".parquet"))
    rows = [row for piece in pieces for row in piece]
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    for row, other in zip(rows, found, strict=True):
        for name, value in row.items():
            assert (value is None) == (other[name] is None)
            if isinstance(value, str):
                assert other[name] == utf8(value).decode()
