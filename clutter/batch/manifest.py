"""What finished runs have written, so that the next run knows its own earlier output.

The manifest of an output folder has a row for each output file: its size and time of change, the
file of the input that it comes from with the stamp of that, and the key of the settings. So a run
that is begun again cleans only what is new or has changed, and never replaces a file of somebody
else. During a run, rows go to a journal, which stays if the run is given up; the next run adds it
to the manifest. The manifest of a file of records has the settings of its run, and the list of
the files that were read.

Both are JSON lines, packed with gzip, and are read and written as a stream. To look rows up, they
are put into a table on disk, so that memory does not grow with the number of files.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import itertools
import json
import logging
import os
import zlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clutter.batch.checkpoint import KEPT, NEW, SAME, Checkpoint, RunDirectory, Stamp, stamp_of
from clutter.batch.tasks import NO_FILE
from clutter.errors import BatchError
from clutter.files import is_taken, replacing
from clutter.options import CleanOptions
from clutter.storage import check_model_file, shipped_model_file
from clutter.text import printable

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """An output file in a folder: its path below the folder, its size in bytes and its time of
    change in nanoseconds, ``NO_FILE`` and 0 for a page that gets none; the path and the stamp of
    its input file; and the key of the settings, "" if it must be made anew."""

    target: str
    size: int
    time: int
    source: str
    stamp: Stamp
    key: str

    @property
    def line(self) -> bytes:
        """This row as a line of the manifest."""
        return json.dumps(self).encode() + b"\n"


def model_identity(options: CleanOptions) -> str:
    """A hash of the content of the model's file. Raises ModelError if it is no model, OSError."""
    file = Path(options.model or shipped_model_file())
    check_model_file(file)
    return _hash(file, *stamp_of(file))


