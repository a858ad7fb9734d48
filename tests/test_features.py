"""Line splitting and features: what a line is, and the numbers that describe it.

The module under test works on whole batches with vector operations. Here the same
numbers come from plain loops over characters, and both must agree for any text.
line_examples.json holds the cases of line splitting; add to it what you meet.
"""

from __future__ import annotations

import functools
import json
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clutter import features
from clutter.features import LINE_FEATURE_NAMES, LINE_LIMIT, ORDERS, Features, Pages

EXAMPLES = json.loads((Path(__file__).parent / "line_examples.json").read_text("utf-8"))

CLASS_NAMES = [
    name[6:] for name in LINE_FEATURE_NAMES if name.startswith("share ") and name != "share long"
]
CLASS_NAMES += ["ignored", "newline"]

# line ends, blanks and marks come often, so that they meet each other; then letters of
# several scripts and planes, and anything at all, lone surrogates too
CHARACTERS = st.one_of(
    st.sampled_from("\n\r\n\r \t\u200b\u200e\u200f\ufeff\u00a0\u3000\u00ad\x00"),
    st.sampled_from("aAbBéÉßЖжİςΣ٣9一かアक्\U0001f44d\U00020bb7\ud800|.,:;©-\"'"),
    st.characters(exclude_categories=()),
)
TEXTS = st.text(CHARACTERS, max_size=120)
BATCHES = st.lists(TEXTS, min_size=1, max_size=4)


def found_lines(pages: Pages, texts: list[str], i: int) -> list[list[object]]:
    """Number and text of the lines of page i."""
    rows = slice(pages.first[i], pages.first[i + 1])
    start = pages.lines.start[rows] - pages.offset[i]
    end = pages.lines.end[rows] - pages.offset[i]
    spans = zip(pages.number[rows].tolist(), start.tolist(), end.tolist(), strict=True)
    return [[number, texts[i][a:b]] for number, a, b in spans]


@functools.cache
def class_name(character: str) -> str:
    """Class of a character, asked for it alone."""
    return CLASS_NAMES[int(features.split([character]).lines.classes[0])]


def fold(character: str) -> int:
    """Code point under which a character is hashed."""
    name = class_name(character)
    if ord(character) > 0xFFFF:
        return ord(character)
    if name == "digit":
        return ord("0")
    if name == "space":
        return ord(" ")
    return ord(character.lower()[0]) if name == "upper" else ord(character)


def visible(line: str) -> str:
    """The part of a line that is looked at: marks gone, white space single and inside."""
    shown = [c for c in line[:LINE_LIMIT] if class_name(c) != "ignored"]
    spaced = "".join(" " if class_name(c) == "space" else c for c in shown)
    return re.sub(" +", " ", spaced).strip(" ")


FULL = 2**32 - 1


def slow_hashes(line: str, order: int) -> list[int]:
    """Hash of the n-gram that ends at each character of a line and at its newline; 0 where
    it would begin before the line's opening newline."""
    codes = [10, *map(fold, visible(line)), 10]
    single = [code * 0x9E3779B1 & FULL for code in codes]
    single = [code ^ code >> 15 for code in single]
    row = []
    for end in range(1, len(codes)):
        begin = end - order + 1
        if begin < 0:
            row.append(0)
            continue
        value = single[begin]
        for code in single[begin + 1 : end + 1]:
            value = (value * 0x85EBCA6B & FULL) ^ code
        value = value * 0xC2B2AE35 & FULL
        value ^= value >> 13
        row.append(value * 0x27D4EB2F & FULL)
    return row


def slow_buckets(line: str) -> list[list[int]]:
    """Bucket of the n-gram that ends at each character of a line and at its newline, for
    each order."""
    cut = 32 - features.BUCKET_BITS
    return [[value >> cut for value in slow_hashes(line, order)] for order in ORDERS]


