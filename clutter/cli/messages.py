"""What a command says to the person who runs it, and how it writes to the terminal.

Output is for programs and messages are for people: messages go to standard error, and a line
of mere information only where somebody is there to read it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator


def inform(message: str) -> None:
    """What a long run says of itself, wherever that is read."""
    print(message, file=sys.stderr)


def hint(message: str) -> None:
    """A line for the person at the terminal; nothing where there is none."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr)


def complain(message: str) -> int:
    """Say what is wrong, in one line, and give the exit status for it."""
    print(f"clutter: {message}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def logged(*, timed: bool) -> Iterator[None]:
    """What the library logs goes to standard error, with the seconds since the start where it is
    ``timed``."""
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
    """Write to standard output, all of it: where PYTHONUNBUFFERED is set, one ``write``
    may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def empty_stdout() -> None:
    """Write what is left in the buffer, or, where that fails, drop it: the flush at exit
    would fail again, with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
