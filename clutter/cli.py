"""The commands: clean, label, train, evaluate.

This room is thin: it finds the input, hands it to the library and writes what comes
back. What it adds is manners. Bytes go in and out untranslated, pages are streamed,
so that a folder of any size fits in memory, output files appear whole or not at all,
and bad input gets one clear line on standard error and exit status 2. Training and
evaluation, with what they need, are imported inside their commands only.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import itertools
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import clutter
from clutter import labelled, render
from clutter.cleaning import (
    Cleaning,
    CleaningError,
    Content,
    clean_many,
    count,
    decoded,
    load_model,
)
from clutter.labelled import plural, shown
from clutter.model import Model, ModelError
from clutter.output import form_of
from clutter.page import KEPT, LABELS, Page
from clutter.records import PAGES, ROWS, ReadError, is_like_html, kind_of, read_page, renamed

FORMATS = ("text", "tsv", "jsonl", "color", "html")


class InputError(ValueError):
    """What is wrong with the command's arguments or with its input."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake as one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


@dataclass(frozen=True)
class Source:
    """One page to read: ``path`` as messages show it, ``file`` (None: standard input), and
    ``place``, where its output belongs below the folder of -o."""

    path: str
    file: str | None
    place: Path

    def content(self) -> Content:
        """The page as it is. Raises InputError, OSError."""
        if self.file is None:
            if sys.stdin.isatty():
                _tell("reading standard input; ^D ends it")
            data = sys.stdin.buffer.read()
            return Content(data, is_like_html(data))
        try:
            return Content(*read_page(self.file))
        except ReadError as error:
            raise InputError(f"{self.path}: {error}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status: 0, 2 for bad input, 130 after ^C."""
    try:
        args = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        status = run(args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, as head does, has seen enough
        _empty_stdout()
        return 141  # what the shell shows of a program that SIGPIPE ended
    except OSError as error:
        _empty_stdout()
        where = f"{shown(os.fspath(error.filename))}: " if error.filename is not None else ""
        return _complain(where + (error.strerror or str(error)))
    except (InputError, CleaningError, ModelError, labelled.LabelledError) as error:
        return _complain(str(error))


def add_clean_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``clutter clean``."""
    _describe(
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
becomes original_NAME. HTML, WARC, Parquet and .zst need: pip install 'clutter[batch]'""",
    )
    _add_input(
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
        type=_labels,
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
        type=_probability,
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
    _add_jobs(parser)
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first page that cannot be cleaned"
    )


def add_label_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``clutter label``."""
    _describe(
        parser,
        "Say of every line of scraped pages what it is, and how sure that is.",
        """\
example:
  $ clutter label page.txt               in colours, on a terminal
  $ clutter label pages/ --format html -o pages.html
                                         one page for the browser; confidence on hover
  $ clutter label pages/ --format jsonl | jq -r 'select(.label == "comment").text'
                                         the readers' comments of many pages
  $ clutter label site/*.txt --format tsv -o mine/
                                         labelled files to correct in an editor; what
                                         the model doubts is marked (nav?0.43) and counts
                                         as unlabelled until you make it a plain label;
                                         then: clutter train mine/ --base default ...""",
    )
    _add_input(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="text: label, confidence and line in columns; tsv: a labelled file, to correct and "
        "train on; jsonl: one JSON object a line; color: for a terminal; html: for a browser "
        "(default: color on a terminal, else tsv)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="write to this file and not to standard output; with tsv, one page a file, a folder "
        "if there are several pages",
    )


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of training: ``labelled`` (list of str), ``output``, ``base`` and ``corpus``
    (str or None), ``seed`` and ``jobs`` (int)."""
    _describe(
        parser,
        "Train a model on labelled pages.",
        """\
example:
  $ clutter label mysite/ --format tsv -o mine/    let the model guess
  $ vi mine/*.tsv                                  correct its labels; what it doubts is
                                                   marked: nav?0.43
  $ clutter train mine/ --base default -o my.safetensors
                                                   the shipped model, tuned to these pages,
                                                   in seconds
  $ clutter clean page.txt --model my.safetensors

  $ clutter train labelled/ mine/ -o my.safetensors
                                                   a model from the ground up; "# url: ..." at
                                                   a page's top tells its site""",
    )
    _add_labelled(
        parser,
        "a corpus folder: learn from its pages too, by the labels without text (.jsonl) that "
        "LABELLED holds; labelled/README.md tells more",
    )
    parser.add_argument(
        "-o", dest="output", metavar="MODEL", required=True, help="the model file to write"
    )
    parser.add_argument(
        "--base",
        metavar="M",
        help="start from this model file, or from the shipped model (default), and tune it to "
        "LABELLED: for a few pages of a new site",
    )
    parser.add_argument(
        "--seed", type=_count, default=0, metavar="N", help="of the random numbers (default: 0)"
    )
    _add_jobs(parser)


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of evaluation: ``labelled`` (list of str), ``model`` and ``corpus`` (str or
    None), ``format`` ("text" or "json") and ``worst`` (int)."""
    _describe(
        parser,
        "Compare a model's labels with those of labelled pages.",
        """\
example:
  $ clutter evaluate held-out/                     scores of the shipped model
  $ clutter evaluate held-out/ --model my.safetensors
                                                   the same for your own: is it better?
  $ clutter evaluate mine/ --worst 30              the lines where label and model disagree
                                                   most: some of the labels will be wrong

A fair score needs pages of sites that the model was not trained on.""",
    )
    _add_labelled(
        parser,
        "a corpus folder: score on its dev pages and their half-cleaned views, by the labels "
        "without text (.jsonl) that LABELLED holds, and on nothing else",
    )
    _add_model(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="of the report (default: text)"
    )
    parser.add_argument(
        "--worst",
        type=_count,
        default=10,
        metavar="N",
        help="how many of the worst pages, and of the lines where label and model disagree most, "
        "to list (default: 10)",
    )


def _parser() -> Parser:
    parser = Parser(
        prog="clutter",
        description="Label every line of a scraped page and get the clean article back.",
        epilog="example:\n  $ clutter clean page.txt\n\n"
        "Each command has its own help and examples: clutter clean --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"clutter {clutter.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary, add, run in (
        ("clean", "print the article of pages", add_clean_arguments, _clean),
        ("label", "print the label of every line", add_label_arguments, _label),
        ("train", "make a model from labelled pages", add_train_arguments, _train),
        ("evaluate", "score a model on labelled pages", add_evaluate_arguments, _evaluate),
    ):
        command = commands.add_parser(name, help=summary)
        add(command)
        command.set_defaults(run=run)
    return parser


def _describe(parser: argparse.ArgumentParser, description: str, epilog: str) -> None:
    parser.description, parser.epilog = description, epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def _add_input(
    parser: argparse.ArgumentParser,
    paths: str = "a file, a folder (every .txt, .html and .html.gz in it and below), or - for "
    "standard input, which is also read if there is no PATH",
) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help=paths)
    _add_model(parser)
    parser.add_argument(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="of the input, and of clean text (default: utf-8; of HTML, what it declares or "
        "looks like)",
    )


def _add_labelled(parser: argparse.ArgumentParser, corpus: str) -> None:
    parser.add_argument(
        "labelled",
        nargs="+",
        metavar="LABELLED",
        help="a labelled file, or a folder (every .tsv in it and below)",
    )
    parser.add_argument("--corpus", metavar="DIR", help=corpus)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help="a model file (default: the shipped model)")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=allowed or os.cpu_count() or 1,
        metavar="N",
        help="processes to use (default: one for each processor)",
    )


def _labels(value: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in value.split(",") if label.strip())
    if not labels:
        raise argparse.ArgumentTypeError(f"no label in {value!r}; there are {', '.join(LABELS)}")
    return labels


def _probability(value: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(value) <= 1:
            return float(value)
    raise argparse.ArgumentTypeError(f"a number from 0 to 1, not {value!r}")


def _count(value: str) -> int:
    with contextlib.suppress(ValueError):
        if int(value) >= 0:
            return int(value)
    raise argparse.ArgumentTypeError(f"a whole number from 0 up, not {value!r}")


def _positive(value: str) -> int:
    if _count(value) == 0:
        raise argparse.ArgumentTypeError("a whole number from 1 up, not '0'")
    return int(value)


def _encoding(value: str) -> str:
    try:
        "a".encode(value)  # raises for what is a codec, but not of text
        return codecs.lookup(value).name
    except (LookupError, UnicodeError):
        raise argparse.ArgumentTypeError(f"unknown encoding {value!r}") from None


def _clean(args: argparse.Namespace) -> int:
    how = Cleaning(
        args.model, args.keep, args.threshold, args.format, args.lines, args.text, args.html,
        args.encoding,
    )  # fmt: skip
    paths = args.paths or ["-"]
    is_one_page = len(paths) == 1 and not os.path.isdir(paths[0]) and kind_of(paths[0]) == "page"
    if args.output is not None and (form_of(args.output) or not is_one_page):
        return _clean_batch(args, how)
    for path in paths:
        if kind_of(path) != "page" and not os.path.isdir(path):
            raise InputError(f"{shown(path)}: records need an output, for example -o clean.jsonl")
    if how.lines:
        raise InputError("--lines needs an output of records, for example -o clean.jsonl")
    sources = _sources(paths)
    suffix = ".md" if args.format == "markdown" else ".txt"
    target = _targets(args, sources, suffix)[0] if args.output else None
    load_model(how)
    # for the rare character that an encoding reads but cannot write, and for paths in others
    encoder = codecs.getincrementalencoder(args.encoding or "utf-8")("backslashreplace")
    counts: Counter[str] = Counter()
    for first in range(0, len(sources), ROWS):
        some = sources[first : first + ROWS]
        pages = clean_many([source.content() for source in some], how)
        counts.update(count(pages))
        for number, (source, page) in enumerate(zip(some, pages, strict=True), first):
            if isinstance(page, str):
                raise InputError(f"{source.path}: {page}")
            if target is not None:
                with labelled.replacing(_in_folder(target, args.output)) as file:
                    file.write(encoder.encode(page.file))
            else:
                heading = _heading(source, first=number == 0) if len(sources) > 1 else ""
                _print(encoder.encode(heading + page.file))
    lines = sum(counts[f"lines/{label}"] for label in LABELS)
    share = counts["characters/kept"] / max(counts["characters"], 1)
    _tell(f"{plural(len(sources), 'page')}, {plural(lines, 'line')}, {share:.0%} of the text kept")
    return 0


def _clean_batch(args: argparse.Namespace, how: Cleaning) -> int:
    from clutter import batch

    if "-" in args.paths or not args.paths:
        raise InputError("standard input is one page; -o names a file of text for it")
    try:
        done = batch.run(
            args.paths, args.output, how, jobs=args.jobs, pattern=args.pattern,
            strict=args.strict, by_site=args.by_site, tell=_inform, show=True,
        )  # fmt: skip
    except (batch.BatchError, ImportError) as error:
        raise InputError(str(error)) from None
    except KeyboardInterrupt:
        _inform("stopped; the same command goes on from here")
        raise
    if done.counts["errors"] and not done.counts["pages"]:
        raise InputError(f"nothing could be cleaned; {done.errors} says why")
    _inform(str(done))
    return 0


def _label(args: argparse.Namespace) -> int:
    sources = _sources(args.paths)
    in_terminal = args.output is None and sys.stdout.isatty()
    form = args.format or ("color" if in_terminal else "tsv")
    one_file = form != "tsv"  # of tsv, each page has a file of its own
    targets = _targets(args, sources, ".tsv", one_file) if args.output else None
    model = clutter.load(args.model)
    lines = 0

    def pages() -> Iterator[tuple[Source, Page]]:
        nonlocal lines
        for source, page in _pages(model, sources, args):
            lines += len(page)
            yield source, page

    if targets is None:
        for piece in _rendered(form, pages(), len(sources) > 1):
            _print(labelled.utf8(piece))
    elif one_file:
        with labelled.replacing(targets[0]) as file:
            for piece in _rendered(form, pages(), len(sources) > 1):
                file.write(labelled.utf8(piece))
    else:
        for target, (source, page) in zip(targets, pages(), strict=True):
            target = _in_folder(target, args.output)
            labelled.write(_to_correct(source, page, target.parent), target)
    _tell(f"{plural(len(sources), 'page')}, {plural(lines, 'line')}")
    return 0


def _train(args: argparse.Namespace) -> int:
    from clutter.train import main_train

    return main_train(args)


def _evaluate(args: argparse.Namespace) -> int:
    from clutter.evaluate import main_evaluate

    return main_evaluate(args)


def _sources(paths: Sequence[str]) -> list[Source]:
    """The pages that the arguments name. Raises InputError where one names none."""
    sources = []
    for path in paths or ["-"]:
        if path == "-":
            sources.append(Source("-", None, Path("stdin.txt")))
        elif os.path.isdir(path):
            found = list(labelled.files_below(path, PAGES))
            if not found:
                raise InputError(f"{shown(path)}: no .txt or .html file in this folder or below")
            sources += [Source(shown(f), f, Path(os.path.relpath(f, path))) for f in found]
        elif os.path.exists(path):
            sources.append(Source(shown(path), path, Path(os.path.basename(path))))
        else:
            raise InputError(f"{shown(path)}: no such file or folder")
    return sources


def _targets(
    args: argparse.Namespace, sources: list[Source], suffix: str, one_file: bool = False
) -> list[Path]:
    """Where -o puts each page, or the one file for all of them.

    Raises InputError where two pages would have the same file, or one its own input's.
    """
    output: str = args.output
    folders = [path for path in args.paths if path != "-" and os.path.isdir(path)]
    if one_file or not (folders or len(sources) > 1 or os.path.isdir(output)):
        targets = [Path(output)]
    else:
        if os.path.exists(output) and not os.path.isdir(output):
            raise InputError(f"{shown(output)}: a file, but several pages need a folder")
        for folder in folders:
            if Path(output).resolve().is_relative_to(Path(folder).resolve()):
                raise InputError(f"{shown(output)}: lies inside the input folder {shown(folder)}")
        targets = [Path(output, renamed(str(source.place), suffix)) for source in sources]
    inputs = {os.path.realpath(source.file) for source in sources if source.file is not None}
    taken: set[Path] = set()
    for target in targets:
        if target in taken:
            raise InputError(f"{shown(str(target))}: two pages would be written here")
        if target.is_file() and os.path.realpath(target) in inputs:
            raise InputError(f"{shown(str(target))}: is the input too; write to another file")
        taken.add(target)
    return targets


def _in_folder(target: Path, output: str) -> Path:
    """The target; where it lies in the folder of -o, that folder is made first."""
    if target != Path(output):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _pages(
    model: Model, sources: list[Source], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    """Every page with its labels, in order; a batch of them is in memory at a time."""
    progress = sys.stderr.isatty() and not (args.output is None and sys.stdout.isatty())
    number = 0
    contents = ((source, source.content()) for source in sources)
    for is_html, group in itertools.groupby(contents, key=lambda found: found[1].is_html):
        for source, page in (_from_html if is_html else _from_text)(model, group, args):
            yield source, page
            number += 1
            if progress and number % 100 == 0:
                count = f"\r{number:,} of {len(sources):,} pages\r"
                print(count, end="", file=sys.stderr, flush=True)


def _from_text(
    model: Model, found: Iterable[tuple[Source, Content]], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    ahead: deque[Source] = deque()

    def texts() -> Iterator[str]:
        for source, content in found:
            ahead.append(source)
            try:
                yield decoded(content.data or b"", args.encoding or "utf-8")
            except UnicodeError as error:
                raise InputError(f"{source.path}: {error}") from None

    for page in model.label_many(texts()):
        yield ahead.popleft(), page


def _from_html(
    model: Model, found: Iterable[tuple[Source, Content]], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    ahead: deque[Source] = deque()

    def pages() -> Iterator[tuple[str | bytes, str | None]]:
        for source, content in found:
            ahead.append(source)
            yield content.data or b"", args.encoding

    try:
        for page in model.try_html(pages()):
            source = ahead.popleft()
            if isinstance(page, Exception):
                raise InputError(f"{source.path}: {page}")
            yield source, page
    except ImportError as error:
        raise InputError(str(error)) from None


def _rendered(form: str, pages: Iterable[tuple[Source, Page]], several: bool) -> Iterator[str]:
    """The output of ``clutter label`` in one stream, piece by piece."""
    if form == "html":
        named = (("standard input" if s.file is None else s.path, page) for s, page in pages)
        yield from render.html(named)
        return
    if form == "color":
        yield render.legend()
    for number, (source, page) in enumerate(pages):
        if form == "jsonl":
            yield render.jsonl(page, source.path)
            continue
        if several:
            yield _heading(source, first=number == 0)
        if form == "tsv":
            yield labelled.format_page(_to_correct(source, page, Path()))
        else:
            yield render.color(page) if form == "color" else render.text(page)


def _to_correct(source: Source, page: Page, folder: Path) -> labelled.LabelledPage:
    """The labelled page of a guess; its head names the HTML, as seen from ``folder``."""
    from_html = type(page) is not Page and source.file is not None
    head = {"html": os.path.relpath(str(source.file), folder)} if from_html else None
    return labelled.from_page(page, source.path, head)


def _heading(source: Source, first: bool) -> str:
    """The line between pages on standard output, as head writes it."""
    name = "standard input" if source.file is None else source.path
    return f"{'' if first else chr(10)}==> {name} <==\n"


def _print(data: bytes) -> None:
    """Write to standard output, all of it: where PYTHONUNBUFFERED is set, one ``write``
    may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def _inform(message: str) -> None:
    """What a long run says of itself, wherever that is read."""
    print(message, file=sys.stderr)


def _tell(message: str) -> None:
    """A line for the person at the terminal; nothing where there is none."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr)


def _complain(message: str) -> int:
    print(f"clutter: {message}", file=sys.stderr)
    return 2


def _empty_stdout() -> None:
    """Print what is left in the buffer, or, where that fails, drop it: the flush at exit
    would fail again, with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
