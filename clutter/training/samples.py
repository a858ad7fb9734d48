"""Makes training samples of labelled pages.

There are few labelled pages and sites differ, so a model must learn the kinds of lines and not the
sites. Pages are cut at random in the way that extractors cut them: runs of clutter are removed,
sometimes the headline, sometimes the top or the end of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clutter import features
from clutter.features import Floats, Ints
from clutter.labelled import LabelledPage
from clutter.markup import Markup
from clutter.page import LABELS
from clutter.training import corpus

MAX_LINES = 1500
"""Most lines of one page in a training step."""

_BODY, _TITLE = LABELS.index("body"), LABELS.index("title")


@dataclass(frozen=True)
class Sample:
    """A page to train on.

    ``lines`` are its non-blank lines, ``target`` the probability of every label for each line
    (lines, labels), and ``weight`` how much each line counts (lines,). ``sampling_weight`` is how
    often the page is drawn; a labelled page has 1. Only ``whole`` pages lose runs of lines at
    random. ``page`` is the name of the labelled page.
    """

    site: str
    lines: list[str]
    target: Floats
    weight: Floats
    sampling_weight: float = 1.0
    whole: bool = True
    markup: Markup | None = None
    page: str = ""


def sample(
    site: str,
    lines: Sequence[str],
    labels: Sequence[str],
    sampling_weight: float = 1.0,
    whole: bool = True,
    markup: Markup | None = None,
    page: str = "",
) -> Sample:
    """A sample of the non-blank lines of a page. Lines labelled "?" have a weight of 0."""
    rows = features.split(["\n".join(lines)]).number - 1
    target = np.zeros((len(rows), len(LABELS)), np.float32)
    weight = np.zeros(len(rows), np.float32)
    for i, row in enumerate(rows.tolist()):
        if labels[row] in LABELS:
            target[i, LABELS.index(labels[row])] = 1
            weight[i] = 1
    line_markup = None if markup is None else markup.take(rows)
    text = [lines[row] for row in rows.tolist()]
    return Sample(site, text, target, weight, sampling_weight, whole, line_markup, page)


def html_sample(page: LabelledPage) -> Sample | None:
    """A sample of the HTML file that the head of a page names; None if it names none.

    Raises OSError, CorpusError and MissingLibraryError as ``corpus.from_html``.
    """
    cut_and_markup = corpus.from_html(page)
    if cut_and_markup is None:
        return None
    cut, markup = cut_and_markup
    return sample(cut.site, cut.lines, cut.labels, whole=False, markup=markup, page=cut.name)


def text_samples(
    pages: Sequence[LabelledPage], sampling_weight: float = 1.0, whole: bool = True
) -> list[Sample]:
    """Samples of the text of pages; pages without a labelled line are left out."""
    made = [
        sample(page.site, page.lines, page.labels, sampling_weight, whole, page=page.name)
        for page in pages
    ]
    return [page for page in made if page.weight.any()]


def html_samples(pages: Sequence[LabelledPage]) -> list[Sample]:
    """Samples of the HTML files of pages; those without a labelled line are left out.

    Raises OSError, CorpusError and MissingLibraryError as ``corpus.from_html``.
    """
    made = map(html_sample, pages)
    return [page for page in made if page is not None and page.weight.any()]


def augment(page: Sample, rng: np.random.Generator) -> Ints:
    """The lines of a page for one step, by index: all, or those that an extractor might leave."""
    count = len(page.lines)
    choice = rng.random()
    keep = np.ones(count, bool)
    label = np.where(page.weight > 0, page.target.argmax(axis=1), -1)
    if page.whole and choice < 0.3:
        # a run of clutter is kept or removed as a whole, like a block of a page
        ends = (label[1:] != label[:-1]) | (rng.random(count - 1) < 0.08)
        run = np.concatenate(([0], np.cumsum(ends)))
        run_stays = rng.random(run[-1] + 1) < rng.choice([0.1, 0.25, 0.5, 0.8])
        keep = (label == _BODY) | (label == _TITLE) | run_stays[run]
        if rng.random() < 0.3:
            keep &= label != _TITLE
        if keep.sum() < 2:
            keep[:] = True
    elif count > 40 and choice < 0.45:
        first = rng.integers(0, count // 3)
        keep[:first] = False
        keep[count - rng.integers(0, count // 3) :] = False
    rows = np.flatnonzero(keep)
    if rows.size > MAX_LINES:
        first = rng.integers(0, rows.size - MAX_LINES)
        rows = rows[first : first + MAX_LINES]
    return rows
