"""A corpus kept elsewhere and the labels kept here: hashing, joining, and what is refused.

Labels are joined to lines by hash and order alone, so two things must hold: the hash
of a line never changes, and a line never gets a label that nobody gave to its text.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import random
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_beside import CORPORA, CORPUS, needs_corpus, standoff
from hypothesis import example, given
from hypothesis import strategies as st
from made_pages import made_page

from clutter import LABELS, features, labelled
from clutter.errors import CorpusError
from clutter.labelled import UNLABELLED, LabelledPage
from clutter.training.corpus import (
    Standoff,
    align_labels,
    dev_views,
    for_cut,
    from_html,
    line_hash,
    read_arrays,
    read_pages,
    read_standoff,
    read_unlabelled,
    read_views,
    shortened,
    standoff_row,
)

# --- the hash of a line -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("", "e4a6a0577479b2b4"),
        ("Home", "400e78b6b01da335"),
        ("Read  also: café\u00a0Ж", "b47dfb0f5d87cef7"),
    ],
)
def test_known_hashes_stay_what_they_are(text: str, digits: str) -> None:
    """The labels in the repository are kept under these: another hash would lose them."""
    assert line_hash(text) == digits


def test_spelling_of_accents_and_white_space_do_not_count() -> None:
    assert line_hash("cafe\u0301") == line_hash("caf\u00e9")
    assert line_hash("  two\t \u00a0words\u3000") == line_hash("two words")


@pytest.mark.parametrize("other", ["home", "Home.", "Ho me", "\u200bHome", "Ｈome"])
def test_anything_else_counts(other: str) -> None:
    assert line_hash(other) != line_hash("Home")


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("e\u0301 \t\u00a0")))
@example("\ud800")
def test_a_hash_is_16_digits_and_that_of_the_plain_text(text: str) -> None:
    found = line_hash(text)
    assert re.fullmatch("[0-9a-f]{16}", found)
    assert found == line_hash(f" {text}\n") == line_hash(unicodedata.normalize("NFD", text))


# --- reading stand-off labels -------------------------------------------------------


def standoff_line(page: str, *lines: tuple[str, str]) -> str:
    labels = [[line_hash(text), label] for text, label in lines]
    return json.dumps({"id": page, "kind": "forum", "lines": labels})


def test_labels_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    one, two = tmp_path / "one.jsonl", tmp_path / "below" / "two.jsonl"
    one.write_text(standoff_line("a", ("Home", "nav"), ("Odd", "?")) + "\n")
    two.write_text(standoff_line("b") + "\n" + standoff_line("c", ("Text", "body")) + "\n")
    (tmp_path / "page.tsv").write_text("not looked at\n")
    expected = {"a": Standoff("forum", [(line_hash("Home"), "nav"), (line_hash("Odd"), "?")])}
    assert read_standoff([one, tmp_path / "page.tsv"]) == expected
    text = [(line_hash("Text"), "body")]
    expected |= {"b": Standoff("forum", []), "c": Standoff("forum", text)}
    assert read_standoff([tmp_path]) == read_standoff([str(one), str(two)]) == expected


@pytest.mark.parametrize(
    "row",
    [
        "",
        "{",
        "5",
        "[]",
        "{}",
        '{"id": "a"}',
        '{"lines": []}',
        '{"id": "a", "lines": 5}',
        '{"id": "a", "lines": [5]}',
        '{"id": "a", "lines": [["00"]]}',
        '{"id": "a", "lines": [["00", "nav", 1]]}',
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path: Path, row: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(f"{standoff_line('a')}\n{row}\n{standoff_line('b')}\n")
    with pytest.raises(CorpusError, match=r"bad\.jsonl:2: not a page of labels"):
        read_standoff([tmp_path])


@pytest.mark.parametrize("label", ["menu", "Body", "", None])
def test_an_unknown_label_is_named_by_file_and_line(tmp_path: Path, label: str | None) -> None:
    row = {"id": "a", "lines": [["0" * 16, label]]}
    (tmp_path / "bad.jsonl").write_text(f"{standoff_line('b')}\n{json.dumps(row)}\n")
    with pytest.raises(CorpusError, match=rf"bad\.jsonl:2: unknown label '{label}'"):
        read_standoff([tmp_path])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"id": "caf\xe9", "lines": []}\n')
    with pytest.raises(CorpusError, match=r"bad\.jsonl"):
        read_standoff([tmp_path])


def test_no_labels_at_all_are_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{re.escape(str(tmp_path))}: no stand-off labels"):
        read_standoff([tmp_path])


# --- carrying labels over -----------------------------------------------------------

LABELLED = [("h1", "nav"), ("h2", "title"), ("h3", "body"), ("h1", "teaser"), ("h4", "notice")]


@pytest.mark.parametrize(
    ("hashes", "labels"),
    [
        ("h1 h2 h3 h1 h4", "nav title body teaser notice"),
        ("h2 h3 h1 h4", "title body teaser notice"),
        ("h1 h3 h4", "nav body notice"),
        ("h1 new h2 h3 h1 h4 new", "nav ? title body teaser notice ?"),
        ("h1 h1 h2 h3 h1 h4", "? nav title body teaser notice"),
        ("new other", "? ?"),
        ("", ""),
    ],
    ids=["identical", "first missing", "more missing", "added", "repeated", "foreign", "empty"],
)
def test_labels_follow_their_lines(hashes: str, labels: str) -> None:
    assert align_labels(hashes.split(), LABELLED) == tuple(labels.split())


def test_a_line_that_fills_a_long_page_is_carried_over_too() -> None:
    assert align_labels(["new"] + ["h1"] * 299, [("h1", "nav")] * 300) == ("?",) + ("nav",) * 299


LONG = 16_000
ALTERNATING = {
    "two lines in turn": (["h1", "h2"] * (LONG // 2), ["h1", "h3"] * (LONG // 2)),
    "every second line is new": (
        [f"h{i}" for i in range(LONG)],
        [f"{'h' if i % 2 else 'k'}{i}" for i in range(LONG)],
    ),
    "one line, one more": (["h1"] * LONG, ["h1"] * (LONG + 1)),
}


@pytest.mark.parametrize("name", ALTERNATING)
def test_long_pages_whose_lines_match_in_turn_take_no_long_time(name: str) -> None:
    hashes, keys = ALTERNATING[name]
    begin = time.process_time()
    found = align_labels(hashes, [(key, "nav") for key in keys])
    assert time.process_time() - begin < 5
    expected = LONG if name == "one line, one more" else LONG // 2
    assert found.count("nav") == expected


@given(
    st.lists(st.integers(0, 5), max_size=12),
    st.lists(st.integers(0, 5), max_size=12),
)
def test_the_way_for_long_pages_keeps_the_order_too(some: list[int], others: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clutter.training.corpus._MAX_STEPS", 0)
        labels = [(str(key), f"label {place}") for place, key in enumerate(others)]
        found = align_labels([str(key) for key in some], labels)
    places = [int(label.split()[1]) for label in found if label != UNLABELLED]
    assert places == sorted(set(places))
    for key, label in zip(some, found, strict=True):
        assert label == UNLABELLED or others[int(label.split()[1])] == key


HASHES = st.sampled_from("abcd")


@given(
    st.lists(HASHES, max_size=15), st.lists(st.tuples(HASHES, st.sampled_from(LABELS)), max_size=15)
)
def test_no_line_gets_a_label_that_its_text_never_had(
    hashes: list[str], labelled: list[tuple[str, str]]
) -> None:
    found = align_labels(hashes, labelled)
    assert len(found) == len(hashes)
    # in order, too: each label comes from a line behind the one before
    rest = iter(labelled)
    for pair in zip(hashes, found, strict=True):
        assert pair[1] == UNLABELLED or pair in rest


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(LABELS)),
        max_size=20,
        unique_by=lambda p: p[0],
    ),
    st.randoms(use_true_random=False),
)
def test_where_no_line_repeats_whatever_is_left_keeps_its_label(
    page: list[tuple[int, str]], rng: random.Random
) -> None:
    labelled = [(str(key), label) for key, label in page]
    left = [pair for pair in labelled if rng.random() < 0.7]
    assert align_labels([key for key, _ in left], labelled) == tuple(label for _, label in left)


# --- pages and views ----------------------------------------------------------------


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def made_up_page(name: str, *lines: str) -> dict[str, Any]:
    rows = [{"text": line} for line in lines]
    page = {"id": name, "source": "made-up", "site": "a.example", "lang": "el", "lines": rows}
    return page | {"html": f"made-up/{name}.html.gz"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    pages = [
        made_up_page("one", "Μενού", "Ένας τίτλος", "Two\r\nlines", "New"),
        made_up_page("two", "Text"),
    ]
    write_rows(tmp_path / "dev.jsonl.gz", pages)
    write_rows(tmp_path / "train.jsonl.gz", [made_up_page("three")])
    views = [
        {"id": "one", "split": split, "site": "a.example", "lang": "el", "extractor": name,
         "lines": [{"text": "Μενού", "label": "nav"}, {"text": "New", "label": None}]}
        for split, name in (("dev", "sieve"), ("dev", "net"), ("train", "net"))
    ]  # fmt: skip
    write_rows(tmp_path / "residue.jsonl.gz", views)
    return tmp_path


STANDOFF = {
    "one": Standoff(
        "article",
        [
            (line_hash("Μενού"), "nav"),
            (line_hash("Ένας τίτλος"), "title"),
            (line_hash("Two lines"), "body"),
        ],
    )
}


def test_pages_are_joined_with_their_labels(corpus: Path) -> None:
    (page,) = read_pages(str(corpus), "dev", STANDOFF)  # the other one has no label
    assert (page.name, page.site, page.lang, page.kind) == ("one", "a.example", "el", "article")
    assert page.lines == ("Μενού", "Ένας τίτλος", "Two  lines", "New")
    assert page.labels == ("nav", "title", "body", "?")


def test_pages_without_labels_are_read_for_their_reference_or_for_answers(corpus: Path) -> None:
    lines = [{"text": "Reply", "in_gold": True}, {"text": "Menu", "in_gold": False}]
    forum = made_up_page("forum") | {"kind": "forum", "gold": "Reply", "lines": lines}
    article = forum | {"id": "article", "kind": "article"}
    pages = [forum, article, made_up_page("one", "Text"), made_up_page("two", "Text", "")]
    write_rows(corpus / "train.jsonl.gz", pages)
    found = read_unlabelled(corpus, "train", STANDOFF, {"one", "two"})
    assert [page.name for page in found] == ["forum", "two"]
    assert [page.labels for page in found] == [("?", "?"), ("?", "")]
    assert [page.main for page in found] == [(1, 0), ()]
    assert [page.name for page in read_unlabelled(corpus, "train", {}, ["article"])] == [
        "forum", "article",
    ]  # fmt: skip


def archive(data: bytes, name: str = "numbers") -> bytes:
    """A file in numpy's format .npz that holds an array, of which the packed bytes are replaced."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: np.arange(2000)}
    np.savez_compressed(file, **arrays)
    made = bytearray(file.getvalue())
    made[100 : 100 + len(data)] = data
    return bytes(made)


