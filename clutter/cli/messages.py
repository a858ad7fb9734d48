"""Messages to the user, and writing to standard output.

Output is for programs and goes to standard output. Messages are for people and go to standard
error; lines that are only informative are printed only if that is a terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator


def inform(message: str) -> None:
    """Print a message of a long run to standard error, terminal or not."""
    print(message, file=sys.stderr)


def hint(message: str) -> None:
    """Print a line to standard error if that is a terminal."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr)


def complain(message: str) -> int:
    """Print an error as one line and return its exit status, 2."""
    print(f"clutter: {message}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def logged(*, timed: bool) -> Iterator[None]:
    """Print the library's log messages to standard error; if ``timed``, with the seconds since
    the start."""
    import logging

    begun = time.monotonic()

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seconds = f"[{time.monotonic() - begun:5.0f} s] " if timed else ""
            print(f"{seconds}{record.getMessage()}", file=sys.stderr, flush=True)

    logger, handler = logging.getLogger("clutter"), Lines(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def write_out(data: bytes) -> None:
    """Write all of the data to standard output. With PYTHONUNBUFFERED set, one ``write`` may
    write only a part of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def empty_stdout() -> None:
    """Flush standard output. If that fails, drop the rest: the flush at exit would fail again,
    with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
