"""Archives, WARC and WET: the pages in them, and archives that are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

pytest.importorskip("fastwarc", reason="needs the extra clutter[batch]")

from files_of_pages import HTML, found, spans

from clutter.cleaning import Cleaned, clean_many
from clutter.formats.warc import Warc
from clutter.options import DEFAULT, CleanOptions


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
        http(gzip.compress(HTML, mtime=0), "content-type: text/html", "Content-Encoding: gzip"),
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
        "status": 200, "content_type": "text/html",
    }  # fmt: skip


@pytest.mark.parametrize("charset", ["none", "utf-8;", "hex", "\\"])
def test_a_character_set_that_does_not_exist_is_not_believed(tmp_path: Path, charset: str) -> None:
    pytest.importorskip("turbohtml")
    body = http("<p>Wörter".encode(), f"Content-Type: text/html; charset={charset}")
    (tmp_path / "a.warc").write_bytes(b"".join(archive(("response", HTTP, body))))
    [one], _ = found(tmp_path / "a.warc")
    [page] = clean_many([one.content], CleanOptions(threshold=0))
    assert isinstance(page, Cleaned)
    assert page.text == "Wörter"


def test_archives_can_be_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    parts = archive(*[("conversion", "text/plain", b"word %d" % i) for i in range(150)])
    path.write_bytes(b"".join(map(gzip.compress, parts)))
    assert spans(Warc().read(str(path), 0, DEFAULT)) == [(0, 64), (64, 64), (128, 22)]
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
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    pages, damage = found(path)
    assert len(pages) == good
    assert [error.startswith("cannot be read from here on: ") for error in damage] == [True]
