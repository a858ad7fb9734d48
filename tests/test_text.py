"""Conversions between bytes, text and what is shown: any input, and what is refused."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clutter.errors import ClutterError, DecodingError, EncodingError
from clutter.text import decoded, looks_like_html, plural, printable, site_of, utf8

ANY_TEXT = st.text(
    st.sampled_from("aé一\U0001f44d\ud800\udbff\udc00\udfff\r\n\0") | st.characters()
)

# --- text -> bytes ---


@given(ANY_TEXT)
def test_any_text_becomes_utf8_and_only_lone_surrogates_change(text: str) -> None:
    expected = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert utf8(text).decode("utf-8") == expected


def test_two_surrogates_in_a_row_are_two_characters_as_they_were() -> None:
    assert utf8("a\ud83d\ude00b").decode() == "a\ufffd\ufffdb"


# --- bytes -> text ---


@pytest.mark.parametrize("text", ["", "Überall\r\nЖ\r一\n", "a\x0b\x85\u2028b", "\ufeffa"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be", "gb18030"])
def test_text_comes_out_with_its_line_breaks_as_they_are(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), encoding) == text.removeprefix("\ufeff")


@given(ANY_TEXT, st.sampled_from(["utf-8", "ascii", "none-such"]))
@example("\ufeffa", "utf-8")
def test_text_that_is_decoded_stays_what_it_is_but_for_its_mark(text: str, encoding: str) -> None:
    assert decoded(text, encoding) == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("data", "encoding", "reason"),
    [
        (b"caf\xe9", "utf-8", "not UTF-8: byte 0xe9 at position 3; name the right encoding, for "),
        (b"ab\xff\xfe", "ascii", "not ASCII: byte 0xff at position 2; "),
        (b"ab\xff", "utf-16-le", "not UTF-16-LE: byte 0xff at position 2; "),
        # codecs that name no byte
        (b"a b", "utf-32", "not UTF-32: "),
        (b"xn--a-ecp.ru\xff", "idna", "not IDNA: "),
    ],
)
def test_bytes_in_another_encoding_are_told_with_their_place(
    data: bytes, encoding: str, reason: str
) -> None:
    with pytest.raises(DecodingError) as caught:
        decoded(data, encoding)
    assert str(caught.value).startswith(reason)
    assert caught.value.__suppress_context__  # what Python says of it would only repeat this


@pytest.mark.parametrize("encoding", ["latin-99", "hex", "rot13", "utf-5"])
def test_an_encoding_that_does_not_exist_or_gives_no_text_is_named(encoding: str) -> None:
    with pytest.raises(EncodingError, match=re.escape(encoding)):
        decoded(b"a", encoding)


ENCODINGS = ["utf-8", "utf-7", "utf-16", "utf-32", "cp1252", "koi8-r", "big5", "shift_jis", "idna",
             "iso2022_jp", "gb18030", "punycode", "undefined", "hex", "none-such"]  # fmt: skip


@given(st.binary(max_size=40), st.sampled_from(ENCODINGS))
def test_any_bytes_are_text_or_an_error_of_this_library(data: bytes, encoding: str) -> None:
    try:
        text = decoded(data, encoding)
    except ClutterError as error:
        assert isinstance(error, DecodingError | EncodingError)
        assert str(error)
    else:
        assert isinstance(text, str)


# --- what is shown ---


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (12345, "12,345 pages")]
)
def test_a_number_of_things_is_shown_in_words(number: int, shown: str) -> None:
    assert plural(number, "page") == shown


@pytest.mark.skipif(os.name != "posix", reason="paths are bytes")
@given(st.binary(max_size=20))
def test_any_name_of_a_file_can_be_shown(name: bytes) -> None:
    shown = printable(os.fsdecode(name))
    # what could steer a screen is replaced, everything else is shown as it is
    for before, after in zip(name.decode("utf-8", "replace"), shown, strict=True):
        assert after in (before, "\ufffd")
        assert ord(after) >= 32
    shown.encode("utf-8")


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("http://www.example.org/1?a=b#c", "example.org"),
        ("https://News.Example.ORG", "news.example.org"),
        ("http://me:secret@www.example.org:8080/", "example.org"),
        ("//cdn.example.org/x", "cdn.example.org"),
        ("www.example.org/about", "example.org"),
        ("example.org:80", "example.org"),
        ("http://wwwexample.org/", "wwwexample.org"),
        ("http://beispiel-bücherei.de/", "beispiel-bücherei.de"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("/only/a/path", ""),
        ("http:///nothing", ""),
        ("http://[::1", ""),
        ("", ""),
    ],
)
def test_the_site_of_an_address_is_its_host_without_www(url: str, site: str) -> None:
    assert site_of(url) == site


@pytest.mark.parametrize("url", [None, 5, b"http://example.org/", ["http://example.org/"]])
def test_what_is_no_address_has_no_site(url: object) -> None:
    assert site_of(url) == ""


@given(ANY_TEXT | st.text("htp:/w.[]@%0a ", max_size=12).map("http://".__add__))
def test_any_text_has_a_site_or_none(url: str) -> None:
    assert isinstance(site_of(url), str)


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><p>One",
        "\n\n <HTML lang=en>",
        "<!-- saved from somewhere " + "x" * 5000 + " -->\n<!--[if IE]><![endif]--><head>",
        '<?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">',
        "<script>var a = 1</script><p>One",
        "<link rel=stylesheet href=a.css>",
        "<div/>One",
        "\ufeff<p>One",
    ],
)
def test_what_begins_as_html_does_looks_like_html(page: str) -> None:
    for data in (page, page.encode(), page.removeprefix("\ufeff").encode("utf-16")):
        assert looks_like_html(data)


@pytest.mark.parametrize(
    "page",
    [
        "", "One", "a <b> c", "<someone@example.org> wrote:", "<3 this", "<text id=1>One</text>",
        "<!-- never closed <p>One", "<pre-release> notes", "One\n<!doctype html><p>Two", "<",
    ],
)  # fmt: skip
def test_plain_text_with_signs_of_html_does_not(page: str) -> None:
    for data in (page, page.encode(), page.encode("utf-16")):
        assert not looks_like_html(data)


@given(st.text(max_size=200), st.binary(max_size=200))
def test_any_page_looks_like_html_or_not(text: str, data: bytes) -> None:
    assert looks_like_html(text) in (True, False)
    assert looks_like_html(data) in (True, False)
    assert looks_like_html(f"<!-- {text.replace('-->', '')} --><p>")
