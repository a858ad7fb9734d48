"""Files on disk: found in order, and written whole or not at all.

A program that is killed while it writes leaves half a file, and whoever reads it next takes
it for a whole one. Here a file gets its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_serial = itertools.count()


def files_below(
    folder: str | os.PathLike[str], suffix: str | tuple[str, ...] = ""
) -> Iterator[str]:
    """Files in a folder and below whose names end in ``suffix``, or one of several, sorted by
    path. One folder is read at a time.

    Raises OSError where a folder cannot be read.
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


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write bytes to, that gets its name only once it is complete.

    Where the block raises, what was at ``path`` before is untouched.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with open(path, "wb") as file:  # a device or a pipe: nothing to replace
            yield file
        return
    # a short name of its own: the target's may be as long as names can be
    partial = target.with_name(f".clutter-{os.getpid()}-{next(_serial)}.part")
    try:
        with open(partial, "wb") as file:
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
