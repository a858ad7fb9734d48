"""All errors of the library, below one class.

Who embeds the filter in a program of their own can catch :class:`ClutterError` and nothing
else. Each error has a standard parent too (ValueError, RuntimeError and so on), so code that
catches those works as well. Each message says what is wrong and, where that is not plain,
what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any


class ClutterError(Exception):
    """What all errors of this library are."""


class CleaningError(ClutterError, ValueError):
    """Invalid settings of cleaning."""


class InputError(ClutterError, ValueError):
    """Arguments or input that a command cannot work with."""


class ReadError(InputError):
    """A file, or a record in it, that cannot be read."""


class DecodingError(ClutterError, UnicodeError):
    """Bytes that are not text in the encoding that was named."""


class EncodingError(ClutterError, LookupError):
    """An encoding that does not exist."""


class HtmlError(ClutterError, ValueError):
    """Something that is not HTML, and what it is."""


class ModelError(ClutterError, ValueError):
    """A model file that cannot be used."""


class BatchError(ClutterError, ValueError):
    """A run over many pages that cannot start or go on, and what to do."""


class WorkersError(ClutterError, RuntimeError):
    """Processes that cannot be started."""


class LabelledError(ClutterError, ValueError):
    """Labelled files that cannot be used.

    ``problems`` has one entry, "file:line: what is wrong", for every malformed place;
    the message is all of them, one a line.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[LabelledError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)  # for other processes


class CorpusError(ClutterError, ValueError):
    """A corpus folder, or a file of labels for it, that cannot be used."""


class TrainingError(ClutterError, ValueError):
    """Labelled pages that no model can be trained on."""


class MissingLibraryError(ClutterError, ImportError):
    """An optional library that is not installed, and the command that installs it."""


def import_library(name: str, purpose: str, packages: str | None = None) -> Any:
    """Import an optional library that ``purpose`` ("reading HTML") needs.

    Raises MissingLibraryError where it cannot be imported; ``packages`` are those to install,
    where they are called otherwise than the library, or are several.
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
