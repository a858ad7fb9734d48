"""Names of files with line breaks, blanks, terminal escapes or bytes that are no text."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clutter import cli, labelled
from clutter.text import printable

Run = Callable[..., tuple[int, bytes, str]]

ODD = {
    "two\nlines.txt": "two\ufffdlines.txt",
    "  blanks.txt": "  blanks.txt",
    "\x1b[31mred\x07.txt": "\ufffd[31mred\ufffd.txt",
    "bytes\udce9.txt": "bytes\ufffd.txt",
    "\u202egnp.txt": "\ufffdgnp.txt",
    "\x85next\u2028line.txt": "\ufffdnext\ufffdline.txt",
}
"""Names of files, and how they are shown."""


@pytest.fixture
def run(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs a command line in an empty folder: exit status, output, messages."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        status = cli.main(args)
        out, err = capsysbinary.readouterr()
        return status, out, err.decode()

    return run


@pytest.fixture
def odd(run: Run) -> list[str]:
    """A folder with a page by each of these names."""
    Path("in").mkdir()
    try:
        for name in ODD:
            Path("in", name).write_text(f"{printable(name)}\n")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such names")
    return sorted(ODD)


@pytest.mark.parametrize(
    "name", ["plain.txt", "dir/naïve 一.txt", "a\u200cb", "shot 9.41\u202fPM.png", "caf\ufffd"]
)
def test_a_name_that_is_text_is_shown_as_it_is(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_shown_in_one_line_without_control_characters(name: str) -> None:
    assert printable(name) == ODD[name]


def test_text_with_any_surrogate_can_be_shown() -> None:
    assert printable("a\ud800\n\udce9b") == "a\ufffd\ufffd\ufffdb"


def test_pages_on_standard_output_have_harmless_headings(run: Run, odd: list[str]) -> None:
    for command, kind in (
        (["clean", "--threshold", "0"], ""),
        (["label", "--format", "text"], r" \(\w+(?:\?0\.\d\d)?\)"),
    ):
        status, out, err = run(*command, "in")
        assert (status, err) == (0, "")
        headings = [x for x in out.decode().split("\n") if x.startswith("==> ")]
        for heading, name in zip(headings, odd, strict=True):
            assert re.fullmatch(re.escape(f"==> in/{ODD[name]}") + kind + " <==", heading)
        assert b"\x1b" not in out


def test_json_has_the_name_itself(run: Run, odd: list[str]) -> None:
    _, out, _ = run("label", "in", "--format", "jsonl")
    assert [json.loads(row)["path"] for row in out.splitlines()] == [f"in/{x}" for x in odd]


def test_folders_of_output_have_the_names_themselves(run: Run, odd: list[str]) -> None:
    assert run("clean", "--threshold", "0", "in", "-o", "out")[0] == 0
    assert {x: Path("out", x).read_text("utf-8") for x in odd} == {x: f"{ODD[x]}\n" for x in odd}
    assert sorted(x for x in os.listdir("out") if x != ".clutter") == odd
    assert run("label", "in", "--format", "tsv", "-o", "mine") == (0, b"", "")
    assert sorted(os.listdir("mine")) == sorted(x.replace(".txt", ".tsv") for x in odd)
    _, _, err = run("label", "in", "--format", "tsv", "-o", "mine")
    assert err.splitlines()[:-1] == [
        f"mine/{ODD[x].replace('.txt', '.tsv')}: is there already, left as it is" for x in odd
    ]


def test_records_and_the_list_of_errors_have_the_name_itself(run: Run, odd: list[str]) -> None:
    Path("in", "two\nlines.txt").write_bytes(b"caf\xe9")
    assert run("clean", "--threshold", "0", "in", "-o", "out.jsonl")[0] == 0
    text = Path("out.jsonl").read_text("utf-8")
    names = [json.loads(row)["id"] for row in text.split("\n") if row]
    text_names = [x.replace("\udce9", "\ufffd") for x in odd if "\n" not in x]
    assert names == [f"in/{x}" for x in text_names]
    (error,) = Path("out.jsonl.errors.jsonl").read_text("utf-8").splitlines()
    assert json.loads(error)["file"] == "in/two\nlines.txt"


@pytest.mark.parametrize("name", ODD)
def test_errors_with_a_name_are_one_harmless_line(run: Run, odd: list[str], name: str) -> None:
    path, shown = f"in/{name}", f"in/{ODD[name]}"
    Path(path).write_bytes(b"caf\xe9")
    for args, start in (
        (["clean", path], f"clutter: {shown}: not UTF-8: "),
        (["clean", f"{path}.none"], f"clutter: {shown}.none: no such file or folder"),
        (["clean", path, "-o", path], f"clutter: {shown}: is the input too"),
        (["clean", path, "-o", "r.jsonl", "--strict"], f"clutter: {shown}: not UTF-8: "),
        (["clean", "in", "-o", f"{path}/x"], f"clutter: {shown}/x"),
        (["evaluate", path], f"clutter: {shown}:1: not UTF-8"),
        (["train", path, "-o", "m.safetensors"], f"clutter: {shown}:1: not UTF-8"),
    ):
        status, out, err = run(*args)
        assert (status, out, err.count("\n")) == (2, b"", 1), args
        assert err.startswith(start)


def test_errors_of_arguments_are_harmless(run: Run) -> None:
    shown = "clutter: unrecognized arguments: --\ufffd[31m (see clutter --help)\n"
    assert run("clean", "--\x1b[31m") == (2, b"", shown)


def test_a_report_shows_names_harmlessly(run: Run, odd: list[str]) -> None:
    Path("mine").mkdir()
    for name in odd:
        Path("mine", name[:-4] + ".tsv").write_text("body\tHome\n", "utf-8")
    _, out, err = run("evaluate", "mine")
    shown = out.decode().split("\n")
    for name in odd:
        expected = "bytes\\udce9" if "\udce9" in name else ODD[name][:-4]
        assert any(f"mine/{expected}.tsv" in line for line in shown)
    assert b"\x1b" not in out
    assert err == ""


def test_a_labelled_file_in_a_linked_folder_names_its_html_from_where_it_is(run: Run) -> None:
    pytest.importorskip("turbohtml")
    html = "<p>The ferry was back at the quay on Monday morning, three weeks after the storm."
    Path("site/deep").mkdir(parents=True)
    Path("site/page.html").write_text(html)
    Path("far/deep").mkdir(parents=True)
    Path("mine").symlink_to("far/deep")
    Path("link").symlink_to("site/deep")
    assert run("label", "link/../page.html", "--format", "tsv", "-o", "mine") == (0, b"", "")
    head = labelled.read("mine/page.tsv").head
    assert head["html"] == os.path.join("..", "..", "site", "page.html")
    assert Path("mine", head["html"]).read_text() == html
