"""Makes training samples of labelled pages.

There are few labelled pages and sites differ, so a model must learn the kinds of lines and not the
sites. Pages are cut at random in the way that extractors cut them: runs of clutter are removed,
sometimes the headline, sometimes the top or the end of the page. Some articles are cut short.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clutter import features
from clutter.features import Floats, Ints
from clutter.labelled import LabelledPage
from clutter.markup import Markup
from clutter.page import KINDS, LABELS
from clutter.training import corpus

SHORT_ONE_IN, SHORT_WEIGHT = 3, 0.5
"""One in so many articles also gives a sample with a short article, which is drawn so often."""

MAX_LINES = 1500
"""Most lines of one page in a training step."""

_BODY, _TITLE = LABELS.index("body"), LABELS.index("title")


@dataclass(frozen=True)
class Sample:
    """A page to train on.

    ``lines`` are its non-blank lines, ``target`` the probability of every label for each line
    (lines, labels), and ``weight`` how much each line counts (lines,). ``main`` and
    ``main_weight`` (lines,) are the same for being main content. ``kinds`` (kinds,) are the
    probabilities of the page's kinds, all 0 if its kind is not known. ``sampling_weight`` is how
    often the page is drawn; a labelled page has 1. Only ``whole`` pages lose runs of lines at
    random. ``page`` is the name of the labelled page.
    """

    site: str
    lines: list[str]
    target: Floats
    weight: Floats
    main: Floats
    main_weight: Floats
    kinds: Floats
    sampling_weight: float = 1.0
    whole: bool = True
    markup: Markup | None = None
    page: str = ""


_MAIN_LABELS = {
    "article": "body title",
    "forum": "body title comment?",
    "product": "body title meta? comment?",
    "listing": "body title teaser meta?",
    "documentation": "body title meta?",
    "service": "body title meta?",
    "other": "body title",
    "": "body title meta? comment? teaser?",
}
"""By kind of page, the labels that say that a line is main content. With "?" such lines may be
main content or not; all other labels say no. "" is for pages whose kind is not known."""

_SHORT_LINE, _SHORT_LINE_WEIGHT = 20, 0.3
"""A line of fewer characters may be in a reference text by chance: it counts less."""


def sample(
    page: LabelledPage,
    sampling_weight: float = 1.0,
    whole: bool = True,
    markup: Markup | None = None,
) -> Sample:
    """A sample of the non-blank lines of a page. Lines labelled "?" have a weight of 0.

    Whether a line is main content is taken from the page's ``main`` if it has that, else from label
    and kind.
    """
    rows = features.split(["\n".join(page.lines)]).number - 1
    lines = [page.lines[row] for row in rows.tolist()]
    index = np.array([LABELS.index(x) if x in LABELS else -1 for x in page.labels], np.int64)[rows]
    kinds = np.array([page.kind == kind for kind in KINDS], np.float32)
    certain, possible = (
        np.array([name + mark in _MAIN_LABELS[page.kind].split() for name in LABELS] + [False])
        for mark in ("", "?")
    )
    main, main_weight = certain[index], ~possible[index] & (index >= 0)
    if page.main:
        stated = np.array(page.main)[rows]
        short = np.array([len(line) < _SHORT_LINE for line in lines])
        # references often leave out the headline, which is main content all the same
        by_reference = (stated >= 0) & (index != _TITLE)
        main = np.where(by_reference, stated > 0, main)
        main_weight = np.where(by_reference, np.where(short, _SHORT_LINE_WEIGHT, 1), main_weight)
        # some references break off: where a reader saw more, they say nothing
        main_weight = np.where((stated == 0) & (index == _BODY), 0, main_weight)
    return Sample(
        page.site,
        lines,
        (index[:, None] == np.arange(len(LABELS))).astype(np.float32),
        (index >= 0).astype(np.float32),
        main.astype(np.float32),
        main_weight.astype(np.float32),
        kinds,
        sampling_weight,
        whole,
        None if markup is None else markup.take(rows),
        page.name,
    )


def html_sample(page: LabelledPage) -> Sample | None:
    """A sample of the HTML file that the head of a page names; None if it names none.

    Raises OSError, CorpusError and MissingLibraryError as ``corpus.from_html``.
    """
    cut_and_markup = corpus.from_html(page)
    if cut_and_markup is None:
        return None
    cut, markup = cut_and_markup
    return sample(cut, whole=False, markup=markup)


def text_samples(
    pages: Sequence[LabelledPage], sampling_weight: float = 1.0, whole: bool = True
) -> list[Sample]:
    """Samples of the text of pages."""
    return [sample(page, sampling_weight, whole) for page in pages]


def html_samples(pages: Sequence[LabelledPage]) -> list[Sample]:
    """Samples of the HTML files of pages that name one.

    Raises OSError, CorpusError and MissingLibraryError as ``corpus.from_html``.
    """
    return [page for page in map(html_sample, pages) if page is not None]


def short_html_samples(pages: Sequence[LabelledPage]) -> list[Sample]:
    """Samples of the HTML files of some articles, of which only the first one to three lines of the
    body are left: short articles are rare among labelled pages, and easily lost.

    Raises OSError, CorpusError and MissingLibraryError as ``corpus.from_html``.
    """
    made = []
    for page in pages:
        # a choice that depends neither on the other pages nor on the folder they lie in
        draw = zlib.crc32("\n".join(page.lines).encode("utf-8", "surrogatepass"))
        if page.kind in ("", "article") and draw % SHORT_ONE_IN == 0:
            cut = corpus.shortened(page, paragraphs=1 + draw // SHORT_ONE_IN % 3)
            if cut is not None:
                made.append(sample(cut[0], SHORT_WEIGHT, whole=False, markup=cut[1]))
    return made


def informative(samples: Iterable[Sample]) -> list[Sample]:
    """The samples that say something of at least one line."""
    return [page for page in samples if page.weight.any() or page.main_weight.any()]


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
    elif page.whole and choice < 0.38:
        # a short article: the body ends after its first lines
        body = np.flatnonzero(label == _BODY)
        keep[body[rng.integers(1, 4) :]] = False
    elif count > 40 and choice < 0.5:
        first = rng.integers(0, count // 3)
        keep[:first] = False
        keep[count - rng.integers(0, count // 3) :] = False
    rows = np.flatnonzero(keep)
    if rows.size > MAX_LINES:
        first = rng.integers(0, rows.size - MAX_LINES)
        rows = rows[first : first + MAX_LINES]
    return rows
