"""Records to a pipe: the same work as a run, without files.

What comes from a pipe cannot be read again, and what is written to one cannot be taken back. So
there is no checkpoint here: records are given in the order of the input, each as soon as it is
clean. The pages are cleaned by the same worker processes as in a run, with the same limits: no page
ends the stream.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from clutter.batch.tasks import Result, Task, clean
from clutter.batch.workers import Workers
from clutter.cleaning import load_model
from clutter.formats.base import Chunk, Format
from clutter.options import CleanOptions

IDLE_SECONDS = 0.02
"""Seconds to wait for more of a pipe before results are asked for again."""

PIECES_AHEAD = 4
"""So many pieces of a pipe are read in advance."""


@dataclass(frozen=True)
class Step:
    """A chunk of a file to clean: its format, its name in messages, and the ``ending`` of the file
    of records that its records are written to."""

    format: Format
    name: str
    chunk: Chunk
    ending: str

    @property
    def task(self) -> Task | None:
        """The task of this step, None if the chunk is empty."""
        return Task(self.format, self.name, self.chunk, self.ending) if self.chunk.count else None

    @property
    def error(self) -> dict[str, Any] | None:
        """The entry of a file that cannot be read (further)."""
        return self.chunk.failure(self.name)


def results(
    steps: Iterator[Step], options: CleanOptions, *, jobs: int, page_timeout: float
) -> Generator[Result]:
    """The result of each step, in order, as soon as it is there. ``jobs`` and ``page_timeout`` are
    those of ``Workers``. The records of a result are encoded in its ``piece``.

    Raises ModelError, WorkersError, MissingLibraryError, OSError.
    """
    load_model(options)  # report a bad model at once
    workers = Workers(options, "", jobs, page_timeout, fork=True)
    try:
        for step, result in workers.results(steps, clean):
            if step.error is None:
                yield result
            else:
                counts = dict(Counter(result.counts) + Counter(errors=1))
                yield replace(result, errors=(*result.errors, step.error), counts=counts)
    finally:
        workers.end()


def read_ahead(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a pipe, which another thread reads, and b"" while none has come: a result that
    is there need not wait for what is read next. Raises what ``pieces`` raises."""
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(PIECES_AHEAD)
    is_over = threading.Event()

    def read() -> None:
        try:
            for piece in pieces:
                waiting.put(piece)
                if is_over.is_set():
                    return
            waiting.put(None)
        except BaseException as error:
            waiting.put(error)

    # a daemon: it may wait for a pipe that never ends
    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                piece = waiting.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield b""
                continue
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        is_over.set()
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
