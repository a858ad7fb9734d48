"""Where commands write: to files or folders, beside or over what is there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from commands import Run, write
from manifests import is_manifest

from clutter import batch
from clutter.errors import InputError


def contents(folder: str = ".") -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, but what a run notes about its own output."""
    found = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    found = [path for path in found if not is_manifest(path)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


CLEAN = ("clean", "--threshold", "0")
LABEL = ("label", "--format", "tsv")

# a folder or a file


@pytest.mark.parametrize(("command", "ending"), [(CLEAN, "txt"), (LABEL, "tsv")])
@pytest.mark.parametrize("output", ["mine/", "new/deep/", "new.txt/", "mine/.", "link/"])
def test_a_name_that_ends_in_a_slash_is_a_folder_for_one_page_too(
    run: Run, command: tuple[str, ...], ending: str, output: str
) -> None:
    write({"in/page.txt": "one\n"})
    Path("link").symlink_to("far")
    status, out, err = run(*command, "in/page.txt", "-o", output)
    assert (status, out, err) == (0, b"", "")
    assert list(contents(output)) == [f"page.{ending}"]
    assert run(*command, "-o", output, stdin=b"one\n")[0] == 0
    assert list(contents(output)) == [f"page.{ending}", f"stdin.{ending}"]


def test_records_go_to_a_folder_with_a_dot_if_a_slash_says_so(run: Run) -> None:
    write({"a.jsonl": '{"text": "one"}\n'})
    status, _, err = run("clean", "a.jsonl", "-o", "v1.2")
    assert (status, err.count("\n")) == (2, 1)
    assert "v1.2: records go to .jsonl, " in err
    assert run("clean", "a.jsonl", "-o", "v1.2/")[0] == 0
    assert list(contents("v1.2")) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([*CLEAN, "in", "-o", "x.txt"], "several pages to a folder: for example x.jsonl or x/"),
        ([*CLEAN, "in", "-o", "a/x.html.gz"], "folder: for example a/x.jsonl or a/x/"),
        ([*CLEAN, "in/a.txt", "in/b.txt", "-o", "x.md"], "for example x.jsonl or x/"),
        ([*CLEAN, "r.jsonl", "-o", "x.json"], "x.json: records go to .jsonl, .jsonl.gz, "),
        ([*LABEL, "in", "-o", "x.tsv"], "x.tsv: labelled files go to a folder: for example x/"),
        ([*LABEL, "in", "-o", "x.jsonl"], "x.jsonl: labelled files go to a folder: for "),
        (["label", "in", "--format", "html", "-o", "x/"], "all goes to one file: x/pages.html"),
        (["label", "r.txt", "--format", "jsonl", "-o", "in"], "one file: in/pages.jsonl"),
        ([*CLEAN, "r.txt", "-o", "r.jsonl/"], "r.jsonl/: a file, but this name is that of a "),
        ([*CLEAN, "r.txt", "-o", ""], "the name of the output is empty"),
        ([*LABEL, "r.txt", "-o", ""], "the name of the output is empty"),
    ],
)
def test_a_folder_does_not_get_the_name_of_a_file_nor_a_file_that_of_a_folder(
    run: Run, args: list[str], message: str
) -> None:
    write({"in/a.txt": "one\n", "in/b.txt": "two\n", "r.jsonl": '{"text": "one"}\n', "r.txt": "r"})
    before = sorted(Path().rglob("*"))
    status, out, err = run(*args)
    assert (status, out, err.count("\n")) == (2, b"", 1)
    assert message in err
    assert sorted(Path().rglob("*")) == before


def test_a_folder_that_is_there_may_have_any_name(run: Run) -> None:
    write({"in/a.txt": "one\n", "x.txt/old": ""})
    assert run(*CLEAN, "in", "-o", "x.txt")[0] == 0
    assert list(contents("x.txt")) == ["a.txt", "old"]


