"""Writing the output and the errors of a run, and saving checkpoints.

Pieces of output are only appended, in the order of the input. The files on disk may be longer than
the checkpoint says, never shorter.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from clutter.batch.checkpoint import Checkpoint, Listed, RunDirectory, stamp_of
from clutter.batch.manifest import Row
from clutter.batch.steps import Step
from clutter.batch.tasks import Result
from clutter.formats import output_ending, output_format_of
from clutter.plan import absolute
from clutter.text import utf8

CHECKPOINT_SECONDS = 1.0
"""Seconds between two checkpoints."""


class Writer:
    """Appends the results of steps to the files of a run, and saves checkpoints. Raises OSError."""

    def __init__(self, run: RunDirectory, checkpoint: Checkpoint) -> None:
        self.run = run
        self.checkpoint = checkpoint
        self.part = open_at(run.part, checkpoint.written)
        self.errors = open_at(run.errors, checkpoint.errors)
        self.journal = open_at(run.journal, checkpoint.journal)
        self.saved = time.monotonic()

    def add(self, step: Step, result: Result) -> None:
        """Append the result of a step. If this fails, the checkpoint is the one before the step.
        Raises OSError."""
        checkpoint = self.checkpoint
        failed = failures(step, result)
        rows = [utf8(json.dumps(entry, ensure_ascii=False, default=str) + "\n") for entry in failed]
        errors = b"".join(rows)
        journal = self._rows(step, result)
        is_of_records = step.record > 0 or step.ends is not None
        self.part.write(result.piece)
        self.errors.write(errors)
        self.journal.write(journal)
        counts = Counter(checkpoint.counts)
        counts.update(result.counts)
        counts["errors"] += step.error is not None
        # in one call: ^C may come at any moment, and the checkpoint is then saved as it is
        vars(checkpoint).update(
            counts=dict(counts),
            written=checkpoint.written + len(result.piece),
            errors=checkpoint.errors + len(errors),
            journal=checkpoint.journal + len(journal),
            failed=is_of_records and (checkpoint.failed or bool(failed)),
            offset=step.offset,
            record=step.record,
            done=step.done,
            read=step.read,
        )
        if step.ends is not None:
            self.end_file(step.ends, step.files[0])
        elif time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            self.save()

    def _rows(self, step: Step, result: Result) -> bytes:
        """The rows of the journal for the files of clean text of a step."""
        if not result.written or step.task is None:
            return b""
        files = dict(zip(step.task.targets, step.files, strict=True))
        rows = []
        for target, size, time_ns in result.written:
            file, stamp, _ = files[target]
            name, key = self.run.name_of(file), self.checkpoint.key
            rows.append(Row(name, size, time_ns, file.path, stamp, key).line)
        return b"".join(rows)

    def end_file(self, target: str, source: Listed) -> None:
        """Give the complete file of records its name, and begin the next. Raises OSError."""
        name = self.run.name_of(source.file)
        vars(self.checkpoint).update(
            finishing=absolute(target), source=[name, source.file.path, source.stamp]
        )
        self.save()
        self.part.close()
        self.journal.close()
        finish_file(self.run, self.checkpoint)
        self.journal = open_at(self.run.journal, self.checkpoint.journal)
        self.part = open_at(self.run.part, 0)

    def save(self) -> None:
        """Write the files to disk, then save the checkpoint. Raises OSError."""
        for file in (self.part, self.errors, self.journal):
            file.flush()
            os.fsync(file.fileno())
        self.run.save(self.checkpoint)
        self.saved = time.monotonic()

    def close(self) -> None:
        """Close the files, without a checkpoint."""
        for file in (self.part, self.errors, self.journal):
            with contextlib.suppress(OSError):  # a full disk, already reported
                file.close()


def failures(step: Step, result: Result) -> list[dict[str, Any]]:
    """The entries of all records and files that a step could not clean or read."""
    return [*result.errors, *([step.error] if step.error else [])]


def finish_file(run: RunDirectory, checkpoint: Checkpoint) -> None:
    """Give the complete file of records its name, and save the checkpoint. Does nothing if no file
    is complete. Raises OSError."""
    if checkpoint.finishing is None:
        return
    target = Path(checkpoint.finishing)
    if run.part.exists():
        Path(os.path.realpath(target)).parent.mkdir(parents=True, exist_ok=True)
        ending = output_ending(target.name) or ""
        output_format_of(ending).finish(run.part, target, ending)
    journal = checkpoint.journal
    if checkpoint.source is not None:
        name, path, stamp = checkpoint.source
        size, time_ns, _ = stamp_of(target)
        # records that failed now may not fail the next time: without a key they are tried again
        key = "" if checkpoint.failed else checkpoint.key
        row = Row(name, size, time_ns, path, stamp, key).line
        with open_at(run.journal, journal) as file:
            file.write(row)
            file.flush()
            os.fsync(file.fileno())
        journal += len(row)
    vars(checkpoint).update(finishing=None, source=None, failed=False, written=0, journal=journal)
    # save before the next part exists: it would be taken for this one
    run.save(checkpoint)


def open_at(path: Path, size: int) -> BinaryIO:
    """Open a file to append to, and truncate it to ``size`` bytes. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    file = open(path, "r+b")  # noqa: SIM115 - the caller closes it
    file.truncate(size)
    file.seek(size)
    return file
