"""``clutter train``: the model that it writes, what it tells, and what it refuses in one line."""

from __future__ import annotations

import argparse
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import random_model
from training_for_a_moment import PAGES, SITE, TEXTS, tiny_training

from clutter import LABELS, Model, cli, labelled
from clutter.cli import train as command
from clutter.errors import MissingLibraryError
from clutter.features import BUCKET_BITS
from clutter.labelled import LabelledPage
from clutter.page import KINDS
from clutter.training import corpus, train, tune
from clutter.training.answers import Answers, cell_hash, write_answers
from clutter.training.fit import NGRAM_SIZE
from clutter.training.start import write_start


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with tiny_training():
        yield


def run(output: Path, *paths: Path, corpus: Path | None = None, base: str | None = None) -> int:
    args = [*map(str, paths), "-o", str(output), "--seed", "0", "--jobs", "1"]
    for name, value in (("--corpus", corpus), ("--base", base)):
        args += [] if value is None else [name, str(value)]
    return cli.main(["train", *args])


def test_the_command_writes_the_model_and_tells_how_far_it_is(
    small: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples: 3)
        assert run(file, *TEXTS[:6]) == 0
    out = capsys.readouterr()
    assert out.out == ""
    assert "model: step 3 of 3" in out.err
    assert out.err.endswith(f"wrote {file}\n")
    assert list(tmp_path.iterdir()) == [file]
    assert Model.load(file).metadata["pages"]["labelled"] == 6


def test_the_command_tunes_a_base_and_names_what_is_left_to_label(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tune, "MIN_STEPS", 5)
    for page in SITE[:2]:
        labelled.write(page, tmp_path / page.name)
    (tmp_path / "x.tsv").write_text("nav?0.43\tHome\nbody?0.61\tText\n")
    (tmp_path / "y.tsv").write_text("# read: no\nnav\tHome\nbody?0.99\tText\n")
    file = tmp_path / "mine.safetensors"
    assert run(file, tmp_path, base="default") == 0
    told = capsys.readouterr().err
    assert f"{tmp_path / 'x.tsv'}: not labelled yet; not trained on" in told
    assert f"{tmp_path / 'y.tsv'}: not read yet (# read: no); not trained on" in told
    assert Model.load(file).metadata["pages"] == {"labelled": 2, "html": 0}
    again = tmp_path / "again.safetensors"
    assert run(again, tmp_path / "0.tsv", base=str(file)) == 0
    assert Model.load(again).metadata["base"] == Model.load(file).metadata


def test_html_without_its_reader_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def absent(page: LabelledPage) -> None:
        raise MissingLibraryError("reading HTML needs turbohtml: pip install turbohtml")

    (tmp_path / "a.tsv").write_text("# html: a.html\nnav\tHome\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "from_html", absent)
        assert run(tmp_path / "m", tmp_path, base="default") == 2
    assert capsys.readouterr().err == (
        "clutter: reading HTML needs turbohtml: pip install turbohtml\n"
    )


def test_a_base_needs_no_corpus_and_takes_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(tmp_path / "m", PAGES, base="default", corpus=tmp_path) == 2
    assert "leave out --corpus" in capsys.readouterr().err
    assert run(tmp_path / "m", PAGES, base=str(PAGES / "none.safetensors")) == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nav\tHome\nbdy\tText\n", "mine.tsv:2: unknown label 'bdy'"),
        ("nav\tHome\n", "1 labelled lines of 1 site"),
        ("?\tText\n", "0 labelled lines of 0 site"),
        (None, "mine.tsv"),
    ],
    ids=["malformed", "too little", "unlabelled", "missing"],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, reason: str
) -> None:
    page = tmp_path / "mine.tsv"
    if content is not None:
        page.write_text(content)
    assert run(tmp_path / "mine.safetensors", page) == 2
    out = capsys.readouterr()
    assert out.out == ""
    (complaint,) = [line for line in out.err.splitlines() if not line.startswith("[")]
    assert complaint.startswith("clutter: ")
    assert reason in complaint
    assert not (tmp_path / "mine.safetensors").exists()


def test_a_folder_that_is_no_corpus_is_one_line_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "labels.jsonl").write_text('{"id": "a", "lines": []}\n')
    (tmp_path / "mine.tsv").write_text("nav\tHome\n")
    assert run(tmp_path / "mine.safetensors", tmp_path, corpus=tmp_path) == 2
    message = capsys.readouterr().err
    assert "train.jsonl.gz: no such file" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "mine.safetensors").exists()


def test_a_teacher_is_asked_about_the_pages_of_the_corpus_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its answers lie beside the labels, as do the vectors of n-grams, which every model needs."""
    row: dict[str, Any] = {"site": "a.example", "lang": "en", "source": "x", "html": "x"}
    row |= {"split": "train", "extractor": "net", "lines": [{"text": "Home", "label": None}]}
    for file, names in (("train", ["known", "asked", "other"]), ("residue", ["known"])):
        with gzip.open(tmp_path / f"{file}.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(row | {"id": name}) + "\n" for name in names)
    beside = tmp_path / "labels"
    beside.mkdir()
    page = labelled.parse("body\tText\n", "mine.tsv")
    labelled.write(page, beside / page.name)
    labels = {"id": "known", "lines": [[corpus.line_hash("Home"), "nav"]]}
    (beside / "labels.jsonl").write_text(json.dumps(labels) + "\n")
    rows = np.full((1, len(LABELS)), 1 / len(LABELS), np.float32)
    kinds = np.full(len(KINDS), 1 / len(KINDS), np.float32)
    said = Answers([cell_hash("Home")], rows, rows[:, 0], kinds)
    write_answers(beside / "answers.npz", {"asked": said})
    vectors = np.ones((1 << BUCKET_BITS, NGRAM_SIZE), np.float32)
    write_start(beside / "ngrams.npz", vectors)
    calls: list[tuple[list[str], list[str], bool]] = []

    def called(pages: list[LabelledPage], *_: object, **given: Any) -> Model:
        starts = given["start"] is not None and bool((given["start"] == 1).all())
        calls.append(([page.name for page in pages], list(given["answers"]), starts))
        return random_model()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", called)
        assert run(tmp_path / "m", beside, corpus=tmp_path) == 0
        assert run(tmp_path / "m", beside) == 0
    mine = str(beside / page.name)
    assert calls == [([mine, "known", "asked"], ["asked"], True), ([mine], [], True)]
    assert "start from those of ngrams.npz" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_one_line_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", lambda *args, **options: random_model())
        assert run(tmp_path / "no folder" / "mine.safetensors", PAGES) == 2
    message = capsys.readouterr().err
    assert "no folder" in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_train_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argparse.Namespace] = []

    def run_train(args: argparse.Namespace) -> int:
        seen.append(args)
        return 3

    monkeypatch.setattr(command, "run", run_train)
    given = ["a", "b.tsv", "-o", "m", "--base", "default", "--corpus", "c", "--seed", "7"]
    assert cli.main(["train", *given]) == 3
    args = seen[0]
    assert (args.labelled, args.output, args.corpus) == (["a", "b.tsv"], "m", "c")
    assert (args.base, args.seed, args.jobs) == ("default", 7, os.cpu_count())


def test_the_arguments_serve_other_parsers_too() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args(["a", "-o", "m", "--jobs", "2"]).jobs == 2
