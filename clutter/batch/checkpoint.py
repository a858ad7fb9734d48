"""How far a run is, on disk: so that one that was interrupted can go on.

Cleaning a million pages takes hours, and in hours something happens: a terminal closes, a
disk fills up, one page in a million kills the process that reads it. So a run keeps a small
folder, ``NAME.unfinished``, with a list of the files to read, made once, the output so far,
and a checkpoint that says how far both are. The checkpoint is replaced as a whole, after what
it speaks of is on disk: whoever begins again cuts the output where it says, goes on there,
and ends with the bytes that an undisturbed run ends with.
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
    """How far a run is: where its next step begins (``offset`` in the list of files, ``record``
    in the file that is there), the bytes it has written to the unfinished output and to the
    errors, and the counts; and which run it is, on ``total`` bytes of input, of which ``read``
    are behind, ``done`` of them in files that are read to their end. ``finishing`` is the file
    that is being given its name, and the run is ``complete`` when all steps are done;
    ``counting`` is the first of two passes, which counts lines by site."""

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
    """Where a run writes: its output, the errors, and the folder of what is unfinished, with the
    ``part`` of the output so far, the ``listing`` of files to read and the ``checkpoint``."""

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
        """Keep a second run out, where the system can. What is left of the folder when the run
        ends is kept only if there is a checkpoint in it."""
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
                        with contextlib.suppress(OSError):  # where something is in it
                            self.output.path.rmdir()

    def load(self, settings: dict[str, Any]) -> Checkpoint | None:
        """The checkpoint of the run that was interrupted here, if one was. Raises BatchError
        where it was another run, or where its files are damaged."""
        try:
            saved = json.loads(self.checkpoint.read_bytes())
            before = saved["settings"]
            other = [key for key in settings if before.get(key) != settings[key]]
            if not other:
                checkpoint = Checkpoint(**saved)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BatchError(f"{self.checkpoint}: damaged ({error}); delete {self.work}") from None
        if other:
            raise BatchError(
                f"{self.output.path}: a run with other settings ({', '.join(other)}) was broken "
                f"off here; give its command again to finish it, or delete {self.work}"
            )
        if checkpoint.finishing is None:
            sizes = ((self.part, checkpoint.written), (self.errors, checkpoint.errors))
            for path, size in sizes:
                if size > (path.stat().st_size if path.exists() else 0):
                    raise BatchError(f"{path}: shorter than it was; delete {self.work}")
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in the place of the one before. Raises OSError."""
        with replacing(self.checkpoint) as file:
            file.write(json.dumps(asdict(checkpoint)).encode())

    def files(self, offset: int = 0) -> Iterator[tuple[InputFile, int]]:
        """The files to read from an offset of the list on, each with the offset behind it."""
        with open(self.listing, "rb") as stream:
            stream.seek(offset)
            for line in stream:
                offset += len(line)
                yield InputFile(*json.loads(line)), offset


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
