"""``clutter clean``: print the article of each page, or start a run over many pages.

A single page, or several without ``-o``, are cleaned here, in this process. Many pages with
``-o``, and all files of records, are a run of clutter/batch/, with several processes and
checkpoints.
"""

from __future__ import annotations

import argparse
import codecs
import os
from collections import Counter
from pathlib import Path

from clutter.cleaning import clean_many, count, load_model
from clutter.cli.arguments import (
    add_force,
    add_jobs,
    add_pages,
    available_processors,
    check_force,
    describe,
    label_list,
    probability,
    whole_number,
)
from clutter.cli.messages import hint, inform, logged, write_out
from clutter.cli.pages import heading, prepared, read_content, writing
from clutter.errors import InputError
from clutter.formats import PAGE_FILES, base, format_of, output_ending
from clutter.options import CleanOptions
from clutter.page import KEPT, LABELS
from clutter.plan import (
    STANDARD_INPUT,
    InputFile,
    Output,
    check_collisions,
    find_inputs,
    is_one_page,
    needs_folder,
    plan_output,
)
from clutter.text import plural, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``clutter clean``."""
    describe(
        parser,
        "Print the article of scraped pages, plain text or HTML, without the clutter around it.",
        """\
examples:
  $ clutter clean page.html              print the article of one page
  $ curl -s URL | clutter clean --format markdown
                                         read a pipe, print Markdown with headings,
                                         lists and links
  $ clutter clean pages/ -o articles/    clean every page in pages/ and below; write
                                         each to the same relative path in articles/
  $ clutter clean crawl.warc.gz -o clean.jsonl
                                         clean an archive; write records with id, url,
                                         date, text and title
  $ clutter clean crawl/ -o clean.parquet --html content --lines
                                         clean files of records that hold HTML in the
                                         field "content"; also write every line with
                                         its label
  $ clutter clean page.txt --keep title,body,comment --threshold 0.3
                                         keep readers' comments too, and lines that the
                                         model is less sure of

The kept lines of plain text are copied byte for byte. A headline that appears twice is
kept once. To see the label of every line, run: clutter label page.txt

With -o, many pages (a folder, several files, a file of records) are cleaned by several
processes. If such a run is interrupted or killed, give the same command again: it
continues where it stopped. A page that cannot be cleaned is listed with the reason in
OUT.errors.jsonl, and the run continues.

A record from JSON lines or Parquet keeps its other fields. If an old field has the same
name as a new one (text, title, lines), it is renamed to original_NAME.

HTML needs turbohtml, WARC fastwarc, Parquet and .zst pyarrow
(pip install turbohtml fastwarc pyarrow).""",
    )
    add_pages(
        parser,
        "a file, a folder (every page and file of records in it and below), or - for standard "
        "input (default: standard input). Pages: .txt, .html (.gz); records: .jsonl (.gz, .zst), "
        ".parquet, .warc and .wet (.gz, .zst)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="where to write (default: standard output). For one page: a file. For many pages: a "
        "file of records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet), or a folder, which gets the "
        "same subfolders and file names as the input. A name that ends in / is a folder",
    )
    add_force(
        parser,
        "stop with an error. A run replaces what an earlier run has written, if the input has "
        "changed; in a folder it leaves other files, and lists them in OUT.errors.jsonl",
    )
    parser.add_argument(
        "--keep",
        type=label_list,
        default=KEPT,
        metavar="LABELS",
        help=f"labels to keep, separated by commas (default: {','.join(KEPT)}). "
        f"All labels: {', '.join(LABELS)}",
    )
    parser.add_argument(
        "--format",
        choices=("text", "markdown"),
        default="text",
        help="format of the article. markdown is for HTML input and keeps headings, lists, quotes, "
        "code, tables and links (default: text)",
    )
    parser.add_argument(
        "--threshold",
        type=probability,
        default=0.5,
        metavar="P",
        help="keep a line if the probabilities of the kept labels add up to P or more, 0 to 1. "
        "A low value keeps more lines, a high value only lines that are certain (default: 0.5)",
    )

    fields = parser.add_mutually_exclusive_group()
    fields.add_argument(
        "--html",
        metavar="FIELD",
        help="the field (column) of a record that holds the page as HTML (default: html, if there "
        "is such a field, else see --text)",
    )
    fields.add_argument(
        "--text",
        metavar="FIELD",
        help="the field (column) of a record that holds the page as plain text (default: text)",
    )
    parser.add_argument(
        "--lines",
        action="store_true",
        help="add to each record the field lines: every line of the page, kept or not, with its "
        "label and confidence",
    )
    parser.add_argument(
        "--pattern",
        metavar="GLOB",
        help="in folders, read the files whose name or relative path matches GLOB, for example "
        "'*.asp' or '2024/*' (default: all files with a known ending)",
    )
    parser.add_argument(
        "--by-site",
        action="store_true",
        help="read the input twice: first count on how many pages of its site each line appears, "
        "then clean. A line on many pages is less likely to be kept as body. Needs three pages of "
        "a site or more. The site is the host in the field url, or for a page file its top folder "
        "below PATH",
    )
    add_jobs(parser, default=None)
    parser.add_argument(
        "--page-timeout",
        type=whole_number,
        default=None,
        metavar="SECONDS",
        help="in a run, give up a page that takes longer, and list it in OUT.errors.jsonl "
        "(default: 60; 0: no limit)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop a run at the first page that cannot be cleaned (default: list it in "
        "OUT.errors.jsonl and continue)",
    )


def run(args: argparse.Namespace) -> int:
    """Clean one page, print several pages, or start a run. Returns the exit status."""
    check_force(args)
    options = CleanOptions(
        model=args.model,
        keep=args.keep,
        threshold=args.threshold,
        format=args.format,
        lines=args.lines,
        text_field=args.text,
        html_field=args.html,
        encoding=args.encoding,
    )
    paths = args.paths or [STANDARD_INPUT]
    if args.output is not None and (output_ending(args.output) or not is_one_page(paths)):
        return _start_run(paths, options, args)
    for path in paths:
        if format_of(path) is not PAGE_FILES and not os.path.isdir(path):
            raise InputError(
                f"{printable(path)}: records need an output, for example -o clean.jsonl"
            )
    _refuse(args, *_OF_RUNS, reason="only for many pages or for records, with -o")
    files = list(find_inputs(paths, records=False))
    output = None
    if args.output is not None:
        suffix = ".md" if options.format == "markdown" else ".txt"
        is_folder = needs_folder(paths, args.output)
        output = plan_output(args.output, paths, suffix, is_folder=is_folder)
        import tempfile  # only with -o

        with tempfile.TemporaryDirectory() as scratch:
            check_collisions(lambda: files, output, Path(scratch))
    _clean_pages(files, output, options, force=args.force)
    return 0


_OF_RUNS = ("html", "text", "lines", "pattern", "by_site", "jobs", "page_timeout", "strict")
"""Options that only a run has a use for."""


def _refuse(args: argparse.Namespace, *names: str, reason: str) -> None:
    """Raises InputError if one of these options is given."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if getattr(args, name) is not None and getattr(args, name) is not False  # 0 is given
    ]
    if given:
        raise InputError(f"{', '.join(given)}: {reason}")


