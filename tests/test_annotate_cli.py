"""``clutter annotate``: which pages it takes, what it refuses, and what it says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotating import PAGES, write_project
from commands import Run, write

from clutter import labelled

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from clutter.annotate import server, tuner

ARTICLE = '<html lang="en-GB"><p>The ferry was back at the quay on Monday morning.</p></html>'


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """In place of a server that never ends: the applications that would be served."""
    apps: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda app, opened: apps.append(app))
    monkeypatch.setattr(tuner.Worker, "__call__", lambda self, job: tuner.Learned())
    yield apps


def test_pages_of_text_and_html_get_files_in_which_all_is_a_guess(
    run: Run, served: list[Any]
) -> None:
    pytest.importorskip("turbohtml")
    write({"mysite/a.txt": "Home\n\nThe ferry was back.\n", "mysite/sub/b.html": ARTICLE})
    status, out, told = run("annotate", "mysite", "-o", "mine", "--no-browser")
    assert status == 0
    assert out.startswith(b"http://127.0.0.1:")
    assert told.endswith("0 pages of 2 read; labels are in mine\n")
    assert len(served) == 1
    text, html = labelled.read_all(["mine"])
    assert text.head["site"] == html.head["site"] == "mysite"
    assert text.is_unread and html.is_unread
    assert text.lines == ("Home", "", "The ferry was back.", "")
    assert len(text.guesses) == 2
    assert (html.head["html"], html.lang) == ("../../mysite/sub/b.html", "en-GB")


def test_records_get_the_site_of_their_address_and_their_html_beside_them(run: Run) -> None:
    pytest.importorskip("turbohtml")
    record = {"html": ARTICLE, "url": "https://www.a.example/1", "id": "x/1"}
    write({"pages.jsonl": f"{json.dumps(record)}\n" * 3})
    status, _, told = run("annotate", "pages.jsonl", "-o", "mine", "--pages", "2", "--no-browser")
    assert status == 0
    assert "only the first 2 pages of the input; --pages N takes more" in told
    first, _ = labelled.read_all(["mine"])
    assert (first.site, first.head["url"]) == ("a.example", "https://www.a.example/1")
    assert first.head["html"] == "000001-x_1.html.gz"
    assert gzip.decompress(Path("mine/pages.jsonl/000001-x_1.html.gz").read_bytes()).decode() == (
        ARTICLE
    )


def test_html_of_another_page_is_neither_overwritten_nor_taken_for_that_of_the_page(
    run: Run,
) -> None:
    pytest.importorskip("turbohtml")
    args = ("annotate", "pages.jsonl", "-o", "mine", "--no-browser")
    target, beside = (Path(f"mine/pages.jsonl/000001{end}") for end in (".tsv", ".html.gz"))
    write({"pages.jsonl": json.dumps({"html": ARTICLE}) + "\n"})
    assert run(*args)[0] == 0
    before = beside.read_bytes()
    target.unlink()
    assert run(*args)[0] == 0  # the same page
    target.unlink()
    write({"pages.jsonl": json.dumps({"html": ARTICLE.replace("ferry", "train")}) + "\n"})
    status, _, told = run(*args)
    assert (status, told) == (2, f"clutter: {beside}: has the HTML of another page; move it\n")
    assert beside.read_bytes() == before
    assert not target.exists()


def test_pages_of_a_crawl_are_taken(run: Run) -> None:
    pytest.importorskip("turbohtml")
    pytest.importorskip("fastwarc")
    head = "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: https://b.example/1\r\n"
    head += f"Content-Type: text/html\r\nContent-Length: {len(ARTICLE)}\r\n\r\n"
    write({"crawl.warc": f"{head}{ARTICLE}\r\n\r\n"})
    assert run("annotate", "crawl.warc", "-o", "mine", "--no-browser")[0] == 0
    [page] = labelled.read_all(["mine"])
    assert (page.site, page.lines) == (
        "b.example",
        ("The ferry was back at the quay on Monday morning.",),
    )
    assert Path(page.name).with_name(page.head["html"]).exists()


def test_standard_input_is_read_if_it_is_named(run: Run) -> None:
    status, _, _ = run("annotate", "-", "-o", "mine", "--no-browser", stdin=b"Home\nText\n")
    assert status == 0
    [page] = labelled.read_all(["mine"])
    assert page.lines == ("Home", "Text", "")


def test_pages_that_were_labelled_stay_as_they_are_and_new_ones_come_in(run: Run) -> None:
    write({"mysite/a.txt": "Home\n"})
    run("annotate", "mysite", "-o", "mine", "--no-browser")
    mine = "# read: yes\nad\tHome\n"
    write({"mine/a.tsv": mine, "mysite/b.txt": "News\n"})
    status, _, told = run("annotate", "mysite", "-o", "mine", "--no-browser", "--site", "b")
    assert (status, told.splitlines()[-1]) == (0, "1 page of 2 read; labels are in mine")
    assert Path("mine/a.tsv").read_text() == mine
    assert labelled.read("mine/b.tsv").site == "b"


def test_labels_are_not_imported_into_a_folder_that_is_being_labelled(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    write_project(tmp_path / "mine")
    assert run("annotate", "-o", "mine", "--export", "tasks.json")[0] == 0
    before = {path.name: path.read_bytes() for path in Path("mine").glob("*.tsv")}
    told: list[tuple[int, bytes, str]] = []
    imported = ("annotate", "-o", "mine", "--import", "tasks.json", "--force")
    monkeypatch.setattr(server, "serve", lambda app, opened: told.append(run(*imported)))
    assert run("annotate", "-o", "mine", "--no-browser")[0] == 0
    assert told[0][0] == 2
    assert "is being labelled already" in told[0][2]
    assert {path.name: path.read_bytes() for path in Path("mine").glob("*.tsv")} == before


def test_only_one_program_at_a_time_labels_a_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    write_project(tmp_path / "mine")
    seconds: list[tuple[int, bytes, str]] = []
    again = ("annotate", "-o", "mine", "--no-browser")
    monkeypatch.setattr(server, "serve", lambda app, opened: seconds.append(run(*again)))
    assert run(*again)[0] == 0
    [(status, out, told)] = seconds
    assert (status, out.count(b"http")) == (2, 1)  # that of the first
    reason = "clutter: mine: is being labelled already; go on in that window, or end that program\n"
    assert told.endswith(reason)
    monkeypatch.setattr(server, "serve", lambda app, opened: None)
    assert run(*again)[0] == 0  # the first has ended


def test_a_folder_is_opened_again_without_its_pages(run: Run, tmp_path: Path) -> None:
    write_project(tmp_path / "mine")
    assert run("annotate", "-o", "mine", "--no-browser")[0] == 0
    for name, text in PAGES.items():
        assert Path("mine", name).read_text("utf-8") == text


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["-o", "none"], "none: no labelled file there; name pages to label"),
        (["nowhere", "-o", "mine"], "nowhere: no such file or folder"),
        (["-o", "mine", "--force"], "--force does nothing without --export or --import"),
        (["-o", "mine", "--export", "x.json", "--port", "1"], "--port does nothing with --export"),
        (["-o", "mine", "--import", "x.json", "--no-browser"], "--no-browser does nothing with"),
        (["-o", "mine", "--import", "x.json", "--model", "m"], "--model does nothing with"),
        (["-o", "mine", "--pages", "3"], "--pages does nothing without PATH"),
        (["-o", "mine", "--from", "html"], "--from does nothing without PATH"),
        (["-o", "mine", "--port", "70000"], "--port: a number up to 65535, not 70000"),
        (["mine/a.tsv"], "the following arguments are required: -o"),
        (["-o", "mine", "--model", "none.safetensors"], "none.safetensors: No such file"),
    ],
)
def test_what_does_nothing_or_cannot_be_is_refused_in_one_line(
    run: Run, tmp_path: Path, served: list[Any], args: list[str], reason: str
) -> None:
    write_project(tmp_path / "mine")
    status, out, told = run("annotate", *args)
    assert (status, out, served) == (2, b"", [])
    assert told.startswith(f"clutter: {reason}")
    assert told.count("\n") == 1


def test_a_model_of_the_users_own_in_the_folder_is_told_before_work_begins(
    run: Run, tmp_path: Path
) -> None:
    from networks import random_model

    write_project(tmp_path / "mine")
    random_model().save(tmp_path / "mine" / tuner.MODEL_NAME)
    status, _, told = run("annotate", "-o", "mine", "--no-browser")
    assert status == 2
    assert "model.safetensors: is a model of your own; move it" in told
