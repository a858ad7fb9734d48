"""``clutter label``: print the label of every line, or write labelled files to correct."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clutter import labelled
from clutter.cleaning import label_contents
from clutter.cli import render
from clutter.cli.arguments import (
    add_force,
    add_pages,
    check_force,
    describe,
    is_standard_output,
)
from clutter.cli.messages import hint, inform, write_out
from clutter.cli.pages import (
    MOST_NAMED,
    Failures,
    Part,
    check_files,
    heading,
    opened_input,
    page_name,
    parts,
    writing,
)
from clutter.errors import InputError
from clutter.files import is_taken
from clutter.model import Model, load
from clutter.options import CleanOptions
from clutter.page import Page
from clutter.plan import InputFile, Output, needs_folder, plan_output
from clutter.text import plural, printable, utf8

ENDINGS = {"text": ".txt", "tsv": ".tsv", "jsonl": ".jsonl", "color": ".txt", "html": ".html"}
"""The usual endings of files in each format."""

FORMATS = tuple(ENDINGS)

_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)
"""What is not taken from the id of a record into the name of a file."""

_MOST_OF_ID = 80
"""So many characters of an id are in the name of a file."""


class LabelledPage(NamedTuple):
    """A page with its labels. Of a record, ``record`` has what tells it from the others of its
    file: its number (``record``), and its ``id`` and ``url`` if it has them. ``target`` is its
    labelled file, if it gets one of its own."""

    file: InputFile
    record: dict[str, Any]
    page: Page
    target: Path | None

    @property
    def name(self) -> str:
        """The name of the page in output for people."""
        name = page_name(self.file)
        if not self.record:
            return name
        identity = self.record.get("url", self.record.get("id"))
        what = "" if identity is None else f": {identity}"
        return printable(f"{name}, record {self.record['record']}{what}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``clutter label``."""
    describe(
        parser,
        "Print the label of every line of scraped pages, and how certain the model is.",
        """\
examples:
  $ clutter label page.txt               print the lines, in colours on a terminal
  $ clutter label pages/ --format html -o pages.html
                                         write one document for a browser, with colours;
                                         the mouse pointer shows the confidence
  $ clutter label pages/ --format jsonl | jq -r 'select(.label == "comment").text'
                                         print the readers' comments on all pages
  $ clutter label site/*.txt --format tsv -o mine/
                                         write labelled files, to correct in an editor
  $ zcat pages.jsonl.gz | clutter label --html content --format jsonl
                                         label records, here from a pipe

Records are labelled too, from files and from standard input. In JSON lines each line has
the number of its record, and its id and url if it has them. Labelled files of records are
in a folder with the name of their file: mine/pages.jsonl/000001-ID.tsv. A record that
cannot be read is named on standard error (the first 20 are), and the others go on.

In a labelled file, a label that the model is not sure of is marked with its confidence,
for example nav?0.43. Such a line counts as unlabelled until you replace the mark with a
plain label; so does the kind of the page, for example "# kind: article?0.55". Train on the
corrected files with: clutter train mine/ --base default ...
Labelled files that are there already stay as they are, and their pages are not read.""",
    )
    add_pages(parser, is_written=False)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="text: columns of label, confidence (0 to 1) and line. tsv: a labelled file, to "
        "correct and train on. jsonl: one JSON object per line of a page, with the kind of the "
        "page and main, the probability that the page is there for the line. color: the columns in "
        "colours, for a terminal; + marks what clutter clean keeps. html: a document for a browser "
        "(default: color on a terminal, else tsv)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="the file to write (default: standard output). With tsv, a folder that exists, or a "
        "name that ends in /, gets one file per page; several pages and records need one. - is "
        "standard output",
    )
    add_force(
        parser,
        "in a folder, a file that is there stays as it is; for one file, stop with an error",
    )


def run(args: argparse.Namespace) -> int:
    """Label the pages and print or write the result. Returns the exit status."""
    check_force(args)
    to_file = not is_standard_output(args.output)
    in_terminal = not to_file and sys.stdout.isatty()
    form = args.format or ("color" if in_terminal else "tsv")
    read = opened_input(args)
    files = list(read.found())
    has_records = not all(file.is_page for file in files)
    if not has_records and (args.html is not None or args.text is not None):
        raise InputError(f"--{'text' if args.html is None else 'html'}: only for records")
    options = CleanOptions(text_field=args.text, html_field=args.html, encoding=args.encoding)
    output = None
    if to_file:
        # with tsv, each page has its own file
        is_folder = form == "tsv" and (has_records or needs_folder(read.paths, args.output))
        output = plan_output(args.output, read.paths, ENDINGS[form], is_folder=is_folder)
        check_files(files, output)
    model = load(args.model)
    present = Present(output if not args.force else None)
    wanted = [file for file in files if not (file.is_page and present.has(target_of(output, file)))]
    failures = Failures()
    counts: Counter[str] = Counter()

    def pages() -> Iterator[LabelledPage]:
        shows = sys.stderr.isatty() and not in_terminal
        for part in parts(wanted, read.pieces, options):
            for page in labelled_pages(model, part, options, output, present, failures):
                yield page
                counts.update(pages=1, lines=len(page.page))
                if shows and counts["pages"] % 100 == 0:
                    print(f"\r{counts['pages']:,} pages\r", end="", file=sys.stderr, flush=True)

    several = has_records or len(files) > 1
    if output is None:
        for piece in _rendered(form, pages(), several):
            write_out(utf8(piece))
    elif form == "tsv":
        for page in pages():
            target = page.target or output.path
            if output.is_folder:
                target.parent.mkdir(parents=True, exist_ok=True)
            with writing(target, force=args.force) as write:
                write(utf8(labelled.format_page(_to_correct(page, target.parent))))
    else:
        with writing(output.path, force=args.force) as write:
            for piece in _rendered(form, pages(), several):
                write(utf8(piece))
    present.end(counts["pages"])
    failures.end()
    if failures.count and not counts["pages"] and not present.count:
        raise InputError(f"nothing could be labelled: {plural(failures.count, 'error')}")
    if failures.count:
        inform(f"{plural(counts['pages'], 'page')}, {plural(failures.count, 'error')}")
    hint(f"{plural(counts['pages'], 'page')}, {plural(counts['lines'], 'line')}")
    return 0


