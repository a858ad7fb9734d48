"""A run over a whole crawl on one machine: on all processors, with constant memory, resumable.

The main process reads and writes, in the order of the input. Worker processes clean. They get one
step (a few records) at a time, and only a few steps per worker are in progress, so memory does not
grow with the input. checkpoint.py says how an interrupted run continues, manifest.py how a
finished one is begun again.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import clutter
from clutter.batch import manifest, tasks
from clutter.batch.checkpoint import Checkpoint, RunDirectory
from clutter.batch.progress import shown_progress
from clutter.batch.steps import list_files, steps_from
from clutter.batch.workers import Workers
from clutter.batch.writer import Writer, failures, finish_file
from clutter.cleaning import load_model, of_other_kinds
from clutter.errors import BatchError, InputError, WorkersError
from clutter.formats import KINDS, output_ending
from clutter.formats.base import failure_line
from clutter.options import CleanOptions
from clutter.page import LABELS
from clutter.plan import absolute, plan_output
from clutter.repetition import count_keys
from clutter.text import plural, printable

PROCESS_BYTES = 1_000_000
"""Bytes of input for each process. For less, starting another one is not worth the time."""

PAGE_TIMEOUT = 60.0
"""Seconds that a page may take, if nothing else is asked for."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """The result of a run: the ``counts`` of the whole run, the ``pages`` and ``seconds`` since it
    was last started, and the path of the errors file, None if there were no errors.

    The counts are those of ``cleaning.count``, ``unchanged/pages`` and ``unchanged/files`` (pages
    and other files that were not cleaned again, as their output is there), and
    ``passed/KIND`` for records of an archive that are no pages.
    """

    counts: Counter[str]
    pages: int
    seconds: float
    errors: Path | None

    def __str__(self) -> str:
        counts = self.counts
        rate = self.pages / max(self.seconds, 1e-9)
        rows = [
            f"{plural(counts['pages'], 'page')}, {plural(counts['errors'], 'error')}"
            + (f" ({printable(str(self.errors))})" if self.errors is not None else "")
            + (f", {rate:,.0f} pages/s" if self.pages else "")
        ]
        pages, files = counts["unchanged/pages"], counts["unchanged/files"]
        kinds = [(pages, "page"), (files, "file of records" if files == 1 else "files of records")]
        same = [f"{n:,} {noun}{'s' * (noun == 'page' and n != 1)}" for n, noun in kinds if n]
        if same:
            rows.append(f"{' and '.join(same)} unchanged, {counts['pages']:,} cleaned")
        passed = [
            f"{n:,} {key.removeprefix('passed/')}"
            for key, n in counts.items()
            if key.startswith("passed/") and n
        ]
        if passed:
            rows.append(f"passed over: {', '.join(passed)}")
        if dropped := of_other_kinds(counts):
            rows.append(dropped)
        lines = sum(counts[f"lines/{label}"] for label in LABELS)
        if lines:
            by_label = ", ".join(f"{x} {counts[f'lines/{x}'] / lines:.0%}" for x in LABELS)
            rows.append(f"{plural(lines, 'line')}: {by_label}")
        size = counts["characters"]
        if size:
            left_out = size - counts["characters/kept"]
            rows.append(
                f"{left_out:,} of {plural(size, 'character')} dropped ({left_out / size:.0%})"
            )
        return "\n".join(rows)


def run(
    inputs: Sequence[str],
    output: str,
    options: CleanOptions,
    *,
    jobs: int = 1,
    pattern: str | None = None,
    kind: str | None = None,
    strict: bool = False,
    by_site: bool = False,
    page_timeout: float = PAGE_TIMEOUT,
    force: bool = False,
    progress: bool = False,
) -> Summary:
    """Clean files and folders of pages and of records, or continue an interrupted run.

    ``output`` is one file of records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet), or a folder
    that mirrors the input: clean text for each page, a file of records for each file of
    records. ``pattern`` is a glob pattern: which files to read in folders. ``kind`` says what
    files hold whose name is not that of records: "html", "text", or "jsonl" for JSON lines.
    ``jobs`` is the number of processes that clean. A record that fails goes to NAME.errors.jsonl
    with the reason; with ``strict`` it ends the run. A page fails too if it takes more than
    ``page_timeout`` seconds (0: no limit) or kills the process that cleans it. ``by_site`` reads
    the input twice, and first counts on how many pages of its site each line appears
    (repetition.py). ``progress`` shows the progress of the run on standard error.

    Pages that are not of one of ``options.kinds`` are counted and have no record or file.

    In an output folder, only files are cleaned that are new or have changed since the last run
    with these settings. Files that no run has written, or that were changed since, are not
    replaced. ``force`` cleans all files and replaces what is there.

    Raises BatchError for input or output that cannot be used, if the input has changed since
    the run was interrupted, and with ``strict`` for the first record that fails; ModelError,
    OSError (a full disk), MissingLibraryError. The work done before an error is saved.
    """
    # report a bad model now, once, and before its bytes are read for the settings
    load_model(options)
    if kind not in (None, *KINDS):
        raise BatchError(f"unknown kind {kind!r}; there are {', '.join(KINDS)}")
    settings = _settings(inputs, options, pattern) | {"by site": by_site, "from": kind}
    is_folder = os.path.isdir(output) or output_ending(output) is None
    suffix = ".md" if options.format == "markdown" else ".txt"
    try:
        run = RunDirectory(plan_output(output, inputs, suffix, is_folder=is_folder))
        with run.locked(), _ending_by_exception():
            checkpoint = run.load(settings)
            if checkpoint is None:
                checkpoint = _new_checkpoint(run, inputs, options, settings, force)
            elif checkpoint.counts:
                pages = plural(checkpoint.counts.get("pages", 0), "page")
                logger.info("going on: %s done before", pages)
            begin, before = time.monotonic(), checkpoint.counts.get("pages", 0)
            if not checkpoint.unneeded:
                _finish_run(run, checkpoint, options, jobs, page_timeout, strict, progress)
            counts = Counter(checkpoint.counts)
            for kind, number in zip(("pages", "files"), checkpoint.unchanged, strict=True):
                counts[f"unchanged/{kind}"] = number
            errors = run.errors if counts["errors"] else None
            return Summary(+counts, counts["pages"] - before, time.monotonic() - begin, errors)
    except (InputError, WorkersError) as error:
        raise BatchError(str(error)) from None


def useful_jobs(jobs: int, size: int) -> int:
    """How many of ``jobs`` processes an input of ``size`` bytes has work for."""
    return min(jobs, 1 + size // PROCESS_BYTES)


def _new_checkpoint(
    run: RunDirectory,
    inputs: Sequence[str],
    options: CleanOptions,
    settings: dict[str, Any],
    force: bool,
) -> Checkpoint:
    """List the input, and compare it with that of earlier runs. Saves a checkpoint, unless there is
    nothing to do."""
    checkpoint = Checkpoint(settings, counting=settings["by site"])
    checkpoint.total = list_files(run, inputs, settings["pattern"], settings["from"], options)
    if not force and not _is_errors_file(run.errors):
        raise BatchError(
            f"{printable(str(run.errors))}: was there already, and no run has written it; move it, "
            "or overwrite it with --force"
        )
    checkpoint.key = manifest.key_of(settings, run.listing)
    if run.output.is_folder:
        manifest.write_folder(run)  # of a run that was given up
        if not force:
            manifest.compare_folder(run, checkpoint)
    elif not force:
        counts = manifest.earlier_file(run, checkpoint)
        if counts is not None:
            name = printable(str(run.output.path))
            logger.info("nothing is new: %s is left as it is", name)
            vars(checkpoint).update(counts=counts, unneeded=True)
            return checkpoint
    run.save(checkpoint)
    return checkpoint


def _is_errors_file(path: Path) -> bool:
    """Whether this is the errors file of a run, or no file with content."""
    try:
        with open(path, "rb") as lines:
            first = lines.readline(100_000)
        return not first or {"file", "error"} <= json.loads(first).keys()
    except FileNotFoundError:
        return True
    except (ValueError, AttributeError):
        return False


def _settings(inputs: Sequence[str], options: CleanOptions, pattern: str | None) -> dict[str, Any]:
    """The settings that must be the same for an interrupted run to continue."""
    names = {"html_field": "html", "text_field": "text"}
    fields = json.loads(json.dumps(asdict(replace(options, model=None))))
    return {
        "version": clutter.__version__,
        "input": [absolute(path) for path in inputs],
        "pattern": pattern,
        **{names.get(name, name): value for name, value in fields.items()},
        "model": manifest.model_identity(options),
    }


def _finish_run(
    run: RunDirectory,
    checkpoint: Checkpoint,
    options: CleanOptions,
    jobs: int,
    page_timeout: float,
    strict: bool,
    progress: bool,
) -> None:
    """Do the rest of a run, and remove its checkpoint."""
    left = checkpoint.total - checkpoint.read + checkpoint.counting * checkpoint.total
    workers = Workers(options, str(run.work), useful_jobs(jobs, left), page_timeout, fork=True)
    try:
        _take_all_steps(run, checkpoint, options, workers, strict, progress)
    finally:
        workers.end()
    if run.output.is_folder:
        manifest.write_folder(run)
    else:
        manifest.write_file(run, checkpoint)
    if not checkpoint.errors:
        run.errors.unlink(missing_ok=True)
    run.checkpoint.unlink()


def _take_all_steps(
    run: RunDirectory,
    checkpoint: Checkpoint,
    options: CleanOptions,
    workers: Workers,
    strict: bool,
    progress: bool,
) -> None:
    """Run the remaining steps of both passes, and give the output its name."""
    if checkpoint.counting:
        _take_steps(run, checkpoint, options, workers, strict, progress)
        count_keys(run.part, run.work)
        for key in ("offset", "record", "done", "read", "written", "errors"):
            setattr(checkpoint, key, 0)
        checkpoint.counting, checkpoint.counts, checkpoint.failed = False, {}, False
        run.save(checkpoint)
    if checkpoint.finishing is not None:
        finish_file(run, checkpoint)
    if not checkpoint.complete:
        _take_steps(run, checkpoint, options, workers, strict, progress)
        finish_file(run, checkpoint)


def _take_steps(
    run: RunDirectory,
    checkpoint: Checkpoint,
    options: CleanOptions,
    workers: Workers,
    strict: bool,
    progress: bool,
) -> None:
    """Run the remaining steps; save progress even on failure."""
    writer = Writer(run, checkpoint)
    steps = steps_from(run, checkpoint, options)
    work = tasks.count_lines if checkpoint.counting else tasks.clean
    shown = shown_progress(checkpoint) if progress else contextlib.nullcontext(_nothing)
    try:
        with shown as show:
            for step, result in workers.results(steps, work, show):
                failed = failures(step, result)
                if failed and strict:
                    raise BatchError(failure_line(failed[0]))
                writer.add(step, result)
                show(0)
        if not checkpoint.counting:
            finishing = None if run.output.is_folder else absolute(run.output.path)
            vars(checkpoint).update(finishing=finishing, complete=True)
        writer.save()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            pages = plural(checkpoint.counts.get("pages", 0), "page")
            logger.info("stopping after %s; give the same command again to go on", pages)
        if not writer.part.closed:  # closed while a file gets its name; then a save exists
            with contextlib.suppress(OSError):  # a full disk: the last checkpoint is still valid
                writer.save()
        raise
    finally:
        writer.close()


def _nothing(ahead: int) -> None:
    """Used if no progress is shown."""


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
