"""Which input goes to which output: the plan of every command that reads pages.

The rules are the same for one page and for a million. A folder means all files in it and its
subfolders. The output has the same folders as the input. No output overwrites an input or the
output of another page. This module reads no pages, and it keeps no list of files in memory.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clutter.errors import InputError
from clutter.files import files_below
from clutter.formats import (
    KNOWN_ENDINGS,
    OUTPUT_ENDINGS,
    PAGE_FILES,
    format_of,
    output_name,
)
from clutter.formats.base import Format
from clutter.keys import keys_by_top_bits
from clutter.text import printable

STANDARD_INPUT = "-"

_FILE_ENDINGS = (*KNOWN_ENDINGS, ".md", ".tsv", ".csv", ".json", ".xml", ".gz", ".zst", ".zip")
"""Endings of names that a user means as a file. No folder is made with such a name, unless the
name ends in a slash."""


@dataclass(frozen=True)
class InputFile:
    """A file to read: ``path`` ("-" is standard input), ``name`` for messages, ``place`` (the
    relative path of its output in an output folder), ``size`` in bytes, and ``kind``, what it is
    said to hold: one of ``formats.KINDS``, or None."""

    path: str
    name: str
    place: str
    size: int
    kind: str | None = None

    @property
    def format(self) -> Format:
        """The format of this file."""
        return format_of(self.path, self.kind)

    @property
    def is_page(self) -> bool:
        """Whether this is a file of one page, not of records."""
        return self.format is PAGE_FILES

    @property
    def is_standard_input(self) -> bool:
        """Whether this is standard input."""
        return self.path == STANDARD_INPUT


@dataclass(frozen=True)
class Output:
    """Where output goes: all of it to the file ``path``, or one file for each input file to the
    folder ``path``, with the folders of the input. ``suffix`` is the ending of the output files
    of pages. ``has_slash`` is whether the name was given with a slash at its end."""

    path: Path
    is_folder: bool
    suffix: str
    has_slash: bool = False

    def path_of(self, file: InputFile) -> Path:
        """The output file of an input file."""
        if not self.is_folder:
            return self.path
        return self.path / output_name(file.place, self.suffix, file.kind)


def name_in_records(path: str) -> str:
    """The name of a file as records and lists of errors have it: the name itself, but as text."""
    return os.fsencode(path).decode("utf-8", "replace")


def find_inputs(
    paths: Sequence[str],
    *,
    pattern: str | None = None,
    kind: str | None = None,
    input_kind: str | None = None,
    skip: Callable[[str], bool] = lambda path: False,
) -> Iterator[InputFile]:
    """The files that the arguments name: files, "-" for standard input, and for a folder the files
    in it and its subfolders, sorted by path.

    In folders, a file is taken if its name or its path in the folder matches ``pattern``; without
    a pattern, if it has the ending of a page or of a file of records. A file for which ``skip``
    returns True is left out. ``kind`` is what the files are said to hold, ``input_kind`` what
    standard input is.

    Raises InputError if an argument does not exist or no file is found; OSError.
    """
    is_empty = True
    for path in paths:
        if path == STANDARD_INPUT:
            is_empty = False
            place = "stdin.jsonl" if input_kind == "jsonl" else "stdin.txt"
            yield InputFile(path, path, place, 0, input_kind)
        elif os.path.isdir(path):
            for file in files_below(path):
                inside, name = os.path.relpath(file, path), os.path.basename(file)
                if pattern is None:
                    is_wanted = name.lower().endswith(KNOWN_ENDINGS)
                else:
                    is_wanted = any(fnmatch.fnmatch(x, pattern) for x in (inside, name))
                if is_wanted and not skip(file):
                    is_empty = False
                    yield InputFile(file, printable(file), inside, os.path.getsize(file), kind)
        elif os.path.exists(path):
            is_empty = False
            size = os.path.getsize(path)
            yield InputFile(path, printable(path), os.path.basename(path), size, kind)
        else:
            raise InputError(f"{printable(path)}: no such file or folder")
    if is_empty:
        wanted = "file of pages or records" if pattern is None else f"file like {pattern}"
        raise InputError(f"{printable(', '.join(paths))}: no {wanted} in this folder or below")


def needs_folder(paths: Sequence[str], output: str) -> bool:
    """Whether the output of a command that writes one file per page is a folder: for several
    pages, for a folder of pages, and if ``output`` is an existing folder or ends in a slash."""
    return len(paths) > 1 or any(map(os.path.isdir, (*paths, output))) or _has_slash(output)


def _has_slash(output: str) -> bool:
    return os.path.basename(output) in ("", os.curdir, os.pardir)


def plan_output(output: str, paths: Sequence[str], suffix: str, *, is_folder: bool) -> Output:
    """Where the output for these arguments goes. A link is followed, so that what it points to is
    written, and everything that is written beside it is on the same disk.

    Raises InputError if the output has no name, if it is a folder and must be a file or the other
    way round, if it is in an input folder, or if an input is in the work folder of this output.
    """
    if not output:
        raise InputError("the name of the output is empty")
    _real_folder.cache_clear()  # links may have changed since the last command
    _ignores_case.cache_clear()
    path = os.fspath(Path(output))  # without the slash
    if is_folder:
        _check_folder(output, paths, suffix)
    elif os.path.isdir(path) or _has_slash(output):
        example = printable(os.path.join(path, f"pages{suffix}"))
        raise InputError(f"{printable(output)}: a folder, but all goes to one file: {example}")
    work = work_folder(path, is_folder)
    for source in paths if work.exists() else ():
        inside = Path(os.path.realpath(source))
        if source != STANDARD_INPUT and identity(work) in map(identity, (inside, *inside.parents)):
            raise InputError(
                f"{printable(source)}: lies in {printable(str(work))}, which a run to "
                f"{printable(output)} deletes; write to another place"
            )
    where = os.path.realpath(path) if _leads_elsewhere(path) else path
    return Output(Path(where), is_folder, suffix, _has_slash(output))


def _check_folder(output: str, paths: Sequence[str], suffix: str) -> None:
    name, path = printable(output), os.fspath(Path(output))
    if os.path.exists(path) and not os.path.isdir(path):
        reason = "this name is that of" if _has_slash(output) else "several pages need"
        raise InputError(f"{name}: a file, but {reason} a folder")
    endings = [end for end in _FILE_ENDINGS if path.lower().endswith(end)]
    if endings and not os.path.isdir(path) and not _has_slash(output):
        stem = printable(path[: -max(map(len, endings))])
        if suffix == ".tsv":
            raise InputError(f"{name}: labelled files go to a folder: for example {stem}/")
        raise InputError(
            f"{name}: records go to {', '.join(OUTPUT_ENDINGS)}, several pages to a folder: "
            f"for example {stem}.jsonl or {stem}/"
        )
    real = Path(os.path.realpath(path))
    around = set(map(identity, (real, *real.parents)))
    for source in paths:
        if os.path.isdir(source) and identity(source) in around:
            raise InputError(f"{name}: lies inside the input folder {printable(source)}")


def work_folder(output: str | os.PathLike[str], is_folder: bool) -> Path:
    """The folder of a run's unfinished work, on the disk of its output."""
    real = real_place(output)
    return real / ".unfinished" if is_folder else real.with_name(real.name + ".unfinished")


