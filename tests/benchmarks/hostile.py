"""Measures time and memory for hostile pages: small sources that a reader of HTML may turn into
very much. Each page is labelled, cleaned as Markdown and asked for its metadata, each in a process
of its own. A page that is refused is made smaller until it is accepted.

    python tests/benchmarks/hostile.py [--bytes 1000000] [NAME ...]
"""

from __future__ import annotations

import itertools
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import common
from stream import peak_megabytes

SECONDS, MEGABYTES = 2.0, 300.0
"""The limits for each task with a page of 1 MB: CPU time, and memory beside the loaded model."""

TASKS = ("label", "markdown", "metadata")
KILL_AFTER = 60
"""Seconds of CPU time for a task; a busy machine may take ten times as long for them."""
ADDRESS_SPACE = 6 << 30


def many(*pieces: str) -> Callable[[int], str]:
    """A page of the same pieces again and again; ``#`` in a piece becomes a new number."""

    def make(size: int) -> str:
        return _filled(size, (piece for _ in itertools.count() for piece in pieces))

    return make


def halves(first: str, second: str, start: str = "") -> Callable[[int], str]:
    """A page with a start, then one piece again and again, then another."""
    return lambda size: start + many(first)(size // 2) + many(second)(size // 2)


def thirds(first: str, second: str, third: str) -> Callable[[int], str]:
    """A page of three pieces, each again and again."""
    return lambda size: "".join(many(piece)(size // 3) for piece in (first, second, third))


def once(start: str, piece: str, end: str = "") -> Callable[[int], str]:
    """A page with a start, one piece again and again, and an end."""
    return lambda size: start + many(piece)(size - len(start) - len(end)) + end


def _filled(size: int, pieces: Iterable[str]) -> str:
    page: list[str] = []
    length = 0
    for number, piece in enumerate(pieces):
        page.append(piece.replace("#", str(number)))
        length += len(page[-1])
        if length >= size:
            return "".join(page)
    raise AssertionError("the pieces are endless")


def spans(size: int) -> str:
    """A table with cells over very many columns and rows."""
    return "<table>" + many("<tr><td colspan=1000 rowspan=65534>x<td>y")(size)


def words(size: int) -> str:
    """A page in which no two words are equal."""
    return many("<p id=a# class='b# c#'><a href=/#/d#>e#</a>")(size)


PAGES: dict[str, Callable[[int], str | bytes]] = {
    # elements
    "bodies": many("<body a#=1>"),
    "bodies, quoted": many("<body a#='>'>"),
    "html elements": many("<html a#=1>"),
    "bodies and text": many("<body a#=1>x"),
    "heads": many("<head><title>x</title>"),
    "paragraphs": many("<p>a"),
    "paragraphs, plain": many("a\n\n"),
    "empty paragraphs": many("<p>"),
    "letters": many("<b>a</b> "),
    "line breaks": many("a<br>"),
    "rules": many("<hr>"),
    "images": many("<img>"),
    "unknown elements": many("<x>a"),
    "names": words,
    "links": many("<a href=/#>x</a> "),
    "one long line of links": once("<p>", "<a href=#>x</a>"),
    "links with data": once("", "<p><a href='data:#,{}'>x</a>".format("ab" * 5000)),
    "classes": once("<p class='", "word# ", "'>x"),
    "a class for each": many("<p class='{}#'>x".format("word " * 100)),
    "attributes": once("<p ", "a#=1 ", ">x"),
    "equal attributes": once("<p ", "a=1 ", ">x"),
    "attributes of each": many("<p {}>x".format(" ".join(f"a{i}" for i in range(50)))),
    "hidden": many("<p hidden>a"),
    # formatting elements that are not closed
    "unclosed formatting": many("<b a#>x<p>"),
    "unclosed formatting, then paragraphs": halves("<b a#>", "<p>x", "<p>"),
    "unclosed formatting, then cells": halves("<font a#>", "<p>x</p>", "<p>"),
    "unclosed formatting in cells": many("<table><td><b a#><p>x"),
    "unclosed formatting, closed in comments": halves("<i a#><!--</i>-->", "<p>x", "<p>"),
    "unclosed formatting in svg": halves("<svg><i a#><style></i></style>", "<p>x", "<p>"),
    "formatting that ends in raw text": halves("<u a=#><xmp></u></xmp>", "<div>x</div>", "<p>"),
    "formatting with quoted signs": halves("<b a='>#'>", "<p>x", "<p>"),
    "formatting of three equal ones": many("<b><i><u><p>x</b></i></u>"),
    "adoption": many("<b><i><u><div><div><div><div><div><div><div><div></b></i></u>x"),
    "adoption of links": many("<a><div><div><div><div>x"),
    "adoption, deep": halves("<b><div>", "</b>x"),
    "adoption of many": thirds("<b>", "<div>", "</b>"),
    "adoption of many, numbered": thirds("<b a#>", "<p>", "</b>x"),
    "nobr": many("<nobr a#>x<p>"),
    "links in links": many("<a a#><p>x"),
    # nesting
    "nested divs": many("<div>"),
    "nested divs with text": many("<div>x"),
    "nested sections": many("<section>x"),
    "nested inline elements": many("<span>x"),
    "nested unknown elements, then ends": halves("<x>", "</y>"),
    "nested spans, then ends": halves("<span>", "</em>"),
    "nested spans, then paragraphs": halves("<span>", "<p>"),
    "nested divs, then ends of paragraphs": halves("<div>", "</p>"),
    "nested divs, then ends of headings": halves("<div>", "</h1>"),
    "nested spans, then items": halves("<span>", "<li>x"),
    "nested divs, then items": halves("<div>", "<li>x"),
    "nested items": many("<ul><li>x"),
    "nested lists": many("<ul><li><ol><li>"),
    "nested lists of one item": many("<ol><li>x<p>y"),
    "nested quotes": many("<blockquote>x"),
    "nested quotes with paragraphs": many("<blockquote><p>x"),
    "nested definitions": many("<dl><dd>x"),
    "nested headings": many("<h1><span><h2>x"),
    "nested buttons": many("<button><p>x"),
    "nested links": many("<object><a href=#>x"),
    "nested forms": many("<form><template>x"),
    "nested code": many("<pre><code>x"),
    "breaks in bold text": many("<b>x<br>"),
    "code": many("<code>x</code>"),
    "code in code": many("<code>x`"),
    "code in code, then ends": halves("<code>x`", "</code>x"),
    "code with blocks": many("<code><div>x"),
    "quotes with blocks": many("<q><pre>x</pre>"),
    "links to scripts": many("<a href='javascript:&amp;amp;'>x</a> "),
    "nested details": many("<details><summary>x"),
    # tables
    "nested tables": many("<table><tr><td>x"),
    "nested tables, short": many("<table><td>"),
    "nested tables of two cells": many("<table><tr><td>x<td>"),
    "nested tables, 812 bytes": lambda size: many("<table><tr><td>a</td><td>")(812),
    "rows": once("<table>", "<tr><td>x<td>y"),
    "one long row": once("<table><tr>", "<td>x"),
    "one long row and many short": lambda size: (
        "<table><tr>" + many("<td>x")(size // 2) + many("<tr><td>x")(size // 2)
    ),
    "cells over many": spans,
    "foster parents": once("<table>", "x<p>y"),
    "foster parents, nested": many("<table>x<b a#>"),
    "foster parents of tables": many("<table><div>x"),
    "table parts": once("<table>", "<tbody><tr><td>"),
    "captions": once("<table>", "<caption>x"),
    "columns": once("<table>", "<col>"),
    # other contents
    "forms": many("<form>x</form>"),
    "selects": many("<select><option>x"),
    "options": once("<select>", "<option>x"),
    "option groups": once("<select>", "<optgroup><option>x"),
    "ruby": many("<ruby>x<rt>y<rp>"),
    "svg": many("<svg><g>"),
    "svg integration": many("<svg><foreignObject><p>x"),
    "svg, then ends": lambda size: "<svg>" + halves("<g>", "</a>")(size),
    "math": many("<math><mi>x"),
    "math integration": many("<math><annotation-xml encoding=text/html><p>x"),
    "templates": many("<template>x"),
    "templates of tables": many("<template><tr><td>x"),
    "shadow roots": many("<x-y><template shadowrootmode=open>x"),
    "shadow roots beside each other": many("<template shadowrootmode=open><p>x</template>"),
    "noscript": many("<noscript><p>x"),
    "noscript, closed": many("<noscript><p>x</noscript>y"),
    "frames": many("<frameset><frame>"),
    "scripts": many("<script>x</script>"),
    "script never closed": once("<p>x<script>", "<!--<script>"),
    "styles": many("<style>x</style>"),
    "titles": many("<title>x</title>"),
    "text areas": many("<textarea>x</textarea>"),
    "plaintext": once("<plaintext>", "<b>\n"),
    "verbatim lines": once("<pre>", "x\n"),
    "verbatim lines in elements": once("<pre>", "<i>x</i>\n"),
    "verbatim blank lines": once("<pre>", "\n", "x"),
    "objects": many("<object>x"),
    "marquees": many("<marquee><b a#>x"),
    "dialogs": many("<dialog>x"),
    # signs
    "entities": many("&amp;"),
    "entities without an end": many("&notit"),
    "entities, unknown": many("&#;"),
    "entities, numbered": many("&##9999999999;"),
    "one long entity": once("<p>&", "a"),
    "comments": many("<!---->"),
    "comments in text": many("x<!-- -->"),
    "comments never closed": many("<!--"),
    "bogus comments": many("<?x>"),
    "doctypes": many("<!doctype x#>"),
    "one long doctype": once("<!doctype html public '", "x", "'><p>x"),
    "signs that start no tag": many("<"),
    "signs that start no tag, spaced": many("< x"),
    "ends": many("</p>"),
    "ends of nothing": many("</x>"),
    "ends of line breaks": many("</br>x"),
    "cdata": many("<svg><![CDATA[x"),
    "one long tag name": once("<", "x", ">x"),
    "one long word": once("<p>", "x"),
    "one long number": once("<p>", "1"),
    "one long line": once("<p>", "x y "),
    "marks": once("<p>", "e\u0301"),
    "surrogates": once("<p>", "\ud800"),
    "markdown signs": once("<p>", "*_[`<"),
    "markdown links": once("<p>", "[]("),
    "backticks in code": once("<code>", "`x"),
    "backticks in verbatim text": once("<pre>", "`"),
    "NULs": once("<p>x", "\0"),
    "NULs in names": many("<p\0a>x"),
    "carriage returns": once("<p>x", "\r"),
    "form feeds": once("<p>x", "\f<p\f>"),
    "plain lines": many("x\n"),
    "plain blank lines": many("\n"),
    "metadata": many("<meta name=author content=#>"),
    "canonical links": many("<link rel=canonical href=#>"),
    "times": many("<time datetime=2020-01-01>x</time>"),
    "headings": many("<h1>x#</h1>"),
    "nested headings of a page": many("<h1><div>x"),
    "authors": many("<a rel=author>x</a>"),
    # bytes
    "broken UTF-8": lambda size: b"<p>" + b"\xff" * size,
    "broken UTF-8, tags": lambda size: b"<p>\xff" * (size // 4),
    "half UTF-8": lambda size: b"<p>" + b"\xe4\xbd" * (size // 2),
    "japanese escapes": lambda size: b"<p>" + b"\x1b$B" * (size // 3),
    "latin": lambda size: b"<p>\xe9t\xe9 " * (size // 7),
    "open signs of other bytes": lambda size: b"\xe9<" * (size // 2),
    "UTF-16": lambda size: ("\ufeff" + "<p>a" * (size // 8)).encode("utf-16-le"),
    "declared often": lambda size: b"<meta charset=x>\xe9" * (size // 17),
}


def measure(name: str, task: str, size: int) -> None:
    """Print the size of a page, and the seconds of CPU time and megabytes of one task with it, in
    this process. A page that is refused is made smaller until it is not."""
    import clutter
    from clutter.errors import HtmlError

    model = clutter.load()
    small = model.label_html("<h1>One</h1><p>two")
    page = small
    small.clean(format="markdown")
    assert small.metadata.title
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (KILL_AFTER, KILL_AFTER))
    begin = 0.0
    while True:
        html = PAGES[name](size)
        before = peak_megabytes()
        begin = time.process_time()
        try:
            page = model.label_html(html)
            break
        except HtmlError:
            assert time.process_time() - begin < SECONDS, "refused too late"
            size = size * 4 // 5
    if task != "label":
        begin = time.process_time()
    if task == "markdown":
        page.clean(format="markdown")
    elif task == "metadata":
        assert page.metadata
    print(len(html), time.process_time() - begin, peak_megabytes() - before, sep="\t")


def main() -> None:
    parser = common.parser("Time and memory for hostile pages.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="pages (default: all)")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="size of a page")
    parser.add_argument("--task", choices=TASKS, help="measure one task in this process")
    args = parser.parse_args()
    names = args.names or list(PAGES)
    if args.task:
        for name in names:
            measure(name, args.task, args.bytes)
        return
    bad = 0
    for name in names:
        for task in TASKS:
            command = [sys.executable, __file__, "--bytes", str(args.bytes), "--task", task, name]
            try:
                waits = 10 * KILL_AFTER
                run = subprocess.run(command, capture_output=True, text=True, timeout=waits)
            except subprocess.TimeoutExpired:
                fine, row = False, f"no end after {waits} s"
            else:
                fine, row = verdict(run)
            bad += not fine
            print(f"{'good' if fine else 'BAD ':4}  {name:40} {task:9} {row}", flush=True)
    print(f"{bad} of {len(names) * len(TASKS)} are above the limits" if bad else "all good")
    sys.exit(bad > 0)


def verdict(run: subprocess.CompletedProcess[str]) -> tuple[bool, str]:
    """Whether a process kept to the limits, and its figures as text."""
    if run.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return False, f"killed: more than {KILL_AFTER} s of CPU time, or no memory"
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1:] or ["no message"]
        return False, f"ended with {run.returncode}: {last[0]}"
    size, spent, memory = map(float, run.stdout.split("\t"))
    row = f"{size / 1000:6,.0f} kB  {spent:6.2f} s  {memory:5.0f} MB"
    return spent <= SECONDS and memory <= MEGABYTES, row


if __name__ == "__main__":
    main()
