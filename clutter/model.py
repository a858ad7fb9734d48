"""The inference module: weights and the forward pass, in numpy alone.

The network reads a page as a sequence of lines. Each line enters as the mean of
its n-grams' learned vectors and its shape (features.py). Convolutions over the
lines, at distances from 1 to 32, let a line see its neighbours (dilated
convolutions after Yu and Koltun, 2016, arXiv:1511.07122, with residual sums after
He et al., 2016, arXiv:1512.03385); running means from the page's top and from its
end let it see the whole page. A softmax gives the probability of each label.

N-gram vectors summed by hash are fastText's idea (Bojanowski et al., 2017,
arXiv:1607.04606).
"""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from clutter import features
from clutter.features import N_SHAPE, Features, Floats, Ints
from clutter.markup import CUE_NAMES, MARK_BITS, N_CUES, Markup, joined
from clutter.page import LABELS, Page

if TYPE_CHECKING:
    from clutter.html import HtmlError, HtmlPage, HtmlText

FORMAT = 2
"""Version of the model file; another one is refused. It grows with every change to what
the arrays mean, and so with every change to what features.py computes."""

DILATIONS = (1, 2, 4, 8, 16, 32)
"""Distances, in lines, that the convolutions look over."""

BLOCKS = (
    ("conv", 0),
    ("conv", 1),
    ("conv", 2),
    ("mean", 0),
    ("conv", 3),
    ("conv", 4),
    ("conv", 5),
    ("mean", 1),
)
"""The residual blocks in order."""

CHUNK = 32768
"""Characters whose n-grams are summed at a time, so that the arrays stay in cache."""

GROUP = 65536
"""Characters of pages that go through the network together."""

BATCH = 1 << 17
"""Characters of pages that ``label_many`` takes together."""

_PIECE = 64
"""Positions whose n-grams are summed in 16 bits; see ``line_vectors``."""

Weights = Mapping[str, Floats]


class ModelError(ValueError):
    """A model file that cannot be used, and why."""


