"""The model that learns while a person works.

After each page that was read, a model is tuned to all pages read so far, as ``clutter train
--base`` does it, and guesses the labels of the others anew. This takes seconds, so it is done by
another process, at a low priority. If a page is read meanwhile, the next model learns from it; a
request that waits is replaced by a newer one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from clutter.annotate.files import UNKNOWN, Guess
from clutter.annotate.project import Project
from clutter.errors import ClutterError, ModelError
from clutter.labelled import LabelledPage
from clutter.model import Model, load

MODEL_NAME = "model.safetensors"
"""The name of the tuned model in the folder of the labelled files."""

MAKER = "clutter annotate"
"""Models that are made here say so: no other file is overwritten."""


class Job(NamedTuple):
    """What is to be learned: the pages that are ``read``, the ``others``, which get new guesses, by
    name, the file of the ``base`` model (None: the shipped one), and the file to write. With
    ``forecast``, it is also measured how well pages that were not read are labelled."""

    read: list[LabelledPage]
    others: dict[str, LabelledPage]
    base: str | None
    output: Path
    forecast: bool = False


@dataclass(frozen=True)
class Learned:
    """What has been learned: new guesses of the lines and of the kind, by page. ``scores`` are
    those of the base ("base") and of tuned models ("tuned") on pages that they were not tuned
    to; empty if that was not measured. ``problem`` says why nothing was learned, or is ""."""

    guesses: dict[str, tuple[list[Guess], Guess]] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    problem: str = ""


def learn(job: Job) -> Learned:
    """Tune the base to the pages that were read, write the model, and guess the other pages.
    Without a page that was read, the base guesses. What goes wrong is the answer's ``problem``."""
    scores: dict[str, dict[str, float]] = {}
    try:
        model = load(job.base)
        if any(label not in ("", "?") for page in job.read for label in page.labels):
            from clutter.training.tune import tune  # scikit-learn: seconds

            check_output(job.output)
            model = tune(model, job.read, forecast=job.forecast)
            if job.forecast:
                scores = model.metadata["held_out_by_page"]
            model.metadata["made_by"] = MAKER
            model.save(job.output)
        return Learned({name: guess(model, page) for name, page in job.others.items()}, scores)
    except (ClutterError, OSError) as error:
        return Learned(problem=str(error))


def check_output(path: Path) -> None:
    """Raises ModelError if there is a model that was not made here, or a file that is none."""
    if path.exists() and Model.load(path).metadata.get("made_by") != MAKER:
        raise ModelError(
            f"{path}: is a model of your own; move it, or annotate into another folder"
        )


def guess(model: Model, page: LabelledPage) -> tuple[list[Guess], Guess]:
    """What a model says of every line of a page, and of its kind. The markup of its HTML is used if
    that has the same lines. Raises OSError, CorpusError, MissingLibraryError as
    ``corpus.from_html``."""
    from clutter.training.corpus import from_html

    cut = from_html(page)
    if cut is not None and cut[0].lines == page.lines:
        (answer,) = model.label_marked([page.text], [cut[1]])
    else:
        answer = model.label(page.text)
    guesses = [UNKNOWN] * len(page.lines)
    for line in answer.lines:
        guesses[line.number - 1] = (line.label, round(line.confidence, 2))
    return guesses, (answer.kind, round(answer.kind_confidence, 2))


class Worker:
    """Runs jobs in a process of its own, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Any = None
        self._connection: Connection | None = None
        self._is_closed = False

    def __call__(self, job: Job) -> Learned:
        try:
            connection = self._connected()
            connection.send(job)
            answer: Learned = connection.recv()
        except (EOFError, OSError):
            self._end()
            return Learned(
                problem="the process that learns has ended; the next page that is read starts it"
            )
        return answer

    def close(self) -> None:
        """End the process, whatever it does. Another thread may be waiting for it."""
        with self._lock:
            self._is_closed = True
        self._end()

    def _connected(self) -> Connection:
        """The connection to the process, which is started if there is none."""
        with self._lock:
            if self._is_closed:
                raise EOFError
            if self._connection is None:
                context = multiprocessing.get_context("spawn")
                self._connection, theirs = context.Pipe()
                self._process = context.Process(target=_work, args=(theirs,), daemon=True)
                self._process.start()
                theirs.close()
            return self._connection

    def _end(self) -> None:
        with self._lock:
            process, self._process, self._connection = self._process, None, None
        if process is not None:
            process.kill()


def _work(connection: Connection) -> None:
    """Answer jobs until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C in a terminal comes to all; close() ends this
    if hasattr(os, "nice"):
        os.nice(10)
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(learn(connection.recv()))


class Tuner:
    """Tunes the model of a project when it is asked to, and hands the guesses to the project.

    ``run`` does a job. ``is_learning`` is whether it is at work. ``round`` counts the answers;
    ``scores`` and ``problem`` are those of the last ones.
    """

    def __init__(
        self, project: Project, base: str | None, run: Callable[[Job], Learned] | None = None
    ) -> None:
        self._project, self._base = project, base
        self._run = run or Worker()
        self._wanted = threading.Condition()
        self._requests: list[bool] = []
        self._is_closed = False
        self.is_learning = False
        self.round = 0
        self.scores: dict[str, dict[str, float]] = {}
        self.problem = ""
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    @property
    def output(self) -> Path:
        """The file of the tuned model."""
        return self._project.folder / MODEL_NAME

    def request(self) -> None:
        """Learn from the pages as they are now. A request that waits is replaced."""
        self._put(forecast=False)

    def _put(self, *, forecast: bool) -> None:
        with self._wanted:
            self._requests = [forecast]
            self.is_learning = True
            self._wanted.notify()

    def close(self) -> None:
        """Stop, whatever it does."""
        with self._wanted:
            self._is_closed = True
            self._wanted.notify()
        if isinstance(self._run, Worker):
            self._run.close()

    def _loop(self) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._requests or self._is_closed)
                if self._is_closed:
                    return
                forecast = self._requests.pop()
            job = self._job(forecast)
            answer = self._run(job)
            if self._is_closed:
                return
            self._take(job, answer)

    def _job(self, forecast: bool) -> Job:
        with self._project.lock:
            pages = self._project.pages
            read = [page.labelled() for page in pages if page.is_read]
            others = {page.name: page.labelled() for page in pages if not page.is_read}
        return Job(read, others, self._base, self.output, forecast)

    def _take(self, job: Job, answer: Learned) -> None:
        self.problem = answer.problem
        try:
            self._project.take_guesses(answer.guesses)
        except (ClutterError, OSError) as error:
            self.problem = str(error)
        if job.forecast:
            self.scores = answer.scores
        self.round += 1
        with self._wanted:
            is_idle = not self._requests
            if is_idle and len(job.read) > 1 and not job.forecast and not self.problem:
                self._requests = [True]  # there is time to measure
            self.is_learning = bool(self._requests)
