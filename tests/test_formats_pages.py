"""Files of one page: text or HTML, packed or not, and what cannot be read of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from files_of_pages import HTML

from clutter.errors import ReadError
from clutter.formats import PAGE_FILES, base
from clutter.formats.base import Chunk
from clutter.formats.pages import PageFile, read_page
from clutter.options import DEFAULT


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", b"<html>", (b"<html>", False)),
        ("a.html", b"words", (b"words", True)),
        ("a.txt.gz", gzip.compress(b"words", mtime=0), (b"words", False)),
        ("a.HTM.GZ", gzip.compress(b"words", mtime=0), (b"words", True)),
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
        (gzip.compress(b"words" * 99, mtime=0)[:20], "cannot be unpacked"),
        (gzip.compress(bytes(base.MAX_PAGE_BYTES + 1), mtime=0), "longer than 20,000,000 bytes"),
    ],
)
def test_a_page_that_cannot_be_unpacked_says_so(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.html.gz").write_bytes(data)
    with pytest.raises(ReadError, match=reason):
        read_page(str(tmp_path / "a.html.gz"))


def test_a_page_that_is_gone_is_a_record_with_a_reason(tmp_path: Path) -> None:
    chunk = Chunk([(0, PageFile(str(tmp_path / "a.txt"), "a.txt"))], 0, 1)
    [one] = PAGE_FILES.records(chunk, DEFAULT)
    assert one.error == "No such file or directory"
    assert one.fields == {"id": "a.txt"}


def test_what_is_said_of_a_page_counts_more_than_its_name_and_its_beginning(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(b"<p>one")
    assert read_page(str(page)) == (b"<p>one", False)
    assert read_page(str(page), "html") == (b"<p>one", True)
    page = page.rename(tmp_path / "a.html")
    assert read_page(str(page), "text") == (b"<p>one", False)


def test_a_page_need_not_come_from_a_file() -> None:
    chunk = Chunk(
        [(0, PageFile("-", "-", data=b"<p>one")), (1, PageFile("-", "-", data=b"x"))], 0, 2
    )
    contents = PAGE_FILES.contents(chunk, DEFAULT)
    assert [(one.data, one.is_html) for one in contents] == [(b"<p>one", True), (b"x", False)]