def slow_shape(line: str) -> dict[str, float]:
    """The features of a line's own shape, by name."""
    text = visible(line)
    names = [class_name(c) for c in text]
    total = len(names)
    cut = max(len(line) - LINE_LIMIT, 0)
    width = total + 1.5 * names.count("ideograph") + cut
    words = re.findall("w+", "".join("w" if n in LETTERS else " " for n in names))
    initials = ["w" if n in LETTERS else " " for n in names]
    starts = [i for i, c in enumerate(initials) if c == "w" and (i == 0 or initials[i - 1] != "w")]
    capitals = sum(names[i] == "upper" for i in starts)
    letters = sum(n in LETTERS for n in names)
    found = {
        "log width": math.log1p(width),
        "sqrt width": math.sqrt(width),
        "log words": math.log1p(len(words)),
        "word length": min(letters / max(len(words), 1), 30),
        "capitalised share": capitals / max(len(words), 1),
        "cut": math.log1p(cut),
    }
    for name in CLASS_NAMES[:-2]:
        found[f"share {name}"] = names.count(name) / max(total, 1)
        found[f"first {name}"] = float(names[:1] == [name])
        found[f"last {name}"] = float(names[-1:] == [name])
    for name in ("digit", "terminal", "comma", "quote", "upper"):
        found[f"log {name}"] = math.log1p(names.count(name))
    return found


LETTERS = ("lower", "upper", "letter", "mark")


def width(line: str) -> float:
    return math.expm1(slow_shape(line)["log width"])


def eights(line: str) -> list[int]:
    """Hash of the 8-gram that ends at each position, made of those of its two halves."""
    fours = slow_hashes(line, 4)
    found = [0] * len(fours)
    for end in range(6, len(fours)):  # the opening newline and seven characters
        found[end] = (fours[end - 4] * 0x85EBCA6B & FULL) ^ fours[end]
    return found


def slow_overlaps(lines: list[str]) -> list[dict[str, float]]:
    """For each short line of a page the share of its n-grams that a long line has too; 0 for
    a long line."""
    # every n-gram has a slot in a table of at least four slots for each of the page's
    # characters and newlines; two n-grams in one slot count as one
    room = 16
    while room < sum(len(visible(line)) + 1 for line in lines):
        room *= 2
    size = 4 * room
    long = [width(line) > features.TEXT - 1e-6 for line in lines]
    found: list[dict[str, float]] = [{} for _ in lines]
    for order, hashes in ((4, lambda line: slow_hashes(line, 4)), (8, eights)):
        # every second n-gram, chosen by a bit of its hash
        slots = [
            [(value >> 7) % size for value in hashes(line) if value >> 5 & 1] for line in lines
        ]
        text = {slot for i, row in enumerate(slots) if long[i] for slot in row}
        for i, mine in enumerate(slots):
            share = sum(slot in text for slot in mine) / max(len(mine), 1)
            found[i][f"overlap {order}"] = 0.0 if long[i] else share
    return found


def slow_places(lines: list[str]) -> list[dict[str, float]]:
    """The features of each line's place on its page, by name."""
    widths = [width(line) for line in lines]
    shown = [[fold(c) for c in visible(line)] for line in lines]
    whole = sum(widths)
    long = [i for i, wide in enumerate(widths) if wide > features.LONG - 1e-6]
    return [
        {
            "log same": math.log(shown.count(shown[i])),
            "same before": float(shown[i] in shown[:i]),
            "same after": float(shown[i] in shown[i + 1 :] and shown[i] not in shown[:i]),
            "place": i / len(lines),
            "log from start": math.log1p(i),
            "log from end": math.log1p(len(lines) - 1 - i),
            "text before": sum(widths[:i]) / whole,
            "log lines": math.log(len(lines)),
            "log text": math.log(whole),
            "share long": sum(widths[j] for j in long) / whole,
            "width to longest": widths[i] / max(widths),
            "width to mean": math.log1p(widths[i]) - math.log1p(whole / len(lines)),
            # the page's edge is where a long line would stand next
            "log to long above": math.log(i - max([j for j in long if j < i], default=-1)),
            "log to long below": math.log(min([j for j in long if j > i], default=len(lines)) - i),
        }
        for i in range(len(lines))
    ]


def featured(*texts: str) -> Features:
    return features.features(features.split(texts).lines)


def column(found: Features, name: str) -> list[float]:
    values: list[float] = found.line_features[:, LINE_FEATURE_NAMES.index(name)].tolist()
    return values


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["about"] for case in EXAMPLES])
def test_examples_of_line_splitting(case: dict[str, Any]) -> None:
    texts = [case["text"]]
    assert found_lines(features.split(texts), texts, 0) == case["lines"]


