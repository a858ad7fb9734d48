"""The step of a datatrove pipeline, in real pipelines: what a document is afterwards, and which
go no further."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from networks import LISTING, model_of_kinds

import clutter
from clutter.cleaning import Content, clean_many, count
from clutter.errors import CleaningError
from clutter.options import CleanOptions
from clutter.page import Metadata

pytest.importorskip("datatrove", reason="needs the extra clutter[cluster]")
pytest.importorskip("orjson", reason="JSON lines of datatrove need orjson")

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.stats import Stats

from clutter.datatrove import BATCH_DOCUMENTS, CleanPages

PAGE = """\
Home
Subscribe

School kitchen cooks with what the garden gives

Since September the kitchen of the village school has cooked with vegetables that the pupils \
have grown themselves, and the queue for lunch has become longer.
“They eat turnips now, because they have pulled them out of the ground,” said the cook, who has \
been there for twenty years.

Read also: Which lamp for which room?
Copyright 2025 Valley Courier
"""

HTML = (
    "<!doctype html><nav><ul><li><a href=/>Home</a><li><a href=/subscribe>Subscribe</a></ul></nav>"
    "<article><h1>School kitchen cooks with what the garden gives</h1>"
    + "".join(f"<p>{line}</p>" for line in PAGE.splitlines() if len(line) > 60)
    + "</article><footer>Copyright 2025 Valley Courier</footer>"
)


def run(step: CleanPages, *texts: Any, **metadata: Any) -> list[Document]:
    """What comes of documents 0, 1, 2 ... of these texts, each with this metadata."""
    documents = (Document(text, str(i), metadata=dict(metadata)) for i, text in enumerate(texts))
    return list(step(documents))


def totals(stats: Stats) -> dict[str, float]:
    return {key: stat.total for key, stat in stats.stats.items()}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The documents in a folder, by their id."""
    files = [gzip.decompress(path.read_bytes()) for path in sorted(folder.glob("*.jsonl.gz"))]
    rows = [json.loads(line) for file in files for line in file.splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


def test_a_pipeline_writes_clean_documents(tmp_path: Path) -> None:
    texts = {f"page-{n:03}": PAGE.replace("twenty", f"{n}") for n in range(BATCH_DOCUMENTS + 20)}
    rows = [{"id": key, "text": text, "lang": "en"} for key, text in texts.items()]
    write(tmp_path / "in" / "a.jsonl", rows[:-5])
    write(tmp_path / "in" / "b.jsonl", rows[-5:])
    executor = LocalPipelineExecutor(
        [
            JsonlReader(str(tmp_path / "in")),
            CleanPages(html=False),
            JsonlWriter(str(tmp_path / "out")),
        ],
        tasks=2,
        logging_dir=str(tmp_path / "logs"),
    )
    _, stats, _ = executor.run().stats
    documents = read(tmp_path / "out")
    assert {key: row["text"] for key, row in documents.items()} == {
        key: clutter.clean(text) for key, text in texts.items()
    }
    assert {row["metadata"]["title"] for row in documents.values()} == {
        "School kitchen cooks with what the garden gives"
    }
    assert {row["metadata"]["lang"] for row in documents.values()} == {"en"}
    expected = count(clean_many([Content(text) for text in texts.values()], CleanOptions()))
    assert totals(stats).items() >= expected.items()
    assert totals(stats)["total"] == totals(stats)["forwarded"] == len(texts)


def test_documents_keep_their_order_their_id_and_what_is_known_of_them() -> None:
    media: list[Any] = []
    documents = [
        Document(PAGE.replace("twenty", str(n)), f"<{n}>", media, {"url": n})
        for n in range(2 * BATCH_DOCUMENTS + 1)
    ]
    clean = list(CleanPages(html=False)(iter(documents)))
    assert [x.id for x in clean] == [f"<{n}>" for n in range(2 * BATCH_DOCUMENTS + 1)]
    assert [x.metadata["url"] for x in clean] == list(range(2 * BATCH_DOCUMENTS + 1))
    assert all(f"there for {x.metadata['url']} years" in x.text for x in clean)
    assert all(x.media is media for x in clean)


def test_text_is_html_unless_told_otherwise() -> None:
    pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
    page = clutter.load().label_html(HTML)
    (document,) = run(CleanPages(), HTML)
    assert document.text == page.clean()
    assert document.metadata == {
        "title": page.title,
        "kind": page.kind,
        "metadata": asdict(page.metadata),
    }
    (document,) = run(CleanPages(), HTML, url="https://example.org/")
    assert document.metadata["metadata"] == asdict(page.metadata_at("https://example.org/"))
    (document,) = run(CleanPages(format="markdown", keep=["body", "nav"], threshold=0.3), HTML)
    assert document.text == page.clean(keep=["body", "nav"], threshold=0.3, format="markdown")


def test_lines_are_among_the_metadata_where_they_are_asked_for() -> None:
    (document,) = run(CleanPages(html=False, lines=True), PAGE)
    page = clutter.load().label(PAGE)
    lines = document.metadata["lines"]
    assert [(x["number"], x["label"], x["text"]) for x in lines] == [
        (x.number, x.label, x.text) for x in page.lines
    ]
    assert json.loads(json.dumps(lines)) == lines


def test_no_metadata_is_lost() -> None:
    given = {"title": "a", "original_title": "b", "lines": "c", "metadata": "d", "kind": "e"}
    (document,) = run(CleanPages(html=False), PAGE, **given)
    assert document.metadata == {
        "original_original_title": "a",
        "original_title": "b",
        "lines": "c",
        "original_metadata": "d",
        "original_kind": "e",
        "kind": clutter.load().label(PAGE).kind,
        "title": (title := "School kitchen cooks with what the garden gives"),
        "metadata": asdict(Metadata(title=title)),
    }


def test_a_document_without_text_goes_no_further() -> None:
    step = CleanPages(html=False)
    found = run(step, "", PAGE, "\n \n", "Home\nLog in\nSubscribe")
    assert [document.id for document in found] == ["1"]
    stats = totals(step.stats)
    assert (stats["total"], stats["forwarded"], stats["dropped"]) == (4, 1, 3)
    assert (stats["pages"], stats["empty"]) == (4, 3)


def test_what_goes_no_further_is_kept_as_it_came_with_the_reason(tmp_path: Path) -> None:
    step = CleanPages(html=False, exclusion_writer=JsonlWriter(str(tmp_path)))
    found = run(step, "Home\nLog in\nSubscribe", b"caf\xe9", PAGE, title="t")
    assert [document.id for document in found] == ["2"]
    dropped = read(tmp_path)
    assert {key: row["text"] for key, row in dropped.items()} == {
        "0": "Home\nLog in\nSubscribe",
        "1": "caf\\xe9",
    }
    assert {row["metadata"].pop("title") for row in dropped.values()} == {"t"}
    reasons = {key: row["metadata"].pop("filter_reason") for key, row in dropped.items()}
    assert reasons.pop("1").startswith("not UTF-8: byte 0xe9 at position 3")
    assert reasons == {"0": "nothing is kept"}
    stats = totals(step.stats)
    assert (stats["dropped"], stats["empty"], stats["errors"]) == (2, 1, 1)


def test_a_page_of_another_kind_goes_no_further_and_is_counted(tmp_path: Path) -> None:
    model_of_kinds().save(tmp_path / "kinds.safetensors")
    step = CleanPages(
        html=False,
        model=str(tmp_path / "kinds.safetensors"),
        kinds=["article"],
        exclusion_writer=JsonlWriter(str(tmp_path / "dropped")),
    )
    found = run(step, "The ferry is back.", f"Ferries {LISTING}")
    assert [(document.id, document.metadata["kind"]) for document in found] == [("0", "article")]
    (dropped,) = read(tmp_path / "dropped").values()
    assert dropped["text"] == f"Ferries {LISTING}"
    assert dropped["metadata"]["filter_reason"] == "of another kind: listing"
    stats = totals(step.stats)
    assert (stats["dropped"], stats["dropped/listing"], stats["kind/article"]) == (1, 1, 1)


def test_a_reader_may_give_bytes() -> None:
    (document,) = run(CleanPages(html=False), PAGE.encode())
    assert document.text == clutter.clean(PAGE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": ["bodi"]}, "keep: unknown label 'bodi'"),
        ({"kinds": ["news"]}, "kinds: unknown kind 'news'"),
        ({"threshold": 2}, "threshold: a number from 0 to 1, not 2"),
        ({"format": "rtf"}, "format: unknown 'rtf'"),
    ],
)
def test_a_wrong_setting_is_told_when_the_pipeline_is_made(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CleaningError, match=message):
        CleanPages(**options)


def test_a_missing_model_ends_the_task(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(CleanPages(html=False, model=str(tmp_path / "none.safetensors")), PAGE)
