"""The progress of a run on standard error: a bar on a terminal, else a line per minute."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from clutter.batch.checkpoint import Checkpoint
from clutter.text import plural

LINE_SECONDS = 60.0
"""Seconds between two lines if there is no bar."""

BAR_SECONDS = 0.1
"""Least seconds between two changes of the bar."""


@contextlib.contextmanager
def shown_progress(checkpoint: Checkpoint) -> Iterator[Callable[[int], None]]:
    """Gives a function that shows the progress of a run on standard error: share, pages and rate,
    and on the bar (tqdm) the remaining time. Its argument is the number of pages that are cleaned
    but not yet written."""
    begin, pages = time.monotonic(), checkpoint.counts.get("pages", 0)
    last = begin

    def rate(ahead: int) -> str:
        done = checkpoint.counts.get("pages", 0) + ahead
        seconds = max(time.monotonic() - begin, 1e-9)
        errors = checkpoint.counts.get("errors", 0)
        failed = f", {plural(errors, 'error')}" if errors else ""
        doing = "counting lines, " if checkpoint.counting else ""
        return f"{doing}{plural(done, 'page')}, {(done - pages) / seconds:,.0f} pages/s{failed}"

    def line(ahead: int) -> None:
        nonlocal last
        if time.monotonic() - last > LINE_SECONDS:
            last = time.monotonic()
            share = checkpoint.read / max(checkpoint.total, 1)
            print(f"{share:.0%}: {rate(ahead)}", file=sys.stderr, flush=True)

    try:
        from tqdm import tqdm
    except ImportError:
        yield line
        return
    if not sys.stderr.isatty():
        yield line
        return
    form = "{percentage:3.0f}%|{bar}| {desc}, {remaining} left"
    total, read = checkpoint.total, checkpoint.read
    with tqdm(total=total, initial=read, bar_format=form, leave=False) as bar:

        def move(ahead: int) -> None:
            nonlocal last
            bar.update(checkpoint.read - bar.n)
            if time.monotonic() - last > BAR_SECONDS:
                last = time.monotonic()
                bar.set_description_str(rate(ahead))

        yield move
