"""``clutter clean``: print the article of each page, or start a run over many pages.

A single page, or several without ``-o``, are cleaned here, in this process. Many pages with
``-o``, and files of records, are a run of clutter/batch/, with several processes and checkpoints.
Records from or to a pipe are a stream (clutter/batch/stream.py): several processes, but nothing to
go on from.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from clutter.cleaning import Dropped, clean_many, count, load_model, of_other_kinds
from clutter.cli.arguments import (
    add_force,
    add_jobs,
    add_pages,
    available_processors,
    check_force,
    describe,
    is_standard_output,
    kind_list,
    label_list,
    probability,
    whole_number,
)
from clutter.cli.messages import flush_out, hint, inform, logged, write_out
from clutter.cli.pages import (
    Failures,
    Input,
    check_files,
    heading,
    opened_input,
    page_name,
    parts,
    prepared,
    read_content,
    writing,
)
from clutter.errors import InputError
from clutter.files import is_taken
from clutter.formats import OUTPUT_ENDINGS, base, output_ending, output_format_of
from clutter.formats.base import failure_line
from clutter.formats.jsonl import json_text
from clutter.options import TEXT_FORMATS, CleanOptions
from clutter.page import KEPT, KINDS, LABELS
from clutter.plan import STANDARD_INPUT, InputFile, Output, needs_folder, plan_output
from clutter.text import plural, printable

if TYPE_CHECKING:
    from clutter.batch import Summary


JSON = "json"
"""The format of one page as a record."""


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
  $ zcat pages.jsonl.gz | clutter clean --html content | gzip > clean.jsonl.gz
                                         read records from a pipe, write each as soon as
                                         it is clean
  $ clutter clean page.html --format json
                                         print a JSON object with text, title, kind and
                                         metadata: author, date, language, site_name, url
  $ clutter clean crawl.warc.gz -o clean.jsonl
                                         clean an archive; write records with id, url,
                                         date, text, title, kind and metadata
  $ clutter clean crawl.warc.gz -o clean.jsonl --kind article,forum
                                         only articles and threads; count the other pages
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

Records from standard input, and records without -o or with -o -, are a stream: JSON lines
in the order of the input. It cannot be continued. A page that cannot be cleaned is named
on standard error (the first 20 are), and the stream continues.

A record from JSON lines or Parquet keeps its other fields. If an old field has the same
name as a new one (text, title, kind, metadata, lines), it is renamed to original_NAME.

HTML needs turbohtml, its metadata dateparser, WARC fastwarc, Parquet and .zst pyarrow
(pip install turbohtml dateparser fastwarc pyarrow).""",
    )
    add_pages(parser, is_written=True)
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="where to write (default: standard output). For one page: a file. For many pages: a "
        "file of records (.jsonl, .jsonl.gz, .jsonl.zst, .parquet), or a folder, which gets the "
        "same subfolders and file names as the input. A name that ends in / is a folder. - is "
        "standard output: records as JSON lines for many pages, the article for one",
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
        help="what to keep, separated by commas. main: the lines that the page is there for, on a "
        "shop's page the product, in a forum the answers too. title,body: the article alone. "
        f"All labels: {', '.join(LABELS)} (default: {','.join(KEPT)})",
    )
    parser.add_argument(
        "--kind",
        dest="kinds",
        type=kind_list,
        default=KINDS,
        metavar="KINDS",
        help="clean pages of these kinds, separated by commas, and drop the others: they have no "
        f"record or file and are counted on standard error. All kinds: {', '.join(KINDS)} "
        "(default: all)",
    )
    parser.add_argument(
        "--format",
        choices=(*TEXT_FORMATS, JSON),
        default="text",
        help="format of the article. markdown is for HTML input and keeps headings, lists, quotes, "
        "code, tables and links. json is for one page: an object with text, title, kind and "
        "metadata (default: text)",
    )
    parser.add_argument(
        "--threshold",
        type=probability,
        default=0.5,
        metavar="P",
        help="keep a line if the probabilities of the kept labels add up to P or more, 0 to 1. "
        "A low value keeps more lines, a high value only lines that are certain (default: 0.5)",
    )

    parser.add_argument(
        "--lines",
        action="store_true",
        help="add to each record, or to the object of --format json, the field lines: every line "
        "of the page, kept or not, with its label and confidence",
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
        help="in a run or a stream, give up a page that takes longer: it is an error (default: 60; "
        "0: no limit)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop a run or a stream at the first page that cannot be cleaned (default: list it in "
        "OUT.errors.jsonl, or name it on standard error, and continue)",
    )


