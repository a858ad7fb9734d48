"""Messages to the user, and writing to standard output.

Output is for programs and goes to standard output. Messages are for people and go to standard
error; lines that are only informative are printed only if that is a terminal.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
import time
from collections.abc import Iterator

from clutter.text import printable

PIECE_BYTES = 1 << 18
"""Most bytes of standard input that are read at a time."""


def inform(message: str) -> None:
    """Print a message of a long run to standard error, terminal or not, as one line. If that cannot
    be written to, nobody reads it, and the command goes on."""
    with contextlib.suppress(OSError):
        print(printable(message), file=sys.stderr, flush=True)


def hint(message: str) -> None:
    """Print a line to standard error if that is a terminal."""
    if sys.stderr.isatty():
        inform(message)


def complain(message: str, *more: str) -> int:
    """Print an error, a line for each message, and return its exit status, 2."""
    inform(f"clutter: {message}")
    for line in more:
        inform(line)
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
            inform(f"{seconds}{record.getMessage()}")

    logger, handler = logging.getLogger("clutter"), Lines(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def naming(stream: str) -> Iterator[None]:
    """Errors of a standard stream get its name; they have none."""
    try:
        yield
    except OSError as error:
        error.filename = stream
        if error.errno == errno.EBADF:
            error.strerror = "closed"
        raise


def write_out(data: bytes) -> None:
    """Write all of the data to standard output. With PYTHONUNBUFFERED set, one ``write`` may
    write only a part of it."""
    rest = memoryview(data)
    with naming("standard output"):
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]


def pieces_in() -> Iterator[bytes]:
    """Standard input in pieces, each as soon as it comes. Raises OSError, also if it is closed."""
    with naming("standard input"):
        # not the buffer: it waits until it is full, and no other thread may read it at the exit
        source = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        while (data := source.read(PIECE_BYTES)) != b"":
            if data is not None:
                yield data
            else:  # the other end has made it not wait; it has not ended
                select.select([source], [], [])


def flush_out() -> None:
    """Flush standard output. Raises OSError."""
    with naming("standard output"):
        sys.stdout.flush()


def empty_stdout() -> None:
    """Flush standard output. If that fails, drop the rest: the flush at exit would fail again,
    with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_closed_streams() -> None:
    """Put something in the place of standard streams that are closed: input and output whose use
    is an error, and messages that go nowhere.

    Python sets such a stream to None, and the next file that is opened gets its number: then what
    any library writes to standard error is in the middle of that file.
    """
    if sys.stdin is None:
        sys.stdin = _opened(os.O_WRONLY, "r")
    if sys.stdout is None:
        sys.stdout = _opened(os.O_RDONLY, "w")
    if sys.stderr is None:
        sys.stderr = _opened(os.O_WRONLY, "w")


def _opened(flags: int, mode: str) -> io.TextIOWrapper:
    number = os.open(os.devnull, flags)  # the lowest number that is free: that of the stream
    os.set_inheritable(number, True)  # for worker processes too
    return open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # type: ignore[return-value]
