"""Labelled pages as output: plain columns, colours, HTML, JSON lines.

Reading a page with its labels is the quickest way to see what a model does, so two of
the forms are for people: ``color`` for a terminal and ``html`` for a browser.
``text`` is for grep and awk, ``jsonl`` for other programs. The fifth form, the
labelled file, is for an editor and is in labelled.py.

Page text is not trusted. It must not control the terminal or the browser that shows it, so
control characters are replaced, and HTML is escaped.
"""

from __future__ import annotations

import html as markup
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clutter.page import LABELS, Line, Page

_SGR = {
    "body": "39", "title": "1", "meta": "36", "nav": "2",
    "comment": "35", "ad": "31", "teaser": "33", "notice": "32",
}  # fmt: skip
_HUE = {
    "body": 140, "title": 90, "meta": 185, "nav": 225,
    "comment": 270, "ad": 0, "teaser": 42, "notice": 318,
}  # fmt: skip

# control characters, lone surrogates and noncharacters: a terminal may obey them, HTML forbids them
_CONTROL = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_C1 = re.compile("[\x7f-\x9f]")

# dropped lines have a paler text colour only; their background stays as clear as in the legend.
# The pale text has a contrast of 4.5 or more on every background, as small print needs
_CSS = """
:root { color-scheme: light dark; --tint: 94%; --ink: #1b1b1b; --faded: #676767; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --tint: 13%; --ink: #f4f4f4; --faded: #999999; --paper: #121212 } }
body { margin: 1.5rem auto; padding: 0 1rem; max-width: 60rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif }
h2 { margin: 3rem 0 1rem; font-size: 1.2rem; overflow-wrap: anywhere }
p { position: relative; margin: 1px 0; padding: .1rem .6rem .1rem 5.6rem; min-height: 1.5em;
  white-space: pre-wrap; overflow-wrap: anywhere; background: hsl(var(--hue) 60% var(--tint));
  border-left: .3rem solid hsl(var(--hue) 60% 50%) }
p::before { content: attr(data-label); position: absolute; left: .6rem;
  font-size: .8rem; line-height: 1.6rem }
p.break { margin-top: .8rem }
p.dropped, span { color: var(--faded) }
h2 span { font-weight: normal }
p.dropped:hover { color: var(--ink) }
[data-label="title"] { font-weight: bold }
"""


def text(page: Page) -> str:
    """Plain columns: label, confidence and text of every non-blank line."""
    return "".join([_columns(line, _width(page)) + "\n" for line in page.lines])


def jsonl(page: Page, path: str, record: Mapping[str, Any] | None = None) -> str:
    """One JSON object per line: path, the fields of ``record`` (those that tell a record from
    others of its file), the kind of the page, number, label, confidence (0 to 1), main (the
    probability of being main content, 0 to 1) and text."""
    rows = []
    for line, main in zip(page.lines, page.main.tolist(), strict=True):
        row = {
            "path": path,
            **(record or {}),
            "kind": page.kind,
            "number": line.number,
            "label": line.label,
            "confidence": round(line.confidence, 4),
            "main": round(main, 4),
            "text": line.text,
        }
        written = json.dumps(row, ensure_ascii=False)
        # JSON leaves these as they are, and a terminal may obey them
        rows.append(_C1.sub(lambda sign: f"\\u{ord(sign[0]):04x}", written) + "\n")
    # UTF-8 has no lone surrogates; backslashreplace writes the escape that JSON has for them
    return "".join(rows).encode("utf-8", "backslashreplace").decode("utf-8")


def color(page: Page) -> str:
    """The columns of ``text`` in ANSI colours, behind a + for lines that ``Page.clean`` keeps, with
    an empty line where the page has blank lines.

    Lines are neither padded nor wrapped. If the environment variable NO_COLOR is set, there
    are no colours.
    """
    rows = []
    kept_rows = page.kept().tolist()
    for (line, after_blank), kept in zip(_with_breaks(page), kept_rows, strict=True):
        if after_blank:
            rows.append("\n")
        columns = f"{'+' if kept else ' '} {_columns(line, _width(page))}"
        rows.append(_paint(columns, line.label) + "\n")
    return "".join(rows)


def legend() -> str:
    """One line that shows the colour of each label, to print above ``color``."""
    return f"{' '.join([_paint(label, label) for label in LABELS])}   + kept\n\n"


def html(pages: Iterable[tuple[str, Page]]) -> Iterator[str]:
    """One self-contained HTML document for any number of (path, page), piece by piece.

    The background of a line shows its label, a tooltip its confidence, and lines that
    ``Page.clean`` drops are pale. The heading of a page has its kind. Characters that HTML forbids
    become U+FFFD.
    """
    hues = "".join([f'[data-label="{label}"] {{ --hue: {hue} }}\n' for label, hue in _HUE.items()])
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Labelled pages</title>\n<style>{_CSS}{hues}</style>\n</head>\n<body>\n"
        "<h1>Labelled pages</h1>\n"
    )
    for label in LABELS:
        yield f"<p{_attributes(label)}>kept, or <span>dropped</span></p>\n"
    for path, page in pages:
        kind = f"{page.kind}, {page.kind_confidence:.0%} sure"
        yield f'<section>\n<h2 dir="auto">{_escape(path)} <span>({kind})</span></h2>\n'
        kept_rows = page.kept().tolist()
        for (line, after_blank), kept in zip(_with_breaks(page), kept_rows, strict=True):
            attributes = _attributes(line.label, kept, after_blank)
            title = _escape(f"{line.label}, {line.confidence:.1%} sure, line {line.number}")
            yield f'<p{attributes} dir="auto" lang="" title="{title}">{_escape(line.text)}</p>\n'
        yield "</section>\n"
    yield "</body>\n</html>\n"


def visible(foreign: str) -> str:
    """The text with control characters, lone surrogates and noncharacters replaced by U+FFFD."""
    return _CONTROL.sub("\ufffd", foreign)


def _width(page: Page) -> int:
    return max(map(len, page.labels))


def _columns(line: Line, width: int) -> str:
    return f"{line.label:<{width}}  {line.confidence:.2f}  {visible(line.text)}"


def _paint(words: str, label: str) -> str:
    if os.environ.get("NO_COLOR"):
        return words
    return f"\x1b[{_SGR.get(label, '39')}m{words}\x1b[0m"


def _with_breaks(page: Page) -> Iterator[tuple[Line, bool]]:
    """Every line, and whether there is a blank line between it and the line before."""
    before = page.lines[0].number - 1 if page.lines else 0
    for line in page.lines:
        yield line, line.number > before + 1
        before = line.number


def _attributes(label: str, kept: bool = True, after_blank: bool = False) -> str:
    classes = " ".join(["dropped"] * (not kept) + ["break"] * after_blank)
    return f' data-label="{_escape(label)}"' + (f' class="{classes}"' if classes else "")


def _escape(foreign: str) -> str:
    return markup.escape(visible(foreign))
