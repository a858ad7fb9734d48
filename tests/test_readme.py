"""What README.md says of crawls and to scrapers: its examples run as they stand there, and a model
may be shared between threads and let go of."""

from __future__ import annotations

import gc
import glob
import gzip
import json
import os
import shlex
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import readme
from served import PAGES, serving

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

import clutter
from clutter import Model, cli

SECTION = "In a scraper"


def test_the_settings_for_scrapy_make_a_pipeline() -> None:
    pytest.importorskip("scrapy")
    from scrapy.utils.misc import load_object
    from scrapy.utils.test import get_crawler

    settings: dict[str, object] = {}
    exec(readme.block(SECTION, 0), {}, settings)
    [name] = settings["ITEM_PIPELINES"]  # type: ignore[misc]
    pipeline = load_object(name).from_crawler(get_crawler(settings_dict=settings))
    pipeline.open_spider()
    page = clutter.load().label_html(PAGES["/owls"])
    item = pipeline.process_item({"html": PAGES["/owls"]})
    assert item == {"title": page.title, "text": page.clean()}


def test_the_script_with_httpx_fetches_and_cleans(tmp_path: Path) -> None:
    pytest.importorskip("httpx")
    (tmp_path / "articles.py").write_text(readme.block(SECTION, 1), "utf-8")
    root = str(Path(clutter.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": root, "PYTHONUTF8": "1"}
    with serving() as site:
        urls = [site.url + path for path in [*PAGES, "/report", "/nothing"]]
        done = subprocess.run(
            [sys.executable, "articles.py", *urls], cwd=tmp_path, env=env, capture_output=True
        )
    assert (done.returncode, done.stderr) == (0, b"")
    records = [json.loads(line) for line in done.stdout.decode().splitlines()]
    found = {record.pop("url").removeprefix(site.url): record for record in records}
    assert found.pop("/report") == {"error": "not HTML, but a PDF"}
    assert "404" in found.pop("/nothing")["error"]
    pages = {path: clutter.load().label_html(body) for path, body in PAGES.items()}
    assert found == {
        path: {"title": page.title, "text": page.clean()} for path, page in pages.items()
    }


def test_threads_that_share_a_new_model_read_html_as_one_does(tmp_path: Path) -> None:
    # the network for HTML is read from its file by whoever asks first: here all at once
    clutter.load().save(tmp_path / "my.safetensors")
    model = Model.load(tmp_path / "my.safetensors")
    pages = [*PAGES.values()] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda html: model.label_html(html).lines, pages))
    assert found == [clutter.load().label_html(html).lines for html in pages]


def test_a_model_that_nobody_holds_is_gone_though_its_pages_are_kept(tmp_path: Path) -> None:
    clutter.load().save(tmp_path / "my.safetensors")
    model = Model.load(tmp_path / "my.safetensors")
    pages = [*model.label_html_many(PAGES.values()), model.label("Home\n\nA headline")]
    held = [weakref.ref(model), weakref.ref(model.html)]
    del model
    gc.collect()
    assert [ref() for ref in held] == [None, None]
    assert all(page.lines for page in pages)


# whole crawls


def test_the_commands_for_whole_crawls_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("fastwarc")
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    page = "<p>The ferry was back at the quay on Monday morning, three weeks after the storm."
    for folder in ("pages", "crawl", "tables", "site"):
        Path(folder).mkdir()
    Path("pages/a.html").write_text(page)
    Path("site/a.asp").write_text(f"<html>{page}")
    with gzip.open("pages.jsonl.gz", "wt") as rows:
        rows.write(json.dumps({"content": page}) + "\n")
    parquet.write_table(pa.table({"body": [page]}), "tables/a.parquet")
    head = "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length"
    with gzip.open("crawl/a.warc.gz", "wt", newline="") as archive:
        archive.write(f"{head}: {len(page)}\r\n\r\n{page}\r\n\r\n")
    Path("run.py").write_text(readme.block("Whole crawls", 2))
    shown = subprocess.run(
        [sys.executable, "run.py"], capture_output=True, check=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent)},
    )  # fmt: skip
    assert shown.stdout.startswith("1 page, 0 errors, ")
    lines = readme.block("Whole crawls").splitlines()
    assert len(lines) > 5
    for line in lines:
        words = shlex.split(line, comments=True)
        words = [name for word in words for name in (sorted(glob.glob(word)) or [word])]
        assert words[0] == "clutter"
        assert cli.main(words[1:]) == 0
        assert capsys.readouterr().err.startswith("1 page, 0 errors, ")
    assert sorted(os.listdir("clean")) == ["a.asp", "a.parquet", "a.txt"]
    [record] = parquet.read_table("crawl.parquet").to_pylist()
    assert record["text"] == page.removeprefix("<p>")
