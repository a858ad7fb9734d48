"""The checkpoint of a run on disk, which lets an interrupted run continue.

Cleaning a million pages takes hours, and much can happen in hours: a terminal closes, a disk
fills up, one page in a million kills the process that reads it. So a run keeps a small folder,
``NAME.unfinished``. It holds the list of files to read (written once), the output so far, and a
checkpoint: how many files are read and how many bytes are written. The checkpoint is replaced
atomically, and only after the output that it counts is on disk. A run that continues truncates
the output to the checkpoint and continues there. It writes the same bytes as an undisturbed
run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clutter.errors import BatchError
from clutter.files import replacing
from clutter.plan import InputFile, Output


@dataclass
class Checkpoint:
    """The state of a run.

    - ``settings``: what must be the same for the run to continue.
    - ``counting``: whether this is the first of two passes, which counts lines by site.
    - ``total``: bytes of input; ``read``: those read so far; ``done``: those in files that are
      read to the end.
    - ``offset``, ``record``: where the next step begins, as a byte offset in the list of files,
      and as the number of a record in the file listed there.
    - ``written``, ``errors``: bytes written to the unfinished output and to the errors file.
    - ``finishing``: the output file that is complete and about to get its final name.
    - ``complete``: whether all steps are done.
    - ``counts``: those of ``cleaning.count``.
    """

    settings: dict[str, Any]
    counting: bool = False
    total: int = 0
    offset: int = 0
    record: int = 0
    done: int = 0
    read: int = 0
    written: int = 0
    errors: int = 0
    finishing: str | None = None
    complete: bool = False
    counts: dict[str, int] = field(default_factory=dict)


class RunDirectory:
    """The files that a run writes: the output, the ``errors`` file, and the folder ``work`` with
    the output so far (``part``), the list of files to read (``listing``) and the
    ``checkpoint``."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.existed = output.path.exists()
        real = Path(os.path.realpath(output.path))
        self.work = real / ".unfinished" if output.is_folder else _beside(real, ".unfinished")
        self.errors = output.path.parent / (real.name + ".errors.jsonl")
        self.part = self.work / "part"
        self.listing = self.work / "files"
        self.checkpoint = self.work / "state.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder of the run, if the system has file locks. At the end, the folder is
        deleted unless it holds a checkpoint. Raises BatchError if another run has the lock."""
        self.work.mkdir(parents=True, exist_ok=True)
        with open(self.work / "lock", "wb") as file:
            with contextlib.suppress(ImportError):
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise BatchError(f"{self.output.path}: another run is writing it") from None
            try:
                yield
            finally:
                if not self.checkpoint.exists():
                    shutil.rmtree(self.work, ignore_errors=True)
                    if self.output.is_folder and not self.existed:
                        with contextlib.suppress(OSError):  # it is not empty
                            self.output.path.rmdir()

    def load(self, settings: dict[str, Any]) -> Checkpoint | None:
        """The checkpoint of an interrupted run, or None. Raises BatchError if that run had other
        settings, or if its files are damaged."""
        try:
            saved = json.loads(self.checkpoint.read_bytes())
            before = saved["settings"]
            changed = [key for key in settings if before.get(key) != settings[key]]
            if not changed:
                checkpoint = Checkpoint(**saved)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BatchError(f"{self.checkpoint}: damaged ({error}); delete {self.work}") from None
        if changed:
            raise BatchError(
                f"{self.output.path}: a run with other settings ({', '.join(changed)}) was "
                f"interrupted here; give its command again to finish it, or delete {self.work}"
            )
        if checkpoint.finishing is None:
            sizes = ((self.part, checkpoint.written), (self.errors, checkpoint.errors))
            for path, size in sizes:
                if size > (path.stat().st_size if path.exists() else 0):
                    raise BatchError(f"{path}: shorter than it was; delete {self.work}")
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the saved checkpoint. Raises OSError."""
        with replacing(self.checkpoint) as file:
            file.write(json.dumps(asdict(checkpoint)).encode())

    def files(self, offset: int = 0) -> Iterator[tuple[InputFile, int]]:
        """The files to read, from a byte offset in the list on, each with the offset after it."""
        with open(self.listing, "rb") as stream:
            stream.seek(offset)
            for line in stream:
                offset += len(line)
                yield InputFile(*json.loads(line)), offset


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
