"""Reading files of pages and of records, whole and damaged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter.cleaning import Cleaned, clean_many, clean_record
from clutter.errors import ReadError
from clutter.formats import PAGE_FILES, base, format_of, output_name
from clutter.formats.base import Chunk, ItemFormat, Record
from clutter.formats.jsonl import JsonLines
from clutter.formats.pages import PageFiles, read_page
from clutter.formats.parquet import Parquet, batch_of
from clutter.formats.warc import Warc
from clutter.options import CleanOptions

EXAMPLES = json.loads((Path(__file__).parent / "examples_records.json").read_text("utf-8"))
OPTIONS = CleanOptions()
HTML = b"<html><body><p>One page of several words</p></body></html>"


def found(
    path: Path, start: int = 0, options: CleanOptions = OPTIONS
) -> tuple[list[Record], list[str]]:
    """All records of a file, and what was wrong with it."""
    file_format = format_of(path.name)
    assert isinstance(file_format, ItemFormat)
    chunks = list(file_format.read(str(path), start, options))
    records = [one for chunk in chunks for one in file_format.records(chunk, options)]
    return records, [chunk.error for chunk in chunks if chunk.error]


def spans(items: Iterator[Chunk]) -> list[tuple[int, int]]:
    return [(some.first, some.count) for some in items if some.count]


# names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", PageFiles), ("a.html", PageFiles), ("a.HTML.gz", PageFiles), ("a", PageFiles),
        ("a.jsonl", JsonLines), ("a.ndjson.gz", JsonLines), ("a.JSONL.zst", JsonLines),
        ("a.parquet", Parquet), ("a.warc", Warc), ("a.warc.wet.gz", Warc),
        ("a.wet.gz", Warc), ("a.json", PageFiles),
    ],
)  # fmt: skip
def test_a_name_tells_what_a_file_holds(name: str, kind: type) -> None:
    assert type(format_of(name)) is kind


@pytest.mark.parametrize(
    ("place", "end", "output"),
    [
        ("b/a.html", ".txt", "b/a.txt"), ("a.html.gz", ".txt", "a.txt"), ("a.txt", ".txt", "a.txt"),
        ("a.php", ".txt", "a.php"), ("a.php", ".md", "a.php.md"), ("a.htm", ".md", "a.md"),
        ("b/a.jsonl.zst", ".txt", "b/a.jsonl.zst"), ("a.parquet", ".txt", "a.parquet"),
        ("b/a.warc.wet.gz", ".txt", "b/a.jsonl.gz"), ("a.warc", ".txt", "a.jsonl.gz"),
    ],
)  # fmt: skip
def test_output_is_named_after_its_input(place: str, end: str, output: str) -> None:
    assert output_name(place, end) == output


# pages


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", b"<html>", (b"<html>", False)),
        ("a.html", b"words", (b"words", True)),
        ("a.txt.gz", gzip.compress(b"words"), (b"words", False)),
        ("a.HTM.GZ", gzip.compress(b"words"), (b"words", True)),
        ("page.php", HTML, (HTML, True)),
        ("page", b"words", (b"words", False)),
    ],
)
def test_a_page_is_html_by_its_name_or_else_by_its_beginning(
    tmp_path: Path, name: str, data: bytes, expected: tuple[bytes, bool]
) -> None:
    (tmp_path / name).write_bytes(data)
    assert read_page(str(tmp_path / name)) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"words", "cannot be unpacked"),
        (gzip.compress(b"words" * 99)[:20], "cannot be unpacked"),
        (gzip.compress(bytes(base.MAX_PAGE_BYTES + 1)), "longer than 20,000,000 bytes"),
    ],
)
def test_a_page_that_cannot_be_unpacked_says_so(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.html.gz").write_bytes(data)
    with pytest.raises(ReadError, match=reason):
        read_page(str(tmp_path / "a.html.gz"))


def test_a_page_that_is_gone_is_a_record_with_a_reason(tmp_path: Path) -> None:
    chunk = Chunk([(0, (str(tmp_path / "a.txt"), "a.txt", ""))], 0, 1)
    [one] = PAGE_FILES.records(chunk, OPTIONS)
    assert one.error == "No such file or directory"
    assert one.fields == {"id": "a.txt"}


# JSON lines


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["why"] for example in EXAMPLES])
def test_examples(tmp_path: Path, example: dict[str, Any]) -> None:
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
        assert clean | {"title": None} == example["clean"]
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
    numbers = [number for some in JsonLines().read(str(path), 0, OPTIONS) for number, _ in some.raw]
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
    assert "recursion" in (deep.error or "")
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
        through = spans(JsonLines().read(str(path), 0, OPTIONS))
        start = data.draw(st.sampled_from([0, *[first + count for first, count in through]]))
        assert spans(JsonLines().read(str(path), start, OPTIONS)) == [
            x for x in through if x[0] >= start
        ]


# Parquet


def test_parquet_is_read_in_pieces_that_do_not_depend_on_the_start(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"id": [*range(300)], "text": ["A line"] * 300})
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, row_group_size=100)
    through = spans(Parquet().read(str(path), 0, OPTIONS))
    assert through == [(0, 64), (64, 36), (100, 64), (164, 36), (200, 64), (264, 36)]
    for first, count in through:
        rest = list(Parquet().read(str(path), first + count, OPTIONS))
        assert spans(iter(rest)) == [x for x in through if x[0] > first]
        ids = [i for some in rest for i in batch_of(some.raw).column("id").to_pylist()]
        assert ids == [*range(first + count, 300)]
    assert rest == []


@pytest.mark.parametrize(
    ("cut", "options", "reason"),
    [
        (100, OPTIONS, "magic bytes"),
        (0, CleanOptions(html_field="page"), "no field 'page'; there are: text"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_once(
    tmp_path: Path, cut: int, options: CleanOptions, reason: str
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"text": ["A line"] * 300}), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    [only] = Parquet().read(str(path), 0, options)
    assert reason in (only.error or "")
    assert only.count == 0


# WARC and WET


def archive(*parts: tuple[str, str, bytes]) -> list[bytes]:
    """Records of an archive: kind, content type, block."""
    return [
        b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%d>\r\n"
        b"WARC-Target-URI: http://example.org/%d\r\nWARC-Date: 2024-01-0%dT00:00:00Z\r\n"
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
        % (kind.encode(), i, i, i % 9 + 1, content.encode(), len(block), block)
        for i, (kind, content, block) in enumerate(parts)
    ]


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{header}\r\n" for header in (f"HTTP/1.1 {status}", *headers))
    return head.encode() + b"\r\n" + body


HTTP = "application/http; msgtype=response"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HTML), HTML)
RECORDS = archive(
    ("warcinfo", "application/warc-fields", b"software: none"),
    ("request", "application/http; msgtype=request", b"GET / HTTP/1.1\r\n\r\n"),
    ("response", HTTP, http(HTML, "Content-Type: text/html; charset=windows-1251")),
    (
        "response",
        HTTP,
        http(gzip.compress(HTML), "content-type: text/html", "Content-Encoding: gzip"),
    ),
    ("response", HTTP, http(CHUNKED, "Content-Type: text/html", "Transfer-Encoding: chunked")),
    ("response", HTTP, http(HTML, "Content-Type: text/html", "Transfer-Encoding: chunked")),
    ("response", HTTP, http(HTML, "Content-Type: text/html", "Content-Encoding: gzip")),
    ("response", HTTP, http(HTML)),
    ("response", HTTP, http(HTML, "Content-Type: text/html", status="404 Not Found")),
    ("response", HTTP, http(b"\x89PNG", "Content-Type: image/png")),
    ("response", HTTP, http(b"words", "Content-Type: text/plain")),
    ("resource", "text/html", HTML),
    ("conversion", "text/plain", b"words"),
)


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_archives_give_their_pages(tmp_path: Path, name: str) -> None:
    pytest.importorskip("fastwarc")
    pack = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(b"".join(map(pack, RECORDS)))
    pages, damage = found(tmp_path / name)
    assert damage == []
    assert [one.error for one in pages] == [None] * len(pages)
    assert [one.fields["url"][-2:].strip("/") for one in pages] == [
        "2", "3", "4", "5", "6", "7", "10", "11", "12",
    ]  # fmt: skip
    assert [one.content.data for one in pages] == [HTML] * 6 + [b"words", HTML, b"words"]
    assert [one.content.is_html for one in pages] == [True] * 6 + [False, True, False]
    assert pages[0].content.encoding == "windows-1251"
    assert pages[0].fields == {
        "id": "urn:uuid:2", "url": "http://example.org/2", "date": "2024-01-03T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("charset", ["none", "utf-8;", "hex", "\\"])
def test_a_character_set_that_does_not_exist_is_not_believed(tmp_path: Path, charset: str) -> None:
    pytest.importorskip("fastwarc")
    pytest.importorskip("turbohtml")
    body = http("<p>Wörter".encode(), f"Content-Type: text/html; charset={charset}")
    (tmp_path / "a.warc").write_bytes(b"".join(archive(("response", HTTP, body))))
    [one], _ = found(tmp_path / "a.warc")
    [page] = clean_many([one.content], CleanOptions(threshold=0))
    assert isinstance(page, Cleaned)
    assert page.text == "Wörter"


def test_archives_can_be_read_on(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "a.warc.gz"
    parts = archive(*[("conversion", "text/plain", b"word %d" % i) for i in range(150)])
    path.write_bytes(b"".join(map(gzip.compress, parts)))
    assert spans(Warc().read(str(path), 0, OPTIONS)) == [(0, 64), (64, 64), (128, 22)]
    rest, _ = found(path, 64)
    assert [one.content.data for one in rest] == [b"word %d" % i for i in range(64, 150)]


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b"no archive at all", 0),
        (b"".join(map(gzip.compress, RECORDS[:5])) + b"\x1f\x8bjunk", 3),
        (b"".join(RECORDS[:5])[:-30], 2),
        (b"".join(RECORDS[:5]) + b"junk\r\n" * 10, 3),
    ],
    ids=["none", "packed junk", "broken off", "junk"],
)
def test_a_damaged_archive_is_read_as_far_as_it_goes(
    tmp_path: Path, data: bytes, good: int
) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    pages, damage = found(path)
    assert len(pages) == good
    assert [error.startswith("cannot be read from here on: ") for error in damage] == [True]
