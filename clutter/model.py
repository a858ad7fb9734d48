"""Labelling pages: a model takes text or HTML and gives each line a label.

This is the interface for programs that use the library. It puts pages into batches, because the
network is fastest on many lines at once; each page gets the same result as if it were alone.
The features of lines are in features.py, the computation in network.py, the model file in
storage.py.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from clutter import features
from clutter.errors import ClutterError, EncodingError, HtmlError
from clutter.features import Features, Floats, Ints
from clutter.markup import MARKUP_FEATURE_NAMES, Markup, joined
from clutter.network import (
    Layout,
    Outputs,
    Weights,
    forward,
    network_input,
    shifted,
    sum_markup_vectors,
    sum_ngram_vectors,
    unshifted,
)
from clutter.page import ARTICLE, KINDS, LABELS, THRESHOLD, Page
from clutter.storage import read_model_file, shipped_model_file, write_model_file
from clutter.threads import one_thread

if TYPE_CHECKING:
    from clutter.html.lines import HtmlText
    from clutter.html.page import HtmlPage

    Html = str | bytes
    HtmlSource = Html | tuple[Html, str | None]
    HtmlRead = tuple[Html, HtmlText] | ClutterError

NETWORK_CHARACTERS = 65536
"""Number of characters that go through the network together: the arrays then fit in the cache."""

BATCH_CHARACTERS = 1 << 17
"""Number of characters that ``label_many`` takes together."""

MAYBE_ARTICLE = 0.3
"""From this probability of the kind article on, a page counts as one when its main content is
found. Chosen on dev sites, where it costs articles nothing."""

EMPTY_ARTICLE = 0.2
"""The probability of the kind article is multiplied by this if a page has no line of title or body:
on dev sites that is so for one article in a hundred, and for one listing in ten."""

ALSO_MAIN = {"forum": "comment", "listing": "teaser", "product": "meta"}
"""By kind of page, a label that is main content there, beside title and body: replies, entries, the
facts of a product. Chosen on dev sites. Not the teasers of services: references hold the cards of
what a firm offers, but others of its teasers are news and events."""

LIKELY_LISTING = 0.6
"""From this probability of the kind listing on, all teasers of a page are main content. Chosen on
dev sites, where references hold the cards of services that look like listings."""

_IN_PRE = MARKUP_FEATURE_NAMES.index("in pre")


class Model:
    """A labelling model. Threads may share it, because labelling does not change it.

    ``ngram_vectors`` (2**18, ngram_size) int8 are the learned vectors of n-grams, to be
    multiplied by ``ngram_scale`` (ngram_size,); ``markup_vectors`` (2**15, markup_size) int8 and
    ``markup_scale`` are the same for markup. ``weights`` are all other arrays. ``metadata`` says
    what the model was trained on and how it scores. ``ngram_size`` is a multiple of 8;
    ``markup_size`` is 0 in a network that was trained on text only.
    """

    def __init__(
        self,
        ngram_vectors: NDArray[np.int8],
        ngram_scale: Floats,
        markup_vectors: NDArray[np.int8],
        markup_scale: Floats,
        weights: Weights,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._ngrams = shifted(ngram_vectors)
        self.ngram_scale = ngram_scale
        self._marks = shifted(markup_vectors)
        self.markup_scale = markup_scale
        self.weights = dict(weights)
        self.metadata = dict(metadata or {})
        self.labels = LABELS

    @property
    def ngram_vectors(self) -> NDArray[np.int8]:
        """The learned vectors of n-grams: a copy, since labelling keeps them in another form."""
        return unshifted(self._ngrams)

    @property
    def markup_vectors(self) -> NDArray[np.int8]:
        """The same of the hashes of markup."""
        return unshifted(self._marks)

    def label(self, text: str) -> Page:
        """Label every non-blank line of a page. Raises TypeError for anything but a str."""
        return next(self.label_many((text,)))

    def label_many(self, texts: Iterable[str]) -> Iterator[Page]:
        """Label pages, in order. Reads ahead: a batch is about 130,000 characters.

        Raises TypeError for a page that is not a str.
        """
        batch: list[str] = []
        size = 0
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"a page is a str, not {type(text).__name__}; decode bytes first")
            batch.append(text)
            size += len(text) + 64
            if size >= BATCH_CHARACTERS:
                yield from self._label_batch(batch)
                batch, size = [], 0
        if batch:
            yield from self._label_batch(batch)

    def label_html(self, html: Html, encoding: str | None = None) -> HtmlPage:
        """Label the lines that a reader of an HTML page sees. Needs turbohtml.

        For bytes, ``encoding`` is the encoding from the HTTP header. Raises HtmlError for data
        that is not text, such as a PDF; EncodingError for an unknown encoding;
        MissingLibraryError if turbohtml is not installed.
        """
        return next(self.label_html_many([(html, encoding)]))

    @overload
    def label_html_many(
        self,
        pages: Iterable[HtmlSource],
        *,
        errors: Literal["raise"] = "raise",
        with_metadata: bool = False,
    ) -> Iterator[HtmlPage]: ...

    @overload
    def label_html_many(
        self,
        pages: Iterable[HtmlSource],
        *,
        errors: Literal["return"],
        with_metadata: bool = False,
    ) -> Iterator[HtmlPage | ClutterError]: ...

    def label_html_many(
        self,
        pages: Iterable[HtmlSource],
        *,
        errors: Literal["raise", "return"] = "raise",
        with_metadata: bool = False,
    ) -> Iterator[HtmlPage | ClutterError]:
        """Label pages of HTML, in order. Reads ahead: a batch is about 130,000 characters of
        their text. A page is its HTML, or a pair of its HTML and the encoding from its HTTP
        header (or None).

        For a page that cannot be read, the error of ``label_html`` is raised when it is this
        page's turn; with ``errors="return"``, the error is returned in the page's place.
        ``with_metadata`` says that the metadata of most pages will be asked for: what it needs is
        then copied now, and the page is not parsed again.
        Raises ValueError for another value of ``errors``.
        """
        if errors not in ("raise", "return"):
            raise ValueError(f'errors is "raise" or "return", not {errors!r}')
        return self._label_html_pages(pages, errors == "raise", with_metadata)

    def _label_html_pages(
        self, pages: Iterable[HtmlSource], raises: bool, with_metadata: bool
    ) -> Iterator[HtmlPage | ClutterError]:
        from clutter.html.lines import read
        from clutter.html.page import HtmlPage

        def labelled(batch: list[HtmlRead]) -> Iterator[HtmlPage | ClutterError]:
            sources = [page[1] for page in batch if isinstance(page, tuple)]
            labelled_pages = self._label_html_texts(sources)
            for page in batch:
                if isinstance(page, ClutterError):
                    if raises:
                        raise page
                    yield page
                else:
                    html, source = page
                    yield HtmlPage(next(labelled_pages), source, html)

        batch: list[HtmlRead] = []
        size = 0
        for page in pages:
            html, encoding = page if isinstance(page, tuple) else (page, None)
            try:
                source = read(html, encoding, with_metadata=with_metadata)
                batch.append((html, source))
                size += len(source.text)
            except (HtmlError, EncodingError) as error:
                batch.append(error)
            size += 64
            if size >= BATCH_CHARACTERS:
                yield from labelled(batch)
                batch, size = [], 0
        yield from labelled(batch)

    def _label_html_texts(self, sources: Sequence[HtmlText]) -> Iterator[Page]:
        # a page without any tag is plain text
        groups = itertools.groupby(sources, key=lambda source: source.markup.hashes.size > 0)
        for has_markup, group in groups:
            batch = list(group)
            texts = [source.text for source in batch]
            if has_markup:
                yield from self.label_marked(texts, [source.markup for source in batch])
            else:
                yield from self._label_batch(texts)

    def label_marked(self, texts: Sequence[str], markup: Sequence[Markup]) -> Iterator[Page]:
        """Label pages that the html package has read: their texts, and the markup of each line,
        including blank lines. A model that was trained without markup uses the text only."""
        has_markup = self._marks.size > 0
        yield from self._label_batch(texts, markup if has_markup else None)

    def _label_batch(
        self, texts: Sequence[str], markup: Sequence[Markup] | None = None
    ) -> Iterator[Page]:
        if not texts:
            return
        pages = features.split(texts)
        lines = pages.lines
        line_markup = None
        if markup is not None:
            bounds = itertools.pairwise(pages.first.tolist())
            line_markup = joined(
                [
                    page_markup.take(pages.number[a:b] - 1)
                    for page_markup, (a, b) in zip(markup, bounds, strict=True)
                ]
            )
        sections = lines.sections.size - 1
        probabilities = np.empty((lines.start.size, len(self.labels)), np.float32)
        main = np.empty(lines.start.size, np.float32)
        kinds = np.empty((sections, len(KINDS)), np.float32)
        # sections go together up to a size where the arrays still fit in the cache
        total_size = np.cumsum(lines.end - lines.start + 64)[lines.sections[1:] - 1]
        first = 0
        while first < sections:
            size_before = total_size[first - 1] if first else 0
            stop = int(np.searchsorted(total_size, size_before + NETWORK_CHARACTERS)) + 1
            stop = min(max(stop, first + 1), sections)
            a, b = lines.sections[first], lines.sections[stop]
            part = line_markup
            if part is not None and stop - first < sections:
                part = part.take(np.arange(a, b))
            outputs = self._outputs(lines.part(first, stop), part)
            probabilities[a:b], main[a:b], kinds[first:stop] = outputs
            first = stop
        if line_markup is not None:
            size = lines.end - lines.start
            page = np.repeat(np.arange(len(texts)), np.diff(pages.first))
            for answers in (probabilities, main[:, None]):
                decide_together(answers, line_markup.unit, size)
                look_around(answers, line_markup, page)
        for i, text in enumerate(texts):
            a, b = pages.first[i], pages.first[i + 1]
            offset = pages.offset[i]
            page_kinds = _kinds_of_page(kinds, lines.sections, a, b)
            yield Page(  # copies: a page must not keep its whole batch in memory
                text,
                pages.number[a:b].copy(),
                lines.start[a:b] - offset,
                lines.end[a:b] - offset,
                probabilities[a:b].copy(),
                main_content(main[a:b], probabilities[a:b], page_kinds),
                page_kinds,
                unit=None if line_markup is None else line_markup.unit[a:b].copy(),
            )

    def page_summaries(self, text: str, markup: Markup | None = None) -> Floats:
        """What the layer for the kinds of pages reads, for each section of a text: (sections,
        inputs). ``markup`` is that of its lines, including blank lines. For training."""
        pages = features.split([text])
        line_features = features.features(pages.lines)
        part = None if markup is None else markup.take(pages.number - 1)
        tape: list[tuple[Floats, ...]] = []
        layout = Layout(line_features.sections, None if part is None else part.group)
        with one_thread():
            forward(self.weights, self._input(line_features, part), layout, tape)
        return tape[-1][2]

    def _outputs(self, lines: features.Lines, markup: Markup | None) -> Outputs:
        """What the network says of these lines and their sections."""
        line_features = features.features(lines)
        x = self._input(line_features, markup)
        layout = Layout(line_features.sections, None if markup is None else markup.group)
        with one_thread():
            return forward(self.weights, x, layout)

    def _input(self, lines: Features, markup: Markup | None) -> Floats:
        ngram_vectors = sum_ngram_vectors(self._ngrams, self.ngram_scale, lines)
        if markup is None:
            return network_input(self.weights, ngram_vectors, lines.line_features)
        markup_vectors = sum_markup_vectors(self._marks, self.markup_scale, markup)
        return network_input(
            self.weights, ngram_vectors, lines.line_features, markup_vectors, markup.features
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a ``.safetensors`` file, completely or not at all. Raises OSError;
        ModelError if the metadata is too long."""
        arrays = {
            "ngrams": self.ngram_vectors,
            "ngrams_scale": self.ngram_scale,
            "marks": self.markup_vectors,
            "marks_scale": self.markup_scale,
            **self.weights,
        }
        write_model_file(path, arrays, self.metadata)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model:
        """Read a model file.

        Raises ModelError if the file is not a clutter model, is damaged, or has another
        version of the format; OSError if it cannot be read.
        """
        arrays, metadata = read_model_file(path)
        ngrams, markup = (
            (arrays.pop(name), arrays.pop(f"{name}_scale")) for name in ("ngrams", "marks")
        )
        return Model(*ngrams, *markup, arrays, metadata)


