"""Errors: one class above them all, and what is said where a library is missing."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import clutter
from clutter import errors
from clutter.errors import ClutterError, MissingLibraryError, import_library

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ClutterError) and kind is not ClutterError
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_a_clutter_error_and_one_of_pythons_own(kind: type[ClutterError]) -> None:
    assert kind.__name__.endswith("Error")
    error = kind(["what is wrong"] if kind.__name__ == "LabelledError" else "what")
    assert isinstance(error, ValueError | RuntimeError | ImportError | LookupError)
    error = pickle.loads(pickle.dumps(error))
    assert type(error) is kind
    assert str(error).startswith("what")


def test_there_are_errors_to_look_at() -> None:
    assert len(ALL) > 10
    assert clutter.ClutterError is ClutterError


def test_a_missing_library_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingLibraryError) as caught:
        import_library("no_such_library.part", "reading riddles")
    message = "reading riddles needs no_such_library: pip install no_such_library"
    assert str(caught.value) == message
    with pytest.raises(ImportError, match="needs such-a-library: pip install such-a-library and"):
        import_library("no_such_library", "reading riddles", "such-a-library and")


def test_a_library_that_is_broken_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_library.py").write_text("raise ImportError('no such symbol')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingLibraryError, match=r"which cannot be imported \(no such symbol\)"):
        import_library("broken_library", "reading riddles")


@pytest.mark.parametrize(
    ("library", "statement", "message"),
    [
        ("turbohtml", "clutter.clean_html('<p>x')", "reading HTML needs turbohtml: pip install "),
        ("turbohtml", "clutter.HtmlPage", "reading HTML needs turbohtml: pip install turbohtml"),
        ("pyarrow", "import clutter.arrow", "cleaning tables needs pyarrow: pip install pyarrow"),
        (
            "sklearn",
            "from clutter.training.train import train",
            "training needs scikit-learn: pip install scikit-learn joblib",
        ),
    ],
)
def test_each_extra_is_asked_for_where_it_is_needed(
    library: str, statement: str, message: str
) -> None:
    program = f"import sys, clutter; sys.modules['{library}'] = None; {statement}"
    root = Path(clutter.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert message in done.stderr.splitlines()[-1]
