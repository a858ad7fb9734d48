"""The steps of a run: its input, cut into tasks.

Where a step begins and ends depends only on the input, not on the number of processes or on
earlier interruptions. That is why a run that was interrupted writes the same bytes as an
undisturbed one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clutter.batch.checkpoint import KEPT, SAME, Checkpoint, Listed, RunDirectory, stamp_of
from clutter.batch.tasks import THERE_ALREADY, Task
from clutter.errors import BatchError
from clutter.files import replacing
from clutter.formats import OUTPUT_ENDINGS, PAGE_FILES, base, output_ending
from clutter.formats.pages import PageFile
from clutter.options import CleanOptions
from clutter.plan import (
    InputFile,
    absolute,
    check_collisions,
    find_inputs,
    identity,
    name_in_records,
)


@dataclass(frozen=True)
class Step:
    """A task, or None, and the position after it.

    The next step begins at the byte ``offset`` of the list of files, and at the record number
    ``record`` of the file listed there. ``done`` is the size in bytes of all files before that
    one, ``read`` the number of bytes of input read so far. ``error`` is the entry for a file that
    could not be read (further). ``ends`` is the output file of records that is complete after
    this step. ``files`` are the files of this step: of pages, in the order of the targets of the
    task, or the file of records that ends.
    """

    task: Task | None
    offset: int
    record: int
    done: int
    read: int
    error: dict[str, Any] | None = None
    ends: str | None = None
    files: tuple[Listed, ...] = ()


def list_files(
    run: RunDirectory,
    paths: Sequence[str],
    pattern: str | None,
    kind: str | None,
    options: CleanOptions,
) -> int:
    """Write the list of files to read, and return their size in bytes. ``kind`` is what they are
    said to hold.

    Raises InputError if there are no files, or if two would be written to the same place;
    BatchError if this output cannot hold them.
    """
    output = run.output
    files = [run.errors, run.manifest, run.journal, *([] if output.is_folder else [output.path])]
    own = set(map(identity, files))
    own_names = {os.path.basename(os.path.realpath(path)) for path in files}

    def is_own(path: str) -> bool:  # a file of this run or of an earlier one
        if os.path.basename(path) in own_names and identity(path) in own:
            return True
        return run.work.name in path.split(os.sep)

    total = 0
    with replacing(run.listing) as listing:
        for file in find_inputs(paths, pattern=pattern, kind=kind, skip=is_own):
            if output.is_folder:
                if options.lines and file.is_page:
                    raise BatchError("lines need an output of records: .jsonl or .parquet")
                is_meant = run.existed or output.has_slash or not output.path.suffix
                if not (file.is_page or is_meant):
                    endings = ", ".join(OUTPUT_ENDINGS)
                    raise BatchError(f"{output.path}: records go to {endings}, or to a folder")
            if identity(file.path) in own:
                where = "folder" if output.is_folder else "file"
                raise BatchError(f"{file.name}: is the input too; write to another {where}")
            stamp = stamp_of(file.path)
            total += stamp[0]
            # records are named by the name itself, not by how it is shown
            listed = replace(file, path=absolute(file.path), name=name_in_records(file.path))
            listing.write(Listed(listed, stamp).row)
    if output.is_folder:
        check_collisions(lambda: (listed.file for listed, _ in run.files()), output, run.work)
    return total


def steps_from(run: RunDirectory, checkpoint: Checkpoint, options: CleanOptions) -> Iterator[Step]:
    """The remaining steps after a checkpoint, in order."""
    offset, record, done = checkpoint.offset, checkpoint.record, checkpoint.done
    is_folder = run.output.is_folder
    by_site = checkpoint.settings["by site"] and not checkpoint.counting
    repetition = str(run.work) if by_site else None
    pages: list[Listed] = []

    def page_step() -> Step:
        files = tuple(pages)
        raw = [
            (i, PageFile(x.file.path, x.file.name, _site_of(x.file), x.file.kind))
            for i, x in enumerate(files)
        ]
        ending = None if is_folder else output_ending(run.output.path.name)
        targets = [str(run.output.path_of(x.file)) for x in files] if is_folder else []
        kept = [target for target, x in zip(targets, files, strict=False) if x.state == KEPT]
        chunk = base.Chunk(raw, 0, len(raw))
        pages.clear()
        task = Task(PAGE_FILES, "", chunk, ending, tuple(targets), repetition, kept=frozenset(kept))
        return Step(task, offset, 0, done, done, files=files)

    for listed, next_offset in run.files(checkpoint.offset):
        file = listed.file
        if listed.state == SAME:
            continue
        if file.is_page:
            pages.append(listed)
            offset, done = next_offset, done + file.size
            is_full = len(pages) == base.CHUNK_RECORDS
            if is_full or sum(page.file.size for page in pages) >= base.CHUNK_BYTES:
                yield page_step()
            continue
        if pages:
            yield page_step()
        if listed.state == KEPT and not checkpoint.counting:
            offset, record, done = next_offset, 0, done + file.size
            yield Step(None, offset, 0, done, done, {"file": file.name, "error": THERE_ALREADY})
            continue
        target = run.output.path_of(file)
        ending = output_ending(target.name)
        error = None
        for chunk in file.format.read(file.path, record, options):
            record = chunk.first + chunk.count
            if chunk.count:
                task = Task(file.format, file.name, chunk, ending, (), repetition)
                yield Step(task, offset, record, done, done + min(chunk.read, file.size))
            error = chunk.failure(file.name) or error
        offset, record, done = next_offset, 0, done + file.size
        ends = str(target) if is_folder and not checkpoint.counting else None
        yield Step(None, offset, 0, done, done, error, ends, (listed,))
    if pages:
        yield page_step()


def _site_of(file: InputFile) -> str:
    """The site of a page file: its top folder, because crawlers make a folder for each site."""
    return Path(file.place).parts[0] if os.sep in file.place else "."
