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
import gzip
import itertools
import os
import re
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import clutter
from clutter import labelled, render
from clutter.model import Model, ModelError
from clutter.page import KEPT, LABELS, Page

FORMATS = ("text", "tsv", "jsonl", "color", "html")

HTML = (".html", ".htm", ".xhtml")
"""How the names of HTML files end, before .gz."""

PAGES = (".txt", *HTML, *(end + ".gz" for end in HTML))
"""How the names of the files end that are read from a folder."""

_HTML_START = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.{0,500}?-->\s*|<\?xml.{0,200}?\?>\s*)?"
                         rb"<(!doctype\s+html|html|head|body)\b", re.I | re.S)  # fmt: skip


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

    def read(self) -> tuple[bytes, bool]:
        """The page's bytes, unpacked, and whether they are HTML: a file's name says that, of
        standard input its beginning. Raises InputError, OSError."""
        if self.file is None:
            data = sys.stdin.buffer.read()
            return data, _HTML_START.match(data[:1024]) is not None
        data = Path(self.file).read_bytes()
        if self.file.endswith(".gz"):
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{self.path}: cannot be unpacked ({error})") from None
        return data, self.file.removesuffix(".gz").lower().endswith(HTML)

    def decode(self, data: bytes, encoding: str) -> str:
        """The text of a page of plain text, line breaks as they are. Raises InputError."""
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            byte = data[error.start : error.start + 1].hex()
            raise InputError(
                f"{self.path}: not {encoding.upper()}: byte 0x{byte} at position {error.start}; "
                "name the right encoding, for example --encoding cp1252"
            ) from None
        except UnicodeError as error:
            raise InputError(f"{self.path}: not {encoding.upper()}: {error}") from None


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
        where = f"{_shown(os.fspath(error.filename))}: " if error.filename is not None else ""
        return _complain(where + (error.strerror or str(error)))
    except (InputError, ModelError, labelled.LabelledError) as error:
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
  $ clutter clean page.txt --keep title,body,comment --threshold 0.3
                                         the readers' comments too, and lines that are
                                         less sure: a low threshold keeps more, a high
                                         one keeps what is certain

