"""Which input goes to which output: the plan of every command that reads pages.

For one page and for a million the rules are the same: a folder stands for the files in it and
below, output mirrors input, and nothing is written over an input or over another page's
output. They are here, once. Nothing is read yet, and no list of files is held.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clutter.errors import InputError
from clutter.files import files_below
from clutter.formats import KNOWN_ENDINGS, PAGE_FILES, format_of, output_name
from clutter.keys import keys_by_top_bits
from clutter.text import printable

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class InputFile:
    """A file to read: ``path`` ("-" is standard input), ``name`` as messages show it, ``place``
    where its output belongs below a folder of output, ``size`` in bytes."""

    path: str
    name: str
    place: str
    size: int

    @property
    def is_standard_input(self) -> bool:
        return self.path == STANDARD_INPUT


@dataclass(frozen=True)
class Output:
    """Where output goes: to the one file ``path``, or to a file for each input in the folder
    ``path``, which mirrors the input. ``suffix`` is the ending of files made of pages."""

    path: Path
    is_folder: bool
    suffix: str

    def path_of(self, file: InputFile) -> Path:
        """The file that the output of an input file goes to."""
        return self.path / output_name(file.place, self.suffix) if self.is_folder else self.path


def is_one_page(paths: Sequence[str]) -> bool:
    """Whether arguments name a single page: standard input, or one file that is a page."""
    return len(paths) == 1 and not os.path.isdir(paths[0]) and format_of(paths[0]) is PAGE_FILES


def find_inputs(
    paths: Sequence[str],
    *,
    pattern: str | None = None,
    records: bool = True,
    skip: Callable[[str], bool] = lambda path: False,
) -> Iterator[InputFile]:
    """The files that arguments name: files, "-", and the files in folders and below, by path.

    Of folders, the files are taken whose name or path is like ``pattern``, or, without one,
    those with a known ending; files of records only where ``records`` says so, and none that
    ``skip`` says to pass over.

    Raises InputError where an argument is not there, or where nothing is found at all; OSError.
    """
    endings = KNOWN_ENDINGS if records else PAGE_FILES.endings
    is_empty = True
    for path in paths:
        if path == STANDARD_INPUT:
            is_empty = False
            yield InputFile(path, path, "stdin.txt", 0)
        elif os.path.isdir(path):
            for file in files_below(path):
                inside, name = os.path.relpath(file, path), os.path.basename(file)
                if pattern is None:
                    is_wanted = name.lower().endswith(endings)
                else:
                    is_wanted = any(fnmatch.fnmatch(x, pattern) for x in (inside, name))
                if is_wanted and not skip(file):
                    is_empty = False
                    yield InputFile(file, printable(file), inside, os.path.getsize(file))
        elif os.path.exists(path):
            is_empty = False
            yield InputFile(path, printable(path), os.path.basename(path), os.path.getsize(path))
        else:
            raise InputError(f"{printable(path)}: no such file or folder")
    if is_empty:
        kind = "file of pages or records" if records else ".txt or .html file"
        wanted = kind if pattern is None else f"file like {pattern}"
        raise InputError(f"{printable(', '.join(paths))}: no {wanted} in this folder or below")


def needs_folder(paths: Sequence[str], output: str) -> bool:
    """Whether output of one file a page goes to a folder: for several pages, for a folder of
    them, and for one page where that folder is there already."""
    return len(paths) > 1 or any(map(os.path.isdir, (*paths, output)))


def plan_output(output: str, paths: Sequence[str], suffix: str, *, is_folder: bool) -> Output:
    """Where the output of these arguments goes.

    Raises InputError where a folder of output is a file, or is inside a folder of input.
    """
    if is_folder:
        if os.path.exists(output) and not os.path.isdir(output):
            raise InputError(f"{printable(output)}: a file, but several pages need a folder")
        real = Path(os.path.realpath(output))
        for path in paths:
            if os.path.isdir(path) and real.is_relative_to(os.path.realpath(path)):
                raise InputError(
                    f"{printable(output)}: lies inside the input folder {printable(path)}"
                )
    return Output(Path(output), is_folder, suffix)


def check_collisions(
    files: Callable[[], Iterable[InputFile]], output: Output, scratch: Path
) -> None:
    """See that no output is an input too, and that no two inputs have one output.

    ``files`` gives the input files, each time it is called; ``scratch`` is a folder for files
    on the way: the names of a million files are not held, but their hashes are sorted on disk.

    Raises InputError where there is such a file; OSError.
    """
    if not output.is_folder:
        if output.path.is_file() and _identity(output.path) in map(_identity_of, files()):
            raise InputError(f"{printable(str(output.path))}: is the input too; {_ELSEWHERE[0]}")
        return
    hashes = scratch / "hashes"
    with open(hashes, "wb") as stream:
        for file in files():
            stream.write(_identity_of(file) + _identity(output.path_of(file)))
    twice = set()
    for keys in keys_by_top_bits(hashes, scratch):
        keys.sort()
        twice |= {key.tobytes() for key in keys[1:][keys[1:] == keys[:-1]]}
    hashes.unlink()
    if not twice:
        return
    inputs = {_identity_of(file) for file in files()}
    for target in map(output.path_of, files()):
        identity = _identity(target)
        if identity in twice and identity in inputs:
            raise InputError(f"{printable(str(target))}: is the input too; {_ELSEWHERE[1]}")
        if identity in twice:
            raise InputError(f"{printable(str(target))}: two pages would be written here")


_ELSEWHERE = ("write to another file", "write to another folder")


def _identity_of(file: InputFile) -> bytes:
    return _identity(file.path)


def _identity(path: str | os.PathLike[str]) -> bytes:
    """Eight bytes that are the same for two names of one file."""
    folder, name = os.path.split(os.path.abspath(path))
    real = os.path.join(_real_folder(folder), name)
    if os.path.islink(real):
        real = os.path.realpath(real)
    return hashlib.blake2b(os.fsencode(real), digest_size=8).digest()


@functools.lru_cache(1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
