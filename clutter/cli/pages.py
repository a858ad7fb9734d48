"""The pages and records that a command reads: what they are, their names, and their output files.

What a file holds is what the user says (``--from``); else its name decides; else its content. It
is the same for standard input, which has no name: one page, or JSON lines.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clutter.cleaning import Content
from clutter.cli.messages import hint, inform, pieces_in
from clutter.errors import InputError, ReadError
from clutter.files import is_taken, replacing
from clutter.formats import JSON_LINES, PAGE_FILES, base, format_of
from clutter.formats.base import Chunk, Format, failure_line
from clutter.formats.pages import PageFile, is_html_page, read_page
from clutter.options import PAGE_FIELDS, CleanOptions
from clutter.plan import (
    STANDARD_INPUT,
    InputFile,
    Output,
    check_collisions,
    find_inputs,
    name_in_records,
)
from clutter.text import plural, printable

MOST_NAMED = 20
"""So many records that fail, and files that are left as they are, get a line each."""

_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\S)")


class Input(NamedTuple):
    """What a command reads: its PATHs, what the files are said to hold (``kind``), what standard
    input is (``input_kind``; None for a page that is not said to be HTML or text), and the
    ``pieces`` of standard input, which can be read once."""

    paths: Sequence[str]
    kind: str | None
    input_kind: str | None
    pieces: Iterator[bytes]

    def are_records(self, path: str) -> bool:
        """Whether this PATH, which is no folder, is a file of records."""
        kind = self.input_kind if path == STANDARD_INPUT else self.kind
        return format_of(path, kind) is not PAGE_FILES

    @property
    def is_one_page(self) -> bool:
        """Whether a single page is read."""
        return len(self.paths) == len(self.files) == 1 and not self.are_records(self.paths[0])

    @property
    def files(self) -> list[str]:
        """The PATHs that are no folders."""
        return [path for path in self.paths if path == STANDARD_INPUT or not os.path.isdir(path)]

    def found(self, pattern: str | None = None) -> Iterator[InputFile]:
        """The files to read, as ``find_inputs`` finds them. Raises InputError, OSError."""
        return find_inputs(self.paths, pattern=pattern, kind=self.kind, input_kind=self.input_kind)


class Part(NamedTuple):
    """A chunk of the input: some of the records of a file, or several files of one page."""

    files: Sequence[InputFile]
    chunk: Chunk

    @property
    def format(self) -> Format:
        """The format of the files."""
        return self.files[0].format

    @property
    def name(self) -> str:
        """The name of a file of records in messages."""
        file = self.files[0]
        return page_name(file) if file.is_standard_input else name_in_records(file.path)


def opened_input(args: argparse.Namespace) -> Input:
    """The input of these arguments. Of standard input, as much is read as shows what it is.

    Raises InputError for --from if every PATH is a file of records by its name; OSError.
    """
    given = args.paths or [STANDARD_INPUT]
    paths = [STANDARD_INPUT if path == "/dev/stdin" else path for path in given]
    pieces: Iterator[bytes] = iter(())
    input_kind = args.kind
    if STANDARD_INPUT in paths:
        if sys.stdin.isatty():
            hint("reading standard input; ^D ends it")
        pieces = pieces_in()
        if input_kind is None and (args.html is not None or args.text is not None):
            input_kind = "jsonl"
        elif input_kind is None:
            is_records, pieces = _begun(pieces)
            input_kind = "jsonl" if is_records else None
    read = Input(paths, args.kind, input_kind, pieces)
    named = [path for path in read.files if format_of(path) is not PAGE_FILES]
    if args.kind is not None and len(named) == len(paths):
        raise InputError("--from: every PATH is a file of records, as its name says")
    return read


def _begun(pieces: Iterator[bytes]) -> tuple[bool, Iterator[bytes]]:
    """Whether a stream is one of records, and all of its pieces. It is, if its first line is a JSON
    object with a field that may hold a page."""
    begun = bytearray()
    first = None
    for piece in pieces:
        begun += piece
        first = _FIRST.match(begun)
        if first is None:
            continue
        end = begun.find(b"\n", max(first.start(1), len(begun) - len(piece)))
        if first[1] != b"{" or end >= 0 or len(begun) > base.MAX_PAGE_BYTES:
            break
    record = None
    if first is not None and first[1] == b"{":
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(begun[first.start(1) :].partition(b"\n")[0])
    is_records = isinstance(record, dict) and any(
        isinstance(record.get(field), str) for field in PAGE_FIELDS
    )
    return is_records, itertools.chain([bytes(begun)], pieces)


def read_content(file: InputFile, pieces: Iterable[bytes]) -> Content:
    """Read one page, from its file, or from the ``pieces`` of standard input.

    Raises InputError if it cannot be unpacked or is too long; OSError.
    """
    if file.is_standard_input:
        data = b"".join(pieces)
        return Content(data, is_html_page(file.path, data, file.kind))
    try:
        return Content(*read_page(file.path, file.kind))
    except ReadError as error:
        raise InputError(f"{file.name}: {error}") from None


def parts(
    files: Iterable[InputFile], pieces: Iterator[bytes], options: CleanOptions
) -> Iterator[Part]:
    """All pages and records of the input in chunks, some of which may be empty. ``pieces`` are
    those of standard input."""
    together: list[InputFile] = []
    for file in files:
        if file.is_page:
            together.append(file)
            is_full = len(together) == base.CHUNK_RECORDS
            if is_full or sum(x.size for x in together) >= base.CHUNK_BYTES:
                yield _pages(together, pieces)
                together = []
            continue
        if together:
            yield _pages(together, pieces)
            together = []
        if file.is_standard_input:
            chunks = JSON_LINES.read_pieces(pieces)
        else:
            chunks = file.format.read(file.path, 0, options)
        for chunk in chunks:
            yield Part((file,), chunk)
    if together:
        yield _pages(together, pieces)


def _pages(files: Sequence[InputFile], pieces: Iterator[bytes]) -> Part:
    raw = [
        (
            i,
            PageFile(
                file.path,
                name_in_records(file.path),
                kind=file.kind,
                data=b"".join(pieces) if file.is_standard_input else None,
            ),
        )
        for i, file in enumerate(files)
    ]
    return Part(files, Chunk(raw, 0, len(raw)))


class Failures:
    """Reports records that fail on standard error: one line each, up to ``MOST_NAMED``."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, failure: dict[str, Any]) -> None:
        """Report a failure, an entry as an errors file has it."""
        self.count += 1
        if self.count <= MOST_NAMED:
            inform(f"clutter: {failure_line(failure)}")

    def end(self) -> None:
        """Report how many were not named."""
        if self.count > MOST_NAMED:
            inform(f"clutter: and {plural(self.count - MOST_NAMED, 'more error')}")