def test_arrays_are_read_below_folders_in_order_of_their_paths(tmp_path: Path) -> None:
    for i, folder in enumerate(("b", "a")):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "x.npz", number=np.array(i))
    folders = [tmp_path, tmp_path / "a", tmp_path / "a" / "x.npz"]
    assert read_arrays(folders, "x.npz", lambda arrays: int(arrays["number"])) == [1, 0]


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"PK\x05\x06" + bytes(18), np.lib.format.magic(1, 0), archive(bytes(9)),
     archive(b"", "others")],
    ids=["empty", "text", "no file in it", "cut off", "damaged", "other arrays"],
)  # fmt: skip
def test_arrays_that_cannot_be_read_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(CorpusError, match=r"x\.npz: cannot be read .*; restore or remove it"):
        read_arrays([tmp_path], "x.npz", lambda arrays: arrays["numbers"])


def test_a_single_array_is_no_archive_of_arrays(tmp_path: Path) -> None:
    with open(tmp_path / "x.npz", "wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(CorpusError, match="cannot be read"):
        read_arrays([tmp_path], "x.npz", dict)


def test_a_page_is_cut_anew_from_its_html(corpus: Path) -> None:
    (page,) = read_pages(corpus, "dev", STANDOFF)
    source = """<nav><a href=/>Μενού</a></nav><h1>Ένας τίτλος</h1>
        <p>Two\nlines</p><p>New</p><footer>Only in this cut</footer>"""
    file = corpus / "html" / "made-up" / "one.html.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(source.encode()))
    found = from_html(page)
    assert found is not None
    cut, markup = found
    assert cut.lines == (
        "Μενού", "", "Ένας τίτλος", "", "Two lines", "", "New", "", "Only in this cut",
    )  # fmt: skip
    assert cut.labels == ("nav", "", "title", "", "body", "", "?", "", "?")
    assert (cut.site, cut.lang) == ("a.example", "el")
    assert len(markup.features) == len(cut.lines)


def test_the_rest_of_a_shortened_page_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<nav><span class=block>Home</span><span class=block>Search</span></nav>"
        "<p>One</p><p>Two is <math><mi>x</mi></math></p><p>Three</p>"
    )
    (tmp_path / "a.tsv").write_text(
        "# html: a.html\nnav\tHome\nnav\tSearch\nbody\tOne\nbody\tTwo is x\nbody\tThree\n"
    )
    page = labelled.read(tmp_path / "a.tsv")
    whole, short = from_html(page), shortened(page, 1)
    assert whole is not None
    assert short is not None
    assert short[0].lines == whole[0].lines[:4] == ("Home", "Search", "", "One")
    assert short[0].labels == ("nav", "nav", "", "body")
    last = int(short[1].first[-1])
    assert whole[1].hashes[:last].tolist() == short[1].hashes.tolist()
    assert shortened(page, 3) is None