def real_place(output: str | os.PathLike[str]) -> Path:
    """The path of an output without links. But a link to a device or a pipe is not followed: beside
    a device, nothing can be written."""
    if os.path.exists(output) and not (os.path.isfile(output) or os.path.isdir(output)):
        folder, name = os.path.split(output)
        return Path(os.path.realpath(folder), name)
    return Path(os.path.realpath(output))


def _leads_elsewhere(output: str) -> bool:
    """Whether an output lies in another folder than its name says: it is a link to a file, or its
    name goes up (..) from a folder that is a link."""
    if os.path.exists(output) and not os.path.isfile(output):
        return False  # a folder; or a device or a pipe, whose real path cannot always be opened
    above = os.path.split(output)[0]
    is_up_from_link = os.path.realpath(above) != os.path.realpath(os.path.abspath(above))
    return os.path.islink(output) or is_up_from_link


def check_collisions(
    files: Callable[[], Iterable[InputFile]], output: Output, scratch: Path
) -> None:
    """Check that no output is also an input, and that no two inputs have the same output. Files
    are compared by what they are, not by their names: see ``identity``.

    ``files`` returns the input files, every time it is called. ``scratch`` is a folder for
    temporary files: the names of a million files are not kept in memory; their hashes are sorted
    on disk.

    Raises InputError for such an output; OSError.
    """
    if not output.is_folder:
        if output.path.is_file() and identity(output.path) in map(_identity_of, files()):
            raise InputError(f"{printable(str(output.path))}: is the input too; {_ELSEWHERE[0]}")
        return
    hashes = scratch / "hashes"
    with open(hashes, "wb") as stream:
        for file in files():
            stream.write(_identity_of(file) + identity(output.path_of(file)))
    duplicates = set()
    for keys in keys_by_top_bits(hashes, scratch):
        keys.sort()
        duplicates |= {key.tobytes() for key in keys[1:][keys[1:] == keys[:-1]]}
    hashes.unlink()
    if not duplicates:
        return
    inputs = {_identity_of(file) for file in files()}
    first: dict[bytes, InputFile] = {}
    for file in files():
        target = output.path_of(file)
        key = identity(target)
        if key not in duplicates:
            continue
        if key in inputs:
            raise InputError(f"{printable(str(target))}: is the input too; {_ELSEWHERE[1]}")
        if key in first:
            raise InputError(f"{printable(str(target))}: {_both(first[key], file)}")
        first[key] = file


