"""A Scrapy item pipeline: the crawl stores articles instead of whole pages.

To use it, add these lines to a project's settings:

    ITEM_PIPELINES = {"clutter.scrapy.CleanPipeline": 300}
    CLUTTER_HTML = "html"  # the field that holds the page; CLUTTER_TEXT if it is plain text
    CLUTTER_KINDS = ["article"]  # drop items whose page is of another kind

The settings are the fields of :class:`clutter.options.CleanOptions` in capitals with the prefix
``CLUTTER_``; but html_field and text_field are CLUTTER_HTML and CLUTTER_TEXT. One of these two
is required, because a spider may yield items of several kinds. A wrong setting stops the
crawl before its first request; otherwise, one would notice too late that the crawl has stored
raw pages.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem
from scrapy.item import Item

from clutter.cleaning import Cleaned, Content, Dropped, clean_many, count
from clutter.errors import CleaningError
from clutter.options import CleanOptions
from clutter.page import KINDS

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

PREFIX = "CLUTTER_"
"""The prefix of the names of all settings."""

logger = logging.getLogger(__name__)


class CleanPipeline:
    """A Scrapy item pipeline that replaces the page by the clean article.

    New fields of an item: ``text`` (the clean text), ``title`` (the page's headline, or None),
    ``kind`` (the kind of the page), ``metadata`` (a dict of what the page says of itself: title,
    author, date, language, site_name, url) and, with CLUTTER_LINES, ``lines``. The page is removed:
    a dict or a ``scrapy.Item`` loses the field; other objects always have all fields of their
    class, so there it becomes None. If the spider has filled a field with the name of a new one,
    its value moves to ``original_NAME``.

    A class of items has to declare ``text`` (and ``lines``). The fields ``title``, ``kind`` and
    ``metadata``, and ``original_title`` and so on, are optional. If a class has only ``title``, a
    value from the spider is kept, and the page's headline is used only if there is none; ``kind``
    and ``metadata`` likewise. ``url``, if an item has it, is the address that the page was loaded
    from.

    If a page cannot be cleaned, or is of a kind that CLUTTER_KINDS does not name, its item is
    dropped (DropItem, with the reason), so every item after this pipeline has ``text``. Scrapy logs
    and counts dropped items and passes them to the signal ``item_dropped`` with the response, which
    still has the page. The page is removed from the item, because Scrapy would write all of it to
    the log. Items of a class without the needed fields are dropped too, and items whose page is not
    str or bytes; an error in the log says once what to change. Items without the field of the page
    are not changed.

    Scrapy's stats count the numbers of ``clutter.cleaning.count``, with the prefix ``clutter/``
    (such as ``clutter/kind/article``, and ``clutter/dropped/listing`` for dropped pages), and the
    unchanged items as ``clutter/skipped``.
    """

    def __init__(self, crawler: Crawler, options: CleanOptions) -> None:
        assert crawler.stats is not None  # they exist when a crawler makes its pipelines
        self.stats = crawler.stats
        self.options = options
        self._told: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CleanPipeline:
        """The pipeline with the crawler's settings. Raises CleaningError for invalid settings."""
        return cls(crawler, _options(crawler.settings))

    # Scrapy before 2.14 passes the spider; later versions only if the argument has no default
    def open_spider(self, spider: Spider | None = None) -> None:
        """Load the model. Raises CleaningError if no page can be cleaned with these settings, and
        the errors of ``clean_many`` if the model cannot be used."""
        is_html = self.options.html_field is not None
        # bytes test the encoding
        [answer] = clean_many([Content(b"", is_html)], self.options)
        if isinstance(answer, str):
            raise CleaningError(f"no page can be cleaned with these settings: {answer}")

    def process_item(self, item: Any, spider: Spider | None = None) -> Any:
        """Clean an item and return it. Raises DropItem if its page cannot be cleaned, or is not str
        or bytes, or if its class lacks a new field."""
        adapter = ItemAdapter(item)
        try:
            source = self.options.page_field(list(adapter))
        except CleaningError:
            self.stats.inc_value("clutter/skipped")
            return item
        data = adapter[source]
        try:
            if not isinstance(data, str | bytes | None):
                kind = type(data).__name__
                raise CleaningError(f"{source!r} holds a {kind}, but a page is a str or bytes")
            gained, moved = _places(adapter, source, self.options)
        except CleaningError as error:
            # of another exception, Scrapy would log a traceback and the page, for each item
            _remove_page(adapter, source)
            self.stats.inc_value("clutter/errors")
            raise self._mistake(str(error)) from None
        url = adapter.get("url")
        content = Content(data, self.options.is_html(source), url=url)
        (answer,) = clean_many([content], self.options)
        for name, number in count([answer]).items():
            self.stats.inc_value(f"clutter/{name}", number)
        _remove_page(adapter, source)
        if not isinstance(answer, Cleaned):
            raise DropItem(f"clutter: {answer.reason if isinstance(answer, Dropped) else answer}")
        for name, other in moved.items():
            adapter[other] = adapter[name]
        new = answer.fields()
        adapter.update({name: new[name] for name in gained})
        return item

    def close_spider(self, spider: Spider | None = None) -> None:
        """Log an error if no item had a page: then the name of the field is probably wrong."""
        names = ["errors", *(f"kind/{kind}" for kind in KINDS)]
        tried = any(self.stats.get_value(f"clutter/{name}") for name in names)
        if not tried and self.stats.get_value("clutter/skipped"):
            name = self.options.html_field or self.options.text_field
            logger.error("clutter has cleaned nothing: no item had a field %r", name)

    def _mistake(self, reason: str) -> DropItem:
        """Log a mistake of the spider once, and return what drops the item quietly."""
        if reason not in self._told:
            self._told.add(reason)
            logger.error("clutter drops items: %s", reason)
        dropped = DropItem(f"clutter: {reason}")
        dropped.log_level = "DEBUG"  # Scrapy before 2.13 takes no notice
        return dropped


def _remove_page(adapter: ItemAdapter, source: str) -> None:
    """Remove the page from an item, or make it None where the class always has all fields."""
    if isinstance(adapter.item, dict | Item):
        del adapter[source]
    else:
        adapter[source] = None


def _options(settings: BaseSettings) -> CleanOptions:
    """The options in the settings. Settings from the command line are strings."""
    known = {
        PREFIX + field.name.removesuffix("_field").upper(): field.name
        for field in fields(CleanOptions)
    }
    for name in sorted(map(str, settings)):
        if name.startswith(PREFIX) and name not in known:
            raise CleaningError(f"unknown setting {name}; there are {', '.join(known)}")
    given = {field: settings[name] for name, field in known.items() if settings[name] is not None}
    if not {"html_field", "text_field"} & given.keys():
        raise CleaningError(f"{PREFIX}HTML or {PREFIX}TEXT has to name the field of the page")
    for field in ("keep", "kinds"):
        if field in given:
            names = settings.getlist(PREFIX + field.upper())
            given[field] = [str(name).strip() for name in names]
    for field, read in (("threshold", settings.getfloat), ("lines", settings.getbool)):
        if field in given:
            name = PREFIX + field.upper()
            try:
                given[field] = read(name)
            except (TypeError, ValueError) as error:
                raise CleaningError(f"{name}: {error}") from None
    try:
        return CleanOptions(**given)
    except CleaningError as error:
        raise CleaningError(f"wrong {PREFIX} settings: {error}") from None


def _places(
    adapter: ItemAdapter, source: str, options: CleanOptions
) -> tuple[list[str], dict[str, str]]:
    """The new fields for the item, and the new names of existing fields that must move.

    Raises CleaningError if the item's class does not declare the fields that are needed.
    """
    if isinstance(adapter.item, dict):
        names = options.renamed_fields([name for name in adapter if name != source])
        return list(options.new_fields), {
            name: names[name] for name in options.new_fields if name in names
        }
    gained: list[str] = []
    moved: dict[str, str] = {}
    missing: list[str] = []
    declared = adapter.field_names()
    for name in options.new_fields:
        is_taken = name != source and adapter.get(name)
        needed = f"original_{name}" if is_taken else name
        if name in declared and needed in declared:
            gained.append(name)
            if is_taken:
                moved[name] = needed
        elif name not in ("title", "kind", "metadata"):
            missing.append(needed)
    if missing:
        kind, noun = type(adapter.item).__name__, "fields" if missing[1:] else "field"
        wanted = " and ".join(map(repr, missing))
        raise CleaningError(f"{kind} has to declare the {noun} {wanted}, or be a dict")
    return gained, moved