def weight_shapes(
    vector: int, marks: int, hidden: int, summary: int, labels: int
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of a network but the tables. One for text only has no
    ``marks``."""
    beside = marks + N_CUES + 1 if marks else 0
    shapes: dict[str, tuple[int, ...]] = {
        "in_w": (vector + N_SHAPE + beside, hidden),
        "in_b": (hidden,),
        "out_w": (hidden, labels),
        "out_b": (labels,),
    }
    for kind, i in BLOCKS:
        if kind == "conv":
            shapes |= {f"conv{i}_w": (3 * hidden, hidden), f"conv{i}_b": (hidden,)}
        else:
            shapes |= {f"mean{i}_u": (hidden, summary), f"mean{i}_c": (summary,)}
            shapes |= {f"mean{i}_w": (2 * summary, hidden), f"mean{i}_b": (hidden,)}
    return shapes


class Layout:
    """Where each line stands in its section: what the forward pass and its gradient share."""

    def __init__(self, sections: Ints) -> None:
        sizes = np.diff(sections)
        self.sections = sections
        self.section = np.repeat(np.arange(sizes.size), sizes)
        index = np.arange(self.section.size) - sections[self.section]
        left = sizes[self.section] - 1 - index
        self.before = (index + 1).astype(np.float32)[:, None]
        self.after = (left + 1).astype(np.float32)[:, None]
        # lines that have no neighbour at a distance above or below them
        self.top = {d: np.flatnonzero(index < d) for d in DILATIONS}
        self.bottom = {d: np.flatnonzero(left < d) for d in DILATIONS}


def neighbours(h: Floats, distance: int, layout: Layout) -> Floats:
    """Each line's state between those of the lines ``distance`` above and below; zeros
    where there is none. (lines, hidden) -> (lines, 3 * hidden)"""
    count, hidden = h.shape
    out = np.empty((count, 3 * hidden), h.dtype)
    out[distance:, :hidden] = h[:-distance]
    out[layout.top[distance], :hidden] = 0
    out[:, hidden : 2 * hidden] = h
    out[:-distance, 2 * hidden :] = h[distance:]
    out[layout.bottom[distance], 2 * hidden :] = 0
    return out


def running_means(u: Floats, layout: Layout) -> Floats:
    """Mean of the section's lines from its top to each line, and from each line to its
    end. (lines, n) -> (lines, 2 * n)"""
    # in double precision, so that the pages before in the batch leave no trace
    total = np.zeros((u.shape[0] + 1, u.shape[1]))
    np.cumsum(u, axis=0, dtype=np.float64, out=total[1:])
    begin = total[layout.sections][layout.section]
    end = total[layout.sections[1:]][layout.section]
    out = np.empty((u.shape[0], 2 * u.shape[1]), u.dtype)
    out[:, : u.shape[1]] = (total[1:] - begin) / layout.before
    out[:, u.shape[1] :] = (end - total[:-1]) / layout.after
    return out


def forward(
    weights: Weights,
    x: Floats,
    layout: Layout,
    tape: list[tuple[Floats, ...]] | None = None,
    dropout: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Probabilities (lines, labels) from each line's vector and shape, ``x``, and what its
    markup adds to them; without that, ``x`` is so much narrower.

    Training hands in a ``tape``, which collects what each layer saw, and two
    ``dropout`` masks, one for the first state and one for the last.
    """
    h = x @ weights["in_w"][: x.shape[1]]
    h += weights["in_b"]
    np.maximum(h, 0, out=h)
    if dropout is not None:
        h *= dropout[0]
    if tape is not None:
        tape.append((x, h))
    for kind, i in BLOCKS:
        if kind == "conv":
            seen = neighbours(h, DILATIONS[i], layout)
            found = seen @ weights[f"conv{i}_w"]
            record: tuple[Floats, ...] = (seen,)
        else:
            summary = h @ weights[f"mean{i}_u"]
            summary += weights[f"mean{i}_c"]
            np.maximum(summary, 0, out=summary)
            seen = running_means(summary, layout)
            found = seen @ weights[f"mean{i}_w"]
            record = (seen, h, summary)
        found += weights[f"{kind}{i}_b"]
        np.maximum(found, 0, out=found)
        if tape is None:
            h += found
        else:
            tape.append((*record, found))
            h = h + found
    if dropout is not None:
        h = h * dropout[1]
    if tape is not None:
        tape.append((h,))
    z = h @ weights["out_w"]
    z += weights["out_b"]
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def quantised(table: Floats, scale: Floats | None = None) -> tuple[NDArray[np.int8], Floats]:
    """An n-gram table in 8 bits a number, with the scale of each column. On a given
    ``scale``, what lies beyond it is cut, and what was rounded on it before stays itself."""
    if scale is None:
        scale = (np.maximum(np.abs(table).max(axis=0), 1e-12) / np.float32(127)).astype(np.float32)
    return np.rint(table / scale).clip(-127, 127).astype(np.int8), scale


def line_vectors(packed: NDArray[np.uint64], scale: Floats, found: Features) -> Floats:
    """Sum of each line's n-gram vectors over the square root of how many there are:
    (lines, vector).

    ``packed`` (buckets, vector / 4) holds four numbers of 0 to 255, the table's with 128
    added, in the four 16-bit lanes of each integer. One integer addition adds all four,
    exactly, as long as no more than 64 positions of four n-grams are added (64 * 4 * 255
    stays below 2**16); longer lines are added up in pieces.
    """
    count = found.first.size - 1
    vector = 4 * packed.shape[1]
    if count == 0:
        return np.zeros((0, vector), np.float32)
    positions = np.diff(found.first)
    pieces = (positions + _PIECE - 1) // _PIECE
    behind = np.cumsum(pieces)
    nth = np.arange(behind[-1]) - np.repeat(behind - pieces, pieces)
    start = np.repeat(found.first[:-1], pieces) + _PIECE * nth
    cuts = np.unique(np.searchsorted(start, np.arange(0, start[-1] + 1, CHUNK)))
    cuts = np.append(cuts, start.size)
    stops = np.append(start, found.first[-1])[cuts]
    sums = np.empty((start.size, packed.shape[1]), np.uint64)
    size = int(np.diff(stops).max())
    total, extra = np.empty((2, size, packed.shape[1]), np.uint64)
    for i in range(cuts.size - 1):
        begin, stop = stops[i], stops[i + 1]
        part, more = total[: stop - begin], extra[: stop - begin]
        packed.take(found.buckets[0, begin:stop], axis=0, out=part, mode="clip")
        for order in range(1, found.buckets.shape[0]):
            packed.take(found.buckets[order, begin:stop], axis=0, out=more, mode="clip")
            part += more
        a, b = cuts[i], cuts[i + 1]
        np.add.reduceat(part, start[a:b] - begin, axis=0, out=sums[a:b])
    lanes = sums.view(np.uint16)
    if start.size > count:
        lanes = np.add.reduceat(lanes, behind - pieces, axis=0, dtype=np.int32)
    grams = (positions * found.buckets.shape[0])[:, None]
    out = lanes.astype(np.float32)
    out -= (128 * grams).astype(np.float32)
    out *= scale
    out /= np.sqrt(grams, dtype=np.float32)
    return out


def mark_vectors(table: NDArray[np.int8], scale: Floats, markup: Markup) -> Floats:
    """Sum of each line's markup vectors over the square root of how many there are:
    (lines, marks)."""
    counts = np.diff(markup.first)
    out = np.zeros((counts.size, table.shape[1]), np.float32)
    some = np.flatnonzero(counts)
    if some.size:
        rows = table.take(markup.buckets, axis=0, mode="clip").astype(np.int32)
        out[some] = np.add.reduceat(rows, markup.first[some], axis=0)
        out *= scale
        out /= np.sqrt(np.maximum(counts, 1), dtype=np.float32)[:, None]
    return out


class Model:
    """A labelling model: safe to share between threads, since nothing in it changes.

    ``table`` (2**18, vector) int8 holds the n-gram vectors, to be multiplied with
    ``scale`` (vector,); ``marks`` (2**15, marks) int8 and ``marks_scale`` are the same for
    markup; ``weights`` are the other arrays; ``about`` says what the model was trained on
    and how it scores. ``vector`` is a multiple of 4, ``marks`` 0 in a network for text only.
    ``html`` is the model for pages of HTML, where that is another network than the one for
    plain text; its file lies beside the other's, NAME.html.safetensors, and is read when it
    is first asked for.
    """

    def __init__(
        self,
        table: NDArray[np.int8],
        scale: Floats,
        marks: NDArray[np.int8],
        marks_scale: Floats,
        weights: Weights,
        about: Mapping[str, Any] | None = None,
        html: Model | None = None,
    ) -> None:
        self._html = html
        self._html_file: Path | None = None
        self.table = table
        self.scale = scale
        self.marks = marks
        self.marks_scale = marks_scale
        self._packed = (table.astype(np.uint16) + np.uint16(128) & np.uint16(255)).view(np.uint64)
        self.weights = weights
        self.about = dict(about or {})
        self.labels = LABELS

    @property
    def html(self) -> Model | None:
        """The model for pages of HTML; None where this one is for both. Raises ModelError where
        its file is not usable."""
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
            if size >= BATCH:
                yield from self._label_batch(batch)
                batch, size = [], 0
        if batch:
            yield from self._label_batch(batch)

    def label_html(self, html: str | bytes, encoding: str | None = None) -> HtmlPage:
        """Label the lines that a reader of an HTML page sees; needs the extra clutter[html].

        ``encoding`` is what the HTTP header says of bytes. Raises HtmlError (a ValueError)
        for what is no text, such as a PDF; LookupError for an unknown encoding; ImportError
        without the extra.
        """
        return _good(next(self.try_html([(html, encoding)])))

    def label_html_many(self, pages: Iterable[str | bytes]) -> Iterator[HtmlPage]:
        """Label pages of HTML, in order, reading ahead by a batch of about 130,000 characters
        of their text. Raises what ``label_html`` does, at the page that it cannot read."""
        return map(_good, self.try_html((html, None) for html in pages))

    def try_html(
        self, pages: Iterable[tuple[str | bytes, str | None]]
    ) -> Iterator[HtmlPage | HtmlError | LookupError]:
        """Label pages of HTML, each given with its encoding or None, as ``label_html_many``; in
        place of one that cannot be read comes the error. Raises ImportError."""
        from clutter.html import HtmlError, HtmlPage, HtmlText, read

        Found = tuple[str | bytes, HtmlText] | HtmlError | LookupError

        def labelled(batch: list[Found]) -> Iterator[HtmlPage | HtmlError | LookupError]:
            good = [found for found in batch if isinstance(found, tuple)]
            pages = self._label_sources([source for _, source in good])
            for found in batch:
                if isinstance(found, tuple):
                    yield HtmlPage(next(pages), found[1], found[0])
                else:
                    yield found

        batch: list[Found] = []
        size = 0
        for html, encoding in pages:
            try:
                source = read(html, encoding)
                batch.append((html, source))
                size += len(source.text)
            except (HtmlError, LookupError) as error:
                batch.append(error)
            size += 64
            if size >= BATCH:
                yield from labelled(batch)
                batch, size = [], 0
        yield from labelled(batch)

    def _label_sources(self, sources: Sequence[HtmlText]) -> Iterator[Page]:
        # what has no tag at all is read as the plain text that it is
        groups = itertools.groupby(sources, key=lambda source: source.markup.buckets.size > 0)
        for is_marked, group in groups:
            some = list(group)
            texts = [source.text for source in some]
            if is_marked:
                yield from self.label_marked(texts, [source.markup for source in some])
            else:
                yield from self._label_batch(texts)

    def label_marked(self, texts: Sequence[str], markup: Sequence[Markup]) -> Iterator[Page]:
        """Label pages of which html.py has found the text and, for each of its lines, blank
        ones too, the markup; by their text alone where the model has learned no markup."""
        network = self.html or self
        yield from network._label_batch(texts, markup if network.marks.shape[1] else None)

    def _label_batch(
        self, texts: Sequence[str], markup: Sequence[Markup] | None = None
    ) -> Iterator[Page]:
        if not texts:
            return
        pages = features.split(texts)
        lines = pages.lines
        marks = None
        if markup is not None:
            bounds = itertools.pairwise(pages.first.tolist())
            marks = joined(
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
            stop = int(np.searchsorted(weight, spent + GROUP)) + 1
            stop = min(max(stop, group + 1), lines.sections.size - 1)
            a, b = lines.sections[group], lines.sections[stop]
            part = None if marks is None else marks.take(np.arange(a, b))
            probabilities[a:b] = self.probabilities(lines.part(group, stop), part)
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

    def probabilities(self, lines: features.Lines, markup: Markup | None = None) -> Floats:
        """Probabilities (lines, labels) of lines that features.py has found."""
        found = features.features(lines)
        return forward(self.weights, self.inputs(found, markup), Layout(found.sections))

    def inputs(self, found: Features, markup: Markup | None = None) -> Floats:
        """What enters the network for each line: (lines, vector + N_SHAPE), and with markup
        (lines, vector + N_SHAPE + marks + N_CUES + 1)."""
        shape = found.shape - self.weights["shape_mean"]
        shape *= self.weights["shape_scale"]
        np.clip(shape, -5, 5, out=shape)
        parts = [line_vectors(self._packed, self.scale, found), shape]
        if markup is not None:
            there = np.ones((len(shape), 1), np.float32)
            parts += [mark_vectors(self.marks, self.marks_scale, markup), markup.cues, there]
        return np.concatenate(parts, axis=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a ``.safetensors`` file, whole or not at all, and its network for
        HTML, where it has one, to another beside it."""
        from clutter.labelled import replacing  # which inference does without

        if self.html is not None:
            self.html.save(_html_file(path))
        else:  # one of a model that stood here before would be taken for this one's
            _html_file(path).unlink(missing_ok=True)
        header = {
            "format": FORMAT,
            "labels": list(self.labels),
            "features": _feature_settings(),
            "about": self.about,
        }
        arrays = {
            "ngrams": self.table,
            "ngrams_scale": self.scale,
            "marks": self.marks,
            "marks_scale": self.marks_scale,
            **{name: np.ascontiguousarray(array) for name, array in self.weights.items()},
        }
        text = json.dumps(header, ensure_ascii=False, sort_keys=True)
        data = safetensors.numpy.save(arrays, metadata={"clutter": text})
        with replacing(path) as file:
            file.write(data)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model:
        """Read a model file.

        Raises ModelError where the file is not a clutter model, is damaged, or was
        written by another version of the format; OSError where it cannot be read.
        """
        name = os.fspath(path)
        data = Path(path).read_bytes()
        try:
            arrays = safetensors.numpy.load(data)
            # the library's reader of bytes gives the arrays only: the header is JSON
            # behind its own length, 8 bytes, little-endian
            length = int.from_bytes(data[:8], "little")
            header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clutter"])
            if not isinstance(header, dict):
                raise TypeError("the header is not an object")
        except (KeyError, TypeError):
            raise ModelError(f"{name}: a safetensors file, but not a clutter model") from None
        except Exception as error:  # the reader raises its own kinds for each sort of damage
            raise ModelError(f"{name}: not a model file, or a damaged one ({error})") from None
        if header.get("format") != FORMAT:
            raise ModelError(
                f"{name}: format {header.get('format')!r}; this version reads format {FORMAT}"
            )
        if header.get("features") != _feature_settings():
            raise ModelError(f"{name}: made with other features than this version computes")
        labels = header.get("labels")
        if labels != list(LABELS):
            raise ModelError(f"{name}: other labels than {', '.join(LABELS)}")
        about = header.get("about")
        if not isinstance(about, dict):
            raise ModelError(f"{name}: the header does not say what the model is about")
        _check_arrays(name, arrays)
        table, scale = arrays.pop("ngrams"), arrays.pop("ngrams_scale")
        marks, marks_scale = arrays.pop("marks"), arrays.pop("marks_scale")
        model = Model(table, scale, marks, marks_scale, arrays, about)
        if _html_file(path).exists():
            model._html_file = _html_file(path)
        return model


def _good(found: HtmlPage | HtmlError | LookupError) -> HtmlPage:
    if isinstance(found, Exception):
        raise found
    return found


def _html_file(path: str | os.PathLike[str]) -> Path:
    """Where the network for HTML lies whose model is this file."""
    file = Path(path)
    return file.with_name(file.name.removesuffix(".safetensors") + ".html.safetensors")


def _feature_settings() -> dict[str, Any]:
    return {
        "orders": list(features.ORDERS),
        "bucket_bits": features.BUCKET_BITS,
        "shape": list(features.SHAPE_NAMES),
        "mark_bits": MARK_BITS,
        "cues": CUE_NAMES,
    }


def _check_arrays(name: str, arrays: dict[str, NDArray[Any]]) -> None:
    def size(array: str, axis: int) -> int:
        return arrays[array].shape[axis] if arrays[array].ndim > axis else 0

    def refuse(array: str, reason: str) -> NoReturn:
        raise ModelError(f"{name}: array {array!r} {reason}")

    tables = ["ngrams", "ngrams_scale", "marks", "marks_scale"]
    for array in [*weight_shapes(0, 0, 0, 0, 0), "shape_mean", "shape_scale", *tables]:
        if array not in arrays:
            refuse(array, "is missing")
    vector, hidden, summary = size("ngrams", 1), size("in_w", 1), size("mean0_u", 1)
    if vector % 4:
        raise ModelError(f"{name}: n-gram vectors of {vector} numbers, not a multiple of 4")
    marks = size("marks", 1)
    shapes = weight_shapes(vector, marks, hidden, summary, len(LABELS))
    shapes |= {"marks": (1 << MARK_BITS, marks), "marks_scale": (marks,)}
    shapes |= {"shape_mean": (N_SHAPE,), "shape_scale": (N_SHAPE,)}
    shapes |= {"ngrams": (1 << features.BUCKET_BITS, vector), "ngrams_scale": (vector,)}
    for array, shape in shapes.items():
        found = arrays[array]
        kind = np.dtype(np.int8 if array in ("ngrams", "marks") else np.float32)
        if found.shape != shape or found.dtype != kind:
            refuse(array, f"is {found.dtype} {found.shape}, not {kind} {shape}")
        if not np.isfinite(found).all():
            refuse(array, "holds numbers that are not finite")
    extra = sorted(set(arrays) - set(shapes))
    if extra:
        refuse(extra[0], "is not part of the format")


def _shipped() -> Path:
    """The shipped model: inside the installed package, or in the repository beside it."""
    here = Path(__file__).resolve().parent
    inside = here / "models" / "default.safetensors"
    return inside if inside.exists() else here.parent / "models" / "default.safetensors"


@functools.cache
def _load_shipped() -> Model:
    return Model.load(_shipped())


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load a model file, or, without one, the shipped model (kept after the first call).

    Raises ModelError where the file is not a usable model, OSError where it cannot be
    read.
    """
    return _load_shipped() if path is None else Model.load(path)
