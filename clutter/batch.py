"""A whole crawl on one machine: every processor, level memory, nothing lost.

Cleaning a million pages takes hours, and in hours something happens: a terminal closes, a
disk fills up, one page in a million kills the process that reads it. So a run keeps a
small folder, ``NAME.unfinished``, with a list of the files to read, made once, the output so
far, and a note of how far both are. The note is replaced as a whole, after what it speaks
of is on disk: whoever begins again cuts the output where the note says and goes on there,
and ends with the bytes that an undisturbed run ends with.

One process reads and writes, in the order of the input; others clean. A step, some
records, is all that is handed to them at a time, and no more than a few steps a process
are under way, so memory does not grow with the input.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import itertools
import json
import os
import shutil
import signal
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import clutter
from clutter import output, records, repeats, workers
from clutter.cleaning import Cleaning, load_model
from clutter.labelled import files_below, plural, replacing, shown, utf8
from clutter.page import LABELS
from clutter.repeats import by_top_bits
from clutter.workers import Done, Task, WorkersError

SMALL = 1_000_000
"""Bytes of input that are not worth starting processes for."""

EVERY = 1.0
"""Seconds between two notes of how far a run is."""

TOLD = 60.0
"""Seconds between two lines that tell how far it is, where there is no progress bar."""


class BatchError(ValueError):
    """Why a run cannot begin, or could not go on, and what to do."""


@dataclass(frozen=True)
class Listed:
    """A file of the input: ``path``, ``name`` as messages show it, ``place`` below the output
    folder, ``size`` in bytes."""

    path: str
    name: str
    place: str
    size: int


@dataclass(frozen=True)
class Step:
    """A task, or none, and where the next one begins: in the list of files ``offset``, in the
    file that stands there ``record``. ``done`` is the size of the files before that one, in
    bytes, ``read`` the bytes that are behind. ``error`` says what the reading itself met.
    ``ends`` is the file of records that is complete with this step."""

    task: Task | None
    offset: int
    record: int
    done: int
    read: int
    error: dict[str, Any] | None = None
    ends: str | None = None


@dataclass
class State:
    """How far a run is: where its next step begins, the bytes it has written to the unfinished
    output and to the errors, and the counts; and which run it is, on ``total`` bytes of input.
    ``finishing`` is the file that is being given its name, and the run is ``whole`` when all
    steps are done; ``counting`` is the first of two passes, which counts lines by site."""

    settings: dict[str, Any]
    counting: bool = False
    total: int = 0
    offset: int = 0
    record: int = 0
    done: int = 0
    read: int = 0
    written: int = 0
    errors: int = 0
    finishing: str | None = None
    whole: bool = False
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What a run did: ``counts`` of all of it (clutter.cleaning.count), the ``pages`` and
    ``seconds`` of this part of it, and the file of records that failed, where some did."""

    counts: Counter[str]
    pages: int
    seconds: float
    errors: Path | None

    def __str__(self) -> str:
        all_of_it = self.counts
        failed = all_of_it["errors"]
        rate = self.pages / max(self.seconds, 1e-9)
        rows = [
            f"{plural(all_of_it['pages'], 'page')}, {plural(failed, 'error')}"
            + (f" ({self.errors})" if self.errors is not None else "")
            + f", {rate:,.0f} pages/s"
        ]
        lines = sum(all_of_it[f"lines/{label}"] for label in LABELS)
        if lines:
            by_label = ", ".join(f"{x} {all_of_it[f'lines/{x}'] / lines:.0%}" for x in LABELS)
            rows.append(f"{plural(lines, 'line')}: {by_label}")
        size = all_of_it["characters"]
        if size:
            dropped = size - all_of_it["characters/kept"]
            rows.append(
                f"{dropped:,} of {plural(size, 'character')} dropped ({dropped / size:.0%})"
            )
        return "\n".join(rows)