def test_a_labelled_file_names_its_html(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# html: pages/a.html\nnav\tHome\nbody\tText\n")
    page = labelled.read(tmp_path / "a.tsv")
    with pytest.raises(FileNotFoundError):
        from_html(page)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.html").write_text("<ul><li>Home</ul><p>Text")
    found = from_html(page)
    assert found is not None
    cut, _ = found
    assert (cut.lines, cut.labels) == (("Home", "", "Text"), ("nav", "", "body"))
    (tmp_path / "pages" / "a.html").write_bytes(b"%PDF-1.4")
    with pytest.raises(CorpusError, match=r"a\.html: not HTML, but a PDF"):
        from_html(page)
    assert from_html(replace(page, head={})) is None


@pytest.mark.parametrize(
    "name", ["a.html", "two\nlines.html", " caf\udce9 %41.html ", "caf%C3%A9.html", "\x1b[2J.html"]
)
def test_html_is_found_whatever_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<p>Text")
    page = made_page("Text", np.eye(1, len(LABELS)))
    made = labelled.from_page(page, str(tmp_path / "a.tsv"), {"html": name})
    labelled.write(made, tmp_path / "a.tsv")
    cut = from_html(labelled.read(tmp_path / "a.tsv"))
    assert cut is not None
    assert cut[0].lines == ("Text",)


def test_a_sign_of_an_escape_in_a_file_of_an_older_version(tmp_path: Path) -> None:
    (tmp_path / "caf%C3%A9.html").write_text("<p>Text")
    (tmp_path / "a.tsv").write_text("# html: caf%C3%A9.html\nbody\tText\n")
    cut = from_html(labelled.read(tmp_path / "a.tsv"))
    assert cut is not None
    assert cut[0].labels == ("body",)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# html: a%00\nbody\tText\n")
    with pytest.raises(CorpusError, match="null"):
        from_html(labelled.read(tmp_path / "a.tsv"))


def test_a_row_of_a_table_takes_the_label_of_most_of_it() -> None:
    page = LabelledPage(
        "a",
        {},
        ("Share", "Battery", "", "eight hours", "Battery"),
        ("nav", "body", "", "body", "ad"),
    )
    lines = ("Share\tBattery\teight hours", "", "Battery", "something else")
    assert for_cut(lines, page).labels == ("body", "", "ad", "?")


@given(st.lists(st.sampled_from(["a", "b", "", "c d", "c\td", "\ta"]), max_size=12))
def test_a_cut_of_the_same_lines_keeps_every_label(lines: list[str]) -> None:
    labels = [LABELS[i % len(LABELS)] if line else "" for i, line in enumerate(lines)]
    page = LabelledPage("a", {}, tuple(lines), tuple(labels))
    assert for_cut(lines, page).labels == tuple(labels)


def test_views_carry_their_own_labels(corpus: Path) -> None:
    (view,) = read_views(corpus, "train", STANDOFF)
    assert (view.name, view.site, view.lang) == ("one", "a.example", "el")
    assert view.head["extractor"] == "net"
    assert view.labels == ("nav", "?")


def test_views_of_the_dev_pages_come_by_extractor(corpus: Path) -> None:
    views = dev_views(corpus, STANDOFF)
    assert list(views) == ["net", "sieve"]
    assert [page.name for page in views["sieve"]] == ["one"]


def test_views_of_pages_without_labels_are_left_out(corpus: Path) -> None:
    others = {"another": STANDOFF["one"]}
    with pytest.raises(CorpusError, match="holds no page that has labels"):
        read_views(corpus, "train", others)


def test_what_is_written_of_a_page_joins_with_it_and_holds_no_text(tmp_path: Path) -> None:
    page = made_up_page("one", "A line\nof two", "Another")
    write_rows(tmp_path / "dev.jsonl.gz", [page])
    page["origin"] = {"repository": "someone/something", "path": "a.html"}
    for line, label in zip(page["lines"], ("title", "body"), strict=True):
        line["label"] = label
    row = standoff_row(page, "dev", "hand")
    assert "\n" not in row and "line" not in row.replace('"lines"', "")
    (tmp_path / "labels.jsonl").write_text(row + "\n", "utf-8")
    (found,) = read_pages(tmp_path, "dev", read_standoff([tmp_path]))
    assert found.labels == ("title", "body")


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"train\.jsonl\.gz: no such file"):
        read_pages(tmp_path, "train", STANDOFF)
    with pytest.raises(CorpusError, match=r"residue\.jsonl\.gz: no such file"):
        read_views(tmp_path, "dev", STANDOFF)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"plain text\n",
        lambda data: data[:-4],
        lambda data: data[: len(data) // 2],
        lambda data: data[:40] + bytes(20) + data[60:],
        lambda data: gzip.compress(b'{"id": \n'),
        lambda data: gzip.compress(b"\xff\xfe\n"),
    ],
    ids=["plain", "tail lost", "half", "zeros inside", "no JSON", "no UTF-8"],
)
def test_a_damaged_file_is_refused_by_name(corpus: Path, spoil: Callable[[bytes], bytes]) -> None:
    file = corpus / "dev.jsonl.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(CorpusError, match=r"dev\.jsonl\.gz: cannot be read"):
        read_pages(corpus, "dev", STANDOFF)


