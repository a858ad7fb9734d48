"""The shipped model: what it promises on real pages of sites it was not trained on.

The pages are a corpus that stands beside the repository, or does not: then these tests
are skipped. The floors are what the first release set out to reach.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_beside import CORPUS, ROOT, dev_pages, dev_scores, needs_corpus, standoff

import clutter
from clutter import LABELS, labelled
from clutter.training import corpus
from clutter.training.evaluate import evaluate

SEEDS = sorted((ROOT.parent / "shared" / "seeds").glob("*.tsv"))


@pytest.fixture(scope="module")
def model() -> clutter.Model:
    return clutter.load()


def test_the_file_is_small_enough_to_ship(model: clutter.Model) -> None:
    [file] = (ROOT / "models").iterdir()
    assert file.stat().st_size <= 11e6
    assert model.metadata["labelled_lines"] > 10_000


@needs_corpus
def test_whole_pages_of_unseen_sites() -> None:
    scores = dev_scores()
    assert scores.pages == 105
    assert scores.accuracy >= 0.88
    assert scores.macro_f1 >= 0.8
    assert scores.kept_by_lines.f1 >= 0.91
    assert scores.kept_by_characters.f1 >= 0.965
    assert scores.calibration_error <= 0.02


@needs_corpus
def test_the_same_pages_from_their_html(model: clutter.Model) -> None:
    cuts = [
        cut
        for cut in map(corpus.from_html, dev_pages())
        if cut and any(x in LABELS for x in cut[0].labels)
    ]
    recut, markup = zip(*cuts, strict=True)
    scores = evaluate(model, recut, markup=markup)
    assert scores.pages > 95
    assert scores.accuracy >= 0.92
    assert scores.macro_f1 >= 0.85
    assert scores.kept_by_characters.f1 >= 0.982


@needs_corpus
def test_half_cleaned_views_of_unseen_sites(model: clutter.Model) -> None:
    for view, pages in corpus.dev_views(CORPUS, standoff("news")).items():
        scores = evaluate(model, pages)
        floor = 0.965 if view == "wet" else 0.975
        assert scores.kept_by_characters.f1 >= max(floor, scores.keep_everything), view


@pytest.mark.skipif(not SEEDS, reason="no example pages beside the repository")
@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_example_pages_give_exactly_their_headline_and_body(
    model: clutter.Model, path: Path
) -> None:
    page = labelled.read(path)
    wanted: list[str] = []
    for line, label in zip(page.lines, page.labels, strict=True):
        if label in ("title", "body") and not (label == "title" and line in wanted):
            wanted.append(line)
    clean = model.label(page.text).clean()
    assert [line for line in clean.split("\n") if line.strip()] == wanted
