"""A folder of pages that is being labelled, and what a person does to it.

Everything that a person does is a change: a list of edits, each of one page, with what was there
before. So it can be undone and done again, also where a key sets the same text on many pages. A
change is written to the labelled files before the method returns; if one of them cannot be
written, nothing of the change remains.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clutter.annotate.files import UNKNOWN, AnnotatedPage, ChangedError, Guess, read, read_folder
from clutter.errors import ClutterError, InputError, LabelledError
from clutter.labelled import DOUBT, UNLABELLED
from clutter.page import KINDS, LABELS

ALIKE, ALL, NONE = "alike", "all", "none"
"""Which lines with the same text are set together with a line: those that were guessed alike (the
same error, or the same right guess), all that nobody has set, or none."""


@dataclass
class Edit:
    """What is changed of a page: of lines (by index) and of the kind what a person had set before
    and has set after, and the other head lines before and after."""

    page: AnnotatedPage
    lines: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    kind: tuple[str | None, str | None] | None = None
    head: tuple[dict[str, str], dict[str, str]] | None = None

    def put(self, side: int) -> None:
        """Make the page as it was before (0) or as it is after (1) the edit."""
        for row, states in self.lines.items():
            self.page.set[row] = states[side]
        if self.kind is not None:
            self.page.kind = self.kind[side]
        if self.head is not None:
            self.page.head = dict(self.head[side])


Change = list[Edit]


class Project:
    """The pages of a folder. Threads may share it. Raises LabelledError, OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = read_folder(folder)
        self.lock = threading.RLock()
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._places: dict[str, list[tuple[AnnotatedPage, int]]] = {}
        self._find_places()

    def page(self, number: int) -> AnnotatedPage:
        """A page by its number, from 0. It is read again if another program has changed its file.
        Raises InputError if there is no such page; LabelledError, OSError."""
        if not 0 <= number < len(self.pages):
            raise InputError(f"there is no page {number}")
        with self.lock:
            if self.pages[number].is_changed:
                self._read_again(number)
            return self.pages[number]

    def seen(self, number: int, version: Sequence[int], *, with_guesses: bool) -> int:
        """The number of a page, if a person who was shown this ``version`` has seen its lines as
        they are now, and ``with_guesses`` also what is guessed of them. Else a label could go to
        another line than it was meant for. Raises ChangedError if not; else as ``page``."""
        parts = 2 if with_guesses else 1
        page = self.page(number)
        if tuple(version[:parts]) != page.version[:parts]:
            raise ChangedError(
                f"{page.path}: is no longer as it was shown (new guesses, or another program has "
                "changed it), so nothing was set; look at it again"
            )
        return number

    def alike(self, page: AnnotatedPage, row: int) -> list[tuple[AnnotatedPage, int]]:
        """All lines of the project with the text of this line, itself among them."""
        return self._places[page.keys[row]]

    def set_lines(
        self, number: int, rows: Sequence[int], label: str | None, same: str = ALIKE
    ) -> Change:
        """Give lines of a page a label; "?" leaves them open on purpose, and None makes them
        guesses again. ``same`` says which lines with the same text, here and on all pages that
        are not read, are set too. What a person has set is never set by this.

        Raises InputError for an unknown label or line; ChangedError, LabelledError, OSError.
        """
        if label not in (*LABELS, UNLABELLED, None) or same not in (ALIKE, ALL, NONE):
            raise InputError(f"unknown label {label!r}, or unknown choice {same!r}")
        with self.lock:
            page = self.page(number)
            _check_rows(page, rows)
            edits: dict[int, Edit] = {}

            def put(page: AnnotatedPage, row: int) -> None:
                if page.set[row] != label:
                    edit = edits.setdefault(id(page), Edit(page))
                    edit.lines.setdefault(row, (page.set[row], label))

            for row in rows:
                put(page, row)
            if same != NONE and label is not None:
                guesses: dict[str, set[str]] = {}
                for row in rows:
                    guesses.setdefault(page.keys[row], set()).add(page.guess[row][0])
                for key, guessed in guesses.items():
                    for other, there in self._places[key]:
                        is_alike = same == ALL or other.guess[there][0] in guessed
                        if other.set[there] is None and not other.is_read and is_alike:
                            put(other, there)
            return self._do(list(edits.values()))

    def accept(self, number: int, rows: Sequence[int] | None = None) -> Change:
        """Set lines of a page to what the model guesses; by default all that nobody has set.
        Raises as ``set_lines``."""
        with self.lock:
            page = self.page(number)
            _check_rows(page, rows or ())
            wanted = page.left if rows is None else set(page.left).intersection(rows)
            return self._do([Edit(page, _accepted(page, wanted))])

    def mark(self, number: int, is_read: bool) -> Change:
        """Mark a page as read, which accepts what is left; or as not read. A kind that the model
        doubts stays a guess. Raises as ``set_lines``."""
        with self.lock:
            page = self.page(number)
            edit = Edit(page, _accepted(page, page.left) if is_read else {})
            head = {k: v for k, v in page.head.items() if k not in ("read", "read-at", "corrected")}
            head["read"] = "yes" if is_read else "no"
            if is_read:
                head["read-at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                head["corrected"] = str(sum(_is_corrected(page, row) for row in page.rows))
                if page.kind is None and page.kind_guess[1] >= DOUBT:
                    edit.kind = (None, page.kind_guess[0])
            edit.head = (page.head, head)
            return self._do([edit])

    def set_kind(self, number: int, kind: str | None) -> Change:
        """Say of which kind a page is; None makes it a guess again. Raises as ``set_lines``."""
        if kind not in (*KINDS, None):
            raise InputError(f"unknown kind {kind!r}")
        with self.lock:
            page = self.page(number)
            return self._do([Edit(page, kind=(page.kind, kind))])

    def undo(self) -> Change:
        """Take the last change back; an empty change if there is none. Raises as ``set_lines``."""
        return self._move(self._done, self._undone, 0)

    def redo(self) -> Change:
        """Do what was undone again. Raises as ``set_lines``."""
        return self._move(self._undone, self._done, 1)

    def take_guesses(self, guesses: Mapping[str, tuple[Sequence[Guess], Guess]]) -> None:
        """Take new guesses for pages, by name: of every line and of the kind. What a person has set
        stays, and so do pages that were read or changed meanwhile. Raises OSError; LabelledError
        for files that another program has broken, when all other pages have their guesses."""
        broken: list[str] = []
        with self.lock:
            for number, page in enumerate(self.pages):
                of_lines, of_kind = guesses.get(page.name, ((), UNKNOWN))
                if page.is_read or len(of_lines) != len(page.lines):
                    continue
                if (page.guess, page.kind_guess) == (of_lines, of_kind):
                    continue
                page.guess, page.kind_guess = list(of_lines), of_kind
                page.version = page.version[0], page.version[1] + 1
                try:
                    page.write()
                except ChangedError:
                    try:
                        self._read_again(number)
                    except LabelledError as error:
                        broken += error.problems
        if broken:
            raise LabelledError(broken)

    def _do(self, change: Change) -> Change:
        change = [edit for edit in change if edit.lines or edit.kind or edit.head]
        if not change:
            return []
        self._apply(change, 1)
        self._done.append(change)
        self._undone.clear()
        return change

    def _move(self, source: list[Change], target: list[Change], side: int) -> Change:
        with self.lock:
            if not source:
                return []
            self._apply(source[-1], side)
            target.append(source.pop())
            return target[-1]

    def _apply(self, change: Change, side: int) -> None:
        written: Change = []
        for edit in change:
            edit.put(side)
            try:
                edit.page.write()
            except (ClutterError, OSError) as error:
                for other in [edit, *written]:
                    other.put(1 - side)
                for other in written:
                    with contextlib.suppress(ClutterError, OSError):  # the first error is told
                        other.page.write()
                if isinstance(error, ChangedError):
                    self._read_again(self.pages.index(edit.page))
                raise
            written.append(edit)

    def _read_again(self, number: int) -> None:
        """Read a page again. What was done before cannot be undone after this, since the lines may
        be others."""
        old = self.pages[number]
        new = read(old.path, old.name)
        new.version = old.version[0] + (new.lines != old.lines), old.version[1] + 1
        self.pages[number] = new
        self._done.clear()
        self._undone.clear()
        self._find_places()

    def _find_places(self) -> None:
        self._places.clear()
        for page in self.pages:
            for row in page.rows:
                self._places.setdefault(page.keys[row], []).append((page, row))


def _check_rows(page: AnnotatedPage, rows: Iterable[int]) -> None:
    unknown = set(rows).difference(page.rows)
    if unknown:
        raise InputError(f"{page.name}: there is no line {min(unknown) + 1} to label")


def _accepted(page: AnnotatedPage, rows: Iterable[int]) -> dict[int, tuple[str | None, str | None]]:
    return {row: (None, page.guess[row][0]) for row in rows}


def _is_corrected(page: AnnotatedPage, row: int) -> bool:
    return page.guess[row] != UNKNOWN and page.label(row) != page.guess[row][0]
