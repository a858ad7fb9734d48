"""The worker processes that clean: starting them, giving them steps in order, surviving a page.

A page may crash a parser, hold it for ever or take all memory. So every page is cleaned in a
worker process, also with one job, and one page has a limit of time and memory. If a worker ends
or is ended, the pages of its task are cleaned one by one, and only the page that does it is lost.
The main process may be killed; then the workers end too.

A thread of the main process serves each worker: it sends a task, waits for the result, and kills
the worker when the time is over. The time is measured outside the worker, because a loop in C
stops every clock inside it.

Where that is safe, the workers are copies of the main process: they start at once, and the system
keeps the model and the libraries in memory once for all of them. A worker that has ended is
replaced by a new Python, which loads its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import BinaryIO, Protocol, TypeVar, cast

from clutter.batch.tasks import Result, Task, Work, joined, part_of
from clutter.cleaning import load_model
from clutter.errors import WorkersError
from clutter.options import CleanOptions

AHEAD = 8
"""Steps in progress, in addition to four per process. While one step takes long, the other
processes have work."""

MEMORY = 4_000_000_000
"""Bytes that a worker may take, where the system can limit them (Linux). The longest page that is
read, 20 MB, takes less."""

SECONDS_PER_PAGE = 0.25
"""Seconds that a task may take for each page but the first, which has the limit of a page."""

TICK_SECONDS = 0.25
"""Seconds between two calls of ``tick`` while a result is awaited."""


class HasTask(Protocol):
    """A step: it has a task, or None if there is nothing to clean."""

    @property
    def task(self) -> Task | None: ...


S = TypeVar("S", bound=HasTask)


class Workers:
    """The worker processes of a run, ``jobs`` at most.

    ``folder`` is for files that are not yet complete. ``page_timeout`` is in seconds, 0 for no
    limit. With ``fork`` they are copies of this process, if that is safe. Otherwise new processes
    are started when they are needed, each of which takes the time of fifty pages and the memory of
    a model. End them with ``end``.
    """

    def __init__(
        self,
        options: CleanOptions,
        folder: str,
        jobs: int,
        page_timeout: float,
        *,
        fork: bool = False,
    ) -> None:
        self._options, self._folder = options, folder
        self._jobs, self._page_timeout = jobs, page_timeout
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._is_ended = False
        # the threads of other libraries do not survive a fork, so only before there are any
        if fork and sys.platform == "linux" and threading.active_count() == 1:
            load = _load_all if jobs > 1 else load_model
            load(options)
            self._idle = [_Worker(_forked()) for _ in range(jobs)]
            self._all.update(self._idle)
        self._threads = ThreadPoolExecutor(jobs)

    def results(
        self, steps: Iterator[S], work: Work, tick: Callable[[int], None] = lambda pages: None
    ) -> Generator[tuple[S, Result]]:
        """Each step and its result, in order. While a result is awaited, ``tick`` is called with
        the number of pages whose results are there but not yet given. A result that is there is
        given before another step is taken, which may be long in coming.

        Raises WorkersError if no process can be started, and the errors of ``work``.
        """
        ahead: deque[tuple[S, Future[Result] | None]] = deque()
        while True:
            while (
                len(ahead) < 4 * self._jobs + AHEAD
                and not (ahead and _is_there(ahead[0][1]))
                and (step := next(steps, None)) is not None
            ):
                task = step.task
                future = None if task is None else self._threads.submit(self._result, work, task)
                ahead.append((step, future))
            if not ahead:
                return
            step, future = ahead.popleft()
            while future is not None and not wait([future], TICK_SECONDS).done:
                tick(sum(_pages(later) for _, later in ahead if later is not None))
            yield step, Result() if future is None else future.result()

    def end(self) -> None:
        """End the processes at once. What they have not yet given back is lost."""
        with self._lock:
            self._is_ended = True
            for worker in self._all:
                worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.close()

    def _result(self, work: Work, task: Task) -> Result:
        """The result of a task. If it kills its process, that of its pages one by one."""
        try:
            return self._ask(work, task)
        except _Death:
            parts = [self._alone(part_of(work), single) for single in _singles(task)]
            return joined(task, parts)

    def _alone(self, work: Work, single: Task) -> Result:
        """The result of a task of one page. The page fails if a new process ends with it."""
        try:
            return self._ask(work, single)
        except _Death as death:
            if not death.is_certain:  # it may come from the pages before
                try:
                    return self._ask(work, single)
                except _Death as again:
                    death = again
            failure = single.format.failure(single.name, single.chunk, 0, death.reason)
            return Result(errors=(failure,), counts={"errors": 1})

    def _ask(self, work: Work, task: Task) -> Result:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = self._started()
        limit = 0.0
        if self._page_timeout:
            further = max(len(task.targets), min(task.chunk.count, 1000)) - 1
            limit = self._page_timeout + further * min(SECONDS_PER_PAGE, self._page_timeout)
        try:
            answer = worker.ask((limit, work, task, self._options, self._folder), limit)
        except EOFError:
            reason, is_certain = "it killed the process that cleaned it", worker.asked == 1
            if worker.is_over_time:
                seconds = f"{self._page_timeout:g} second{'s' * (self._page_timeout != 1)}"
                reason, is_certain = f"it takes more than {seconds}; page-timeout changes it", True
            self._discard(worker)
            raise _Death(reason, is_certain) from None
        if isinstance(answer, MemoryError):
            is_certain = worker.asked == 1
            self._discard(worker)
            raise _Death("it takes too much memory", is_certain)
        if worker.is_over_time:  # the answer came in the last moment
            self._discard(worker)
        else:
            with self._lock:
                self._idle.append(worker)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _started(self) -> _Worker:
        worker = _Worker(_new_process(self._options))
        with self._lock:
            if self._is_ended:
                worker.kill()
            self._all.add(worker)
        try:
            error = worker.read()
        except EOFError:
            self._discard(worker)
            raise WorkersError(
                "no process can be started to clean pages; is memory free, and does "
                f"{sys.executable} start?"
            ) from None
        if isinstance(error, BaseException):
            raise error
        return worker

    def _discard(self, worker: _Worker) -> None:
        with self._lock:
            if self._is_ended:
                raise WorkersError("the run is ended")
            self._all.discard(worker)
        worker.kill()
        worker.close()


class _Death(Exception):
    """A worker ended with a task. ``reason`` is for the errors file if the task is one page;
    ``is_certain`` says whether only this task can be the cause."""

    def __init__(self, reason: str, is_certain: bool) -> None:
        super().__init__(reason)
        self.reason, self.is_certain = reason, is_certain


class _Process(Protocol):
    """What is used of ``subprocess.Popen``."""

    def kill(self) -> None: ...

    def wait(self) -> int: ...


class _Worker:
    """A worker process, and the pipes to and from it. ``asked`` is the number of its tasks."""

    def __init__(self, parts: tuple[_Process, BinaryIO, BinaryIO]) -> None:
        self._process, self._tasks, self._results = parts
        self.asked = 0
        self.is_over_time = False
        self._lock = threading.Lock()
        self._is_busy = False

    def ask(self, task: tuple[object, ...], limit: float) -> Result | BaseException:
        """The answer to a task; after ``limit`` seconds (0: none) the process is killed. Raises
        EOFError if the process ends."""
        self.asked += 1
        self._is_busy = True
        timer = threading.Timer(limit, self._end_over_time) if limit else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            pickle.dump(task, self._tasks, pickle.HIGHEST_PROTOCOL)
            self._tasks.flush()
            answer: Result | BaseException = self.read()
            return answer
        except BrokenPipeError:
            raise EOFError from None
        finally:
            if timer is not None:
                timer.cancel()
            with self._lock:  # a timer that has begun must not end the next task
                self._is_busy = False

    def read(self) -> Result | BaseException:
        """The next answer. Raises EOFError if the process ends."""
        try:
            answer: Result | BaseException = pickle.load(self._results)
            return answer
        except pickle.UnpicklingError:  # it ended within an answer
            raise EOFError from None

    def _end_over_time(self) -> None:
        with self._lock:
            if self._is_busy:
                self.is_over_time = True
                self.kill()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(OSError):  # it has ended
            self._process.kill()

    def close(self) -> None:
        """Wait for the end of a killed process, and close its pipes."""
        self._process.wait()
        for file in (self._tasks, self._results):
            with contextlib.suppress(OSError):  # a pipe without a reader
                file.close()


_START = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from clutter.batch.workers import serve_standard_streams
serve_standard_streams()"""
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def _new_process(options: CleanOptions) -> tuple[_Process, BinaryIO, BinaryIO]:
    """Start a new Python. Unlike multiprocessing, it does not read the user's program again."""
    flags = ["-X", "utf8"] if sys.flags.utf8_mode else []
    masked = None
    if hasattr(signal, "pthread_sigmask"):  # it inherits the block of ^C
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", *flags, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(_THREADS, "1")},
        )
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    tasks, results = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    with contextlib.suppress(BrokenPipeError):  # its answer will be missing
        pickle.dump(sys.path, tasks)
        pickle.dump(options, tasks)
        tasks.flush()
    return process, tasks, results


