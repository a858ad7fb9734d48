"""The commands, as a person or a script runs them.

Most tests call ``main``; what depends on a real process (pipes, terminals, ^C, what is
imported) starts one. The shipped model is asked, but little depends on what it answers:
with ``--threshold 0`` every line is kept.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Run, write
from manifests import is_manifest

import clutter
from clutter import LABELS, cli, labelled
from clutter.cli.label import FORMATS

PAGE = """\
Home
Log in

Harbour bridge opens a year early

The new bridge over the harbour opened to traffic on Monday, a year before the date that the \
city had promised, and the first cars crossed it shortly after noon.
The mayor said that the work had cost less than planned, and that the money left would go to \
the schools of the two districts that the bridge joins.

Copyright 2024 Example Media. All rights reserved.
"""


def all_files(folder: str) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, but what a run notes about its own output."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and not is_manifest(path)
    }


def process(*args: str, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "clutter", *args]
    root = str(Path(clutter.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": root, **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.Popen(command, env=env, **options)  # type: ignore[call-overload, no-any-return]


def read_until(terminal: int, end: str) -> str:
    """What a pseudo-terminal shows, up to and with ``end``."""
    shown = b""
    while not shown.endswith(end.encode()):
        shown += os.read(terminal, 1000)
    return shown.decode()


# clean


def test_clean_prints_the_article(run: Run) -> None:
    write({"page.txt": PAGE})
    status, out, err = run("clean", "page.txt")
    assert (status, err) == (0, "")
    assert out.decode() == clutter.clean(PAGE) + "\n"
    assert b"The mayor said" in out
    assert b"Home" not in out


@pytest.mark.parametrize("args", [["clean"], ["clean", "-"]])
def test_standard_input(run: Run, args: list[str]) -> None:
    assert run(*args, stdin=PAGE.encode()) == (0, (clutter.clean(PAGE) + "\n").encode(), "")


def test_clean_of_nothing_is_nothing(run: Run) -> None:
    assert run("clean", stdin=b"") == (0, b"", "")
    assert run("clean", stdin=b"\n \n") == (0, b"", "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_bytes_come_out_as_they_went_in(run: Run, end: str) -> None:
    data = f"one\t{end}{end}  two \x0c\0\x85 zwei\u2028{end}\ufeffтри{end}".encode()
    assert run("clean", "--threshold", "0", stdin=data) == (0, data, "")
    # a byte order mark is no part of the first line
    assert run("clean", "--threshold", "0", stdin=b"\xef\xbb\xbf" + data) == (0, data, "")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-8-sig", "UTF8"])
def test_clean_text_has_the_encoding_of_the_input(run: Run, encoding: str) -> None:
    data = "café\n\nüber\n".encode(encoding)
    result = run("clean", "--threshold", "0", "--encoding", encoding, stdin=data)
    assert result == (0, data, "")
    run("clean", "--threshold", "0", "--encoding", encoding, "-o", "out.txt", stdin=data)
    assert Path("out.txt").read_bytes() == data


def test_an_encoding_with_shift_states(run: Run) -> None:
    data = "漢字\nかな\n".encode("iso2022_jp")
    assert run("clean", "--threshold", "0", "--encoding", "iso2022_jp", stdin=data)[1] == data


def test_what_an_encoding_reads_but_cannot_write_is_escaped(run: Run) -> None:
    options = ["--threshold", "0", "--encoding", "iso2022_jp"]
    data, escaped = b"a\x1b\x80b\n", b"a\x1b\\x80b\n"
    assert run("clean", *options, stdin=data) == (0, escaped, "")
    assert run("clean", *options, "-o", "out.txt", stdin=data)[0] == 0
    assert Path("out.txt").read_bytes() == escaped


def test_lone_surrogates_pass(run: Run) -> None:
    data = b"a+2AA-b\n"  # UTF-7 for a lone surrogate
    assert run("clean", "--threshold", "0", "--encoding", "utf-7", stdin=data) == (0, data, "")
    for form in FORMATS:
        status, out, err = run("label", "--format", form, "--encoding", "utf-7", stdin=data)
        assert (status, err) == (0, "")
        assert ("\ufffd" if form != "jsonl" else "\\ud800") in out.decode()


def test_several_pages_have_their_names_between_them(run: Run) -> None:
    write({"in/b.txt": "two\n", "in/a/x.txt": "one\n", "in/c.md": "no\n", "z.md": "three\n"})
    status, out, _ = run("clean", "--threshold", "0", "in", "z.md", "-", stdin=b"four\n")
    assert status == 0
    assert out.decode() == (
        f"==> {os.path.join('in', 'a', 'x.txt')} <==\none\n\n"
        f"==> {os.path.join('in', 'b.txt')} <==\ntwo\n\n"
        "==> z.md <==\nthree\n\n"
        "==> standard input <==\nfour\n"
    )


def test_names_between_pages_may_lie_outside_the_encoding(run: Run) -> None:
    write({"ж.txt": b"caf\xe9\n", "b.txt": b"two\n"})
    options = ["--threshold", "0", "--encoding", "cp1252"]
    _, out, _ = run("clean", *options, "ж.txt", "b.txt")
    assert out == b"==> \\u0436.txt <==\ncaf\xe9\n\n==> b.txt <==\ntwo\n"


def test_a_folder_is_mirrored(run: Run) -> None:
    write({"in/b.txt": "two\r\n", "in/a/x.txt": "one", "in/a/y.md": "no"})
    status, out, err = run("clean", "--threshold", "0", "in", "-o", "out")
    assert (status, out) == (0, b"")
    assert err.startswith("2 pages, 0 errors, ")
    assert all_files("out") == {os.path.join("a", "x.txt"): b"one\n", "b.txt": b"two\r\n"}


def test_one_page_goes_to_a_file_or_into_a_folder_that_exists(run: Run) -> None:
    write({"in/page.txt": "one\n", "there/old.txt": "old"})
    assert run("clean", "--threshold", "0", "in/page.txt", "-o", "new.txt")[0] == 0
    assert run("clean", "--threshold", "0", "in/page.txt", "-o", "there")[0] == 0
    assert Path("new.txt").read_bytes() == b"one\n"
    assert all_files("there") == {"old.txt": b"old", "page.txt": b"one\n"}


def test_keep_and_threshold(run: Run) -> None:
    write({"page.txt": PAGE})
    page = clutter.load().label(PAGE)
    _, out, _ = run("clean", "page.txt", "--keep", "nav, notice", "--threshold", "0.25")
    assert out.decode() == page.clean(keep=["nav", "notice"], threshold=0.25) + "\n"


def test_another_model(run: Run) -> None:
    clutter.load().save("my.safetensors")
    _, expected, _ = run("clean", stdin=PAGE.encode())
    assert run("clean", "--model", "my.safetensors", stdin=PAGE.encode()) == (0, expected, "")


# html

HTML = (
    """<!doctype html><title>Ferry - Coast</title><nav><ul><li><a href=/>Home</a><li><a
