"""The processes that clean: what they are handed, what they give back, and how they end.

Parsing, labelling and packing the output are the work, so all of it is done here, many
tasks at a time; the process in charge (batch.py) reads and appends. Processes die: with
the one in charge, which may be killed, or by a page that breaks a parser. The first must
leave no orphans behind, the second must cost no page but that one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from threadpoolctl import ThreadpoolController

from clutter import output, records
from clutter.cleaning import Cleaned, Cleaning, clean_many, count, text_of
from clutter.cleaning import record as clean_record
from clutter.repeats import Repeats, page_keys
from clutter.repeats import load as load_repeats


@dataclass(frozen=True)
class Task:
    """Some records to clean, for another process: ``raw`` as records.py read them from the file
    ``name``, the first of them number ``first``. Their output has the form ``form``; without
    one they are text, for the files ``targets``. ``repeats`` is the folder of what is known of
    their sites, where that was counted."""

    kind: str
    name: str
    raw: Any
    first: int
    form: str | None
    targets: tuple[str, ...] = ()
    repeats: str | None = None


@dataclass(frozen=True)
class Done:
    """What came of a task: a piece of the output, records that failed, and the counts."""

    piece: bytes = b""
    errors: tuple[dict[str, Any], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


class Step(Protocol):
    """What a run does at a time: a task, or nothing to clean."""

    @property
    def task(self) -> Task | None: ...


AHEAD = 8
"""Steps that are under way besides four a process: while one takes long, the others have work."""

S = TypeVar("S", bound=Step)
R = TypeVar("R")


class WorkersError(RuntimeError):
    """Other processes cannot be started."""


Work = Callable[[Task, Cleaning, str], Done]
"""``clean`` or ``count_lines``: what is done to a task. The last argument is a folder for what is
not written in full yet, on the disk of the output."""


def in_turn(
    steps: Iterator[S], function: Work, how: Cleaning, work: str
) -> Generator[tuple[S, Done]]:
    """The results of steps, in order, by this process."""
    threads = ThreadpoolController()
    for step in steps:
        with threads.limit(limits=1):
            result = function(step.task, how, work) if step.task else Done()
        yield step, result


def in_processes(
    steps: Iterator[S], function: Work, how: Cleaning, work: str, jobs: int
) -> Generator[tuple[S, Done]]:
    """The results of steps, in order, from ``jobs`` other processes. A step that kills its
    process is halved until it is known which record does it. Raises WorkersError."""
    ahead: deque[tuple[S, Future[Done] | None]] = deque()
    pool = _Pool(jobs)

    def submit(step: S) -> Future[Done] | None:
        return None if step.task is None else pool.submit(function, step.task, how, work)

    try:
        while True:
            while len(ahead) < 4 * jobs + AHEAD and (step := next(steps, None)) is not None:
                ahead.append((step, submit(step)))
            if not ahead:
                return
            step, future = ahead.popleft()
            try:
                result = Done() if future is None else future.result()
            except _DEATH:
                assert step.task is not None
                pool.end()
                result = _alone(step.task, function, how, work)
                pool = _Pool(jobs)
                ahead = deque([(later, submit(later)) for later, _ in ahead])
            yield step, result
    finally:
        pool.end()


_DEATH = (BrokenProcessPool, MemoryError)
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class _Pool:
    """Some processes, started as they are needed; each uses one processor."""

    def __init__(self, jobs: int) -> None:
        # not forked: libraries that run threads of their own do not survive that
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, context, _begin)
        self._ready = self.submit(os.getpid)

    def submit(self, function: Callable[..., R], *args: Any) -> Future[R]:
        before = {name: os.environ.get(name) for name in _THREADS}
        masked = None
        try:
            # what a process that is started now inherits; ^C is not for it
            os.environ |= dict.fromkeys(_THREADS, "1")
            if hasattr(signal, "pthread_sigmask"):
                masked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            return self._pool.submit(function, *args)
        except BrokenProcessPool as error:  # known already of a task before this one
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
        """End the processes. Raises WorkersError where none had begun in the first place."""
        self._pool.shutdown(cancel_futures=True)
        if self._ready.done() and not self._ready.cancelled() and self._ready.exception():
            raise WorkersError(
                "no process can be started to clean pages; one job does without, and in a script "
                'the call belongs below if __name__ == "__main__"'
            )


def _begin() -> None:
    """End with the process in charge, even where that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alone(task: Task, function: Work, how: Cleaning, work: str) -> Done:
    """The result of a task that may kill its process."""
    pool = _Pool(1)
    try:
        return pool.submit(function, task, how, work).result()
    except _DEATH:
        pass
    finally:
        pool.end()
    parts = _halves(task)
    if parts:
        return _joined([_alone(part, function, how, work) for part in parts])
    failure = _failure(task, 0, "it killed the process that cleaned it", {})
    return Done(errors=(failure,), counts={"errors": 1})