@given(BATCHES)
@example(["a\r", "\nb"])
@example(["a\n", "\r", "\n\nb"])
@example(["", "", "a", ""])
def test_splitting_is_that_of_a_regular_expression_page_by_page(texts: list[str]) -> None:
    pages = features.split(texts)
    assert pages.first.tolist()[0] == 0
    assert pages.first[-1] == pages.lines.start.size
    for i, text in enumerate(texts):
        expected = [
            [number, line]
            for number, line in enumerate(re.split("\r\n|\n|\r", text), 1)
            if any(class_name(c) not in ("space", "ignored") for c in line)
        ]
        assert found_lines(pages, texts, i) == expected


@pytest.mark.parametrize(
    ("name", "characters"),
    [
        ("lower", "azéжσß"),
        ("upper", "AZÉЖΣİ"),
        ("letter", "אبकก한\U00010400\U000e1000\U000f0000\U0010fffd"),
        ("ideograph", "一龍かアー\U00020bb7"),
        ("digit", "09٣३²Ⅳ"),
        ("terminal", ".!?…。؟।"),
        ("comma", ",;،、"),
        ("quote", "\"'„“”«»‹›「』"),
        ("dash", "-–—"),
        ("symbol", "|•→★\U0001f44d"),
        ("bracket", "()[]（】"),
        ("web", "@#/&©"),
        ("currency", "$€₽"),
        ("mark", "\u0301्"),
        ("space", " \t\u00a0\u3000\u2009\u2028\x85\x1c"),
        ("ignored", "\u200b\u200d\u200e\u200f\u202b\u2066\u061c\ufeff\u00ad\U000e0041"),
        ("newline", "\n\r"),
        ("ignored", "\U000e0000\U000e0fff"),
        ("other", "\x00\ud800\ue001"),
    ],
)
def test_classes_of_characters(name: str, characters: str) -> None:
    assert {c: class_name(c) for c in characters} == dict.fromkeys(characters, name)


@given(BATCHES)
@example(["\u200b" * LINE_LIMIT + "beyond the limit"])
@example(["x" * (LINE_LIMIT - 1) + " yz\n" + "x" * LINE_LIMIT])
@example(["  A\u200b B  \n\u200ec"])
def test_buckets_are_those_of_the_slow_hash(texts: list[str]) -> None:
    found = featured(*texts)
    pages = features.split(texts)
    lines = [str(line) for i in range(len(texts)) for _, line in found_lines(pages, texts, i)]
    assert found.first.size == len(lines) + 1
    assert found.first[-1] == found.buckets.shape[1]
    for i, line in enumerate(lines):
        ours = found.buckets[:, found.first[i] : found.first[i + 1]]
        assert ours.tolist() == slow_buckets(line)


@given(BATCHES)
@example(["\u200b" * LINE_LIMIT + "beyond the limit"])
@example(["一龍 ABC Word word9 don't\n§ 12.5"])
def test_shape_is_that_of_the_slow_count(texts: list[str]) -> None:
    found = featured(*texts)
    pages = features.split(texts)
    lines = [str(line) for i in range(len(texts)) for _, line in found_lines(pages, texts, i)]
    for i, line in enumerate(lines):
        expected = slow_shape(line)
        ours = {name: found.line_features[i, LINE_FEATURE_NAMES.index(name)] for name in expected}
        assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6)


WORDS = [
    "a",
    "Storm",
    "the",
    "harbour",
    "wall",
    "12.5",
    "«Ж»",
    "一龍かアー",
    "menu",
    "\u200b",
    "teaser ",
]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
PARAGRAPHS = st.lists(st.sampled_from(WORDS), min_size=20, max_size=50).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(SENTENCES, PARAGRAPHS, TEXTS), min_size=1, max_size=8).map("\n".join))
@example("x" * (features.LONG - 1) + "\nab\n" + "x" * features.LONG + "\nab\nab")
@example("Ж" * (features.TEXT - 1) + "\nЖЖЖЖЖЖЖЖЖ\n" + "x" * features.TEXT + "\nxxxxxxxxx")
@example("Menu\nThe menu\n" + "The menu of the day, " * 9 + "\n" + "The menu of the day, " * 9)
@example("one line of thirty-one character")
@example("\u200b" * LINE_LIMIT + "beyond the limit\nshort")
def test_what_a_line_shares_with_its_page_is_that_of_the_slow_count(text: str) -> None:
    found = featured(text)
    lines = [str(line) for _, line in found_lines(features.split([text]), [text], 0)]
    expected = zip(slow_overlaps(lines), slow_places(lines), strict=True) if lines else ()
    for i, (overlap, place) in enumerate(expected):
        both = overlap | place
        ours = {name: found.line_features[i, LINE_FEATURE_NAMES.index(name)] for name in both}
        assert ours == pytest.approx(both, rel=1e-4, abs=1e-5)


