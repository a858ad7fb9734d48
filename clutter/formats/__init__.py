"""The file formats that pages are read from and clean records are written to.

Each format is a class in a module of this package, and this module lists them. The name of a file
decides its format. To add a format, add a module and an entry in the list.
"""

from __future__ import annotations

from clutter.formats.base import Format, OutputFormat
from clutter.formats.jsonl import JsonLines
from clutter.formats.pages import PageFiles
from clutter.formats.parquet import Parquet
from clutter.formats.warc import Warc

PAGE_FILES = PageFiles()
JSON_LINES = JsonLines()
RECORD_FORMATS: tuple[Format, ...] = (JSON_LINES, Parquet(), Warc())
"""Formats of files that hold many records."""

KNOWN_ENDINGS = tuple(end for form in (PAGE_FILES, *RECORD_FORMATS) for end in form.endings)
"""File name endings of all formats that can be read."""

OUTPUT_FORMATS = tuple(form for form in RECORD_FORMATS if isinstance(form, OutputFormat))
OUTPUT_ENDINGS = tuple(end for form in OUTPUT_FORMATS for end in form.output_endings)
"""File name endings of all formats that clean records can be written to."""


KINDS = ("html", "text", "jsonl")
"""What a user may say that files hold: a page of HTML, a page of plain text, or JSON lines. It is
said of files whose name is not that of records, and of standard input."""


def format_of(name: str, kind: str | None = None) -> Format:
    """The format of a file with this name. If the ending is not that of records: JSON lines if
    ``kind`` (one of ``KINDS``) says so, else ``PAGE_FILES``."""
    low = name.lower()
    other = JSON_LINES if kind == "jsonl" else PAGE_FILES
    return next((form for form in RECORD_FORMATS if low.endswith(form.endings)), other)


def output_ending(name: str) -> str | None:
    """The one of ``OUTPUT_ENDINGS`` that this name has (.ndjson counts as .jsonl), else None."""
    low = name.lower().replace(".ndjson", ".jsonl")
    return next((end for end in OUTPUT_ENDINGS if low.endswith(end)), None)


def output_format_of(ending: str) -> OutputFormat:
    """The format of clean records for one of ``OUTPUT_ENDINGS``."""
    return next(form for form in OUTPUT_FORMATS if ending in form.output_endings)


def output_name(place: str, suffix: str, kind: str | None = None) -> str:
    """The path of a file's output below the output folder. ``place`` is the path of the file below
    the input folder, ``kind`` is that of ``format_of``. A page gets the ending ``suffix``, a file
    of records keeps its name, and an archive becomes JSON lines."""
    return format_of(place, kind).output_name(place, suffix)
