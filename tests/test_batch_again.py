"""Runs that are begun again: what has changed in between, and whose the files are that are there.

Steps are small, as in test_batch.py.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cleaning_here import Here
from networks import random_model

import clutter
from clutter.batch import BatchError, Summary, manifest, run, runner, writer
from clutter.batch.writer import Writer
from clutter.formats import base
from clutter.options import CleanOptions
from clutter.storage import shipped_model_file

ALL = CleanOptions(threshold=0)


class Stop(BaseException):
    """Ends a run at a point, as a kill does."""


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Builds all tables once: the copies of this process that clean have them then."""
    clutter.clean("A line")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of nine pages and a file of records."""
    monkeypatch.chdir(tmp_path)
    # what other processes do is for test_batch.py, and for the commands below
    monkeypatch.setattr(runner, "Workers", Here)
    monkeypatch.setattr(base, "CHUNK_RECORDS", 2)
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow, and no test cuts the power
    for i in range(9):
        file = Path("in", f"part{i % 2}", f"{i}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"The ferry number {i} was back.\n")
    write_records(range(7))
    return Path("in")


def write_records(ids: Any) -> None:
    rows = [{"id": i, "text": f"Record {i}"} for i in ids]
    Path("in/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def again(output: str, **options: Any) -> Summary:
    return run(["in"], output, options.pop("options", ALL), **options)


def interrupted(output: str, monkeypatch: pytest.MonkeyPatch, steps: int = 5, **how: Any) -> None:
    """Begin a run and stop it after some steps."""
    left = steps
    add = Writer.add

    def stopping(self: Writer, *args: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stop
        add(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "add", stopping)
        with pytest.raises(Stop):
            again(output, **how)


def output(folder: str) -> dict[str, bytes]:
    """The files of an output, without the hidden ones."""
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not any(part.startswith(".") for part in path.parts)
    }


def errors(name: str) -> list[tuple[str, str]]:
    lines = Path(name).read_text().splitlines()
    return [(row["file"], row["error"]) for row in map(json.loads, lines)]


# an errors file of somebody else


@pytest.mark.parametrize("content", ["my notes\n", '{"mine": 1}\n', "[1]\n", "\xff"])
@pytest.mark.parametrize("target", ["clean.jsonl", "clean"])
def test_a_file_that_is_no_errors_file_is_not_overwritten(target: str, content: str) -> None:
    mine = Path(f"{target}.errors.jsonl")
    mine.write_text(content)
    with pytest.raises(BatchError, match=rf"^{mine}: was there already, .* with --force$"):
        again(target)
    assert mine.read_text() == content
    assert again(target, force=True).counts["pages"] == 16
    assert not mine.exists()


def test_the_errors_file_of_an_earlier_run_is_replaced() -> None:
    Path("in/part0/0.txt").write_bytes(b"caf\xe9")
    assert again("clean").counts["errors"] == 1
    Path("in/part0/0.txt").write_bytes(b"A line\n")
    assert again("clean").counts["errors"] == 0
    assert not Path("clean.errors.jsonl").exists()


# an interrupted run whose input or model has changed


def reverse() -> None:
    write_records(reversed(range(7)))


def cut() -> None:
    with open("in/rows.jsonl", "r+b") as file:
        file.truncate(60)


def replace_by_a_file_of_the_same_size_and_time() -> None:
    before = os.stat("in/rows.jsonl")
    Path("other").write_bytes(Path("in/rows.jsonl").read_bytes().replace(b"Record", b"record"))
    os.utime("other", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace("other", "in/rows.jsonl")


@pytest.mark.parametrize("change", [reverse, cut, replace_by_a_file_of_the_same_size_and_time])
@pytest.mark.parametrize("target", ["clean.jsonl", "clean"])
def test_a_changed_file_stops_the_run_and_put_back_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[], None], target: str
) -> None:
    Path("right").mkdir()
    again(f"right/{target}")
    interrupted(target, monkeypatch, 7)
    before = output(".")
    os.rename("in/rows.jsonl", "aside")
    shutil.copyfile("aside", "in/rows.jsonl")
    change()
    changed = Path("in/rows.jsonl").read_bytes()
    message = (
        r"^in/rows.jsonl: has changed since the interrupted run began; put it back, or delete "
        r"\S*unfinished to begin again$"
    )
    with pytest.raises(BatchError, match=message):
        again(target)
    os.unlink("in/rows.jsonl")
    with pytest.raises(BatchError, match=r"^in/rows.jsonl: cannot be read \(No such file"):
        again(target)
    os.rename("aside", "in/rows.jsonl")
    assert output(".") == before
    assert Path("in/rows.jsonl").read_bytes() != changed
    again(target)
    assert {k: v for k, v in output(".").items() if k.startswith(target)} == output("right")


def test_a_page_that_has_changed_after_it_was_cleaned_stops_the_run_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted("clean", monkeypatch)
    Path("in/part0/0.txt").write_text("Another text\n")
    with pytest.raises(BatchError, match=r"^in/part0/0.txt: has changed"):
        again("clean")


def test_the_content_of_the_file_of_a_model_is_its_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(shipped_model_file(), "mine.safetensors")
    mine = CleanOptions(threshold=0, model="mine.safetensors")
    assert manifest.model_identity(mine) == manifest.model_identity(ALL)
    interrupted("clean.jsonl", monkeypatch, options=mine)
    before = Path("mine.safetensors").read_bytes()
    random_model(1).save("mine.safetensors")
    with pytest.raises(BatchError, match=r"other settings \(model\)"):
        again("clean.jsonl", options=mine)
    Path("mine.safetensors").write_bytes(before)
    Path("mine.html.safetensors").touch()  # not of this model, which is one file
    assert again("clean.jsonl", options=mine).counts["pages"] == 16


# a finished run that is begun again: folders


def test_a_run_that_is_begun_again_cleans_only_what_is_new_or_has_changed() -> None:
    first = again("clean")
    assert (first.counts["pages"], first.counts["unchanged/pages"]) == (16, 0)
    before = output("clean")
    nothing = again("clean")
    assert nothing.counts == Counter({"unchanged/pages": 9, "unchanged/files": 1})
    assert str(nothing) == "0 pages, 0 errors\n9 pages and 1 file of records unchanged, 0 cleaned"
    assert output("clean") == before
    Path("in/part0/0.txt").write_text("Another text\n")
    Path("in/part1/new.txt").write_text("A new text\n")
    some = again("clean")
    assert (some.counts["pages"], some.counts["unchanged/pages"]) == (2, 8)
    assert "\n8 pages and 1 file of records unchanged, 2 cleaned\n" in str(some)
    assert output("clean") == before | {
        "part0/0.txt": b"Another text\n",
        "part1/new.txt": b"A new text\n",
    }
    write_records(range(3))
    assert again("clean").counts["pages"] == 3
    assert again("clean").counts["pages"] == 0


def test_what_was_cleaned_with_other_settings_is_cleaned_anew() -> None:
    again("clean")
    assert again("clean", options=CleanOptions(threshold=1)).counts["pages"] == 16
    assert output("clean")["part0/0.txt"] == b""
    assert again("clean", force=True).counts["pages"] == 16
    assert again("clean", pattern="part0/*").counts["unchanged/pages"] == 5
    assert again("clean").counts["unchanged/pages"] == 9


def test_if_lines_are_counted_by_site_a_new_page_changes_all() -> None:
    again("clean", by_site=True)
    assert again("clean", by_site=True).counts["unchanged/pages"] == 9
    Path("in/part1/new.txt").write_text("A new text\n")
    assert again("clean", by_site=True).counts["pages"] == 17


def test_pages_that_failed_are_tried_again() -> None:
    Path("in/part0/2.txt").write_bytes(b"caf\xe9")
    with open("in/rows.jsonl", "a") as file:
        file.write("no JSON\n")
    first = again("clean")
    assert first.counts["errors"] == 2
    before = Path("clean.errors.jsonl").read_bytes()
    second = again("clean")
    assert second.counts["unchanged/pages"] == 8
    assert (second.counts["errors"], second.counts["pages"]) == (2, 7)
    assert Path("clean.errors.jsonl").read_bytes() == before
    Path("in/part0/2.txt").write_bytes(b"cafe")
    write_records(range(7))
    assert again("clean").counts["errors"] == 0
    assert not Path("clean.errors.jsonl").exists()


def test_files_of_somebody_else_are_left_and_named() -> None:
    again("clean")
    Path("clean/part0/0.txt").write_text("My correction\n")
    Path("in/part1/new.txt").write_text("A new text\n")
    Path("clean/part1/new.txt").write_text("My own text\n")
    Path("clean/rows.jsonl").write_text("{}\n")
    mine = {name: output("clean")[name] for name in ("part0/0.txt", "part1/new.txt", "rows.jsonl")}
    for _ in range(2):
        second = again("clean")
        assert {name: output("clean")[name] for name in mine} == mine
        assert second.counts["errors"] == 3
        assert second.counts["pages"] == 0
        reason = "was there already; --force overwrites it"
        names = ["in/part0/0.txt", "in/part1/new.txt", "in/rows.jsonl"]
        assert errors("clean.errors.jsonl") == [(name, reason) for name in names]
    assert again("clean", force=True).counts["errors"] == 0
    assert output("clean")["part1/new.txt"] == b"A new text\n"
    assert again("clean").counts["unchanged/pages"] == 10


def test_the_output_of_another_input_is_left() -> None:
    Path("other").mkdir()
    Path("other/0.txt").write_text("Another page\n")
    run(["in/part0"], "clean", ALL)
    assert run(["other"], "clean", ALL).counts["errors"] == 1
    assert Path("clean/0.txt").read_text() == "The ferry number 0 was back.\n"
    assert run(["in/part0"], "clean", ALL).counts["unchanged/pages"] == 5


def test_a_file_that_is_just_what_would_be_written_is_taken_as_written() -> None:
    again("clean")
    shutil.rmtree("clean/.clutter")
    Path("clean/rows.jsonl").unlink()
    assert again("clean").counts["errors"] == 0
    assert again("clean").counts["unchanged/pages"] == 9


def test_the_output_of_a_run_that_was_given_up_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted("clean", monkeypatch)
    there = output("clean")
    assert len(there) > 5
    shutil.rmtree("clean/.unfinished")
    other = CleanOptions(threshold=1)
    done = again("clean", options=other)
    assert (done.counts["pages"], done.counts["errors"]) == (16, 0)


def test_a_run_that_is_interrupted_after_a_finished_one_goes_on_to_the_same_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again("clean")
    for i in range(0, 9, 2):
        Path("in", "part0", f"{i}.txt").write_text(f"Changed {i}\n")
    interrupted("clean", monkeypatch, 2)
    done = again("clean")
    assert (done.counts["pages"], done.counts["unchanged/pages"]) == (5, 4)
    assert output("clean")["part0/8.txt"] == b"Changed 8\n"
    assert again("clean").counts["unchanged/pages"] == 9


# a finished run that is begun again: one file


def test_one_file_is_left_if_nothing_is_new(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "clutter")
    first = again("clean.jsonl")
    before = os.stat("clean.jsonl")
    second = again("clean.jsonl")
    assert os.stat("clean.jsonl") == before
    assert (second.counts, second.pages) == (first.counts, 0)
    assert caplog.messages == ["nothing is new: clean.jsonl is left as it is"]
    caplog.clear()
    Path("in/part0/new.txt").write_text("A new text\n")
    assert again("clean.jsonl").pages == 17
    assert again("clean.jsonl", options=CleanOptions(threshold=0.5)).pages == 17
    assert again("clean.jsonl", options=CleanOptions(threshold=0.5), force=True).pages == 17
    assert caplog.messages == [
        "clean.jsonl: done anew, the input has changed",
        "clean.jsonl: done anew, other settings (threshold)",
    ]
    os.unlink("in/part0/new.txt")
    assert again("clean.jsonl").pages == 16
    assert sorted(path for path in output(".") if path.startswith("clean")) == ["clean.jsonl"]


@pytest.mark.parametrize("target", ["clean.jsonl", "clean.parquet"])
def test_one_file_of_somebody_else_is_not_overwritten(target: str) -> None:
    pytest.importorskip("pyarrow")
    Path(target).write_text("mine")
    message = rf"^{target}: was there already, and this run has not written it; .* --force$"
    for _ in range(2):
        with pytest.raises(BatchError, match=message):
            again(target)
        assert Path(target).read_text() == "mine"
        assert not Path(f"{target}.unfinished").exists()
    again(target, force=True)
    again(target)
    with open(target, "ab") as file:
        file.write(b"mine")
    with pytest.raises(BatchError, match=message):
        again(target)


def test_one_file_with_the_output_of_another_input_is_not_overwritten() -> None:
    again("clean.jsonl")
    Path("other").mkdir()
    Path("other/0.txt").write_text("Another page\n")
    with pytest.raises(BatchError, match="was there already"):
        run(["other"], "clean.jsonl", ALL)
    assert run(["in", "other"], "clean.jsonl", ALL).pages == 17


@pytest.mark.parametrize("damage", [b"", b"no gzip", gzip.compress(b"{}\n", mtime=0), None])
def test_a_damaged_manifest_is_as_none(damage: bytes | None) -> None:
    again("clean.jsonl")
    again("clean")
    for path in ("clean/.clutter/manifest", ".clean.jsonl.clutter"):
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 3] if damage is None else damage)
    with pytest.raises(BatchError, match="was there already"):
        again("clean.jsonl")
    assert again("clean").counts["errors"] <= 1


# whose the names are that a run needs


def test_a_folder_of_somebody_else_with_the_name_of_a_work_folder_is_left() -> None:
    for target, work in (("clean.jsonl", "clean.jsonl.unfinished"), ("clean", "clean/.unfinished")):
        Path(work).mkdir(parents=True)
        Path(work, "lock").write_text("of my door")
        before = output(".") | {work: Path(work, "lock").read_bytes()}
        message = rf"{work}: no run has made it, and a run to {target} needs this name; rename it"
        with pytest.raises(BatchError, match=message):
            again(target)
        assert output(".") | {work: Path(work, "lock").read_bytes()} == before
        os.rename(work, f"mine-{target}")
        assert again(target).counts["pages"] == 16
    Path("other.jsonl.unfinished").write_text("a file")
    with pytest.raises(BatchError, match=r"other.jsonl.unfinished: no run has made it"):
        again("other.jsonl")
    assert Path("other.jsonl.unfinished").read_text() == "a file"


def test_a_work_folder_that_a_kill_left_empty_or_with_a_lock_is_used() -> None:
    Path("clean.jsonl.unfinished").mkdir()
    assert again("clean.jsonl").counts["pages"] == 16
    Path("clean/.unfinished").mkdir(parents=True)
    Path("clean/.unfinished/lock").touch()
    Path("clean/.unfinished/files").touch()
    assert again("clean").counts["pages"] == 16
    assert not Path("clean.jsonl.unfinished").exists()
    assert not Path("clean/.unfinished").exists()


def test_an_empty_file_that_is_there_is_written_to() -> None:
    Path("clean/part0").mkdir(parents=True)
    for path in ("clean.jsonl", "clean/part0/0.txt", "clean/rows.jsonl"):
        Path(path).touch()
    for target in ("clean.jsonl", "clean"):
        done = again(target)
        assert (done.counts["pages"], done.counts["errors"]) == (16, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_an_output_that_is_a_link_is_known_and_stays_a_link() -> None:
    Path("clean/part0").mkdir(parents=True)
    Path("elsewhere").mkdir()
    for name in ("part0/0.txt", "rows.jsonl"):
        Path("clean", name).symlink_to(Path("elsewhere", Path(name).name).absolute())
    Path("one.jsonl").symlink_to("elsewhere/one.jsonl")
    for target in ("clean", "one.jsonl"):
        assert again(target).counts["errors"] == 0
    assert again("clean").counts == Counter({"unchanged/pages": 9, "unchanged/files": 1})
    assert again("one.jsonl").pages == 0
    Path("in/part0/0.txt").write_text("Another text\n")
    write_records(range(3))
    for target in ("clean", "one.jsonl"):
        assert again(target).counts["errors"] == 0
    assert Path("elsewhere/0.txt").read_text() == "Another text\n"
    assert len(Path("elsewhere/rows.jsonl").read_text().splitlines()) == 3
    for link in ("clean/part0/0.txt", "clean/rows.jsonl", "one.jsonl"):
        assert Path(link).is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_is_written_to_each_time() -> None:
    os.mkfifo("pipe.jsonl")
    for _ in range(2):
        with ThreadPoolExecutor() as pool:
            found = pool.submit(Path("pipe.jsonl").read_text)
            assert again("pipe.jsonl").pages == 16
            assert len(found.result().splitlines()) == 16
    assert [path for path in os.listdir() if path.startswith((".", "pipe"))] == ["pipe.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_nothing_is_written_beside_a_device_that_a_link_leads_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("in/part0/0.txt").write_bytes(b"caf\xe9")
    Path("null.jsonl").symlink_to(os.devnull)
    interrupted("null.jsonl", monkeypatch)
    assert Path("null.jsonl.unfinished").is_dir()
    done = again("null.jsonl")
    assert (done.counts["pages"], done.counts["errors"]) == (15, 1)
    assert done.errors == Path("null.jsonl.errors.jsonl")
    assert sorted(os.listdir()) == ["in", "null.jsonl", "null.jsonl.errors.jsonl"]
    assert os.path.realpath("null.jsonl") == os.devnull


def test_an_input_is_the_same_however_its_path_is_written(tmp_path: Path) -> None:
    again("clean")
    again("clean.jsonl")
    os.mkdir("sub")
    for source in ("./in", "in/", "sub/../in", str(tmp_path / "in")):
        assert run([source], "clean", ALL).counts["unchanged/pages"] == 9
        assert run([source], "clean.jsonl", ALL, force=False).counts["errors"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_folder_above_a_link_is_another_input() -> None:
    for name in ("in", "deep/in"):
        Path(name).mkdir(parents=True, exist_ok=True)
    Path("deep/in/0.txt").write_text("Another page\n")
    Path("deep/er").mkdir()
    Path("link").symlink_to("deep/er")
    assert run(["link/../in"], "clean", ALL).counts["pages"] == 1
    assert Path("clean/0.txt").read_text() == "Another page\n"
    assert run(["link/../in"], "clean", ALL).counts["unchanged/pages"] == 1


def test_messages_show_names_harmlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in/red\x1b[31m.txt").write_text("A page\n")
    interrupted("clean\x1b[31m.jsonl", monkeypatch)
    os.unlink("in/red\x1b[31m.txt")
    with pytest.raises(BatchError, match=r"^in/red\ufffd") as caught:
        again("clean\x1b[31m.jsonl")
    assert "\x1b" not in str(caught.value)
    with pytest.raises(BatchError, match=r"^clean\ufffd.*: a run with other settings") as caught:
        again("clean\x1b[31m.jsonl", by_site=True)
    assert "\x1b" not in str(caught.value)
    Path("in/wrong\x1b[31m.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BatchError, match=r"^in/wrong\ufffd") as caught:
        again("other", strict=True)
    assert "\x1b" not in str(caught.value)
    assert "\x1b" not in str(Summary(Counter({"errors": 1}), 0, 1.0, Path("\x1b[31m")))


# the summary


def test_the_summary_says_what_was_passed_over() -> None:
    counts = Counter({"pages": 5, "passed/redirect": 12, "passed/content type": 3})
    text = str(Summary(counts, 5, 1.0, None))
    assert text == "5 pages, 0 errors, 5 pages/s\npassed over: 12 redirect, 3 content type"
    assert "passed" not in str(Summary(Counter({"pages": 5}), 5, 1.0, None))


# real processes

DEADLY = """
import ctypes, os, signal, sys