def run(
    inputs: Sequence[str],
    target: str,
    how: Cleaning,
    *,
    jobs: int = 1,
    pattern: str | None = None,
    strict: bool = False,
    by_site: bool = False,
    tell: Callable[[str], None] = lambda message: None,
    show: bool = False,
) -> Summary:
    """Clean files and folders of pages and of records, or go on with a run that was broken off.

    ``target`` is a file of records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet) for all of them, or
    a folder that mirrors the input: clean text for each page, a file of records for each file
    of records. ``pattern`` says which files of folders are read. ``jobs`` processes clean. A
    record that fails goes to NAME.errors.jsonl with its reason; with ``strict`` it ends the
    run. ``by_site`` reads the input twice, and first counts on how many pages of its site each
    line stands (repeats.py). ``tell`` is given messages for people; ``show`` shows how far the
    run is on standard error.

    Raises BatchError for what cannot be, or what ``strict`` forbids; ModelError, OSError (a full
    disk), ImportError (an extra is missing). What was done by then stays done.
    """
    place = _Place(target)
    settings = _settings(inputs, how, pattern) | {"by site": by_site}
    _ = load_model(how).html  # what is wrong with a model is told now, and once
    place.work.mkdir(parents=True, exist_ok=True)
    with place.locked(), _ending_by_exception():
        state = place.state(settings)
        if state is None:
            state = State(settings, counting=by_site)
            state.total = _list_files(inputs, pattern, place, how)
            place.save(state)
        elif state.counts:
            tell(f"going on: {plural(state.counts.get('pages', 0), 'page')} done before")
        begin, before = time.monotonic(), state.counts.get("pages", 0)
        _go(place, state, how, jobs, strict, show)
        counts = Counter(state.counts)
        errors = place.errors if counts["errors"] else None
        return Summary(counts, counts["pages"] - before, time.monotonic() - begin, errors)