def test_no_damage_gets_past_the_reader(corpus: Path) -> None:
    """A changed byte gives the same pages or a CorpusError, never another error."""
    whole = read_pages(corpus, "dev", STANDOFF)
    file = corpus / "dev.jsonl.gz"
    data = file.read_bytes()
    rng = random.Random(5)
    for place in range(10, len(data)):  # behind the header, whose fields may hold anything
        broken = bytearray(data)
        broken[place] ^= rng.randrange(1, 256)
        file.write_bytes(broken)
        try:
            assert read_pages(corpus, "dev", STANDOFF) == whole  # the byte was of no account
        except CorpusError as error:
            assert "dev.jsonl.gz" in str(error)


def test_a_split_without_a_labelled_page_is_refused(corpus: Path) -> None:
    with pytest.raises(CorpusError, match=r"train\.jsonl\.gz: holds no page that has labels"):
        read_pages(corpus, "train", STANDOFF)


@pytest.mark.parametrize("gone", ["id", "lines", "lang"])
def test_a_row_that_is_no_page_is_refused(corpus: Path, gone: str) -> None:
    row = made_up_page("one", "Text")
    del row[gone]
    write_rows(corpus / "dev.jsonl.gz", [row])
    with pytest.raises(CorpusError, match=r"dev\.jsonl\.gz"):
        read_pages(corpus, "dev", STANDOFF)


