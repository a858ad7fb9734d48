"""The network of the teacher (teacher.py), in torch.

It reads what the shipped networks read, but in place of the vectors of n-grams the vector of each
line from a sentence model (multilingual-e5-small, Wang et al., 2024, arXiv:2402.05672), and it is
wider: residual convolutions over the lines (as clutter/network.py), means over the lines of a group
of markup, and attention among the lines (Vaswani et al., 2017, arXiv:1706.03762).

All pages of a step lie in one sequence, with a gap of empty lines after each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from clutter.features import N_LINE_FEATURES, Floats, Ints
from clutter.markup import MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup
from clutter.network import DILATIONS
from clutter.page import KINDS, LABELS

VECTOR_SIZE = 384
"""Size of the vectors of lines."""

HIDDEN, MARKUP_SIZE, KIND_SIZE, HEADS = 192, 32, 96, 4
ATTENDED = 400
"""Lines that can attend to each other: a longer page is cut into parts for that."""

GAP = 16
"""Empty lines after each page."""

STATE_DROPOUT, PAGE_DROPOUT, HASH_DROPOUT = 0.2, 0.1, 0.2
"""In training, the shares dropped: of the numbers of a state; of pages that lose all vectors, and
of pages that lose all hashes of markup; of these hashes."""


@dataclass(frozen=True)
class PageInput:
    """What the network reads of a page: ``vectors`` (lines, VECTOR_SIZE), ``line_features`` (lines,
    N_LINE_FEATURES), standardised, and its markup, None for plain text."""

    vectors: Floats
    line_features: Floats
    markup: Markup | None


@dataclass(frozen=True)
class Sequence:
    """Pages as one sequence of lines: the input of the network. ``sizes`` are the numbers of lines
    of each page and of the gap after it, ``place`` (lines of pages) the places in the sequence."""

    vectors: Tensor
    line_features: Tensor
    markup_features: Tensor
    hashes: Tensor
    first_hash: Tensor
    group: Tensor
    groups: int
    is_line: Tensor
    sizes: list[int]
    place: Ints


def sequence(pages: list[PageInput], rng: np.random.Generator | None = None) -> Sequence:
    """Join pages to a sequence; with ``rng``, parts are dropped at random, for training."""
    sizes = [size for page in pages for size in (len(page.vectors), GAP)]
    starts = np.cumsum([0, *sizes])[:-1:2].tolist()
    count = sum(sizes)
    place = np.concatenate(
        [np.arange(a, a + len(page.vectors)) for a, page in zip(starts, pages, strict=True)]
    )
    vectors = np.zeros((count, VECTOR_SIZE), np.float32)
    line_features = np.zeros((count, N_LINE_FEATURES), np.float32)
    markup_features = np.zeros((count, N_MARKUP_FEATURES + 1), np.float32)
    group = np.zeros(count, np.int64)
    hashes, per_line = [np.zeros(0, np.int64)], np.zeros(count, np.int64)
    groups = 1  # 0 is that of the gaps
    for a, page in zip(starts, pages, strict=True):
        b = a + len(page.vectors)
        if rng is None or rng.random() >= PAGE_DROPOUT:
            vectors[a:b] = page.vectors
        line_features[a:b] = page.line_features
        if page.markup is None:
            group[a:b] = np.arange(groups, groups + b - a)
            groups += b - a
            continue
        markup_features[a:b, :-1] = page.markup.features
        markup_features[a:b, -1] = 1
        names, number = np.unique(page.markup.group, return_inverse=True)
        group[a:b] = groups + number
        groups += names.size
        if rng is None or rng.random() >= PAGE_DROPOUT:
            hashes.append(page.markup.hashes.astype(np.int64))
            per_line[a:b] = np.diff(page.markup.first)
    all_hashes = np.concatenate(hashes)
    if rng is not None:
        kept = rng.random(all_hashes.size) >= HASH_DROPOUT
        per_line = np.bincount(np.repeat(np.arange(count), per_line)[kept], minlength=count)
        all_hashes = all_hashes[kept]
    is_line = np.zeros((count, 1), np.float32)
    is_line[place] = 1
    return Sequence(
        torch.from_numpy(vectors),
        torch.from_numpy(line_features),
        torch.from_numpy(markup_features),
        torch.from_numpy(all_hashes),
        torch.from_numpy(np.concatenate(([0], np.cumsum(per_line)))),
        torch.from_numpy(group),
        groups,
        torch.from_numpy(is_line),
        sizes,
        place,
    )


class _Convolution(nn.Module):
    def __init__(self, distance: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.convolution = nn.Conv1d(HIDDEN, HIDDEN, 3, dilation=distance, padding=distance)
        self.out = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, state: Tensor, lines: Sequence) -> Tensor:
        seen = self.norm(state) * lines.is_line
        seen = self.convolution(seen.t()[None])[0].t()
        return state + self.out(functional.gelu(seen))


class _GroupMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.value = nn.Linear(HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, state: Tensor, lines: Sequence) -> Tensor:
        value = functional.gelu(self.value(self.norm(state)))
        total = torch.zeros(lines.groups, HIDDEN, dtype=value.dtype)
        total = total.index_add(0, lines.group, value)
        size = torch.bincount(lines.group, minlength=lines.groups).clamp(min=1)
        return state + self.out((total / size[:, None].to(value.dtype))[lines.group])


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.all = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)
        self.second_norm = nn.LayerNorm(HIDDEN)
        self.inner = nn.Linear(HIDDEN, 2 * HIDDEN)
        self.second_out = nn.Linear(2 * HIDDEN, HIDDEN)

    def forward(self, state: Tensor, lines: Sequence) -> Tensor:
        parts = []
        for i, page in enumerate(self.all(self.norm(state)).split(lines.sizes)):
            if i % 2:  # a gap
                parts.append(page.new_zeros(len(page), HIDDEN))
                continue
            for part in page.split(ATTENDED):
                query, key, value = (
                    x[None] for x in part.view(len(part), 3, HEADS, -1).permute(1, 2, 0, 3)
                )
                found = functional.scaled_dot_product_attention(query, key, value)
                parts.append(found[0].transpose(0, 1).reshape(-1, HIDDEN))
        state = state + self.out(torch.cat(parts))
        inner = functional.gelu(self.inner(self.second_norm(state)))
        return state + self.second_out(inner)


class Teacher(nn.Module):
    """The network: ``forward`` gives scores, of the labels (lines, labels), of being main content
    (lines,) and of the kinds (pages, kinds), all of them before softmax and sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.of_vector = nn.Linear(VECTOR_SIZE, HIDDEN)
        self.of_features = nn.Linear(N_LINE_FEATURES, HIDDEN)
        self.of_markup = nn.Linear(N_MARKUP_FEATURES + 1 + MARKUP_SIZE, HIDDEN)
        self.markup_vectors = nn.EmbeddingBag(1 << MARKUP_HASH_BITS, MARKUP_SIZE, mode="sum")
        nn.init.normal_(self.markup_vectors.weight, std=0.05)
        self.norm = nn.LayerNorm(HIDDEN)
        self.convolutions = nn.ModuleList(map(_Convolution, DILATIONS))
        self.groups = nn.ModuleList([_GroupMean(), _GroupMean()])
        self.attention = _Attention()
        self.last_norm = nn.LayerNorm(HIDDEN)
        self.label = nn.Linear(HIDDEN, len(LABELS))
        self.main = nn.Linear(HIDDEN, 1)
        self.of_page = nn.Linear(HIDDEN, KIND_SIZE)
        self.kind = nn.Linear(2 * KIND_SIZE, len(KINDS))

    def forward(
        self, lines: Sequence, dropout: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        count = lines.first_hash[1:] - lines.first_hash[:-1]
        markup = self.markup_vectors(lines.hashes, lines.first_hash[:-1])
        markup = markup / count.clamp(min=1).sqrt()[:, None]
        markup = torch.cat((lines.markup_features, markup), 1)
        state = self.of_vector(8 * lines.vectors) + self.of_features(lines.line_features)
        state = functional.gelu(self.norm(state + self.of_markup(markup)))
        if dropout is not None:
            state = state * dropout[0]
        for i, convolution in enumerate(self.convolutions):
            state = convolution(state, lines)
            if i == 2:
                state = self.attention(self.groups[0](state, lines), lines)
        state = self.last_norm(self.groups[1](state, lines))
        if dropout is not None:
            state = state * dropout[1]
        seen = functional.gelu(self.of_page(state)).split(lines.sizes)[::2]
        pages = torch.stack([torch.cat((page.mean(0), page.max(0).values)) for page in seen])
        return self.label(state), self.main(state)[:, 0], self.kind(pages)


def dropout(lines: Sequence, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two masks for the states, for training."""
    shape = (len(lines.vectors), HIDDEN)
    first, last = (
        (rng.random(shape, np.float32) > STATE_DROPOUT) / np.float32(1 - STATE_DROPOUT)
        for _ in range(2)
    )
    return torch.from_numpy(first), torch.from_numpy(last)
