"""What README.md and the documents in docs/ say: their examples run as they are written, and what
they name is there.

Examples of cluster engines, of datatrove and of the pipeline in a real crawl run in test_cluster.py
and test_scrapy.py.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import glob
import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from documents import DOCUMENTS, ROOT, block, blocks, read
from served import PAGES, serving

import clutter
from clutter import Model, cli

needs_html = pytest.mark.skipif(find_spec("turbohtml") is None, reason="needs turbohtml")

ARTICLE = "<p>The ferry was back at the quay on Monday morning, three weeks after the storm."


def run_python(code: str, names: dict[str, Any]) -> str:
    """Run an example with these names, which it adds to. What it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "an example", "exec"), names)
    return printed.getvalue()


def run_script(file: str, *args: str) -> subprocess.CompletedProcess[bytes]:
    """Run a file in a process that finds this ``clutter``."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, file, *args], env=env, capture_output=True)


def words_of(line: str) -> list[str]:
    """The words of a command line as a shell hands them over: without comment, and with files in
    the place of patterns."""
    words = shlex.split(line, comments=True)
    return [name for word in words for name in (sorted(glob.glob(word)) or [word])]


def shown_page() -> list[tuple[str, float, str]]:
    """The page that README.md begins with: label, confidence and text of each line."""
    _, *rows = block("README.md", "clutter").splitlines()
    lines = [row.split(maxsplit=2) for row in rows]
    return [(label, float(confidence), text) for label, confidence, text in lines]


# what the documents name


def test_readme_has_fewer_than_900_words_and_no_figure_left_to_fill_in() -> None:
    assert len(read("README.md").split()) < 900
    assert "TODO" not in read("README.md")


def test_readme_has_no_links_that_break_outside_the_repository() -> None:
    assert re.findall(r"\]\((?!https?://)", read("README.md")) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths_lead_somewhere(document: str) -> None:
    text = read(document)
    links = re.findall(r"\]\((?!https?://)([^)\s#]+)", text)
    missing = [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]
    top = r"(?:clutter|docs|labelled|models|tests)"
    files = re.findall(rf"(?<![\w./-]){top}/[\w./-]*\.(?:py|md|json|svg|txt|safetensors)\b", text)
    folders = re.findall(rf"`({top}/[\w/-]*)/`", text)
    missing += [path for path in [*files, *folders] if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_installing_names_extras_that_exist_and_not_the_package_of_others(document: str) -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    named = re.findall(r"'\.\[([\w,-]+)\]'", read(document))
    assert {extra for names in named for extra in names.split(",")} <= set(
        project["optional-dependencies"]
    )
    assert not re.search(r"pip install ['\"]?clutter\b", read(document))


def test_the_version_is_the_same_in_package_changelog_and_citation() -> None:
    released = re.findall(r"^## (\d\S*) - (\S+)$", read("CHANGELOG.md"), re.MULTILINE)
    citation = dict(re.findall(r"^(version|date-released): (\S+)$", read("CITATION.cff"), re.M))
    assert released[0] == (citation["version"], citation["date-released"])
    assert clutter.__version__ == citation["version"]


# README.md


def test_readme_shows_what_the_model_says_of_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = shown_page()
    assert {label for label, _, _ in shown} == set(clutter.LABELS)
    Path("page.txt").write_text("".join(f"{text}\n" for _, _, text in shown), "utf-8")

    label, clean = (block("README.md", "clutter", n).splitlines() for n in (0, 1))
    found = []
    for command, *_ in (label, clean):
        prompt, name, *words = words_of(command)
        assert (prompt, name) == ("$", "clutter")
        assert cli.main(words) == 0
        found.append(capsysbinary.readouterr().out.decode().splitlines())
    rows = [row.split(maxsplit=2) for row in found[0]]
    assert [(row[0], row[2]) for row in rows] == [(kind, text) for kind, _, text in shown]
    # the last digit may differ from one machine to another
    confidences = [float(row[1]) for row in rows]
    assert confidences == pytest.approx([confidence for _, confidence, _ in shown], abs=0.02)
    assert found[1] == clean[1:]


def test_the_two_commands_of_the_set_up_clean_a_page_and_run_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    first, second = block("README.md", "Set up").splitlines()
    name, *words = shlex.split(first.split(" && ")[-1])
    assert name == ".venv/bin/clutter"
    monkeypatch.chdir(ROOT)
    assert cli.main(words) == 0
    assert b"\nThe levee protecting the lower end" in capsysbinary.readouterr().out
    assert second.split(" && ")[-1] == ".venv/bin/python -m pytest -n auto --dist loadfile"


def test_readme_has_the_labels_in_a_table() -> None:
    assert re.findall(r"^\| `(\w+)` \| ", read("README.md"), re.MULTILINE) == list(clutter.LABELS)


# Python


@needs_html
@pytest.mark.parametrize("document", ["README.md", "docs/python.md", "docs/model-card.md"])
def test_examples_run_one_after_another_and_print_what_is_shown(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # examples of README.md read a file of the repository, those of docs/ write files
    monkeypatch.chdir(ROOT if document == "README.md" else tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    heading, printed = "", ""
    for example in blocks(document):
        if example.language == "python":
            heading, printed = example.heading, run_python(example.code, names)
        else:
            if example.heading == heading:
                assert example.code == printed
            heading = ""
    assert "clutter" in names


def test_the_errors_of_the_table_have_the_parents_that_it_says() -> None:
    from clutter import errors

    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", read("docs/python.md"), re.MULTILINE)
    assert len(rows) > 4
    for name, parent in rows:
        kind = getattr(errors, name)
        assert issubclass(kind, clutter.ClutterError)
        assert issubclass(kind, getattr(builtins, parent))


def test_the_options_of_the_table_are_all_that_there_are() -> None:
    from dataclasses import fields

    from clutter.options import CleanOptions

    rows = re.findall(r"^\| `(\w+)` \| .*\|.*\|$", read("docs/crawls.md"), re.MULTILINE)
    assert rows == [field.name for field in fields(CleanOptions)]


@needs_html
def test_threads_that_share_a_model_label_html_as_one_does() -> None:
    model = clutter.load()
    pages = [*PAGES.values()] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda html: model.label_html(html).lines, pages))
    assert found == [model.label_html(html).lines for html in pages]


@needs_html
def test_a_model_that_nobody_holds_is_gone_though_its_pages_are_kept(tmp_path: Path) -> None:
    clutter.load().save(tmp_path / "my.safetensors")
    model = Model.load(tmp_path / "my.safetensors")
    pages = [*model.label_html_many(PAGES.values()), model.label("Home\n\nA headline")]
    held = weakref.ref(model)
    del model
    gc.collect()
    assert held() is None
    assert all(page.lines for page in pages)


# labelled pages


def test_the_labelled_page_that_is_shown_can_be_read(tmp_path: Path) -> None:
    from clutter.labelled import read_all

    (tmp_path / "a.tsv").write_text(block("labelled/README.md", "The format of a page"), "utf-8")
    [page] = read_all([tmp_path])
    assert list(page.labels) == ["nav", "title", "", "body", "?"]


# scrapers


@needs_html
def test_the_settings_for_scrapy_make_a_pipeline() -> None:
    pytest.importorskip("scrapy")
    from scrapy.utils.misc import load_object
    from scrapy.utils.test import get_crawler

    settings: dict[str, Any] = {}
    exec(block("docs/scrapers.md", "Scrapy"), {}, settings)
    [name] = settings["ITEM_PIPELINES"]
    pipeline = load_object(name).from_crawler(get_crawler(settings_dict=settings))
    pipeline.open_spider()
    page = clutter.load().label_html(PAGES["/owls"])
    item = pipeline.process_item({"html": PAGES["/owls"]})
    metadata = asdict(page.metadata)
    text = page.clean(keep=settings["CLUTTER_KEEP"])
    assert item == {"title": page.title, "text": text, "kind": page.kind, "metadata": metadata}


@needs_html
def test_the_script_with_httpx_fetches_and_cleans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("httpx")
    monkeypatch.chdir(tmp_path)
    Path("articles.py").write_text(block("docs/scrapers.md", "httpx"), "utf-8")
    with serving() as site:
        urls = [site.url + path for path in [*PAGES, "/report", "/nothing"]]
        done = run_script("articles.py", *urls)
    assert (done.returncode, done.stderr) == (0, b"")
    records = [json.loads(line) for line in done.stdout.decode().splitlines()]
    found = {record.pop("url").removeprefix(site.url): record for record in records}
    assert found.pop("/report") == {"error": "not HTML, but a PDF"}
    assert "404" in found.pop("/nothing")["error"]
    pages = {path: clutter.load().label_html(body) for path, body in PAGES.items()}
    assert found == {
        path: {"title": page.title, "text": page.clean()} for path, page in pages.items()
    }


@needs_html
def test_the_function_with_requests_fetches_and_cleans() -> None:
    pytest.importorskip("requests")
    names: dict[str, Any] = {}
    run_python(block("docs/scrapers.md", "requests"), names)
    with serving() as site:
        found = names["article"](f"{site.url}/brunnen")
    assert found == clutter.load().label_html(PAGES["/brunnen"]).clean()


def test_the_function_for_plain_text_cleans() -> None:
    names: dict[str, Any] = {}
    run_python(block("docs/scrapers.md", "Plain text"), names)
    text = "\n".join(text for _, _, text in shown_page())
    assert names["article"](text) == clutter.clean(text) != ""


# clusters


@needs_html
def test_the_example_of_a_table_prints_what_is_shown() -> None:
    pytest.importorskip("pyarrow")
    example, shown = (block("docs/clusters.md", "On a cluster", n) for n in (0, 1))
    assert run_python(example, {}) == shown


# commands


@needs_html
@pytest.mark.parametrize(
    ("document", "heading"),
    [("README.md", "Command line"), ("docs/crawls.md", "A few pages, without `-o`")],
)
def test_the_commands_for_a_few_pages_work(
    document: str, heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    for name in ("page.html", "pages/a.html"):
        Path(name).write_text(ARTICLE)
    Path("page.txt").write_text(ARTICLE.removeprefix("<p>"))
    Path("pages.jsonl").write_text(json.dumps({"text": ARTICLE}) + "\n")
    lines = block(document, heading).splitlines()
    assert len(lines) > 4
    for line in lines:
        words = words_of(line)
        if "|" in words:
            before, words = words[: words.index("|")], words[words.index("|") + 1 :]
            assert before == ["cat", "page.html"]
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ARTICLE.encode())))
        assert words[0] == "clutter"
        assert cli.main(words[1:]) == 0


@needs_html
def test_the_commands_for_whole_crawls_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("fastwarc")
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    for folder in ("pages", "crawl", "tables", "site"):
        Path(folder).mkdir()
    Path("pages/a.html").write_text(ARTICLE)
    Path("site/a.asp").write_text(f"<html>{ARTICLE}")
    with gzip.open("pages.jsonl.gz", "wt") as rows:
        rows.write(json.dumps({"content": ARTICLE}) + "\n")
    parquet.write_table(pa.table({"body": [ARTICLE]}), "tables/a.parquet")
    head = "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length"
    with gzip.open("crawl/a.warc.gz", "wt", newline="") as archive:
        archive.write(f"{head}: {len(ARTICLE)}\r\n\r\n{ARTICLE}\r\n\r\n")
    lines = block("docs/crawls.md", "Whole crawls").splitlines()
    assert len(lines) > 5
    for line in lines:
        words = words_of(line)
        assert words[0] == "clutter"
        assert cli.main(words[1:]) == 0
        assert capsys.readouterr().err.startswith("1 page, 0 errors, ")
    files = [name for name in sorted(os.listdir("clean")) if name != ".clutter"]
    assert files == ["a.asp", "a.parquet", "a.txt"]
    [record] = parquet.read_table("crawl.parquet").to_pylist()
    assert record["text"] == ARTICLE.removeprefix("<p>")


@needs_html
def test_the_commands_of_pipes_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    for name in ("a.html", "b.html"):
        Path("pages", name).write_text(ARTICLE)
    rows = json.dumps({"content": ARTICLE}) + "\n"
    head = "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length"
    with gzip.open("crawl.warc.gz", "wt", newline="") as archive:
        archive.write(f"{head}: {len(ARTICLE)}\r\n\r\n{ARTICLE}\r\n\r\n")
    for line in block("docs/crawls.md", "Pipes").splitlines():
        stages = " ".join(words_of(line)).split(" | ")
        [command] = [stage for stage in stages if stage.startswith("clutter ")]
        begins = stages[0] == "zcat pages.jsonl.gz"
        assert begins or stages[0] == command
        stdin = io.TextIOWrapper(io.BytesIO(rows.encode() if begins else b""))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert cli.main(command.split()[1:]) == 0
        out = capsys.readouterr().out
        texts = [json.loads(row)["text"] for row in out.splitlines()]
        assert texts == [ARTICLE.removeprefix("<p>")] * len(texts)
        assert bool(texts) == (" -o clean." not in command)


@needs_html
def test_the_script_for_a_whole_crawl_cleans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    Path("pages/a.html").write_text(ARTICLE)
    Path("run.py").write_text(block("docs/crawls.md", "From Python"))
    done = run_script("run.py")
    assert done.returncode == 0
    assert done.stdout.startswith(b"1 page, 0 errors, ")
    [row] = Path("clean.jsonl").read_text("utf-8").splitlines()
    assert json.loads(row)["lines"][0]["text"] == ARTICLE.removeprefix("<p>")


@pytest.mark.skipif(sys.platform != "linux", reason="sed -i is another command elsewhere")
def test_the_commands_for_a_new_site_tune_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    import joblib

    from clutter.training import tune

    monkeypatch.setattr(tune, "MIN_STEPS", 6)  # what tuning brings is for test_tune.py
    monkeypatch.chdir(tmp_path)
    Path("mysite").mkdir()
    for name in ("a", "b"):
        page = "".join(f"{text}\n" for _, _, text in shown_page())
        Path(f"mysite/{name}.txt").write_text(page, "utf-8")
    for line in block("docs/new-sites.md", "In an editor").splitlines():
        words = words_of(line)
        if words[0] == "vi":  # in the place of a person, accept what the model doubts
            assert words[1:] == ["mine/a.tsv", "mine/b.tsv"]
            accept = block("docs/new-sites.md", "Correcting", 1)
            subprocess.run(accept, shell=True, check=True)
            subprocess.run(accept.replace("a.tsv", "b.tsv"), shell=True, check=True)
            continue
        assert words[0] == "clutter"
        with joblib.parallel_config(backend="threading"):  # processes take seconds to start
            assert cli.main(words[1:]) == 0
    assert Path("clean/a.txt").read_text("utf-8").startswith("Ferry stays in harbour")


def test_the_commands_of_labelling_in_the_browser_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("sklearn", "starlette", "uvicorn"):
        pytest.importorskip(library)
    import webbrowser

    import joblib

    from clutter.annotate import server
    from clutter.annotate.project import Project
    from clutter.training import tune

    shown: list[str] = []

    def read_all_pages(app: object, opened: object) -> None:
        """In the place of a person in a browser."""
        project = Project(Path("mine"))
        for number in range(len(project.pages)):
            project.mark(number, True)

    monkeypatch.setattr(webbrowser, "open", shown.append)
    monkeypatch.setattr(server, "serve", read_all_pages)
    monkeypatch.setattr(tune, "MIN_STEPS", 6)
    monkeypatch.chdir(tmp_path)
    Path("mysite").mkdir()
    for name in ("a", "b"):
        page = "".join(f"{text}\n" for _, _, text in shown_page())
        Path(f"mysite/{name}.txt").write_text(page, "utf-8")
    commands = block("docs/new-sites.md", "A new site in minutes")
    for line in (commands + block("docs/new-sites.md", "With others")).splitlines():
        name, *words = words_of(line)
        assert name == "clutter"
        with joblib.parallel_config(backend="threading"):
            assert cli.main(words) == 0
    assert len(shown) == 1
    assert Path("clean/a.txt").read_text("utf-8").startswith("Ferry stays in harbour")


def test_the_interface_for_label_studio_has_all_labels() -> None:
    interface = block("docs/new-sites.md", "With others", 1)
    assert re.findall(r'<Label value="(\w+)"/>', interface) == list(clutter.LABELS)


def test_the_first_benchmark_prints_the_memory_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name, *words = words_of(block("docs/speed.md", "Speed"))
    assert name == "python"
    done = run_script(*words)
    assert done.returncode == 0
    assert b"peak memory" in done.stdout