MAIN = os.getpid()
NEW = "clutter.batch.workers" in " ".join(sys.orig_argv)

from clutter.formats.base import ItemFormat

make = ItemFormat.records

def deadly(self, chunk, options):
    found = make(self, chunk, options)
    if NEW or os.getpid() != MAIN:
        for record in found:
            if "kill me" in str(record.content.data):
                os.kill(os.getpid(), signal.SIGKILL)
            if "hold me" in str(record.content.data):
                open("held", "w").close()
                ctypes.PyDLL(None).sleep(1000)  # in C, with the lock of the interpreter
    return found

ItemFormat.records = deadly
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which some pages kill or hold the process that cleans them."""
    for i in range(4):  # a task of few pages has a short time
        Path("in", f"part{i % 2}", f"{i}.txt").unlink()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(DEADLY)
    root = Path(clutter.__file__).parent.parent
    return {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{root}"}


def command(environment: dict[str, str], *args: str) -> subprocess.Popen[str]:
    start = [sys.executable, "-m", "clutter", "clean", "in", "-o", "clean", *args]
    return subprocess.Popen(start, env=environment, stderr=subprocess.PIPE, text=True)


def test_deadly_pages_of_a_small_input_become_errors(environment: dict[str, str]) -> None:
    Path("in/part0/4.txt").write_text("hold me\n")
    Path("in/part1/7.txt").write_text("kill me\n")  # the last page
    Path("in/rows.jsonl").unlink()
    done = command(environment, "--jobs", "1", "--page-timeout", "1")
    _, err = done.communicate()
    assert done.returncode == 0, err
    assert err.startswith("3 pages, 2 errors (clean.errors.jsonl)")
    assert errors("clean.errors.jsonl") == [
        ("in/part0/4.txt", "it takes more than 1 second; page-timeout changes it"),
        ("in/part1/7.txt", "it killed the process that cleaned it"),
    ]
    assert len(output("clean")) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_so_and_ends_at_once(
    environment: dict[str, str], sign: signal.Signals
) -> None:
    Path("in/part0/4.txt").write_text("hold me\n")
    stopped = command(environment, "--jobs", "1", "--page-timeout", "0")
    while not Path("held").exists() and stopped.poll() is None:
        time.sleep(0.01)
    begin = time.monotonic()
    stopped.send_signal(sign)
    assert stopped.stderr is not None
    line = stopped.stderr.readline()
    said = time.monotonic() - begin
    _, err = stopped.communicate()
    ended = time.monotonic() - begin
    assert re.fullmatch(
        r"stopping after \d+ pages; give the same command again to go on\n", line
    ), line + err
    assert said < 2  # half a second, on a machine that is not busy
    assert ended < 5
    assert stopped.returncode == (130 if sign == signal.SIGINT else 143)
    if sign != signal.SIGINT:
        return  # what is left is the same after both
    again_ = command(environment, "--page-timeout", "1", "--threshold", "0.5")
    _, err = again_.communicate()
    assert again_.returncode == 0, err
    assert [name for name, _ in errors("clean.errors.jsonl")] == ["in/part0/4.txt"]
