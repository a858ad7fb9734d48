"""Cleaning pages in batches: what is found, and what one bad page does to the others."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LISTING, model_of_kinds

import clutter
from clutter import LABELS, Model, Page
from clutter.cleaning import Cleaned, Content, Dropped, clean_many, count, of_other_kinds
from clutter.options import DEFAULT, CleanOptions

PAGE = """\
Home
Search

Library lends tools as well as books

Whoever needs a drill for an afternoon can now fetch one from the city library, which has put \
two hundred tools on the shelves of its old reading room.
“Most drills are used for a quarter of an hour in their whole life,” said the librarian, and \
added that the ladders were out until June.

Share this article
Copyright 2025 Hill Gazette. All rights reserved.
"""


HTML = (
    "<!doctype html><nav><ul><li><a href=/>Home</a><li><a href=/search>Search</a></ul></nav>"
    "<article><h1>Library lends tools as well as books</h1>"
    + "".join(f"<p>{line}</p>" for line in PAGE.splitlines() if len(line) > 60)
    + "</article><footer>Copyright 2025 Hill Gazette. All rights reserved.</footer>"
)


needs_html = pytest.mark.skipif(
    find_spec("turbohtml") is None, reason="needs the extra clutter[html]"
)


def clean(data: Any, options: CleanOptions = DEFAULT, **content: Any) -> Cleaned:
    """What comes of one page, which has to be clean."""
    (found,) = clean_many([Content(data, **content)], options)
    assert isinstance(found, Cleaned), found
    return found


def reason(data: Any, options: CleanOptions = DEFAULT, **content: Any) -> str:
    """Why one page cannot be cleaned."""
    (found,) = clean_many([Content(data, **content)], options)
    assert isinstance(found, str)
    return found


# kinds of pages


def test_a_record_has_the_kind_of_its_page() -> None:
    page = clean(PAGE).page
    fields = clean(PAGE).fields()
    assert list(fields) == ["text", "title", "kind", "metadata"]
    assert fields["kind"] == page.kind


@needs_html
def test_pages_of_other_kinds_are_dropped_and_counted(tmp_path: Path) -> None:
    model_of_kinds().save(tmp_path / "kinds.safetensors")
    pages = [
        Content("The ferry is back."),
        Content(f"Ferries {LISTING}"),
        Content(f"<p>Ferries <p>{LISTING}", is_html=True),
        Content(""),
        Content(None),
    ]
    options = CleanOptions(model=str(tmp_path / "kinds.safetensors"), kinds=("article",))
    found = clean_many(pages, options)
    dropped = [Dropped("listing"), Dropped("listing"), Dropped("other")]
    assert found[1:] == [*dropped, "no page: the field is empty"]
    assert isinstance(found[0], Cleaned)
    counts = count(found)
    assert (counts["pages"], counts["errors"]) == (1, 1)
    assert [counts[f"kind/{kind}"] for kind in ("article", "listing", "other")] == [1, 2, 1]
    assert of_other_kinds(counts) == "3 pages of another kind: 2 listing, 1 other"
    assert of_other_kinds(count(found[:1])) == ""
    assert counts["characters"] == len("The ferry is back.")


# what is found


def test_a_page_of_plain_text_is_cleaned_as_the_model_labels_it() -> None:
    found = clean(PAGE)
    page = clutter.load().label(PAGE)
    assert found.text == page.clean()
    assert found.title == "Library lends tools as well as books"
    assert found.lines is None
    assert found.rows() == []


@needs_html
def test_a_page_of_html_is_cleaned_as_the_model_labels_it() -> None:
    page = clutter.load().label_html(HTML)
    assert clean(HTML, is_html=True).text == page.clean()
    options = CleanOptions(format="markdown", keep=("body",), threshold=0.2)
    assert clean(HTML, options, is_html=True).text == page.clean(
        keep=["body"], threshold=0.2, format="markdown"
    )


def test_lines_come_as_records() -> None:
    found = clean(PAGE, CleanOptions(lines=True))
    lines = clutter.load().label(PAGE).lines
    assert found.rows() == [
        {
            "number": line.number,
            "text": line.text,
            "label": line.label,
            "confidence": round(line.confidence, 4),
        }
        for line in lines
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_pages_own_line_breaks_are_known(end: str) -> None:
    assert clean(f"one{end}two{end}").newline == end
    assert clean("one").newline == "\n"


def test_counts_are_of_lines_and_characters() -> None:
    found = clean(PAGE)
    lines = clutter.load().label(PAGE).lines
    counts = found.counts
    assert counts["characters"] == sum(len(line.text) for line in lines)
    assert counts["characters/kept"] == len("".join(found.text.splitlines()))
    labels = Counter(line.label for line in lines)
    assert {label: counts[f"lines/{label}"] for label in LABELS} == {x: labels[x] for x in LABELS}
    total = count([found, "no page", found])
    assert (total["pages"], total["errors"]) == (2, 1)
    assert total["characters"] == 2 * counts["characters"]
    assert count([]) == {}


def test_an_empty_page_is_clean() -> None:
    found = clean(" \n\n")
    assert (found.text, found.title, found.counts["characters"]) == ("", None, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "koi8-r"])
def test_bytes_are_read_in_their_encoding(encoding: str) -> None:
    text = PAGE.encode(encoding, "replace").decode(encoding)
    expected = clean(text).text
    data = text.encode(encoding)
    if encoding == "utf-8":
        assert clean(data).text == expected
    assert clean(data, CleanOptions(encoding=encoding)).text == expected
    # what is known of the page itself is nearer
    assert clean(data, CleanOptions(encoding="ascii"), encoding=encoding).text == expected


def test_lone_surrogates_become_a_replacement() -> None:
    options = CleanOptions(threshold=0, lines=True)
    found = clean("one \ud800 two\nthree", options)
    assert found.text == "one \ufffd two\nthree"
    assert found.rows()[0]["text"] == "one \ufffd two"
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    assert clean("<p>one \udfff two", options, is_html=True).text == "one \ufffd two"


# what cannot be cleaned


def test_a_page_that_cannot_be_cleaned_says_why() -> None:
    assert reason(None) == "no page: the field is empty"
    assert reason(PAGE, CleanOptions(format="markdown")) == "plain text; markdown takes HTML"
    assert reason(b"caf\xe9").startswith("not UTF-8: byte 0xe9 at position 3; ")
    assert reason(b"a", encoding="latin-99") == "unknown encoding: latin-99"
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    assert reason(b"%PDF-1.7", is_html=True) == "not HTML, but a PDF"
    assert reason(b"\0\1\2", is_html=True) == "not HTML, but binary data"
    assert "latin-99" in reason(b"<p>a", is_html=True, encoding="latin-99")


def test_a_codec_that_gives_no_position_is_named_too() -> None:
    assert reason(b"a b", CleanOptions(encoding="utf-32")).startswith("not UTF-32: ")
    assert reason(b"xn--a-ecp.ru\xff", CleanOptions(encoding="idna")).startswith("not IDNA: ")


@needs_html
def test_a_bad_page_is_a_reason_among_the_answers_of_the_others() -> None:
    contents = [
        Content(PAGE),
        Content(None),
        Content(HTML, is_html=True),
        Content(b"%PDF-1.7", is_html=True),
        Content(b"caf\xe9"),
        Content(PAGE.encode()),
    ]
    found = clean_many(contents, CleanOptions())
    assert [isinstance(one, Cleaned) for one in found] == [True, False, True, False, False, True]
    assert found[0] == found[5] == clean(PAGE)
    assert found[2] == clean(HTML, is_html=True)


def test_a_page_that_nobody_foresaw_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Model.label_many

    def label_many(model: Model, texts: Iterable[str]) -> Iterator[Page]:
        texts = list(texts)
        if any("trap" in text for text in texts):
            raise ZeroDivisionError("a page that is a trap")
        yield from real(model, texts)

    monkeypatch.setattr(Model, "label_many", label_many)
    found = clean_many(
        [Content(PAGE), Content("a trap"), Content(None), Content("x")], CleanOptions()
    )
    assert found[0] == clean(PAGE)
    assert found[1] == "ZeroDivisionError: a page that is a trap"
    assert found[2] == "no page: the field is empty"
    assert found[3] == clean("x")


def test_a_model_that_cannot_be_used_ends_the_run(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        clean_many([Content(PAGE)], CleanOptions(model=str(tmp_path / "none")))
    (tmp_path / "some").write_text("no model")
    with pytest.raises(clutter.ModelError):
        clean_many([Content(PAGE)], CleanOptions(model=str(tmp_path / "some")))


def test_another_model_may_be_named(tmp_path: Any) -> None:
    clutter.load().save(tmp_path / "my.safetensors")
    assert clean(PAGE, CleanOptions(model=str(tmp_path / "my.safetensors"))) == clean(PAGE)


@pytest.mark.parametrize("is_html", [False, True])
def test_only_html_needs_its_reader(is_html: bool) -> None:
    program = (
        "import sys; sys.modules['turbohtml'] = None\n"
        "from clutter.cleaning import *\n"
        "options = CleanOptions(threshold=0)\n"
        f"print(clean_many([Content('one two', {is_html})], options)[0].text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(clutter.__file__).parent.parent, capture_output=True, text=True,
    )  # fmt: skip
    if is_html:
        assert "Error: reading HTML needs turbohtml: pip install turbohtml\n" in done.stderr
    else:
        assert (done.stdout, done.stderr) == ("one two\n", "")


# what holds of any pages


LINES = [
    "Home",
    "Share this",
    "",
    "© 2025",
    "Кто там?",
    "<p>",
    "</p>",
    "<h1>a</h1>",
    "\ud800",
    "\0",
]


TEXTS = st.one_of(
    st.lists(st.sampled_from([*LINES, *PAGE.split("\n")]), max_size=8).map("\n".join),
    st.text(st.characters(), max_size=30),
)


CONTENTS = st.builds(
    Content,
    st.one_of(st.none(), TEXTS, TEXTS.map(lambda x: x.encode("utf-8", "replace")), st.binary()),
    st.booleans(),
    st.sampled_from([None, None, None, "utf-8", "cp1252", "hex", "none-such"]),
)


ALL_OPTIONS = st.builds(
    CleanOptions,
    keep=st.lists(st.sampled_from(LABELS), max_size=3).map(tuple),
    threshold=st.sampled_from([0, 0.3, 0.5, 1]),
    format=st.sampled_from(["text", "text", "markdown"]),
    lines=st.booleans(),
)


@needs_html
@settings(max_examples=60)
@given(st.lists(CONTENTS, max_size=6), ALL_OPTIONS)
def test_each_page_has_the_answer_that_it_has_alone(
    contents: list[Content], options: CleanOptions
) -> None:
    found = clean_many(contents, options)
    assert len(found) == len(contents)
    for one, content in zip(found, contents, strict=True):
        (alone,) = clean_many([content], options)
        assert one == alone
    assert clean_many(contents[::-1], options)[::-1] == found


@needs_html
@settings(max_examples=60)
@given(st.lists(CONTENTS, max_size=4), ALL_OPTIONS)
def test_answers_fit_into_files(contents: list[Content], options: CleanOptions) -> None:
    found = clean_many(contents, options)
    for one in found:
        if isinstance(one, str):
            assert one
            one.encode()
            continue
        assert isinstance(one, Cleaned)
        one.text.encode()
        (one.title or "").encode()
        assert all(isinstance(row["text"], str) and row["text"].encode() for row in one.rows())
        assert 0 <= one.counts["characters/kept"] <= one.counts["characters"]
    total = count(found)
    assert total["pages"] + total["errors"] == len(contents)