def test_the_slow_counts_together_know_every_feature() -> None:
    known = slow_shape("a") | slow_overlaps(["a"])[0] | slow_places(["a"])[0]
    assert sorted(known) == sorted(LINE_FEATURE_NAMES)


@given(BATCHES)
def test_features_are_finite(texts: list[str]) -> None:
    assert np.isfinite(featured(*texts).line_features).all()


@given(st.lists(TEXTS, min_size=2, max_size=5))
@example(["Menu\n" * 40, "Menu\n" + "A headline about words. " * 30, "Menu"])
# 128 characters with the newlines: one more and its table would be twice as large
@example(["before", ("storm and storm and storm, " * 9)[:120] + "\nlamp s"])
def test_features_do_not_depend_on_the_other_pages(texts: list[str]) -> None:
    together = featured(*texts)
    alone = [featured(text) for text in texts]
    assert np.array_equal(together.buckets, np.concatenate([one.buckets for one in alone], axis=1))
    np.testing.assert_allclose(
        together.line_features,
        np.concatenate([one.line_features for one in alone]),
        rtol=1e-5,
        atol=1e-6,
    )


@given(TEXTS, TEXTS)
def test_a_line_never_sees_into_the_next_one(first: str, second: str) -> None:
    """An n-gram never reaches over a line's end: the lines' buckets are those they have alone."""
    together = featured(first + "\n" + second)
    parts = [featured(first), featured(second)]
    assert np.array_equal(together.buckets, np.concatenate([one.buckets for one in parts], axis=1))


@given(st.lists(st.text(st.sampled_from("aAbж9 .\u200b"), max_size=12), max_size=8))
def test_marks_case_and_spacing_leave_the_buckets_alone(lines: list[str]) -> None:
    noisy = ["\u200f " + line.replace(" ", " \u3000\t").upper() + "\u200b " for line in lines]
    assert np.array_equal(featured("\n".join(lines)).buckets, featured("\n".join(noisy)).buckets)


def test_random_lines_rarely_share_a_bucket() -> None:
    letters = random.Random(3)
    words = {"".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _ in range(3000)}
    found = featured("\n".join(sorted(words)))
    five = found.buckets[3, found.first[:-1] + 4]  # ends at each word's fifth letter
    collisions = len(words) - np.unique(five).size
    # 3,000 draws from 2**18 buckets: 17 are expected
    assert collisions < 40


def test_repeated_lines_are_counted_and_told_from_the_first() -> None:
    found = featured("Menu\nText\n MENU \u200b\nMore\nmenu\nText")
    assert np.exp(column(found, "log same")).round().tolist() == [3, 2, 3, 1, 3, 2]
    assert column(found, "same before") == [0, 0, 1, 0, 1, 1]
    assert column(found, "same after") == [1, 1, 0, 0, 0, 0]


def test_place_counts_the_lines_of_the_page() -> None:
    found = featured("another page", "one\n\ntwo\nthree\nfour")
    assert column(found, "place")[1:] == [0, 0.25, 0.5, 0.75]
    assert np.expm1(column(found, "log from start"))[1:] == pytest.approx([0, 1, 2, 3], abs=1e-5)
    assert np.expm1(column(found, "log from end"))[1:] == pytest.approx([3, 2, 1, 0], abs=1e-5)
    assert np.exp(column(found, "log lines"))[1:] == pytest.approx([4, 4, 4, 4])
    widths = [3, 3, 5, 4]
    before = [sum(widths[:i]) / 15 for i in range(4)]
    assert column(found, "text before")[1:] == pytest.approx(before)


