"""The steps of a run: its input, cut into tasks.

Where a step begins and ends depends only on the input, not on the number of processes or on
earlier interruptions. That is why a run that was interrupted writes the same bytes as an
undisturbed one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clutter.batch.checkpoint import Checkpoint, RunDirectory
from clutter.batch.tasks import Task
from clutter.errors import BatchError
from clutter.files import replacing
from clutter.formats import OUTPUT_ENDINGS, PAGE_FILES, base, format_of, output_ending
from clutter.options import CleanOptions
from clutter.plan import InputFile, check_collisions, find_inputs, identity


@dataclass(frozen=True)
class Step:
    """A task, or None, and the position after it.

    The next step begins at the byte ``offset`` of the list of files, and at the record number
    ``record`` of the file listed there. ``done`` is the size in bytes of all files before that
    one, ``read`` the number of bytes of input read so far. ``error`` is the entry for a file that
    could not be read (further). ``ends`` is the output file of records that is complete after
    this step.
    """

    task: Task | None
    offset: int
    record: int
    done: int
    read: int
    error: dict[str, Any] | None = None
    ends: str | None = None


def list_files(
    run: RunDirectory, paths: Sequence[str], pattern: str | None, options: CleanOptions
) -> int:
    """Write the list of files to read, and return their size in bytes.

    Raises InputError if there are no files, or if two would be written to the same place;
    BatchError if this output cannot hold them.
    """
    output = run.output
    own = (
        {identity(run.errors)} if output.is_folder else {*map(identity, (output.path, run.errors))}
    )
    own_names = {os.path.basename(os.path.realpath(path)) for path in (output.path, run.errors)}

    def is_own(path: str) -> bool:  # a file of this run or of an earlier one
        if os.path.basename(path) in own_names and identity(path) in own:
            return True
        return run.work.name in path.split(os.sep)

    total = 0
    with replacing(run.listing) as listing:
        for file in find_inputs(paths, pattern=pattern, skip=is_own):
            if output.is_folder:
                is_page = format_of(file.name) is PAGE_FILES
                if options.lines and is_page:
                    raise BatchError("lines need an output of records: .jsonl or .parquet")
                is_meant = run.existed or output.has_slash or not output.path.suffix
                if not (is_page or is_meant):
                    endings = ", ".join(OUTPUT_ENDINGS)
                    raise BatchError(f"{output.path}: records go to {endings}, or to a folder")
            if identity(file.path) in own:
                where = "folder" if output.is_folder else "file"
                raise BatchError(f"{file.name}: is the input too; write to another {where}")
            total += file.size
            # not abspath, which takes "link/.." for nothing
            path = os.path.join(os.getcwd(), file.path)
            # records are named by the name itself, not by how it is shown; but all of it is text
            name = os.fsencode(file.path).decode("utf-8", "replace")
            listing.write(json.dumps([path, name, file.place, file.size]).encode() + b"\n")
    if output.is_folder:
        check_collisions(lambda: (file for file, _ in run.files()), output, run.work)
    return total


def steps_from(run: RunDirectory, checkpoint: Checkpoint, options: CleanOptions) -> Iterator[Step]:
    """The remaining steps after a checkpoint, in order."""
    offset, record, done = checkpoint.offset, checkpoint.record, checkpoint.done
    is_folder = run.output.is_folder
    by_site = checkpoint.settings["by site"] and not checkpoint.counting
    repetition = str(run.work) if by_site else None
    pages: list[InputFile] = []

    def page_step() -> Step:
        raw = [(i, (file.path, file.name, _site_of(file))) for i, file in enumerate(pages)]
        ending = None if is_folder else output_ending(run.output.path.name)
        targets = tuple(str(run.output.path_of(file)) for file in pages) if is_folder else ()
        chunk = base.Chunk(raw, 0, len(raw))
        pages.clear()
        task = Task(PAGE_FILES, "", chunk, ending, targets, repetition)
        return Step(task, offset, 0, done, done)

    for file, next_offset in run.files(checkpoint.offset):
        file_format = format_of(file.name)
        if file_format is PAGE_FILES:
            pages.append(file)
            offset, done = next_offset, done + file.size
            is_full = len(pages) == base.CHUNK_RECORDS
            if is_full or sum(page.size for page in pages) >= base.CHUNK_BYTES:
                yield page_step()
            continue
        if pages:
            yield page_step()
        target = run.output.path_of(file)
        ending = output_ending(target.name)
        error = None
        for chunk in file_format.read(file.path, record, options):
            record = chunk.first + chunk.count
            if chunk.count:
                task = Task(file_format, file.name, chunk, ending, (), repetition)
                yield Step(task, offset, record, done, done + min(chunk.read, file.size))
            if chunk.error:
                error = {"file": file.name, "record": record + 1, "error": chunk.error}
        offset, record, done = next_offset, 0, done + file.size
        ends = str(target) if is_folder and not checkpoint.counting else None
        yield Step(None, offset, 0, done, done, error, ends)
    if pages:
        yield page_step()


def _site_of(file: InputFile) -> str:
    """The site of a page file: its top folder, because crawlers make a folder for each site."""
    return Path(file.place).parts[0] if os.sep in file.place else "."
