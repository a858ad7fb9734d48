"""The Scrapy pipeline, in a crawl of a site on localhost and item by item.

The crawl is a real one, in a process of its own: a spider whose only settings are the three
lines that a user writes, the site of served.py, and Scrapy's own export. What classes of
items and settings do is asked of the pipeline that a crawler makes.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from networks import LISTING, model_of_kinds
from served import PAGES, serving

pytest.importorskip("scrapy", reason="needs Scrapy")
pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

import attrs
import scrapy
from scrapy.exceptions import DropItem
from scrapy.utils.test import get_crawler

import clutter
from clutter import LABELS, ModelError
from clutter.errors import CleaningError
from clutter.page import Metadata
from clutter.scrapy import CleanPipeline

SPIDER = """
import json
import scrapy

class Articles(scrapy.Spider):
    name = "articles"
    custom_settings = {
        "ITEM_PIPELINES": {"clutter.scrapy.CleanPipeline": 300},
        "CLUTTER_HTML": "html",
        "CLUTTER_KEEP": ["title", "body"],
    }

    def parse(self, response):
        yield {"front": response.url}
        for link in response.css("a"):
            yield response.follow(link, self.parse_article)

    def parse_article(self, response):
        yield {"url": response.url, "html": response.body, "title": "of the spider"}

    def closed(self, reason):
        with open("stats.json", "w") as file:
            json.dump(self.crawler.stats.get_stats(), file, default=str)
"""


def crawl(folder: Path, url: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs the spider from one page on; it leaves items.jsonl and stats.json in the folder."""
    (folder / "spider.py").write_text(f"{SPIDER}\n    start_urls = [{url!r}]\n")
    command = [sys.executable, "-m", "scrapy", "runspider", "spider.py", "-O", "items.jsonl"]
    root = str(Path(clutter.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": root}
    return subprocess.run(
        [*command, *args], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


def pipeline(**settings: object) -> CleanPipeline:
    """The pipeline of a crawl that has begun, with these settings behind ``CLUTTER_``."""
    given = {f"CLUTTER_{name.upper()}": value for name, value in settings.items()}
    made = CleanPipeline.from_crawler(get_crawler(settings_dict=given))
    made.open_spider()
    return made


def stats(of: CleanPipeline) -> dict[str, Any]:
    found = of.stats.get_stats()
    return {name: value for name, value in found.items() if name.startswith("clutter/")}


HTML = PAGES["/bridge"]
TITLE = "Harbour bridge opens a year early"
CLEAN = clutter.load().label_html(HTML).clean()
KIND = clutter.load().label_html(HTML).kind
METADATA = asdict(clutter.load().label_html(HTML).metadata)


# a crawl


def test_a_crawl_stores_articles_and_leaves_other_items_alone(tmp_path: Path) -> None:
    with serving() as site:
        done = crawl(tmp_path, f"{site.url}/")
    assert done.returncode == 0
    exported = (tmp_path / "items.jsonl").read_text("utf-8")
    items = [json.loads(line) for line in exported.splitlines()]
    assert items.pop(0) == {"front": f"{site.url}/"}
    model = clutter.load()
    pages = {path: model.label_html(body) for path, body in PAGES.items()}
    assert sorted(items, key=lambda item: item["url"]) == [
        {
            "url": site.url + path,
            "title": page.title,
            "original_title": "of the spider",
            "text": page.clean(keep=("title", "body")),
            "kind": page.kind,
            "metadata": asdict(page.metadata_at(site.url + path)),
        }
        for path, page in sorted(pages.items())
    ]
    texts = {item["url"].removeprefix(site.url): item["text"] for item in items}
    assert "The mayor said" in texts["/bridge"]
    assert "künftig" in texts["/bibliothek"]
    assert "fließt" in texts["/brunnen"]
    assert not any("Log in" in text or "Anmelden" in text for text in texts.values())

    counted = json.loads((tmp_path / "stats.json").read_text())
    lines = Counter(line.label for page in pages.values() for line in page.lines)
    every = [page.end - page.start for page in pages.values()]
    kept = [page.kept(keep=("title", "body")) for page in pages.values()]
    kinds = Counter(page.kind for page in pages.values())
    assert {name: value for name, value in counted.items() if name.startswith("clutter/")} == {
        "clutter/pages": len(PAGES),
        "clutter/errors": 1,
        "clutter/skipped": 1,
        "clutter/characters": sum(int(size.sum()) for size in every),
        "clutter/characters/kept": sum(
            int(size[rows].sum()) for size, rows in zip(every, kept, strict=True)
        ),
        **{f"clutter/lines/{label}": lines[label] for label in LABELS},
        **{f"clutter/kind/{kind}": number for kind, number in kinds.items()},
    }
    assert counted["item_scraped_count"] == len(PAGES) + 1
    assert counted["item_dropped_count"] == 1
    assert "Dropped: clutter: not HTML, but a PDF" in done.stderr
    assert f"{site.url}/report" in done.stderr
    assert "%PDF" not in done.stderr  # the page itself is not logged
    assert "deprecated" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("CLUTTER_KEEP=title,text", "CleaningError: wrong CLUTTER_ settings: keep: unknown label"),
        ("CLUTTER_MODEL=none.safetensors", "No such file or directory: 'none.safetensors'"),
    ],
)
def test_a_wrong_setting_stops_a_crawl_before_its_first_request(
    tmp_path: Path, setting: str, reason: str
) -> None:
    with serving() as site:
        done = crawl(tmp_path, f"{site.url}/", "-s", setting)
    assert done.returncode == 1
    assert reason in done.stderr
    assert site.asked == []


# settings


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "CLUTTER_HTML or CLUTTER_TEXT has to name the field of the page"),
        ({"html": "a", "text": "b"}, "not both"),
        ({"html": "html", "kept": ["body"]}, "unknown setting CLUTTER_KEPT; there are CLUTTER_M"),
        ({"html": "html", "keep": ["text"]}, "wrong CLUTTER_ settings: keep: unknown label 'text'"),
        (
            {"html": "html", "kinds": ["news"]},
            "settings: kinds: unknown kind 'news'",
        ),
        ({"html": "html", "threshold": "high"}, "CLUTTER_THRESHOLD: could not convert"),
        ({"html": "html", "threshold": 2}, "threshold: a number from 0 to 1, not 2"),
        ({"html": "html", "lines": "perhaps"}, "CLUTTER_LINES: Supported values"),
        ({"html": "html", "format": "pdf"}, "format: unknown 'pdf'; there are text and markdown"),
        ({"html": "html", "encoding": "utf-5"}, "settings: unknown encoding: utf-5"),
        ({"text": "text", "format": "markdown"}, "settings: markdown takes HTML, and 'text'"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(CleaningError, match=reason):
        pipeline(**settings)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "my.safetensors").write_bytes(b"none")
    with pytest.raises(ModelError, match=r"my\.safetensors"):
        pipeline(html="html", model=str(tmp_path / "my.safetensors"))


