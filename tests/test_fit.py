"""The loop of training: the same tasks give the same networks, whoever does them."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_for_a_moment import TEXTS

from clutter import labelled
from clutter.labelled import LabelledPage
from clutter.training import fit
from clutter.training.samples import sample


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all(TEXTS)


def test_processes_give_what_one_gives(pages: list[LabelledPage], tmp_path: Path) -> None:
    samples = [sample(page) for page in pages[:4]]
    tasks = [fit.Task("one", samples[:2], 2, 1), fit.Task("two", samples[2:], 2, 2)]
    files = []
    for jobs in (1, 2):
        for number, model in enumerate(fit.fit_all(tasks, jobs)):
            model.save(tmp_path / f"{jobs}-{number}")
            files.append((tmp_path / f"{jobs}-{number}").read_bytes())
    assert files[:2] == files[2:]
    assert files[0] != files[1]
