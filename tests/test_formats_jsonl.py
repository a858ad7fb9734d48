"""JSON lines: records that are read and cleaned, and files that are wrong or break off.

examples_records.json holds records with the clean record, or the error, that each becomes.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from files_of_pages import found, spans
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter.cleaning import Cleaned, clean_many, clean_record
from clutter.formats import base
from clutter.formats.jsonl import JsonLines
from clutter.options import DEFAULT, CleanOptions
from clutter.page import Metadata

EXAMPLES = json.loads((Path(__file__).parent / "examples_records.json").read_text("utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["why"] for example in EXAMPLES])
def test_a_record_becomes_what_the_examples_say(tmp_path: Path, example: dict[str, Any]) -> None:
    options = CleanOptions(threshold=0, **example.get("settings", {}))
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(example["record"]) + "\n")
    [one], _ = found(path, options=options)
    [page] = clean_many([one.content], options)
    if "error" in example:
        assert (one.error or page).startswith(example["error"])  # type: ignore[union-attr]
    else:
        assert isinstance(page, Cleaned)
        clean = clean_record(one.fields, page, options)
        assert clean["metadata"].keys() == {field.name for field in fields(Metadata)}
        unknown = {"title": None, "kind": None, "metadata": None}  # these depend on the model
        assert clean | unknown == example["clean"]
        assert list(clean) == list(example["clean"])


def zst(data: bytes) -> bytes:
    return bytes(pytest.importorskip("pyarrow").Codec("zstd").compress(data))


ROWS = b"".join(b'{"id": %d, "text": "A line"}\n' % i for i in range(200))


BAD = b'\n[1]\n{"id":\n\xff\n   \n{"id": 204, "text": "A line"}'


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.jsonl", bytes), ("a.jsonl.gz", gzip.compress), ("a.ndjson.zst", zst)],
)
def test_lines_of_json_that_are_wrong_are_told_and_the_rest_is_read(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(ROWS) + pack(BAD) if pack is not bytes else ROWS + BAD)
    all_of_it, damage = found(path)
    assert damage == []
    assert [one.fields["id"] for one in all_of_it if one.error is None] == [*range(200), 204]
    errors = [one.error for one in all_of_it if one.error]
    assert [error.split(" (")[0] for error in errors] == ["not a JSON object", *["not JSON"] * 2]
    numbers = [number for some in JsonLines().read(str(path), 0, DEFAULT) for number, _ in some.raw]
    assert numbers == [*range(200), 201, 202, 203, 205]  # of blank lines there are none


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zst)])
def test_a_packed_file_that_breaks_off_is_read_as_far_as_it_goes(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(ROWS * 20) + pack(ROWS)[:-20])
    all_of_it, damage = found(path)
    assert [one.fields["id"] for one in all_of_it][:200] == [*range(200)]
    assert len(damage) == 1
    assert damage[0].startswith("cannot be read from here on: ")


def test_a_line_that_is_too_long_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_PAGE_BYTES", 50)
    path = tmp_path / "a.jsonl"
    long = json.dumps({"text": "x" * 200}).encode()
    path.write_bytes(b'{"text": "one"}\n' + long + b'\n{"text": "two"}\n' + long)
    all_of_it, damage = found(path)
    assert [one.content.data for one in all_of_it] == ["one", None, "two", None]
    assert all_of_it[1].error == all_of_it[3].error == "longer than 50 bytes"
    assert damage == []


def test_json_that_is_nested_without_end_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"[" * 200_000 + b'\n{"text": "A line"}\n')
    [deep, one], damage = found(tmp_path / "a.jsonl")
    assert deep.error == "nested more than 200 levels deep"
    assert (one.error, damage) == (None, [])


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert found(tmp_path / "a.jsonl") == ([], [])


@given(st.lists(st.integers(0, 3000), max_size=40), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_reading_on_gives_what_reading_through_gives(
    tmp_path: Path, sizes: list[int], data: st.DataObject
) -> None:
    path = tmp_path / "a.jsonl"
    lines = [b'{"text": "%s"}' % (b"x" * size) if size else b"" for size in sizes]
    path.write_bytes(b"\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "CHUNK_BYTES", 8000)
        patch.setattr(base, "CHUNK_RECORDS", 5)
        through = spans(JsonLines().read(str(path), 0, DEFAULT))
        start = data.draw(st.sampled_from([0, *[first + count for first, count in through]]))
        assert spans(JsonLines().read(str(path), start, DEFAULT)) == [
            x for x in through if x[0] >= start
        ]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_records_that_come_in_pieces_are_those_of_the_file(cuts: list[int]) -> None:
    data = b'{"text": "one"}\n\n  \n[1]\n{"text": "two"}\r\n{"text": "th'
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(bounds)]
    chunks = list(JsonLines().read_pieces(pieces))
    numbers = [number for chunk in chunks for number, _ in chunk.raw]
    assert numbers == [0, 3, 4, 5]
    assert b"".join(line for chunk in chunks for _, line in chunk.raw) == data.replace(
        b"\n", b""
    ).replace(b"  ", b"")
    ends = [0]
    for chunk in chunks:
        assert chunk.first == ends[-1]
        ends.append(chunk.first + chunk.count)
    assert ends[-1] == 6


def test_a_line_is_a_record_as_soon_as_it_ends() -> None:
    begun = iter([b'{"text": "one"}\n{"te', b"", b'xt": "two"}\n'])
    chunks = JsonLines().read_pieces(begun)
    assert [line for _, line in next(chunks).raw] == [b'{"text": "one"}']
    assert next(chunks).count == 0
    assert [line for _, line in next(chunks).raw] == [b'{"text": "two"}']
    assert list(chunks) == []


def test_of_a_stream_no_more_lines_than_a_chunk_holds_come_together() -> None:
    chunks = list(JsonLines().read_pieces([b"{}\n" * 200]))
    assert spans(chunks) == [(0, 64), (64, 64), (128, 64), (192, 8)]


def test_a_line_of_a_stream_that_is_too_long_is_an_error_and_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "MAX_PAGE_BYTES", 40)
    long = [b'{"text": "', *[b"x" * 10] * 5, b'"}\n']
    form = JsonLines()
    chunks = list(form.read_pieces([*long, b'{"text": "one"}\n', *long[:-1]]))
    records = [one for chunk in chunks for one in form.records(chunk, DEFAULT)]
    assert [one.error for one in records] == ["longer than 40 bytes", None, "longer than 40 bytes"]
