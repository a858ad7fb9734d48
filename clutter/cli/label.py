"""``clutter label``: print the label of every line, or write labelled files to correct."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from clutter import labelled
from clutter.cleaning import Content
from clutter.cli import render
from clutter.cli.arguments import add_force, add_pages, check_force, describe
from clutter.cli.messages import hint, inform, write_out
from clutter.cli.pages import (
    heading,
    page_name,
    prepared,
    read_content,
    writing,
)
from clutter.errors import ClutterError, DecodingError, InputError
from clutter.files import is_taken
from clutter.model import Model, load
from clutter.page import Page
from clutter.plan import (
    STANDARD_INPUT,
    InputFile,
    Output,
    check_collisions,
    find_inputs,
    needs_folder,
    plan_output,
)
from clutter.text import decoded, plural, printable, utf8

ENDINGS = {"text": ".txt", "tsv": ".tsv", "jsonl": ".jsonl", "color": ".txt", "html": ".html"}
"""The usual endings of files in each format."""

FORMATS = tuple(ENDINGS)

MOST_NAMED = 20
"""So many files that are left as they are get a line each."""

LabelledFile = tuple[InputFile, Page]


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

In a labelled file, a label that the model is not sure of is marked with its confidence,
for example nav?0.43. Such a line counts as unlabelled until you replace the mark with a
plain label. Train on the corrected files with: clutter train mine/ --base default ...
Labelled files that are there already stay as they are, and their pages are not read.""",
    )
    add_pages(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="text: columns of label, confidence (0 to 1) and line. tsv: a labelled file, to "
        "correct and train on. jsonl: one JSON object per line. color: the columns in colours, "
        "for a terminal. html: a document for a browser (default: color on a terminal, else tsv)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="the file to write (default: standard output). With tsv, a folder that exists, or a "
        "name that ends in /, gets one file per page; several pages need one",
    )
    add_force(
        parser,
        "in a folder, a file that is there stays as it is; for one file, stop with an error",
    )


def run(args: argparse.Namespace) -> int:
    """Label the pages and print or write the result. Returns the exit status."""
    check_force(args)
    paths = args.paths or [STANDARD_INPUT]
    in_terminal = args.output is None and sys.stdout.isatty()
    form = args.format or ("color" if in_terminal else "tsv")
    files = list(find_inputs(paths, records=False))
    output = None
    if args.output is not None:
        # with tsv, each page has its own file
        is_folder = form == "tsv" and needs_folder(paths, args.output)
        output = plan_output(args.output, paths, ENDINGS[form], is_folder=is_folder)
        import tempfile  # only with -o

        with tempfile.TemporaryDirectory() as scratch:
            check_collisions(lambda: files, output, Path(scratch))
    total = len(files)
    if output is not None and output.is_folder and not args.force:
        files = _without_those_there(files, output)
    model = load(args.model)
    lines = 0

    def pages() -> Iterator[LabelledFile]:
        nonlocal lines
        for file, page in _labelled_pages(model, files, args.encoding, in_terminal):
            lines += len(page)
            yield file, page

    if output is None:
        for piece in _rendered(form, pages(), len(files) > 1):
            write_out(utf8(piece))
    elif form == "tsv":
        for file, page in pages():
            target = prepared(output, file)
            with writing(target, force=args.force) as write:
                write(utf8(labelled.format_page(_to_correct(file, page, target.parent))))
    else:
        with writing(output.path, force=args.force) as write:
            for piece in _rendered(form, pages(), len(files) > 1):
                write(utf8(piece))
    if total > len(files):
        left = total - len(files)
        them = (
            "it is (--force overwrites it)" if left == 1 else "they are (--force overwrites them)"
        )
        inform(f"{plural(len(files), 'file')} written, {left:,} left as {them}")
    hint(f"{plural(len(files), 'page')}, {plural(lines, 'line')}")
    return 0


def _without_those_there(files: list[InputFile], output: Output) -> list[InputFile]:
    """The files whose output is not there yet. Says which are: they may be corrected by hand."""
    wanted = []
    left = 0
    for file in files:
        target = output.path_of(file)
        if not is_taken(target):
            wanted.append(file)
            continue
        left += 1
        if left <= MOST_NAMED:
            inform(f"{printable(str(target))}: is there already, left as it is")
    if left > MOST_NAMED:
        inform(f"and {left - MOST_NAMED:,} more")
    return wanted


def _labelled_pages(
    model: Model, files: list[InputFile], encoding: str | None, in_terminal: bool
) -> Iterator[LabelledFile]:
    """Every page with its labels, in order; only one batch of pages is in memory at a time."""
    progress = sys.stderr.isatty() and not in_terminal
    number = 0
    contents = ((file, read_content(file)) for file in files)
    for is_html, group in itertools.groupby(contents, key=lambda pair: pair[1].is_html):
        label = _label_html if is_html else _label_text
        for file, page in label(model, group, encoding):
            yield file, page
            number += 1
            if progress and number % 100 == 0:
                count = f"\r{number:,} of {len(files):,} pages\r"
                print(count, end="", file=sys.stderr, flush=True)


def _label_text(
    model: Model, contents: Iterable[tuple[InputFile, Content]], encoding: str | None
) -> Iterator[LabelledFile]:
    ahead: deque[InputFile] = deque()

    def texts() -> Iterator[str]:
        for file, content in contents:
            ahead.append(file)
            try:
                yield decoded(content.data or b"", encoding or "utf-8")
            except DecodingError as error:
                raise InputError(f"{file.name}: {error}") from None

    for page in model.label_many(texts()):
        yield ahead.popleft(), page


def _label_html(
    model: Model, contents: Iterable[tuple[InputFile, Content]], encoding: str | None
) -> Iterator[LabelledFile]:
    ahead: deque[InputFile] = deque()

    def pages() -> Iterator[tuple[str | bytes, str | None]]:
        for file, content in contents:
            ahead.append(file)
            yield content.data or b"", encoding

    for page in model.label_html_many(pages(), errors="return"):
        file = ahead.popleft()
        if isinstance(page, ClutterError):
            raise InputError(f"{file.name}: {page}")
        yield file, page


def _rendered(form: str, pages: Iterable[LabelledFile], several: bool) -> Iterator[str]:
    """The output for all pages in the format ``form``, piece by piece."""
    if form == "html":
        yield from render.html((page_name(file), page) for file, page in pages)
        return
    if form == "color":
        yield render.legend()
    for number, (file, page) in enumerate(pages):
        if form == "jsonl":
            yield render.jsonl(page, file.path)
            continue
        if several:
            yield heading(file, first=number == 0)
        if form == "tsv":
            yield labelled.format_page(_to_correct(file, page, Path()))
        else:
            yield render.color(page) if form == "color" else render.text(page)


def _to_correct(file: InputFile, page: Page, folder: Path) -> labelled.LabelledPage:
    """A labelled page to correct. Its head names its HTML file by the path from ``folder``."""
    is_html_file = type(page) is not Page and not file.is_standard_input
    head = {"html": _path_from(folder, file.path)} if is_html_file else None
    return labelled.from_page(page, file.name, head)


def _path_from(folder: Path, path: str) -> str:
    # from the real folder, since ".." of a link to a folder is not the folder of the link
    place, name = os.path.split(path)
    return os.path.relpath(os.path.join(os.path.realpath(place), name), os.path.realpath(folder))
