"""``clutter clean``: print the article of a page, or start a run over many."""

from __future__ import annotations

import argparse
import codecs
import os
import tempfile
from collections import Counter
from pathlib import Path

from clutter.cleaning import clean_many, count, load_model
from clutter.cli.arguments import add_jobs, add_pages, describe, label_list, probability
from clutter.cli.messages import hint, inform, logged, write_out
from clutter.cli.pages import heading, prepared, read_content
from clutter.errors import InputError
from clutter.files import replacing
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
    """Arguments of ``clutter clean``."""
    describe(
        parser,
        "Print the article of scraped pages, plain text or HTML, without the clutter around it.",
        """\
example:
  $ clutter clean page.html              the article of one page
  $ curl -s URL | clutter clean --format markdown
                                         in a pipe, with headings, lists and links
  $ clutter clean pages/ -o articles/    every page below pages/, each to the same
                                         place below articles/
  $ clutter clean crawl.warc.gz -o clean.jsonl
                                         records: id, url, date, text, title
  $ clutter clean crawl/ -o clean.parquet --html content --lines
                                         files of records: their pages are in the field
                                         "content"; every line comes with its label
  $ clutter clean page.txt --keep title,body,comment --threshold 0.3
                                         the readers' comments too, and lines that are
                                         less sure: a low threshold keeps more, a high
                                         one keeps what is certain

The kept lines are the input's, byte for byte; a headline that appears twice is kept
once. To see why a line was kept or dropped: clutter label page.txt

Many pages (a folder, several files, files of records) are cleaned by all processors.
Interrupted or killed, the same command goes on where it stopped. What cannot be cleaned
is told, with its reason, in OUT.errors.jsonl, and the run goes on. JSON lines and
Parquet keep the other fields of each record; a field named like one that is gained
becomes original_NAME. HTML needs turbohtml, WARC fastwarc, Parquet and .zst pyarrow
(pip install turbohtml fastwarc pyarrow).""",
    )
    add_pages(
        parser,
        "a file, a folder (every page and file of records in it and below), or - for standard "
        "input, which is also read if there is no PATH. Pages: .txt, .html (.gz); records: .jsonl "
        "(.gz, .zst), .parquet, .warc and .wet (.gz, .zst)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="write here and not to standard output: a file for one page; for many a file of "
        "records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet) or a folder, which mirrors the input",
    )
    parser.add_argument(
        "--keep",
        type=label_list,
        default=KEPT,
        metavar="LABELS",
        help=f"labels to keep, with commas between them (default: {','.join(KEPT)}); "
        f"there are {', '.join(LABELS)}",
    )
    parser.add_argument(
        "--format",
        choices=("text", "markdown"),
        default="text",
        help="of the article; markdown, for HTML input, has its headings, lists, quotes, code, "
        "tables and links (default: text)",
    )
    parser.add_argument(
        "--threshold",
        type=probability,
        default=0.5,
        metavar="P",
        help="keep a line if its probability of the kept labels reaches this, 0 to 1 "
        "(default: 0.5)",
    )

    fields = parser.add_mutually_exclusive_group()
    fields.add_argument(
        "--html",
        metavar="FIELD",
        help="the field or column of records that holds their page, as HTML (default: html, where "
        "there is one)",
    )
    fields.add_argument("--text", metavar="FIELD", help="the same, of plain text (default: text)")
    parser.add_argument(
        "--lines",
        action="store_true",
        help="let each record have every line of its page, with label and confidence",
    )
    parser.add_argument(
        "--pattern",
        metavar="GLOB",
        help="of folders, read the files whose name or path is like this, for example '*.asp' "
        "or '2024/*'",
    )
    parser.add_argument(
        "--by-site",
        action="store_true",
        help="read the input twice, and first count on how many pages of its site each line "
        "stands: what stands on many is less likely the article. For crawls of three pages a site "
        "or more; the site is the host in the field url, or the folder below PATH of a page's file",
    )
    add_jobs(parser)
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first page that cannot be cleaned"
    )


def run(args: argparse.Namespace) -> int:
    """Clean one page, print several, or start a run."""
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
    if options.lines:
        raise InputError("--lines needs an output of records, for example -o clean.jsonl")
    files = list(find_inputs(paths, records=False))
    output = None
    if args.output is not None:
        suffix = ".md" if options.format == "markdown" else ".txt"
        is_folder = needs_folder(paths, args.output)
        output = plan_output(args.output, paths, suffix, is_folder=is_folder)
        with tempfile.TemporaryDirectory() as scratch:
            check_collisions(lambda: files, output, Path(scratch))
    _clean_pages(files, output, options)
    return 0


def _start_run(paths: list[str], options: CleanOptions, args: argparse.Namespace) -> int:
    from clutter import batch

    if STANDARD_INPUT in paths:
        raise InputError("standard input is one page; -o names a file of text for it")
    with logged(timed=False):
        try:
            summary = batch.run(
                paths,
                args.output,
                options,
                jobs=args.jobs,
                pattern=args.pattern,
                strict=args.strict,
                by_site=args.by_site,
                progress=True,
            )
        except KeyboardInterrupt:
            inform("stopped; the same command goes on from here")
            raise
    if summary.counts["errors"] and not summary.counts["pages"]:
        raise InputError(f"nothing could be cleaned; {summary.errors} says why")
    inform(str(summary))
    return 0


def _clean_pages(files: list[InputFile], output: Output | None, options: CleanOptions) -> None:
    """Clean pages to their one file, or to standard output."""
    load_model(options)  # what is wrong with it is said before anything is read
    # for the rare character that an encoding reads but cannot write, and for paths in others
    encoder = codecs.getincrementalencoder(options.encoding or "utf-8")("backslashreplace")
    counts: Counter[str] = Counter()
    for first in range(0, len(files), base.CHUNK_RECORDS):
        some = files[first : first + base.CHUNK_RECORDS]
        pages = clean_many([read_content(file) for file in some], options)
        counts.update(count(pages))
        for number, (file, page) in enumerate(zip(some, pages, strict=True), first):
            if isinstance(page, str):
                raise InputError(f"{file.name}: {page}")
            if output is not None:
                with replacing(prepared(output, file)) as stream:
                    stream.write(encoder.encode(page.file))
            else:
                name = heading(file, first=number == 0) if len(files) > 1 else ""
                write_out(encoder.encode(name + page.file))
    lines = sum(counts[f"lines/{label}"] for label in LABELS)
    share = counts["characters/kept"] / max(counts["characters"], 1)
    hint(f"{plural(len(files), 'page')}, {plural(lines, 'line')}, {share:.0%} of the text kept")