def test_a_headline_returns_in_the_long_lines_and_a_teaser_does_not() -> None:
    teasers = ["Quiz night comes to Bexley", "Five ways to cook leeks", "Why owls blink",
               "Cup draw: who meets who", "Obituary: Jim Fox, boxing coach"]  # fmt: skip
    text = (
        "Storm damages harbour wall\n" + "\n".join(teasers) + "\n"
        "The storm that swept the coast on Friday left the harbour wall badly damaged, and the "
        "port authority says that the storm damages harbour trade for the rest of the year.\n"
    )
    found = featured(text)
    for order in (4, 8):
        headline, *others, paragraph = column(found, f"overlap {order}")
        assert headline > 0.6
        # in a table this small some of a teaser's n-grams seem to return by chance
        assert np.mean(others) < 0.3
        assert headline > max(others)
        assert paragraph == 0


def overlaps(*texts: str) -> list[list[float]]:
    """Overlap of each line, of order 4 and of order 8."""
    found = featured(*texts)
    return [column(found, "overlap 4"), column(found, "overlap 8")]


def test_only_short_lines_overlap_and_only_with_long_ones() -> None:
    text = "wording of a text " * 7 + "wording"
    # a long line gets nothing, even where its wording returns
    assert overlaps(text + "\n" + text) == [[0, 0], [0, 0]]
    # a short line that is part of a long one returns whole, wherever the long one stands
    cut = "wording of a text wording"
    assert overlaps(f"{cut}\n{text}\n{cut}") == [[1, 0, 1], [1, 0, 1]]
    # but not in a short line, a copy of it or itself
    assert overlaps(f"{cut}\n{cut}\nmore {cut}") == [[0, 0, 0], [0, 0, 0]]
    # nor in the text of another page
    assert overlaps(text, cut, text) == [[0, 0, 0], [0, 0, 0]]


def test_a_line_is_text_from_its_width_on() -> None:
    text = "harbour-wall-" * 10
    assert overlaps(text[: features.TEXT - 1] + "\n" + text[:30])[0] == [0, 0]
    assert overlaps(text[: features.TEXT] + "\n" + text[:30])[0][1] > 0.5
    # an ideograph is two and a half wide
    text = "港湾的石墙在风暴中" * 10
    assert overlaps(text[: features.TEXT * 2 // 5 - 1] + "\n" + text[:18])[0] == [0, 0]
    assert overlaps(text[: features.TEXT * 2 // 5] + "\n" + text[:18])[0][1] > 0.5


def test_the_nearest_long_line_is_counted_off_from_both_sides() -> None:
    found = featured("\n".join(["short", "x" * 100, "short", "short", "y" * 100]), "short")
    assert np.exp(column(found, "log to long above")) == pytest.approx([1, 2, 1, 2, 3, 1])
    assert np.exp(column(found, "log to long below")) == pytest.approx([1, 3, 2, 1, 1, 1])


def test_a_very_long_page_is_cut_into_sections_that_count_for_themselves() -> None:
    text = "word\n" * (features.SECTION_LINES + 10)
    pages = features.split(["before", text])
    assert pages.lines.sections.tolist() == [
        0,
        1,
        1 + features.SECTION_LINES,
        11 + features.SECTION_LINES,
    ]
    assert pages.number[1:].tolist() == list(range(1, features.SECTION_LINES + 11))


def test_a_text_of_another_section_is_not_overlapped_with() -> None:
    text = "Storm damages harbour wall " * 6
    filler = "-\n" * (features.SECTION_LINES - 2)
    found = overlaps(f"{text}\nStorm damages\n{filler}Storm damages")[0]
    assert found[1] > 0.5
    assert found[features.SECTION_LINES :] == [0]


@settings(max_examples=20)
@given(BATCHES)
def test_a_part_of_the_sections_has_the_features_of_the_whole(texts: list[str]) -> None:
    lines = features.split(texts).lines
    whole = features.features(lines)
    for i in range(lines.sections.size - 1):
        part = features.features(lines.part(i, i + 1))
        rows = slice(lines.sections[i], lines.sections[i + 1])
        np.testing.assert_allclose(
            part.line_features, whole.line_features[rows], rtol=1e-5, atol=1e-6
        )