class _Place:
    """Where a run writes: its target, the folder of what is unfinished, the errors."""

    def __init__(self, target: str) -> None:
        self.target = Path(target)
        self.existed = self.target.exists()
        self.form = None if self.target.is_dir() else output.form_of(target)
        real = Path(os.path.realpath(target))
        if self.form is None:
            if real.exists() and not real.is_dir():
                raise BatchError(f"{target}: a file, but several pages need a folder")
            self.work = real / ".unfinished"
        else:
            self.work = real.with_name(real.name + ".unfinished")
        self.errors = self.target.parent / (real.name + ".errors.jsonl")
        self.part = self.work / "part"
        self.listing = self.work / "files"
        self.note = self.work / "state.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run out, where the system can. What is left of the folder when the run
        ends is kept only if there is a note in it."""
        with open(self.work / "lock", "wb") as file:
            with contextlib.suppress(ImportError):
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise BatchError(f"{self.target}: another run is writing it") from None
            try:
                yield
            finally:
                if not self.note.exists():
                    shutil.rmtree(self.work, ignore_errors=True)
                    if self.form is None and not self.existed:
                        with contextlib.suppress(OSError):  # where something is in it
                            self.target.rmdir()

    def state(self, settings: dict[str, Any]) -> State | None:
        """How far the run is that was broken off here, if one was; its output is cut there.
        Raises BatchError where it was another run."""
        try:
            state = State(**json.loads(self.note.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise BatchError(f"{self.note}: damaged ({error}); delete {self.work}") from None
        other = [key for key in settings if state.settings.get(key) != settings[key]]
        if other:
            raise BatchError(
                f"{self.target}: a run with other settings ({', '.join(other)}) was broken off "
                f"here; give its command again to finish it, or delete {self.work}"
            )
        if state.finishing is None:
            for path, size in ((self.part, state.written), (self.errors, state.errors)):
                if size > (path.stat().st_size if path.exists() else 0):
                    raise BatchError(f"{path}: shorter than it was; delete {self.work}")
        return state

    def save(self, state: State) -> None:
        with replacing(self.note) as file:
            file.write(json.dumps(asdict(state)).encode())

    def target_of(self, listed: Listed, suffix: str) -> str:
        """The file that a file of the input goes to."""
        if self.form is not None:
            return str(self.target)
        return str(self.target / records.renamed(listed.place, suffix))


def _suffix(how: Cleaning) -> str:
    return ".md" if how.format == "markdown" else ".txt"


def _settings(inputs: Sequence[str], how: Cleaning, pattern: str | None) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    return {
        "version": clutter.__version__,
        "input": [os.path.abspath(path) for path in inputs],
        "pattern": pattern,
        **json.loads(json.dumps(asdict(replace(how, model=None)))),
        "model": how.model and zlib.crc32(Path(how.model).read_bytes()),
    }


def _list_files(inputs: Sequence[str], pattern: str | None, place: _Place, how: Cleaning) -> int:
    """Write the list of files to read, and return their size in bytes.

    Raises BatchError where there is none, or where two would be written to one place.
    """
    suffix = _suffix(how)
    total = 0
    # by their hashes, on disk: the names of a million files are not held
    hashes = place.work / "hashes"
    with replacing(place.listing) as file, open(hashes, "wb") as names:
        for listed in _files(inputs, pattern, place):
            if place.form is None:
                is_page = records.kind_of(listed.name) == "page"
                if how.lines and is_page:
                    raise BatchError("lines need an output of records: .jsonl or .parquet")
                if not (is_page or place.existed) and place.target.suffix:
                    forms = ", ".join(output.FORMS)
                    raise BatchError(f"{place.target}: records go to {forms}, or to a folder")
                for path in (listed.path, place.target_of(listed, suffix)):
                    names.write(_hash(path))
            total += listed.size
            row = [os.path.abspath(listed.path), listed.name, listed.place, listed.size]
            file.write(json.dumps(row).encode() + b"\n")
        if not file.tell():
            wanted = f"file like {pattern}" if pattern else "file of pages or records"
            raise BatchError(f"{shown(', '.join(inputs))}: no {wanted} in this folder or below")
    _refuse_twice(place, hashes, suffix)
    return total


def _refuse_twice(place: _Place, hashes: Path, suffix: str) -> None:
    """Raise BatchError where a file is the output of two inputs, or of one and an input too."""
    twice = set()
    for some in by_top_bits(hashes, place.work):
        some.sort()
        twice |= {one.tobytes() for one in some[1:][some[1:] == some[:-1]]}
    if not twice:
        return
    listed = [one for one, _ in _listed(place, 0)]
    inputs = {_hash(one.path) for one in listed}
    for target in (place.target_of(one, suffix) for one in listed):
        if _hash(target) in twice & inputs:
            raise BatchError(f"{shown(target)}: is the input too; write to another folder")
        if _hash(target) in twice:
            raise BatchError(f"{shown(target)}: two pages would be written here")


def _hash(path: str) -> bytes:
    return hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=8).digest()


def _files(inputs: Sequence[str], pattern: str | None, place: _Place) -> Iterator[Listed]:
    known = (*records.PAGES, *itertools.chain.from_iterable(records.KINDS.values()))
    own = {os.path.realpath(path) for path in (place.target, place.errors)}
    own_names = {os.path.basename(path) for path in own}
    for path in inputs:
        if not os.path.exists(path):
            raise BatchError(f"{shown(path)}: no such file or folder")
        if not os.path.isdir(path):
            if os.path.realpath(path) in own:
                raise BatchError(f"{shown(path)}: is the input too; write to another file")
            yield Listed(path, shown(path), os.path.basename(path), os.path.getsize(path))
            continue
        if place.form is None and place.work.is_relative_to(os.path.realpath(path)):
            raise BatchError(f"{place.target}: lies inside the input folder {shown(path)}")
        for found in files_below(path):
            name = os.path.basename(found)
            if name in own_names and os.path.realpath(found) in own:
                continue  # of an earlier run
            if place.work.name in found.split(os.sep):
                continue
            inside = os.path.relpath(found, path)
            if pattern is None:
                wanted = name.lower().endswith(known)
            else:
                wanted = fnmatch.fnmatch(inside, pattern) or fnmatch.fnmatch(name, pattern)
            if wanted:
                yield Listed(found, shown(found), inside, os.path.getsize(found))


def _listed(place: _Place, offset: int) -> Iterator[tuple[Listed, int]]:
    """The files to read from an offset of the list on, each with the offset behind it."""
    with open(place.listing, "rb") as file:
        file.seek(offset)
        for line in file:
            offset += len(line)
            yield Listed(*json.loads(line)), offset


def _site(listed: Listed) -> str:
    """What a file of a page counts as: crawlers make a folder for each site."""
    return listed.place.split(os.sep)[0] if os.sep in listed.place else "."


def _steps(place: _Place, state: State, how: Cleaning) -> Iterator[Step]:
    """What is left to do, in order. Where one step ends and the next begins depends on the
    input alone."""
    suffix = _suffix(how)
    offset, record, done = state.offset, state.record, state.done
    gathered: list[Listed] = []
    counted = str(place.work) if state.settings["by site"] and not state.counting else None

    def pages() -> Step:
        raw = [(i, (one.path, one.name, _site(one))) for i, one in enumerate(gathered)]
        targets = () if place.form else tuple(place.target_of(x, suffix) for x in gathered)
        gathered.clear()
        task = Task("page", "", raw, 0, place.form, targets, counted)
        return Step(task, offset, 0, done, done)

    for listed, behind in _listed(place, state.offset):
        kind = records.kind_of(listed.name)
        if kind == "page":
            gathered.append(listed)
            offset, done = behind, done + listed.size
            if len(gathered) == records.ROWS or sum(x.size for x in gathered) >= records.SIZE:
                yield pages()
            continue
        if gathered:
            yield pages()
        target = place.target_of(listed, suffix)
        form = output.form_of(target)
        error = None
        for items in records.read(listed.path, kind, record, how):
            record = items.first + items.count
            if items.count:
                task = Task(kind, listed.name, items.raw, items.first, form, (), counted)
                yield Step(task, offset, record, done, done + min(items.read, listed.size))
            if items.error:
                error = {"file": listed.name, "record": record + 1, "error": items.error}
        offset, record, done = behind, 0, done + listed.size
        ends = None if place.form or state.counting else target
        yield Step(None, offset, 0, done, done, error, ends)
    if gathered:
        yield pages()


class _Writer:
    """The files of a run that grow, and the note of how far they are."""

    def __init__(self, place: _Place, state: State) -> None:
        self.place = place
        self.state = state
        self.part = _cut(place.part, state.written)
        self.errors = _cut(place.errors, state.errors)
        self.noted = time.monotonic()

    def add(self, step: Step, result: Done) -> None:
        """Append what came of a step. Where this fails, the state is still that before it."""
        state = self.state
        failed = _failed(step, result)
        rows = b"".join(
            [utf8(json.dumps(x, ensure_ascii=False, default=str) + "\n") for x in failed]
        )
        self.part.write(result.piece)
        self.errors.write(rows)
        counts = Counter(state.counts)
        counts.update(result.counts)
        counts["errors"] += step.error is not None
        # at once: ^C may come at any moment, and then the state is noted as it is
        vars(state).update(
            counts=dict(counts),
            written=state.written + len(result.piece),
            errors=state.errors + len(rows),
            offset=step.offset,
            record=step.record,
            done=step.done,
            read=step.read,
        )
        if step.ends is not None:
            self.end(step.ends)
        elif time.monotonic() - self.noted > EVERY:
            self.note()

    def end(self, target: str) -> None:
        """Give the file of records its name, and begin another."""
        self.state.finishing = os.path.abspath(target)
        self.note()
        self.part.close()
        _finish(self.place, self.state)
        self.part = _cut(self.place.part, 0)

    def note(self) -> None:
        """Note how far the run is, once that is on disk."""
        for file in (self.part, self.errors):
            file.flush()
            os.fsync(file.fileno())
        self.place.save(self.state)
        self.noted = time.monotonic()

    def close(self) -> None:
        for file in (self.part, self.errors):
            with contextlib.suppress(OSError):  # of a disk that is full: told before
                file.close()


def _go(place: _Place, state: State, how: Cleaning, jobs: int, strict: bool, show: bool) -> None:
    """Do what is left of a run, and tidy up."""
    if state.counting:
        _take_steps(place, state, how, jobs, strict, show)
        repeats.build(place.part, place.work)
        for key in ("offset", "record", "done", "read", "written", "errors"):
            setattr(state, key, 0)
        state.counting, state.counts = False, {}
        place.save(state)
    if state.finishing is not None:
        _finish(place, state)
    if not state.whole:
        _take_steps(place, state, how, jobs, strict, show)
        _finish(place, state)
    if not state.errors:
        place.errors.unlink(missing_ok=True)
    place.note.unlink()


def _take_steps(
    place: _Place, state: State, how: Cleaning, jobs: int, strict: bool, show: bool
) -> None:
    """Take the steps that are left, and note how far they went, however they end."""
    writer = _Writer(place, state)
    steps = _steps(place, state, how)
    work = str(place.work)
    function = workers.count_lines if state.counting else workers.clean
    if jobs == 1 or state.total - state.read < SMALL:
        results = workers.in_turn(steps, function, how, work)
    else:
        results = workers.in_processes(steps, function, how, work, jobs)
    try:
        with contextlib.closing(results), _bar(state, show) as bar:
            for step, result in results:
                failed = _failed(step, result)
                if failed and strict:
                    raise BatchError(_sentence(failed[0]))
                writer.add(step, result)
                bar()
        if not state.counting:
            finishing = os.path.abspath(place.target) if place.form else None
            vars(state).update(finishing=finishing, whole=True)
        writer.note()
    except WorkersError as error:
        raise BatchError(str(error)) from None
    except BaseException:
        if not writer.part.closed:  # as it is while a file is being given its name
            with contextlib.suppress(OSError):  # the disk is full: the note before this one stands
                writer.note()
        raise
    finally:
        writer.close()


def _finish(place: _Place, state: State) -> None:
    """Give a file of records its name, if that was not done before, and note that it has it."""
    if state.finishing is None:
        return
    target = Path(state.finishing)
    if place.part.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        output.finish(place.part, target, output.form_of(target.name) or "")
    vars(state).update(finishing=None, written=0)
    # before there is another part, which would be taken for this one
    place.save(state)


def _cut(path: Path, size: int) -> BinaryIO:
    """A file to append to, cut to a size."""
    path.touch()
    file = open(path, "r+b")  # noqa: SIM115 - its owner closes it
    file.truncate(size)
    file.seek(size)
    return file


def _failed(step: Step, result: Done) -> list[dict[str, Any]]:
    """All that a step could not clean or read."""
    return [*result.errors, *([step.error] if step.error else [])]


def _sentence(error: dict[str, Any]) -> str:
    record = f", record {error['record']}" if "record" in error else ""
    return f"{error['file']}{record}: {error['error']}"


@contextlib.contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Let a request to end be an exception, as ^C is, so that what was done is noted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _bar(state: State, show: bool) -> Iterator[Callable[[], None]]:
    """Shows how far a run is whenever it is called: share, pages, rate and remaining time; as a
    bar on a terminal, else as a line a minute on standard error."""
    begin, pages = time.monotonic(), state.counts.get("pages", 0)
    told = begin

    def rate() -> str:
        done = state.counts.get("pages", 0)
        seconds = max(time.monotonic() - begin, 1e-9)
        errors = state.counts.get("errors", 0)
        failed = f", {plural(errors, 'error')}" if errors else ""
        doing = "counting lines, " if state.counting else ""
        return f"{doing}{plural(done, 'page')}, {(done - pages) / seconds:,.0f} pages/s{failed}"

    def line() -> None:
        nonlocal told
        if time.monotonic() - told > TOLD:
            told = time.monotonic()
            print(f"{state.read / max(state.total, 1):.0%}: {rate()}", file=sys.stderr, flush=True)

    if not show:
        yield lambda: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield line
        return
    if not sys.stderr.isatty():
        yield line
        return
    form = "{percentage:3.0f}%|{bar}| {desc}, {remaining} left"
    with tqdm(total=state.total, initial=state.read, bar_format=form, leave=False) as bar:

        def move() -> None:
            bar.set_description_str(rate(), refresh=False)
            bar.update(state.read - bar.n)

        yield move
