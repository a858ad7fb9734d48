"""Files: found in order, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from clutter.files import files_below, move, replacing


def test_files_come_by_path_from_a_folder_and_below(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a.txt", "c/d/e.txt", "a/notes.md", "B.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [os.path.relpath(path, tmp_path) for path in files_below(tmp_path, ".txt")]
    assert found == ["B.txt", "a/z.txt", "a.txt", "b.txt", "c/d/e.txt"]
    assert len(list(files_below(tmp_path))) == 6
    assert len(list(files_below(tmp_path, (".md", ".txt")))) == 6


def test_links_to_folders_are_not_followed_round_and_round(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(files_below(tmp_path)) == [str(tmp_path / "a.txt")]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(files_below(tmp_path / "none"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as file:
        file.write(b"half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_keeps_links_and_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_pipes_and_devices_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_errors_of_writing_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such.txt"
    with pytest.raises(FileNotFoundError, match=r"such\.txt"), replacing(missing):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
@pytest.mark.parametrize("size", [100, 100_000])  # less than a buffer, and more
def test_the_error_of_a_full_disk_names_the_file(tmp_path: Path, size: int) -> None:
    import resource

    target = tmp_path / "a.txt"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        with pytest.raises(OSError, match="File too large") as raised, replacing(target) as file:
            file.write(b"x" * size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(target)
    assert os.listdir(tmp_path) == []


def test_a_pipe_that_a_link_leads_to_is_written_to(tmp_path: Path) -> None:
    ends = os.pipe()
    with replacing(f"/dev/fd/{ends[1]}") as file:
        file.write(b"through")
    assert os.read(ends[0], 100) == b"through"
    for end in ends:
        os.close(end)


def test_a_file_that_moves_keeps_links_and_writes_to_devices(tmp_path: Path) -> None:
    source, target, link = tmp_path / "new", tmp_path / "a.txt", tmp_path / "link.txt"
    link.symlink_to(target)
    for content in (b"one", b"two"):  # first the link leads nowhere
        source.write_bytes(content)
        move(source, link)
        assert link.is_symlink()
        assert target.read_bytes() == content
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    source.write_bytes(b"through")
    move(source, pipe)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "link.txt", "pipe"]


def test_a_file_moves_into_a_pipe_without_a_name(tmp_path: Path) -> None:
    ends = os.pipe()
    source, link = tmp_path / "new", tmp_path / "link"
    source.write_bytes(b"through")
    link.symlink_to(f"/dev/fd/{ends[1]}")
    move(source, link)
    assert os.read(ends[0], 100) == b"through"
    for end in ends:
        os.close(end)
    assert os.listdir(tmp_path) == ["link"]


def test_a_file_moves_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.replace
    source, target = tmp_path / "new", tmp_path / "a.txt"

    def from_other_disk(old: Path, new: Path) -> None:
        if old == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(old, new)

    source.write_bytes(b"new")
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", from_other_disk)
    move(source, target)
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]
