"""The work of a worker process: a task is its input, a result its output.

Parsing, labelling and compressing take nearly all the time, so they are all done in the workers.
The main process only reads and appends.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clutter.cleaning import Cleaned, Dropped, text_of
from clutter.files import move
from clutter.formats import output_format_of
from clutter.formats.base import Chunk, Format
from clutter.options import CleanOptions
from clutter.repetition import Repetition, load_repetition, page_keys

THERE_ALREADY = "was there already; --force overwrites it"
"""The reason of a page whose output would replace a file that no run has written."""

NO_FILE = -1
"""In place of the size of a page's file: it gets none, since the page is of another kind."""


@dataclass(frozen=True)
class Task:
    """A chunk to clean.

    ``name`` is the name of its file in messages. The output goes to a file of records with this
    ``ending``; if that is None, the clean text of each page goes to one of the files ``targets``.
    Those in ``kept`` are files of somebody else: they are not replaced.
    ``repetition`` is the folder with the counts of lines by site, None if they were not counted.
    """

    format: Format
    name: str
    chunk: Chunk
    ending: str | None
    targets: tuple[str, ...] = ()
    repetition: str | None = None
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Result:
    """The result of a task: a piece of the output, entries of records that failed, and counts.

    ``written`` has the path, size in bytes and time of change (nanoseconds) of each file of clean
    text that is as the page of this task; of a page that gets no file, ``NO_FILE`` and 0.
    ``rows`` are records that are not yet encoded: those of a part of a task.
    """

    piece: bytes = b""
    errors: tuple[dict[str, Any], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    written: tuple[tuple[str, int, int], ...] = ()
    rows: Any = None


Work = Callable[[Task, CleanOptions, str], Result]
"""``clean`` or ``count_lines``: processes a task. The last argument is a folder for files that are
not yet complete, on the disk of the output."""


def clean(task: Task, options: CleanOptions, folder: str) -> Result:
    """Clean the records of a task. Pages with targets are written, records are returned encoded."""
    return joined(task, [clean_part(task, options, folder)])


def clean_part(task: Task, options: CleanOptions, folder: str) -> Result:
    """Like ``clean``, for a part of a task: its records are returned in ``rows``."""
    cleaned = task.format.clean(task.name, task.chunk, options, _repetition(task))
    if task.ending is not None:
        return Result(b"", cleaned.errors, cleaned.counts, rows=cleaned.rows)
    errors, counts = list(cleaned.errors), Counter(cleaned.counts)
    written = []
    for i, (target, page) in enumerate(zip(task.targets, cleaned.pages, strict=True)):
        if isinstance(page, Dropped):
            if os.path.lexists(target):
                reason = f"{page.reason}; the file {target} that is there already was left"
                errors.append(task.format.failure(task.name, task.chunk, i, reason))
                counts["errors"] += 1
            else:
                written.append((target, NO_FILE, 0))
            continue
        if isinstance(page, str):
            continue
        if target in task.kept and not _is_file_of(target, page, options, folder):
            errors.append(task.format.failure(task.name, task.chunk, i, THERE_ALREADY))
            counts.subtract(page.counts)
            counts["errors"] += 1
            continue
        if target not in task.kept:
            _write_text(Path(target), page, options, folder)
        state = os.stat(target)
        written.append((target, state.st_size, state.st_mtime_ns))
    return Result(b"", tuple(errors), dict(counts), tuple(written))


def count_lines(task: Task, options: CleanOptions, folder: str) -> Result:
    """The keys of the lines of a task's pages, as bytes, for repetition.py."""
    pages = task.format.contents(task.chunk, options)
    texts = [text_of(page, options) for page in pages]
    keys = page_keys(texts, [page.site for page in pages])
    return Result(keys.tobytes(), counts={"pages": len(pages)})


def part_of(work: Work) -> Work:
    """The function that does this work for a part of a task; ``joined`` joins its results."""
    return clean_part if work is clean else work


def joined(task: Task, parts: Sequence[Result]) -> Result:
    """The result of a task from those of its parts, in order. The records of all parts are encoded
    together: the output is the same, byte for byte, whether a task was done in parts or not."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    errors = tuple(error for part in parts for error in part.errors)
    written = tuple(file for part in parts for file in part.written)
    rows = [part.rows for part in parts if part.rows is not None]
    piece = b"".join([part.piece for part in parts])
    if task.ending is not None and rows:
        piece = output_format_of(task.ending).encode(_joined_rows(rows), task.ending)
    return Result(piece, errors, dict(counts), written)


def _joined_rows(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Sequence):
        return [row for part in parts for row in part]
    import pyarrow as pa

    batches = pa.Table.from_batches(parts).combine_chunks().to_batches()
    return batches[0] if batches else parts[0]


def _repetition(task: Task) -> Repetition | None:
    return None if task.repetition is None else load_repetition(task.repetition)


def _is_file_of(target: str, page: Cleaned, options: CleanOptions, folder: str) -> bool:
    """Whether a file holds exactly the clean text of a page."""
    mine = Path(folder, f"kept-{os.getpid()}")
    _write_text(mine, page, options, folder)
    return os.path.isfile(target) and Path(target).read_bytes() == mine.read_bytes()


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