@pytest.mark.parametrize("command", [CLEAN, LABEL])
@pytest.mark.parametrize(
    ("paths", "pages", "way_out"),
    [
        (["in"], "in/a.html and in/a.txt", "give one of them another output (-o)"),
        (
            ["in/a.html", "other/a.txt"],
            "in/a.html and other/a.txt",
            "give their parent folder, or one of them another output (-o)",
        ),
        (["in/a.txt", "./in/a.txt"], "in/a.txt and ./in/a.txt", "give it once"),
    ],
)
def test_two_pages_with_one_output_are_both_named_with_a_way_out(
    run: Run, command: tuple[str, ...], paths: list[str], pages: str, way_out: str
) -> None:
    write({"in/a.txt": "one", "in/a.html": "<p>one", "other/a.txt": "one"})
    status, _, err = run(*command, *paths, "-o", "out")
    target = "out/a.tsv" if command == LABEL else "out/a.txt"
    message = f"clutter: {target}: two pages would be written here, {pages}; {way_out}\n"
    assert (status, err) == (2, message)
    assert not Path("out").exists()


def test_the_parent_folder_is_a_way_out(run: Run) -> None:
    write({"in/one/a.txt": "one\n", "in/two/a.txt": "two\n"})
    assert run(*CLEAN, "in/one/a.txt", "in/two/a.txt", "-o", "out")[0] == 2
    assert run(*CLEAN, "in", "-o", "out")[0] == 0
    assert contents("out") == {os.path.join(x, "a.txt"): f"{x}\n".encode() for x in ("one", "two")}


# over what is there


def test_labelled_files_that_are_there_stay_and_the_others_are_written(run: Run) -> None:
    write({f"in/{name}.txt": f"{name}\n" for name in ("a", "b", "c", "d", "e")})
    write({"mine/b.tsv": "body\tcorrected\n", "mine/d.tsv": "body\tcorrected\n", "mine/e.tsv": ""})
    # the page of a file that stays is not read: it could not be
    write({"in/b.txt": b"caf\xe9"})
    status, out, err = run(*LABEL, *(f"in/{x}.txt" for x in "abcde"), "-o", "mine/")
    assert (status, out) == (0, b"")
    assert err == (
        "mine/b.tsv: is there already, left as it is\n"
        "mine/d.tsv: is there already, left as it is\n"
        "3 files written, 2 left as they are (--force overwrites them)\n"
    )
    found = contents("mine")
    assert sorted(found) == ["a.tsv", "b.tsv", "c.tsv", "d.tsv", "e.tsv"]
    assert found["b.tsv"] == found["d.tsv"] == b"body\tcorrected\n"
    assert found["a.tsv"].endswith(b"\ta\n\n")
    assert found["e.tsv"].endswith(b"\te\n\n")  # it was empty: nothing is lost


def test_labelled_files_are_overwritten_if_that_is_asked_for(run: Run) -> None:
    write({"in/a.txt": "a\n", "mine/a.tsv": "body\tcorrected\n"})
    assert run(*LABEL, "in", "-o", "mine", "--force") == (0, b"", "")
    assert contents("mine")["a.tsv"].endswith(b"\ta\n\n")


def test_one_page_that_is_labelled_into_a_folder_stays_too(run: Run) -> None:
    write({"a.txt": "a\n", "mine/a.tsv": "body\tcorrected\n"})
    assert run(*LABEL, "a.txt", "-o", "mine/") == (
        0,
        b"",
        "mine/a.tsv: is there already, left as it is\n"
        "0 files written, 1 left as it is (--force overwrites it)\n",
    )
    assert contents("mine") == {"a.tsv": b"body\tcorrected\n"}


