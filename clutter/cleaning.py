"""How a page becomes a clean record: the one way that every kind of batch shares.

A folder on one machine, record batches on a cluster, items in a scraper: what they read
and write differs, what is done to each page must not. :func:`clean_many` takes some pages at
a time and gives for each its clean text, or the reason why there is none. One bad page among
millions is an entry in a list, never the end of the run.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clutter.errors import CleaningError, ClutterError, DecodingError, EncodingError, ModelError
from clutter.model import Model, load
from clutter.options import DEFAULT, CleanOptions
from clutter.page import LABELS, Line, Page
from clutter.text import LINE_BREAK, decoded, utf8

if TYPE_CHECKING:
    from clutter.repetition import Repetition

__all__ = [
    "DEFAULT",
    "CleanOptions",
    "Cleaned",
    "CleaningError",
    "Content",
    "clean_many",
    "clean_record",
    "count",
    "load_model",
    "text_of",
]


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

    def fields(self) -> dict[str, Any]:
        """What a record gains: ``text`` and ``title``, and ``lines`` where they were asked for."""
        new: dict[str, Any] = {"text": self.text, "title": self.title}
        if self.lines is not None:
            new["lines"] = self.rows()
        return new


def clean_many(
    contents: Sequence[Content], options: CleanOptions, repetition: Repetition | None = None
) -> list[Cleaned | str]:
    """Clean pages; for one that cannot be read or cleaned, the reason, in a few words. With
    ``repetition``, lines that many pages of their site repeat count as less likely body.

    Raises ModelError and OSError for a model that cannot be used, MissingLibraryError for HTML
    without its reader.
    """
    model = load_model(options)
    contents = [content._replace(data=_without_surrogates(content.data)) for content in contents]
    answers: list[Cleaned | str] = [""] * len(contents)
    texts: dict[int, str] = {}
    pages: dict[int, tuple[str | bytes, str | None]] = {}
    for i, content in enumerate(contents):
        if content.data is None:
            answers[i] = "no page: the field is empty"
        elif content.is_html:
            pages[i] = (content.data, content.encoding or options.encoding)
        elif options.format == "markdown":
            answers[i] = "plain text; markdown takes HTML"
        else:
            try:
                encoding = content.encoding or options.encoding or "utf-8"
                texts[i] = decoded(content.data, encoding)
            except (DecodingError, EncodingError) as error:
                answers[i] = str(error)
    try:
        for i, page in zip(texts, model.label_many(texts.values()), strict=True):
            answers[i] = _cleaned(page, contents[i], options, repetition)
        if pages:  # plain text needs no reader of HTML
            html_pages = model.label_html_many(pages.values(), errors="return")
            for i, answer in zip(pages, html_pages, strict=True):
                if isinstance(answer, ClutterError):
                    answers[i] = str(answer)
                else:
                    answers[i] = _cleaned(answer, contents[i], options, repetition)
    except (ImportError, MemoryError, ModelError, OSError):  # which no other page would change
        raise
    except Exception as error:
        # nobody has seen a page yet that does this, but there are many pages
        if len(contents) == 1:
            return [f"{type(error).__name__}: {error}"]
        return [one for content in contents for one in clean_many([content], options, repetition)]
    return answers


def text_of(content: Content, options: CleanOptions) -> str:
    """The lines of a page as a model sees them, "" where it cannot be read."""
    try:
        if content.data is None:
            return ""
        if not content.is_html:
            return decoded(content.data, content.encoding or options.encoding or "utf-8")
        from clutter.html.lines import read

        return read(content.data, content.encoding or options.encoding).text
    except (ValueError, LookupError):
        return ""


def count(answers: Sequence[Cleaned | str]) -> Counter[str]:
    """What went through, of some pages together: ``pages`` and ``errors``, ``lines/LABEL`` for
    each label, ``characters`` of lines, and how many of them were ``characters/kept``."""
    counts: Counter[str] = Counter()
    for one in answers:
        counts.update({"errors": 1} if isinstance(one, str) else one.counts)
    return counts


def clean_record(fields: Mapping[str, Any], page: Cleaned, options: CleanOptions) -> dict[str, Any]:
    """A clean record: the fields beside the page, and those that it gains."""
    names = options.renamed_fields(list(fields))
    return {names[key]: value for key, value in fields.items()} | page.fields()


def load_model(options: CleanOptions) -> Model:
    """The model of these options, kept in memory. Raises ModelError, OSError."""
    return _load(options.model)


@functools.lru_cache(4)
def _load(path: str | None) -> Model:
    return load(path)


def _without_surrogates(data: str | bytes | None) -> str | bytes | None:
    """A page without lone surrogates, which JSON may hold and no file can: they become U+FFFD."""
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError:
            return utf8(data).decode()
    return data


def _cleaned(
    page: Page, content: Content, options: CleanOptions, repetition: Repetition | None
) -> Cleaned:
    if repetition is not None:
        repetition.weigh(page, content.site)
    if options.format == "text":
        text = page.clean(keep=options.keep, threshold=options.threshold)
    else:
        from clutter.html.page import HtmlPage

        assert isinstance(page, HtmlPage)  # plain text was refused
        text = page.clean(keep=options.keep, threshold=options.threshold, format=options.format)
    size = page.end - page.start
    labels = np.bincount(page.probabilities.argmax(axis=1), minlength=len(LABELS))
    kept = page.kept(keep=options.keep, threshold=options.threshold)
    counts = {
        "pages": 1,
        "characters": int(size.sum()),
        "characters/kept": int(size[kept].sum()),
    }
    counts |= {f"lines/{label}": n for label, n in zip(LABELS, labels.tolist(), strict=True)}
    line_break = LINE_BREAK.search(page.text)
    newline = line_break[0] if line_break else "\n"
    return Cleaned(text, page.title, page.lines if options.lines else None, newline, counts)