def _start_run(paths: list[str], options: CleanOptions, args: argparse.Namespace) -> int:
    from clutter import batch

    if STANDARD_INPUT in paths:
        raise InputError("standard input is one page; its -o must be a text file")
    if all(map(os.path.isfile, paths)):
        _refuse(args, "pattern", reason="only for folders; every PATH is a file")
        if all(format_of(path) is PAGE_FILES for path in paths):
            _refuse(args, "html", "text", reason="only for records; every PATH is a page")
    timeout = batch.PAGE_TIMEOUT if args.page_timeout is None else args.page_timeout
    with logged(timed=False):
        try:
            summary = batch.run(
                paths,
                args.output,
                options,
                jobs=args.jobs or available_processors(),
                pattern=args.pattern,
                strict=args.strict,
                by_site=args.by_site,
                page_timeout=timeout,
                force=args.force,
                progress=True,
            )
        except KeyboardInterrupt:
            inform("stopped")
            raise
        except OSError as error:
            if error.filename is None:  # a full disk: Python does not say which
                error.filename = args.output
            raise
    there = [summary.counts[key] for key in ("pages", "unchanged/pages", "unchanged/files")]
    if summary.counts["errors"] and not any(there):
        raise InputError(f"nothing could be cleaned; {printable(str(summary.errors))} says why")
    for line in str(summary).split("\n"):
        inform(line)
    return 0


def _clean_pages(
    files: list[InputFile], output: Output | None, options: CleanOptions, *, force: bool
) -> None:
    """Clean pages and write them to ``output``, or to standard output if it is None."""
    load_model(options)  # report a bad model before anything is read
    # escape the rare character that an encoding reads but cannot write, also in file names
    encoder = codecs.getincrementalencoder(options.encoding or "utf-8")("backslashreplace")
    counts: Counter[str] = Counter()
    for first in range(0, len(files), base.CHUNK_RECORDS):
        chunk = files[first : first + base.CHUNK_RECORDS]
        pages = clean_many([read_content(file) for file in chunk], options)
        counts.update(count(pages))
        for number, (file, page) in enumerate(zip(chunk, pages, strict=True), first):
            if isinstance(page, str):
                raise InputError(f"{file.name}: {page}")
            if output is not None:
                with writing(prepared(output, file), force=force) as write:
                    write(encoder.encode(page.file))
            else:
                name = heading(file, first=number == 0) if len(files) > 1 else ""
                write_out(encoder.encode(name + page.file))
    lines = sum(counts[f"lines/{label}"] for label in LABELS)
    share = counts["characters/kept"] / max(counts["characters"], 1)
    hint(f"{plural(len(files), 'page')}, {plural(lines, 'line')}, {share:.0%} of the text kept")