def heading(name: str, first: bool) -> str:
    """The line above each of several pages on standard output, in the form that head uses."""
    return f"{'' if first else chr(10)}==> {name} <==\n"


def page_name(file: InputFile) -> str:
    """The name of a page in output for people."""
    return "standard input" if file.is_standard_input else file.name


def check_files(files: Sequence[InputFile], output: Output) -> None:
    """Raises InputError if an output is an input too, or two files have the same output."""
    import tempfile  # only with -o

    with tempfile.TemporaryDirectory() as scratch:
        check_collisions(lambda: files, output, Path(scratch))


def prepared(output: Output, file: InputFile) -> Path:
    """The output file of a page; its folder is created if it is missing."""
    target = output.path_of(file)
    if output.is_folder:
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


@contextlib.contextmanager
def writing(path: Path, *, force: bool) -> Iterator[Callable[[bytes], object]]:
    """A context manager: a function that writes bytes to a file, which appears whole or not at all.

    Unless ``force`` is set, a file that is there is not overwritten: what would be written is
    compared with it. Raises InputError at the first difference; OSError.
    """
    if force or not is_taken(path):
        with replacing(path) as file:
            yield file.write
        return
    refusal = InputError(f"{printable(str(path))}: is there already; --force overwrites it")
    with open(path, "rb") as present:

        def compare(data: bytes) -> None:
            if present.read(len(data)) != data:
                raise refusal

        yield compare
        if present.read(1):
            raise refusal
