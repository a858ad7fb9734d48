"""Arguments that several commands share, and what their values may be."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
from typing import NoReturn

from clutter.errors import InputError
from clutter.page import LABELS


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake as one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def describe(parser: argparse.ArgumentParser, description: str, epilog: str) -> None:
    """Give a command its description and its examples."""
    parser.description, parser.epilog = description, epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_pages(
    parser: argparse.ArgumentParser,
    paths: str = "a file, a folder (every .txt, .html and .html.gz in it and below), or - for "
    "standard input, which is also read if there is no PATH",
) -> None:
    """Pages to read."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help=paths)
    add_model(parser)
    parser.add_argument(
        "--encoding",
        type=encoding_name,
        metavar="NAME",
        help="of the input, and of clean text (default: utf-8; of HTML, what it declares or "
        "looks like)",
    )


def add_labelled(parser: argparse.ArgumentParser, corpus: str) -> None:
    """Labelled pages to read."""
    parser.add_argument(
        "labelled",
        nargs="+",
        metavar="LABELLED",
        help="a labelled file, or a folder (every .tsv in it and below)",
    )
    parser.add_argument("--corpus", metavar="DIR", help=corpus)


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model to use."""
    parser.add_argument("--model", metavar="M", help="a model file (default: the shipped model)")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """How many processes to use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    parser.add_argument(
        "--jobs",
        type=positive_number,
        default=allowed or os.cpu_count() or 1,
        metavar="N",
        help="processes to use (default: one for each processor)",
    )


def label_list(value: str) -> tuple[str, ...]:
    """Labels with commas between them."""
    found = tuple(label.strip() for label in value.split(",") if label.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"no label in {value!r}; there are {', '.join(LABELS)}")
    return found


def probability(value: str) -> float:
    """A number from 0 to 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(value) <= 1:
            return float(value)
    raise argparse.ArgumentTypeError(f"a number from 0 to 1, not {value!r}")


def whole_number(value: str) -> int:
    """A whole number from 0 up."""
    with contextlib.suppress(ValueError):
        if int(value) >= 0:
            return int(value)
    raise argparse.ArgumentTypeError(f"a whole number from 0 up, not {value!r}")


def positive_number(value: str) -> int:
    """A whole number from 1 up."""
    if whole_number(value) == 0:
        raise argparse.ArgumentTypeError("a whole number from 1 up, not '0'")
    return int(value)


def encoding_name(value: str) -> str:
    """The name of an encoding of text."""
    try:
        "a".encode(value)  # raises for what is a codec, but not of text
        return codecs.lookup(value).name
    except (LookupError, UnicodeError):
        raise argparse.ArgumentTypeError(f"unknown encoding {value!r}") from None
