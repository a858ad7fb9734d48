"""How a page becomes a clean record: the code that every kind of batch shares.

A folder on one machine, record batches on a cluster and items in a scraper differ in what they
read and write, but each page must be cleaned in the same way. :func:`clean_many` takes several
pages and returns for each its clean text, or the reason why there is none. One bad page among
millions is one entry in a list of errors; it never stops the run.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clutter.errors import CleaningError, ClutterError, DecodingError, EncodingError, ModelError
from clutter.model import Model, load
from clutter.options import DEFAULT, CleanOptions
from clutter.page import KINDS, LABELS, Line, Page
from clutter.text import LINE_BREAK, decoded, plural, utf8

if TYPE_CHECKING:
    from clutter.repetition import Repetition

__all__ = [
    "DEFAULT",
    "CleanOptions",
    "Cleaned",
    "CleaningError",
    "Content",
    "Dropped",
    "clean_many",
    "clean_record",
    "count",
    "label_contents",
    "load_model",
    "of_other_kinds",
    "text_of",
]


MAX_PAGE_BYTES = 20_000_000
"""Longer pages are not read, in bytes. No article is nearly as long, and labelling takes many
times the memory of a page."""


class Content(NamedTuple):
    """A page as it was read. ``encoding`` is the encoding of bytes, for example from an HTTP
    header, or None; ``site`` is the name of the page's site, or ""; ``url`` is the address that it
    was loaded from, or None."""

    data: str | bytes | None
    is_html: bool = False
    encoding: str | None = None
    site: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result for one page: its clean text, its headline, and all its lines if
    ``CleanOptions.lines`` is set. ``newline`` is the line break that the page uses. ``counts`` are
    the page's numbers for ``count``. ``page`` is the labelled page, ``url`` its address if known.
    """

    text: str
    title: str | None
    lines: list[Line] | None
    newline: str
    counts: dict[str, int]
    page: Page = field(compare=False, repr=False)
    url: str | None

    @property
    def file(self) -> str:
        """The clean text as the content of a file: with the page's own line breaks, also at the
        end."""
        return (self.text + "\n" if self.text else "").replace("\n", self.newline)

    def rows(self) -> list[dict[str, object]]:
        """The lines as dicts, as records hold them. Confidences have four decimals."""
        return [asdict(x) | {"confidence": round(x.confidence, 4)} for x in self.lines or ()]

    def fields(self) -> dict[str, Any]:
        """The new fields of a record: ``text``, ``title``, ``kind`` and ``metadata``, and ``lines``
        if they are there. ``metadata`` is read here, because files of clean text have no use for
        it.

        Raises MissingLibraryError for HTML if dateparser is not installed.
        """
        metadata = asdict(self.page.metadata_at(self.url))
        new: dict[str, Any] = {
            "text": self.text,
            "title": self.title,
            "kind": self.page.kind,
            "metadata": metadata,
        }
        if self.lines is not None:
            new["lines"] = self.rows()
        return new


class Dropped(NamedTuple):
    """The result for a page that was not cleaned, since its ``kind`` is none of
    ``CleanOptions.kinds``."""

    kind: str

    @property
    def reason(self) -> str:
        """Why the page was dropped."""
        return f"of another kind: {self.kind}"


def clean_many(
    contents: Sequence[Content], options: CleanOptions, repetition: Repetition | None = None
) -> list[Cleaned | Dropped | str]:
    """Clean pages. A page that cannot be read or cleaned gives the reason, a short str.

    With ``repetition``, lines that are on many pages of their site are less likely to be kept.

    Raises ModelError or OSError if the model cannot be used, MissingLibraryError for HTML if
    turbohtml is not installed.
    """
    model = load_model(options)
    try:
        answers = label_contents(model, contents, options, with_metadata=True)
        return [
            answer if isinstance(answer, str) else _cleaned(answer, content, options, repetition)
            for answer, content in zip(answers, contents, strict=True)
        ]
    except (ImportError, MemoryError, ModelError, OSError):  # not caused by the page
        raise
    except Exception as error:
        # no page is known that does this, but a crawl has many; find it by cleaning one by one
        if len(contents) == 1:
            return [f"{type(error).__name__}: {error}"]
        return [
            answer for content in contents for answer in clean_many([content], options, repetition)
        ]


