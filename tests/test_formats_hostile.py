"""Files of records as bad as they come: a bad record is one error, and the others are read."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cleaning_here import Here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter import cleaning
from clutter.batch import run, runner
from clutter.formats import base, format_of, output_format_of
from clutter.formats.base import Chunk, ItemFormat, Record, distinct, finite
from clutter.options import CleanOptions

pa = pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
from pyarrow import parquet  # noqa: E402

from clutter.formats.parquet import batch_of  # noqa: E402
from clutter.formats.schema import MAX_DEPTH  # noqa: E402
from clutter.formats.values import json_rows, json_values  # noqa: E402

OPTIONS = CleanOptions(threshold=0)
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """Runs clean in this process, where the tests change limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "Workers", Here)
        yield


def cleaned(folder: Path, source: Path, output: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The records and the reasons of errors of a run over one file."""
    target = folder / output
    summary = run([str(source)], str(target), OPTIONS)
    if output.endswith(".parquet"):
        rows = [x for part in parquet.read_table(target).to_batches() for x in json_rows(part)]
    else:
        rows = [json.loads(line, parse_constant=fail) for line in target.open()]
    errors = [] if summary.errors is None else summary.errors.read_text().splitlines()
    return rows, [json.loads(line, parse_constant=fail)["error"] for line in errors]


def fail(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def nested(depth: int, value: object = 1) -> Any:
    for _ in range(depth):
        value = {"a": value}
    return value


# JSON lines


def json_lines(folder: Path, *rows: str) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(row + "\n" for row in rows))
    return path


def record(value: str) -> str:
    return f'{{"text": "One", "x": {value}}}'


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("NaN", None),
        ("-Infinity", None),
        ("1e999", None),
        ("[1.5, NaN]", [1.5, None]),
        ('{"y": Infinity, "z": 1}', {"y": None, "z": 1}),
        ("9" * 1000, int("9" * 1000)),
        ("-" + "9" * 5000, "-" + "9" * 5000),
        (json.dumps(nested(70)), nested(70)),
        (json.dumps(nested(190)), nested(190)),
        (r'"\ud800"', "\ufffd"),
        (r'{"\ud800": 1}', {"\ufffd": 1}),
    ],
    ids=lambda value: str(value)[:12],
)
def test_json_of_any_kind_is_read_and_written_as_json(
    tmp_path: Path, output: str, value: str, expected: Any
) -> None:
    source = json_lines(tmp_path, record(value), '{"text": "Two"}')
    (one, two), errors = cleaned(tmp_path, source, output)
    assert errors == []
    assert (one["text"], two["text"], two.get("x")) == ("One", "Two", None)
    found = one["x"]
    if output.endswith(".parquet"):  # what Arrow has no type for is JSON text
        if isinstance(found, str) and not isinstance(expected, str):
            found = json.loads(found)
        found = finite(found)
    assert found == expected


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record("[" * 5000 + "]" * 5000), "nested more than 200 levels"),
        (record(json.dumps(nested(300))), "nested more than 200 levels"),
        (record(json.dumps(nested(900))), "nested more than 200 levels"),
        ("[" * 5000, "nested more than 200 levels"),
        ('{"text": "One", "x": .5}', "not JSON ("),
        ('{"id": NaN, "text": 5}', "the field 'text' holds no text"),
    ],
    ids=["brackets", "deep", "deeper", "open", "number", "id"],
)
def test_json_that_cannot_be_read_is_one_error(
    tmp_path: Path, output: str, line: str, reason: str
) -> None:
    rows, errors = cleaned(tmp_path, json_lines(tmp_path, line, '{"text": "Two"}'), output)
    assert [row["text"] for row in rows] == ["Two"]
    assert [error[: len(reason)] for error in errors] == [reason]


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_names_of_fields_that_are_not_unicode_are_replaced_and_stay_apart(
    tmp_path: Path, output: str
) -> None:
    source = json_lines(tmp_path, r'{"text": "One", "\ud800": 1, "\udfff": 2, "\ufffd": 3}')
    (row,), _ = cleaned(tmp_path, source, output)
    assert {key: row[key] for key in row if "\ufffd" in key} == {
        "\ufffd": 1, "\ufffd_2": 2, "\ufffd_3": 3,
    }  # fmt: skip


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"]), max_size=7))
def test_names_become_different_and_the_first_stays(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found)) == len(found) == len(names)
    for name in names:
        assert found[names.index(name)] == name or name in found


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9) | st.text(max_size=2), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_table_takes_any_names(tmp_path: Path, row: dict[str, Any]) -> None:
    row = {"text": "One"} | row
    form = output_format_of(".parquet")
    (tmp_path / "part").write_bytes(form.encode([row], ".parquet"))
    form.finish(tmp_path / "part", tmp_path / "out.parquet", ".parquet")
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == [row]


# Parquet: values


def not_utf8() -> Any:
    return pa.array([b"caf\xe9", b"tea"], pa.binary()).view(pa.string())


LARGE = 2**60 + 1
COLUMNS: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "text of other bytes": (not_utf8, ["caf\ufffd", "tea"]),
    "nanoseconds": (
        lambda: pa.array([1, 10**18], pa.timestamp("ns")),
        ["1970-01-01T00:00:00.000000001", "2001-09-09T01:46:40"],
    ),
    "milliseconds": (lambda: pa.array([1], pa.timestamp("ms")), ["1970-01-01T00:00:00.001"]),
    "time of day": (
        lambda: pa.array([3_600_000_000_001], pa.time64("ns")),
        ["01:00:00.000000001"],
    ),
    "no time of day": (lambda: pa.array([90_000 * 10**6], pa.time64("us")), ["25:00:00"]),
    "far date": (
        lambda: pa.array([3_000_000, -800_000], pa.date32()),
        ["10183-09-21", "-0221-09-04"],
    ),
    "far time": (lambda: pa.array([2**58], pa.timestamp("us")), ["11103-08-29T17:22:31.711744"]),
    "unknown zone": (
        lambda: pa.array([0], pa.timestamp("us", "Mars/Phobos")),
        ["1970-01-01T00:00:00+00:00"],
    ),
    "known zone": (
        lambda: pa.array([0], pa.timestamp("ns", "Asia/Kolkata")),
        ["1970-01-01T05:30:00+05:30"],
    ),
    "fixed zone": (
        lambda: pa.array([0], pa.timestamp("us", "-02:00")),
        ["1969-12-31T22:00:00-02:00"],
    ),
    "duration": (lambda: pa.array([-1_500_000_001], pa.duration("ns")), ["-PT1.500000001S"]),
    "bytes": (lambda: pa.array([b"tea", b"\xff\x00", None]), ["tea", "/wA=", None]),
    "decimal": (lambda: pa.array([None, Decimal("1.00")]), [None, "1.00"]),
    "single precision": (lambda: pa.array([0.1, float("nan")], pa.float32()), [0.1, None]),
    "half precision": (lambda: pa.array([0.1, None], pa.float16()), [0.1, None]),
    "dictionary": (lambda: pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    "lists": (
        lambda: pa.array([[1, None], None, []], pa.list_(pa.timestamp("ns"))),
        [["1970-01-01T00:00:00.000000001", None], None, []],
    ),
    "lists of one size": (
        lambda: pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
        [[1, 2], None, [3, 4]],
    ),
    "struct": (
        lambda: pa.array(
            [{"a": b"x", "b": 1}, None], pa.struct([("a", pa.binary()), ("b", pa.time64("ns"))])
        ),
        [{"a": "x", "b": "00:00:00.000000001"}, None],
    ),
    "map": (
        lambda: pa.array([[(1, b"x"), (2, None)], None, []], pa.map_(pa.int8(), pa.binary())),
        [[[1, "x"], [2, None]], None, []],
    ),
    "deep": (lambda: pa.array([nested(70), None]), [nested(70), None]),
}  # fmt: skip
NOT_IN_PARQUET: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "interval": (
        lambda: pa.array([(1, 2, -3_000_000_000), None], pa.month_day_nano_interval()),
        ["P1M2DT-3S", None],
    ),
    "dense union": (
        lambda: pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()),
            pa.array([0, 0, 1], pa.int32()),
            [pa.array([1, 2]), pa.array([b"x"])],
        ),
        [1, "x", 2],
    ),
    "sparse union": (
        lambda: pa.UnionArray.from_sparse(
            pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["x", "y"])]
        ),
        [1, "y"],
    ),
    "runs": (lambda: pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]), ["a", "a", None]),
}


@pytest.mark.parametrize("name", [*COLUMNS, *NOT_IN_PARQUET])
def test_every_value_of_a_table_has_a_form_in_json(name: str) -> None:
    make, expected = (COLUMNS | NOT_IN_PARQUET)[name]
    array = make()
    assert json_values(array) == expected
    assert json_values(array.slice(1)) == expected[1:]
    assert json_values(array.slice(0, 0)) == []
    json.dumps(json_values(array), allow_nan=False)


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_a_table_of_all_kinds_of_values_is_cleaned(tmp_path: Path, output: str) -> None:
    columns = {name: make() for name, (make, _) in COLUMNS.items()}
    padded = {
        name: pa.concat_arrays([column, pa.nulls(3 - len(column), column.type)])
        for name, column in columns.items()
    }
    table = pa.table(padded | {"text": ["One", "Two", "Three"]})
    parquet.write_table(table, tmp_path / "in.parquet")
    rows, errors = cleaned(tmp_path, tmp_path / "in.parquet", output)
    assert errors == []
    if output.endswith(".parquet"):
        clean = parquet.read_table(tmp_path / output)
        before = parquet.read_table(tmp_path / "in.parquet")
        assert clean["text"].to_pylist() == ["One", "Two", "Three"]
        assert json.loads(clean["deep"][0].as_py()) == nested(70)
        for name in COLUMNS.keys() - {"deep"}:
            assert clean[name].type == before[name].type
            assert clean[name].equals(before[name]) or name == "single precision"  # NaN
        return
    assert [row["text"] for row in rows] == ["One", "Two", "Three"]
    assert json.loads(rows[0].pop("deep")) == nested(70)
    for name, (_, expected) in COLUMNS.items():
        if name == "deep":
            continue
        assert [row[name] for row in rows] == expected + [None] * (3 - len(expected))


@pytest.mark.parametrize("name", NOT_IN_PARQUET)
def test_columns_that_parquet_cannot_hold_become_json(tmp_path: Path, name: str) -> None:
    make, expected = NOT_IN_PARQUET[name]
    form = output_format_of(".parquet")
    batch = pa.record_batch({"x": make()})
    (tmp_path / "part").write_bytes(form.encode(batch, ".parquet") * 2)
    form.finish(tmp_path / "part", tmp_path / "out.parquet", ".parquet")
    found = parquet.read_table(tmp_path / "out.parquet")["x"]
    texts = [None if x is None else x if isinstance(x, str) else json.dumps(x) for x in expected]
    assert found.to_pylist() == texts * 2 or json_values(found.chunk(0)) == expected * 2


@pytest.mark.parametrize("apart", [False, True])
def test_numbers_that_no_column_holds_together_become_text(tmp_path: Path, apart: bool) -> None:
    rows: list[dict[str, Any]] = [{"x": LARGE, "y": 1}, {"x": 0.5, "y": 0.5}]
    form = output_format_of(".parquet")
    pieces = [rows[:1], rows[1:]] if apart else [rows]
    data = b"".join(form.encode(piece, ".parquet") for piece in pieces)
    (tmp_path / "part").write_bytes(data)
    form.finish(tmp_path / "part", tmp_path / "out.parquet", ".parquet")
    found = parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert found == {"x": [str(LARGE), "0.5"], "y": [1.0, 0.5]}


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_columns_of_one_name_both_stay(tmp_path: Path, output: str) -> None:
    columns = [pa.array([value]) for value in (1, "a", 2, "One")]
    table = pa.Table.from_arrays(columns, ["x", "title", "x", "text"])
    parquet.write_table(table, tmp_path / "in.parquet")
    (row,), errors = cleaned(tmp_path, tmp_path / "in.parquet", output)
    assert errors == []
    assert (row["x"], row["x_2"], row["original_title"]) == (1, 2, "a")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_a_page_of_a_table_that_is_not_utf8_is_one_error(tmp_path: Path, kind: Any) -> None:
    pages = pa.array(
        [b"caf\xe9", b"Two"], pa.large_binary() if "large" in str(kind) else pa.binary()
    )
    parquet.write_table(pa.table({"text": pages.view(kind)}), tmp_path / "in.parquet")
    rows, errors = cleaned(tmp_path, tmp_path / "in.parquet", "out.jsonl")
    assert [row["text"] for row in rows] == ["Two"]
    assert [error[:9] for error in errors] == ["not UTF-8"]


# Parquet: sizes and damage


def chunks(path: Path, start: int = 0) -> Iterator[Chunk]:
    return format_of(path.name).read(str(path), start, OPTIONS)


@pytest.mark.parametrize("kind", [pa.string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())])
def test_a_page_of_a_table_that_is_too_long_is_one_error(
    tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "MAX_PAGE_BYTES", 50)
    pages = pa.array(["One", "x" * 51, "y" * 50, None, "z" * 9000]).cast(kind)
    parquet.write_table(pa.table({"text": pages}), tmp_path / "in.parquet")
    rows, errors = cleaned(tmp_path, tmp_path / "in.parquet", "out.jsonl")
    assert [row["text"] for row in rows] == ["One", "y" * 50]
    too_long = "longer than 50 bytes"
    assert errors == [too_long, "no page: the field is empty", too_long]


def test_batches_of_a_table_are_as_large_as_chunks_and_do_not_depend_on_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clutter.formats.parquet.SMALL_GROUP_BYTES", 10_000)
    monkeypatch.setattr(base, "CHUNK_BYTES", 5_000)
    sizes = [100, 3000, 2500, 40, 9000, 7000, *[300] * 30]
    pages = [f"{i:04}" * (size // 4) for i, size in enumerate(sizes)]
    path = tmp_path / "in.parquet"
    parquet.write_table(pa.table({"id": range(36), "text": pages}), path, row_group_size=25)
    through = [(some.first, some.count) for some in chunks(path)]
    assert sum(count for _, count in through) == 36
    assert 4 < len(through) < 36
    for first, count in through:
        rows = batch_of(next(iter(chunks(path, first))).raw)
        assert rows["id"].to_pylist() == [*range(first, first + count)]
        assert count == 1 or sum(sizes[first : first + count]) < 2 * 5_000
        rest = [(some.first, some.count) for some in chunks(path, first + count)]
        assert rest == [span for span in through if span[0] > first]


MEMORY = """
import sys
import pyarrow
from clutter.formats import format_of
from clutter.options import CleanOptions
pages = 0
for chunk in format_of("a.parquet").read(sys.argv[1], 0, CleanOptions()):
    pages += chunk.count
    assert chunk.error is None
print(pages, pyarrow.default_memory_pool().max_memory() // 1_000_000)
"""


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_table_that_is_packed_well_takes_little_memory(tmp_path: Path, dictionary: bool) -> None:
    path = tmp_path / "in.parquet"
    count = 60 if dictionary else 20
    column = pa.DictionaryArray.from_arrays(pa.array([0] * count), ["x" * 5_000_000])
    table = pa.table({"text": column if dictionary else column.dictionary_decode()})
    parquet.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=dictionary,
        store_schema=False,
        write_batch_size=1,  # each page in a part of its own, as parts are unpacked whole
    )
    assert path.stat().st_size < 50_000
    command = [sys.executable, "-c", MEMORY, str(path)]
    pages, megabytes = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert int(pages) == count
    assert int(megabytes) < 60  # all pages together have 300 and 100 MB


def test_rows_of_a_table_that_are_damaged_are_one_error_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in.parquet"
    pages = [f"Page {i}" for i in range(30)]
    parquet.write_table(pa.table({"text": pages}), path, row_group_size=10, compression="zstd")
    column = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    at = column.dictionary_page_offset
    data[at : at + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    rows, errors = cleaned(tmp_path, path, "out.parquet")
    assert [row["text"] for row in rows] == pages[:10] + pages[20:]
    assert [error[:30] for error in errors] == ["rows 11 to 20 cannot be read: "]


def test_types_nested_too_deep_for_arrow_are_known() -> None:
    assert MAX_DEPTH < 64
    with pytest.raises(pa.ArrowInvalid, match="recursion"):
        table = pa.table({"x": [nested(70)]})
        with pa.ipc.new_stream(pa.BufferOutputStream(), table.schema) as stream:
            stream.write(table)


# WARC


def warc(number: int, block: bytes, kind: str = "response", length: int | None = None) -> bytes:
    """A record of an archive; ``length`` is what its headers say, if that is wrong."""
    types = {"response": "application/http; msgtype=response", "conversion": "text/plain"}
    return (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"WARC-Target-URI: http://example.org/{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: {types.get(kind, 'application/warc-fields')}\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    ).encode() + block + b"\r\n\r\n"  # fmt: skip


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def html(number: int) -> bytes:
    return f"<html><body><p>Page number {number} of this archive</body></html>".encode()


def response(number: int, length: int | None = None) -> bytes:
    return warc(number, http(html(number), "Content-Type: text/html"), length=length)


def read(path: Path, start: int = 0) -> tuple[list[str], list[str]]:
    """The ids of the pages of an archive, and all reasons of what cannot be read."""
    form = format_of(path.name)
    assert isinstance(form, ItemFormat)
    ids: list[str] = []
    reasons: list[str] = []
    for chunk in form.read(str(path), start, OPTIONS):
        for one in form.records(chunk, OPTIONS):
            if one.error is None:
                ids.append(one.fields["id"].removeprefix("urn:uuid:"))
            else:
                reasons.append(one.error)
        reasons += [chunk.error] if chunk.error else []
    return ids, reasons


def numbers(*ranges: range) -> list[str]:
    return [str(i) for part in ranges for i in part]


def zst(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data))


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "a.warc": bytes,
    "a.warc.gz": gzip.compress,
    "a.warc.zst": zst,
}


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize("wrong", [5, 60, 400, 10**9, 10**14])
@pytest.mark.parametrize("kind", ["response", "request", "warcinfo"])
def test_a_record_of_the_wrong_length_costs_no_other(
    tmp_path: Path, name: str, wrong: int, kind: str
) -> None:
    if name.endswith(".zst"):
        pytest.importorskip("fastwarc")
    block = http(html(20), "Content-Type: text/html")
    bad = warc(20, block, kind, wrong)
    records = [*map(response, range(20)), bad, *map(response, range(21, 80))]
    (tmp_path / name).write_bytes(b"".join(map(PACKS[name], records)))
    ids, reasons = read(tmp_path / name)
    assert ids == numbers(range(20), range(21, 80))
    (reason,) = reasons
    assert reason.startswith("a record of the wrong length; ")
    begin = len(b"".join(map(PACKS[name], records[:20])))
    if name == "a.warc":
        assert reason.endswith(f"; {len(bad)} bytes from byte {begin:,} on are skipped")
    if name == "a.warc.gz":
        size = len(gzip.compress(bad))
        assert reason.endswith(f"; {size} bytes from byte {begin:,} on are skipped")


def test_a_record_of_the_wrong_length_is_found_in_an_archive_packed_as_a_whole(
    tmp_path: Path,
) -> None:
    records = [*map(response, range(20)), response(20, 9000), *map(response, range(21, 80))]
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(b"".join(records)))
    ids, reasons = read(tmp_path / "a.warc.gz")
    assert ids == numbers(range(20), range(21, 80))
    assert reasons == [
        f"a record of the wrong length; {len(records[20])} unpacked bytes are skipped, from byte "
        f"{len(b''.join(records[:20])):,} on of what is packed at byte 0"
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_many_records_of_the_wrong_length_take_time_once(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_PAGE_BYTES", 100_000)
    length = 10**9 if pack is bytes else 7
    path = tmp_path / "a.warc.gz"
    path.write_bytes(pack(b"".join(response(i, length if i % 2 else None) for i in range(4000))))
    begin = time.process_time()
    ids, reasons = read(path)
    assert ids == numbers(range(0, 4000, 2))
    assert len(reasons) == 2000
    assert time.process_time() - begin < 5  # if each is searched from the beginning: minutes


@pytest.mark.parametrize("junk", [b"junk\n", b"\0" * 3000, b"WARC/1.0 is no record\r\n\r\n"])
def test_junk_between_records_costs_none(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(response(0) + junk + response(1) + junk)
    ids, reasons = read(path)
    assert ids == ["0", "1"]
    assert [reason.rpartition("; ")[2] for reason in reasons] == [
        f"{len(junk):,} bytes from byte {len(response(0)):,} on are skipped",
        f"{len(junk):,} bytes from byte {len(response(0) + junk + response(1)):,} on are skipped",
    ]


@pytest.mark.parametrize("place", [0, 3, 12, 40, -12, -7, -3])
def test_a_damaged_gzip_member_costs_no_other(tmp_path: Path, place: int) -> None:
    members = [gzip.compress(response(i)) for i in range(80)]
    bad = bytearray(members[20])
    bad[place] ^= 0xFF
    begin = len(b"".join(members[:20]))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join([*members[:20], bytes(bad), *members[21:]]))
    ids, reasons = read(path)
    assert ids == numbers(range(20), range(21, 80))
    (reason,) = reasons
    assert reason.startswith("damaged packed bytes (")
    assert reason.endswith(f"; {len(bad)} bytes from byte {begin:,} on are skipped")


@pytest.mark.parametrize("cut", [5, 15, 60, 150])
def test_a_gzip_member_that_breaks_off_costs_no_other(tmp_path: Path, cut: int) -> None:
    members = [gzip.compress(response(i)) for i in range(80)]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join([*members[:20], members[20][:cut], *members[21:]]))
    ids, reasons = read(path)
    assert ids == numbers(range(20), range(21, 80))
    assert len(reasons) == 1
    path.write_bytes(b"".join([*members[:20], members[20][:cut]]))
    ids, reasons = read(path)
    assert ids == numbers(range(20))
    assert f"{cut} bytes from byte {len(b''.join(members[:20])):,} on are skipped" in reasons[0]


def test_a_damaged_archive_is_read_the_same_from_the_middle(tmp_path: Path) -> None:
    parts = [gzip.compress(response(i, 7 if i % 9 == 0 else None)) for i in range(300)]
    for i in range(5, 300, 40):
        parts[i] = parts[i][:-9] + b"\0" * 9
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(parts))
    through = [(x.first, x.count, x.raw, x.error) for x in chunks(path)]
    assert len(through) > 3
    for i, (first, *_) in enumerate(through):
        assert [(x.first, x.count, x.raw, x.error) for x in chunks(path, first)] == through[i:]
    rows, errors = cleaned(tmp_path, path, "out.jsonl")
    assert len(rows) + len(errors) == 300


def test_a_response_is_a_record_with_its_status_and_media_type(tmp_path: Path) -> None:
    pytest.importorskip("turbohtml")
    path = tmp_path / "a.warc"
    kind = "Content-Type: TEXT/HTML; charset=utf-8"
    path.write_bytes(
        warc(0, http(html(0), kind, status="206 Partial"))
        + warc(1, http(html(1)))
        + warc(2, b"Words", "conversion")
    )
    rows, errors = cleaned(tmp_path, path, "out.jsonl")
    assert errors == []
    assert list(rows[0]) == [
        "id",
        "url",
        "date",
        "status",
        "content_type",
        "text",
        "title",
        "kind",
        "metadata",
    ]
    assert [(row["status"], row["content_type"]) for row in rows] == [
        (206, "text/html"), (200, None), (None, "text/plain"),
    ]  # fmt: skip


@pytest.mark.parametrize("charset", ["none", "hex", "a\0b", "\\"])
def test_a_character_set_that_does_not_exist_costs_no_page_of_plain_text(
    tmp_path: Path, charset: str
) -> None:
    path = tmp_path / "a.warc"
    kinds = (f"text/plain; charset={charset}", "Text/Plain")
    path.write_bytes(
        b"".join(warc(i, http(b"Words", f"Content-Type: {x}")) for i, x in enumerate(kinds))
    )
    rows, errors = cleaned(tmp_path, path, "out.jsonl")
    assert errors == []
    assert [row["text"] for row in rows] == ["Words", "Words"]


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_what_is_passed_over_is_counted_by_why(tmp_path: Path, output: str) -> None:
    pytest.importorskip("turbohtml")
    blocks = [
        http(b"", status="301 Moved"),
        http(b"", status="302 Found"),
        http(html(0), status="404 Not Found"),
        http(b"\x89PNG", "Content-Type: image/png"),
        b"no HTTP at all",
        http(html(5)),
    ]
    path = tmp_path / "a.warc"
    requests = b"".join(warc(i, b"GET / HTTP/1.1\r\n\r\n", "request") for i in range(3))
    path.write_bytes(requests + b"".join(map(warc, range(len(blocks)), blocks)))
    counts = run([str(path)], str(tmp_path / output), OPTIONS).counts
    assert {key: counts[key] for key in counts if "passed" in key} == {
        "passed/redirect": 2, "passed/status": 1, "passed/content type": 1, "passed/no page": 4,
    }  # fmt: skip
    assert counts["pages"] == 1


def test_counts_of_what_is_passed_over_are_kept_when_a_chunk_is_split() -> None:
    chunk = Chunk([(0, b"a"), (1, b"b"), (2, b"c")], 0, 9, passed={"status": 6})
    form = format_of("a.jsonl")
    parts = [chunk]
    for _ in range(4):
        parts = [half for part in parts for half in (form.halves(part) or [part])]
    assert [len(part.raw) for part in parts if part.raw] == [1, 1, 1]
    assert [dict(part.passed) for part in parts if part.passed] == [{"status": 6}]
    assert all(not part.raw for part in parts if part.passed)


def deflate(data: bytes, window: int) -> bytes:
    pack = zlib.compressobj(wbits=window)
    return pack.compress(data) + pack.flush()


BODIES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    "deflate": lambda data: deflate(data, 15),
    "Deflate": lambda data: deflate(data, -15),
    "br": lambda data: bytes(pa.Codec("brotli").compress(data)),
    "zstd": zst,
    "gzip, br": lambda data: bytes(pa.Codec("brotli").compress(gzip.compress(data))),
    "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
    "identity": bytes,
    "unknown": bytes,
}


def bodies(folder: Path, *blocks: bytes) -> list[Record]:
    path = folder / "a.warc"
    path.write_bytes(b"".join(map(warc, range(len(blocks)), blocks)))
    form = format_of(path.name)
    assert isinstance(form, ItemFormat)
    return [one for chunk in chunks(path) for one in form.records(chunk, OPTIONS)]


@pytest.mark.parametrize("encoding", BODIES)
def test_a_packed_body_is_unpacked_and_one_that_is_not_is_taken_as_it_is(
    tmp_path: Path, encoding: str
) -> None:
    packed = BODIES[encoding](html(1))
    chunked = b"".join(b"%x;a=b\r\n%s\r\n" % (len(x), x) for x in (packed[:9], packed[9:]))
    found = bodies(
        tmp_path,
        http(packed, f"content-encoding: {encoding}"),
        http(chunked + b"0\r\n\r\n", f"Content-Encoding:{encoding}", "Transfer-Encoding: Chunked"),
        http(html(1), f"Content-Encoding: {encoding}", "Transfer-Encoding: chunked"),
        http(b"", f"Content-Encoding: {encoding}"),
    )
    assert [one.error for one in found] == [None] * 4
    assert [one.content.data for one in found] == [html(1), html(1), html(1), b""]


@pytest.mark.parametrize("encoding", [key for key in BODIES if BODIES[key] is not bytes])
def test_a_body_that_unpacks_without_end_is_one_error(
    tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_PAGE_BYTES", 300_000)
    bomb = BODIES[encoding](bytes(100_000_000 if "," not in encoding else 20_000_000))
    assert len(bomb) < 250_000
    head = f"Content-Encoding: {encoding}"
    tracemalloc.start()
    first, second = bodies(tmp_path, http(bomb, head), http(html(1)))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert (first.error, first.content.data) == ("longer than 300,000 bytes", None)
    assert first.fields["url"] == "http://example.org/0"
    assert second.content.data == html(1)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_body_that_is_damaged_is_one_error(tmp_path: Path, encoding: str) -> None:
    data = random.Random(1).randbytes(200_000)
    packed = bytearray(BODIES[encoding](data))
    packed[150_000:150_100] = bytes(100)
    [one] = bodies(tmp_path, http(bytes(packed), f"Content-Encoding: {encoding}"))
    assert one.error is not None
    assert one.error.startswith(f"the body is packed with {encoding}, and damaged (")