def test_of_many_files_that_stay_twenty_are_named(run: Run) -> None:
    for i in range(23):
        write({f"in/{i:02}.txt": "a\n", f"mine/{i:02}.tsv": "body\ta\n"})
    _, _, err = run(*LABEL, "in", "-o", "mine")
    lines = err.splitlines()
    assert lines[19:] == [
        "mine/19.tsv: is there already, left as it is",
        "and 3 more",
        "0 files written, 23 left as they are (--force overwrites them)",
    ]


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ((*CLEAN, "in/a.txt"), "out.txt"),
        ((*CLEAN, "in/a.txt"), "out/"),
        ((*LABEL, "in/a.txt"), "out.tsv"),
        (("label", "in", "--format", "jsonl"), "out.jsonl"),
        (("label", "in", "--format", "html"), "out.html"),
        (("label", "in/a.txt", "--format", "text"), "out.txt"),
    ],
)
def test_a_file_that_is_there_is_overwritten_by_the_same_content_only(
    run: Run, command: tuple[str, ...], output: str
) -> None:
    write({"in/a.txt": "one\ntwo\n", "in/b.txt": "three\n"})
    command = (*command, "-o", output)
    assert run(*command) == (0, b"", "")
    (target,) = [path for path in [Path(output), Path(output, "a.txt")] if path.is_file()]
    made = target.read_bytes()
    assert run(*command) == (0, b"", "")
    for other in (b"mine", made[:-1], made + b"and a note\n", made[:-2] + b"x\n"):
        target.write_bytes(other)
        assert run(*command) == (
            2,
            b"",
            f"clutter: {target}: is there already; --force overwrites it\n",
        )
        assert target.read_bytes() == other
        assert run(*command, "--force") == (0, b"", "")
        assert target.read_bytes() == made
    target.write_bytes(b"")
    assert run(*command) == (0, b"", "")
    assert target.read_bytes() == made
    assert sorted(contents()) == sorted(["in/a.txt", "in/b.txt", str(target)])


@pytest.mark.parametrize("command", [CLEAN, LABEL])
def test_devices_and_pipes_are_written_to(run: Run, command: tuple[str, ...]) -> None:
    write({"a.txt": "one\n"})
    assert run(*command, "a.txt", "-o", os.devnull) == (0, b"", "")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run(*command, "a.txt", "-o", "pipe") == (0, b"", "")
    assert os.read(reader, 100).rstrip().endswith(b"one")
    os.close(reader)


@pytest.mark.parametrize("command", [CLEAN, LABEL])
def test_force_without_a_file_to_overwrite_is_refused(run: Run, command: tuple[str, ...]) -> None:
    assert run(*command, "--force") == (2, b"", "clutter: --force does nothing without -o\n")


def test_a_run_hears_whether_it_may_overwrite(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"in/a.txt": "one\n"})
    seen = []

    def run_batch(*args: object, **options: object) -> None:
        seen.append(options["force"])
        raise InputError("enough")

    monkeypatch.setattr(batch, "run", run_batch)
    run(*CLEAN, "in", "-o", "out")
    run(*CLEAN, "in", "-o", "out", "--force")
    assert seen == [False, True]


# options that would do nothing


