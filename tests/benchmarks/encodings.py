"""Counts pages whose text comes back right from old encodings that are declared rightly, wrongly
and not at all.

    python tests/benchmarks/encodings.py --corpus DIR [--pages 60]

The pages of the corpus are encoded again in the encodings that were usual in their languages, whole
and cut to their head and the first characters of their text. Characters that an encoding lacks
become character references; pages with many of them are left out. A page is right if its lines are.
For each wrong page it prints the encoding that fits what was read. Then: the time to decode a page.
"""

from __future__ import annotations

import gzip
import itertools
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from html import escape
from pathlib import Path

import common

from clutter.html.decode import decoded_html
from clutter.html.lines import read

ENCODINGS = {
    "windows-1251": "ru uk bg be sr mk", "koi8-r": "ru", "koi8-u": "uk", "iso-8859-5": "ru bg",
    "windows-1256": "ar fa", "iso-8859-6": "ar", "windows-1253": "el", "iso-8859-7": "el",
    "windows-1255": "he", "windows-1254": "tr az", "windows-1250": "pl cs sk hu sl hr ro bs",
    "iso-8859-2": "pl cs sk hu sl hr ro bs", "windows-874": "th", "gb18030": "zh", "big5": "zh",
    "shift_jis": "ja", "euc-jp": "ja", "iso-2022-jp": "ja", "euc-kr": "ko",
    "windows-1252": "en de fr es pt it nl sv da no id fi is ca gl sq", "windows-1257": "lt lv et",
    "windows-1258": "vi", "iso-8859-15": "de fr nl fi",
}  # fmt: skip
"""Encodings by the names of browsers, and the languages that were written in them."""
OTHERS = ("ibm866", "x-mac-cyrillic", "macintosh", "iso-8859-4", "iso-8859-10", "utf-8")
CODECS = {"big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "windows-874": "cp874"}
"""The names in Python of encodings that it knows in another version by the same name."""

WAYS: dict[str, tuple[str | None, str | None]] = {
    "rightly, in the header": ("{}", None),
    "rightly, in the meta element": (None, "{}"),
    "not at all": (None, None),
    "as Latin-1 in the header": ("iso-8859-1", None),
    "as windows-1252 in the meta element": (None, "windows-1252"),
    "as Latin-1 in both": ("iso-8859-1", "iso-8859-1"),
    "as Latin-1 in the header, rightly in the meta element": ("iso-8859-1", "{}"),
    "as UTF-8 in both": ("utf-8", "utf-8"),
}
"""How an encoding is declared: in the HTTP header, in the meta element."""
SIZES = (None, 2000, 1000, 500)

MOST_REFERENCES = 0.05
"""Pages that need references for more of their non-ASCII characters are left out."""
ROUNDS = 5

META = re.compile(r"<meta[^<>]*charset[^<>]*>", re.I)
HEAD = re.compile(rb"<head[^<>]*>", re.I)
BODY = re.compile(r"<body[\s>]", re.I)
NON_ASCII = re.compile(r"[^\0-\x7f]")
TONES = "\u0300\u0301\u0303\u0309\u0323"


def main() -> None:
    parser = common.parser(__doc__.split("\n")[0], "--corpus")
    parser.add_argument("--pages", type=int, default=60, help="of each language and encoding")
    args = parser.parse_args()
    common.one_core()
    pages = list(utf8_pages(args.corpus))
    right: dict[tuple[str, str, int | None], Counter[bool]] = defaultdict(Counter)
    for name, languages in ENCODINGS.items():
        for language in languages.split():
            some = (page for page in pages if page[1] == language and encoded(page[2], name))
            taken = itertools.islice(some, args.pages)
            for (page_id, _, html), size in itertools.product(taken, SIZES):
                data = encoded(html if size is None else cut(html, size), name)
                for way, is_right, found in readings(data, name) if data else ():
                    right[name, way, size][is_right] += 1
                    if not is_right:
                        print(
                            f"wrong: {page_id} {language} {name} {size or 'whole'}, {way}: {found}"
                        )
    for way in WAYS:
        print(
            f"\ndeclared {way}: right of all pages; by size {[size or 'whole' for size in SIZES]}"
        )
        for name in ENCODINGS:
            counts = [right[name, way, size] for size in SIZES]
            print(f"  {name:13}", *(f"{x[True]}/{x.total()}".rjust(10) for x in counts))
    print_times(pages)


def utf8_pages(corpus: str) -> Iterator[tuple[str, str, str]]:
    """The id, the language and the HTML of the pages of a corpus that are valid UTF-8."""
    for split in ("train", "dev"):
        for page in common.rows(Path(corpus, f"{split}.jsonl.gz")):
            data = gzip.decompress(Path(corpus, "html", page["html"]).read_bytes())
            try:
                yield page["id"], page["lang"], decoded_html(data.decode())
            except UnicodeDecodeError:
                continue


def cut(html: str, size: int) -> str:
    """The head of a page and the first characters of its text."""
    body = BODY.search(html)
    start = html[: body.start()] if body else ""
    return f"{start}<body><p>{escape(read(html).text[:size])}"


def encoded(html: str, name: str) -> bytes | None:
    """A page in an encoding, without its meta elements of encodings. None if the encoding does
    not suit it, or makes no difference to it."""
    html = META.sub("", html)
    if name == "windows-1258":
        html = NON_ASCII.sub(with_tones, html)
    codec = CODECS.get(name, name)
    others = len(NON_ASCII.findall(html))
    lacking = others - len(NON_ASCII.findall(html.encode(codec, "ignore").decode(codec)))
    data = html.encode(codec, "xmlcharrefreplace")
    is_same = is_utf8(data) and b"\x1b$" not in data
    return None if is_same or lacking > others * MOST_REFERENCES else data


def readings(data: bytes, name: str) -> Iterator[tuple[str, bool, str]]:
    """How a page is declared, whether it is then read rightly, and as what."""
    head = HEAD.search(data)
    at = head.end() if head else 0
    expected = data.decode(f"whatwg-{name}")
    lines = read(expected).text
    for way, (header, meta) in WAYS.items():
        tag = f"<meta charset={meta.format(name)}>" if meta else ""
        page = data[:at] + tag.encode() + data[at:]
        text = decoded_html(page, header and header.format(name))
        is_right = text.replace(tag, "", 1) == expected or read(text).text == lines
        yield way, is_right, "" if is_right else chosen(page, text)


def is_utf8(data: bytes) -> bool:
    """Whether data is UTF-8, or ASCII."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def with_tones(match: re.Match[str]) -> str:
    """A letter with a tone of Vietnamese as two characters, as windows-1258 has it."""
    parts = unicodedata.normalize("NFD", match[0])
    tones = "".join(part for part in parts if part in TONES)
    rest = "".join(part for part in parts if part not in TONES)
    return unicodedata.normalize("NFC", rest) + tones


def chosen(page: bytes, text: str) -> str:
    """The encoding in which a page was read."""
    for name in ("windows-1252", *ENCODINGS, *OTHERS):
        if page.decode(f"whatwg-{name}", "replace") == text:
            return f"read as {name}"
    return "read as another"


def print_times(pages: list[tuple[str, str, str]]) -> None:
    """Print the time to decode a page: of UTF-8, and of windows-1252 that is declared so."""
    html = [page for _, _, page in pages[:: max(1, len(pages) // 300)]]
    utf8 = [page.encode() for page in html]
    western = [page.encode("cp1252", "xmlcharrefreplace") for page in html]
    western = [page for page in western if not is_utf8(page)]
    measures = {
        "UTF-8": (utf8, None),
        "UTF-8, declared as Latin-1": (utf8, "iso-8859-1"),
        "windows-1252, declared so": (western, "windows-1252"),
    }

    def decode(some: list[bytes], encoding: str | None) -> None:
        for page in some:
            decoded_html(page, encoding)

    times = common.in_turn(
        {
            name: partial(common.seconds, partial(decode, *what), time.process_time)
            for name, what in measures.items()
        },
        ROUNDS,
    )
    print()
    for name, values in times.items():
        count = len(measures[name][0])
        milliseconds = [value / count * 1000 for value in values]
        print(f"{name}: {common.spread(milliseconds, 2, ' ms per page')} ({count} pages)")


if __name__ == "__main__":
    main()