def label_contents(
    model: Model, contents: Sequence[Content], options: CleanOptions, *, with_metadata: bool = False
) -> list[Page | str]:
    """Label pages as they were read. A page that cannot be read, or not in the format of
    ``options``, gives the reason, a short str. ``with_metadata`` is that of ``label_html_many``.

    Raises MissingLibraryError for HTML if turbohtml is not installed.
    """
    answers: list[Page | str] = ["no page: the field is empty"] * len(contents)
    texts: dict[int, str] = {}
    pages: dict[int, tuple[str | bytes, str | None]] = {}
    for i, content in enumerate(contents):
        data = _without_surrogates(content.data)
        encoding = content.encoding or options.encoding
        if data is None:
            continue
        if content.is_html:
            pages[i] = (data, encoding)
        elif options.format == "markdown":
            answers[i] = "plain text; markdown takes HTML"
        else:
            try:
                texts[i] = decoded(data, encoding or "utf-8")
            except (DecodingError, EncodingError) as error:
                answers[i] = str(error)
    for i, page in zip(texts, model.label_many(texts.values()), strict=True):
        answers[i] = page
    if pages:  # plain text does not need the HTML parser
        found = model.label_html_many(pages.values(), errors="return", with_metadata=with_metadata)
        for i, answer in zip(pages, found, strict=True):
            answers[i] = str(answer) if isinstance(answer, ClutterError) else answer
    return answers


def text_of(content: Content, options: CleanOptions) -> str:
    """The lines of a page as a model sees them, or "" if the page cannot be read."""
    try:
        if content.data is None:
            return ""
        if not content.is_html:
            return decoded(content.data, content.encoding or options.encoding or "utf-8")
        from clutter.html.lines import read

        return read(content.data, content.encoding or options.encoding).text
    except (ValueError, LookupError):
        return ""


def count(answers: Sequence[Cleaned | Dropped | str]) -> Counter[str]:
    """Total numbers for some pages: ``pages`` that were cleaned, ``errors``, ``kind/KIND`` for the
    kind of each page, ``dropped/KIND`` for those that were dropped because of it; of the cleaned
    pages ``lines/LABEL`` for each label, ``characters`` of all lines, and ``characters/kept`` of
    the kept lines."""
    counts: Counter[str] = Counter()
    for answer in answers:
        if isinstance(answer, str):
            counts["errors"] += 1
        elif isinstance(answer, Dropped):
            counts.update({f"kind/{answer.kind}": 1, f"dropped/{answer.kind}": 1})
        else:
            counts.update(answer.counts)
    return counts


def of_other_kinds(counts: Mapping[str, int]) -> str:
    """The pages that were dropped because of their kind, for people: "12 pages of another kind: 8
    listing, 4 other"; "" if there are none."""
    dropped = {kind: counts.get(f"dropped/{kind}", 0) for kind in KINDS}
    named = ", ".join([f"{number:,} {kind}" for kind, number in dropped.items() if number])
    return f"{plural(sum(dropped.values()), 'page')} of another kind: {named}" if named else ""


def clean_record(fields: Mapping[str, Any], page: Cleaned, options: CleanOptions) -> dict[str, Any]:
    """A clean record: the other fields of the input record (``fields``), and the new ones."""
    names = options.renamed_fields(list(fields))
    return {names[key]: value for key, value in fields.items()} | page.fields()


def load_model(options: CleanOptions) -> Model:
    """The model of these options; loaded once and kept in memory. Raises ModelError, OSError."""
    return _load(options.model)


@functools.lru_cache(4)
def _load(path: str | None) -> Model:
    return load(path)


def _without_surrogates(data: str | bytes | None) -> str | bytes | None:
    """The page with U+FFFD for lone surrogates, which JSON may contain but UTF-8 may not."""
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError:
            return utf8(data).decode()
    return data


def _cleaned(
    page: Page, content: Content, options: CleanOptions, repetition: Repetition | None
) -> Cleaned | Dropped:
    if page.kind not in options.kinds:
        return Dropped(page.kind)
    if repetition is not None:
        repetition.weigh(page, content.site)
    kept = page.kept(keep=options.keep, threshold=options.threshold)
    if options.format == "text":
        text = page.text_of(kept)
    else:
        from clutter.html.page import HtmlPage

        assert isinstance(page, HtmlPage)  # label_contents has rejected plain text
        text = page.markdown_of(kept)
    size = page.end - page.start
    labels = np.bincount(page.probabilities.argmax(axis=1), minlength=len(LABELS))
    counts = {
        "pages": 1,
        f"kind/{page.kind}": 1,
        "characters": int(size.sum()),
        "characters/kept": int(size[kept].sum()),
    }
    counts |= {f"lines/{label}": n for label, n in zip(LABELS, labels.tolist(), strict=True)}
    line_break = LINE_BREAK.search(page.text)
    newline = line_break[0] if line_break else "\n"
    lines = page.lines if options.lines else None
    return Cleaned(text, page.title, lines, newline, counts, page, content.url)
