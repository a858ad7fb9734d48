"""Bytes: the encoding that a page is read in, and what is no HTML at all.

``examples_encodings.json`` holds short texts in many languages, and the encodings that they were
written in before UTF-8.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from pages_of_html import lines_of, without_space

from clutter.errors import HtmlError
from clutter.html.decode import decoded_html
from clutter.html.lines import read

# --- encodings ---

GREEK = "Η γέφυρα άνοιξε σήμερα για τα αυτοκίνητα, είπε ο δήμαρχος."
RUSSIAN = "Мост открыт для движения, сообщил сегодня мэр города."
JAPANESE = "橋は今日から車が通れるようになったと市長が発表した。"
CHINESE = "市长今天宣布，新的大桥已经向汽车开放通行了。"
KOREAN = "시장은 오늘 다리가 자동차에 개방되었다고 발표했다."
FRENCH = "Le maire a annoncé que le pont était ouvert à la circulation dès l'été."
ENCODINGS = [(RUSSIAN, "koi8-r"), (RUSSIAN, "windows-1251"), (GREEK, "iso-8859-7"),
             (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"), (JAPANESE, "iso-2022-jp"),
             (CHINESE, "gb18030"), (CHINESE, "utf-8"), (KOREAN, "euc-kr"),
             (FRENCH, "windows-1252")]  # fmt: skip


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_of_the_http_header(text: str, codec: str) -> None:
    assert lines_of(f"<p>{text}</p>".encode(codec), codec) == [text]
    assert lines_of(text.encode(codec), codec) == [text]  # without any tag, too


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_of_the_meta_element(text: str, codec: str) -> None:
    for meta in (f"<meta charset={codec}>",
                 f"<meta http-equiv=Content-Type content='text/html; charset={codec}'>",
                 f"<script>{'long() ' * 300}</script><meta charset={codec}>"):  # fmt: skip
        assert lines_of(f"{meta}<p>{text}</p>".encode(codec)) == [text]


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_encoding_by_the_bytes_alone(text: str, codec: str) -> None:
    assert lines_of(f"<p>{text}</p>".encode(codec)) == [text]


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_what_is_declared_as_utf8_but_is_not(text: str, codec: str) -> None:
    data = f"<meta charset=utf-8><p>{text}</p>".encode(codec)
    assert lines_of(data) == [text]
    assert lines_of(data, "utf-8") == [text]


def test_the_meta_element_holds_where_the_header_cannot() -> None:
    data = f"<meta charset=koi8-r><p>{RUSSIAN}</p>".encode("koi8-r")
    assert lines_of(data, "utf-8") == [RUSSIAN]


def test_the_header_goes_before_the_meta_element() -> None:
    data = f"<meta charset=windows-1251><p>{RUSSIAN}</p>".encode("koi8-r")
    assert lines_of(data, "koi8-r") == [RUSSIAN]


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1251", "shift_jis", "utf-16le"])
def test_utf8_is_utf8_whatever_is_declared(declared: str) -> None:
    for text in (FRENCH, JAPANESE):
        data = f"<meta charset={declared}><p>{text}</p>".encode()
        assert lines_of(data) == lines_of(data, declared) == [text]


def test_a_few_wrong_bytes_do_not_make_utf8_something_else() -> None:
    data = f"<p>{RUSSIAN}</p><p>".encode() + b"\xff</p><p>" + RUSSIAN.encode()[:-2]
    found = lines_of(data, "windows-1251")
    assert found[0] == RUSSIAN
    assert "\ufffd" in found[2]


# --- what is declared as Latin-1 or windows-1252 ---

EXAMPLES = json.loads(Path(__file__).with_name("examples_encodings.json").read_text("utf-8"))
WRITTEN = [
    pytest.param(example["text"], codec, id=f"{example['language']} in {codec}")
    for example in EXAMPLES
    for codec in example["encodings"]
]
ENGLISH = "The owners of the boats by the river lost most of their guests. " * 5 + "Alas"
PYTHON_CODECS = {"windows-874": "cp874"}


@pytest.mark.parametrize(("text", "codec"), WRITTEN)
def test_a_text_comes_back_whatever_western_encoding_is_declared(text: str, codec: str) -> None:
    page = f"<p>{text}</p>".encode(PYTHON_CODECS.get(codec, codec))
    assert lines_of(page) == [text]
    for weak in ("iso-8859-1", "Windows-1252", "us-ascii"):
        declared = f"<meta charset={weak}>".encode() + page
        assert lines_of(page, weak) == lines_of(declared) == lines_of(declared, weak) == [text]


@pytest.mark.parametrize(("text", "codec"), WRITTEN)
def test_the_meta_element_goes_before_a_header_of_latin_1(text: str, codec: str) -> None:
    word = text.split()[0]
    data = f"<meta charset={codec}><p>{word}</p>".encode(PYTHON_CODECS.get(codec, codec))
    assert lines_of(data, "iso-8859-1") == [word]


@pytest.mark.parametrize("sign", ["£", "½", "®", "\xa0\xa0\xa0", "’", "…", "é", "ñ", "º", "È"])
@pytest.mark.parametrize("header", [None, "iso-8859-1"])
def test_single_signs_are_those_of_windows_1252(sign: str, header: str | None) -> None:
    for text in (f"5 {sign} 7", f"Price {sign}5", f"Bridge{sign}: {ENGLISH}", ENGLISH + sign):
        assert lines_of(f"<p>{text}</p>".encode("cp1252"), header) == [text]


def test_the_language_of_scripts_styles_and_comments_does_not_count() -> None:
    hidden = RUSSIAN.encode("cp1251") * 20
    for start, end in ((b"<script>", b"</script>"), (b"<STYLE x>", b"</STYLE>"), (b"<!--", b"-->")):
        page = start + b"<i>" + hidden + end + f"<p>{FRENCH}</p>".encode("cp1252")
        assert lines_of(page) == lines_of(page, "iso-8859-1") == [FRENCH]


def test_a_description_tells_the_encoding_of_a_page_without_other_letters() -> None:
    page = f"<meta name=description content='{RUSSIAN}'><p>Photo 1</p>"
    assert decoded_html(page.encode("cp1251"), "iso-8859-1") == page


# --- text that was encoded twice ---

TWICE = [
    FRENCH.replace("'", "’"),
    RUSSIAN,
    JAPANESE,
    "“It’s open,” he said…",
    "5\xa0km — 3°",
    "👍 done",
]


@pytest.mark.parametrize("text", TWICE)
def test_utf8_that_was_read_as_latin_1_is_mended(text: str) -> None:
    page = f"<p>One</p><p>{text}</p>"
    twice = page.encode().decode("latin-1")
    assert decoded_html(twice) == decoded_html(twice.encode()) == page
    assert decoded_html("\ufeff" + twice) == page
    assert decoded_html(("\ufeff" + page).encode().decode("latin-1")) == page


def test_utf8_that_was_read_as_windows_1252_is_mended_if_there_is_enough_of_it() -> None:
    page = f"<p>{FRENCH} It’s the mayor’s bridge – for all…</p>" * 4
    twice = page.encode().decode("whatwg-windows-1252")
    assert decoded_html(twice) == decoded_html(twice.encode()) == page


def test_a_page_that_shows_such_text_on_purpose_stays() -> None:
    shown = "<p>What is “cafÃ©” for café, and donâ€™t for don’t? A wrong encoding.</p>"
    few = "<p>The browser shows cafÃ©, rÃ©sumÃ© and donâ€™t: a wrong encoding.</p>"
    for page in (shown, shown * 20, few, f"{few * 20}<p>It should be café.</p>"):
        assert decoded_html(page) == decoded_html(page.encode()) == page


@pytest.mark.parametrize(
    "text", ["Â»", "Úžasné", "groß“", "ovoce\xa0– é\xa0– a", "NAÏ¿½", "\ud800Ã©"]
)
def test_text_that_only_looks_so_stays(text: str) -> None:
    assert decoded_html(text) == text


@pytest.mark.parametrize("example", EXAMPLES, ids=[x["language"] for x in EXAMPLES])
def test_the_same_text_in_utf8_stays(example: dict[str, str]) -> None:
    page = f"<p>{html.escape(example['text'])}</p>" * 20
    assert decoded_html(page) == page
    assert decoded_html(page.encode()) == decoded_html(page.encode(), "iso-8859-1") == page


# --- marks at the start ---


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark(codec: str) -> None:
    data = f"<meta charset=latin1><p>{JAPANESE}</p>".encode(codec)
    assert lines_of(data) == lines_of(data, "koi8-r") == [JAPANESE]


@pytest.mark.parametrize("text", ["One", "<p>One</p>"])
def test_a_byte_order_mark_is_no_part_of_the_text(text: str) -> None:
    assert lines_of("\ufeff" + text) == ["One"]
    for codec in ("utf-8", "utf-16-le", "utf-16-be"):
        data = ("\ufeff" + text).encode(codec)
        for header in (None, "utf-8", "utf-16le", "utf-16be", "koi8-r"):
            assert lines_of(data, header) == ["One"]


@pytest.mark.parametrize(("text", "codec"), ENCODINGS)
def test_a_byte_order_mark_before_a_page_in_another_encoding(text: str, codec: str) -> None:
    data = b"\xef\xbb\xbf" + f"<meta charset={codec}><p>{text}</p>".encode(codec)
    assert lines_of(data) == [text]


def test_utf16_without_a_mark_needs_the_header() -> None:
    data = f"<p>{FRENCH}</p>".encode("utf-16-le")
    assert lines_of(data, "utf-16le") == [FRENCH]
    with pytest.raises(HtmlError, match="binary data"):
        read(data)


@pytest.mark.parametrize("data", [b"<p>One</p>", b"<p>\xe9t\xe9</p>"])
def test_an_unknown_encoding(data: bytes) -> None:
    with pytest.raises(LookupError, match="unknown encoding: klingon"):
        read(data, "klingon")


# --- what is no HTML ---


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF"),
        (b"\r\n%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08\x00\x00", "gzip"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (b"GIF89a", "an image"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "binary data"),
        (b"\xff\xfe\x00\x00<\x00\x00\x00", "binary data"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(HtmlError, match=f"not HTML, but {kind}"):
        read(data)


def test_bytes_in_a_wrong_encoding_of_5_mb() -> None:
    data = b"<meta charset=utf-8><p>" + b"<\xe9\xe8" * 1_500_000
    assert without_space(read(data).text) == "<éè" * 1_500_000
