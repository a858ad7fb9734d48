"""The worker processes that clean: starting them, giving them steps in order, surviving a crash.

The main process may be killed; then the workers must end too. A page may crash a parser and kill a
worker; then only that page may be lost.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from clutter.batch.tasks import Result, Task, Work
from clutter.errors import WorkersError
from clutter.options import CleanOptions

AHEAD = 8
"""Steps in progress, in addition to four per process. While one step takes long, the other
processes have work."""


class HasTask(Protocol):
    """A step: it has a task, or None if there is nothing to clean."""

    @property
    def task(self) -> Task | None: ...


S = TypeVar("S", bound=HasTask)
R = TypeVar("R")


def run_serial(
    steps: Iterator[S], work: Work, options: CleanOptions, folder: str
) -> Generator[tuple[S, Result]]:
    """Each step and its result, in order, computed in this process."""
    for step in steps:
        yield step, work(step.task, options, folder) if step.task else Result()


def run_parallel(
    steps: Iterator[S], work: Work, options: CleanOptions, folder: str, jobs: int
) -> Generator[tuple[S, Result]]:
    """Each step and its result, in order, computed in ``jobs`` worker processes. A task that kills
    its process is halved until the record that does it is found. Raises WorkersError if no
    process can be started."""
    ahead: deque[tuple[S, Future[Result] | None]] = deque()
    pool = _Pool(jobs)

    def submit(step: S) -> Future[Result] | None:
        return None if step.task is None else pool.submit(work, step.task, options, folder)

    try:
        while True:
            while len(ahead) < 4 * jobs + AHEAD and (step := next(steps, None)) is not None:
                ahead.append((step, submit(step)))
            if not ahead:
                return
            step, future = ahead.popleft()
            try:
                result = Result() if future is None else future.result()
            except _DEATH:
                assert step.task is not None
                pool.end()
                result = _alone(step.task, work, options, folder)
                pool = _Pool(jobs)
                ahead = deque([(later, submit(later)) for later, _ in ahead])
            yield step, result
    finally:
        pool.end()


_DEATH = (BrokenProcessPool, MemoryError)
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class _Pool:
    """A pool of processes, started when they are needed. Each uses one processor."""

    def __init__(self, jobs: int) -> None:
        # spawn, not fork: libraries with their own threads do not survive a fork
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, context, _begin)
        self._ready = self.submit(os.getpid)

    def submit(self, function: Callable[..., R], *args: Any) -> Future[R]:
        """Call a function in one of the processes. A broken pool gives a future that raises
        BrokenProcessPool."""
        before = {name: os.environ.get(name) for name in _THREADS}
        masked = None
        try:
            # a process started here inherits these variables, and the block of ^C
            os.environ |= dict.fromkeys(_THREADS, "1")
            if hasattr(signal, "pthread_sigmask"):
                masked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            return self._pool.submit(function, *args)
        except BrokenProcessPool as error:  # an earlier task has killed a process
            future: Future[R] = Future()
            future.set_exception(error)
            return future
        finally:
            if masked is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def end(self) -> None:
        """End the processes. Raises WorkersError if none could be started at all."""
        self._pool.shutdown(cancel_futures=True)
        if self._ready.done() and not self._ready.cancelled() and self._ready.exception():
            raise WorkersError(
                "no process can be started to clean pages; use one job, or in a script put the "
                'call below if __name__ == "__main__"'
            )


def _begin() -> None:
    """Set up a worker: ignore ^C, and end when the main process ends, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alone(task: Task, work: Work, options: CleanOptions, folder: str) -> Result:
    """The result of a task that may kill its process; if it does, of its halves."""
    pool = _Pool(1)
    try:
        return pool.submit(work, task, options, folder).result()
    except _DEATH:
        pass
    finally:
        pool.end()
    parts = _halves(task)
    if parts:
        return _joined([_alone(part, work, options, folder) for part in parts])
    reason = "it killed the process that cleaned it"
    failure = task.format.failure(task.name, task.chunk, 0, reason)
    return Result(errors=(failure,), counts={"errors": 1})


def _halves(task: Task) -> list[Task]:
    """Split a task into two; an empty list if it has a single record."""
    chunks = task.format.halves(task.chunk)
    if not chunks:
        return []
    half = len(chunks[0].raw) if task.targets else 0
    targets = (task.targets[:half], task.targets[half:])
    return [
        replace(task, chunk=chunk, targets=part)
        for chunk, part in zip(chunks, targets, strict=True)
    ]


def _joined(results: Sequence[Result]) -> Result:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    errors = tuple(error for result in results for error in result.errors)
    return Result(b"".join([result.piece for result in results]), errors, dict(counts))
