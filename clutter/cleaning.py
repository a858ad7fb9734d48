"""How a page becomes a clean record: the one way that every kind of batch shares.

A folder on one machine, record batches on a cluster, items in a scraper: what they read
and write differs, what is done to each page must not. This room holds the settings of a
run (:class:`Cleaning`, small and picklable, so that it travels to other processes and
machines) and :func:`clean_many`, which takes some pages at a time and answers for each
with its clean text, or with the reason why there is none. One bad page among millions is
an entry in a list, never the end of the run.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clutter.labelled import LINE_BREAK, unknown_label, utf8
from clutter.model import Model, ModelError, load
from clutter.page import KEPT, LABELS, Line, Page

if TYPE_CHECKING:
    from clutter.repeats import Repeats

FORMATS = ("text", "markdown")
"""What clean text can look like."""

CONTENT = ("html", "text")
"""Fields that hold a record's page where no other is named: the first of them that is there.
What is read from ``html`` is HTML, what from ``text`` plain text."""


class CleaningError(ValueError):
    """Settings that cannot be, and why."""


@dataclass(frozen=True)
class Cleaning:
    """How pages are cleaned.

    ``model`` is a model file (None: the shipped model), ``keep``, ``threshold`` and
    ``format`` are those of ``Page.clean``; with ``lines``, every line comes with its label
    and confidence too. ``text`` or ``html`` names the field of a record that holds its page;
    without either, it is ``html`` where a record has that, else ``text``. ``encoding`` is
    that of bytes (None: UTF-8; of HTML what it declares or looks like).

    Raises CleaningError for settings that do not exist.
    """

    model: str | None = None
    keep: tuple[str, ...] = KEPT
    threshold: float = 0.5
    format: str = "text"
    lines: bool = False
    text: str | None = None
    html: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", tuple(self.keep))
        unknown = [label for label in self.keep if label not in LABELS]
        if unknown:
            raise CleaningError(f"keep: {unknown_label(unknown[0])}")
        if not 0 <= self.threshold <= 1:
            raise CleaningError(f"threshold: a number from 0 to 1, not {self.threshold}")
        if self.format not in FORMATS:
            raise CleaningError(
                f"format: unknown {self.format!r}; there are {' and '.join(FORMATS)}"
            )
        if self.text is not None and self.html is not None:
            raise CleaningError("text or html names the field of the page, not both")
        if self.text is not None and self.format == "markdown":
            raise CleaningError(f"markdown takes HTML, and {self.text!r} is plain text")

    def field(self, names: Sequence[str]) -> str:
        """The field that holds the page, of a record with fields of these names. Raises
        CleaningError where there is none."""
        wanted = [name for name in (self.html, self.text) if name is not None] or CONTENT
        for name in wanted:
            if name in names:
                return name
        there = ", ".join(names) or "none"
        raise CleaningError(
            f"no field {' or '.join(map(repr, wanted))}; there are: {there}; "
            "text or html names the right one"
        )

    def is_html(self, field: str) -> bool:
        """Whether what the field holds is HTML."""
        return field == (self.html or (CONTENT[0] if self.text is None else None))

    @property
    def gained(self) -> tuple[str, ...]:
        """The fields that a record gains."""
        return ("text", "title", "lines") if self.lines else ("text", "title")

    def renamed(self, names: Sequence[str]) -> dict[str, str]:
        """What the fields that a record keeps are called, that of its page not among them: as
        they were, but ``original_NAME`` where it gains one of that name, in whatever case: to
        Spark, ``Title`` and ``title`` are one column."""
        reserved = {*self.gained, "error"}
        taken = {name.lower() for name in names} | reserved
        kept: dict[str, str] = {}
        for name in names:
            new = name
            while name.lower() in reserved and new.lower() in taken:
                new = f"original_{new}"
            taken.add(new.lower())
            kept[name] = new
        return kept


DEFAULT = Cleaning()


class Content(NamedTuple):
    """A page as it was found. ``encoding`` is what is known of bytes, from a header say;
    ``site`` names the site, where that is known."""

    data: str | bytes | None
    is_html: bool = False
    encoding: str | None = None
    site: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What comes of a page: its clean text, its headline, and every line where that was asked
    for. ``newline`` is the page's own kind of line break. ``counts`` is what ``count`` adds up."""

    text: str
    title: str | None
    lines: list[Line] | None
    newline: str
    counts: dict[str, int]

    @property
    def file(self) -> str:
        """The clean text as a file of its own: with the page's line breaks, one at the end."""
        return (self.text + "\n" if self.text else "").replace("\n", self.newline)

    def rows(self) -> list[dict[str, object]]:
        """The lines as records hold them."""
        return [asdict(x) | {"confidence": round(x.confidence, 4)} for x in self.lines or ()]