def _kinds_of_page(kinds: Floats, sections: Ints, a: int, b: int) -> Floats:
    """The probabilities of the kinds (kinds,) of the page that has the lines ``a:b``, from those of
    all sections (sections, kinds): the mean over its sections, weighted by their lines. A page
    without lines is of the kind other."""
    first, stop = np.searchsorted(sections, [a, b])
    if first == stop:
        none: Floats = np.zeros(len(KINDS), np.float32)
        none[KINDS.index("other")] = 1
        return none
    if stop - first == 1:
        only: Floats = kinds[first].copy()
        return only
    sizes = np.diff(sections[first : stop + 1])
    mean: Floats = np.average(kinds[first:stop], axis=0, weights=sizes).astype(np.float32)
    return mean


def main_content(main: Floats, probabilities: Floats, kinds: Floats) -> Floats:
    """The probability of each line that it is main content (lines,), from the network's own
    answer ``main`` (lines,), its labels and the kinds of the page.

    If the page may be an article, that is the probability of its title and body: the labels know
    articles better. If nothing would be kept then, the page is hardly an article, and is read as
    of the kind that is the most probable now.
    """
    article = probabilities[:, [LABELS.index(label) for label in ARTICLE]].sum(axis=1)
    is_article = np.minimum(kinds[KINDS.index("article")] / np.float32(MAYBE_ARTICLE), 1)
    others = _main_of_others(main, article, probabilities, kinds)
    whole: Floats = is_article * article + (1 - is_article) * others
    if whole.size and whole.max() < THRESHOLD:
        weights = [EMPTY_ARTICLE if kind == "article" else 1 for kind in KINDS]
        kind = KINDS[np.argmax(kinds * weights)]
        certain = np.array([name == kind for name in KINDS], np.float32)
        surely = _main_of_others(main, article, probabilities, certain)
        if kind != "other" and surely.max() >= THRESHOLD:
            return surely
    return whole


