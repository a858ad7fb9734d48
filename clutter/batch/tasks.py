"""What a process of a run is handed, what it does with it, and what it gives back.

Parsing, labelling and packing the output are the work, so all of it is done here, in other
processes; the process in charge only reads and appends.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clutter.cleaning import Cleaned, text_of
from clutter.formats import output_format_of
from clutter.formats.base import Chunk, Format
from clutter.options import CleanOptions
from clutter.repetition import Repetition, load_repetition, page_keys


@dataclass(frozen=True)
class Task:
    """A chunk to clean, of the file that messages call ``name``. Its output goes to a file of
    records with the ``ending``, or, without one, as text to the files ``targets``.
    ``repetition`` is the folder of what is known of its sites, where that was counted."""

    format: Format
    name: str
    chunk: Chunk
    ending: str | None
    targets: tuple[str, ...] = ()
    repetition: str | None = None


@dataclass(frozen=True)
class Result:
    """What came of a task: a piece of the output, records that failed, and the counts."""

    piece: bytes = b""
    errors: tuple[dict[str, Any], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


Work = Callable[[Task, CleanOptions, str], Result]
"""``clean`` or ``count_lines``: what is done to a task. The last argument is a folder for what
is not yet written in full, on the disk of the output."""


def clean(task: Task, options: CleanOptions, folder: str) -> Result:
    """Clean the records of a task."""
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
    """The keys of the lines of a task's records, for repetition.py."""
    pages = task.format.contents(task.chunk, options)
    texts = [text_of(page, options) for page in pages]
    keys = page_keys(texts, [page.site for page in pages])
    return Result(keys.tobytes(), counts={"pages": len(pages)})


def _repetition(task: Task) -> Repetition | None:
    return None if task.repetition is None else load_repetition(task.repetition)


def _write_text(target: Path, page: Cleaned, options: CleanOptions, folder: str) -> None:
    """Write a page's clean text, whole or not at all, by way of the folder of what is
    unfinished, so that nothing else is left where a run is killed."""
    partial = Path(folder, f"text-{os.getpid()}")
    # escaped: the rare character that an encoding reads but cannot write
    partial.write_bytes(page.file.encode(options.encoding or "utf-8", "backslashreplace"))
    try:
        partial.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