def clean_many(
    contents: Sequence[Content], how: Cleaning, repeats: Repeats | None = None
) -> list[Cleaned | str]:
    """Clean pages; for one that cannot be read or cleaned, the reason, in a few words. With
    ``repeats``, lines that stand on many pages of their site count as less likely body.

    Raises ModelError and OSError for a model that cannot be used, ImportError for HTML
    without its reader.
    """
    model = load_model(how)
    contents = [content._replace(data=_whole(content.data)) for content in contents]
    found: list[Cleaned | str] = [""] * len(contents)
    texts: dict[int, str] = {}
    pages: dict[int, tuple[str | bytes, str | None]] = {}
    for i, content in enumerate(contents):
        if content.data is None:
            found[i] = "no page: the field is empty"
        elif content.is_html:
            pages[i] = (content.data, content.encoding or how.encoding)
        elif how.format == "markdown":
            found[i] = "plain text; markdown takes HTML"
        else:
            try:
                texts[i] = decoded(content.data, content.encoding or how.encoding or "utf-8")
            except (UnicodeError, LookupError) as error:
                found[i] = str(error)
    try:
        for i, page in zip(texts, model.label_many(texts.values()), strict=True):
            found[i] = _cleaned(page, contents[i], how, repeats)
        if pages:  # plain text needs no reader of HTML
            for i, answer in zip(pages, model.try_html(pages.values()), strict=True):
                if isinstance(answer, Exception):
                    found[i] = str(answer)
                else:
                    found[i] = _cleaned(answer, contents[i], how, repeats)
    except (ImportError, MemoryError, ModelError, OSError):  # which no other page would change
        raise
    except Exception as error:
        # nobody has seen a page yet that does this, but there are many pages
        if len(contents) == 1:
            return [f"{type(error).__name__}: {error}"]
        return [one for content in contents for one in clean_many([content], how, repeats)]
    return found


def text_of(content: Content, how: Cleaning) -> str:
    """The lines of a page as a model sees them, "" where it cannot be read."""
    try:
        if content.data is None:
            return ""
        if not content.is_html:
            return decoded(content.data, content.encoding or how.encoding or "utf-8")
        from clutter.html import read

        return read(content.data, content.encoding or how.encoding).text
    except (ValueError, LookupError):
        return ""


def count(found: Sequence[Cleaned | str]) -> Counter[str]:
    """What went through, of some pages together: ``pages`` and ``errors``, ``lines/LABEL`` for
    each label, ``characters`` of lines, and how many of them were ``characters/kept``."""
    counts: Counter[str] = Counter()
    for one in found:
        counts.update({"errors": 1} if isinstance(one, str) else one.counts)
    return counts


def record(fields: Mapping[str, Any], page: Cleaned, how: Cleaning) -> dict[str, Any]:
    """A clean record: the fields beside the page, and those that it gains."""
    names = how.renamed(list(fields))
    new: dict[str, Any] = {"text": page.text, "title": page.title}
    if how.lines:
        new["lines"] = page.rows()
    return {names[key]: value for key, value in fields.items()} | new


def load_model(how: Cleaning) -> Model:
    """The model of these settings, kept in memory. Raises ModelError, OSError."""
    return _load(how.model)


@functools.lru_cache(4)
def _load(path: str | None) -> Model:
    return load(path)


def _whole(data: str | bytes | None) -> str | bytes | None:
    """A page without lone surrogates, which JSON may hold and no file can: they become U+FFFD."""
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError:
            return utf8(data).decode()
    return data


def decoded(data: str | bytes, encoding: str) -> str:
    """The text of a page of plain text, line breaks as they are. Raises UnicodeError, with what
    to do; LookupError for an unknown encoding."""
    if isinstance(data, str):
        return data
    try:
        return bytes(data).decode(encoding)
    except UnicodeDecodeError as error:
        byte = bytes(data[error.start : error.start + 1]).hex()
        raise UnicodeError(
            f"not {encoding.upper()}: byte 0x{byte} at position {error.start}; "
            "name the right encoding, for example cp1252"
        ) from None
    except UnicodeError as error:
        raise UnicodeError(f"not {encoding.upper()}: {error}") from None


def _cleaned(page: Page, content: Content, how: Cleaning, repeats: Repeats | None) -> Cleaned:
    if repeats is not None:
        repeats.weigh(page, content.site)
    if how.format == "text":
        text = page.clean(how.keep, how.threshold)
    else:
        from clutter.html import HtmlPage

        assert isinstance(page, HtmlPage)  # plain text was refused
        text = page.clean(how.keep, how.threshold, how.format)
    size = page.end - page.start
    labels = np.bincount(page.probabilities.argmax(axis=1), minlength=len(LABELS))
    counts = {
        "pages": 1,
        "characters": int(size.sum()),
        "characters/kept": int(size[page.kept(how.keep, how.threshold)].sum()),
    }
    counts |= {f"lines/{label}": n for label, n in zip(LABELS, labels.tolist(), strict=True)}
    found = LINE_BREAK.search(page.text)
    newline = found[0] if found else "\n"
    return Cleaned(text, page.title, page.lines if how.lines else None, newline, counts)