def _main_of_others(main: Floats, article: Floats, probabilities: Floats, kinds: Floats) -> Floats:
    """The same for pages that are no articles: the answer of the network, or what follows from
    labels and kinds where that is more. The replies of a thread are often found, but not known as
    main content. Of products the labels know more. ``article`` (lines,) is the probability of
    title and body."""
    of_kind = dict(zip(KINDS, kinds, strict=True))
    by_labels = article
    for kind, label in ALSO_MAIN.items():
        likely = LIKELY_LISTING if kind == "listing" else 1
        share = np.float32(min(of_kind[kind] / likely, 1))
        by_labels = by_labels + share * probabilities[:, LABELS.index(label)]
    kept: Floats = np.maximum(main * (1 - of_kind["product"]), by_labels)
    return kept


def decide_together(probabilities: NDArray[np.float32], unit: Ints, size: Ints) -> None:
    """Give all lines of a unit the mean of their ``probabilities`` (lines, n), weighted by their
    ``size`` (lines): code with a line missing is wrong, and so is a table. ``unit`` (lines) is
    that of ``Markup``."""
    rows = np.flatnonzero(unit)
    if rows.size == 0:
        return
    _, number = np.unique(unit[rows], return_inverse=True)
    weights = size[rows].astype(np.float64)
    total = np.zeros((number.max() + 1, probabilities.shape[1]))
    np.add.at(total, number, probabilities[rows] * weights[:, None])
    probabilities[rows] = (total / np.bincount(number, weights)[:, None])[number]


