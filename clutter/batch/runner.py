"""A run over a whole crawl on one machine: on all processors, with constant memory, resumable.

The main process reads and writes, in the order of the input. Worker processes clean. They get one
step (a few records) at a time, and only a few steps per worker are in progress, so memory does not
grow with the input. checkpoint.py says how an interrupted run continues.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import clutter
from clutter.batch import tasks, workers
from clutter.batch.checkpoint import Checkpoint, RunDirectory
from clutter.batch.progress import shown_progress
from clutter.batch.steps import list_files, steps_from
from clutter.batch.writer import Writer, failures, finish_file
from clutter.cleaning import load_model
from clutter.errors import BatchError, InputError, WorkersError
from clutter.formats import output_ending
from clutter.options import CleanOptions
from clutter.page import LABELS
from clutter.plan import plan_output
from clutter.repetition import count_keys
from clutter.text import plural

MIN_PARALLEL_BYTES = 1_000_000
"""Bytes of input. For less, starting worker processes is not worth the time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """The result of a run: the ``counts`` of the whole run (those of ``cleaning.count``), the
    ``pages`` and ``seconds`` since it was last started, and the path of the errors file, None if
    there were no errors."""

    counts: Counter[str]
    pages: int
    seconds: float
    errors: Path | None

    def __str__(self) -> str:
        counts = self.counts
        rate = self.pages / max(self.seconds, 1e-9)
        rows = [
            f"{plural(counts['pages'], 'page')}, {plural(counts['errors'], 'error')}"
            + (f" ({self.errors})" if self.errors is not None else "")
            + f", {rate:,.0f} pages/s"
        ]
        lines = sum(counts[f"lines/{label}"] for label in LABELS)
        if lines:
            by_label = ", ".join(f"{x} {counts[f'lines/{x}'] / lines:.0%}" for x in LABELS)
            rows.append(f"{plural(lines, 'line')}: {by_label}")
        size = counts["characters"]
        if size:
            dropped = size - counts["characters/kept"]
            rows.append(
                f"{dropped:,} of {plural(size, 'character')} dropped ({dropped / size:.0%})"
            )
        return "\n".join(rows)


def run(
    inputs: Sequence[str],
    output: str,
    options: CleanOptions,
    *,
    jobs: int = 1,
    pattern: str | None = None,
    strict: bool = False,
    by_site: bool = False,
    progress: bool = False,
    force: bool = False,
) -> Summary:
    """Clean files and folders of pages and of records, or continue an interrupted run.

    ``output`` is one file of records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet), or a folder
    that mirrors the input: clean text for each page, a file of records for each file of
    records. ``pattern`` is a glob pattern: which files to read in folders. ``jobs`` is the number
    of processes that clean. A record that fails goes to NAME.errors.jsonl with the reason; with
    ``strict`` it ends the run. ``by_site`` reads the input twice, and first counts on how many
    pages of its site each line appears (repetition.py). ``progress`` shows the progress of the
    run on standard error.

    Raises BatchError for input or output that cannot be used, and with ``strict`` for the first
    record that fails; ModelError, OSError (a full disk), MissingLibraryError. The work done
    before an error is saved.
    """
    # report a bad model now, once, and before its bytes are read for the settings
    _ = load_model(options).html
    settings = _settings(inputs, options, pattern) | {"by site": by_site}
    try:
        return _run(inputs, output, options, settings, jobs, strict, progress)
    except (InputError, WorkersError) as error:
        raise BatchError(str(error)) from None