def _halves(task: Task) -> list[Task]:
    """A task in two; nothing where it is a single record."""
    rows = records.batch(task.raw) if task.kind == "parquet" else task.raw
    half = len(rows) // 2
    if not half:
        return []
    parts = [rows[:half], rows[half:]]
    if task.kind == "parquet":
        parts = [records.stream(part) for part in parts]
    return [
        replace(task, raw=parts[0], targets=task.targets[:half]),
        replace(task, raw=parts[1], targets=task.targets[half:], first=task.first + half),
    ]


def _joined(results: Sequence[Done]) -> Done:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    errors = tuple(error for result in results for error in result.errors)
    return Done(b"".join([result.piece for result in results]), errors, dict(counts))


def count_lines(task: Task, how: Cleaning, work: str) -> Done:
    """The keys of the lines of a task's records, for repeats.py."""
    if task.kind == "parquet":
        from clutter.arrow import contents

        pages = contents(records.batch(task.raw), how)
    else:
        pages = [record.content for record in records.records(task.kind, task.raw, how)]
    texts = [text_of(page, how) for page in pages]
    keys = page_keys(texts, [page.site for page in pages])
    return Done(keys.tobytes(), counts={"pages": len(pages)})


def clean(task: Task, how: Cleaning, work: str) -> Done:
    """Clean the records of a task."""
    if task.kind == "parquet":
        return _clean_table(task, how)
    found = records.records(task.kind, task.raw, how)
    cleaned = clean_many([record.content for record in found], how, _repeats(task))
    results = [record.error or one for record, one in zip(found, cleaned, strict=True)]
    failed = [
        _failure(task, i, one, found[i].fields)
        for i, one in enumerate(results)
        if isinstance(one, str)
    ]
    piece = b""
    if task.form is None:
        for target, one in zip(task.targets, results, strict=True):
            if isinstance(one, Cleaned):
                _write_text(Path(target), one, how, work)
    else:
        rows = [
            clean_record(found[i].fields, one, how)
            for i, one in enumerate(results)
            if isinstance(one, Cleaned)
        ]
        piece = output.encode(rows, task.form)
    return Done(piece, tuple(failed), dict(count(results)))


def _clean_table(task: Task, how: Cleaning) -> Done:
    import pyarrow as pa

    from clutter.arrow import clean_batch

    assert task.form is not None
    batch, counts = clean_batch(records.batch(task.raw), how, _repeats(task))
    reasons = batch.column("error").to_pylist()
    named = [name for name in ("id", "url") if batch.schema.names.count(name) == 1]
    fields = batch.select(named).to_pylist()
    failed = [
        _failure(task, i, reason, fields[i] if named else {})
        for i, reason in enumerate(reasons)
        if reason is not None
    ]
    good = batch.filter(pa.array([reason is None for reason in reasons])).drop_columns(["error"])
    return Done(output.encode(good, task.form), tuple(failed), dict(counts))


def _repeats(task: Task) -> Repeats | None:
    return None if task.repeats is None else load_repeats(task.repeats)


def _failure(task: Task, i: int, reason: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the errors file says of a record: where it stands, what names it, what is wrong."""
    if task.kind == "page":
        return {"file": task.raw[i][1][1], "error": reason}
    number = task.first + i if task.kind == "parquet" else task.raw[i][0]
    names = {key: fields[key] for key in ("id", "url") if key in fields}
    return {"file": task.name, "record": number + 1, **names, "error": reason}


def _write_text(target: Path, one: Cleaned, how: Cleaning, work: str) -> None:
    """Write a page's clean text, whole or not at all, by way of the folder of what is
    unfinished, so that nothing else is left where a run is killed."""
    partial = Path(work, f"text-{os.getpid()}")
    # escaped: the rare character that an encoding reads but cannot write
    partial.write_bytes(one.file.encode(how.encoding or "utf-8", "backslashreplace"))
    try:
        partial.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
