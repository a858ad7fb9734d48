"""No output replaces an input, by whatever name, and output goes to where links point."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import write
from manifests import is_manifest

from clutter.batch import BatchError, run
from clutter.errors import InputError
from clutter.options import CleanOptions
from clutter.plan import (
    InputFile,
    check_collisions,
    find_inputs,
    identity,
    needs_folder,
    plan_output,
)

ALL = CleanOptions(threshold=0)
ROW = '{"id": 1, "text": "A line"}\n'


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A folder on another file system than the current folder."""
    for place in ("/dev/shm", "/tmp", os.path.expanduser("~")):
        if os.access(place, os.W_OK) and os.stat(place).st_dev != os.stat(".").st_dev:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                yield Path(folder)
            return
    pytest.skip("needs a second file system")


def contents(folder: str) -> dict[str, str]:
    """Every file of a folder, hidden ones too, but what a run notes about its own output."""
    found = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    found = [path for path in found if not is_manifest(path)]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def check(*paths: str, output: str) -> None:
    planned = plan_output(output, paths, ".txt", is_folder=needs_folder(paths, output))
    with tempfile.TemporaryDirectory() as scratch:
        check_collisions(lambda: find_inputs(paths), planned, Path(scratch))


def test_a_file_is_the_same_by_every_name() -> None:
    write({"in/a.txt": "one", "b.txt": "two"})
    os.link("in/a.txt", "hard.txt")
    Path("link.txt").symlink_to("in/a.txt")
    Path("folder").symlink_to("in")
    names = ["in/a.txt", "./in/../in/a.txt", "hard.txt", "link.txt", "folder/a.txt"]
    assert len(set(map(identity, names))) == 1
    assert identity("b.txt") != identity("in/a.txt")


def test_a_file_that_is_not_there_yet_is_the_same_by_every_name() -> None:
    write({"in/deep/a.txt": "one"})
    Path("link.txt").symlink_to("in/new.txt")
    Path("folder").symlink_to("in")
    names = ["in/new.txt", "link.txt", "folder/new.txt", "folder/deep/../new.txt"]
    assert len(set(map(identity, names))) == 1
    assert identity("new.txt") != identity("in/new.txt")


def test_the_folder_above_a_link_is_that_of_the_folder_it_points_to() -> None:
    write({"far/deep/x": "", "a.txt": "one"})
    Path("link").symlink_to("far/deep")
    assert identity("link/../a.txt") != identity("a.txt")
    assert plan_output("link/../a.jsonl", ["a.txt"], ".txt", is_folder=False).path == (
        Path("far/a.jsonl").resolve()
    )


def test_links_that_changed_since_the_last_check_are_seen() -> None:
    write({"in/a.txt": "one"})
    Path("other").mkdir()
    Path("out").symlink_to("other")
    check("in/a.txt", output="out")
    Path("out").unlink()
    Path("out").symlink_to("in")
    with pytest.raises(InputError, match=r"^out/a.txt: is the input too; write to another folder$"):
        check("in/a.txt", output="out")


@pytest.mark.parametrize("output", ["out", "out/one.txt"])
def test_an_output_that_is_a_hard_link_of_an_input_is_refused(output: str) -> None:
    write({"in/one.txt": "one"})
    Path("out").mkdir()
    os.link("in/one.txt", "out/one.txt")
    with pytest.raises(InputError, match=r"^out/one.txt: is the input too"):
        check("in/one.txt", output=output)


def test_a_disk_without_upper_and_lower_case_has_one_file_for_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write({"in/a.txt": "one", "IN/A.TXT": "stands for the same file on such a disk"})
    stat, upper = os.stat, os.path.join("IN", "A.TXT")

    def folding(path: str, **options: bool) -> os.stat_result:
        name = os.fspath(path)
        return stat(name.replace(upper, "in/a.txt") if isinstance(name, str) else name, **options)

    monkeypatch.setattr(os, "stat", folding)
    assert identity("IN/A.TXT") == identity("in/a.txt")


@pytest.mark.parametrize("ignores_case", [False, True])
def test_pages_that_differ_in_case_have_one_output_on_a_disk_that_ignores_it(
    monkeypatch: pytest.MonkeyPatch, ignores_case: bool
) -> None:
    write({"in/deep/a.txt": "one", "in/deep/A.html": "two"})
    monkeypatch.setattr(os.path, "samefile", lambda one, two: ignores_case)
    if ignores_case:
        with pytest.raises(InputError, match="two pages would be written here"):
            check("in", output="out")
    else:
        check("in", output="out")


@pytest.mark.parametrize(
    ("ignores_case", "platform", "is_one"),
    [(False, "linux", False), (True, "linux", True), (False, "darwin", True)],
)
def test_names_in_two_unicode_forms_are_one_on_a_disk_that_takes_them_for_one(
    monkeypatch: pytest.MonkeyPatch, ignores_case: bool, platform: str, is_one: bool
) -> None:
    monkeypatch.setattr(os.path, "samefile", lambda one, two: ignores_case)
    monkeypatch.setattr(sys, "platform", platform)
    plan_output("out", ["in"], ".txt", is_folder=True)  # what is known of disks is asked anew
    composed, decomposed = "out/Caf\u00e9.txt", "out/Cafe\u0301.txt"
    assert (identity(composed) == identity(decomposed)) == is_one
    assert (identity(composed) == identity(decomposed.replace("C", "c"))) == ignores_case
    assert identity(composed) != identity("out/Cafe.txt")