href=/sport>Sport</a><li><a href=/login>Log in</a></ul></nav><article><h1>Ferry stays in
harbour</h1>"""
    + "".join(f"<p>{line}</p>" for line in PAGE.splitlines() if len(line) > 60)
    + """
</article><footer>© 2026 Coast Daily. All rights reserved.</footer>"""
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", HTML.encode()),
        ("PAGE.HTM", HTML.encode("utf-16")),
        ("page.html.gz", gzip.compress(HTML.encode(), mtime=0)),
    ],
)
def test_html_is_known_by_its_name(run: Run, name: str, data: bytes) -> None:
    write({name: data})
    status, out, err = run("clean", name)
    assert (status, err) == (0, "")
    assert out.decode() == clutter.load().label_html(HTML).clean() + "\n"


def test_html_on_standard_input_is_known_by_its_beginning(run: Run) -> None:
    expected = run("clean", stdin=HTML.encode())
    comment = f"<!-- {'saved from a page ' * 400}-->"
    for start in ("\n ", "\ufeff", "<!-- saved -->\n", '<?xml version="1.0"?>\n', comment):
        assert run("clean", stdin=(start + HTML).encode()) == expected
    assert run("label", "--format", "jsonl", stdin=b"a <b> c\n")[1].count(b"\n") == 1


def test_markdown_is_for_html(run: Run) -> None:
    write({"page.html": HTML, "page.txt": PAGE})
    _, out, _ = run("clean", "page.html", "--format", "markdown")
    page = clutter.load().label_html(HTML)
    assert out.decode() == page.clean(format="markdown") + "\n"
    status, out, err = run("clean", "page.txt", "--format", "markdown")
    assert (status, out) == (2, b"")
    assert err == "clutter: page.txt: plain text; markdown takes HTML\n"


def test_a_folder_of_both_kinds_is_mirrored(run: Run) -> None:
    write({"in/a.txt": PAGE, "in/b/c.html": HTML, "in/b/d.txt": PAGE, "in/e.html.gz": b"\x1f\x8b"})
    status, _, err = run("clean", "in", "-o", "out")
    assert (status, err[:17]) == (0, "3 pages, 1 error ")
    assert 'in/e.html.gz", "error": "cannot be unpacked' in Path("out.errors.jsonl").read_text()
    assert set(all_files("out")) == {"a.txt", "b/c.txt", "b/d.txt"}
    assert all_files("out")["b/c.txt"].decode() == clutter.load().label_html(HTML).clean() + "\n"
    assert run("clean", "in/b/c.html", "in/b/c.html", "-o", "md", "--format", "markdown")[0] == 2
    Path("md").mkdir()
    assert run("clean", "in/b/c.html", "-o", "md", "--format", "markdown")[0] == 0
    assert set(all_files("md")) == {"c.md"}


def test_what_is_no_html_is_one_line(run: Run) -> None:
    write({"page.html": b"%PDF-1.4 ..."})
    assert run("clean", "page.html") == (2, b"", "clutter: page.html: not HTML, but a PDF\n")


def test_a_labelled_file_of_html_names_it_from_where_it_lies(run: Run) -> None:
    write({"site/page.html": HTML})
    Path("mine").mkdir()
    assert run("label", "site/page.html", "--format", "tsv", "-o", "mine/page.tsv")[0] == 0
    page = labelled.read("mine/page.tsv")
    assert page.head["html"] == os.path.join("..", "site", "page.html")
    assert page.text == clutter.load().label_html(HTML).text
    _, out, _ = run("label", "site/page.html", "--format", "tsv")
    assert labelled.parse(out.decode(), "-").head["html"] == "site/page.html"
    assert "html" not in labelled.parse(run("label", stdin=HTML.encode())[1].decode(), "-").head


def test_pages_are_streamed(run: Run) -> None:
    big = "A line of a long page.\n" * 10_000
    write({"in/a.txt": big, "in/b.txt": big, "in/c.txt": b"caf\xe9"})
    status, _, err = run("label", "in", "-o", "out")
    assert status == 2  # the third cannot be read, but the first two had been written by then
    assert "c.txt: not UTF-8: byte 0xe9 at position 3" in err
    assert sorted(all_files("out")) == ["a.tsv", "b.tsv"]


# label


def test_text_shows_label_confidence_and_line(run: Run) -> None:
    _, out, _ = run("label", "--format", "text", stdin=PAGE.encode())
    lines = clutter.load().label(PAGE).lines
    for row, line in zip(out.decode().splitlines(), lines, strict=True):
        label, confidence, text = row.split(maxsplit=2)
        assert (label, text) == (line.label, line.text)
        assert float(confidence) == pytest.approx(line.confidence, abs=0.006)


def test_piped_labels_are_a_labelled_file(run: Run) -> None:
    _, out, _ = run("label", stdin=PAGE.encode())
    page = labelled.parse(out.decode(), "-")
    assert page.text == PAGE
    lines = clutter.load().label(PAGE).lines
    guesses = {i: label for i, (label, _) in page.guesses.items()}
    assert [guesses.get(i, x) for i, x in enumerate(page.labels) if x] == [x.label for x in lines]
    doubtful = max(labelled.DOUBT, min(x.confidence for x in lines) + 1e-6)
    assert {i + 1 for i in guesses} == {x.number for x in lines if x.confidence < doubtful}


def test_jsonl_is_one_stream_for_all_pages(run: Run) -> None:
    write({"a.txt": "one\n\ntwo\n", "b.txt": "три\n"})
    _, out, _ = run("label", "--format", "jsonl", "a.txt", "b.txt", "-", stdin=b"four")
    rows = [json.loads(row) for row in out.decode().splitlines()]
    assert [(row["path"], row["number"], row["text"]) for row in rows] == [
        ("a.txt", 1, "one"), ("a.txt", 3, "two"), ("b.txt", 1, "три"), ("-", 1, "four"),
    ]  # fmt: skip
    assert {row["label"] for row in rows} <= set(LABELS)
    assert all(0 <= row["confidence"] <= 1 for row in rows)


def test_html_is_one_document_for_all_pages(run: Run) -> None:
    write({"in/a.txt": "one\n", "in/b.txt": "<two>\n"})
    assert run("label", "--format", "html", "in", "-o", "pages.html") == (0, b"", "")
    document = Path("pages.html").read_text("utf-8")
    assert document.count("<!DOCTYPE html>") == 1
    assert document.index(">one<") < document.index(">&lt;two&gt;<")


def test_labelled_files_mirror_the_folder(run: Run) -> None:
    write({"in/a/x.txt": PAGE, "in/y.v2.txt": PAGE})
    assert run("label", "in", "--format", "tsv", "-o", "out") == (0, b"", "")
    assert sorted(all_files("out")) == [os.path.join("a", "x.tsv"), "y.v2.tsv"]
    assert [page.text for page in labelled.read_all(["out"])] == [PAGE, PAGE]


def test_color_asked_for_comes_also_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b[" in run("label", "--format", "color", stdin=b"one")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b" not in run("label", "--format", "color", stdin=b"one")[1]


# what is wrong is told in one line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["clean", "missing.txt"], "missing.txt: no such file or folder"),
        (["clean", "page.txt", "missing"], "missing: no such file or folder"),
        (["clean", "empty"], "empty: no file of pages or records in this folder or below"),
        (
            ["clean", "latin.txt"],
            "latin.txt: not UTF-8: byte 0xe9 at position 3; name the right encoding, for example "
            "cp1252",
        ),
        (["clean", "latin.txt", "--encoding", "utf-16"], "latin.txt: not UTF-16: byte 0x"),
        (["clean", "page.txt", "--encoding", "latin-99"], "unknown encoding 'latin-99'"),
        (["clean", "page.txt", "--encoding", "hex"], "unknown encoding 'hex'"),
        (["clean", "page.txt", "--keep", "titel,body"], "unknown label 'titel' (did you mean "),
        (["clean", "page.txt", "--keep", ","], "no label in ','; there are main, body, title"),
        (["clean", "page.txt", "--threshold", "1.1"], "a number from 0 to 1, not '1.1'"),
        (["clean", "page.txt", "--threshold", "nan"], "a number from 0 to 1, not 'nan'"),
        (["clean", "page.txt", "--threshold", "half"], "a number from 0 to 1, not 'half'"),
        (["clean", "page.txt", "--model", "page.txt"], "page.txt: not a model file"),
        (["clean", "page.txt", "--model", "no.safetensors"], "no.safetensors: No such file"),
        (["clean", "page.txt", "-o", "page.txt"], "page.txt: is the input too"),
        (["clean", "pages", "-o", "pages"], "pages: lies inside the input folder pages"),
        (["clean", "pages", "-o", "pages/out"], "out: lies inside the input folder pages"),
        (["clean", "pages", "-o", "page.txt"], "page.txt: a file, but several pages need a folder"),
        (["clean", "pages", "page.txt", "-o", "out"], "page.txt: two pages would be written here"),
        (["clean", "page.txt", "-o", "no/such.txt"], "no/such.txt: No such file"),
        (
            ["label", "page.txt", "--format", "html", "-o", "empty"],
            "empty: a folder, but all goes to one file: ",
        ),
        (["label", "page.txt", "--format", "xml"], "invalid choice: 'xml'"),
        (["label", "latin.txt", "--format", "html", "-o", "out.html"], "latin.txt: not UTF-8"),
        (["train", "page.txt"], "the following arguments are required: -o"),
        (["train", "page.txt", "-o", "m", "--jobs", "0"], "a whole number from 1 up, not '0'"),
        (["train", "page.txt", "-o", "m", "--seed", "-1"], "a whole number from 0 up, not '-1'"),
        (["evaluate", "pages", "--worst", "x"], "a whole number from 0 up, not 'x'"),
        (["evaluate", "page.txt"], "page.txt:1: no tab between label and text"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "required: COMMAND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(run: Run, args: list[str], message: str) -> None:
    write({"page.txt": "one\n", "pages/page.txt": "one\n", "latin.txt": b"caf\xe9\n"})
    Path("empty").mkdir()
    before = all_files(".")
    status, out, err = run(*args)
    assert (status, out) == (2, b"")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("clutter")
    assert all_files(".") == before


def test_a_document_is_written_whole_or_not_at_all(run: Run) -> None:
    big = "A line of a long page.\n" * 10_000
    write({"in/a.txt": big, "in/b.txt": b"caf\xe9", "out.jsonl": "old"})
    assert run("label", "--format", "jsonl", "in", "-o", "out.jsonl")[0] == 2
    assert Path("out.jsonl").read_text() == "old"
    assert sorted(all_files(".")) == ["in/a.txt", "in/b.txt", "out.jsonl"]


# help


@pytest.mark.parametrize("command", ["clean", "label", "annotate", "train", "evaluate"])
def test_the_examples_of_the_help_are_command_lines_that_work(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    shown = re.findall(r"^  \$ (.+?)(?:  .*)?$", capsys.readouterr().out, re.MULTILINE)
    lines = [part.strip() for line in shown for part in line.split(" | ") if "clutter" in part]
    assert any(line.startswith(f"clutter {command} ") for line in lines)
    for line in lines:
        assert cli.command_parser().parse_args(shlex.split(line)[1:]).run


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"clutter {clutter.__version__}\n"


# label, then evaluate


def test_a_model_agrees_with_its_own_guess(run: Run) -> None:
    write({"in/a.txt": PAGE})
    run("label", "in", "-o", "out")
    status, out, err = run("evaluate", "out", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["accuracy"] == 1


# real processes


@pytest.mark.parametrize(
    "words", [["clean", "page.html"], ["label", "-"], ["clean", "in", "-o", "out"]]
)
def test_html_without_its_reader_is_one_line_that_names_it(
    tmp_path: Path, words: list[str]
) -> None:
    for name in ("page.html", "in/page.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HTML)
    program = (
        "import sys; sys.modules['turbohtml'] = None; from clutter.cli import main; "
        f"sys.exit(main({words}))"
    )
    root = str(Path(clutter.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, input=HTML.encode(),
        capture_output=True,
    )  # fmt: skip
    message = b"clutter: reading HTML needs turbohtml: pip install turbohtml\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", message)


def test_a_command_in_a_pipe_is_quiet() -> None:
    command = process(
        "clean", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = command.communicate(PAGE.encode())
    assert (command.returncode, err) == (0, b"")
    assert out.decode() == clutter.clean(PAGE) + "\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(tmp_path: Path, unbuffered: str) -> None:
    (tmp_path / "big.txt").write_text("A line of a long page.\n" * 10_000)  # a pipe holds less
    command = process(
        "label", str(tmp_path), "--format", "text",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stderr is not None
    assert b"A line" in command.stdout.readline()
    command.stdout.close()
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait() == 141


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_was_never_read_ends_quietly(unbuffered: str) -> None:
    command = process(
        "label", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert command.stdout is not None
    command.stdout.close()
    command.stdout = None
    _, err = command.communicate(PAGE.encode())
    assert (command.returncode, err) == (141, b"")


def test_all_of_a_long_output_arrives_also_unbuffered(tmp_path: Path) -> None:
    lines = 10_000  # much more than a pipe holds
    (tmp_path / "big.txt").write_text("A line of a long page.\n" * lines)
    command = process(
        "label", str(tmp_path), "--format", "text",
        stdout=subprocess.PIPE, env={"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    out, _ = command.communicate()
    assert out.count(b"\n") == lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_in_one_line(unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        command = process(
            "label", stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE,
            env={"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        _, err = command.communicate(PAGE.encode())
    assert (command.returncode, err) == (2, b"clutter: standard output: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_an_interrupt_ends_quietly_with_130() -> None:
    master, slave = os.openpty()
    command = process("clean", stdin=slave, stdout=subprocess.PIPE, stderr=slave)
    assert read_until(master, "\n") == "reading standard input; ^D ends it\r\n"
    # as a person would: again, if nothing happens. Python may miss one that comes just as it begins
    # to wait for input
    for _ in range(50):
        command.send_signal(signal.SIGINT)
        try:
            out, _ = command.communicate(timeout=2)
            break
        except subprocess.TimeoutExpired:
            continue
    else:
        command.kill()
    os.write(slave, b"end")
    assert read_until(master, "end") == "end"  # no traceback in between
    os.close(slave)
    os.close(master)
    assert (command.returncode, out) == (130, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_labels_are_in_color_and_there_is_a_summary(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("one\n\ntwo\n")
    master, slave = os.openpty()
    command = process(
        "label", str(tmp_path / "page.txt"), stdout=slave, stderr=slave, env={"NO_COLOR": ""}
    )
    shown = read_until(master, "1 page, 2 lines\r\n")
    assert command.wait() == 0
    os.close(slave)
    os.close(master)
    assert shown.startswith("\x1b[39mbody\x1b[0m ")
    assert re.search(r"\n\r\nkind: \w+(\?0\.\d\d)?\r\n", shown.replace("\r\r", "\r"))
    assert "two\x1b[0m\r\n" in shown


def test_cleaning_imports_nothing_that_belongs_to_training() -> None:
    root = str(Path(clutter.__file__).parent.parent)
    program = (
        "import sys; from clutter.cli import main; main(['clean']); main(['label']); "
        "print(sorted({'sklearn', 'scipy', 'joblib'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=PAGE.encode(), capture_output=True, env={**os.environ, "PYTHONPATH": root},
        check=True,
    )  # fmt: skip
    assert done.stderr == b"[]\n"
