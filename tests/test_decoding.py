"""Bytes of plain text: byte order marks, and the encoding that an error names."""

from __future__ import annotations

import builtins
import codecs
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clutter.errors import DecodingError, EncodingError
from clutter.text import decoded

RUSSIAN = "Мост открыт для движения, сообщил сегодня мэр города.\n" * 3
GREEK = "Η γέφυρα άνοιξε σήμερα για τα αυτοκίνητα, είπε ο δήμαρχος.\n" * 3
JAPANESE = "橋は今日から車が通れるようになったと市長が発表した。\n" * 3
FRENCH = "Le maire a annoncé que le pont était ouvert à la circulation.\n"


@pytest.mark.parametrize("text", ["one\n\nzwei: ü", RUSSIAN, "", "\ufeffa\ufeff"[1:]])
def test_a_byte_order_mark_is_no_part_of_the_text(text: str) -> None:
    assert decoded("\ufeff" + text, "utf-8") == text
    for encoding in ("utf-8", "UTF8", "utf-8-sig"):
        assert decoded(codecs.BOM_UTF8 + text.encode(), encoding) == text
    for name, mark in (("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)):
        for encoding in (name, "utf-16", "utf-8", "U8"):  # utf-8 is also: none was named
            assert decoded(mark + text.encode(name), encoding) == text


def test_a_mark_elsewhere_is_text() -> None:
    assert decoded("one\ufeff\n\ufefftwo".encode(), "utf-8") == "one\ufeff\n\ufefftwo"
    assert decoded("\n\ufefftwo", "utf-8") == "\n\ufefftwo"


def test_an_encoding_that_was_named_goes_before_bytes_that_look_like_a_mark() -> None:
    assert decoded(b"\xff\xfe", "cp1252") == "ÿþ"


def test_damaged_utf16_is_an_error() -> None:
    with pytest.raises(DecodingError, match="not UTF-16: byte 0x"):
        decoded(codecs.BOM_UTF16_LE + b"a", "utf-8")


CASES = [
    (FRENCH, "cp1252", "cp1252"),
    ("café", "cp1252", "cp1252"),
    (RUSSIAN, "cp1251", "cp1251"),
]
WITH_DETECTOR = [
    (GREEK, "iso8859-7", "cp1253"),
    (JAPANESE, "shift_jis", "shift_jis"),
    (JAPANESE, "euc-jp", "euc-jp"),
]


@pytest.mark.parametrize(("text", "encoding", "named"), CASES + WITH_DETECTOR)
def test_an_error_names_the_likely_encoding(text: str, encoding: str, named: str) -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    with pytest.raises(DecodingError, match=f"name the right encoding, for example {named}$"):
        decoded(text.encode(encoding), "utf-8")


@pytest.mark.parametrize(("text", "encoding", "named"), CASES)
def test_an_error_names_an_encoding_without_a_detector(
    text: str, encoding: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def no_detector(name: str, *args: Any, **named: Any) -> Any:
        if name == "turbohtml":
            raise ImportError(name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", no_detector)
    with pytest.raises(DecodingError, match=f"name the right encoding, for example {named}$"):
        decoded(text.encode(encoding), "utf-8")


def test_a_wrong_encoding_that_was_named() -> None:
    with pytest.raises(DecodingError, match=r"not ASCII: .*for example utf-8$"):
        decoded(FRENCH.encode(), "ascii")
    with pytest.raises(DecodingError, match=r"not UTF-8: .*for example utf-16-le$"):
        decoded(FRENCH.encode("utf-16-le"), "utf-8")
    with pytest.raises(DecodingError, match=r"not ASCII: .*for example utf-16$"):
        decoded(FRENCH.encode("utf-16"), "ascii")


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-16", "ascii", "shift_jis", "zip"]))
def test_any_bytes_are_text_or_an_error_that_names_an_encoding(data: bytes, encoding: str) -> None:
    try:
        text = decoded(data, encoding)
    except (DecodingError, EncodingError) as error:
        if "for example" in str(error):
            codecs.lookup(str(error).rpartition(" ")[2])
    else:
        assert isinstance(text, str)