def test_a_folder_inside_the_input_is_known_by_what_it_is(tmp_path: Path) -> None:
    write({"in/a.txt": "one"})
    Path("link").symlink_to("in")
    for output in ("in/out", "link/out/deep", "link"):
        with pytest.raises(InputError, match=f"^{output}: lies inside the input folder in$"):
            plan_output(output, ["in"], ".txt", is_folder=True)


def test_standard_input_is_not_a_file_called_like_it() -> None:
    write({"-": "a file", "b.txt": "b"})
    files = [InputFile("-", "-", "stdin.txt", 0)]
    output = plan_output("-", ["-"], ".txt", is_folder=False)
    check_collisions(lambda: files, output, Path())


# runs


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("clean.jsonl", "clean.jsonl"),
        ("clean.jsonl.errors.jsonl", "clean.jsonl"),
        ("out.errors.jsonl", "out"),
        ("link.jsonl", "clean.jsonl"),
        ("hard.jsonl", "clean.jsonl"),
        ("hard.jsonl", "out"),
        ("in/hard.jsonl", "link"),
        ("in/link.jsonl", "in/../clean.jsonl"),
    ],
)
def test_no_run_writes_over_its_input_with_output_or_errors(name: str, output: str) -> None:
    write({"clean.jsonl": ROW, "in/b.txt": "b"})
    os.link("clean.jsonl", "in/hard.jsonl")
    Path("in/link.jsonl").symlink_to("../clean.jsonl")
    Path("link.jsonl").symlink_to("clean.jsonl")
    Path("link").symlink_to("in")
    for other in ("hard.jsonl", "out.errors.jsonl", "clean.jsonl.errors.jsonl"):
        os.link("clean.jsonl", other)
    before = contents(".")
    with pytest.raises(BatchError, match=r"is the input too; write to another (file|folder)"):
        run([name], output, ALL)
    assert contents(".") == before


@pytest.mark.parametrize("argument", ["out.jsonl.unfinished", "out.jsonl.unfinished/in/a.txt"])
def test_pages_in_the_work_folder_of_a_run_are_not_deleted_with_it(argument: str) -> None:
    write({"out.jsonl.unfinished/in/a.txt": "one"})
    with pytest.raises(BatchError, match=r"lies in .*out.jsonl.unfinished, which a run to out"):
        run([argument], "out.jsonl", ALL)
    assert contents(".") == {"out.jsonl.unfinished/in/a.txt": "one"}


def test_earlier_outputs_and_errors_in_a_folder_of_input_are_left_out() -> None:
    write({"in/a.txt": "one", "in/clean.jsonl": "old", "in/clean.jsonl.errors.jsonl": "old"})
    run(["in"], "in/clean.jsonl", ALL, force=True)
    run(["in"], "in/clean.jsonl", ALL)
    assert json.loads(Path("in/clean.jsonl").read_text())["text"] == "one"


def test_an_input_above_a_link_is_read_from_where_it_is() -> None:
    write({"far/deep/x": "", "far/a.jsonl": ROW, "a.jsonl": "the wrong one"})
    Path("link").symlink_to("far/deep")
    run(["link/../a.jsonl"], "clean.jsonl", ALL)
    assert json.loads(Path("clean.jsonl").read_text())["text"] == "A line"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_run_to_a_link_writes_what_it_points_to_and_keeps_it(is_there: bool) -> None:
    write({"a.jsonl": ROW, "far/x": ""} | ({"far/clean.jsonl": "old"} if is_there else {}))
    Path("clean.jsonl").symlink_to("far/clean.jsonl")
    run(["a.jsonl"], "clean.jsonl", ALL, force=True)
    assert Path("clean.jsonl").is_symlink()
    assert json.loads(Path("far/clean.jsonl").read_text())["text"] == "A line"
    assert sorted(contents(".")) == ["a.jsonl", "clean.jsonl", "far/clean.jsonl", "far/x"]


def test_a_run_to_a_link_to_a_folder_that_is_not_there_makes_it() -> None:
    write({"in/a.txt": "one"})
    Path("out").symlink_to("far/out")
    run(["in"], "out", ALL)
    assert Path("out").is_symlink()
    assert contents("far/out") == {"a.txt": "one\n"}


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.parquet"])
def test_a_run_to_a_link_to_another_disk_works_on_that_disk(other_disk: Path, name: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    write({"a.jsonl": ROW})
    Path(name).symlink_to(other_disk / name)
    run(["a.jsonl"], name, ALL)
    assert Path(name).is_symlink()
    assert (other_disk / name).stat().st_size > 0
    assert sorted(os.listdir(other_disk)) == [f".{name}.clutter", name]
    assert sorted(os.listdir()) == sorted(["a.jsonl", name])


def test_pages_go_to_links_and_to_folders_on_another_disk(other_disk: Path) -> None:
    write({"in/a.txt": "one", "in/deep/b.txt": "two", "out/real.txt": "old"})
    Path("out/deep").symlink_to(other_disk)
    Path("out/a.txt").symlink_to("real.txt")
    run(["in"], "out", ALL, force=True)
    assert Path("out/a.txt").is_symlink()
    assert Path("out/real.txt").read_text() == "one\n"
    assert contents(str(other_disk)) == {"b.txt": "two\n"}


def test_a_folder_that_is_a_broken_link_is_made_where_it_points_to() -> None:
    write({"in/deep/b.txt": "two", "out/x": ""})
    Path("out/deep").symlink_to("../far")
    run(["in"], "out", ALL)
    assert contents("far") == {"b.txt": "two\n"}
