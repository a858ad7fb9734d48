"""Standard input, output and error that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import clutter
from clutter import cli

PAGE = "Home\n\nThe ferry was back at the quay on Monday morning, three weeks after the storm.\n"

posix = pytest.mark.skipif(os.name != "posix", reason="needs a shell")


@pytest.fixture(autouse=True)
def in_a_folder_with_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.txt").write_text(PAGE)


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which $clutter is the command."""
    root = str(Path(clutter.__file__).parent.parent)
    command = f"{sys.executable} -m clutter"
    env = {**os.environ, "PYTHONPATH": root, "clutter": command}
    return subprocess.run(["sh", "-c", line], env=env, capture_output=True)


def test_closed_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["clean"]) == 2
    assert capsysbinary.readouterr() == (b"", b"clutter: standard input: closed\n")
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["clean", "--threshold", "0", "page.txt"]) == 0  # it is not read
    assert capsysbinary.readouterr() == (PAGE.encode(), b"")


@pytest.mark.parametrize(
    "args",
    [["clean", "--threshold", "0", "page.txt"], ["label", "page.txt"]],
    ids=lambda args: args[0],
)
def test_closed_output_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], args: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(args) == 2
    assert capsysbinary.readouterr().err == b"clutter: standard output: closed\n"


def test_with_closed_output_a_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["clean", "--threshold", "0", "page.txt", "-o", "out.txt"]) == 0
    assert capsysbinary.readouterr().err == b""
    assert Path("out.txt").read_text() == PAGE


def test_messages_to_closed_standard_error_go_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(["clean", "none.txt"]) == 2
    assert capsysbinary.readouterr() == (b"", b"")


@posix
def test_with_all_three_closed_a_run_writes_its_files_and_nothing_into_them() -> None:
    Path("in").mkdir()
    for i in range(3):
        Path(f"in/{i}.txt").write_text(PAGE)
    done = shell("$clutter clean --threshold 0 in -o out <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {path.name: path.read_text() for path in Path("out").glob("*.txt")} == {
        f"{i}.txt": PAGE for i in range(3)
    }


@posix
def test_closed_streams_of_a_process_are_no_traceback() -> None:
    done = shell("$clutter clean <&-; echo $?; $clutter label page.txt >&-")
    assert (done.returncode, done.stdout) == (2, b"2\n")
    assert done.stderr == b"clutter: standard input: closed\nclutter: standard output: closed\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_output_and_error_keep_the_exit_status() -> None:
    done = shell(
        "for x in '' 1; do PYTHONUNBUFFERED=$x $clutter --version >/dev/full; echo $?; done; "
        "$clutter clean none.txt 2>/dev/full"
    )
    assert (done.returncode, done.stdout) == (2, b"2\n2\n")
    assert done.stderr == b"clutter: standard output: No space left on device\n" * 2


# ^C


@posix
@pytest.mark.parametrize(
    "start", ["-m clutter", "-c 'import sys; from clutter.cli import main; sys.exit(main())'"]
)
def test_an_interrupt_while_modules_are_imported_is_silent(start: str) -> None:
    # in the place of numpy a module that is interrupted while it loads
    Path("numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = shell(f"PYTHONPATH=.:$PYTHONPATH {sys.executable} {start} clean page.txt")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