def test_settings_may_come_from_the_command_line() -> None:
    options = pipeline(html="html", keep="title, body", threshold="0.7", lines="1").options
    assert (options.keep, options.threshold, options.lines) == (("title", "body"), 0.7, True)
    assert pipeline(html="html", kinds="forum, article").options.kinds == ("article", "forum")


def test_the_settings_are_those_of_clean() -> None:
    page = clutter.load().label_html(HTML)
    sure = pipeline(html="html", keep=["body"], threshold=0.9).process_item({"html": HTML})
    assert sure["text"] == page.clean(keep=("body",), threshold=0.9)
    marked = pipeline(html="html", format="markdown").process_item({"html": HTML})
    assert marked["text"] == page.clean(format="markdown")
    assert marked["text"].startswith(f"# {TITLE}")


def test_lines_come_along_where_they_are_asked_for() -> None:
    item = pipeline(html="html", lines=True).process_item({"html": HTML})
    assert item.keys() == {"text", "title", "kind", "metadata", "lines"}
    assert item["lines"][0].keys() == {"number", "text", "label", "confidence"}
    assert [line["text"] for line in item["lines"]] == [
        line.text for line in clutter.load().label_html(HTML).lines
    ]


def test_the_model_is_loaded_when_the_spider_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clutter.load().save("my.safetensors")
    made = pipeline(html="html", model="my.safetensors")
    for file in tmp_path.iterdir():
        file.unlink()
    assert made.process_item({"html": HTML})["text"] == CLEAN


# items


def test_plain_text_gives_way_to_clean_text() -> None:
    text = clutter.load().label_html(HTML).text
    made = pipeline(text="text")
    assert made.process_item({"text": text, "n": 1}) == {
        "text": clutter.clean(text),
        "title": TITLE,
        "kind": clutter.load().label(text).kind,
        "metadata": asdict(Metadata(title=TITLE)),
        "n": 1,
    }
    assert made.process_item({"text": text.encode()})["title"] == TITLE


def test_the_item_stays_the_same_object() -> None:
    item = {"html": HTML.decode()}
    assert pipeline(html="html").process_item(item) is item
    assert item == {"text": CLEAN, "title": TITLE, "kind": KIND, "metadata": METADATA}


def test_what_the_spider_found_itself_is_kept_under_another_name() -> None:
    item = {"title": "mine", "original_title": "older", "text": "lead", "error": 0, "html": HTML}
    item |= {"metadata": "of the spider", "kind": 5}
    assert pipeline(html="html").process_item(item) == {
        "title": TITLE,
        "original_title": "older",
        "original_original_title": "mine",
        "text": CLEAN,
        "kind": KIND,
        "original_kind": 5,
        "metadata": METADATA,
        "original_metadata": "of the spider",
        "original_text": "lead",
        "error": 0,
    }


class ArticleItem(scrapy.Item):
    url = scrapy.Field()
    html = scrapy.Field()
    text = scrapy.Field()
    title = scrapy.Field()
    original_title = scrapy.Field()


@dataclass
class ArticleData:
    url: str
    html: bytes | None
    title: str | None = None
    text: str | None = None


