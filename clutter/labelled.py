"""The labelled-file format: one page per file, one label per line, edited by hand.

Training starts from pages that a person has labelled. Such files are edited in a text
editor and compared with git, so the format is plain text (labelled/README.md shows an
example): head lines ``# key: value``, then ``label<TAB>text`` for every line of the
page. The page's blank lines stay where they are, because they carry information. This
module reads, checks and writes the format. A check reports all problems in all files at
once: after labelling a hundred pages, one list is better than a hundred runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clutter import features
from clutter.errors import LabelledError
from clutter.files import files_below, replacing
from clutter.page import KINDS, LABELS, Page, unknown
from clutter.text import LINE_BREAK, site_of, utf8

UNLABELLED = "?"
"""The label of a line that nobody has labelled yet, or the kind of such a page; it is not trained
on."""

DOUBT = 0.8
"""Guesses of labels and kinds with a lower confidence are marked, for a person to check. On pages
of sites that were not in the training data, this marks a quarter of the lines and four of five
wrong guesses."""

_KNOWN = (*LABELS, UNLABELLED)
_READ = ("yes", "no")
_NOT_READ = "read is yes or no, not {!r}"
_GUESS = re.compile(r"(\w+)\?(0(?:\.\d+)?|1(?:\.0+)?)")
_HEAD = re.compile(r"# ([^\s:]+):(.*)")
_ESCAPED = re.compile(
    # control characters, line ends, marks of direction, bytes that are not UTF-8
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
    r"|^\s+|\s+\Z|%(?=[0-9A-Fa-f]{2})"
)
"""The characters of a path that are escaped in a head line."""
_ESCAPE = re.compile("(?:%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True)
class LabelledPage:
    """A page with a label for every line.

    ``name`` is the name of the file, ``head`` holds the head lines. ``lines`` are all
    lines of the page, including blank ones, without line breaks. ``labels`` has one entry
    per line: one of ``clutter.LABELS``, "?" for unlabelled, "" for a blank line. Lines
    marked as doubtful are unlabelled until a person has decided; for these, ``guesses``
    maps the index in ``lines`` to the model's guess and its confidence. ``main`` is empty, or has
    one entry per line: 1 if a reference text says that it is main content, 0 if not, -1 if
    nothing is known. ``first`` is the 1-based number of the page's first line in its file.
    """

    name: str
    head: dict[str, str]
    lines: tuple[str, ...]
    labels: tuple[str, ...]
    guesses: dict[int, tuple[str, float]] = field(default_factory=dict)
    main: tuple[int, ...] = ()
    first: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The page as a model sees it."""
        return "\n".join(self.lines)

    @property
    def lang(self) -> str:
        """The head's language code, or "und" (undetermined)."""
        return self.head.get("lang") or "und"

    @property
    def kind(self) -> str:
        """The head's kind of page, one of ``clutter.KINDS``, or "" if it is not known, or still
        marked as doubtful."""
        kind = self.head.get("kind", "")
        return kind if kind in KINDS else ""

    @property
    def is_unread(self) -> bool:
        """Whether the head says that nobody has read the page yet (``# read: no``): its guesses are
        guesses, and it is not trained on. A page without this line counts as it stands."""
        return self.head.get("read") == "no"

    @property
    def site(self) -> str:
        """The head's ``site``, else the host of its ``url``, else the page's name.

        Pages of one site look alike, so all of them must be in the same fold: either in
        training or in testing.
        """
        return self.head.get("site") or site_of(self.head.get("url", "")) or self.name


def read(path: str | os.PathLike[str]) -> LabelledPage:
    """Read a labelled file.

    Raises LabelledError with all problems in it; OSError if it cannot be read.
    """
    name = os.fspath(path)
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(LINE_BREAK.findall(data[: error.start].decode("utf-8"))) + 1
        byte = data[error.start]
        raise LabelledError(
            [f"{name}:{line}: not UTF-8: byte 0x{byte:02x} at position {error.start}"]
        ) from None
    return parse(text, name)


def read_all(paths: Iterable[str | os.PathLike[str]]) -> list[LabelledPage]:
    """Read labelled files. Of a folder, read all ``.tsv`` files in it and its subfolders, sorted.
    A file that is given twice is read once.

    Raises LabelledError with all problems in all files, or if a folder has no labelled
    file; OSError if something cannot be read.
    """
    files: dict[str, None] = {}
    problems: list[str] = []
    for path in [os.fspath(path) for path in paths]:
        if not os.path.isdir(path):
            files[path] = None
            continue
        tsv_files = list(files_below(path, ".tsv"))
        files |= dict.fromkeys(tsv_files)
        if not tsv_files:
            problems.append(f"{path}: no .tsv file in this folder or below")
    pages = []
    for file in files:
        try:
            pages.append(read(file))
        except LabelledError as error:
            problems += error.problems
    if problems:
        raise LabelledError(problems)
    return pages


