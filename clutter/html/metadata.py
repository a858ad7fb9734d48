"""What a page says of itself: author, date, language, site name and address.

A page says this in several places, for machines and for readers, and often wrongly in one of them.
The walk over the tree removes some of these places, so :func:`declared` copies them before it: a
few thousand characters of a page that may have a million. :func:`read_metadata` reads the copy, and
the lines that the model has labelled meta, which hold what only readers are told. Dates are found
by turbohtml; those with names of months that it does not know are read by dateparser.
"""

from __future__ import annotations

import functools
import html
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import turbohtml
from turbohtml import Document
from turbohtml.extract import DateExtraction, dates

from clutter.errors import MissingLibraryError
from clutter.page import Metadata
from clutter.text import utf8, web_address

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

_PLACES = (
    "title, meta, link[rel~=canonical i], h1, [rel~=author i], [itemprop~=author i], time, "
    'script[type="application/ld+json" i]'
)
_MOST_PLACES = 1000
_MOST_TIMES = 20
_SHORT = 200
"""Of an element for readers, this many characters are read."""
_LONG = 100_000
"""Longer elements for machines are not read."""
MOST_LINES = 30
"""So many lines with the label meta are read."""


class Declared(NamedTuple):
    """The places where a page says something of itself, as HTML: ``times`` are its ``time``
    elements, ``head`` is all else."""

    head: str
    times: str


def declared(document: Document) -> Declared:
    """Copy the places that hold metadata of a document without templates (see ``lines.parse``)."""
    root = document.root
    language = None if root is None else root.attr("lang") or root.attr("xml:lang")
    head = [f'<html lang="{html.escape(language or "")}"><head>']
    times: list[str] = []
    in_body = False
    for element in document.select(_PLACES)[:_MOST_PLACES]:
        tag = element.tag
        if tag == "time":
            moment = element.attr("datetime") or element.text
            times.append(f"<time>{html.escape(moment[:_SHORT])}</time>")
            continue
        if not in_body and element.closest("body") is not None:
            in_body = True  # what is said there is not always said of the whole page
            head.append("<body>")
        if tag in ("title", "meta", "link", "script"):
            source = element.html
            if len(source) <= _LONG:
                head.append(source)
        else:
            copy = "h1" if tag == "h1" else "address"
            head.append(f"<{copy}>{html.escape(element.text[:_SHORT])}</{copy}>")
    return Declared("".join(head), "".join(times[:_MOST_TIMES]))


def read_metadata(
    places: Declared, title: str | None, lines: Sequence[str], address: str | None
) -> Metadata:
    """The metadata of a page.

    ``title`` is the headline that the model has found, ``lines`` are those with the label meta, in
    order. ``address`` is the URL that the page was loaded from, if it is known.

    Raises MissingLibraryError if dateparser is not installed.
    """
    _check_dateparser()
    document = turbohtml.parse(places.head, positions=False)
    article = document.article()
    metas = _metas(document)
    items = _items(document)
    root = document.root
    tags = (
        None if root is None else root.attr("lang"),
        metas.get("content-language"),
        metas.get("og:locale"),
    )
    language = next(filter(None, map(_language, tags)), None)
    url = web_address(article.canonical, address) or web_address(metas.get("og:url"), address)
    url = url or web_address(address)
    return Metadata(
        title=title or _text(article.title),
        author=next(_authors(document, metas, items, lines), None),
        date=_date(places, lines, language, url),
        language=language,
        site_name=metas.get("og:site_name") or _publisher(items) or _text(article.site_name),
        url=url,
    )


def _text(value: object) -> str | None:
    """A value as text on one line; None if it is blank or no text."""
    if not isinstance(value, str):
        return None
    return utf8(" ".join(value.split())).decode() or None


def _metas(document: Document) -> dict[str, str]:
    """The contents of the meta elements by their names in lower case, of several the first."""
    metas: dict[str, str] = {}
    for element in document.select("meta"):
        names = map(element.attr, ("name", "property", "itemprop", "http-equiv"))
        name = next(filter(None, names), "")
        if content := _text(element.attr("content")):
            metas.setdefault(name.strip().lower(), content)
    return metas


_LANGUAGE = re.compile(
    r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?:[-_]\w{2,8})*(?![-_]?\w)", re.I
)


