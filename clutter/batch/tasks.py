"""The work of a worker process: a task is its input, a result its output.

Parsing, labelling and compressing take nearly all the time, so they are all done in the workers.
The main process only reads and appends.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clutter.cleaning import Cleaned, text_of
from clutter.files import move
from clutter.formats import output_format_of
from clutter.formats.base import Chunk, Format
from clutter.options import CleanOptions
from clutter.repetition import Repetition, load_repetition, page_keys


@dataclass(frozen=True)
class Task:
    """A chunk to clean.

    ``name`` is the name of its file in messages. The output goes to a file of records with this
    ``ending``; if that is None, the clean text of each page goes to one of the files ``targets``.
    ``repetition`` is the folder with the counts of lines by site, None if they were not counted.
    """

    format: Format
    name: str
    chunk: Chunk
    ending: str | None
    targets: tuple[str, ...] = ()
    repetition: str | None = None


@dataclass(frozen=True)
class Result:
    """The result of a task: a piece of the output, entries of records that failed, and counts."""

    piece: bytes = b""
    errors: tuple[dict[str, Any], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


Work = Callable[[Task, CleanOptions, str], Result]
"""``clean`` or ``count_lines``: processes a task. The last argument is a folder for files that are
not yet complete, on the disk of the output."""


def clean(task: Task, options: CleanOptions, folder: str) -> Result:
    """Clean the records of a task. Pages with targets are written, records are returned encoded."""
    cleaned = task.format.clean(task.name, task.chunk, options, _repetition(task))
    piece = b""
    if task.ending is None:
        for target, page in zip(task.targets, cleaned.pages, strict=True):
            if isinstance(page, Cleaned):
                _write_text(Path(target), page, options, folder)
    else:
        piece = output_format_of(task.ending).encode(cleaned.rows, task.ending)
    return Result(piece, cleaned.errors, cleaned.counts)


def count_lines(task: Task, options: CleanOptions, folder: str) -> Result:
    """The keys of the lines of a task's pages, as bytes, for repetition.py."""
    pages = task.format.contents(task.chunk, options)
    texts = [text_of(page, options) for page in pages]
    keys = page_keys(texts, [page.site for page in pages])
    return Result(keys.tobytes(), counts={"pages": len(pages)})


def _repetition(task: Task) -> Repetition | None:
    return None if task.repetition is None else load_repetition(task.repetition)


def _write_text(target: Path, page: Cleaned, options: CleanOptions, folder: str) -> None:
    """Write the clean text of a page, whole or not at all. It is first written in ``folder``, so
    a killed run leaves no partial file in the output."""
    partial = Path(folder, f"text-{os.getpid()}")
    # escape the rare character that an encoding reads but cannot write
    data = page.file.encode(options.encoding or "utf-8", "backslashreplace")
    try:
        partial.write_bytes(data)
    except OSError as error:
        error.filename = os.fspath(target)  # the name that the caller knows
        raise
    try:
        move(partial, target)
    except FileNotFoundError:
        Path(os.path.realpath(target)).parent.mkdir(parents=True, exist_ok=True)
        move(partial, target)