def parse(text: str, name: str) -> LabelledPage:
    """The page in the text of a labelled file. ``name`` is for the page and for messages.

    Raises LabelledError with all problems in the text.
    """
    rows = LINE_BREAK.split(text)
    if rows[-1] == "":  # the last line break ends the last line
        rows.pop()
    filled = _filled(rows)
    if rows and filled[0]:
        rows[0] = rows[0].removeprefix("\ufeff")  # some editors put a byte order mark first
    start = next((i for i, row in enumerate(rows) if not row.startswith("#")), len(rows))
    head: dict[str, str] = {}
    problems: list[str] = []
    for number, row in enumerate(rows[:start], 1):
        match = _HEAD.fullmatch(row)
        if match is None:
            problems.append(f'{name}:{number}: a head line reads "# key: value"')
        elif match[1] in head:
            problems.append(f"{name}:{number}: a second head line {match[1]!r}")
        else:
            head[match[1]] = match[2].strip()
            if match[1] == "kind" and not _is_kind(head["kind"]):
                problems.append(f"{name}:{number}: {_unknown('kind', head['kind'], KINDS)}")
            if match[1] == "read" and head["read"] not in _READ:
                problems.append(f"{name}:{number}: {_NOT_READ.format(head['read'][:40])}")
    cells = [row.partition("\t") for row in rows]
    has_text = _filled([cell[2] for cell in cells])
    lines: list[str] = []
    labels: list[str] = []
    guesses: dict[int, tuple[str, float]] = {}
    for i in range(start, len(rows)):
        label, tab, line = cells[i]
        guess = _GUESS.fullmatch(label)
        if guess is not None and guess[1] in LABELS:
            guesses[i - start] = (guess[1], float(guess[2]))
            label = UNLABELLED
        if not filled[i]:
            label, line = "", rows[i]
        elif rows[i].startswith("# "):
            problems.append(f"{name}:{i + 1}: a head line below the first line of the page")
        elif not tab:
            problems.append(f"{name}:{i + 1}: no tab between label and text")
        elif label not in _KNOWN:
            problems.append(f"{name}:{i + 1}: {_unknown('label', label, LABELS)}")
        elif not has_text[i]:
            problems.append(f"{name}:{i + 1}: no text behind the label {label!r}")
        lines.append(line)
        labels.append(label)
    if not any(filled[start:]):
        problems.append(f"{name}:{len(rows) + 1}: the page has no lines")
    if problems:
        raise LabelledError(problems)
    return LabelledPage(name, head, tuple(lines), tuple(labels), guesses, first=start + 1)


def format_page(page: LabelledPage) -> str:
    """The text of the labelled file of a page: ``parse`` gives the same page back.

    Raises ValueError for a page that the format cannot hold: a line or head value with a
    line break in it, an unknown label or kind, a label on a blank line, a head value that
    begins or ends with a space.
    """
    rows = []
    for key, value in page.head.items():
        match = _HEAD.fullmatch(f"# {key}: {value}")
        is_same = match is not None and (match[1], match[2].strip()) == (key, value)
        if not is_same or LINE_BREAK.search(value):
            raise ValueError(f"{page.name}: invalid head line: {key!r}: {value!r}")
        if key == "kind" and not _is_kind(value):
            raise ValueError(f"{page.name}: {_unknown('kind', value, KINDS)}")
        if key == "read" and value not in _READ:
            raise ValueError(f"{page.name}: {_NOT_READ.format(value[:40])}")
        rows.append(f"# {key}: {value}".rstrip())
    if LINE_BREAK.search("".join(page.lines)):
        raise ValueError(f"{page.name}: a line holds a line break")
    filled = _filled(page.lines)
    labels = list(page.labels)
    for i, (label, confidence) in page.guesses.items():
        if labels[i] != UNLABELLED:
            raise ValueError(f"{page.name}: a guess, but the line has the label {labels[i]!r}")
        if label not in LABELS:
            raise ValueError(f"{page.name}: {unknown('label', label, LABELS)}")
        labels[i] = f"{label}?{confidence:.2f}"
    for i, (label, line, is_filled) in enumerate(zip(labels, page.lines, filled, strict=True)):
        if is_filled and i not in page.guesses and label not in _KNOWN:
            raise ValueError(f"{page.name}: {_unknown('label', label, LABELS)}")
        if label and not is_filled:
            raise ValueError(f"{page.name}: label {label!r} on a blank line")
        rows.append(f"{label}\t{line}" if is_filled else line)
    return "\n".join(rows) + "\n"