def run(args: argparse.Namespace) -> int:
    """Clean one page, print several pages, write records to a pipe, or start a run. Returns the
    exit status."""
    check_force(args)
    as_json = args.format == JSON
    options = CleanOptions(
        model=args.model,
        keep=args.keep,
        kinds=args.kinds,
        threshold=args.threshold,
        format="text" if as_json else args.format,
        lines=args.lines,
        text_field=args.text,
        html_field=args.html,
        encoding=args.encoding,
    )
    read = opened_input(args)
    if len(read.files) == len(read.paths):
        _refuse(args, "pattern", reason="only for folders; no PATH is a folder")
    to_file = not is_standard_output(args.output)
    to_records = to_file and output_ending(args.output) is not None
    if as_json and (to_records or not read.is_one_page):
        raise InputError("--format json: only for one page; records are JSON without it")
    if to_file and (to_records or not read.is_one_page):
        if STANDARD_INPUT not in read.paths:
            return _start_run(read, options, args)
        if not to_records:
            what = "records" if read.are_records(STANDARD_INPUT) else "one page"
            endings = ", ".join(OUTPUT_ENDINGS)
            raise InputError(f"standard input is {what}: -o must be one of {endings}, or -")
    files = list(read.found(args.pattern))
    records = [file for file in files if not file.is_page]
    asked_for = args.output is not None and not read.is_one_page  # -o -
    if to_records or asked_for or len(records) == len(files):
        return _write_records(read, files, options, args)
    if records:
        raise InputError(
            f"{page_name(records[0])}: records among pages; "
            "-o - writes records for all of them, and so does -o clean.jsonl"
        )
    refused = [name for name in _OF_RUNS if not (as_json and name == "lines")]
    reason = "only for records, and for many pages with -o"
    if args.lines and not as_json:
        reason += "; --lines also for one page with --format json"
    _refuse(args, *refused, reason=reason)
    output = None
    if to_file:
        suffix = {"markdown": ".md", JSON: ".json"}.get(args.format, ".txt")
        is_folder = needs_folder(read.paths, args.output)
        output = plan_output(args.output, read.paths, suffix, is_folder=is_folder)
        check_files(files, output)
    _clean_pages(read, files, output, options, as_json=as_json, force=args.force)
    return 0


_OF_RUNS = ("html", "text", "lines", "by_site", "jobs", "page_timeout", "strict")
"""Options that only records and runs have a use for."""


def _refuse(args: argparse.Namespace, *names: str, reason: str) -> None:
    """Raises InputError if one of these options is given."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if getattr(args, name) is not None and getattr(args, name) is not False  # 0 is given
    ]
    if given:
        raise InputError(f"{', '.join(given)}: {reason}")


def _check_fields(read: Input, args: argparse.Namespace) -> None:
    """Raises InputError for the name of a field if no PATH can hold records."""
    if len(read.files) == len(read.paths) and not any(map(read.are_records, read.files)):
        _refuse(args, "html", "text", reason="only for records; every PATH is a page")


def _start_run(read: Input, options: CleanOptions, args: argparse.Namespace) -> int:
    from clutter import batch

    _check_fields(read, args)
    timeout = batch.PAGE_TIMEOUT if args.page_timeout is None else args.page_timeout
    with logged(timed=False), _naming(args.output):
        try:
            summary = batch.run(
                read.paths,
                args.output,
                options,
                jobs=args.jobs or available_processors(),
                pattern=args.pattern,
                kind=read.kind,
                strict=args.strict,
                by_site=args.by_site,
                page_timeout=timeout,
                force=args.force,
                progress=True,
            )
        except KeyboardInterrupt:
            inform("stopped")
            raise
    there = [summary.counts[key] for key in ("pages", "unchanged/pages", "unchanged/files")]
    dropped = of_other_kinds(summary.counts)
    if summary.counts["errors"] and not any(there) and not dropped:
        raise InputError(f"nothing could be cleaned; {printable(str(summary.errors))} says why")
    for line in str(summary).split("\n"):
        inform(line)
    return 0


@contextlib.contextmanager
def _naming(output: str) -> Iterator[None]:
    """Errors without the name of a file get that of the output: of a full disk, Python does not say
    which."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = output
        raise


