"""``clutter annotate``: label pages in the browser, while a model learns from them."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from clutter import labelled
from clutter.cli.arguments import add_pages, describe, positive_number, whole_number
from clutter.cli.label import LabelledPage, Present, labelled_pages, path_from, target_of
from clutter.cli.messages import inform
from clutter.cli.pages import Failures, check_files, opened_input, parts, writing
from clutter.errors import InputError
from clutter.files import files_below, is_taken, lock_file, replacing
from clutter.model import load
from clutter.options import CleanOptions
from clutter.page import Page
from clutter.plan import plan_output
from clutter.text import plural, printable, site_of, utf8

if TYPE_CHECKING:
    from clutter.annotate.project import Project

MOST_PAGES = 50
"""So many new pages are taken by default: a person labels five to ten."""

_LANGUAGE = re.compile(
    r"<html\b[^>]*?\blang\s*=\s*[\"']?([A-Za-z][\w-]*)", re.ASCII | re.IGNORECASE
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``clutter annotate``."""
    describe(
        parser,
        "Label pages of a site in the browser, and tune a model to them meanwhile.",
        """\
examples:
  $ clutter annotate mysite/ -o mine/       label the pages in this folder
  $ clutter annotate -o mine/               go on where you were
  $ clutter annotate pages.jsonl crawl.warc.gz -o mine/ --pages 20
                                            take the first 20 pages of records
  $ clutter annotate -o mine/ --export tasks.json
                                            hand the pages on to Label Studio, with their
                                            labels; tasks.jsonl is for doccano
  $ clutter annotate -o mine/ --import tasks.json
                                            take the labels that were set there

The address that is printed opens in the browser; ^C ends the program. What you set is in
mine/*.tsv at once, so nothing is lost if the program is killed. After each page that you mark
as read, a model is tuned to all that you have read: mine/model.safetensors. It is what
"clutter train mine/ --base default -o MODEL" makes of these pages.""",
    )
    add_pages(parser, is_written=False)
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FOLDER",
        required=True,
        help="the folder of the labelled files; without PATH, those that are there are opened",
    )
    parser.add_argument(
        "--pages",
        type=positive_number,
        metavar="N",
        help=f"take the first N pages of the input (default: {MOST_PAGES})",
    )
    parser.add_argument(
        "--site",
        metavar="NAME",
        help="the site of the new pages (default: the host of a record's url, else the name of the "
        "input folder)",
    )
    parser.add_argument(
        "--port", type=whole_number, metavar="N", help="listen on this port (default: a free one)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the address, do not open it"
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--export",
        metavar="FILE",
        help="write all pages for Label Studio (.json) or doccano (.jsonl), and stop",
    )
    other.add_argument(
        "--import",
        dest="import_file",
        metavar="FILE",
        help="take labels from a file that Label Studio (.json) or doccano (.jsonl) has exported, "
        "and stop. Pages that you have read, or given other labels, stay as they are",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="with --export, overwrite FILE if it is there already; with --import, change these "
        "pages too",
    )


def run(args: argparse.Namespace) -> int:
    """Label pages in the browser until ^C. Returns the exit status."""
    from clutter.annotate.project import Project

    is_exchange = _check(args)
    if not is_exchange:
        from clutter.annotate.server import check_libraries

        check_libraries()
    folder = Path(args.output)
    if args.paths:
        _take_pages(args)
    elif not folder.is_dir() or next(files_below(folder, ".tsv"), None) is None:
        raise InputError(f"{printable(args.output)}: no labelled file there; name pages to label")
    project = Project(folder)
    return _exchange(args, project) if is_exchange else _serve(args, project)


def _check(args: argparse.Namespace) -> bool:
    """Whether pages are handed to another tool, or taken from one. Raises InputError for options
    that would do nothing."""
    is_exchange = args.export is not None or args.import_file is not None
    if args.force and not is_exchange:
        raise InputError("--force does nothing without --export or --import")
    if is_exchange and (args.no_browser or args.port is not None):
        name = "--no-browser" if args.no_browser else "--port"
        raise InputError(f"{name} does nothing with --export and --import")
    if is_exchange and args.model is not None and not args.paths:
        raise InputError("--model does nothing with --export and --import")
    if args.port is not None and args.port > 65535:
        raise InputError(f"--port: a number up to 65535, not {args.port}")
    if not args.paths:
        for name in ("pages", "site", "kind", "html", "text", "encoding"):
            if getattr(args, name) is not None:
                option = {"kind": "from"}.get(name, name)
                raise InputError(f"--{option} does nothing without PATH")
    return is_exchange


def _take_pages(args: argparse.Namespace) -> None:
    """Write the labelled files of new pages. Pages that have one already are not read."""
    read = opened_input(args)
    files = list(read.found())
    has_records = not all(file.is_page for file in files)
    if not has_records and (args.html is not None or args.text is not None):
        raise InputError(f"--{'text' if args.html is None else 'html'}: only for records")
    output = plan_output(args.output, read.paths, ".tsv", is_folder=True)
    check_files(files, output)
    options = CleanOptions(text_field=args.text, html_field=args.html, encoding=args.encoding)
    most = args.pages or MOST_PAGES
    present, failures = Present(output, is_quiet=True), Failures()
    wanted = [file for file in files if not (file.is_page and present.has(target_of(output, file)))]

    def pages() -> Iterator[LabelledPage]:
        model = load(args.model)
        for part in parts(wanted, read.pieces, options):
            yield from labelled_pages(model, part, options, output, present, failures)

    taken = 0
    new = pages() if wanted else iter(())
    for page in new:
        if present.count + taken >= most:
            inform(f"only the first {plural(most, 'page')} of the input; --pages N takes more")
            break
        if len(page.page) == 0:
            inform(f"{page.name}: has no line, left out")
            continue
        _write(page, args)
        taken += 1
    failures.end()
    if not taken and not present.count:
        raise InputError(f"{printable(', '.join(read.paths))}: no page to label")