def write(page: LabelledPage, path: str | os.PathLike[str]) -> None:
    """Write a labelled file, completely or not at all. Lone surrogates become U+FFFD.

    Raises ValueError like ``format_page``; OSError if the file cannot be written.
    """
    data = utf8(format_page(page))
    with replacing(path) as file:
        file.write(data)


def from_page(
    page: Page, name: str, head: Mapping[str, str] | None = None, *, doubt: float = DOUBT
) -> LabelledPage:
    """A labelled page with the model's labels and kind, for a person to correct.

    ``html`` in ``head`` is a path; characters that no head line can hold are escaped in it. All
    lines of ``page.text`` are kept, including blank ones. A kind and lines with a confidence below
    ``doubt``, and always the least certain line of the page, are marked as doubtful; they are
    unlabelled until a person has decided (after the uncertainty sampling of Lewis and
    Gale, 1994). With a ``doubt`` above 1 all of them are.
    """
    lines = LINE_BREAK.split(page.text)
    labels = [""] * len(lines)
    least = min(page.lines, key=lambda line: line.confidence, default=None)
    guesses: dict[int, tuple[str, float]] = {}
    for line in page.lines:
        labels[line.number - 1] = line.label
        if line.confidence < doubt or line is least:
            labels[line.number - 1] = UNLABELLED
            guesses[line.number - 1] = (line.label, round(line.confidence, 2))
    escaped = {k: path_for_head(v) if k == "html" else v for k, v in (head or {}).items()}
    escaped["kind"] = marked_kind(page, doubt)
    return LabelledPage(name, escaped, tuple(lines), tuple(labels), guesses)


def marked_kind(page: Page, doubt: float = DOUBT) -> str:
    """The kind of a page, with its confidence if the model is not sure of it: article?0.55."""
    sure = page.kind_confidence >= doubt
    return page.kind if sure else f"{page.kind}?{page.kind_confidence:.2f}"


def path_for_head(path: str) -> str:
    """A path as the value of a head line. Line breaks and other control characters, bytes that
    are not UTF-8, and white space at the ends become %XX, as in URLs; so do signs % that look
    like the start of such an escape. All other names stay as they are."""

    def escape(match: re.Match[str]) -> str:
        try:
            data = match[0].encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # a surrogate that is in no name of a file
            data = match[0].encode("utf-8", "surrogatepass")
        return "".join([f"%{byte:02X}" for byte in data])

    return _ESCAPED.sub(escape, path)


def path_from_head(value: str) -> str:
    """The path in the value of a head line: the reverse of ``path_for_head``."""

    def unescape(match: re.Match[str]) -> str:
        return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape")

    return _ESCAPE.sub(unescape, value)


def guess_of(value: str) -> tuple[str, float] | None:
    """The name and the confidence in a marked guess of a label or kind ("nav?0.43"), or None."""
    match = _GUESS.fullmatch(value)
    return None if match is None else (match[1], float(match[2]))


def unfinished(pages: Sequence[LabelledPage]) -> list[str]:
    """What is left to label, one message per page: for unread pages, pages without any label, and
    pages with guesses still marked as doubtful. Lines and kinds with only "?" do not count: they
    were left unlabelled on purpose."""
    left = []
    for page in pages:
        lines = sum(label != "" for label in page.labels)
        if page.is_unread:
            left.append(f"{page.name}: not read yet (# read: no)")
            continue
        if not any(label in LABELS for label in page.labels):
            left.append(f"{page.name}: not labelled yet")
            continue
        doubtful = [f"{len(page.guesses)} of {lines} lines"] if page.guesses else []
        if _GUESS.fullmatch(page.head.get("kind", "")):
            doubtful.append("the kind")
        if doubtful:
            left.append(f"{page.name}: {' and '.join(doubtful)} still marked as doubtful")
    return left


def _is_kind(value: str) -> bool:
    """Whether this may stand in a head line as the kind of a page: a kind, a guess, or nothing."""
    guess = _GUESS.fullmatch(value)
    return (value if guess is None else guess[1]) in (*KINDS, UNLABELLED, "")


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    return f"{unknown(what, name, known)}, ? (unlabelled)"


def _filled(lines: Sequence[str]) -> list[bool]:
    """Which lines are not blank, by the model's rules."""
    filled = np.zeros(len(lines), bool)
    filled[features.split(["\n".join(lines)]).number - 1] = True
    return filled.tolist()
