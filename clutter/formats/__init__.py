"""The formats of files that pages are read from and clean records are written to.

One class a format, and the table of them here; the name of a file says which it is. A new
format is a file beside these and an entry in the table.
"""

from __future__ import annotations

from clutter.formats.base import Format, OutputFormat
from clutter.formats.jsonl import JsonLines
from clutter.formats.pages import PageFiles
from clutter.formats.parquet import Parquet
from clutter.formats.warc import Warc

PAGE_FILES = PageFiles()
RECORD_FORMATS: tuple[Format, ...] = (JsonLines(), Parquet(), Warc())
"""The formats of files that hold many records."""

KNOWN_ENDINGS = tuple(end for one in (PAGE_FILES, *RECORD_FORMATS) for end in one.endings)
"""How the names of all files end that can be read."""

OUTPUT_FORMATS = tuple(one for one in RECORD_FORMATS if isinstance(one, OutputFormat))
OUTPUT_ENDINGS = tuple(end for one in OUTPUT_FORMATS for end in one.output_endings)
"""How the names of files of clean records end."""


def format_of(name: str) -> Format:
    """The format of a file of this name; a file of one page where no other is known."""
    low = name.lower()
    return next((one for one in RECORD_FORMATS if low.endswith(one.endings)), PAGE_FILES)


def output_ending(name: str) -> str | None:
    """Which of ``OUTPUT_ENDINGS`` a file of this name has; None where it is no file of records."""
    low = name.lower().replace(".ndjson", ".jsonl")
    return next((end for end in OUTPUT_ENDINGS if low.endswith(end)), None)


def output_format_of(ending: str) -> OutputFormat:
    """The format of files of clean records with one of ``OUTPUT_ENDINGS``."""
    return next(one for one in OUTPUT_FORMATS if ending in one.output_endings)


def output_name(place: str, suffix: str) -> str:
    """What the output of a file at ``place`` is called, below a folder of output: a page's has
    the ending ``suffix``, a file of records keeps its name, and archives become JSON lines."""
    return format_of(place).output_name(place, suffix)
