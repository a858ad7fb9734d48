"""Cleaning items on their way through Scrapy, so that a crawl stores articles, not pages.

Three lines among a project's settings put the pipeline in:

    ITEM_PIPELINES = {"clutter.scrapy.CleanPipeline": 300}
    CLUTTER_HTML = "html"  # the field that holds the page; CLUTTER_TEXT if it is plain text
    CLUTTER_KEEP = ["title", "body"]

The settings are the fields of :class:`clutter.options.CleanOptions` in capitals, ``CLUTTER_``
before them, but that html_field and text_field are CLUTTER_HTML and CLUTTER_TEXT. One of
these two has to be there, since a spider may yield items of several kinds. A wrong setting
stops the crawl before its first request: that a crawl stored raw pages would be found out
too late.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem
from scrapy.item import Item

from clutter.cleaning import Content, clean_many, count
from clutter.errors import CleaningError
from clutter.options import CleanOptions
from clutter.threads import one_thread

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

PREFIX = "CLUTTER_"
"""What the names of the settings begin with."""

logger = logging.getLogger(__name__)


class CleanPipeline:
    """A Scrapy item pipeline that puts the clean article in the place of the page.

    An item gains ``text`` (the clean text), ``title`` (the page's headline, or None) and, with
    CLUTTER_LINES, ``lines``. The field that held the page goes: a dict and a ``scrapy.Item``
    lose it; in other objects, which always have all fields of their class, it becomes None.
    What the spider itself put into a field of a new one's name becomes ``original_NAME``.

    A class of items has to declare ``text`` (and ``lines``); an item without is an error that
    says so. It may declare ``title`` and ``original_title`` or not: in a class with ``title``
    alone, what the spider found stays, and the page's headline stands in where it found none.

    A page that cannot be cleaned drops its item (DropItem, with the reason), so that what
    comes behind this pipeline may rely on ``text``. Scrapy logs and counts dropped items and
    hands them to the signal ``item_dropped`` with the response, which still has the page; the
    item lets go of it, or all of it would be written to the log. Items without a field of the
    page's name pass as they are.

    Scrapy's stats count what ``clutter.cleaning.count`` does, with ``clutter/`` before it, and
    as ``clutter/skipped`` the items that passed as they are.
    """

    def __init__(self, crawler: Crawler, options: CleanOptions) -> None:
        assert crawler.stats is not None  # a crawler that makes its pipelines has them
        self.stats = crawler.stats
        self.options = options

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CleanPipeline:
        """The pipeline that the settings describe. Raises CleaningError for wrong ones."""
        return cls(crawler, _options(crawler.settings))

    # Scrapy before 2.14 hands in the spider; later ones do so only where it has no default
    def open_spider(self, spider: Spider | None = None) -> None:
        """Load the model. Raises CleaningError for settings that no page could be cleaned
        with, and what ``clean_many`` does for a model that cannot be used."""
        is_html = self.options.html_field is not None
        # bytes ask for the encoding, a tag for the network for HTML
        for answer in clean_many([Content(b"", is_html), Content("<p>.", is_html)], self.options):
            if isinstance(answer, str):
                raise CleaningError(f"no page can be cleaned with these settings: {answer}")

    def process_item(self, item: Any, spider: Spider | None = None) -> Any:
        """The same item, cleaned. Raises DropItem where its page cannot be cleaned, and
        CleaningError where the spider makes items that cannot hold what they gain."""
        adapter = ItemAdapter(item)
        try:
            source = self.options.page_field(list(adapter))
        except CleaningError:
            self.stats.inc_value("clutter/skipped")
            return item
        data = adapter[source]
        if not isinstance(data, str | bytes | None):
            kind = type(data).__name__
            raise CleaningError(f"the field {source!r} holds a {kind}; a page is a str or bytes")
        gained, moved = _places(adapter, source, self.options)
        # a page is too small to be shared out between the threads of the linear algebra
        with one_thread():
            content = Content(data, self.options.is_html(source))
            (answer,) = clean_many([content], self.options)
        for name, number in count([answer]).items():
            self.stats.inc_value(f"clutter/{name}", number)
        if isinstance(item, dict | Item):
            del adapter[source]
        else:
            adapter[source] = None
        if isinstance(answer, str):
            raise DropItem(f"clutter: {answer}")
        for name, other in moved.items():
            adapter[other] = adapter[name]
        new = answer.fields()
        adapter.update({name: new[name] for name in gained})
        return item

    def close_spider(self, spider: Spider | None = None) -> None:
        """Say so where no item at all held a page: the field must have another name."""
        seen = [self.stats.get_value(f"clutter/{name}", 0) for name in ("pages", "errors")]
        if not any(seen) and self.stats.get_value("clutter/skipped"):
            name = self.options.html_field or self.options.text_field
            logger.error("clutter has cleaned nothing: no item had a field %r", name)


def _options(settings: BaseSettings) -> CleanOptions:
    """What the settings say; those from the command line are strings."""
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
    if "keep" in given:
        given["keep"] = [str(label).strip() for label in settings.getlist(f"{PREFIX}KEEP")]
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
    """The new fields that the item takes, and the new names of those that it had before.
    Raises CleaningError where its class has no place for one."""
    if isinstance(adapter.item, dict):
        names = options.renamed_fields([name for name in adapter if name != source])
        return list(options.new_fields), {
            name: names[name] for name in options.new_fields if name in names
        }
    gained: list[str] = []
    moved: dict[str, str] = {}
    declared = adapter.field_names()
    for name in options.new_fields:
        is_taken = name != source and adapter.get(name)
        needed = f"original_{name}" if is_taken else name
        if name in declared and needed in declared:
            gained.append(name)
            if is_taken:
                moved[name] = needed
        elif name != "title":
            kind = type(adapter.item).__name__
            raise CleaningError(f"{kind} has to declare a field {needed!r}, or be a dict")
    return gained, moved
