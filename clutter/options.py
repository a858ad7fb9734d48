"""The settings for cleaning pages, the same for every way of cleaning.

The command, a run over a crawl, a cluster engine and a scraper all use the same settings.
:class:`CleanOptions` is small and can be pickled, so it can be sent to other processes and
machines. It also says which field of a record holds the page, and gives the names of the
fields of a clean record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clutter.errors import CleaningError
from clutter.page import KEPT, KINDS, LABELS, MAIN, THRESHOLD, unknown
from clutter.text import looks_like_html

TEXT_FORMATS = ("text", "markdown")
"""The formats of clean text."""

PAGE_FIELDS = ("html", "text")
"""If no field is named, the first of these fields that a record has holds its page. ``html``
holds HTML, ``text`` what it looks like."""


@dataclass(frozen=True, kw_only=True)
class CleanOptions:
    """How pages are cleaned.

    ``model`` is a model file (None: the shipped model). ``keep``, ``threshold`` and ``format``
    are those of ``HtmlPage.clean``. Pages of other kinds than ``kinds`` are dropped (default: all
    kinds are kept). If ``lines`` is set, the result also has every line with its label and
    confidence. ``text_field`` or ``html_field`` names the field of a record that
    holds its page; without either, it is ``html`` if the record has this field, else ``text``.
    ``encoding`` is the encoding of bytes (None: UTF-8 for plain text, declared or detected for
    HTML).

    Raises CleaningError for invalid settings.
    """

    model: str | None = None
    keep: tuple[str, ...] = KEPT
    kinds: tuple[str, ...] = KINDS
    threshold: float = THRESHOLD
    format: str = "text"
    lines: bool = False
    text_field: str | None = None
    html_field: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", tuple(self.keep))
        known = (*LABELS, MAIN)
        for label in self.keep:
            if label not in known:
                raise CleaningError(f"keep: {unknown('label', label, known)}")
        for kind in self.kinds:
            if kind not in KINDS:
                raise CleaningError(f"kinds: {unknown('kind', kind, KINDS)}")
        # in one order: the same choice is the same setting
        object.__setattr__(self, "kinds", tuple(kind for kind in KINDS if kind in self.kinds))
        if not self.kinds:
            raise CleaningError(f"kinds: name one or more of {', '.join(KINDS)}")
        if not 0 <= self.threshold <= 1:
            raise CleaningError(f"threshold: a number from 0 to 1, not {self.threshold}")
        if self.format not in TEXT_FORMATS:
            raise CleaningError(
                f"format: unknown {self.format!r}; there are {' and '.join(TEXT_FORMATS)}"
            )
        if self.text_field is not None and self.html_field is not None:
            raise CleaningError("text or html names the field of the page, not both")
        if self.text_field is not None and self.format == "markdown":
            raise CleaningError(f"markdown takes HTML, and {self.text_field!r} is plain text")

    def page_field(self, names: Sequence[str]) -> str:
        """The field that holds the page, in a record with these fields. Raises CleaningError if
        there is none."""
        wanted = [name for name in (self.html_field, self.text_field) if name is not None]
        wanted = wanted or list(PAGE_FIELDS)
        for name in wanted:
            if name in names:
                return name
        available = ", ".join(names) or "none"
        raise CleaningError(
            f"no field {' or '.join(map(repr, wanted))}; there are: {available}; "
            "text or html names the right one"
        )

    def is_html(self, field: str, page: str | bytes | None = None) -> bool:
        """Whether this field holds HTML: by its name, or, if no field was named in the settings,
        by how its ``page`` begins too."""
        if self.text_field is not None:
            return False
        if self.html_field is not None:
            return field == self.html_field
        return field == PAGE_FIELDS[0] or (page is not None and looks_like_html(page))

    @property
    def new_fields(self) -> tuple[str, ...]:
        """The fields that cleaning adds to a record."""
        return ("text", "title", "kind", "metadata", *(["lines"] if self.lines else []))

    def renamed_fields(self, names: Sequence[str]) -> dict[str, str]:
        """The new names for the fields that a record keeps, by their old names. ``names`` must not
        include the field of the page.

        A field keeps its name, unless a new field has the same name in lower or upper case:
        then it becomes ``original_NAME``. (For Spark, ``Title`` and ``title`` are the same
        column.)
        """
        reserved = {*self.new_fields, "error"}
        taken = {name.lower() for name in names} | reserved
        renamed: dict[str, str] = {}
        for name in names:
            new = name
            while name.lower() in reserved and new.lower() in taken:
                new = f"original_{new}"
            taken.add(new.lower())
            renamed[name] = new
        return renamed


DEFAULT = CleanOptions()
