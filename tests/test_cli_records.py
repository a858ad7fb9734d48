"""Records through pipes, labels of records, and what the input is said to be (``--from``)."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from commands import Run, write

import clutter
from clutter import labelled

CLEAN = ("clean", "--threshold", "0")
MARKED = "<p>The ferry is back at the quay.</p>"
PLAIN = "The ferry is back at the quay."


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def rows(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def texts(data: bytes) -> list[str]:
    return [row["text"] for row in rows(data)]


# what the input is said to be


@pytest.mark.parametrize(
    ("name", "data", "kind", "text"),
    [
        ("a.txt", MARKED, "html", PLAIN),
        ("a.html", MARKED, "text", MARKED),
        ("a.asp", MARKED, "text", MARKED),
        ("a.asp", PLAIN, "html", PLAIN),
    ],
)
def test_a_page_is_what_it_is_said_to_be(
    run: Run, name: str, data: str, kind: str, text: str
) -> None:
    write({name: data, f"in/{name}": data})
    expected = (text + "\n").encode()
    assert run(*CLEAN, "--from", kind, name)[1] == expected
    assert run(*CLEAN, "--from", kind, stdin=data.encode())[1] == expected
    [row] = rows(run("label", "--from", kind, "--format", "jsonl", name)[1])
    assert row["text"] == text
    # in runs too: in a folder, and in a file of records
    for output in ("out/", "out.jsonl"):
        pattern = ("--pattern", name)
        assert run(*CLEAN, "--from", kind, "in", "-o", output, *pattern)[0] == 0
    assert texts(Path("out.jsonl").read_bytes()) == [text]
    [written] = Path("out").glob("a*")
    assert written.read_bytes() == expected


def test_a_run_with_another_kind_is_done_anew(run: Run) -> None:
    write({"in/a.txt": MARKED})
    run(*CLEAN, "in", "-o", "out.jsonl")
    _, _, err = run(*CLEAN, "in", "-o", "out.jsonl", "--from", "html")
    assert "done anew, other settings (from)" in err
    assert texts(Path("out.jsonl").read_bytes()) == [PLAIN]


def test_files_of_any_name_can_be_json_lines(run: Run) -> None:
    data = lines({"id": 1, "text": "one"}, {"id": 2, "text": "two"})
    write({"in/a.json": data, "in/b.log": data})
    assert texts(run(*CLEAN, "--from", "jsonl", "in/a.json")[1]) == ["one", "two"]
    pattern = ("--pattern", "*.json")
    assert run(*CLEAN, "--from", "jsonl", "in", "-o", "out", *pattern)[0] == 0
    assert texts(Path("out/a.json.jsonl").read_bytes()) == ["one", "two"]
    assert not Path("out/b.log.jsonl").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_with_a_name_can_be_json_lines(run: Run) -> None:
    os.mkfifo("pipe")
    # it waits until somebody reads
    writer = threading.Thread(target=write, args=[{"pipe": lines({"text": "one"})}], daemon=True)
    writer.start()
    assert texts(run(*CLEAN, "--from", "jsonl", "pipe")[1]) == ["one"]
    writer.join()


@pytest.mark.parametrize("command", ["clean", "label"])
def test_what_is_said_of_files_that_say_it_themselves_is_refused(run: Run, command: str) -> None:
    write({"a.jsonl": lines({"text": "one"})})
    message = "clutter: --from: every PATH is a file of records, as its name says\n"
    assert run(command, "--from", "html", "a.jsonl") == (2, b"", message)


# standard input


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n \n"])
def test_records_on_standard_input_are_known_by_the_first_line(run: Run, start: bytes) -> None:
    data = lines({"id": 1, "text": "one"}, {"id": 2, "html": MARKED})
    status, out, err = run(*CLEAN, stdin=start + data)
    assert (status, err) == (0, "")
    assert [(row["id"], row["text"]) for row in rows(out)] == [(1, "one"), (2, PLAIN)]


@pytest.mark.parametrize(
    "page",
    ['{"id": 1}\n', '{\n "text": "one"\n}\n', '[{"text": "one"}]\n', '{"text": 1}\n', "{ one\n"],
)
def test_other_json_on_standard_input_is_a_page_of_text(run: Run, page: str) -> None:
    assert run(*CLEAN, stdin=page.encode()) == (0, page.encode(), "")


def test_a_named_field_says_that_standard_input_is_records(run: Run) -> None:
    data = lines({"body": MARKED, "id": 1})
    [row] = rows(run(*CLEAN, "--html", "body", stdin=data)[1])
    assert list(row) == ["id", "text", "title", "kind", "metadata"]
    assert (row["id"], row["text"]) == (1, PLAIN)
    assert texts(run(*CLEAN, "--text", "body", "-", stdin=data)[1]) == [MARKED]
    assert run(*CLEAN, "--html", "body") == (0, b"", "")


def test_standard_input_can_be_said_to_be_text_that_looks_like_records(run: Run) -> None:
    data = lines({"text": "one"})
    assert run(*CLEAN, "--from", "text", stdin=data) == (0, data, "")


def test_records_that_are_no_text_are_still_lines_of_it(run: Run) -> None:
    data = lines({"text": "one", "n": float("nan")}, {"text": "two\ud800", "\ud800": 1})
    status, out, _ = run(*CLEAN, "--lines", stdin=data)
    assert status == 0
    assert [row["lines"][0]["text"] for row in rows(out)] == ["one", "two\ufffd"]


def test_a_page_that_cannot_be_cleaned_does_not_end_the_stream(run: Run) -> None:
    data = lines({"text": "one"}, [1], {"text": 5, "id": "x"}, {"text": "two"})
    status, out, err = run(*CLEAN, stdin=data)
    assert (status, texts(out)) == (0, ["one", "two"])
    assert err.splitlines()[:2] == [
        "clutter: standard input, record 2: not a JSON object",
        "clutter: standard input, record 3: the field 'text' holds no text",
    ]
    assert err.splitlines()[2].startswith("2 pages, 2 errors")
    status, out, err = run(*CLEAN, "--strict", stdin=data)
    assert (status, out) == (2, b"")
    assert err == "clutter: standard input, record 2: not a JSON object\n"


def test_of_many_errors_twenty_are_named(run: Run) -> None:
    status, out, err = run(*CLEAN, stdin=lines({"text": "one"}, *[1] * 25))
    assert (status, texts(out)) == (0, ["one"])
    assert err.splitlines()[19].startswith("clutter: standard input, record 21: ")
    assert err.splitlines()[20] == "clutter: and 5 more errors"
    assert err.splitlines()[21].startswith("1 page, 25 errors")


def test_if_no_page_can_be_cleaned_that_is_an_error(run: Run) -> None:
    status, out, err = run(*CLEAN, "--text", "body", stdin=lines({"text": "one"}))
    assert (status, out) == (2, b"")
    assert err.splitlines()[-1] == "clutter: nothing could be cleaned: 1 error"


# standard output


@pytest.mark.parametrize("output", [[], ["-o", "-"], ["-o", "/dev/stdout"]])
def test_records_in_are_records_out(run: Run, output: list[str]) -> None:
    write({"a.jsonl": lines({"text": "one"}), "in/b.jsonl.gz": gzip.compress(lines({"text": "b"}))})
    assert texts(run(*CLEAN, "a.jsonl", "in", *output)[1]) == ["one", "b"]
    output = ["--jobs", "1", *output]
    assert texts(run(*CLEAN, "a.jsonl", "-", *output, stdin=lines({"text": "c"}))[1]) == [
        "one",
        "c",
    ]


def test_many_pages_become_records_on_standard_output_if_that_is_asked_for(run: Run) -> None:
    write({"in/a.txt": "one\n", "in/b.html": MARKED, "r.jsonl": lines({"text": "two", "id": 7})})
    _, out, err = run(*CLEAN, "in", "r.jsonl", "-", "-o", "-", "--jobs", "1", stdin=b"three\n")
    assert err == ""
    found = [(row["id"], row["text"]) for row in rows(out)]
    assert found == [("in/a.txt", "one"), ("in/b.html", PLAIN), (7, "two"), ("-", "three")]
    # one page is an article
    assert run(*CLEAN, "in/a.txt", "-o", "-") == (0, b"one\n", "")
    assert run(*CLEAN, "-o", "/dev/stdout", stdin=b"three\n") == (0, b"three\n", "")


def test_records_among_pages_are_an_error_that_names_the_way_out(run: Run) -> None:
    write({"in/a.txt": "one\n", "in/b.jsonl": lines({"text": "two"})})
    status, out, err = run(*CLEAN, "in")
    assert (status, out) == (2, b"")
    assert err == (
        "clutter: in/b.jsonl: records among pages; -o - writes records for all of them, "
        "and so does -o clean.jsonl\n"
    )
    assert run(*CLEAN, "in", "-o", "-")[0] == 0


@pytest.mark.parametrize("name", ["r.parquet", "r.warc"])
def test_all_formats_of_records_are_cleaned_and_labelled_without_a_file(
    run: Run, name: str
) -> None:
    if name == "r.parquet":
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({"html": [MARKED, None], "url": ["http://x.org/", ""]}), name)
    else:
        body = MARKED.encode()
        head = "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:x:1>\r\n"
        head += "WARC-Target-URI: http://x.org/\r\nContent-Type: text/html\r\n"
        write({name: head.encode() + b"Content-Length: %d\r\n\r\n%s\r\n\r\n" % (len(body), body)})
    _, out, _ = run(*CLEAN, name)
    assert [(row["url"], row["text"]) for row in rows(out)] == [("http://x.org/", PLAIN)]
    status, out, err = run("label", name, "--format", "jsonl")
    [row] = rows(out)
    assert (status, row["url"], row["record"], row["text"]) == (0, "http://x.org/", 1, PLAIN)
    assert ("record 2: no page: the field is empty" in err) == (name == "r.parquet")


# to files


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.jsonl.gz", "deep/clean.parquet"])
def test_records_from_standard_input_go_to_a_file(run: Run, name: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    data = lines({"id": 1, "text": "one"}, {"id": 2, "text": "two"}, [1])
    status, out, err = run(*CLEAN, "-o", name, stdin=data)
    assert (status, out) == (0, b"")
    assert "record 3: not a JSON object\n2 pages, 1 error" in err
    assert texts(run(*CLEAN, name)[1]) == ["one", "two"]
    made = Path(name).read_bytes()
    assert os.listdir(Path(name).parent) == [Path(name).name]  # and nothing beside it
    refusal = f"clutter: {name}: is there already; --force overwrites it\n"
    assert run(*CLEAN, "-o", name, stdin=lines({"text": "new"})) == (2, b"", refusal)
    assert Path(name).read_bytes() == made
    assert run(*CLEAN, "-o", name, "--force", stdin=lines({"text": "new"}))[0] == 0
    assert texts(run(*CLEAN, name)[1]) == ["new"]


def test_a_file_of_a_stream_that_fails_is_not_written(run: Run) -> None:
    data = lines({"text": "one"}, [1])
    assert run(*CLEAN, "--strict", "-o", "clean.jsonl", stdin=data)[0] == 2
    assert os.listdir() == []


def test_an_input_is_not_overwritten_by_a_stream(run: Run) -> None:
    write({"r.jsonl": lines({"text": "one"})})
    status, _, err = run(*CLEAN, "r.jsonl", "-", "-o", "r.jsonl", "--force", stdin=b"x")
    assert (status, err) == (2, "clutter: r.jsonl: is the input too; write to another file\n")
    assert Path("r.jsonl").read_bytes() == lines({"text": "one"})


@pytest.mark.parametrize("output", ["out.txt", "out/"])
def test_records_from_standard_input_need_a_file_of_records(run: Run, output: str) -> None:
    status, _, err = run(*CLEAN, "-o", output, stdin=lines({"text": "one"}))
    assert status == 2
    assert err.startswith("clutter: standard input is records: -o must be one of .jsonl, ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--by-site"], "--by-site: reads the input twice; only for files, with -o clean.jsonl"),
        (["--pattern", "*"], "--pattern: only for folders; no PATH is a folder"),
        (["--force"], "--force does nothing without -o"),
        (["--force", "-o", "-"], "--force does nothing without -o"),
    ],
)
def test_options_that_would_do_nothing_in_a_stream_are_refused(
    run: Run, args: list[str], message: str
) -> None:
    assert run(*CLEAN, *args, stdin=lines({"text": "one"})) == (2, b"", f"clutter: {message}\n")


def test_the_options_of_runs_work_in_streams(run: Run) -> None:
    write({"in/a.jsonl": lines({"text": "one"}), "in/b.txt": "two\n"})
    options = ["--jobs", "1", "--page-timeout", "9", "--lines", "--pattern", "*.jsonl"]
    _, out, _ = run(*CLEAN, "in", *options)
    assert [row["lines"][0]["text"] for row in rows(out)] == ["one"]


# labels of records

RECORDS = lines(
    {"id": "a/b\n\u00fc", "url": " http://x.org/1\n", "text": "one\n\ntwo"},
    [1],
    {"text": "three"},
    {"id": "a/b\n\u00fc", "text": "four"},
)
NOT_AN_OBJECT = "record 2: not a JSON object"


@pytest.mark.parametrize("path", ["r.jsonl", "-"])
def test_each_label_of_a_record_says_of_which(run: Run, path: str) -> None:
    write({"r.jsonl": RECORDS})
    status, out, err = run("label", path, "--format", "jsonl", stdin=RECORDS)
    assert status == 0
    assert NOT_AN_OBJECT in err
    assert err.endswith("3 pages, 1 error\n")
    keys = ("path", "record", "id", "url", "number", "text")
    assert [tuple(row.get(key) for key in keys) for row in rows(out)] == [
        (path, 1, "a/b\n\u00fc", " http://x.org/1\n", 1, "one"),
        (path, 1, "a/b\n\u00fc", " http://x.org/1\n", 3, "two"),
        (path, 3, None, None, 1, "three"),
        (path, 4, "a/b\n\u00fc", None, 1, "four"),
    ]


@pytest.mark.parametrize(("path", "folder"), [("r.jsonl", "r.jsonl"), ("-", "stdin.jsonl")])
def test_each_record_gets_a_labelled_file_with_a_safe_name(
    run: Run, path: str, folder: str
) -> None:
    write({"r.jsonl": RECORDS, "p.txt": "page\n"})
    status, out, err = run("label", path, "p.txt", "--format", "tsv", "-o", "mine/", stdin=RECORDS)
    assert (status, out) == (0, b"")
    assert NOT_AN_OBJECT in err
    names = ["000001-a_b.tsv", "000003.tsv", "000004-a_b.tsv"]
    assert sorted(os.listdir(f"mine/{folder}")) == names
    pages = [labelled.read(f"mine/{folder}/{name}") for name in names]
    assert [page.head.get("url") for page in pages] == ["http://x.org/1\ufffd", None, None]
    assert [page.text.strip() for page in pages] == ["one\n\ntwo", "three", "four"]
    assert labelled.read("mine/p.tsv").text.strip() == "page"


def test_labelled_files_of_records_that_are_there_stay(run: Run) -> None:
    write({"r.jsonl": RECORDS, "mine/r.jsonl/000003.tsv": "body\tcorrected\n"})
    label = ("label", "r.jsonl", "--format", "tsv", "-o", "mine/")
    _, _, err = run(*label)
    assert sorted(err.splitlines()) == [
        "2 files written, 1 left as it is (--force overwrites it)",
        "2 pages, 1 error",
        "clutter: r.jsonl, record 2: not a JSON object",
        "mine/r.jsonl/000003.tsv: is there already, left as it is",
    ]
    assert Path("mine/r.jsonl/000003.tsv").read_text() == "body\tcorrected\n"
    assert run(*label)[0] == 0
    assert run(*label, "--force")[0] == 0
    assert "three" in Path("mine/r.jsonl/000003.tsv").read_text()


def test_records_have_headings_for_people(run: Run) -> None:
    write({"r.jsonl": RECORDS})
    headings = [
        "r.jsonl, record 1:  http://x.org/1\ufffd",
        "r.jsonl, record 3",
        "r.jsonl, record 4: a/b\ufffd\u00fc",
    ]
    for form in ("text", "color", "tsv"):
        _, out, _ = run("label", "r.jsonl", "--format", form)
        shown = [line[4:-4] for line in out.decode().split("\n") if line.startswith("==> ")]
        kind = "" if form == "tsv" else r" \(\w+(\?0\.\d\d)?\)"
        for name, heading in zip(headings, shown, strict=True):
            assert re.fullmatch(re.escape(name) + kind, heading)
    _, out, _ = run("label", "r.jsonl", "--format", "html", "-o", "-")
    assert all(f'<h2 dir="auto">{name} <span>' in out.decode() for name in headings)


def test_the_field_of_the_page_can_be_named_for_labels(run: Run) -> None:
    data = lines({"body": MARKED, "text": "no"})
    assert texts(run("label", "--html", "body", "--format", "jsonl", stdin=data)[1]) == [PLAIN]
    assert texts(run("label", "--text", "body", "--format", "jsonl", stdin=data)[1]) == [MARKED]
    write({"a.txt": "one\n"})
    for name in ("html", "text"):
        message = f"clutter: --{name}: only for records\n"
        assert run("label", "a.txt", f"--{name}", "body") == (2, b"", message)


def test_if_no_record_can_be_labelled_that_is_an_error(run: Run) -> None:
    status, out, err = run("label", "--text", "body", "--format", "jsonl", stdin=lines([1]))
    assert (status, out) == (2, b"")
    assert err.splitlines()[-1] == "clutter: nothing could be labelled: 1 error"


def test_one_labelled_file_cannot_hold_records(run: Run) -> None:
    write({"r.jsonl": RECORDS})
    _, _, err = run("label", "r.jsonl", "--format", "tsv", "-o", "mine.tsv")
    assert err == "clutter: mine.tsv: labelled files go to a folder: for example mine/\n"


# the help


def test_only_the_help_of_clean_says_that_articles_have_the_encoding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command, is_said in (("clean", True), ("label", False)):
        with pytest.raises(SystemExit):
            clutter.cli.main([command, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        assert ("articles are written in it too" in shown) == is_said
        assert "--from {html,text,jsonl}" in shown


# real processes


@pytest.mark.skipif(os.name != "posix", reason="needs pipes of POSIX")
def test_a_record_is_clean_before_the_next_one_comes_and_a_closed_pipe_ends_it() -> None:
    root = str(Path(clutter.__file__).parent.parent)
    command = subprocess.Popen(
        [sys.executable, "-m", "clutter", *CLEAN],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert command.stdin is not None
    assert command.stdout is not None
    assert command.stderr is not None
    for text in ("one", "two"):
        command.stdin.write(lines({"text": text}))
        command.stdin.flush()
        assert json.loads(command.stdout.readline())["text"] == text
    command.stdout.close()
    command.stdin.write(lines({"text": "three"}))
    command.stdin.flush()
    assert command.wait(60) == 141
    assert command.stderr.read() == b""
    command.stderr.close()