def look_around(probabilities: NDArray[np.float32], markup: Markup, page: Ints) -> None:
    """Give each code block the mean of its ``probabilities`` (lines, n) and those of the lines
    before and after it: the words of code say little. ``page`` (lines) is the number of each
    line's page."""
    is_code = markup.features[:, _IN_PRE] > 0
    rows = np.flatnonzero(is_code & (markup.unit > 0))
    if rows.size == 0:
        return
    _, first, number = np.unique(markup.unit[rows], return_index=True, return_inverse=True)
    last = np.append(first[1:], rows.size) - 1  # units are numbered in the order of the lines
    weight = np.zeros((first.size, 1))
    around = np.zeros((first.size, probabilities.shape[1]))
    for beside, line in ((rows[first] - 1, rows[first]), (rows[last] + 1, rows[last])):
        there = (beside >= 0) & (beside < page.size)
        there[there] = page[beside[there]] == page[line[there]]
        around[there] += probabilities[beside[there]]
        weight[there] += 1
    own = probabilities[rows[first]]
    mean = np.where(weight > 0, (own + around / np.maximum(weight, 1)) / 2, own)
    probabilities[rows] = mean[number]


@functools.cache
def _load_shipped() -> Model:
    return Model.load(shipped_model_file())


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load a model file, or without ``path`` the shipped model, which is loaded only once.

    Raises ModelError if the file is not a usable model, OSError if it cannot be read.
    """
    return _load_shipped() if path is None else Model.load(path)