# --- the labels in the repository ---------------------------------------------------

FILES = sorted(CORPORA.rglob("*.jsonl"))
KINDS = ("article", "forum", "product", "listing", "documentation", "service", "other")


@functools.cache
def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in file.read_text("utf-8").split("\n")[:-1]]


def test_there_are_stand_off_labels() -> None:
    assert len(standoff()) == sum(len(rows_of(file)) for file in FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}/{file.stem}" for file in FILES])
def test_stand_off_labels_are_hashes_and_labels_and_no_text(file: Path) -> None:
    for row in rows_of(file):
        assert set(row) - {"kind"} == {
            "id", "split", "method", "lang", "repository", "path", "lines",
        }  # fmt: skip
        assert row.get("kind", "article") in KINDS
        assert row["split"] in ("train", "dev")
        assert row["method"] in ("hand", "corrected")
        assert re.sub("^[ab]-", "", row["id"]).startswith(file.stem + "-")
        assert re.fullmatch(r"[\w-]+", row["lang"])
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", row["repository"])
        assert row["lines"]
        for entry in row["lines"]:
            digits, label = entry
            assert re.fullmatch("[0-9a-f]{16}", digits)
            assert label in (*LABELS, UNLABELLED)


@needs_corpus
@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_page_labelled_by_hand_joins_with_all_its_lines(split: str) -> None:
    by_hand = {
        row["id"]
        for file in FILES
        for row in rows_of(file)
        if row["method"] == "hand" and row["split"] == split
    }
    pages = read_pages(CORPUS, split, standoff())
    found = {page.name: page for page in pages}
    assert by_hand
    assert by_hand <= found.keys()
    for name in by_hand:
        page = found[name]
        # lines without anything to see have no label
        filled = (features.split(["\n".join(page.lines)]).number - 1).tolist()
        assert [page.labels[i] for i in filled] == [label for _, label in standoff()[name].lines]
        assert page.labels.count(UNLABELLED) == len(page.lines) - len(filled)
