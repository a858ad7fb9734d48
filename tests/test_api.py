"""What ``import clutter`` gives: its names, a call for each kind of page, and its version."""

from __future__ import annotations

import ast
import importlib
import inspect
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import clutter
from clutter import KEPT, ClutterError, Page
from clutter.options import CleanOptions
from clutter.page import THRESHOLD

TITLE = "Паром снова ходит"
STORY = (
    "Паром вернулся к причалу в понедельник утром, через три недели после того, как шторм сорвал "
    "его трап, и к полудню перевёз на остров больше двухсот человек."
)
HTML = (
    '<!doctype html><html lang="ru"><nav><ul><li><a href=/>Главная</a><li><a href=/in>Войти</a>'
    f"</ul></nav><article><h1>{TITLE}</h1><p>{STORY}</p></article>"
    "<footer>© 2026 Пример. Все права защищены.</footer>"
)
TEXT = f"Главная\nВойти\n\n{TITLE}\n\n{STORY}\n\n© 2026 Пример. Все права защищены.\n"


# --- names ---


def test_every_name_that_is_promised_is_there() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    assert len(set(clutter.__all__)) == len(clutter.__all__)
    for name in clutter.__all__:
        assert getattr(clutter, name) is not None


def test_a_page_of_html_is_of_the_class_that_is_exported() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    page = clutter.load().label_html(HTML)
    assert type(page) is clutter.HtmlPage
    assert issubclass(clutter.HtmlPage, Page)


def test_the_error_above_all_errors_is_exported() -> None:
    from clutter import errors

    assert ClutterError is errors.ClutterError
    assert issubclass(clutter.ModelError, ClutterError)
    with pytest.raises(ClutterError):
        clutter.clean(TEXT, keep=["bdy"])


def test_a_name_that_is_not_there_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="module 'clutter' has no attribute 'HtmlPages'"):
        clutter.HtmlPages  # noqa: B018


# --- a call for a page ---


def test_clean_is_what_the_shipped_model_keeps_of_text() -> None:
    assert STORY in clutter.clean(TEXT).split("\n")
    assert "Войти" not in clutter.clean(TEXT)
    page = clutter.load().label(TEXT)
    for keep, threshold in ((KEPT, THRESHOLD), (("nav",), 0.2), ("title", 0.5), ((), 0)):
        found = clutter.clean(TEXT, keep=keep, threshold=threshold)
        assert found == page.clean(keep=keep, threshold=threshold)


def test_clean_html_is_what_the_shipped_model_keeps_of_html() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    assert clutter.clean_html(HTML) == f"{TITLE}\n\n{STORY}"
    assert clutter.clean_html(HTML, format="markdown") == f"# {TITLE}\n\n{STORY}"
    page = clutter.load().label_html(HTML)
    for format in ("text", "markdown"):
        for keep, threshold in ((KEPT, THRESHOLD), (("nav",), 0.2), (("title",), 0.5)):
            found = clutter.clean_html(HTML, keep=keep, threshold=threshold, format=format)
            assert found == page.clean(keep=keep, threshold=threshold, format=format)


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r", "utf-8"])
def test_clean_html_reads_bytes_in_the_encoding_of_their_header(encoding: str) -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    data = HTML.replace("©", "(c)").encode(encoding)
    expected = f"{TITLE}\n\n{STORY}"
    assert clutter.clean_html(data, encoding) == expected
    assert clutter.clean_html(data, encoding=encoding) == expected


@pytest.mark.parametrize(
    ("html", "options", "reason"),
    [
        (b"%PDF-1.7", {}, "not HTML, but a PDF"),
        (HTML.encode(), {"encoding": "latin-99"}, "unknown encoding: latin-99"),
        (HTML, {"keep": ["bdy"]}, "unknown label 'bdy'"),
        (HTML, {"threshold": 1.5}, "threshold: a number from 0 to 1, not 1.5"),
        (HTML, {"format": "pdf"}, "unknown format 'pdf'; there are text and markdown"),
    ],
)
def test_clean_html_says_what_is_wrong(
    html: str | bytes, options: dict[str, Any], reason: str
) -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    with pytest.raises(ClutterError, match=reason):
        clutter.clean_html(html, **options)


# --- options have names ---


@pytest.mark.parametrize(
    ("place", "by_place", "by_name"),
    [
        ("clutter:clean", ["text"], {"keep", "threshold"}),
        ("clutter:clean_html", ["html", "encoding"], {"keep", "threshold", "format"}),
        ("clutter.page:Page.clean", ["self"], {"keep", "threshold"}),
        ("clutter.page:Page.kept", ["self"], {"keep", "threshold"}),
        ("clutter.html.page:HtmlPage.clean", ["self"], {"keep", "threshold", "format"}),
        ("clutter.model:Model.label_html_many", ["self", "pages"], {"errors", "with_metadata"}),
        (
            "clutter.options:CleanOptions.__init__",
            ["self"],
            {"model", "keep", "kinds", "threshold", "format", "lines", "text_field", "html_field",
             "encoding"},
        ),
        (
            "clutter.datatrove:CleanPages.__init__",
            ["self"],
            {"html", "model", "keep", "kinds", "threshold", "format", "lines", "exclusion_writer"},
        ),
    ],
)  # fmt: skip
def test_options_are_given_by_name_alone(
    place: str, by_place: list[str], by_name: set[str]
) -> None:
    module, _, name = place.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"needs {error.name}")
    for part in name.split("."):
        found = getattr(found, part)
    parameters = inspect.signature(found).parameters.values()
    assert [x.name for x in parameters if x.kind is x.POSITIONAL_OR_KEYWORD] == by_place
    assert {x.name for x in parameters if x.kind is x.KEYWORD_ONLY} == by_name
    assert len(parameters) == len(by_place) + len(by_name)


def test_an_option_that_is_given_by_its_place_is_refused() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        clutter.clean(TEXT, KEPT)  # type: ignore[call-arg]
    page = clutter.load().label(TEXT)
    with pytest.raises(TypeError, match="positional argument"):
        page.clean(KEPT)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional argument"):
        page.kept(KEPT)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional argument"):
        CleanOptions("my.safetensors")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional argument"):
        clutter.clean_html(HTML, None, KEPT)  # type: ignore[call-arg]


# --- the version ---


def test_the_version_is_written_down_in_the_package() -> None:
    source = Path(clutter.__file__).read_text("utf-8")
    (value,) = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert ast.literal_eval(value) == clutter.__version__


def test_the_version_is_that_of_the_installed_distribution() -> None:
    try:
        installed = metadata.version("clutter-lines")
    except metadata.PackageNotFoundError:
        pytest.skip("not installed")
    assert installed == clutter.__version__, "after a new version: pip install -e ."


def test_html_is_read_as_html_by_the_call_for_text_too() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    html = "<!-- saved -->\n<nav>Home</nav><h1>A headline</h1><p>" + "Words of the article. " * 9
    assert clutter.clean(html) == clutter.clean_html(html)
    assert "<" not in clutter.clean(html)
