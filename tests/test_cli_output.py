"""Where commands write: to files or folders, beside or over what is there."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clutter import cli

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def run(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs a command line in an empty folder: exit status, output, messages."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = cli.main(args)
        out, err = capsysbinary.readouterr()
        return status, out, err.decode()

    return run


def write(files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def contents(folder: str = ".") -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    found = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
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