def _write_records(
    read: Input, files: list[InputFile], options: CleanOptions, args: argparse.Namespace
) -> int:
    """Clean all pages, and write their records to standard output or to a file of records."""
    _check_fields(read, args)
    _refuse(args, "by_site", reason="reads the input twice; only for files, with -o clean.jsonl")
    if is_standard_output(args.output):
        summary = _stream(read, files, options, args, ".jsonl", _print)
        if summary.counts["errors"]:
            inform(str(summary).partition("\n")[0])
        if dropped := of_other_kinds(summary.counts):
            inform(dropped)
        return 0
    output = plan_output(args.output, read.paths, "", is_folder=False)
    check_files(files, output)
    if is_taken(output.path) and not args.force:
        raise InputError(f"{printable(args.output)}: is there already; --force overwrites it")
    ending = output_ending(args.output) or ""
    import tempfile  # only with -o

    with _naming(args.output):
        folder = output.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".clutter-", dir=folder) as work:
            part = Path(work, "part")
            with open(part, "wb") as file:
                summary = _stream(read, files, options, args, ending, file.write)
            output_format_of(ending).finish(part, output.path, ending)
    for line in str(summary).split("\n"):
        inform(line)
    return 0


def _print(data: bytes) -> None:
    write_out(data)
    flush_out()


def _stream(
    read: Input,
    files: list[InputFile],
    options: CleanOptions,
    args: argparse.Namespace,
    ending: str,
    write: Callable[[bytes], object],
) -> Summary:
    """Clean all pages, and write each record as soon as it is clean. Reports pages that cannot be
    cleaned. Raises InputError if none can, or with --strict for the first that cannot."""
    from clutter import batch
    from clutter.batch import runner, stream

    has_input = STANDARD_INPUT in read.paths

    def steps() -> Iterator[stream.Step]:
        pieces = stream.read_ahead(read.pieces) if has_input else read.pieces
        for part in parts(files, pieces, options):
            yield stream.Step(part.format, part.name, part.chunk, ending)

    timeout = batch.PAGE_TIMEOUT if args.page_timeout is None else args.page_timeout
    jobs = args.jobs or available_processors()
    if not has_input:
        jobs = runner.useful_jobs(jobs, sum(file.size for file in files))
    counts: Counter[str] = Counter()
    failures = Failures()
    begin = time.monotonic()
    results = stream.results(steps(), options, jobs=jobs, page_timeout=timeout)
    with contextlib.closing(results):
        for result in results:
            if result.errors and args.strict:
                raise InputError(failure_line(result.errors[0]))
            if result.piece:
                write(result.piece)
            counts.update(result.counts)
            for failure in result.errors:
                failures.add(failure)
    failures.end()
    if failures.count and not counts["pages"] and not of_other_kinds(counts):
        raise InputError(f"nothing could be cleaned: {plural(failures.count, 'error')}")
    return batch.Summary(counts, counts["pages"], time.monotonic() - begin, None)


def _clean_pages(
    read: Input,
    files: list[InputFile],
    output: Output | None,
    options: CleanOptions,
    *,
    as_json: bool,
    force: bool,
) -> None:
    """Clean pages and write them to ``output``, or to standard output if it is None; with
    ``as_json`` as JSON, which is always UTF-8."""
    load_model(options)  # report a bad model before anything is read
    # escape the rare character that an encoding reads but cannot write, also in file names
    encoding = "utf-8" if as_json else options.encoding or "utf-8"
    encoder = codecs.getincrementalencoder(encoding)("backslashreplace")
    counts: Counter[str] = Counter()
    written = 0
    for first in range(0, len(files), base.CHUNK_RECORDS):
        chunk = files[first : first + base.CHUNK_RECORDS]
        pages = clean_many([read_content(file, read.pieces) for file in chunk], options)
        counts.update(count(pages))
        for file, page in zip(chunk, pages, strict=True):
            if isinstance(page, str):
                raise InputError(f"{file.name}: {page}")
            if isinstance(page, Dropped):
                if len(files) == 1:
                    inform(f"{page_name(file)}: {page.reason}; nothing is written")
                continue
            text = json_text(page.fields()) + "\n" if as_json else page.file
            if output is not None:
                with writing(prepared(output, file), force=force) as write:
                    write(encoder.encode(text))
            else:
                name = heading(page_name(file), first=written == 0) if len(files) > 1 else ""
                write_out(encoder.encode(name + text))
            written += 1
    if len(files) > 1 and (dropped := of_other_kinds(counts)):
        inform(dropped)
    lines = sum(counts[f"lines/{label}"] for label in LABELS)
    share = counts["characters/kept"] / max(counts["characters"], 1)
    hint(
        f"{plural(counts['pages'], 'page')}, {plural(lines, 'line')}, {share:.0%} of the text kept"
    )
