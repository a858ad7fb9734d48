"""Runs over whole crawls: what comes out, how they are broken off and go on, what is told.

Steps are made small here, so that few pages are many steps. The shipped model is asked, but
most tests keep every line, so that little depends on its answers.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cleaning_here import Here
from manifests import is_manifest

import clutter
from clutter.batch import BatchError, Summary, progress, run, runner, writer
from clutter.batch.checkpoint import RunDirectory
from clutter.batch.writer import Writer
from clutter.formats import base
from clutter.formats.jsonl import JsonLines
from clutter.formats.parquet import Parquet
from clutter.options import CleanOptions

pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
pytest.importorskip("turbohtml", reason="needs the extra clutter[batch]")

ALL = CleanOptions(threshold=0)

PAGE = """\
Home
Log in

Ferry number {} sails again

The ferry was back at the quay on Monday morning, three weeks after the storm had torn its ramp \
away, and by noon it had carried more than two hundred people over to the island.

Copyright 2024 Example Media
"""

STEP_RECORDS = base.CHUNK_RECORDS
TARGETS = ("clean.jsonl", "clean.jsonl.gz", "clean.parquet", "folder")


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Builds all tables once: the copies of this process that clean have them then."""
    clutter.clean("A line")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base, "CHUNK_RECORDS", 3)
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow, and no test cuts the power


