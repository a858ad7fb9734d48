"""Which input goes to which output: what arguments find, and that nothing is written over."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter.errors import InputError
from clutter.plan import (
    InputFile,
    Output,
    check_collisions,
    find_inputs,
    needs_folder,
    plan_output,
)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("words")


def places(*paths: str, **options: Any) -> list[str]:
    """Where the output of the files that arguments find belongs."""
    return [file.place for file in find_inputs(paths, **options)]


# --- find_inputs ---


def test_a_file_a_folder_and_standard_input_are_found_in_the_order_of_the_arguments() -> None:
    write("z/page.md", "in/b.txt", "in/a/x.html")
    assert list(find_inputs(["z/page.md", "in", "-"])) == [
        InputFile("z/page.md", "z/page.md", "page.md", 5),
        InputFile("in/a/x.html", "in/a/x.html", "a/x.html", 5),
        InputFile("in/b.txt", "in/b.txt", "b.txt", 5),
        InputFile("-", "-", "stdin.txt", 0),
    ]
    assert [file.is_standard_input for file in find_inputs(["z/page.md", "-"])] == [False, True]


def test_the_files_of_a_folder_come_by_path_folder_by_folder() -> None:
    write("in/b.txt", "in/a/z.txt", "in/a/b/c.txt", "in/a.txt", "in/B.txt", "in/10.txt", "in/9.txt")
    found = places("in")
    assert found == ["10.txt", "9.txt", "B.txt", "a/b/c.txt", "a/z.txt", "a.txt", "b.txt"]
    assert found == sorted(found, key=lambda place: Path(place).parts)


def test_of_a_folder_the_files_with_a_known_ending_are_taken_in_whatever_case() -> None:
    known = ["a.HTML", "b.htm.gz", "c.txt", "d.jsonl", "e.ndjson.zst", "f.parquet", "g.wet.gz"]
    write(*(f"in/{name}" for name in [*known, "h.pdf", "i", "j.json", "txt", ".htmlx"]))
    assert places("in") == known


@pytest.mark.parametrize(
    ("kind", "pages"),
    [(None, ["b.txt", "d.html"]), ("text", ["b.txt", "d.html"]), ("jsonl", [])],
)
def test_a_file_is_what_it_is_said_to_be_if_its_name_is_not_that_of_records(
    kind: str | None, pages: list[str]
) -> None:
    write("in/a.jsonl", "in/b.txt", "in/c.parquet", "in/d.html")
    files = list(find_inputs(["in", "-"], kind=kind, input_kind="jsonl"))
    assert [file.place for file in files if file.is_page] == pages
    assert [file.kind for file in files] == [kind, kind, kind, kind, "jsonl"]
    assert files[-1].place == "stdin.jsonl"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.php", ["a/x.php", "y.php"]),
        ("x.*", ["a/b/x.php.bak", "a/x.php", "a/x.txt", "b/x.txt"]),
        ("a/*", ["a/b/x.php.bak", "a/x.php", "a/x.txt"]),
        ("?/x.txt", ["a/x.txt", "b/x.txt"]),
        ("[xy].php", ["a/x.php", "y.php"]),
    ],
)
def test_a_pattern_is_that_of_a_name_or_of_a_path_below_the_folder(
    pattern: str, found: list[str]
) -> None:
    write("in/a/x.php", "in/a/x.txt", "in/b/x.txt", "in/y.php", "in/a/b/x.php.bak")
    assert places("in", pattern=pattern) == found


def test_a_file_that_is_named_need_not_be_like_the_pattern() -> None:
    write("in/a.txt", "in/b.html")
    assert places("in/a.txt", "in", pattern="*.html") == ["a.txt", "b.html"]


def test_what_is_to_be_skipped_is_passed_over_in_folders() -> None:
    write("in/a.txt", "in/out/a.txt", "in/b.txt")
    found = places("in", skip=lambda path: path.startswith(os.path.join("in", "out")))
    assert found == ["a.txt", "b.txt"]
    assert places("in/a.txt", skip=lambda path: True) == ["a.txt"]
    with pytest.raises(InputError, match="in: no file of pages"):
        places("in", skip=lambda path: True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "in, empty: no file of pages or records in this folder or below"),
        ({"pattern": "*.html"}, "in, empty: no file like *.html in this folder or below"),
    ],
)
def test_folders_without_such_a_file_are_told_by_what_was_looked_for(
    options: dict[str, Any], reason: str
) -> None:
    write("in/a.pdf")
    Path("empty").mkdir()
    with pytest.raises(InputError, match=f"^{re.escape(reason)}$"):
        places("in", "empty", **options)


def test_a_folder_may_be_empty_where_another_argument_is_something() -> None:
    write("a.txt")
    Path("empty").mkdir()
    assert places("empty", "a.txt") == ["a.txt"]
    assert places("empty", "-") == ["stdin.txt"]


@pytest.mark.parametrize("name", ["none.txt", "in/none", "in/*.txt", "link"])
def test_what_is_not_there_is_told_when_its_turn_comes(name: str) -> None:
    write("in/a.txt")
    Path("link").symlink_to("nowhere")
    found = find_inputs(["in", name])
    assert next(found).place == "a.txt"
    with pytest.raises(InputError, match=f"^{re.escape(name)}: no such file or folder$"):
        next(found)


def test_a_name_that_is_no_text_can_be_shown_and_opened() -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        write(f"in/{name}")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    (file,) = find_inputs(["in"])
    assert (file.name, file.place) == (os.path.join("in", "caf\ufffd.txt"), name)
    assert Path(file.path).read_text() == "words"


NAMES = st.sets(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
    | st.lists(st.sampled_from(["a-", "a.", "B", "é", "10"]), min_size=1, max_size=2).map("/".join),
    max_size=8,
)
NUMBERS = itertools.count()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
def test_any_folder_gives_each_of_its_files_once_and_sorted(names: set[str]) -> None:
    root = f"{next(NUMBERS)}"
    written = {f"{name}.txt" for name in names}
    write(*(f"{root}/{place}" for place in written))
    Path(root).mkdir(exist_ok=True)
    found = places(root, "-")
    assert found.pop() == "stdin.txt"
    assert found == sorted(written, key=lambda place: place.split("/"))


# --- where output goes ---


@pytest.mark.parametrize(
    ("paths", "output", "answer"),
    [
        (["in/a.txt"], "new", False),
        (["in/a.txt"], "a.txt", False),
        (["in/a.txt"], "there", True),
        (["in"], "new", True),
        (["in/a.txt", "in/a.txt"], "new", True),
        (["-"], "new", False),
        (["-"], "there", True),
    ],
)
def test_several_pages_or_a_folder_that_is_there_ask_for_a_folder(
    paths: list[str], output: str, answer: bool
) -> None:
    write("in/a.txt", "a.txt")
    Path("there").mkdir()
    assert needs_folder(paths, output) == answer


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("a/x.html", "out/a/x.md"),
        ("x.txt.gz", "out/x.md"),
        ("x.php", "out/x.php.md"),
        ("stdin.txt", "out/stdin.md"),
        ("a/x.jsonl.zst", "out/a/x.jsonl.zst"),
        ("x.warc.gz", "out/x.jsonl.gz"),
    ],
)
def test_a_folder_of_output_mirrors_the_input(place: str, path: str) -> None:
    output = plan_output("out", ["in"], ".md", is_folder=True)
    assert output == Output(Path("out"), True, ".md")
    assert output.path_of(InputFile(f"in/{place}", place, place, 1)) == Path(path)


def test_output_that_is_one_file_is_that_file_for_every_input() -> None:
    output = plan_output("clean.jsonl", ["in"], ".txt", is_folder=False)
    files = [InputFile(f"in/{name}", name, name, 1) for name in ("a.txt", "b/c.parquet")]
    assert {output.path_of(file) for file in files} == {Path("clean.jsonl")}


def test_a_folder_of_output_that_is_a_file_is_refused() -> None:
    write("in/a.txt", "out")
    with pytest.raises(InputError, match=r"^out: a file, but several pages need a folder$"):
        plan_output("out", ["in"], ".txt", is_folder=True)


@pytest.mark.parametrize("output", ["in", "in/out", "in/a/../out/deep", "./in", "link/out", "in/a"])
def test_a_folder_of_output_inside_a_folder_of_input_is_refused(output: str) -> None:
    write("in/a/x.txt", "b.txt")
    Path("link").symlink_to("in")
    for paths in (["in"], ["b.txt", "in"], ["link"]):
        reason = f"{output}: lies inside the input folder {paths[-1]}"
        with pytest.raises(InputError, match=f"^{re.escape(reason)}$"):
            plan_output(output, paths, ".txt", is_folder=True)


@pytest.mark.parametrize("output", ["out", "in2", ".", "in/../out"])
def test_a_folder_of_output_beside_or_above_the_input_is_fine(output: str) -> None:
    write("in/a/x.txt")
    assert plan_output(output, ["in", "in/a/x.txt"], ".txt", is_folder=True).is_folder


# --- collisions ---


def check(files: Sequence[InputFile], output: str, is_folder: bool = True) -> None:
    """See that there is no collision, and that the check leaves nothing behind."""
    scratch = Path("scratch")
    scratch.mkdir(exist_ok=True)
    try:
        check_collisions(lambda: iter(files), Output(Path(output), is_folder, ".txt"), scratch)
    finally:
        assert [path for path in scratch.rglob("*") if path.is_file()] == []


def check_paths(*paths: str, output: str) -> None:
    check(list(find_inputs(paths)), output, needs_folder(paths, output))


TWICE = "{}: two pages would be written here"
OVER = "{}: is the input too; write to another {}"


@pytest.mark.parametrize(
    ("paths", "target"),
    [
        (["in"], "out/a.txt"),  # a.html and a.txt
        (["one/a.txt", "two/a.txt"], "out/a.txt"),
        (["one/a.txt", "one/a.txt"], "out/a.txt"),
        (["one", "two"], "out/a.txt"),
        (["packed"], "out/a.jsonl.gz"),  # a.warc and a.jsonl.gz
        (["-", "-"], "out/stdin.txt"),
    ],
)
def test_two_inputs_with_one_output_are_refused(paths: list[str], target: str) -> None:
    write("in/a.html", "in/a.txt", "in/b.txt", "one/a.txt", "two/a.txt")
    write("packed/a.warc", "packed/a.jsonl.gz")
    with pytest.raises(InputError, match=f"^{re.escape(TWICE.format(target))}, .* and .*; "):
        check_paths(*paths, output="out")


def test_two_inputs_go_to_one_file_where_that_is_asked_for() -> None:
    write("one/a.txt", "two/a.txt")
    check(list(find_inputs(["one", "two"])), "clean.jsonl", is_folder=False)


@pytest.mark.parametrize("output", ["in", "./in", "link", "deep/../in", "in/b/.."])
def test_a_folder_whose_files_are_the_input_is_refused_by_whatever_name(output: str) -> None:
    write("in/a.txt", "in/b/c.txt", "deep/x.txt")
    Path("link").symlink_to("in")
    target = OVER.format(Path(output, "a.txt"), "folder")
    with pytest.raises(InputError, match=f"^{re.escape(target)}$"):
        check_paths("in/a.txt", output=output)


def test_an_output_that_is_a_link_to_an_input_is_refused() -> None:
    write("in/a.txt", "in/b.txt")
    Path("out").mkdir()
    Path("out/a.txt").symlink_to("../in/b.txt")
    check_paths("in/a.txt", output="out")  # it is written to, but not read
    with pytest.raises(InputError, match=re.escape(OVER.format("out/a.txt", "folder"))):
        check_paths("in", output="out")


def test_an_input_that_is_reached_through_links_is_known() -> None:
    write("real/a.txt")
    Path("folder").symlink_to("real")
    Path("in").mkdir()
    Path("in/a.txt").symlink_to("../folder/a.txt")
    with pytest.raises(InputError, match="is the input too"):
        check_paths("in/a.txt", output="real")
    with pytest.raises(InputError, match="is the input too"):
        check_paths("folder/a.txt", output="real")
    check_paths("folder", output="out")


def test_two_outputs_that_links_make_one_file_are_refused() -> None:
    write("one/a.txt", "one/b.txt", "out/a.txt")
    Path("out/b.txt").symlink_to("a.txt")
    with pytest.raises(InputError, match="two pages would be written here"):
        check_paths("one", output="out")


@pytest.mark.parametrize("output", ["in/a.txt", "./in/../in/a.txt", "link/a.txt", "link.txt"])
def test_one_file_of_output_that_is_an_input_is_refused(output: str) -> None:
    write("in/a.txt", "in/b.txt")
    Path("link").symlink_to("in")
    Path("link.txt").symlink_to("in/a.txt")
    files = list(find_inputs(["in"]))
    target = OVER.format(Path(output), "file")
    with pytest.raises(InputError, match=f"^{re.escape(target)}$"):
        check(files, output, is_folder=False)
    check(files[1:], output, is_folder=False)
    check(files, "new.txt", is_folder=False)


def many(count: int) -> list[InputFile]:
    """Files that need not be there."""
    return [InputFile(f"in/{i % 97}/{i}.html", "", f"{i % 97}/{i}.html", 1) for i in range(count)]


def test_among_ten_thousand_inputs_nothing_is_wrong() -> None:
    check(many(10_000), "out")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("in/5/5.txt", TWICE.format("out/5/5.txt")),
        ("out/9/9.txt", OVER.format("out/9/9.txt", "folder")),
    ],
)
def test_among_ten_thousand_inputs_the_one_that_collides_is_found(path: str, reason: str) -> None:
    files = [*many(10_000), InputFile(path, "", path.partition("/")[2], 1)]
    with pytest.raises(InputError, match=f"^{re.escape(reason)}"):
        check(files, "out")


PLACES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "a/", "a/b/"]),
    st.sampled_from(["x", "y", "X"]),
    st.sampled_from([".txt", ".html", ".html.gz", ".php", ".jsonl", ".jsonl.gz", ".warc.gz"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["in", "out", "two"]), PLACES), max_size=8))
def test_of_any_inputs_those_are_refused_whose_outputs_meet(inputs: list[tuple[str, str]]) -> None:
    files = [InputFile(f"{folder}/{place}", place, place, 1) for folder, place in inputs]
    output = Output(Path("out"), True, ".txt")
    targets = [str(output.path_of(file)) for file in files]
    others = {file.path for file in files}
    meet = len(set(targets)) < len(targets) or bool(others & set(targets))
    try:
        check(files, "out")
    except InputError as error:
        assert meet
        assert str(error).split(":")[0] in targets
    else:
        assert not meet