class Present:
    """Labelled files that are there and stay: they may be corrected by hand. Says which, unless
    ``is_quiet``. ``output`` is None where files that are there are no reason to leave a page out.
    """

    def __init__(self, output: Output | None, is_quiet: bool = False) -> None:
        self._most_named = 0 if is_quiet else MOST_NAMED
        self._is_asked = output is not None and output.is_folder
        self.count = 0

    def has(self, target: Path | None) -> bool:
        """Whether the labelled file of a page is there and stays."""
        if not self._is_asked or target is None or not is_taken(target):
            return False
        self.count += 1
        if self.count <= self._most_named:
            inform(f"{printable(str(target))}: is there already, left as it is")
        return True

    def end(self, written: int) -> None:
        """Say how many files were left, if there are any."""
        if self.count > MOST_NAMED:
            inform(f"and {self.count - MOST_NAMED:,} more")
        if self.count:
            them = "it is (--force overwrites it)"
            if self.count > 1:
                them = "they are (--force overwrites them)"
            inform(f"{plural(written, 'file')} written, {self.count:,} left as {them}")


def target_of(
    output: Output | None, file: InputFile, record: Mapping[str, Any] | None = None
) -> Path | None:
    """The labelled file of a page in an output folder. Those of a file of records are in a folder
    with its name. The number of a record is in the name, so that no two have the same."""
    if output is None or not output.is_folder:
        return None
    if not record:
        return output.path_of(file)
    safe = _UNSAFE.sub("_", str(record.get("id", "")))[:_MOST_OF_ID].strip("._")
    return output.path / file.place / f"{record['record']:06}{safe and '-'}{safe}.tsv"


def labelled_pages(
    model: Model,
    part: Part,
    options: CleanOptions,
    output: Output | None,
    present: Present,
    failures: Failures,
) -> Iterator[LabelledPage]:
    """The pages of a part of the input with their labels, in order. Records that cannot be read are
    reported. Raises InputError for a page that is no record."""
    chunk = part.chunk
    places: list[tuple[InputFile, dict[str, Any], Path | None]] = []
    entries, contents = [], []
    for i, record in enumerate(part.format.records(chunk, options)):
        file = part.files[i] if part.files[0].is_page else part.files[0]
        entry = part.format.failure(part.name, chunk, i, record.error or "", record.fields)
        identity = {key: entry[key] for key in ("record", "id", "url") if entry.get(key, "") != ""}
        target = target_of(output, file, identity)
        if identity and not record.error and present.has(target):
            continue
        places.append((file, identity, target))
        entries.append(entry)
        contents.append(record.content)
    answers = label_contents(model, contents, options)
    for (file, identity, target), entry, answer in zip(places, entries, answers, strict=True):
        reason = entry["error"] or answer
        if not isinstance(reason, str):
            yield LabelledPage(file, identity, reason, target)
        elif file.is_page:
            raise InputError(f"{file.name}: {reason}")
        else:
            failures.add(entry | {"error": reason})
    if (failure := chunk.failure(part.name)) is not None:
        failures.add(failure)


def _rendered(form: str, pages: Iterable[LabelledPage], several: bool) -> Iterator[str]:
    """The output for all pages in the format ``form``, piece by piece."""
    if form == "html":
        yield from render.html((page.name, page.page) for page in pages)
        return
    if form == "color":
        yield render.legend()
    for number, page in enumerate(pages):
        if form == "jsonl":
            yield render.jsonl(page.page, page.file.path, page.record)
            continue
        kind = labelled.marked_kind(page.page)
        if several:
            # a labelled file has its kind in its head
            name = page.name if form == "tsv" else f"{page.name} ({kind})"
            yield heading(name, first=number == 0)
        elif form == "color":
            yield f"kind: {kind}\n\n"
        if form == "tsv":
            yield labelled.format_page(_to_correct(page, Path()))
        else:
            yield render.color(page.page) if form == "color" else render.text(page.page)


def _to_correct(page: LabelledPage, folder: Path) -> labelled.LabelledPage:
    """A labelled page to correct. Its head names its HTML file by the path from ``folder``, or the
    address of its record."""
    head: dict[str, str] = {}
    if page.record:
        url = page.record.get("url")
        address = printable(url).strip() if isinstance(url, str) else ""
        if address:
            head["url"] = address
    elif type(page.page) is not Page and not page.file.is_standard_input:
        head["html"] = path_from(folder, page.file.path)
    return labelled.from_page(page.page, page.file.name, head)


def path_from(folder: Path, path: str) -> str:
    """The path of a file as seen from a folder."""
    # from the real folder, since ".." of a link to a folder is not the folder of the link
    place, name = os.path.split(path)
    return os.path.relpath(os.path.join(os.path.realpath(place), name), os.path.realpath(folder))
