"""Clean records as files, in every format: pieces that are appended, and the file that they
become."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")

import pyarrow as pa
from files_of_pages import Rows, rows_of, written

from clutter.formats import OUTPUT_ENDINGS


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


def test_a_file_that_stood_there_is_replaced(tmp_path: Path) -> None:
    for ending in OUTPUT_ENDINGS:
        (tmp_path / f"clean{ending}").write_text("old")
        assert rows_of(written(tmp_path, [[{"a": 1}]], ending)) == [{"a": 1}]
