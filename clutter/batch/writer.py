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

from clutter.batch.checkpoint import Checkpoint, RunDirectory
from clutter.batch.steps import Step
from clutter.batch.tasks import Result
from clutter.formats import output_ending, output_format_of
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
        self.saved = time.monotonic()

    def add(self, step: Step, result: Result) -> None:
        """Append the result of a step. If this fails, the checkpoint is the one before the step.
        Raises OSError."""
        checkpoint = self.checkpoint
        rows = [
            utf8(json.dumps(entry, ensure_ascii=False, default=str) + "\n")
            for entry in failures(step, result)
        ]
        errors = b"".join(rows)
        self.part.write(result.piece)
        self.errors.write(errors)
        counts = Counter(checkpoint.counts)
        counts.update(result.counts)
        counts["errors"] += step.error is not None
        # in one call: ^C may come at any moment, and the checkpoint is then saved as it is
        vars(checkpoint).update(
            counts=dict(counts),
            written=checkpoint.written + len(result.piece),
            errors=checkpoint.errors + len(errors),
            offset=step.offset,
            record=step.record,
            done=step.done,
            read=step.read,
        )
        if step.ends is not None:
            self.end_file(step.ends)
        elif time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            self.save()

    def end_file(self, target: str) -> None:
        """Give the complete file of records its name, and begin the next. Raises OSError."""
        self.checkpoint.finishing = os.path.abspath(target)
        self.save()
        self.part.close()
        finish_file(self.run, self.checkpoint)
        self.part = open_at(self.run.part, 0)

    def save(self) -> None:
        """Write the files to disk, then save the checkpoint. Raises OSError."""
        for file in (self.part, self.errors):
            file.flush()
            os.fsync(file.fileno())
        self.run.save(self.checkpoint)
        self.saved = time.monotonic()

    def close(self) -> None:
        """Close the files, without a checkpoint."""
        for file in (self.part, self.errors):
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
        target.parent.mkdir(parents=True, exist_ok=True)
        ending = output_ending(target.name) or ""
        output_format_of(ending).finish(run.part, target, ending)
    vars(checkpoint).update(finishing=None, written=0)
    # save before the next part exists: it would be taken for this one
    run.save(checkpoint)


def open_at(path: Path, size: int) -> BinaryIO:
    """Open a file to append to, and truncate it to ``size`` bytes. Raises OSError."""
    path.touch()
    file = open(path, "r+b")  # noqa: SIM115 - the caller closes it
    file.truncate(size)
    file.seek(size)
    return file
