"""The labelled-file format: what is read, what is refused and how that is told.

``examples_labelled.json`` holds file texts and the problems that reading them reports.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from made_pages import made_page

from clutter import KINDS, LABELS, Page, features, labelled
from clutter.errors import LabelledError
from clutter.labelled import LabelledPage

EXAMPLES = json.loads(Path(__file__).with_name("examples_labelled.json").read_text("utf-8"))
AUTHORED = Path(__file__).parent.parent / "labelled"

TEXT = st.text(
    st.sampled_from("ab#?\t \u200b\ufeff\x0b\x0c\x1c\x85\u2028\0\ud800\n\r語א:") | st.characters()
)
WORD = st.text(st.characters(exclude_characters=":", exclude_categories=["Z", "C"]), min_size=1)
# the keys whose values are checked
KEY = WORD.filter(lambda key: key not in {"kind", "read"})
CHECKED = st.fixed_dictionaries(
    {}, optional={"kind": st.sampled_from(KINDS), "read": st.sampled_from(["yes", "no"])}
)


def blank(line: str) -> bool:
    return features.split([line]).number.size == 0


@st.composite
def pages(draw: st.DrawFn) -> LabelledPage:
    lines = re.split(r"\r\n|\n|\r", draw(TEXT))
    assume(not all(map(blank, lines)))
    labels = [
        "" if blank(line) else draw(st.sampled_from([*LABELS, labelled.UNLABELLED]))
        for line in lines
    ]
    value = TEXT.filter(lambda value: value == value.strip() and not re.search("[\n\r]", value))
    head = draw(st.dictionaries(KEY, value, max_size=3)) | draw(CHECKED)
    guess = st.tuples(st.sampled_from(LABELS), st.integers(0, 100).map(lambda n: n / 100))
    guesses = {
        i: draw(guess)
        for i, label in enumerate(labels)
        if label == labelled.UNLABELLED and draw(st.booleans())
    }
    return LabelledPage("page", head, tuple(lines), tuple(labels), guesses)


def guessed(text: str) -> Page:
    """A page with made-up labels: the first line body, the second title, and so on."""
    found = features.split([text])
    rows = np.eye(len(LABELS), dtype=np.float32)[np.arange(found.number.size) % len(LABELS)]
    return made_page(text, rows)


@given(pages())
@example(LabelledPage("page", {}, ("\ufeff", "a"), ("", "body")))
@example(LabelledPage("page", {}, ("\t", "# a: b", ""), ("", "body", "")))
@example(LabelledPage("page", {"url": ""}, ("\ufeffa\tb",), ("?",)))
def test_what_is_written_is_read_back(page: LabelledPage) -> None:
    assert labelled.parse(labelled.format_page(page), "page") == page


PATH = (
    st.text(
        st.sampled_from("a%4F0cé \t\n\r\x1b\u2028\u202e\udcff\udcc3\x7f\u3000/")
        | st.characters(codec="utf-8"),
        min_size=1,
    )
    .map(os.fsencode)
    .map(os.fsdecode)
)  # a name that a file can have


@given(PATH)
@example("two\nlines.html")
@example("50%25.html")
@example("%\n")
@example(" \udce9.html ")
def test_any_name_of_a_file_is_read_back_from_a_head_line(path: str) -> None:
    page = labelled.from_page(guessed("One"), "page", {"html": path})
    row = labelled.format_page(page).split("\n")[0]
    assert row.isprintable() or not path.isprintable()
    assert not re.search("[\0-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", row)
    head = labelled.parse(labelled.format_page(page), "page").head
    assert labelled.path_from_head(head["html"]) == path


@pytest.mark.parametrize("path", ["a.html", "../x y/ü-№ 3.html.gz", "100%.html", "a%zz", "C:\\a"])
def test_an_ordinary_name_stays_as_it_is_in_a_head_line(path: str) -> None:
    assert labelled.from_page(guessed("One"), "page", {"html": path}).head["html"] == path


def test_a_head_line_of_very_many_blanks_takes_no_long_time() -> None:
    begin = time.process_time()
    page = labelled.parse(
        "# a: x" + " " * 40_000 + "y\n# b:" + "\t" * 40_000 + "\nbody\tx\n", "page"
    )
    assert page.head == {"a": "x" + " " * 40_000 + "y", "b": ""}
    assert labelled.parse(labelled.format_page(page), "page").head == page.head
    assert time.process_time() - begin < 1


@given(TEXT)
@example("")
@example("\r\n a\rb\n\nc\n")
def test_a_guess_keeps_every_line_of_the_page(text: str) -> None:
    page = guessed(text)
    made = labelled.from_page(page, "page", {"lang": "en"})
    assert made.lines == tuple(re.split(r"\r\n|\n|\r", text))
    found = list(made.labels)
    for i, (label, _) in made.guesses.items():
        assert found[i] == labelled.UNLABELLED
        found[i] = label
    assert [label for label in found if label] == [line.label for line in page.lines]
    assert [not label for label in made.labels] == [blank(line) for line in made.lines]


def test_doubtful_guesses_are_marked_and_the_least_certain_one_always() -> None:
    def guess_of(*body: float) -> LabelledPage:
        """What is written of three lines that are body to these degrees, and else nav."""
        rows = np.zeros((3, len(LABELS)), np.float32)
        rows[:, LABELS.index("body")] = body
        rows[:, LABELS.index("nav")] = 1 - rows[:, LABELS.index("body")]
        return labelled.from_page(made_page("a\n\nb\nc", rows), "page")

    made = guess_of(0.9, 0.43, 0.81)
    assert labelled.format_page(made) == "# kind: article\nbody\ta\n\nnav?0.57\tb\nbody\tc\n"
    assert made.labels == ("body", "", "?", "body")
    assert guess_of(0.9, 0.95, 0.85).guesses == {3: ("body", 0.85)}


def test_a_doubtful_kind_is_marked_and_is_no_kind_until_the_mark_is_removed() -> None:
    page = guessed("One")
    page.kinds[:] = [0.55, 0.45, 0, 0, 0, 0, 0]
    text = labelled.format_page(labelled.from_page(page, "page", {"url": "https://example.org/"}))
    assert text.startswith("# url: https://example.org/\n# kind: article?0.55\n")
    assert labelled.parse(text, "page").kind == ""
    assert labelled.parse(text.replace("?0.55", ""), "page").kind == "article"
    page.kinds[:] = [0.8, 0.2, 0, 0, 0, 0, 0]
    assert labelled.from_page(page, "page").kind == "article"


@given(st.text(st.sampled_from("# :\tabody?\n\r \u200b\ufeff")) | st.text())
def test_any_text_is_a_page_or_a_list_of_problems(text: str) -> None:
    try:
        page = labelled.parse(text, "page")
    except LabelledError as error:
        assert error.problems
        numbers = [int(problem.split(":")[1]) for problem in error.problems]
        assert numbers == sorted(numbers)
        assert str(error) == "\n".join(error.problems)
    else:
        assert labelled.parse(labelled.format_page(page), "page") == page


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case["about"])
def test_problems(case: dict[str, Any]) -> None:
    try:
        labelled.parse(case["text"], "page.tsv")
        problems: list[str] = []
    except LabelledError as error:
        problems = list(error.problems)
    assert problems == case["problems"]


def test_a_mark_is_a_guess_and_no_label_until_it_is_removed() -> None:
    page = labelled.parse("# lang: en\n\nnav?0.43\tHome\nbody\tText.\n", "page")
    assert page.labels == ("", "?", "body")
    assert page.guesses == {1: ("nav", 0.43)}
    assert page.first == 2
    page = labelled.parse("nav\tHome\n", "page")
    assert (page.labels, page.guesses, page.first) == (("nav",), {}, 1)


@pytest.mark.parametrize(
    "guesses, reason",
    [({0: ("nav", 0.5)}, "has the label 'body'"), ({1: ("menu", 0.5)}, "unknown label 'menu'")],
)
def test_a_guess_that_could_not_be_read_back_is_refused(
    guesses: dict[int, tuple[str, float]], reason: str
) -> None:
    page = LabelledPage("page", {}, ("a", "b"), ("body", "?"), guesses)
    with pytest.raises(ValueError, match=reason):
        labelled.format_page(page)


def test_a_page_of_the_format() -> None:
    text = (
        "# url: https://www.example.org/a\n# lang: ru\nnav\tГлавная\n\nbody\tПервый\tабзац.\n?\tx\n"
    )
    page = labelled.parse(text, "a.tsv")
    assert page.head == {"url": "https://www.example.org/a", "lang": "ru"}
    assert page.lines == ("Главная", "", "Первый\tабзац.", "x")
    assert page.labels == ("nav", "", "body", "?")
    assert page.text == "Главная\n\nПервый\tабзац.\nx"
    assert page.lang == "ru"
    assert labelled.format_page(page) == text


@pytest.mark.parametrize(
    ("head", "site"),
    [
        ({"site": "example", "url": "https://example.org/a"}, "example"),
        ({"url": "https://news.example.org:8080/a"}, "news.example.org"),
        ({"url": "https://www.Example.org/a"}, "example.org"),
        ({"url": "example.org/a"}, "example.org"),
        ({"url": "https://[broken/"}, "a.tsv"),
        ({"url": "", "site": ""}, "a.tsv"),
        ({}, "a.tsv"),
    ],
)
def test_site(head: dict[str, str], site: str) -> None:
    assert LabelledPage("a.tsv", head, ("x",), ("body",)).site == site


def test_language_undetermined() -> None:
    assert LabelledPage("a.tsv", {}, ("x",), ("body",)).lang == "und"


def test_folders_are_read_below_and_sorted_and_no_file_twice(tmp_path: Path) -> None:
    for name in ("b/2.tsv", "b/10.tsv", "a.tsv", "b.tsv", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"body\t{name}\n")
    found = labelled.read_all([tmp_path, tmp_path / "a.tsv"])
    assert [page.text for page in found] == ["a.tsv", "b/10.tsv", "b/2.tsv", "b.tsv"]
    assert found[0].name == str(tmp_path / "a.tsv")


def test_a_file_named_by_hand_may_have_any_ending(tmp_path: Path) -> None:
    (tmp_path / "page.labels").write_text("body\tText.\n")
    assert [page.text for page in labelled.read_all([tmp_path / "page.labels"])] == ["Text."]


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.tsv").write_text("bdy\tText.\nText.\n")
    (tmp_path / "b.tsv").write_text("body\tText.\n")
    (tmp_path / "c.tsv").write_bytes(b"body\tText.\r\nbody\tcaf\xe9\n")
    (tmp_path / "d.tsv").write_text("")
    with pytest.raises(LabelledError) as caught:
        labelled.read_all([tmp_path, tmp_path / "empty"])
    problems = [p.removeprefix(str(tmp_path) + os.sep) for p in caught.value.problems]
    assert problems == [
        "empty: no .tsv file in this folder or below",
        "a.tsv:1: unknown label 'bdy' (did you mean 'body'?); "
        "there are body, title, meta, nav, comment, ad, teaser, notice, ? (unlabelled)",
        "a.tsv:2: no tab between label and text",
        "c.tsv:2: not UTF-8: byte 0xe9 at position 20",
        "d.tsv:1: the page has no lines",
    ]


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.tsv"):
        labelled.read_all([tmp_path / "missing.tsv"])


def test_a_byte_order_mark_is_no_part_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf# lang: en\nbody\tText.\n")
    assert labelled.read(tmp_path / "a.tsv").lang == "en"


def test_errors_pass_between_processes() -> None:
    error = LabelledError(["a.tsv:1: wrong", "a.tsv:2: wrong too"])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_writing_and_reading_a_file(tmp_path: Path) -> None:
    page = LabelledPage(str(tmp_path / "a.tsv"), {"lang": "el"}, ("α\x85β", ""), ("body", ""))
    labelled.write(page, tmp_path / "a.tsv")
    assert labelled.read(tmp_path / "a.tsv") == page


def test_lone_surrogates_are_replaced_in_files(tmp_path: Path) -> None:
    labelled.write(LabelledPage("a", {}, ("a\ud800b",), ("body",)), tmp_path / "a.tsv")
    assert labelled.read(tmp_path / "a.tsv").text == "a\ufffdb"


@pytest.mark.parametrize(
    "page",
    [
        LabelledPage("a", {}, ("x",), ("bdy",)),
        LabelledPage("a", {}, ("x",), ("",)),
        LabelledPage("a", {}, ("x", " "), ("body", "body")),
        LabelledPage("a", {}, ("x", "y"), ("body",)),
        LabelledPage("a", {}, ("x\ny",), ("body",)),
        LabelledPage("a", {"a b": "c"}, ("x",), ("body",)),
        LabelledPage("a", {"a": " c"}, ("x",), ("body",)),
        LabelledPage("a", {"a": "c\rd"}, ("x",), ("body",)),
        LabelledPage("a", {"kind": "froum"}, ("x",), ("body",)),
    ],
)
def test_what_could_not_be_read_back_is_not_written(page: LabelledPage, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        labelled.write(page, tmp_path / "a.tsv")
    assert list(tmp_path.iterdir()) == []


def test_the_repository_s_labelled_pages_are_well_formed() -> None:
    if not AUTHORED.exists():
        pytest.skip("not in a checkout")
    assert all(page.lang != "und" for page in labelled.read_all([AUTHORED]))


def test_what_is_left_to_label_is_named() -> None:
    guesses = {0: ("nav", 0.4)}
    pages = [
        LabelledPage("done", {}, ("a", "", "b"), ("nav", "", "?")),
        LabelledPage("half", {}, ("a", "", "b"), ("?", "", "body"), guesses),
        LabelledPage("new", {}, ("a", "", "b"), ("?", "", "?"), guesses),
        LabelledPage("both", {"kind": "forum?0.60"}, ("a", "", "b"), ("?", "", "body"), guesses),
        LabelledPage("kind", {"kind": "forum?0.60"}, ("a",), ("body",)),
        LabelledPage("left", {"kind": "?"}, ("a",), ("body",)),
    ]
    assert labelled.unfinished(pages) == [
        "half: 1 of 2 lines still marked as doubtful",
        "new: not labelled yet",
        "both: 1 of 2 lines and the kind still marked as doubtful",
        "kind: the kind still marked as doubtful",
    ]


def test_an_unread_page_says_so_and_is_left_to_label() -> None:
    unread = labelled.parse("# read: no\nnav\tHome\nbody?0.97\tText\n", "a.tsv")
    read = labelled.parse("# read: yes\nnav\tHome\n", "b.tsv")
    assert (unread.is_unread, read.is_unread) == (True, False)
    assert not labelled.parse("nav\tHome\n", "c.tsv").is_unread
    assert labelled.unfinished([unread, read]) == ["a.tsv: not read yet (# read: no)"]
    with pytest.raises(LabelledError, match=r"a\.tsv:1: read is yes or no, not 'perhaps'"):
        labelled.parse("# read: perhaps\nnav\tHome\n", "a.tsv")
    with pytest.raises(ValueError, match="read is yes or no, not 'y'"):
        labelled.format_page(LabelledPage("a", {"read": "y"}, ("Home",), ("nav",)))