The kept lines are the input's, byte for byte; a headline that appears twice is kept
once. To see why a line was kept or dropped: clutter label page.txt""",
    )
    _add_input(parser)
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="write here and not to standard output: a file for one page; for a folder or "
        "several pages a folder, which mirrors the input",
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
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes to use (default: one for each processor)",
    )


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


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file, a folder (every .txt, .html and .html.gz in it and below), or - for "
        "standard input, which is also read if there is no PATH",
    )
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
    sources = _sources(args.paths)
    markdown = args.format == "markdown"
    targets = _targets(args, sources, ".md" if markdown else ".txt") if args.output else None
    model = clutter.load(args.model)
    for label in args.keep:
        if label not in model.labels:
            raise InputError(f"--keep: {labelled.unknown_label(label, model.labels)}")
    # for the rare character that an encoding reads but cannot write, and for paths in others
    errors = "backslashreplace"
    encoding = args.encoding or "utf-8"
    encoder = codecs.getincrementalencoder(encoding)(errors)
    lines = kept = 0
    for number, (source, page) in enumerate(_pages(model, sources, args)):
        rows = page.kept(args.keep, args.threshold)
        lines += rows.size
        kept += int(rows.sum())
        text = _with_own_breaks(page, _cleaned(source, page, args))
        if targets is not None:
            with labelled.replacing(_in_folder(targets[number], args.output)) as file:
                file.write(text.encode(encoding, errors))
            continue
        if len(sources) > 1:
            text = _heading(source, first=number == 0) + text
        _print(encoder.encode(text))
    _tell(f"{_plural(len(sources), 'page')}, {kept:,} of {_plural(lines, 'line')} kept")
    return 0


def _cleaned(source: Source, page: Page, args: argparse.Namespace) -> str:
    if args.format == "text":
        return page.clean(args.keep, args.threshold)
    from clutter.html import HtmlPage

    if not isinstance(page, HtmlPage):
        raise InputError(f"{source.path}: plain text; --format markdown takes HTML")
    return page.clean(args.keep, args.threshold, args.format)


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
    _tell(f"{_plural(len(sources), 'page')}, {_plural(lines, 'line')}")
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
            found = labelled.files_below(path, PAGES)
            if not found:
                raise InputError(f"{_shown(path)}: no .txt or .html file in this folder or below")
            sources += [Source(_shown(f), f, Path(os.path.relpath(f, path))) for f in found]
        elif os.path.exists(path):
            sources.append(Source(_shown(path), path, Path(os.path.basename(path))))
        else:
            raise InputError(f"{_shown(path)}: no such file or folder")
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
            raise InputError(f"{_shown(output)}: a file, but several pages need a folder")
        for folder in folders:
            if Path(output).resolve().is_relative_to(Path(folder).resolve()):
                raise InputError(f"{_shown(output)}: lies inside the input folder {_shown(folder)}")
        targets = [Path(output, _renamed(source.place, suffix)) for source in sources]
    inputs = {os.path.realpath(source.file) for source in sources if source.file is not None}
    taken: set[Path] = set()
    for target in targets:
        if target in taken:
            raise InputError(f"{_shown(str(target))}: two pages would be written here")
        if target.is_file() and os.path.realpath(target) in inputs:
            raise InputError(f"{_shown(str(target))}: is the input too; write to another file")
        taken.add(target)
    return targets


def _renamed(place: Path, suffix: str) -> Path:
    """A page's place with another ending; one of an unknown kind is kept before it, and all of
    it where clean text is written."""
    end = next((end for end in PAGES if place.name.lower().endswith(end)), "")
    if not end and suffix == ".txt":
        return place
    return place.with_name(place.name[: len(place.name) - len(end)] + suffix)


def _in_folder(target: Path, output: str) -> Path:
    """The target; where it lies in the folder of -o, that folder is made first."""
    if target != Path(output):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _pages(
    model: Model, sources: list[Source], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    """Every page with its labels, in order; a batch of them is in memory at a time."""

    def read() -> Iterator[tuple[Source, bytes, bool]]:
        for source in sources:
            if source.file is None and sys.stdin.isatty():
                _tell("reading standard input; ^D ends it")
            yield source, *source.read()

    progress = sys.stderr.isatty() and not (args.output is None and sys.stdout.isatty())
    number = 0
    for is_html, group in itertools.groupby(read(), key=lambda found: found[2]):
        for source, page in (_from_html if is_html else _from_text)(model, group, args):
            yield source, page
            number += 1
            if progress and number % 100 == 0:
                count = f"\r{number:,} of {len(sources):,} pages\r"
                print(count, end="", file=sys.stderr, flush=True)


def _from_text(
    model: Model, found: Iterable[tuple[Source, bytes, bool]], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    ahead: deque[Source] = deque()

    def texts() -> Iterator[str]:
        for source, data, _ in found:
            ahead.append(source)
            yield source.decode(data, args.encoding or "utf-8")

    for page in model.label_many(texts()):
        yield ahead.popleft(), page


def _from_html(
    model: Model, found: Iterable[tuple[Source, bytes, bool]], args: argparse.Namespace
) -> Iterator[tuple[Source, Page]]:
    for source, data, _ in found:
        try:
            yield source, model.label_html(data, args.encoding)
        except (ValueError, LookupError, ImportError) as error:
            raise InputError(f"{source.path}: {error}") from None


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


def _with_own_breaks(page: Page, clean: str) -> str:
    """Clean text with the page's own kind of line break, and one at its end."""
    found = labelled.LINE_BREAK.search(page.text)
    return (clean + "\n" if clean else "").replace("\n", found[0] if found else "\n")


def _shown(path: str) -> str:
    """A path to print: bytes in it that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _print(data: bytes) -> None:
    """Write to standard output, all of it: where PYTHONUNBUFFERED is set, one ``write``
    may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


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