def _write(page: LabelledPage, args: argparse.Namespace) -> None:
    """Write the labelled file of a new page: all labels are guesses. HTML that has no file of its
    own is written beside it."""
    target = page.target
    assert target is not None  # the output is a folder
    target.parent.mkdir(parents=True, exist_ok=True)
    url = page.record.get("url")
    address = printable(url).strip() if isinstance(url, str) else ""
    head = {"url": address} if address else {}
    head["site"] = (
        printable(args.site or "").strip() or site_of(address) or _folder_name(args.paths[0])
    )
    if type(page.page) is not Page:
        from clutter.html.page import HtmlPage

        assert isinstance(page.page, HtmlPage)
        source = page.page.source
        if found := _LANGUAGE.search(source[:10_000]):
            head["lang"] = found[1]
        if page.record or page.file.is_standard_input:
            beside = target.with_suffix(".html.gz")
            packed = gzip.compress(source.encode("utf-8", "replace"), mtime=0)
            if is_taken(beside) and beside.read_bytes() != packed:
                raise InputError(f"{printable(str(beside))}: has the HTML of another page; move it")
            with replacing(beside) as file:
                file.write(packed)
            head["html"] = beside.name
        else:
            head["html"] = path_from(target.parent, page.file.path)
    head["read"] = "no"
    labelled.write(labelled.from_page(page.page, page.file.name, head, doubt=2.0), target)


def _folder_name(path: str) -> str:
    """The name of the site of pages without an address: that of their folder."""
    place = Path(os.path.realpath(path))
    name = (place if place.is_dir() else place.parent).name
    return printable(name).strip() or "site"


def _exchange(args: argparse.Namespace, project: Project) -> int:
    """Write all pages for another tool, or take its labels. Returns the exit status."""
    from clutter.annotate import exchange

    file = args.export or args.import_file
    is_doccano = file.lower().endswith(".jsonl")
    if not is_doccano and not file.lower().endswith(".json"):
        raise InputError(f"{printable(file)}: .json is Label Studio, .jsonl is doccano")
    if args.export is not None:
        form = exchange.to_doccano if is_doccano else exchange.to_label_studio
        with writing(Path(file), force=args.force) as write:
            write(utf8(form(project.pages)))
        inform(f"{plural(len(project.pages), 'page')} written to {file}")
        return 0
    take = exchange.from_doccano if is_doccano else exchange.from_label_studio
    try:
        imported = exchange.matched(project.pages, take(Path(file).read_bytes()))
    except InputError as error:
        raise InputError(f"{printable(file)}: {error}") from None
    taken = 0
    with _locked(project.folder):
        for page, labels in imported:
            if page.set == labels and page.is_read:
                continue
            is_other = any(page.set[row] not in (None, labels[row]) for row in page.rows)
            if (page.is_read or is_other) and not args.force:
                why = "was read here" if page.is_read else "has other labels that were set here"
                inform(f"{page.path}: {why}, left as it is (--force takes the labels)")
                continue
            page.set = labels
            page.head["read"] = "yes"
            page.write()
            taken += 1
    inform(f"{plural(taken, 'page')} of {len(imported):,} taken")
    return 0


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder, if the system has file locks: of two programs that label the same pages, each
    would undo what the other does. Raises InputError if another one has the lock."""
    if os.name == "nt":  # a folder cannot be opened there
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        try:
            lock_file(number)
        except BlockingIOError:
            raise InputError(
                f"{printable(str(folder))}: is being labelled already; go on in that window, "
                "or end that program"
            ) from None
        except OSError:
            pass  # a network disk without locks
        yield
    finally:
        os.close(number)


def _serve(args: argparse.Namespace, project: Project) -> int:
    """Answer the browser until ^C. Returns the exit status."""
    import secrets
    import webbrowser

    from clutter.annotate.server import HOST, listen, make_app, serve
    from clutter.annotate.tuner import MODEL_NAME, Tuner, check_output

    check_output(project.folder / MODEL_NAME)
    if args.model is not None:
        load(args.model)  # a file that is no model is told now, not after the first page
    with _locked(project.folder), listen(args.port or 0) as opened:
        port = opened.getsockname()[1]
        token = secrets.token_urlsafe(24)
        tuner = Tuner(project, args.model)
        app = make_app(project, tuner, token, port)
        address = f"http://{HOST}:{port}/{token}/"
        print(address, flush=True)
        inform("open this address in a browser; ^C ends the program, and all work is saved")
        tuner.request()  # what was guessed of lines that are set now is not in the files
        if not args.no_browser:
            webbrowser.open(address)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                serve(app, opened)
        finally:
            tuner.close()
    read = sum(page.is_read for page in project.pages)
    inform(f"{plural(read, 'page')} of {len(project.pages):,} read; labels are in {args.output}")
    if tuner.output.exists():
        inform(f"the tuned model: {tuner.output}")
    return 0
