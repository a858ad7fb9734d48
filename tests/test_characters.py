"""Tables of characters: a class for each, and the folded character that stands for it."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clutter.characters import (
    _HANGUL,
    _IDEOGRAPHS,
    _NO_CLASS,
    CLASS,
    CLASSES,
    N_CLASSES,
    character_classes,
    character_tables,
    code_points,
    folded,
)

ANY_TEXT = st.text(st.sampled_from("aÉ9٣ \t\n\ud800\U0001f44d\U00020bb7") | st.characters())
PLANE = np.arange(65536, dtype=np.uint32)


def test_every_class_has_a_number_and_a_character() -> None:
    assert [CLASSES[number] for number in CLASS.values()] == CLASSES
    assert len(CLASS) == N_CLASSES
    found = character_classes(PLANE)
    assert found.tolist() == character_tables()[0].tolist()
    assert set(found.tolist()) == set(range(N_CLASSES))


@given(ANY_TEXT)
def test_code_points_are_those_of_the_text_lone_surrogates_too(text: str) -> None:
    codes = code_points(text)
    assert codes.dtype == np.uint32
    assert codes.tolist() == [ord(character) for character in text]


@given(ANY_TEXT, ANY_TEXT)
def test_a_character_has_its_class_whatever_stands_around_it(one: str, other: str) -> None:
    together = character_classes(code_points(one + other)).tolist()
    assert together == [
        int(number) for c in one + other for number in character_classes(code_points(c))
    ]


def test_digits_fold_to_zero_white_space_to_a_blank_and_capitals_to_lower_case() -> None:
    classes, fold = character_classes(PLANE), folded(PLANE)
    assert set(fold[classes == CLASS["digit"]].tolist()) == {ord("0")}
    assert set(fold[classes == CLASS["space"]].tolist()) == {ord(" ")}
    upper = PLANE[classes == CLASS["upper"]].tolist()
    assert fold[upper].tolist() == [ord(chr(code).lower()[0]) for code in upper]
    others = ~np.isin(classes, [CLASS[name] for name in ("digit", "space", "upper")])
    assert np.array_equal(fold[others], PLANE[others])


def test_folding_what_is_folded_changes_nothing() -> None:
    assert np.array_equal(folded(folded(PLANE)), folded(PLANE))


def test_characters_beyond_the_basic_plane_fold_to_themselves() -> None:
    codes = code_points("A\U00010400\U0001f44d\U0010ffff9")
    assert folded(codes).tolist() == [ord("a"), 0x10400, 0x1F44D, 0x10FFFF, ord("0")]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("symbol", 0x1F000, 0x1FBFF),
        ("ideograph", 0x20000, 0x3FFFF),
        ("ignored", 0xE0000, 0xE0FFF),
        ("letter", 0x10000, 0x1EFFF),
        ("letter", 0x1FC00, 0x1FFFF),
        ("letter", 0x40000, 0xDFFFF),
        ("letter", 0xE1000, 0x10FFFF),
    ],
)
def test_beyond_the_basic_plane_classes_go_by_blocks(name: str, first: int, last: int) -> None:
    codes = np.array([first, (first + last) // 2, last], np.uint32)
    assert character_classes(codes).tolist() == [CLASS[name]] * 3


def test_no_text_has_no_classes() -> None:
    assert character_classes(code_points("")).size == 0


def test_the_blocks_that_are_not_looked_up_hold_characters_of_one_category() -> None:
    ideographs = {unicodedata.category(chr(code)) for block in _IDEOGRAPHS for code in block}
    assert ideographs <= {"Lo", "Cn"}  # a version of Unicode may not have the last ones yet
    assert {unicodedata.category(chr(code)) for code in _HANGUL} == {"Lo"}
    assert {unicodedata.category(chr(code)) for code in _NO_CLASS} == {"Cs", "Co"}
