"""Files on disk: listed in a fixed order, and written completely or not at all.

A program that is killed while it writes leaves half a file, and the next program reads it as
if it were complete. With :func:`replacing`, a file gets its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_serial = itertools.count()


def lock_file(number: int) -> None:
    """Lock the open file or folder with this descriptor until it is closed; nothing where the
    system has no such locks. Raises BlockingIOError if another program has the lock; OSError."""
    with contextlib.suppress(ImportError):
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def files_below(
    folder: str | os.PathLike[str], suffix: str | tuple[str, ...] = ""
) -> Iterator[str]:
    """The files in a folder and its subfolders whose names end in ``suffix`` (or in one of
    several), sorted by path. Folders are read one at a time.

    Raises OSError if a folder cannot be read.
    """
    names, folders = [], set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.add(entry.name)
            elif not entry.name.endswith(suffix):
                continue
            names.append(entry.name)
    names.sort()
    for name in names:
        path = os.path.join(folder, name)
        if name in folders:
            yield from files_below(path, suffix)
        elif os.path.isfile(path):
            yield path


def is_taken(path: Path) -> bool:
    """Whether there is a file with content. Devices and pipes are there to be written to."""
    return path.is_file() and path.stat().st_size > 0


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A context manager: a file to write bytes to, which replaces ``path`` once it is complete.

    If the block raises, an existing file at ``path`` does not change. Raises OSError, which names
    ``path``.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with _opened(path, path) as file:  # a device or a pipe: nothing to replace
            yield file
        return
    target = Path(os.path.realpath(path))
    # a short name, since the target's name may have the maximal length already
    partial = target.with_name(f".clutter-{os.getpid()}-{next(_serial)}.part")
    try:
        with _opened(partial, path) as file:
            yield file
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o7777)
        partial.replace(target)
    except OSError as error:
        if str(error.filename) == str(partial):
            error.filename = os.fspath(path)  # the name that the caller knows
        raise
    finally:
        partial.unlink(missing_ok=True)


class _NamedFile(io.FileIO):
    """A file to write to. Its errors have a name, also those of a full disk, which Python raises
    without one."""

    shown: str | os.PathLike[str]

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = os.fspath(self.shown)
            raise


def _opened(path: str | os.PathLike[str], shown: str | os.PathLike[str]) -> BinaryIO:
    file = _NamedFile(path, "wb")
    file.shown = shown
    return io.BufferedWriter(file)


def move(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a complete file its final name, also if that is on another disk. What is there is
    replaced; if it is a link, what it points to. Raises OSError."""
    is_special = os.path.exists(target) and not os.path.isfile(target)  # replacing() writes to it
    try:
        if not is_special:
            os.replace(source, os.path.realpath(target))
            return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    with open(source, "rb") as file, replacing(target) as copy:
        shutil.copyfileobj(file, copy)
    os.unlink(source)
