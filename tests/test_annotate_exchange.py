"""Labelling in the browser: pages for Label Studio and doccano, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from annotating import PAGES, write_project
from commands import Run

from clutter.annotate.exchange import from_doccano, from_label_studio, matched, to_doccano
from clutter.annotate.project import Project
from clutter.errors import InputError

FLAG = "# read: no\nnav?0.90\tHome 🏴 here\nbody?0.90\tText\n"


def test_label_studio_gets_what_was_read_as_annotations_and_guesses_as_predictions(
    run: Run, tmp_path: Path
) -> None:
    write_project(tmp_path / "mine")
    Project(tmp_path / "mine").mark(0, True)
    status, out, told = run("annotate", "-o", "mine", "--export", "tasks.json")
    assert (status, out, told) == (0, b"", "3 pages written to tasks.json\n")
    first, second, _ = json.loads(Path("tasks.json").read_text("utf-8"))
    [annotation] = first["annotations"]
    assert annotation["result"][2]["value"] == {
        "start": 12, "end": 34, "text": "Ferry stays in harbour", "labels": ["title"],
    }  # fmt: skip
    assert first["data"]["page"] == "a.tsv"
    assert "annotations" not in second
    assert second["predictions"][0]["result"][0]["value"]["labels"] == ["nav"]


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_labels_come_back_as_they_were_sent(run: Run, tmp_path: Path, name: str) -> None:
    for folder in ("mine", "theirs"):
        write_project(tmp_path / folder)
    mine = Project(tmp_path / "mine")
    mine.set_lines(0, [0], "?", "none")
    for number in range(3):
        mine.mark(number, True)
    assert run("annotate", "-o", "mine", "--export", name)[0] == 0
    status, _, told = run("annotate", "-o", "theirs", "--import", name)
    assert (status, told) == (0, "3 pages of 3 taken\n")
    theirs = Project(tmp_path / "theirs")
    assert [page.set for page in theirs.pages] == [page.set for page in mine.pages]
    assert all(page.is_read for page in theirs.pages)


def test_pages_that_were_read_here_stay_as_they_are(run: Run, tmp_path: Path) -> None:
    for folder in ("mine", "theirs"):
        write_project(tmp_path / folder)
        Project(tmp_path / folder).mark(0, True)
    Project(tmp_path / "theirs").set_lines(0, [0], "ad", "none")
    before = Path("theirs/a.tsv").read_text("utf-8")
    run("annotate", "-o", "mine", "--export", "tasks.json")
    status, _, told = run("annotate", "-o", "theirs", "--import", "tasks.json")
    assert status == 0
    assert "theirs/a.tsv: was read here, left as it is" in told
    assert Path("theirs/a.tsv").read_text("utf-8") == before
    run("annotate", "-o", "theirs", "--import", "tasks.json", "--force")
    assert "nav\tHome" in Path("theirs/a.tsv").read_text("utf-8")


def test_labels_of_a_page_that_is_half_done_here_are_not_overwritten(
    run: Run, tmp_path: Path
) -> None:
    for folder in ("mine", "theirs"):
        write_project(tmp_path / folder)
    for number in range(2):
        Project(tmp_path / "mine").mark(number, True)
    theirs = Project(tmp_path / "theirs")
    theirs.set_lines(0, [0], "ad", "none")  # another label than theirs
    theirs.set_lines(1, [0], "nav", "none")  # the same
    before = Path("theirs/a.tsv").read_text("utf-8")
    run("annotate", "-o", "mine", "--export", "tasks.json")
    status, _, told = run("annotate", "-o", "theirs", "--import", "tasks.json")
    assert status == 0
    assert "theirs/a.tsv: has other labels that were set here, left as it is (--force" in told
    assert told.endswith("1 page of 2 taken\n")
    assert Path("theirs/a.tsv").read_text("utf-8") == before
    run("annotate", "-o", "theirs", "--import", "tasks.json", "--force")
    assert "nav\tHome" in Path("theirs/a.tsv").read_text("utf-8")


def test_labels_are_never_mixed_up_among_pages_with_the_same_text(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.tsv").write_text("# read: no\n# page: 7\nnav?0.9\tHome\n", "utf-8")
    pages = Project(tmp_path).pages
    named = from_doccano(to_doccano(pages).encode())
    assert [page.name for page, _ in matched(pages, named)] == ["a.tsv", "b.tsv"]
    with pytest.raises(InputError, match=r"'Home': 2 pages here have this text; say which"):
        matched(pages, [named[0]._replace(name="")])
    with pytest.raises(InputError, match=r"a\.tsv: is in the file twice"):
        matched(pages, [named[0], named[0]])


def test_an_export_that_is_there_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    write_project(tmp_path / "mine")
    Path("tasks.json").write_text("mine")
    status, _, told = run("annotate", "-o", "mine", "--export", "tasks.json")
    assert (status, told) == (2, "clutter: tasks.json: is there already; --force overwrites it\n")
    assert run("annotate", "-o", "mine", "--export", "tasks.json", "--force")[0] == 0
    status, _, told = run("annotate", "-o", "mine", "--export", "tasks.csv")
    assert (status, told) == (2, "clutter: tasks.csv: .json is Label Studio, .jsonl is doccano\n")


def test_spans_are_found_in_characters_and_in_units_of_utf_16(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(FLAG, "utf-8")
    pages = Project(tmp_path).pages
    text = "Home 🏴 here\nText"
    for start in (12, 13):
        value = {"start": start, "end": start + 4, "text": "Text", "labels": ["ad"]}
        result = {"type": "labels", "value": value}
        task = {"data": {"text": text}, "annotations": [{"result": [result]}]}
        imported = from_label_studio(json.dumps([task]).encode())
        assert matched(pages, imported)[0][1] == ["?", "ad"]


def test_a_line_has_the_label_of_most_of_its_characters(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# read: no\nnav?0.9\tHome News\nbody?0.9\tText\n", "utf-8")
    row = {"text": "Home News\nText", "label": [[0, 4, "nav"], [4, 12, "ad"], [12, 14, "body"]]}
    [(_, labels)] = matched(Project(tmp_path).pages, from_doccano(json.dumps(row).encode()))
    assert labels[0] == "ad"
    assert labels[1] in ("ad", "body")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "no JSON export of Label Studio"),
        (b"[1]", "no JSON export of Label Studio"),
        (b'[{"data": {}}]', "no JSON export of Label Studio"),
        (
            b'[{"data": {"text": "Ab"}, "annotations": [{"result": [{"type": "labels", "value": '
            b'{"start": 0, "end": 1, "text": "b", "labels": ["nav"]}}]}]}]',
            "task 1: the label at 0 to 1 is not where its text is",
        ),
    ],
)
def test_what_is_no_export_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        from_label_studio(data)
    with pytest.raises(InputError, match="line 1: no document of doccano"):
        from_doccano(data)


def test_an_import_that_does_not_fit_changes_nothing(run: Run, tmp_path: Path) -> None:
    write_project(tmp_path / "mine")
    rows: list[dict[str, Any]] = [
        {"text": "Home\nSport\nAnother text.", "label": [[0, 4, "nav"]], "page": "b.tsv"},
        {"text": "Text that is nowhere", "label": [], "page": "b.tsv"},
    ]
    Path("x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    status, _, told = run("annotate", "-o", "mine", "--import", "x.jsonl")
    assert status == 2
    assert told.startswith("clutter: x.jsonl: b.tsv: no page here has this text")
    rows = [rows[0] | {"label": [[0, 4, "nva"]]}]
    Path("x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert (
        "unknown label 'nva' (did you mean 'nav'?)"
        in run("annotate", "-o", "mine", "--import", "x.jsonl")[2]
    )
    for name, text in PAGES.items():
        assert Path("mine", name).read_text("utf-8") == text