@functools.lru_cache(8)
def _hash(path: Path, *stamp: int) -> str:
    """The hash of a file; the stamp only says which content of the file is meant."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(settings: Mapping[str, Any], listing: Path) -> str:
    """A hash of all that the output depends on besides its input file. If lines are counted by
    site, that is the whole input. Raises OSError."""
    own = {name: value for name, value in settings.items() if name not in ("input", "pattern")}
    result = hashlib.blake2b(json.dumps(own, sort_keys=True).encode(), digest_size=8)
    if settings["by site"]:
        with open(listing, "rb") as lines:
            for line in lines:
                result.update(line)
    return result.hexdigest()


# an output folder


def compare_folder(run: RunDirectory, checkpoint: Checkpoint) -> None:
    """Find out which files of the list are to be cleaned: write their states to the list, and the
    numbers of unchanged files and the size of the others to the checkpoint. Raises OSError."""
    if not run.existed:
        return
    total = 0
    with contextlib.closing(_table(run)) as table, replacing(run.listing) as listing:
        for listed, _ in run.files():
            state = NEW
            target = run.output.path_of(listed.file)
            try:
                size, time_ns, _ = stamp_of(target)
            except (FileNotFoundError, NotADirectoryError):
                size, time_ns = NO_FILE, 0
            row = _find(table, run.name_of(listed.file))
            if row is None or (row.size, row.time, row.source) != (
                size,
                time_ns,
                listed.file.path,
            ):
                state = KEPT if is_taken(target) else NEW
            elif (row.stamp, row.key) == (listed.stamp, checkpoint.key):
                state = SAME
            if state == SAME:
                checkpoint.unchanged[not listed.file.is_page] += 1
            else:
                total += listed.file.size
            listing.write(listed._replace(state=state).row)
    checkpoint.total = total


def write_folder(run: RunDirectory) -> None:
    """Add the journal of a run to the manifest, without the rows whose output is not there any
    more (of pages that get no file, whose input is not), and delete it. Raises OSError."""
    if not run.journal.exists():
        return
    with replacing(run.manifest) as file, gzip.GzipFile("", "wb", 6, file, 0) as lines:
        if run.manifest.exists():
            with contextlib.closing(_table(run)) as table:
                for (line,) in table.execute("select row from rows order by target"):
                    row = Row(*json.loads(line))
                    no_file = row.size == NO_FILE
                    if os.path.lexists(row.source if no_file else run.output.path / row.target):
                        lines.write(line)
        else:
            lines.writelines(_whole_lines(run.journal))
    run.journal.unlink()


def _table(run: RunDirectory) -> sqlite3.Connection:
    """The rows of the manifest and of the journal by the path of the output, in a new file."""
    import sqlite3

    path = run.work / "earlier"
    path.unlink(missing_ok=True)
    table = sqlite3.connect(path, isolation_level=None)
    for command in ("pragma journal_mode = off", "pragma synchronous = off"):
        table.execute(command)
    table.execute("create table rows (target text primary key, row blob) without rowid")
    table.execute("begin")
    insert = "insert or replace into rows values (?, ?)"
    for lines in (_packed_lines(run.manifest), _whole_lines(run.journal)):
        with contextlib.suppress(ValueError, TypeError):  # damaged: the rest is not known
            for line in lines:
                table.execute(insert, (json.dumps(Row(*json.loads(line)).target), line))
    return table


def _find(table: sqlite3.Connection, target: str) -> Row | None:
    # as JSON: names of files that are not text cannot be put into a table
    answer = table.execute("select row from rows where target = ?", (json.dumps(target),))
    found = answer.fetchone()
    return None if found is None else Row(*json.loads(found[0]))


# a file of records


def earlier_file(run: RunDirectory, checkpoint: Checkpoint) -> dict[str, int] | None:
    """The counts of the earlier run if the output file has all that this run would write; None if
    the run is to be done. Raises BatchError if the file is not of an earlier run."""
    path, settings = run.output.path, checkpoint.settings
    if not path.is_file():  # nothing, or a device or a pipe, which is there to be written to
        return None
    lines = _packed_lines(run.manifest)
    with contextlib.closing(lines):
        try:
            head = json.loads(next(lines))
            before = head["settings"]
            is_own = head["output"] == stamp_of(path)[:2]
            # the same name for another input is a mistake
            is_own = is_own and not set(before["input"]).isdisjoint(settings["input"])
        except (StopIteration, ValueError, KeyError, TypeError, OSError):
            is_own = False
        if not is_own and not is_taken(path):
            return None
        if not is_own:
            raise BatchError(
                f"{printable(str(path))}: was there already, and this run has not written it; "
                "name another file, or overwrite it with --force"
            )
        changed = [name for name in settings if before.get(name) != settings[name]]
        with open(run.listing, "rb") as listing:
            if changed:
                reason = f"other settings ({', '.join(changed)})"
            elif all(old == new for old, new in itertools.zip_longest(lines, listing)):
                counts: dict[str, int] = head["counts"]
                return counts
            else:
                reason = "the input has changed"
    logger.info("%s: done anew, %s", printable(str(path)), reason)
    return None


def write_file(run: RunDirectory, checkpoint: Checkpoint) -> None:
    """Write the manifest of a file of records. Raises OSError."""
    if not run.output.path.is_file():  # a device or a pipe, which keeps nothing
        return
    head = {
        "settings": checkpoint.settings,
        "output": stamp_of(run.output.path)[:2],
        "counts": checkpoint.counts,
    }
    with replacing(run.manifest) as file, gzip.GzipFile("", "wb", 6, file, 0) as lines:
        lines.write(json.dumps(head).encode() + b"\n")
        with open(run.listing, "rb") as listing:
            for line in listing:
                lines.write(line)


def _packed_lines(path: Path) -> Generator[bytes]:
    """The lines of a packed file, as far as they can be read."""
    with contextlib.suppress(OSError, EOFError, zlib.error), gzip.open(path, "rb") as lines:
        yield from lines


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file; the last one is left out if it is not whole."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as lines:
        yield from (line for line in lines if line.endswith(b"\n"))
