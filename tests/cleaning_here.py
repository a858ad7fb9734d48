"""Cleaning in the process of the tests, in place of worker processes.

For tests that interrupt a run at each of its points: what they are about is done by the main
process, and a new process for each of hundreds of runs would take most of their time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

from clutter.batch.tasks import Result, Work
from clutter.batch.workers import AHEAD, S
from clutter.options import CleanOptions


class Here:
    """Has the methods of ``clutter.batch.workers.Workers``, and like them it is ahead: pages are
    cleaned, and their files written, before the results of earlier pages are taken."""

    def __init__(self, options: CleanOptions, folder: str, jobs: int, *args: Any, **how: Any):
        self._options, self._folder = options, folder
        self._ahead = 4 * jobs + AHEAD

    def results(
        self, steps: Iterator[S], work: Work, tick: Callable[[int], None] = lambda pages: None
    ) -> Generator[tuple[S, Result]]:
        """Each step and its result, in order."""
        ahead: deque[tuple[S, Result]] = deque()
        for step in steps:
            task = step.task
            result = Result() if task is None else work(task, self._options, self._folder)
            ahead.append((step, result))
            if len(ahead) == self._ahead:
                yield ahead.popleft()
        yield from ahead

    def end(self) -> None:
        """There are no processes to end."""
