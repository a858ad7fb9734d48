"""Clean records as files: pieces that are appended, and the file that they become."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter.formats import OUTPUT_ENDINGS, output_ending, output_format_of
from clutter.text import utf8

pa = pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
from pyarrow import parquet  # noqa: E402

Rows = list[dict[str, Any]]


def written(folder: Path, pieces: list[Any], ending: str) -> Path:
    """The file that these pieces become."""
    file_format = output_format_of(ending)
    (folder / "part").write_bytes(b"".join(file_format.encode(piece, ending) for piece in pieces))
    target = folder / f"clean{ending}"
    file_format.finish(folder / "part", target, ending)
    assert not (folder / "part").exists()
    return target


def rows_of(path: Path) -> Rows:
    """The records of a file, by the readers that everybody uses."""
    ending = output_ending(path.name)
    if ending == ".parquet":
        rows: Rows = parquet.read_table(path).to_pylist()
        return rows
    data = path.read_bytes()
    if ending == ".jsonl.gz":
        data = gzip.decompress(data)
    if ending == ".jsonl.zst":
        data = pa.input_stream(path, compression="zstd").read()
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.jsonl", ".jsonl"), ("A.JSONL.GZ", ".jsonl.gz"), ("a.ndjson.zst", ".jsonl.zst"),
        ("a.parquet", ".parquet"), ("a", None), ("a.txt", None), ("jsonl", None),
    ],
)  # fmt: skip
def test_the_name_tells_the_format(name: str, ending: str | None) -> None:
    assert output_ending(name) == ending


@pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
def test_records_come_back_in_order(tmp_path: Path, ending: str) -> None:
    rows = [{"id": i, "text": f"Absatz {i}\n\nДва", "title": None, "tags": ["a"]} for i in range(9)]
    assert rows_of(written(tmp_path, [rows[:4], [], rows[4:]], ending)) == rows


@pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
def test_no_records_are_a_file_too(tmp_path: Path, ending: str) -> None:
    assert rows_of(written(tmp_path, [], ending)) == []


@pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
def test_records_need_not_have_the_same_fields(tmp_path: Path, ending: str) -> None:
    pieces: list[Rows] = [[{"a": 1}, {"b": 2}], [{"a": None}, {}], [{"c": [], "a": 3}]]
    found = rows_of(written(tmp_path, pieces, ending))
    filled = [{key: value for key, value in row.items() if value is not None} for row in found]
    assert filled == [{"a": 1}, {"b": 2}, {}, {}, {"c": [], "a": 3}]


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


def test_columns_that_json_does_not_know_are_written_as_people_expect(tmp_path: Path) -> None:
    columns = {
        "bytes": [b"abc"],
        "binary": [b"\xff\x00"],
        "day": [datetime.date(2024, 5, 1)],
        "when": [datetime.datetime(2024, 5, 1, 12)],
    }
    batch = pa.table(columns).to_batches()[0]
    assert rows_of(written(tmp_path, [batch], ".jsonl")) == [
        {
            "bytes": "abc",
            "binary": base64.b64encode(b"\xff\x00").decode(),
            "day": "2024-05-01",
            "when": "2024-05-01T12:00:00",
        }
    ]


def test_a_table_has_few_groups_of_rows(tmp_path: Path) -> None:
    path = written(tmp_path, [[{"text": "x" * 1000}] * 64] * 20, ".parquet")
    assert parquet.ParquetFile(path).num_row_groups == 1


def test_a_file_that_stood_there_is_replaced(tmp_path: Path) -> None:
    for ending in OUTPUT_ENDINGS:
        (tmp_path / f"clean{ending}").write_text("old")
        assert rows_of(written(tmp_path, [[{"a": 1}]], ending)) == [{"a": 1}]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
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