def _both(one: InputFile, two: InputFile) -> str:
    """The message about two inputs with the same output, and the way out."""
    if _identity_of(one) == _identity_of(two):
        way_out = "give it once"
    elif os.path.dirname(one.path) == os.path.dirname(two.path):
        way_out = "give one of them another output (-o)"
    else:
        way_out = "give their parent folder, or one of them another output (-o)"
    return f"two pages would be written here, {one.name} and {two.name}; {way_out}"


_ELSEWHERE = ("write to another file", "write to another folder")


def identity(path: str | os.PathLike[str]) -> bytes:
    """Eight bytes that are the same for all names of a file.

    A file that exists is known by its device and its number there (inode): hard links, symbolic
    links and names in other case, on disks that take them for the same, all have these. A file
    that does not exist yet is known by its real path, in small letters where case makes no
    difference, and in one Unicode form where the form makes none.
    """
    key = b""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if status.st_ino:  # some network disks number no files
            key = b"%d %d" % (status.st_dev, status.st_ino)
    if not key:
        target = os.path.realpath(path) if os.path.islink(path) else path
        folder, name = os.path.split(os.path.join(os.getcwd(), target))
        folder = _real_folder(folder)
        real = os.path.join(folder, name)
        if _ignores_form(folder):
            real = unicodedata.normalize("NFD", real)
        key = os.fsencode(real.casefold() if _ignores_case(folder) else real)
    return hashlib.blake2b(key, digest_size=8).digest()


def absolute(path: str | os.PathLike[str]) -> str:
    """The absolute path of a file, without what changes nothing: the same for all ways to write it,
    as far as they name the same links."""
    plain = os.path.abspath(path)
    name = os.fspath(path)
    # abspath takes "link/.." for nothing
    is_other = os.pardir in name.split(os.sep) and identity(plain) != identity(name)
    return os.path.join(os.getcwd(), name) if is_other else plain


def _identity_of(file: InputFile) -> bytes:
    return (
        hashlib.blake2b(digest_size=8).digest() if file.is_standard_input else identity(file.path)
    )


@functools.lru_cache(1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


@functools.lru_cache(1024)
def _ignores_case(folder: str) -> bool:
    """Whether upper and lower case make no difference on the disk of a folder. It need not exist:
    the next folder above it that does is tried by its name in the other case."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    above, name = os.path.split(folder)
    with contextlib.suppress(OSError):
        return name.swapcase() != name and os.path.samefile(
            folder, os.path.join(above, name.swapcase())
        )
    return False


def _ignores_form(folder: str) -> bool:
    """Whether a letter with an accent is the same on the disk of a folder, in one code point or in
    two. That is so on disks of macOS, also on some that do not ignore case. It cannot be tried
    without a file with such a name, so all disks that ignore case are taken for such disks."""
    return sys.platform == "darwin" or _ignores_case(folder)
