"""The pages that a command reads one by one: their content, their names, their files."""

from __future__ import annotations

import sys
from pathlib import Path

from clutter.cleaning import Content
from clutter.cli.messages import hint
from clutter.errors import InputError, ReadError
from clutter.formats.pages import is_like_html, read_page
from clutter.plan import InputFile, Output


def read_content(file: InputFile) -> Content:
    """A page as it is. Raises InputError, OSError."""
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
    """The line between pages on standard output, as head writes it."""
    return f"{'' if first else chr(10)}==> {page_name(file)} <==\n"


def page_name(file: InputFile) -> str:
    """What a page is called where a person reads it."""
    return "standard input" if file.is_standard_input else file.name


def prepared(output: Output, file: InputFile) -> Path:
    """The file that the output of a page goes to, in a folder that is there."""
    target = output.path_of(file)
    if output.is_folder:
        target.parent.mkdir(parents=True, exist_ok=True)
    return target
