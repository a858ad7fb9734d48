"""Pages that a command reads one by one: their content, their names and their output files."""

from __future__ import annotations

import sys
from pathlib import Path

from clutter.cleaning import Content
from clutter.cli.messages import hint
from clutter.errors import InputError, ReadError
from clutter.formats.pages import is_like_html, read_page
from clutter.plan import InputFile, Output


def read_content(file: InputFile) -> Content:
    """Read one page, from its file or from standard input.

    Raises InputError if it cannot be unpacked or is too long; OSError.
    """
    if file.is_standard_input:
        if sys.stdin.isatty():
            hint("reading standard input; ^D ends it")
        data = sys.stdin.buffer.read()
        return Content(data, is_like_html(data))
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