def _run(
    inputs: Sequence[str],
    output: str,
    options: CleanOptions,
    settings: dict[str, Any],
    jobs: int,
    strict: bool,
    progress: bool,
) -> Summary:
    is_folder = os.path.isdir(output) or output_ending(output) is None
    suffix = ".md" if options.format == "markdown" else ".txt"
    run = RunDirectory(plan_output(output, inputs, suffix, is_folder=is_folder))
    with run.locked(), _ending_by_exception():
        checkpoint = run.load(settings)
        if checkpoint is None:
            checkpoint = Checkpoint(settings, counting=settings["by site"])
            checkpoint.total = list_files(run, inputs, settings["pattern"], options)
            run.save(checkpoint)
        elif checkpoint.counts:
            pages = plural(checkpoint.counts.get("pages", 0), "page")
            logger.info("going on: %s done before", pages)
        begin, before = time.monotonic(), checkpoint.counts.get("pages", 0)
        _finish_run(run, checkpoint, options, jobs, strict, progress)
        counts = Counter(checkpoint.counts)
        errors = run.errors if counts["errors"] else None
        return Summary(counts, counts["pages"] - before, time.monotonic() - begin, errors)


def _settings(inputs: Sequence[str], options: CleanOptions, pattern: str | None) -> dict[str, Any]:
    """The settings that must be the same for an interrupted run to continue."""
    names = {"html_field": "html", "text_field": "text"}
    fields = json.loads(json.dumps(asdict(replace(options, model=None))))
    return {
        "version": clutter.__version__,
        "input": [os.path.abspath(path) for path in inputs],
        "pattern": pattern,
        **{names.get(name, name): value for name, value in fields.items()},
        "model": options.model and zlib.crc32(Path(options.model).read_bytes()),
    }


def _finish_run(
    run: RunDirectory,
    checkpoint: Checkpoint,
    options: CleanOptions,
    jobs: int,
    strict: bool,
    progress: bool,
) -> None:
    """Do the rest of a run, and remove its checkpoint."""
    if checkpoint.counting:
        _take_steps(run, checkpoint, options, jobs, strict, progress)
        count_keys(run.part, run.work)
        for key in ("offset", "record", "done", "read", "written", "errors"):
            setattr(checkpoint, key, 0)
        checkpoint.counting, checkpoint.counts = False, {}
        run.save(checkpoint)
    if checkpoint.finishing is not None:
        finish_file(run, checkpoint)
    if not checkpoint.complete:
        _take_steps(run, checkpoint, options, jobs, strict, progress)
        finish_file(run, checkpoint)
    if not checkpoint.errors:
        run.errors.unlink(missing_ok=True)
    run.checkpoint.unlink()


def _take_steps(
    run: RunDirectory,
    checkpoint: Checkpoint,
    options: CleanOptions,
    jobs: int,
    strict: bool,
    progress: bool,
) -> None:
    """Run the remaining steps; save progress even on failure."""
    writer = Writer(run, checkpoint)
    steps = steps_from(run, checkpoint, options)
    folder = str(run.work)
    work = tasks.count_lines if checkpoint.counting else tasks.clean
    if jobs == 1 or checkpoint.total - checkpoint.read < MIN_PARALLEL_BYTES:
        results = workers.run_serial(steps, work, options, folder)
    else:
        results = workers.run_parallel(steps, work, options, folder, jobs)
    shown = shown_progress(checkpoint) if progress else contextlib.nullcontext(_nothing)
    try:
        with contextlib.closing(results), shown as show:
            for step, result in results:
                failed = failures(step, result)
                if failed and strict:
                    raise BatchError(_sentence(failed[0]))
                writer.add(step, result)
                show()
        if not checkpoint.counting:
            path = run.output.path
            finishing = None if run.output.is_folder else os.path.abspath(path)
            vars(checkpoint).update(finishing=finishing, complete=True)
        writer.save()
    except BaseException:
        if not writer.part.closed:  # closed while a file gets its name; then a save exists
            with contextlib.suppress(OSError):  # a full disk: the last checkpoint is still valid
                writer.save()
        raise
    finally:
        writer.close()


def _nothing() -> None:
    """Used if no progress is shown."""


def _sentence(error: dict[str, Any]) -> str:
    record = f", record {error['record']}" if "record" in error else ""
    return f"{error['file']}{record}: {error['error']}"


@contextlib.contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Make SIGTERM an exception, like ^C: progress is then saved. Only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
