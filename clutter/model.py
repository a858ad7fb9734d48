"""Labelling pages: a model takes text or HTML and says of each line what it is.

This is what a program that embeds the filter uses. Pages are put together into batches here,
since the network is fastest on many lines at once, and each page gets the answer that it would
get alone. What a line is described by is in features.py, the computation in network.py, the
file in storage.py.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from clutter import features
from clutter.errors import ClutterError, EncodingError, HtmlError
from clutter.features import Features, Floats
from clutter.markup import Markup, joined
from clutter.network import (
    Layout,
    Weights,
    forward,
    network_input,
    packed,
    sum_markup_vectors,
    sum_ngram_vectors,
)
from clutter.page import LABELS, Page
from clutter.storage import html_file_of, read_model_file, shipped_model_file, write_model_file

if TYPE_CHECKING:
    from clutter.html.lines import HtmlText
    from clutter.html.page import HtmlPage

    Html = str | bytes
    HtmlSource = Html | tuple[Html, str | None]
    HtmlRead = tuple[Html, HtmlText] | ClutterError

NETWORK_CHARACTERS = 65536
"""Characters of pages that go through the network together, so that the arrays stay in cache."""

BATCH_CHARACTERS = 1 << 17
"""Characters of pages that ``label_many`` takes together."""


class Model:
    """A labelling model. Threads may share it, since nothing in it changes.

    ``ngram_vectors`` (2**18, ngram_size) int8 are the learned vectors of n-grams, to be
    multiplied by ``ngram_scale`` (ngram_size,); ``markup_vectors`` (2**15, markup_size) int8 and
    ``markup_scale`` are the same for markup; ``weights`` are the other arrays; ``metadata`` says
    what the model was trained on and how it scores. ``ngram_size`` is a multiple of 4,
    ``markup_size`` 0 in a network for text only.
    ``html`` is the model for pages of HTML, where that is another network than the one for
    plain text; its file is beside the other's, NAME.html.safetensors, and is read when it
    is first asked for.
    """

    def __init__(
        self,
        ngram_vectors: NDArray[np.int8],
        ngram_scale: Floats,
        markup_vectors: NDArray[np.int8],
        markup_scale: Floats,
        weights: Weights,
        metadata: Mapping[str, Any] | None = None,
        html: Model | None = None,
    ) -> None:
        self._html = html
        self._html_file: Path | None = None
        self.ngram_vectors = ngram_vectors
        self.ngram_scale = ngram_scale
        self.markup_vectors = markup_vectors
        self.markup_scale = markup_scale
        self._packed = packed(ngram_vectors)
        self.weights = dict(weights)
        self.metadata = dict(metadata or {})
        self.labels = LABELS

    @property
    def html(self) -> Model | None:
        """The model for pages of HTML; None where this one is for both. Raises ModelError where
        its file cannot be used."""
        if self._html is None and self._html_file is not None:
            self._html = Model.load(self._html_file)
        return self._html

    @html.setter
    def html(self, html: Model | None) -> None:
        self._html, self._html_file = html, None

    def label(self, text: str) -> Page:
        """Label every non-blank line of a page."""
        return next(self.label_many((text,)))

    def label_many(self, texts: Iterable[str]) -> Iterator[Page]:
        """Label pages, in order, reading ahead by a batch of about 130,000 characters."""
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
        """Label the lines that a reader of an HTML page sees; needs turbohtml.

        ``encoding`` is what the HTTP header says of bytes. Raises HtmlError for what is no
        text, such as a PDF; EncodingError for an unknown encoding; MissingLibraryError without
        turbohtml.
        """
        return next(self.label_html_many([(html, encoding)]))

    @overload
    def label_html_many(
        self, pages: Iterable[HtmlSource], *, errors: Literal["raise"] = "raise"
    ) -> Iterator[HtmlPage]: ...

    @overload
    def label_html_many(
        self, pages: Iterable[HtmlSource], *, errors: Literal["return"]
    ) -> Iterator[HtmlPage | ClutterError]: ...

    def label_html_many(
        self, pages: Iterable[HtmlSource], *, errors: Literal["raise", "return"] = "raise"
    ) -> Iterator[HtmlPage | ClutterError]:
        """Label pages of HTML, in order, reading ahead by a batch of about 130,000 characters
        of their text. A page is given as its HTML, or as a pair with what its HTTP header says
        of the encoding (or None).

        What ``label_html`` raises for a page that it cannot read is raised when its turn
        comes, or with ``errors="return"`` comes in its place.
        """
        if errors not in ("raise", "return"):
            raise ValueError(f'errors is "raise" or "return", not {errors!r}')
        return self._label_html_pages(pages, errors == "raise")

    def _label_html_pages(
        self, pages: Iterable[HtmlSource], raises: bool
    ) -> Iterator[HtmlPage | ClutterError]:
        from clutter.html.lines import read
        from clutter.html.page import HtmlPage

        def labelled(batch: list[HtmlRead]) -> Iterator[HtmlPage | ClutterError]:
            answers = self._label_html_texts([one[1] for one in batch if isinstance(one, tuple)])
            for one in batch:
                if isinstance(one, tuple):
                    yield HtmlPage(next(answers), one[1], one[0])
                elif raises:
                    raise one
                else:
                    yield one

        batch: list[HtmlRead] = []
        size = 0
        for page in pages:
            html, encoding = page if isinstance(page, tuple) else (page, None)
            try:
                source = read(html, encoding)
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
        # what has no tag at all is read as the plain text that it is
        groups = itertools.groupby(sources, key=lambda source: source.markup.hashes.size > 0)
        for has_markup, group in groups:
            some = list(group)
            texts = [source.text for source in some]
            if has_markup:
                yield from self.label_marked(texts, [source.markup for source in some])
            else:
                yield from self._label_batch(texts)

    def label_marked(self, texts: Sequence[str], markup: Sequence[Markup]) -> Iterator[Page]:
        """Label pages of which html/ has found the text and, for each of its lines, blank
        ones too, the markup; by their text alone where the model has learned no markup."""
        network = self.html or self
        has_markup = network.markup_vectors.shape[1] > 0
        yield from network._label_batch(texts, markup if has_markup else None)

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
                    one.take(pages.number[a:b] - 1)
                    for one, (a, b) in zip(markup, bounds, strict=True)
                ]
            )
        probabilities = np.empty((lines.start.size, len(self.labels)), np.float32)
        # sections are taken together up to a size that keeps the arrays in cache
        weight = np.cumsum(lines.end - lines.start + 64)[lines.sections[1:] - 1]
        group = 0
        while group < lines.sections.size - 1:
            spent = weight[group - 1] if group else 0
            stop = int(np.searchsorted(weight, spent + NETWORK_CHARACTERS)) + 1
            stop = min(max(stop, group + 1), lines.sections.size - 1)
            a, b = lines.sections[group], lines.sections[stop]
            part = None if line_markup is None else line_markup.take(np.arange(a, b))
            probabilities[a:b] = self._probabilities(lines.part(group, stop), part)
            group = stop
        for i, text in enumerate(texts):
            a, b = pages.first[i], pages.first[i + 1]
            offset = pages.offset[i]
            yield Page(  # copies, so that a page that is kept does not hold its whole batch
                text,
                pages.number[a:b].copy(),
                lines.start[a:b] - offset,
                lines.end[a:b] - offset,
                probabilities[a:b].copy(),
            )

    def _probabilities(self, lines: features.Lines, markup: Markup | None) -> Floats:
        """Probabilities (lines, labels) of lines that features.py has found."""
        line_features = features.features(lines)
        x = self._input(line_features, markup)
        return forward(self.weights, x, Layout(line_features.sections))

    def _input(self, lines: Features, markup: Markup | None) -> Floats:
        ngram_vectors = sum_ngram_vectors(self._packed, self.ngram_scale, lines)
        if markup is None:
            return network_input(self.weights, ngram_vectors, lines.line_features)
        markup_vectors = sum_markup_vectors(self.markup_vectors, self.markup_scale, markup)
        return network_input(
            self.weights, ngram_vectors, lines.line_features, markup_vectors, markup.features
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a ``.safetensors`` file, whole or not at all, and its network for
        HTML, where it has one, to another beside it. Raises OSError."""
        if self.html is not None:
            self.html.save(html_file_of(path))
        else:  # one of a model that was here before would be taken for this one's
            html_file_of(path).unlink(missing_ok=True)
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

        Raises ModelError where the file is not a clutter model, is damaged, or was
        written by another version of the format; OSError where it cannot be read.
        """
        arrays, metadata = read_model_file(path)
        ngrams, markup = (
            (arrays.pop(name), arrays.pop(f"{name}_scale")) for name in ("ngrams", "marks")
        )
        model = Model(*ngrams, *markup, arrays, metadata)
        if html_file_of(path).exists():
            model._html_file = html_file_of(path)
        return model


@functools.cache
def _load_shipped() -> Model:
    return Model.load(shipped_model_file())


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load a model file, or, without one, the shipped model (kept after the first call).

    Raises ModelError where the file is not a usable model, OSError where it cannot be
    read.
    """
    return _load_shipped() if path is None else Model.load(path)