@attrs.define
class ArticleAttrs:
    html: bytes | None
    text: str = ""


def test_an_item_of_scrapy_loses_the_page_and_gains_its_text() -> None:
    made = pipeline(html="html")
    item = made.process_item(ArticleItem(url="u", html=HTML))
    assert dict(item) == {"url": "u", "text": CLEAN, "title": TITLE}
    item = made.process_item(ArticleItem(html=HTML, title="mine"))
    assert dict(item) == {"text": CLEAN, "title": TITLE, "original_title": "mine"}


def test_an_item_that_declares_metadata_and_kind_gets_them() -> None:
    class WithMetadata(ArticleItem):
        metadata = scrapy.Field()
        kind = scrapy.Field()

    made = pipeline(html="html")
    url = "https://example.org/bridge"
    item = made.process_item(WithMetadata(html=HTML, url=url))
    assert (item["metadata"], item["kind"]) == (METADATA | {"url": url}, KIND)
    item = made.process_item(WithMetadata(html=HTML, metadata="of the spider"))
    assert item["metadata"] == "of the spider"


def test_a_dataclass_keeps_the_field_of_the_page_but_not_the_page() -> None:
    made = pipeline(html="html")
    item = made.process_item(ArticleData("u", HTML))
    assert item == ArticleData("u", None, TITLE, CLEAN)


def test_a_title_of_the_spiders_own_stays_where_its_class_has_no_other_place() -> None:
    item = pipeline(html="html").process_item(ArticleData("u", HTML, "mine"))
    assert item == ArticleData("u", None, "mine", CLEAN)


def test_a_class_need_not_declare_a_title() -> None:
    assert pipeline(html="html").process_item(ArticleAttrs(HTML)) == ArticleAttrs(None, CLEAN)


class RawItem(scrapy.Item):
    html = scrapy.Field()


@pytest.mark.parametrize(
    ("item", "lines", "reason"),
    [
        (RawItem(html=HTML), False, "RawItem has to declare the field 'text', or be a dict"),
        (
            RawItem(html=HTML),
            True,
            "RawItem has to declare the fields 'text' and 'lines', or be a dict",
        ),
        (
            ArticleAttrs(HTML, "a lead of the spider's own"),
            False,
            "ArticleAttrs has to declare the field 'original_text', or be a dict",
        ),
        (
            ArticleData("u", HTML),
            True,
            "ArticleData has to declare the field 'lines', or be a dict",
        ),
        ({"html": [HTML]}, False, "'html' holds a list, but a page is a str or bytes"),
    ],
)
def test_items_that_cannot_take_the_text_are_dropped_and_one_error_says_why(
    item: Any, lines: bool, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = pipeline(html="html", lines=lines)
    for one in [copy.deepcopy(item) for _ in range(3)]:
        with pytest.raises(DropItem) as dropped:
            made.process_item(one)
        assert str(dropped.value) == f"clutter: {reason}"
        assert "harbour" not in repr(one)  # Scrapy logs it
    made.close_spider()
    assert caplog.messages == [f"clutter drops items: {reason}"]
    assert stats(made) == {"clutter/errors": 3}


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"%PDF-1.7", "not HTML, but a PDF"),
        (b"\x1f\x8b\x08\0", "not HTML, but gzip"),
        (None, "no page: the field is empty"),
    ],
)
def test_an_item_whose_page_cannot_be_cleaned_is_dropped_with_the_reason(
    page: bytes | None, reason: str
) -> None:
    made = pipeline(html="html")
    item = {"url": "u", "html": page}
    with pytest.raises(DropItem, match=reason):
        made.process_item(item)
    assert item == {"url": "u"}
    assert stats(made) == {"clutter/errors": 1}


def test_an_item_whose_page_is_of_another_kind_is_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model_of_kinds().save(tmp_path / "kinds.safetensors")
    made = pipeline(text="text", model=str(tmp_path / "kinds.safetensors"), kinds=["article"])
    item = {"url": "u", "text": LISTING}
    with pytest.raises(DropItem, match="clutter: of another kind: listing"):
        made.process_item(item)
    assert item == {"url": "u"}
    assert stats(made) == {"clutter/kind/listing": 1, "clutter/dropped/listing": 1}
    made.process_item({"other": 1})
    made.close_spider()
    assert "clutter has cleaned nothing" not in caplog.text
    assert made.process_item({"text": "The ferry is back."})["kind"] == "article"
    assert stats(made)["clutter/kind/article"] == stats(made)["clutter/pages"] == 1


def test_a_crawl_whose_items_have_no_such_field_ends_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = pipeline(html="htlm")
    assert made.process_item({"html": HTML}) == {"html": HTML}
    assert stats(made) == {"clutter/skipped": 1}
    made.close_spider()
    assert "clutter has cleaned nothing: no item had a field 'htlm'" in caplog.text


def test_a_crawl_that_has_cleaned_something_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    made = pipeline(html="html")
    made.process_item({"html": HTML})
    made.process_item({"other": 1})
    made.close_spider()
    assert "clutter" not in caplog.text