@pytest.fixture
def crawl(small_steps: None) -> Path:
    """A folder of pages and of files of records, some of which are wrong."""
    for i in range(8):
        file = Path("crawl", f"part{i % 2}", f"{i}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PAGE.format(i))
    Path("crawl/part1/page.html").write_text(f"<html><p>{PAGE.format('nine')}</p></html>")
    Path("crawl/part1/wrong.txt").write_bytes(b"caf\xe9")
    rows = [{"id": i, "text": PAGE.format(i)} for i in range(10)]
    rows[4] = {"id": 4}
    with gzip.open("crawl/part1/more.jsonl.gz", "wt") as file_of_rows:
        file_of_rows.writelines(json.dumps(row) + "\n" for row in rows)
    Path("crawl/empty.jsonl").touch()
    Path("crawl/notes.pdf").write_bytes(b"%PDF")
    return Path("crawl")


def everything(folder: Path | str = ".") -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, but what stands in crawl/ and the manifests."""
    found = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    found = [path for path in found if path.parts[0] != "crawl" and not is_manifest(path)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def again(crawl: Path, target: str, **options: Any) -> Summary:
    return run([str(crawl)], target, ALL, **options)


# what comes out


def test_a_folder_of_everything_becomes_one_file_of_records(crawl: Path) -> None:
    done = run(["crawl"], "clean.jsonl", CleanOptions())
    found = rows("clean.jsonl")
    names = [row["id"] for row in found]
    assert names == [
        *[f"crawl/part0/{i}.txt" for i in (0, 2, 4, 6)],
        *[f"crawl/part1/{i}.txt" for i in (1, 3, 5, 7)],
        0, 1, 2, 3, 5, 6, 7, 8, 9,
        "crawl/part1/page.html",
    ]  # fmt: skip
    assert found[1]["text"] == clutter.clean(PAGE.format(2))
    assert found[1]["title"] == clutter.load().label(PAGE.format(2)).title
    assert done.counts["pages"] == 18
    assert done.counts["errors"] == 2
    assert rows("clean.jsonl.errors.jsonl") == [
        {"file": "crawl/part1/more.jsonl.gz", "record": 5, "id": 4,
         "error": "no field 'html' or 'text'; there are: id; text or html names the right one"},
        {"file": "crawl/part1/wrong.txt",
         "error": "not UTF-8: byte 0xe9 at position 3; name the right encoding, for example "
         "cp1252"},
    ]  # fmt: skip
    assert sorted(everything()) == ["clean.jsonl", "clean.jsonl.errors.jsonl"]


def test_a_folder_mirrors_the_input(crawl: Path) -> None:
    run(["crawl"], "clean", ALL)
    found = everything("clean")
    assert sorted(found) == [
        "empty.jsonl",
        *[f"part0/{i}.txt" for i in (0, 2, 4, 6)],
        *[f"part1/{i}.txt" for i in (1, 3, 5, 7)],
        "part1/more.jsonl.gz",
        "part1/page.txt",
    ]
    assert found["part1/3.txt"].decode() == PAGE.format(3)
    assert found["empty.jsonl"] == b""
    lines = gzip.decompress(found["part1/more.jsonl.gz"]).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_all_forms_hold_the_same_records(crawl: Path) -> None:
    from pyarrow import parquet

    from clutter.formats.values import json_rows

    options = CleanOptions(threshold=0, lines=True)
    for target in ("clean.jsonl", "clean.jsonl.gz", "clean.parquet"):
        run(["crawl"], target, options)
    found = rows("clean.jsonl")
    assert gzip.decompress(Path("clean.jsonl.gz").read_bytes()) == Path("clean.jsonl").read_bytes()
    (batch,) = parquet.read_table("clean.parquet").combine_chunks().to_batches()
    table = json_rows(batch)
    assert table == [row | {"id": str(row["id"])} for row in found]
    first = found[0]["lines"][0]
    assert list(first) == ["number", "text", "label", "confidence"]
    assert (first["number"], first["text"], first["label"]) == (1, "Home", "nav")


def test_a_table_stays_a_table(small_steps: None) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    Path("tables").mkdir()
    pages = [PAGE.format(i) if i != 5 else None for i in range(10)]
    table = pa.table({"n": pa.array(range(10), pa.uint8()), "page": pa.array(pages)})
    parquet.write_table(table, "tables/a.parquet", row_group_size=4)
    done = run(["tables"], "clean", CleanOptions(text_field="page", threshold=0, lines=True))
    found = parquet.read_table("clean/a.parquet")
    assert [str(field.type) for field in found.schema][:3] == ["uint8", "string", "string"]
    assert found.column("n").to_pylist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert found.column("title")[0].as_py() == clutter.load().label(pages[0] or "").title
    assert rows("clean.errors.jsonl") == [
        {"file": "tables/a.parquet", "record": 6, "error": "no page: the field is empty"}
    ]
    assert done.counts["pages"] == 9
    run(["tables"], "clean.jsonl", CleanOptions(text_field="page"))
    assert [row["n"] for row in rows("clean.jsonl")] == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_table_gives_the_records_that_cluster_engines_give(small_steps: None) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    from clutter.arrow import clean_table

    pages = [f"<h1>Ferry {i}</h1><p>{PAGE.format(i)}" for i in range(20)]
    pages[7] = ""
    table = pa.table({"id": [*range(20)], "title": ["mine"] * 20, "html": [*pages[:19], None]})
    parquet.write_table(table, "a.parquet")
    run(["a.parquet"], "clean.parquet", CleanOptions())
    records = clean_table(table, CleanOptions()).to_pylist()
    good = [{k: v for k, v in x.items() if k != "error"} for x in records if not x["error"]]
    assert len(good) == 19
    assert parquet.read_table("clean.parquet").to_pylist() == good


def test_a_pattern_says_what_is_read(crawl: Path) -> None:
    run(["crawl"], "clean", ALL, pattern="part0/*")
    assert sorted(everything("clean")) == [f"part0/{i}.txt" for i in (0, 2, 4, 6)]
    run(["crawl"], "html", ALL, pattern="*.h??l")
    assert sorted(everything("html")) == ["part1/page.txt"]


def test_markdown_goes_to_files_of_markdown(crawl: Path) -> None:
    run(["crawl/part1"], "clean", CleanOptions(threshold=0, format="markdown"), pattern="*.html")
    assert sorted(everything("clean")) == ["page.md"]


def test_an_earlier_output_is_no_input(crawl: Path) -> None:
    first = run([str(crawl)], "crawl/clean.jsonl", ALL)
    assert run([str(crawl)], "crawl/clean.jsonl", ALL).counts == first.counts
    assert first.errors == Path("crawl/clean.jsonl.errors.jsonl")


def test_processes_make_no_difference(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for target in TARGETS:
        again(crawl, target)
    alone = everything()
    monkeypatch.setattr(runner, "PROCESS_BYTES", 1)
    for target in TARGETS:
        again(crawl, target, jobs=2, force=True)
    assert everything() == alone


@pytest.mark.parametrize(
    ("size", "jobs"), [(0, 1), (999_999, 1), (1_000_000, 2), (5_500_000, 6), (10**12, 64)]
)
def test_a_small_input_has_work_for_few_processes(size: int, jobs: int) -> None:
    assert runner.useful_jobs(64, size) == jobs


# repetition

APPEAL = (
    "Support our harbour and become a friend of the ferry today, it takes two minutes and helps."
)


@pytest.fixture
def site(small_steps: None) -> str:
    """Pages of two sites, and of none, of which one's have a sentence in common."""
    with open("site.jsonl", "w") as file:
        for i in range(12):
            text = PAGE.format(i).replace("\nCopyright", f"\n{APPEAL}\n\nCopyright")
            text = text.replace("two hundred", f"{i} hundred and {i}")
            row = {"id": i, "url": f"http://www.example.org/{i}", "text": text}
            file.write(json.dumps(row) + "\n")
            for url in (f"http://{i}.example.com/", None):
                file.write(json.dumps({"id": i, "url": url, "text": text}) + "\n")
    return "site.jsonl"


def test_what_stands_on_many_pages_of_a_site_is_less_likely_body(site: str) -> None:
    run([site], "plain.jsonl", CleanOptions(threshold=0.2))
    run([site], "clean.jsonl", CleanOptions(threshold=0.2), by_site=True)
    plain, clean = rows("plain.jsonl"), rows("clean.jsonl")
    assert all(APPEAL in row["text"] for row in plain)
    for before, after in zip(plain, clean, strict=True):
        if "www.example.org" in (before["url"] or ""):
            assert after["text"] == before["text"].replace(APPEAL, "").strip()
        else:
            assert after == before


@pytest.mark.parametrize("target", ["clean.jsonl", "folder"])
def test_two_passes_are_gone_on_with_too(
    site: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    Path("right").mkdir()
    options = CleanOptions(threshold=0.2)
    summary = run([site], f"right/{target}", options, by_site=True)
    right = everything("right")
    monkeypatch.setattr(runner, "Workers", Here)
    for calls in range(1, 40):
        place = str(calls)
        Path(place).mkdir()
        with monkeypatch.context() as patch:
            stopped(patch, "save", calls, late=True)
            try:
                run([site], f"{place}/{target}", options, by_site=True)
            except Stop:
                pass
            else:
                break
        assert run([site], f"{place}/{target}", options, by_site=True).counts == summary.counts
        assert everything(place) == right
    assert calls > 20


def test_two_passes_over_tables_and_by_processes(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows(site)), "site.parquet")
    options = CleanOptions(threshold=0.2)
    run([site], "clean.jsonl", options, by_site=True)
    run(["site.parquet"], "table.jsonl", options, by_site=True)
    assert rows("table.jsonl") == rows("clean.jsonl")
    monkeypatch.setattr(runner, "PROCESS_BYTES", 1)
    run([site], "processes.jsonl", options, by_site=True, jobs=2)
    assert rows("processes.jsonl") == rows("clean.jsonl")


# broken off and gone on with


class Stop(BaseException):
    """Ends a run at a point, as a kill does."""


POINTS: dict[str, Sequence[tuple[Any, str]]] = {
    "add": [(Writer, "add")],
    "save": [(Writer, "save")],
    "checkpoint": [(RunDirectory, "save")],
    "finish_file": [(writer, "finish_file"), (runner, "finish_file")],
    "open_at": [(writer, "open_at")],
    "finish": [(JsonLines, "finish"), (Parquet, "finish")],
}
"""What a run does, between which it can be killed."""


def stopped(monkeypatch: pytest.MonkeyPatch, name: str, calls: int, late: bool) -> None:
    """Let a run end at the n-th call of a function, before or after it does its work, and do none
    of these things any more: a kill leaves no time to tidy up."""
    left = calls

    def wrapped(function: str, work: Any) -> Any:

        def wrapper(*args: Any) -> Any:
            nonlocal left
            left -= function == name
            if left < 0 or (left == 0 and function == name and not late):
                left = -1
                raise Stop
            result = work(*args)
            if left == 0 and function == name:
                left = -1
                raise Stop
            return result

        return wrapper

    for function, places in POINTS.items():
        for owner, attribute in places:
            work = getattr(owner, attribute)
            monkeypatch.setattr(owner, attribute, wrapped(function, work))


@pytest.mark.parametrize("target", ["clean.jsonl", "clean.parquet", "folder"])
def test_a_run_that_is_killed_anywhere_goes_on_to_the_same_end(
    crawl: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(base, "CHUNK_RECORDS", 5)
    Path("right").mkdir()
    summary = run(["crawl"], f"right/{target}", ALL)
    right = everything("right")
    monkeypatch.setattr(runner, "Workers", Here)
    stops = 0
    for name in POINTS:
        for late in (False, True)[: 1 + ("finish" in name)]:
            for calls in range(1, 30):
                place = f"{name}-{late}-{calls}"
                Path(place).mkdir()
                with monkeypatch.context() as patch:
                    stopped(patch, name, calls, late)
                    try:
                        run(["crawl"], f"{place}/{target}", ALL)
                    except Stop:
                        stops += 1
                    else:
                        break
                assert run(["crawl"], f"{place}/{target}", ALL).counts == summary.counts
                assert everything(place) == right
    assert stops > 10


def test_a_run_can_be_killed_again_and_again(
    crawl: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    again(crawl, "right.jsonl")
    monkeypatch.setattr(runner, "Workers", Here)
    caplog.set_level(logging.INFO, "clutter")
    for _ in range(50):
        with monkeypatch.context() as patch:
            stopped(patch, "add", 2, late=False)
            with contextlib.suppress(Stop):
                again(crawl, "clean.jsonl")
                break
    assert Path("clean.jsonl").read_bytes() == Path("right.jsonl").read_bytes()
    matches = [re.fullmatch(r"going on: (\d+) pages done before", x) for x in caplog.messages]
    assert all(matches)
    done = [int(match[1]) for match in matches if match]
    assert len(done) > 3
    assert done == sorted(done)


def test_what_comes_in_after_the_start_is_for_another_run(
    crawl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(crawl, "right.jsonl")
    with monkeypatch.context() as patch:
        stopped(patch, "add", 2, late=True)
        with pytest.raises(Stop):
            again(crawl, "clean.jsonl")
    Path("crawl/part0/00.txt").write_text("new")
    again(crawl, "clean.jsonl")
    assert Path("clean.jsonl").read_bytes() == Path("right.jsonl").read_bytes()


def test_a_run_goes_on_from_wherever_it_is_asked_to(
    crawl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("right").mkdir()
    again(crawl, "right/clean.jsonl")
    for name in ("add", "finish"):
        with monkeypatch.context() as patch:
            stopped(patch, name, 1, late=False)
            with pytest.raises(Stop):
                again(crawl, "clean.jsonl")
    monkeypatch.chdir("right")
    target = Path("../clean.jsonl")
    again(Path("../crawl"), str(target))
    assert target.read_bytes() == Path("clean.jsonl").read_bytes()


def broken_off(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stopped(patch, "add", 3, late=True)
        with pytest.raises(Stop):
            again(crawl, "clean.jsonl")


def test_another_run_does_not_go_on_with_this_one(
    crawl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(crawl, monkeypatch)
    before = everything()
    with pytest.raises(BatchError, match=r"other settings \(threshold\).*or delete .*unfinished"):
        run(["crawl"], "clean.jsonl", CleanOptions(threshold=1))
    with pytest.raises(BatchError, match=r"other settings \(input\)"):
        run(["crawl/part1"], "clean.jsonl", ALL)
    assert everything() == before
    again(crawl, "clean.jsonl")
    assert "clean.jsonl.unfinished/state.json" not in everything()


def test_a_damaged_note_or_output_is_told(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(crawl, monkeypatch)
    Path("clean.jsonl.unfinished/part").write_bytes(b"")
    with pytest.raises(BatchError, match=r"part: shorter than it was; delete .*unfinished"):
        again(crawl, "clean.jsonl")
    Path("clean.jsonl.unfinished/state.json").write_bytes(b"{")
    with pytest.raises(BatchError, match=r"state.json: damaged .*; delete .*unfinished"):
        again(crawl, "clean.jsonl")


def test_two_runs_do_not_write_one_output(crawl: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    Path("clean.jsonl.unfinished").mkdir()
    with open("clean.jsonl.unfinished/lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BatchError, match=r"clean.jsonl: another run is writing it"):
            again(crawl, "clean.jsonl")
    again(crawl, "clean.jsonl")


def test_strict_stops_at_the_first_error_and_goes_on_without(crawl: Path) -> None:
    again(crawl, "right.jsonl")
    with pytest.raises(BatchError, match=r"^crawl/part1/more.jsonl.gz, record 5: no field"):
        again(crawl, "clean.jsonl", strict=True)
    assert not Path("clean.jsonl").exists()
    assert again(crawl, "clean.jsonl").counts["errors"] == 2
    assert Path("clean.jsonl").read_bytes() == Path("right.jsonl").read_bytes()


# mistakes


@pytest.mark.parametrize(
    ("inputs", "target", "options", "reason"),
    [
        (["none"], "clean", ALL, "none: no such file or folder"),
        (["crawl/none*"], "clean", ALL, "no such file or folder"),
        (["pdf"], "clean", ALL, "pdf: no file of pages or records in this folder or below"),
        (["crawl"], "crawl/clean", ALL, "crawl/clean: lies inside the input folder crawl"),
        (["crawl"], "crawl/notes.pdf", ALL, "notes.pdf: a file, but several pages need a folder"),
        (["a.jsonl"], "a.jsonl", ALL, "a.jsonl: is the input too"),
        (["a.jsonl"], "clean.csv", ALL, "clean.csv: records go to .jsonl, .jsonl.gz, .jsonl.zst, "),
        (["twins"], "clean", ALL, "clean/a.txt: two pages would be written here"),
        (["twins/a.html", "a.txt"], "clean", ALL, "clean/a.txt: two pages would be written here"),
        (["a.txt", "a.jsonl"], ".", ALL, "a.txt: is the input too; write to another folder"),
        (["twins"], "clean", CleanOptions(lines=True), "lines need an output of records"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    crawl: Path, inputs: list[str], target: str, options: CleanOptions, reason: str
) -> None:
    Path("pdf").mkdir()
    Path("pdf/a.pdf").touch()
    Path("twins").mkdir()
    Path("twins/a.txt").write_text("one")
    Path("twins/a.html").write_text("two")
    Path("a.jsonl").write_text('{"text": "A line"}\n')
    Path("a.txt").write_text("one")
    before = {str(path) for path in Path().rglob("*")}
    with pytest.raises(BatchError, match=re.escape(reason)):
        run(inputs, target, options)
    assert {str(path) for path in Path().rglob("*")} == before


# the summary, the progress


def test_the_summary_says_what_was_done(crawl: Path) -> None:
    text = str(again(crawl, "clean.jsonl"))
    assert re.search(r"^18 pages, 2 errors \(clean.jsonl.errors.jsonl\), [\d,]+ pages/s\n", text)
    assert re.search(r"\n86 lines: body \d+%, title \d+%, .*, notice \d+%\n", text)
    assert re.search(r"\n0 of [\d,]+ characters dropped \(0%\)$", text)


def test_without_a_terminal_there_is_a_line_now_and_then(
    crawl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    again(crawl, "quiet.jsonl", progress=True)
    assert told.getvalue() == ""
    monkeypatch.setattr(progress, "LINE_SECONDS", -1)
    again(crawl, "clean.jsonl", progress=True)
    shares = re.findall(r"^(\d+)%: \d+ pages?, [\d,]+ pages/s", told.getvalue(), re.MULTILINE)
    assert len(shares) > 5
    assert [int(share) for share in shares] == sorted(int(share) for share in shares)
    assert shares[-1] == "100"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_there_is_a_bar(crawl: Path) -> None:
    pytest.importorskip("tqdm")
    import termios

    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    done = command("crawl", "-o", "clean.jsonl", stderr=slave).wait()
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(master, 1000):
            shown += piece
    os.close(master)
    assert done == 0
    assert b"%|" in shown
    assert b" pages/s" in shown
    assert b"18 pages, 2 errors" in shown


# real processes


def command(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    env = {"PYTHONPATH": str(Path(clutter.__file__).parent.parent), **options.pop("env", {})}
    start = [sys.executable, "-m", "clutter", "clean", *args]
    options = {"stderr": subprocess.PIPE, "start_new_session": True, **options}
    return subprocess.Popen(start, env={**os.environ, **env}, **options)


def is_alive(group: int) -> bool:
    """Whether a process of a group runs. One that has ended may keep its number for a while:
    where /proc tells, that is none."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    states = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of = file.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            states += [state] if int(of) == group else []
    return not states or not set(states) <= {"Z", "X"}


@pytest.fixture
def many(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Enough pages for other processes to be started, and steps as large as theirs."""
    monkeypatch.setattr(base, "CHUNK_RECORDS", STEP_RECORDS)
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 1.0)
    with open("many.jsonl", "w") as file:
        for i in range(1500):
            text = (PAGE.format(i) + "\n") * 4
            file.write(json.dumps({"id": i, "text": text}) + "\n")
    return "many.jsonl"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_killed_command_leaves_no_process_and_goes_on(many: str) -> None:
    run([many], "right.jsonl", CleanOptions())
    for sign, status in ((signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
        killed = command(many, "-o", "clean.jsonl", "--jobs", "2")
        part = Path("clean.jsonl.unfinished/part")
        sizes = [part.stat().st_size if part.exists() else 0]
        while killed.poll() is None and sizes[-1] <= sizes[0]:  # it is cut first, then it grows
            sizes = [sizes[-1], part.stat().st_size if part.exists() else 0]
            time.sleep(0.01)
        killed.send_signal(sign)
        _, err = killed.communicate()
        assert killed.returncode == status, err.decode()
        assert b"Traceback" not in err
        for _ in range(500):
            if not is_alive(killed.pid):
                break
            time.sleep(0.01)
        else:
            pytest.fail("a process is left")
    assert command(many, "-o", "clean.jsonl", "--jobs", "1").wait() == 0
    assert Path("clean.jsonl").read_bytes() == Path("right.jsonl").read_bytes()
    assert sorted(everything()) == ["clean.jsonl", "many.jsonl", "right.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
@pytest.mark.parametrize("target", ["clean.jsonl", "folder"])
def test_a_full_disk_stops_the_run_and_with_room_it_goes_on(many: str, target: str) -> None:
    import resource

    source = many
    if target == "folder":
        source = "pages"
        Path(source).mkdir()
        for i, line in enumerate(Path(many).read_text().splitlines()[:200]):
            Path(source, f"{i}.txt").write_text(json.loads(line)["text"] * (1 + 99 * (i == 150)))

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    Path("right").mkdir()
    Path("place").mkdir()
    run([source], f"right/{target}", ALL)
    full = command(source, "-o", f"place/{target}", "--threshold", "0", preexec_fn=narrow)
    _, err = full.communicate()
    assert full.returncode == 2
    assert err.decode().endswith("File too large\n")
    assert b"Traceback" not in err
    run([source], f"place/{target}", ALL)
    assert everything("place") == everything("right")


def test_nothing_cleaned_is_a_failure(small_steps: None) -> None:
    Path("a.jsonl").write_text('{"body": "A line"}\n' * 5)
    done = command("a.jsonl", "-o", "clean.jsonl")
    _, err = done.communicate()
    assert done.returncode == 2
    assert err.decode() == "clutter: nothing could be cleaned; clean.jsonl.errors.jsonl says why\n"
    done = command("a.jsonl", "-o", "clean.jsonl", "--text", "body")
    _, err = done.communicate()
    assert done.returncode == 0
    first, second = err.decode().splitlines()[:2]
    assert first == "clean.jsonl: done anew, other settings (text)"
    assert second.startswith("5 pages, 0 errors, ")
    assert not Path("clean.jsonl.errors.jsonl").exists()