def _language(tag: str | None) -> str | None:
    """A language tag in the usual form, without variants: "pt_br" becomes "pt-BR"."""
    found = _LANGUAGE.match((tag or "").strip())
    if found is None:
        return None
    language, script, region = found.groups("")
    return "-".join(filter(None, (language.lower(), script.title(), region.upper())))


# --- JSON-LD ---

_ARTICLE = re.compile("Article|Posting|Report|Recipe")
_REMARK = re.compile("Answer|Comment|Review|Object|Rating|Product|Quotation")
"""Types of what is on a page, but is not the page."""
_MOST_ITEMS = 1000

Item = dict[str, Any]


def _items(document: Document) -> list[Item]:
    """The objects in the JSON-LD of a page, those that describe an article first. What only has
    the ``@id`` of another object is replaced by it."""
    items: list[Item] = []
    waiting: deque[Any] = deque(document.json_ld())
    while waiting and len(items) < _MOST_ITEMS:
        value = waiting.popleft()
        if isinstance(value, dict):
            items.append(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    named = {
        item["@id"]: item for item in items if isinstance(item.get("@id"), str) and "name" in item
    }
    for item in items:
        for key in ("author", "publisher"):
            if key in item:
                item[key] = [_named(x, named) for x in _list(item[key])]
    kinds = [" ".join(map(str, _list(item.get("@type")))) for item in items]
    pairs = [(kind, x) for kind, x in zip(kinds, items, strict=True) if not _REMARK.search(kind)]
    return [item for _, item in sorted(pairs, key=lambda pair: not _ARTICLE.search(pair[0]))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(value: Any, named: dict[str, Item]) -> Any:
    """The name of a person or organisation, which may be its name, an object, or an @id."""
    if isinstance(value, dict):
        value = value.get("name") or named.get(str(value.get("@id")), {}).get("name")
        value = _list(value)[0] if value else None
    return _text(value)


def _publisher(items: list[Item]) -> str | None:
    names = [x["publisher"][0] for x in items if x.get("publisher")]
    names += [_text(x.get("name")) for x in items if x.get("@type") == "WebSite"]
    return next(filter(None, names), None)


# --- authors ---

_AUTHORS = (
    "author", "article:author", "og:article:author", "og:author", "parsely-author",
    "sailthru.author", "dc.creator", "dcterms.creator", "citation_author", "byl", "byline",
)  # fmt: skip
"""Names of meta elements that hold an author."""
_NOBODY = re.compile(
    r"(?:no )?author|(?:site )?admin(?:istrator)?|webmaster|editor|anonymous|unknown|guest|user"
    r"|root|staff|none|null|undefined|\W*|\d+",
    re.I,
)
_ADDRESS = re.compile(r"://|@|\bwww\.|\w{3}\.[a-z]{2,4}\b", re.I)
"""In the name of an author: it is an address, or the name of a site that is one."""
_BY = re.compile(
    r"(?:(?:written |posted )?by|von|par|por|di|door|af|av|przez|aut(?:h?or|eur|ore)|автор|作者|文)"
    r"(?:\s*[:：/／|｜]\s*|\s+)",
    re.I,
)
"""What stands before an author, in the languages where it is one word."""
_BYLINE_ENDS = re.compile(r"\s+[-–—]\s+|[|•·,@(]|\s+(?:on|at|in|am)\s|(?:\s\S+\s)?\d")
_LONGEST_NAME = 100
_WORDS_OF_NAME = 5


def _authors(
    document: Document, metas: dict[str, str], items: list[Item], lines: Sequence[str]
) -> Iterator[str]:
    """The authors that a page names, from the surest place to the least sure."""
    for item in items:
        names = filter(None, map(_author, item.get("author", ())))
        if joined := ", ".join(dict.fromkeys(names)):
            yield joined
    places = [
        *(metas.get(name) for name in _AUTHORS),
        *(element.text for element in document.select("address")),
        *map(_byline, lines),
    ]
    yield from filter(None, map(_author, places))


def _author(value: str | None) -> str | None:
    """The name of an author without "By"; None for names of accounts such as admin, addresses, and
    what is too long for a name."""
    name = _text(value)
    if name is None:
        return None
    begin = _BY.match(name)
    name = name[begin.end() if begin else 0 :].strip(" .,;:|")
    if len(name) > _LONGEST_NAME or _NOBODY.fullmatch(name) or _ADDRESS.search(name):
        return None
    return name


def _byline(line: str) -> str | None:
    """The name in a line such as "By Mira Holt, 4 May 2020"; None for other lines."""
    begin = _BY.match(line)
    if begin is None:
        return None
    rest = line[begin.end() : begin.end() + _LONGEST_NAME]
    name = _BYLINE_ENDS.split(rest, maxsplit=1)[0].strip()
    is_name = name[:1].isalpha() and not name[:1].islower()
    return name if is_name and len(name.split()) <= _WORDS_OF_NAME else None


# --- dates ---

# no date depends on the day on which a page is read, so the last day is not today
_FIRST, _LAST = date(1995, 1, 1), date(2099, 12, 31)
_IN_TEXT = DateExtraction(original=True, min_date=_FIRST, max_date=_LAST)
_IN_MARKUP = replace(_IN_TEXT, extensive_search=False)
_LINE = 80
"""In longer lines a date is less likely to be that of the page."""
_LONGEST_LINE = 300
_MOST_WORDED = 3
"""So many dates of a page are tried with dateparser."""
_YEAR = r"(?:19|20|١٩|٢٠|۱۹|۲۰)\d\d(?!\d)"
_MONTH = r"[^\W\d_]{3,}"
_WORDED = re.compile(
    rf"\d{{1,2}}[^\W\d_]{{0,2}}[\s.,/-]{{1,3}}(?:de )?{_MONTH}[\s.,/-]{{1,3}}(?:del? )?{_YEAR}"
    rf"|{_MONTH}\.?\s\d{{1,2}}\.?,?\s?{_YEAR}"
    rf"|{_YEAR}\.?\s{_MONTH}\s\d{{1,2}}(?!\d)"
)
"""What may be a date with the name of a month."""
_EAST_ASIA = re.compile(r"(\d{4})\s?[年년]\s?(\d\d?)\s?[月월]\s?(\d\d?)\s?[日号號일]")


def _date(
    places: Declared, lines: Sequence[str], language: str | None, url: str | None
) -> str | None:
    """The day on which a page was published, as YYYY-MM-DD.

    What is meant for machines comes first. Of what readers see, lines of facts are surer than
    ``time`` elements, which comments and teasers have too.
    """
    address = f'<link rel="canonical" href="{html.escape(url)}">' if url else ""
    if found := dates(places.head + address, _IN_MARKUP):
        return found.date
    shown = [line for line in lines if any(map(str.isdigit, line))]
    tried = 0
    for line in sorted(shown, key=lambda line: len(line) > _LINE):
        line = _EAST_ASIA.sub(r" \1-\2-\3 ", line[:_LONGEST_LINE])
        if found := dates(f"<p>{html.escape(line)}", _IN_TEXT):
            return found.date
        worded = _WORDED.search(line)
        if worded and tried < _MOST_WORDED:
            tried += 1
            if day := _worded_date(worded[0], language):
                return day
    found = dates(places.times, _IN_MARKUP)
    return found.date if found else None


def _worded_date(text: str, language: str | None) -> str | None:
    parser = _parser((language or "").partition("-")[0])
    try:
        found = parser.get_date_data(text).date_obj
    except Exception:  # whatever it makes of strange text, a date is not worth a page
        return None
    if found is None or not _FIRST <= found.date() <= _LAST:
        return None
    return str(found.date())


@functools.lru_cache(8)
def _parser(language: str) -> DateDataParser:
    """A parser that tries a language first, then the most common ones. The same text always gives
    the same date: it does not depend on the dates before it."""
    from dateparser.data.languages_info import language_locale_dict, language_order
    from dateparser.date import DateDataParser

    first = [language] if language in language_locale_dict else []
    return DateDataParser(
        languages=list(dict.fromkeys([*first, *language_order[:40]])),
        use_given_order=True,
        try_previous_locales=False,
        settings={"PARSERS": ["absolute-time"], "STRICT_PARSING": True},
    )


@functools.cache
def _check_dateparser() -> None:
    # it is loaded for few pages; but a run that needs it must not stop at its first such page
    if find_spec("dateparser") is None:
        raise MissingLibraryError("metadata needs dateparser: pip install dateparser")
