"""Pages that a command reads one by one: their content, their names and their output files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from clutter.cleaning import Content
from clutter.cli.messages import hint, read_in
from clutter.errors import InputError, ReadError
from clutter.files import is_taken, replacing
from clutter.formats.pages import read_page
from clutter.plan import InputFile, Output
from clutter.text import looks_like_html, printable


def read_content(file: InputFile) -> Content:
    """Read one page, from its file or from standard input.

    Raises InputError if it cannot be unpacked or is too long; OSError.
    """
    if file.is_standard_input:
        if sys.stdin.isatty():
            hint("reading standard input; ^D ends it")
        data = read_in()
        return Content(data, looks_like_html(data))
    try:
        return Content(*read_page(file.path))
    except ReadError as error:
        raise InputError(f"{file.name}: {error}") from None


def heading(file: InputFile, first: bool) -> str:
    """The line above each of several pages on standard output, in the form that head uses."""
    return f"{'' if first else chr(10)}==> {page_name(file)} <==\n"


def page_name(file: InputFile) -> str:
    """The name of a page in output for people."""
    return "standard input" if file.is_standard_input else file.name


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