class _Copy:
    """A process that was made by a fork."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_over = False

    def kill(self) -> None:
        if not self._is_over:
            os.kill(self._number, signal.SIGKILL)

    def wait(self) -> int:
        if self._is_over:
            return 0
        self._is_over = True
        return os.waitpid(self._number, 0)[1]


def _forked() -> tuple[_Process, BinaryIO, BinaryIO]:
    """Make a copy of this process serve tasks."""
    tasks, send = os.pipe()
    receive, results = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    number = os.fork()
    if number:
        os.close(tasks)
        os.close(results)
        return _Copy(number), os.fdopen(send, "wb"), os.fdopen(receive, "rb")
    try:
        gc.freeze()  # a collection would write to all objects, and so copy their memory
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # the lock of the run would stay closed after the death of the main process
        for name in os.listdir("/proc/self/fd"):
            if int(name) not in (0, 1, 2, tasks, results):
                with contextlib.suppress(OSError):  # the folder that is listed
                    os.close(int(name))
        _serve(os.fdopen(tasks, "rb"), os.fdopen(results, "wb"))
    finally:
        os._exit(1)


def serve_standard_streams() -> None:
    """Serve the main process through standard input and output, as a worker. First load what
    every page needs, and answer None, or the error."""
    tasks = sys.stdin.buffer
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for libraries that print
    options = pickle.load(tasks)
    try:
        _load_all(options)
        _answer(results, None)
    except Exception as error:
        _answer(results, error)
    _serve(tasks, results)


def _load_all(options: CleanOptions) -> None:
    """Load what cleaning may need. Raises ModelError, OSError."""
    load_model(options)
    with contextlib.suppress(ImportError):  # an optional library
        import clutter.html.lines  # noqa: F401


def _serve(tasks: BinaryIO, results: BinaryIO) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory()
    waiting: queue.SimpleQueue[tuple[float, Work, Task, CleanOptions, str]] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                waiting.put(pickle.load(tasks))
            except BaseException:  # the main process has ended, or there is no memory
                os._exit(1)

    threading.Thread(target=receive, daemon=True).start()
    while True:
        limit, work, task, options, folder = waiting.get()
        if limit and hasattr(signal, "alarm"):
            # if the main process is killed, nobody else ends a loop in C
            signal.alarm(int(limit) + 10)
        try:
            answer: object = work(task, options, folder)
        except Exception as error:
            answer = error
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        _answer(results, answer)


def _answer(results: BinaryIO, answer: object) -> None:
    try:
        data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except MemoryError as error:
        data = pickle.dumps(error)
    except Exception:  # an error of a library that cannot be sent
        data = pickle.dumps(RuntimeError(f"{type(answer).__name__}: {answer}"))
    try:
        results.write(data)
        results.flush()
    except OSError:  # the main process has ended
        os._exit(1)


def _limit_memory() -> None:
    """Limit the memory of this process: an allocation beyond it fails. Address space that is only
    reserved, as Arrow does, does not count. Only on Linux."""
    if sys.platform == "linux":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _singles(task: Task) -> list[Task]:
    """The tasks of the single records of a task."""
    chunks = task.format.halves(task.chunk)
    if not chunks:
        return [task]
    half = len(chunks[0].raw) if task.targets else 0
    targets = (task.targets[:half], task.targets[half:])
    halves = [
        replace(task, chunk=chunk, targets=part)
        for chunk, part in zip(chunks, targets, strict=True)
    ]
    return [single for part in halves for single in _singles(part)]


def _is_there(future: Future[Result] | None) -> bool:
    """Whether a result is there, or none is needed."""
    return future is None or future.done()


def _pages(future: Future[Result]) -> int:
    """The pages of a result, 0 if it is not there."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return 0
    return future.result().counts.get("pages", 0)
