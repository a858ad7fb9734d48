"""The checkpoint of a run on disk, which lets an interrupted run continue.

Cleaning a million pages takes hours, and much can happen in hours: a terminal closes, a disk
fills up, one page in a million kills the process that reads it. So a run keeps a small folder,
``NAME.unfinished``. It holds the list of files to read (written once), the output so far, and a
checkpoint: how many files are read and how many bytes are written. The checkpoint is replaced
atomically, and only after the output that it counts is on disk. A run that continues truncates
the output to the checkpoint and continues there. It writes the same bytes as an undisturbed
run. That holds only if the input is the same too, so the list also has the size, the time of
change and the identity of each file, and a run does not continue if one of them is another.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clutter.errors import BatchError
from clutter.files import is_taken, lock_file, replacing
from clutter.formats import output_name
from clutter.plan import InputFile, Output, real_place, work_folder
from clutter.text import printable

Stamp = list[int]
"""Of a file: its size in bytes, the time of its last change in nanoseconds, and its number on its
disk. A file that has changed or was replaced has another stamp."""

NEW, SAME, KEPT = "new", "same", "kept"
"""What a run does with a file of the input: clean it; nothing, since its output is there; clean it,
but keep the file of somebody else that is in the place of its output."""


def stamp_of(path: str | os.PathLike[str]) -> Stamp:
    """The stamp of a file. Raises OSError."""
    state = os.stat(path)
    return [state.st_size, state.st_mtime_ns, state.st_ino]


class Listed(NamedTuple):
    """A file in the list of a run: the file, its stamp, and one of ``NEW``, ``SAME``, ``KEPT``."""

    file: InputFile
    stamp: Stamp
    state: str = NEW

    @property
    def row(self) -> bytes:
        """This entry as a line of the list."""
        file = self.file
        row = [file.path, file.name, file.place, self.stamp, self.state, file.kind]
        return json.dumps(row).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Listed:
        """The entry of a line of the list."""
        path, name, place, stamp, state, kind = json.loads(line)
        return cls(InputFile(path, name, place, stamp[0], kind), stamp, state)


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
    - ``journal``: bytes of the journal (manifest.py).
    - ``finishing``: the output file that is complete and about to get its final name; ``source``:
      the path and the stamp of the input file that it comes from, in an output folder.
    - ``failed``: whether a record of the file of records that is now read has failed.
    - ``complete``: whether all steps are done.
    - ``key``: what the output depends on besides its input file, as a hash.
    - ``unneeded``: whether the output is there already, from an earlier run.
    - ``unchanged``: the files of the input whose output is there already: pages, and others.
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
    journal: int = 0
    finishing: str | None = None
    source: list[Any] | None = None
    failed: bool = False
    complete: bool = False
    key: str = ""
    unneeded: bool = False
    unchanged: list[int] = field(default_factory=lambda: [0, 0])
    counts: dict[str, int] = field(default_factory=dict)


class RunDirectory:
    """The files that a run writes: the output, the ``errors`` file, and the folder ``work`` with
    the output so far (``part``), the list of files to read (``listing``) and the
    ``checkpoint``. Beside the output, or in ``.clutter`` in an output folder, is what remains of a
    run: the ``manifest``, and the ``journal`` of an output folder (manifest.py)."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.existed = output.path.exists()
        real = real_place(output.path)
        self.work = work_folder(output.path, output.is_folder)
        self.errors = output.path.parent / (real.name + ".errors.jsonl")
        self.part = self.work / "part"
        self.listing = self.work / "files"
        self.checkpoint = self.work / "state.json"
        hidden = real / ".clutter" if output.is_folder else real.with_name(f".{real.name}.clutter")
        self.manifest = hidden / "manifest" if output.is_folder else hidden
        self.journal = hidden / "journal" if output.is_folder else self.work / "journal"

        self._target, self._shown = printable(str(output.path)), printable(str(self.work))

    def name_of(self, file: InputFile) -> str:
        """The path of the output of an input file below the output folder."""
        return output_name(file.place, self.output.suffix, file.kind)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder of the run, if the system has file locks. At the end, the folder is
        deleted unless it holds a checkpoint. Raises BatchError if another run has the lock, or if
        there is a file or a folder with this name that no run has made."""
        lock = self.work / "lock"
        # a run begins with its lock, which is empty
        is_of_run = self.checkpoint.exists() or (lock.is_file() and not is_taken(lock))
        if not is_of_run and os.path.lexists(self.work) and not _is_empty_folder(self.work):
            raise BatchError(
                f"{self._shown}: no run has made it, and a run to {self._target} needs this name; "
                "rename it, or write to another place"
            )
        self.work.mkdir(parents=True, exist_ok=True)
        with open(lock, "wb") as file:
            try:
                lock_file(file.fileno())
            except OSError:
                raise BatchError(f"{self._target}: another run is writing it") from None
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
            raise BatchError(
                f"{printable(str(self.checkpoint))}: damaged ({error}); delete {self._shown}"
            ) from None
        if changed:
            raise BatchError(
                f"{self._target}: a run with other settings ({', '.join(changed)}) was "
                f"interrupted here; give its command again to finish it, or delete {self._shown}"
            )
        if checkpoint.complete:
            return checkpoint
        if checkpoint.finishing is None:
            sizes = [(self.part, checkpoint.written), (self.errors, checkpoint.errors)]
            sizes.append((self.journal, checkpoint.journal))
            for path, size in sizes:
                if size > (path.stat().st_size if path.exists() else 0):
                    raise BatchError(
                        f"{printable(str(path))}: shorter than it was; delete {self._shown}"
                    )
        self._check_input()
        return checkpoint

    def _check_input(self) -> None:
        """Raises BatchError if a file of the input is not the one that was listed."""
        for listed, _ in self.files():
            try:
                change = "" if stamp_of(listed.file.path) == listed.stamp else "has changed"
            except OSError as error:
                change = f"cannot be read ({error.strerror})"
            if change:
                raise BatchError(
                    f"{printable(listed.file.name)}: {change} since the interrupted run began; "
                    f"put it back, or delete {self._shown} to begin again"
                )

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the saved checkpoint. Raises OSError."""
        with replacing(self.checkpoint) as file:
            file.write(json.dumps(asdict(checkpoint)).encode())

    def files(self, offset: int = 0) -> Iterator[tuple[Listed, int]]:
        """The files to read, from a byte offset in the list on, each with the offset after it."""
        with open(self.listing, "rb") as stream:
            stream.seek(offset)
            for line in stream:
                offset += len(line)
                yield Listed.of(line), offset


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
