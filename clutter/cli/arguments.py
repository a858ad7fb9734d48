"""Arguments that several commands share, and the functions that check their values."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from clutter import page
from clutter.cli.messages import naming
from clutter.errors import InputError
from clutter.formats import KINDS
from clutter.text import is_text_encoding

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line. Raises InputError instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        # argparse keeps it to itself if the help cannot be written
        with naming("standard output"):
            (file or sys.stdout).write(message)


def describe(parser: argparse.ArgumentParser, description: str, epilog: str) -> None:
    """Set the description and the examples of a command; line breaks are kept."""
    parser.description, parser.epilog = description, epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_pages(parser: argparse.ArgumentParser, *, is_written: bool) -> None:
    """Add the pages to read, what they are, the model and the encoding. ``is_written`` is whether
    the output has this encoding too."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file, a folder (every page and file of records in it and below), or - for standard "
        "input (default: standard input). Pages: .txt, .html (.gz); records: .jsonl (.gz, .zst), "
        ".parquet, .warc and .wet (.gz, .zst)",
    )
    parser.add_argument(
        "--from",
        dest="kind",
        choices=KINDS,
        help="what standard input is, and files whose names are not those of records: pages of "
        "html or of plain text, or jsonl, records as JSON lines (default: what the name of a file "
        "says; else a page, which is html if it begins so. Standard input is jsonl if --html or "
        "--text names a field, or if its first line is a JSON object with the field html or text)",
    )
    _add_fields(parser)
    add_model(parser)
    written = "; articles are written in it too" if is_written else ""
    parser.add_argument(
        "--encoding",
        type=encoding_name,
        metavar="NAME",
        help=f"encoding of the pages{written} (default: utf-8; for HTML pages, the encoding that "
        "is declared or detected)",
    )


def _add_fields(parser: argparse.ArgumentParser) -> None:
    """Add the names of the fields that hold the page of a record."""
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


def add_labelled(parser: argparse.ArgumentParser, corpus: str) -> None:
    """Add the labelled pages to read. ``corpus`` is the help text of --corpus."""
    parser.add_argument(
        "labelled",
        nargs="+",
        metavar="LABELLED",
        help="a labelled file, or a folder (every .tsv file in it and below)",
    )
    parser.add_argument("--corpus", metavar="DIR", help=corpus)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model to use."""
    parser.add_argument("--model", metavar="M", help="a model file (default: the shipped model)")


def available_processors() -> int:
    """The number of processors that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return allowed or os.cpu_count() or 1


def add_jobs(parser: argparse.ArgumentParser, *, default: int | None) -> None:
    """Add the number of processes to use. With the default None, a command can tell whether it
    was given."""
    parser.add_argument(
        "--jobs",
        type=positive_number,
        default=default,
        metavar="N",
        help="number of processes (default: one for each processor)",
    )


def add_force(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the choice to overwrite. ``default`` is the help text of what is done without it."""
    parser.add_argument(
        "--force",
        action="store_true",
        help=f"overwrite the output if it is there already (default: {default})",
    )


def check_force(args: argparse.Namespace) -> None:
    """Raises InputError for --force without a file to overwrite."""
    if args.force and is_standard_output(args.output):
        raise InputError("--force does nothing without -o")


def is_standard_output(output: str | None) -> bool:
    """Whether the value of -o, or its absence, means standard output."""
    return output in (None, "-", "/dev/stdout")


def label_list(value: str) -> tuple[str, ...]:
    """Labels separated by commas. Raises ArgumentTypeError if there is none."""
    return _names(value, "label", (page.MAIN, *page.LABELS))


def kind_list(value: str) -> tuple[str, ...]:
    """Kinds of pages separated by commas. Raises ArgumentTypeError if there is none."""
    return _names(value, "kind", page.KINDS)


def _names(value: str, what: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"no {what} in {value!r}; there are {', '.join(known)}")
    return names


def probability(value: str) -> float:
    """A number from 0 to 1. Raises ArgumentTypeError for anything else."""
    with contextlib.suppress(ValueError):
        if 0 <= float(value) <= 1:
            return float(value)
    raise argparse.ArgumentTypeError(f"a number from 0 to 1, not {value!r}")


def whole_number(value: str) -> int:
    """A whole number, 0 or more. Raises ArgumentTypeError for anything else."""
    with contextlib.suppress(ValueError):
        if int(value) >= 0:
            return int(value)
    raise argparse.ArgumentTypeError(f"a whole number from 0 up, not {value!r}")


def positive_number(value: str) -> int:
    """A whole number, 1 or more. Raises ArgumentTypeError for anything else."""
    if whole_number(value) == 0:
        raise argparse.ArgumentTypeError("a whole number from 1 up, not '0'")
    return int(value)


def encoding_name(value: str) -> str:
    """The normalised name of a text encoding. Raises ArgumentTypeError if it is unknown."""
    if not is_text_encoding(value):
        raise argparse.ArgumentTypeError(f"unknown encoding {value!r}")
    return codecs.lookup(value).name
