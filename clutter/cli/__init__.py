"""The command ``clutter`` and its subcommands clean, label, annotate, train and evaluate, one file
each.

This package only finds the input, calls the library and writes the result. Bytes are read and
written unchanged. Pages are streamed, so a folder of any size fits in memory. Output files appear
whole or not at all. Bad input gives one clear line on standard error and exit status 2. Training
and evaluation, and the libraries they need, are imported only inside their commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from clutter.cli.arguments import Parser

COMMANDS = {
    "clean": "print the article of each page",
    "label": "print the label of every line",
    "annotate": "label pages of a site in the browser, and tune a model meanwhile",
    "train": "train a model on labelled pages",
    "evaluate": "score a model on labelled pages",
}
"""The commands: each is the module of this package with its name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns the exit status: 0, 2 for bad input, 130 after ^C, 141 if the output pipe was closed.
    Raises SystemExit after the help or the version.
    """
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str] | None) -> int:
    # everything is imported in here, for ^C may come while numpy loads
    import os
    import sys

    from clutter.cli import messages
    from clutter.errors import ClutterError, LabelledError

    try:
        messages.open_closed_streams()
        try:
            words = sys.argv[1:] if argv is None else argv
            name = words[0] if words and words[0] in COMMANDS else None
            args = command_parser(name).parse_args(words)
        except SystemExit:  # after the help or the version
            messages.flush_out()
            raise
        run: Callable[[argparse.Namespace], int] = args.run
        status = run(args)
        messages.flush_out()
        return status
    except BrokenPipeError:  # the reader has closed the pipe, as head does
        messages.empty_stdout()
        return 141  # the status that a shell shows after SIGPIPE
    except OSError as error:
        messages.empty_stdout()
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return messages.complain(where + (error.strerror or str(error)))
    except LabelledError as error:
        return messages.complain(*error.problems)
    except ClutterError as error:
        return messages.complain(str(error))


def command_parser(name: str | None = None) -> Parser:
    """The parser of all commands. The parsed arguments have the command's function as ``run``.

    With the ``name`` of a command, the others have no arguments: what they need is not loaded.
    """
    import argparse
    from importlib import import_module

    import clutter
    from clutter.cli.arguments import Parser

    parser = Parser(
        prog="clutter",
        description="Label every line of a scraped page and get the clean article back.",
        epilog="example:\n  $ clutter clean page.txt\n\n"
        "Each command has its own help, with examples: clutter clean --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"clutter {clutter.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, summary in COMMANDS.items():
        subparser = commands.add_parser(command, help=summary)
        if name in (command, None):
            module = import_module(f"clutter.cli.{command}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
