"""The corpus that stands beside the repository, or does not, and the labels for its pages.

Each is read once for all tests.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

import clutter
from clutter.labelled import LabelledPage
from clutter.training.corpus import Standoff, read_pages, read_standoff
from clutter.training.evaluate import Scores, evaluate

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "labelled" / "corpora"
CORPUS = ROOT.parent / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the repository")


@functools.cache
def standoff(part: str = "") -> dict[str, Standoff]:
    """The labels of the repository for the corpus. ``part`` is "news" for pages of news sites and
    blogs, "wide" for pages of every kind; "" for all."""
    return read_standoff([CORPORA / part])


@functools.cache
def dev_pages(part: str = "news") -> list[LabelledPage]:
    """The pages of sites that the shipped model was not trained on."""
    return read_pages(CORPUS, "dev", standoff(part))


@functools.cache
def dev_scores(part: str = "news") -> Scores:
    """How the shipped model reads them."""
    return evaluate(clutter.load(), dev_pages(part))
