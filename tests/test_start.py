"""Vectors of n-grams to start from: fitted without labels, kept in a file, and moved by training
where there are labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_for_a_moment import TEXTS, tiny_training

from clutter import labelled
from clutter.errors import CorpusError
from clutter.features import BUCKET_BITS
from clutter.training import fit as fitting
from clutter.training.fit import NGRAM_SIZE, features_of, ngram_sums
from clutter.training.samples import text_samples
from clutter.training.start import fit_start, read_start, write_start

SHAPE = (1 << BUCKET_BITS, NGRAM_SIZE)


def test_lines_that_share_words_come_near_the_same_target() -> None:
    """Rain is one thing and sport another, also in lines that were not seen."""
    rain = [f"{word} rain fell on the {place}" for word in ["some", "much", "no"]
            for place in ["town", "hills", "coast", "lake"]]  # fmt: skip
    sport = [f"{word} match ends for {place}" for word in ["first", "last", "long"]
             for place in ["united", "rovers", "city", "albion"]]  # fmt: skip
    lines = rain + sport
    targets = np.zeros((len(lines), NGRAM_SIZE), np.float32)
    targets[: len(rain), 0] = 1
    targets[len(rain) :, 1] = 1
    table = fit_start(lines, lambda rows: targets[rows], epochs=120)
    new = features_of(["heavy rain fell on the fields\nthe match ends for wanderers"])
    rng = np.random.default_rng(0)
    of_rain, of_sport = ngram_sums(new, np.zeros(2, bool), rng).of(table)
    assert of_rain[0] > of_rain[1] + 0.3
    assert of_sport[1] > of_sport[0] + 0.3


def test_ngrams_that_occur_nowhere_have_no_vector() -> None:
    table = fit_start(["rain"], lambda rows: np.ones((rows.size, NGRAM_SIZE), np.float32), 3)
    assert table.shape == SHAPE
    assert 0 < np.count_nonzero(table.any(axis=1)) <= 4 * 5  # four orders at five places


def test_what_is_written_is_read_again_in_8_bits(tmp_path: Path) -> None:
    table = np.zeros(SHAPE, np.float32)
    table[::100] = np.random.default_rng(0).standard_normal(table[::100].shape)
    write_start(tmp_path / "ngrams.npz", table)
    found = read_start([tmp_path])
    assert found is not None
    assert np.abs(found - table).max() <= np.abs(table).max() / 254 * 1.001


def test_a_folder_without_such_a_file_gives_none(tmp_path: Path) -> None:
    assert read_start([tmp_path, tmp_path / "a.tsv"]) is None


@pytest.mark.parametrize(
    ("rows", "reason"), [(3, r"its size is \(3, 32\)"), (None, r"ngrams\.npz: cannot be read")]
)
def test_a_damaged_file_or_one_of_another_size_is_named(
    tmp_path: Path, rows: int | None, reason: str
) -> None:
    file = tmp_path / "ngrams.npz"
    file.write_bytes(b"nothing")
    if rows is not None:
        write_start(file, np.ones((rows, NGRAM_SIZE), np.float32))
    with pytest.raises(CorpusError, match=reason):
        read_start([tmp_path])


def test_training_starts_from_the_vectors_and_leaves_them_as_they_are() -> None:
    pages = text_samples(labelled.read_all(TEXTS)[:4])
    with tiny_training():
        start = np.full((1 << BUCKET_BITS, fitting.NGRAM_SIZE), 0.25, np.float32)
        made = fitting.fit(pages, 2, 0, None, "tiny", start)
    untouched = (made.ngram_vectors == 0.25).all(axis=1)
    assert 0 < untouched.sum() < untouched.size
    assert (start == 0.25).all()
