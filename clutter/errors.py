"""All errors of the library. They have one base class.

A program that uses the library can catch all of them as :class:`ClutterError`. Each error also
has a standard base class (ValueError, RuntimeError and so on), so code that catches those
works as well. Each message says what is wrong and, if that is not obvious, what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any


class ClutterError(Exception):
    """The base class of all errors of this library."""


class CleaningError(ClutterError, ValueError):
    """Invalid settings for cleaning, or records that they do not fit."""


class InputError(ClutterError, ValueError):
    """Arguments or input that a command cannot use."""


class ReadError(InputError):
    """A file, or a record in it, that cannot be read."""


class DecodingError(ClutterError, UnicodeError):
    """Bytes that are not text in the given encoding."""


class EncodingError(ClutterError, LookupError):
    """An encoding that does not exist."""


class HtmlError(ClutterError, ValueError):
    """Input that is not HTML. The message says what it is."""


class ModelError(ClutterError, ValueError):
    """A model file that cannot be used."""


class BatchError(ClutterError, ValueError):
    """A run over many pages that cannot start or continue. The message says what to do."""


class WorkersError(ClutterError, RuntimeError):
    """Worker processes that cannot be started."""


class LabelledError(ClutterError, ValueError):
    """Labelled files that cannot be used.

    ``problems`` has one entry, "file:line: what is wrong", for each problem. The message is all
    of them, one per line.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[LabelledError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)  # for pickling


class CorpusError(ClutterError, ValueError):
    """A corpus folder, or a file of labels for it, that cannot be used."""


class TrainingError(ClutterError, ValueError):
    """Labelled pages that cannot be used to train a model."""


class MissingLibraryError(ClutterError, ImportError):
    """An optional library that is not installed. The message names the command to install it."""


def import_library(name: str, purpose: str, packages: str | None = None) -> Any:
    """Import an optional library that ``purpose`` ("reading HTML") needs.

    ``packages`` names the packages to install, if there are several or the name differs.

    Raises MissingLibraryError if it cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        packages = packages or name.partition(".")[0]
        first = packages.split()[0]
        message = f"{purpose} needs {first}: pip install {packages}"
        if not isinstance(error, ModuleNotFoundError):
            message = f"{purpose} needs {first}, which cannot be imported ({error})"
        raise MissingLibraryError(message, name=name) from error
