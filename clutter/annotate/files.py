"""A page that is being labelled, and its labelled file.

The labelled file is the only place where work is kept: whatever a person sets is in it before the
browser hears of it. So each line is in one of two states that the file can hold: set by a person
(``nav``), or a guess of the model (``nav?0.43``). The file may also be changed by an editor
meanwhile; that work is not overwritten, but read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from clutter import labelled
from clutter.errors import ClutterError, LabelledError
from clutter.files import files_below
from clutter.labelled import UNLABELLED, LabelledPage
from clutter.page import LABELS

Guess = tuple[str, float]
"""A label or kind that the model guesses, and its confidence (0 to 1)."""

UNKNOWN: Guess = (UNLABELLED, 0.0)
"""In place of a guess, where there is none yet."""


_NO_FILE = (0, 0, 0)


class ChangedError(ClutterError, RuntimeError):
    """A labelled file was changed by another program, so it is not overwritten."""


@dataclass
class AnnotatedPage:
    """A page: its lines, what a person has set, and what the model guesses.

    ``lines``, ``set`` and ``guess`` have an entry for every line, including blank ones. ``set`` has
    the label that a person has given ("?" for a line that is left open on purpose), or None.
    ``guess`` is what a model says that was not trained on this page. ``kind`` and ``kind_guess``
    are the same for the kind of the page. ``head`` has all other head lines. ``rows`` are the
    indices of the lines that are not blank. ``version`` counts how often the lines, and how often
    the guesses, have become others since the program began.
    """

    path: Path
    name: str
    lines: tuple[str, ...]
    rows: list[int]
    head: dict[str, str]
    set: list[str | None]
    guess: list[Guess]
    kind: str | None
    kind_guess: Guess
    version: tuple[int, int] = (0, 0)
    stamp: tuple[int, int, int] = field(default=_NO_FILE, repr=False)

    @cached_property
    def keys(self) -> list[str]:
        """For each line, what is the same for lines that a reader takes for the same text."""
        return [" ".join(line.split()) for line in self.lines]

    @property
    def is_read(self) -> bool:
        """Whether a person has read the page: it is trained on. A file that does not say so was
        made by hand, and counts as read if every line has a label."""
        read = self.head.get("read")
        return read == "yes" if read else all(self.set[row] is not None for row in self.rows)

    @property
    def left(self) -> list[int]:
        """The indices of the lines that nobody has set."""
        return [row for row in self.rows if self.set[row] is None]

    @property
    def doubtful(self) -> list[int]:
        """The indices of the lines that nobody has set, and that the model is not sure of."""
        return [row for row in self.left if self.guess[row][1] < labelled.DOUBT]

    @property
    def shown_kind(self) -> str:
        """The kind of the page: set or guessed."""
        return self.kind or self.kind_guess[0]

    def label(self, row: int) -> str:
        """The label of a line: set or guessed."""
        return self.set[row] or self.guess[row][0]

    def labelled(self) -> LabelledPage:
        """The page as its labelled file holds it."""
        labels = [""] * len(self.lines)
        guesses: dict[int, Guess] = {}
        for row in self.rows:
            labels[row] = self.set[row] or UNLABELLED
            if self.set[row] is None and self.guess[row][0] in LABELS:
                guesses[row] = self.guess[row]
        kind, sure = self.kind_guess
        head = self.head | {"kind": self.kind or (kind and f"{kind}?{sure:.2f}")}
        if not head["kind"]:
            del head["kind"]
        return LabelledPage(str(self.path), head, self.lines, tuple(labels), guesses)

    @property
    def is_changed(self) -> bool:
        """Whether another program has changed the labelled file since it was read or written."""
        return _stamp(self.path) not in (self.stamp, _NO_FILE)

    def write(self) -> None:
        """Write the labelled file, whole or not at all. Raises ChangedError if it is not as it was
        written or read last; OSError."""
        if self.is_changed:
            raise ChangedError(
                f"{self.path}: was changed by another program and has been read again; your last "
                "change is not in it"
            )
        labelled.write(self.labelled(), self.path)
        self.stamp = _stamp(self.path)


def read(path: Path, name: str) -> AnnotatedPage:
    """Read a labelled file; ``name`` is for people. Raises LabelledError, OSError."""
    stamp = _stamp(path)
    page = labelled.read(path)
    rows = [row for row, label in enumerate(page.labels) if label]
    is_new = all(page.labels[row] == UNLABELLED for row in rows) and "read" not in page.head
    chosen: list[str | None] = [None] * len(page.lines)
    guess = [page.guesses.get(row, UNKNOWN) for row in range(len(page.lines))]
    for row in rows:
        # a line that has neither label nor guess was left open on purpose, unless all have
        if row not in page.guesses and not is_new:
            chosen[row] = page.labels[row]
            guess[row] = (page.labels[row], 1.0)
    head = dict(page.head)
    kind = head.pop("kind", "")
    kind_guess = labelled.guess_of(kind)
    return AnnotatedPage(
        path=path,
        name=name,
        lines=page.lines,
        rows=rows,
        head=head,
        set=chosen,
        guess=guess,
        kind=kind if kind == UNLABELLED else page.kind or None,
        kind_guess=kind_guess or (page.kind, 0.0),
        stamp=stamp,
    )


def read_folder(folder: Path) -> list[AnnotatedPage]:
    """Read all labelled files in a folder and below, sorted by path.

    Raises LabelledError with all problems in all files; OSError.
    """
    problems: list[str] = []
    pages = []
    for file in files_below(folder, ".tsv"):
        try:
            pages.append(read(Path(file), os.path.relpath(file, folder)))
        except LabelledError as error:
            problems += error.problems
    if problems:
        raise LabelledError(problems)
    return pages


def _stamp(path: Path) -> tuple[int, int, int]:
    """What tells this state of a file from another."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return _NO_FILE
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
