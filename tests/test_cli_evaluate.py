"""``clutter evaluate``: what it prints of labelled pages and of a corpus, and what it refuses."""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from scored import FIRST, Answering

from clutter import cli
from clutter.cli import evaluate as command
from clutter.cli.arguments import Parser
from clutter.training.corpus import line_hash
from clutter.training.evaluate import evaluate

AUTHORED = Path(__file__).parent.parent / "labelled" / "pages"


def run(
    *labelled: Path,
    model: str | None = None,
    format: str = "text",
    worst: int = 3,
    corpus: str | None = None,
) -> int:
    args = [*map(str, labelled), "--format", format, "--worst", str(worst)]
    for name, value in (("--model", model), ("--corpus", corpus)):
        args += [] if value is None else [name, value]
    return cli.main(["evaluate", *args])


def refused(capsys: pytest.CaptureFixture[str], *args: Path, **options: Any) -> str:
    """The message of a refused command."""
    assert run(*args, **options) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith("clutter: ")
    return out.err


# --- labelled pages ---


def test_the_help_names_all_that_the_report_shows() -> None:
    parser = Parser()
    command.add_arguments(parser)
    shown = parser.format_help()
    assert "main content" in shown
    assert "the kinds of pages" in shown


def test_the_shipped_model_knows_the_authored_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(AUTHORED, format="json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["pages"] == len(list(AUTHORED.rglob("*.tsv")))
    assert scores["kept_by_characters"]["f1"] > scores["keep_everything"]
    assert len(scores["worst"]) <= 3


def test_pages_that_nobody_has_read_do_not_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.tsv").write_text("# read: yes\nnav\tHome\n", "utf-8")
    (tmp_path / "b.tsv").write_text("# read: no\nnav\tHome\nbody?0.99\tText.\n", "utf-8")
    assert run(tmp_path) == 0
    assert capsys.readouterr().out.startswith("1 page, 1 labelled line\n")


def test_the_text_report_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("# lang: el\nnav\tΜενού\nbody\tΚείμενο.\n", "utf-8")
    assert run(tmp_path) == 0
    out = capsys.readouterr()
    assert out.out.startswith("1 page, 2 labelled lines\n")
    assert out.err == ""


def test_a_labelled_page_of_html_is_scored_as_text_and_from_its_html(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.html").write_text(f"<ul><li>{MENU}</ul><p>{STORY}</p>")
    (tmp_path / "a.tsv").write_text(f"# html: a.html\nnav\t{MENU}\nbody\t{STORY}\n")
    (tmp_path / "b.tsv").write_text(f"nav\t{MENU}\nbody\t{STORY}\n")
    assert run(tmp_path) == 0
    text, _, html = capsys.readouterr().out.partition("\nFrom HTML\n\n")
    assert text.startswith("2 pages, 4 labelled lines\n")
    assert html.startswith("1 page, 2 labelled lines\n")
    (tmp_path / "a.html").unlink()
    assert "a.html" in refused(capsys, tmp_path)


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_file_name_that_is_no_text_is_printed_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, format: str
) -> None:
    odd = tmp_path / "caf\udce9.tsv"
    try:
        odd.write_text("body\tshare\nnav\tA paragraph of many words, and then some more.\n")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    assert run(odd, format=format) == 0
    assert "caf\\udce9.tsv" in capsys.readouterr().out


def test_a_folder_without_a_labelled_line_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("?\tNobody looked at this\n")
    (tmp_path / "two.tsv").write_text("?\tNor at this\n")
    message = refused(capsys, tmp_path)
    assert message == f"clutter: {tmp_path}: no labelled line in 2 pages\n"


def test_a_malformed_file_is_refused_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("nav\tHome\nbdy\tText\n")
    assert "one.tsv:2: " in refused(capsys, tmp_path)


def test_what_cannot_be_read_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "none.tsv" in refused(capsys, tmp_path / "none.tsv")
    fine = tmp_path / "fine.tsv"
    fine.write_text("nav\tHome\n")
    assert "none.safetensors" in refused(capsys, fine, model=str(tmp_path / "none.safetensors"))
    assert "not a model file" in refused(capsys, fine, model=str(fine))


def test_nothing_to_evaluate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: LABELLED" in refused(capsys)


def test_a_negative_number_of_worst_pages_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a whole number from 0 up, not '-1'" in refused(capsys, AUTHORED, worst=-1)
    with pytest.raises(ValueError, match="negative"):
        evaluate(Answering([]), [FIRST], worst=-1)


def test_the_arguments_serve_other_parsers_too() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args(["a"])
    assert (args.labelled, args.model, args.format, args.worst) == (["a"], None, "text", 10)


# --- a corpus folder ---


MENU, STORY = "Home", "The council has voted to keep the ferry running through the winter."


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A corpus folder with two pages and two views, and stand-off labels for one page."""
    lines = [{"text": MENU}, {"text": STORY}]
    rows = [
        {"id": name, "source": "made-up", "site": f"{name}.example", "lang": "en", "lines": lines}
        | {"html": f"{name}.html"}
        for name in ("known", "unknown")
    ]
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "known.html").write_text(f"<ul><li>{MENU}</ul><p>{STORY}</p><p>New")
    views = [
        {
            "id": "known",
            "split": split,
            "site": "known.example",
            "lang": "en",
            "extractor": extractor,
            "lines": [{"text": STORY, "label": "body"}, {"text": "A stray line", "label": None}],
        }
        for split, extractor in (("dev", "sieve"), ("train", "riddle"))
    ]
    for file, content in (("dev", rows), ("train", []), ("residue", views)):
        with gzip.open(tmp_path / f"{file}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in content)
    labels = [[line_hash(MENU), "nav"], [line_hash(STORY), "body"]]
    (tmp_path / "labels.jsonl").write_text(json.dumps({"id": "known", "lines": labels}) + "\n")
    return tmp_path


def test_a_corpus_is_scored_on_its_labelled_dev_pages_and_on_their_views(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    labels = tiny_corpus / "labels.jsonl"
    assert run(labels, corpus=str(tiny_corpus), format="json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pages"], found["lines"]) == (1, 2)
    assert found["by_label"]["nav"]["support"] == found["by_label"]["body"]["support"] == 1
    # the view of the other split is not there, and what has no label is not counted
    assert list(found["views"]) == ["sieve"]
    assert (found["html"]["pages"], found["html"]["lines"]) == (1, 2)
    assert found["views"]["sieve"]["lines"] == 1


def test_the_views_have_a_table_of_their_own_in_the_report(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    assert run(tiny_corpus, corpus=str(tiny_corpus)) == 0
    report = capsys.readouterr().out
    assert report.startswith("1 page, 2 labelled lines\n")
    report, _, html = report.partition("\nFrom HTML\n\n")
    assert html.startswith("1 page, 2 labelled lines\n")
    head, _, table = report.partition("\nHalf-cleaned views, by extractor\n")
    assert "By language" in head
    rows = [row.split() for row in table.splitlines()]
    assert rows[0][:2] == ["pages", "accuracy"]
    assert [row[:2] for row in rows[1:]] == [["sieve", "1"]]


def test_without_views_the_report_says_nothing_of_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "one.tsv").write_text("nav\tHome\nbody\tText\n")
    assert run(tmp_path) == 0
    assert "Half-cleaned" not in capsys.readouterr().out
    assert run(tmp_path, format="json") == 0
    assert "views" not in json.loads(capsys.readouterr().out)


def test_what_is_wrong_with_a_corpus_is_told(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert "no stand-off labels" in refused(capsys, empty, corpus=str(tiny_corpus))
    assert "dev.jsonl.gz: no such file" in refused(capsys, tiny_corpus, corpus=str(empty))
    (tiny_corpus / "dev.jsonl.gz").write_bytes(b"not compressed")
    assert "dev.jsonl.gz: cannot be read" in refused(capsys, tiny_corpus, corpus=str(tiny_corpus))
    (tiny_corpus / "labels.jsonl").write_text("{}\n")
    assert "labels.jsonl:1: " in refused(capsys, tiny_corpus, corpus=str(tiny_corpus))


def test_a_corpus_without_a_label_for_it_is_refused(
    capsys: pytest.CaptureFixture[str], tiny_corpus: Path
) -> None:
    labels = tiny_corpus / "labels.jsonl"
    labels.write_text(labels.read_text().replace("known", "other"))
    message = refused(capsys, labels, corpus=str(tiny_corpus))
    assert "dev.jsonl.gz: holds no page that has labels" in message