@pytest.mark.parametrize(
    "options",
    [
        ["--html", "content"],
        ["--text", "body"],
        ["--text", ""],
        ["--lines"],
        ["--by-site"],
        ["--jobs", "1"],
        ["--strict"],
        ["--lines", "--by-site"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("place", [["a.txt"], ["in"], ["a.txt", "-o", "out.txt"], ["a.txt", "in"]])
def test_without_a_run_the_options_of_runs_are_refused(
    run: Run, options: list[str], place: list[str]
) -> None:
    write({"in/a.txt": "one\n", "a.txt": "one\n"})
    names = ", ".join(option for option in options if option.startswith("--"))
    reason = "only for records, and for many pages with -o"
    if "--lines" in options:
        reason += "; --lines also for one page with --format json"
    assert run("clean", *place, *options) == (2, b"", f"clutter: {names}: {reason}\n")
    assert not Path("out.txt").exists()


# one page as JSON


def test_one_page_is_a_json_object_with_its_metadata(run: Run) -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    write({"a.html": "<html lang=de><meta name=author content='Von Anna Beispiel'><p>Größe"})
    status, out, _ = run("clean", "a.html", "--format", "json")
    assert (status, out.count(b"\n")) == (0, 1)
    found = json.loads(out)
    assert list(found) == ["text", "title", "kind", "metadata"]
    assert (found["metadata"]["author"], found["metadata"]["language"]) == ("Anna Beispiel", "de")
    page = Path("a.html").read_bytes()
    assert run("clean", "--format", "json", stdin=page)[1] == out
    assert run("clean", "a.html", "--format", "json", "-o", "new.json")[0] == 0
    assert Path("new.json").read_bytes() == out


def test_one_page_as_json_may_have_its_lines(run: Run) -> None:
    write({"a.txt": "Größe".encode("latin-1")})
    options = ["--format", "json", "--encoding", "latin-1"]
    plain = json.loads(run("clean", "a.txt", *options)[1])
    with_lines = json.loads(run("clean", "a.txt", *options, "--lines")[1])
    assert [line["text"] for line in with_lines.pop("lines")] == ["Größe"]
    assert with_lines == plain


@pytest.mark.parametrize(
    "args", [["in"], ["a.txt", "in/a.txt"], ["in", "-o", "out.jsonl"], ["a.txt", "-o", "out.jsonl"]]
)
def test_many_pages_and_records_are_not_one_json_object(run: Run, args: list[str]) -> None:
    write({"in/a.txt": "one\n", "a.txt": "one\n"})
    message = "clutter: --format json: only for one page; records are JSON without it\n"
    assert run("clean", *args, "--format", "json") == (2, b"", message)
    assert not Path("out.jsonl").exists()


# options that no input needs


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["r.jsonl", "--pattern", "*"], "--pattern: only for folders; no PATH is a folder"),
        (["a.txt", "--pattern", "*"], "--pattern: only for folders; no PATH is a folder"),
        (["a.txt", "b.html", "--text", "x"], "--text: only for records; every PATH is a page"),
        (["a.txt", "--html", "x"], "--html: only for records; every PATH is a page"),
    ],
)
def test_in_a_run_options_that_no_input_needs_are_refused(
    run: Run, args: list[str], message: str
) -> None:
    write({"r.jsonl": '{"text": "one"}\n', "a.txt": "one\n", "b.html": "<p>two"})
    assert run("clean", *args, "-o", "out.jsonl") == (2, b"", f"clutter: {message}\n")
    assert not Path("out.jsonl").exists()


def test_in_a_run_the_options_of_runs_are_used(run: Run) -> None:
    write({"in/r.jsonl": '{"body": "one"}\n', "in/a.asp": "two", "in/b.txt": "three"})
    options = ["--text", "body", "--lines", "--pattern", "*.jsonl", "--by-site", "--jobs", "1"]
    status, _, err = run(*CLEAN, "in", "-o", "out.jsonl", "--strict", *options)
    assert (status, err[:8]) == (0, "1 page, ")
    assert b'"lines"' in contents()["out.jsonl"]


@pytest.mark.parametrize("labelled", ["mine", "mine/a.tsv"])
@pytest.mark.parametrize("output", ["mine/a.tsv", "link.tsv"])
def test_a_model_does_not_overwrite_the_labels_it_is_trained_on(
    run: Run, labelled: str, output: str
) -> None:
    write({"mine/a.tsv": "body\tone\nnav\ttwo\n"})
    Path("link.tsv").symlink_to("mine/a.tsv")
    status, _, err = run("train", labelled, "-o", output)
    assert (status, err) == (2, f"clutter: {output}: is an input too; write to another file\n")
    assert contents("mine") == {"a.tsv": b"body\tone\nnav\ttwo\n"}


# a full disk

full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@full_device
@pytest.mark.parametrize("command", [CLEAN, LABEL, ("label", "--format", "html")])
def test_a_full_disk_is_named_by_the_file_on_it(run: Run, command: tuple[str, ...]) -> None:
    write({"a.txt": "one\n"})
    Path("link.txt").symlink_to("/dev/full")
    expected = "clutter: link.txt: No space left on device\n"
    assert run(*command, "a.txt", "-o", "link.txt") == (2, b"", expected)


def test_a_full_disk_in_a_run_is_named_by_the_output(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_batch(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write({"in/a.txt": "one\n"})
    monkeypatch.setattr(batch, "run", run_batch)
    message = "clutter: out.jsonl: No space left on device\n"
    assert run(*CLEAN, "in", "-o", "out.jsonl") == (2, b"", message)
