"""Scores of a model on labelled pages, and the pages and lines where it is worst.

Two things are measured for every labelled line: which label the model gives it, and whether the
model keeps it as title or body, before what the page repeats is left out. It is also counted by
characters and compared with keeping everything, and the worst pages are listed, for a person to
look at. The lines where label and model disagree most are listed too: on pages of a kind that the
model knows well, it is as often the label that is wrong. Unlabelled and blank lines do not count.
The kind of the page is scored too, on pages that name one, and the choice of main content against
reference texts, where there are any. report.py prints the scores.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from clutter.errors import InputError
from clutter.labelled import LabelledPage
from clutter.markup import Markup
from clutter.model import Model
from clutter.page import ARTICLE, KINDS, Page, keeps
from clutter.text import plural

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CALIBRATION_BINS = 15
"""Equal-width bins of probability in the calibration error."""


@dataclass(frozen=True)
class Score:
    """Precision, recall and their harmonic mean, each 0 if it is undefined. ``support`` is the
    number of true lines or characters."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class LanguageScores:
    """The main scores on the pages of one language."""

    pages: int
    lines: int
    accuracy: float
    macro_f1: float
    kept_by_lines: float
    kept_by_characters: float


@dataclass(frozen=True)
class KindScores:
    """How often the model finds the kind of a page: ``pages`` that name their kind, and
    ``accuracy`` on them. ``by_kind`` has an entry for every kind that occurs in the pages or in
    the model's answers; its ``support`` is a number of pages."""

    pages: int
    accuracy: float
    by_kind: dict[str, Score]


@dataclass(frozen=True)
class WorstPage:
    """A page with its number of characters ``kept`` or ``dropped`` wrongly. ``wrong`` is their
    sum, ``share`` its share of the page's labelled characters, from 0 to 1."""

    name: str
    wrong: int
    share: float
    kept: int
    dropped: int


@dataclass(frozen=True)
class Disagreement:
    """A line for which the model gives another label: ``guess`` instead of ``label``, each with
    the model's probability for it. ``number`` is the line number in the page's file, which
    includes head lines."""

    name: str
    number: int
    label: str
    guess: str
    guess_probability: float
    label_probability: float
    text: str


@dataclass(frozen=True)
class Scores:
    """The scores of a model on labelled pages.

    ``lines`` is the number of labelled lines; only these count. ``by_label`` has an entry for every
    label. ``macro_f1`` is the mean F1 of the labels that occur in the pages or in the model's
    answers. ``kept_by_lines`` and ``kept_by_characters`` score the choice of kept lines.
    ``wrong_characters`` is the share of the characters that are kept or dropped wrongly, from 0 to
    1, and ``keep_everything`` the F1 by characters of keeping every line. ``confusion[i][j]``
    counts the lines with true label ``labels[i]`` and answer ``labels[j]``. ``calibration_error``
    is the expected calibration error of the probability of being kept (Guo et al., 2017,
    arXiv:1706.04599), from 0 to 1. ``by_language`` has "und" for pages that name no language.
    ``kinds`` are the scores of the kinds of pages, None if no page names its kind.
    ``main_by_characters`` scores what the clean text holds by default against reference texts,
    headlines left out; None if no page has ``LabelledPage.main``. ``worst`` lists the pages with
    the most characters wrongly kept or dropped, the worst first. ``disagreements`` lists the lines
    where the probability of the model's answer exceeds that of the label most.
    """

    labels: tuple[str, ...]
    keep: tuple[str, ...]
    pages: int
    lines: int
    accuracy: float
    macro_f1: float
    by_label: dict[str, Score]
    kept_by_lines: Score
    kept_by_characters: Score
    wrong_characters: float
    keep_everything: float
    calibration_error: float
    confusion: list[list[int]]
    by_language: dict[str, LanguageScores]
    kinds: KindScores | None
    main_by_characters: Score | None
    worst: list[WorstPage]
    disagreements: list[Disagreement]

    def as_dict(self) -> dict[str, Any]:
        """The scores as plain dictionaries, lists and numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Answers:
    """The model's answers for all labelled lines. Each array has one entry per line."""

    page: Ints
    line: Ints
    true: Ints
    guessed: Ints
    true_probability: NDArray[np.float64]
    guess_probability: NDArray[np.float64]
    keep_probability: NDArray[np.float64]
    kept: Bools
    characters: Ints


def evaluate(
    model: Model,
    pages: Sequence[LabelledPage],
    keep: Collection[str] = ARTICLE,
    worst: int = 10,
    markup: Sequence[Markup] | None = None,
) -> Scores:
    """Score a model on labelled pages. At most ``worst`` pages and lines are listed. With
    ``markup``, one entry per page, the pages are those of ``corpus.from_html``.

    Raises InputError if the pages have no labelled line, if they or ``keep`` contain a label that
    the model does not have, if a line contains a line break, or if ``worst`` is negative.
    """
    if worst < 0:
        raise InputError(f"the number of worst pages cannot be negative: {worst}")
    labels = model.labels
    keep = tuple(dict.fromkeys(keep))
    _check_labels(keep, labels, "keep")
    answers, kinds, main = _ask(model, pages, markup, keep)
    if answers.true.size == 0:
        raise InputError(f"no labelled line in {plural(len(pages), 'page')}")
    kept, characters = answers.kept, answers.characters
    truly_kept = np.isin(answers.true, [labels.index(label) for label in keep])
    every = np.arange(len(labels))
    return Scores(
        labels=labels,
        keep=keep,
        pages=np.unique(answers.page).size,
        lines=answers.true.size,
        accuracy=float(accuracy_score(answers.true, answers.guessed)),
        macro_f1=_macro_f1(answers.true, answers.guessed),
        by_label=dict(zip(labels, _scores(answers.true, answers.guessed, every), strict=True)),
        kept_by_lines=_kept_score(truly_kept, kept),
        kept_by_characters=_kept_score(truly_kept, kept, characters),
        wrong_characters=share_wrong(truly_kept, kept, characters),
        keep_everything=_kept_score(truly_kept, np.ones_like(kept), characters).f1,
        calibration_error=calibration_error(answers.keep_probability, truly_kept),
        confusion=confusion_matrix(answers.true, answers.guessed, labels=every).tolist(),
        by_language=_by_language(pages, answers, truly_kept),
        kinds=_kind_scores(kinds),
        main_by_characters=_main_score(main),
        worst=_worst(pages, answers, truly_kept, worst),
        disagreements=_disagreements(pages, answers, labels, worst),
    )


def share_wrong(truly_kept: Bools, kept: Bools, characters: Ints) -> float:
    """The share of characters in lines that are kept or dropped wrongly, from 0 to 1. Each
    argument has one entry per line."""
    return float(characters[kept != truly_kept].sum() / characters.sum())


def calibration_error(probability: NDArray[np.float64], happened: Bools) -> float:
    """Expected calibration error: the average error of the probabilities.

    ``probability`` (lines) is sorted into 15 bins of equal width. The error of a bin is the
    difference between its mean probability and the share of its lines for which ``happened``
    (lines) is true. The result is the mean over the bins, weighted by their number of lines (Guo
    et al., 2017, arXiv:1706.04599). At least one line is needed.
    """
    # each bin includes its upper bound, as in the paper; 0 belongs to the first
    bins = np.clip(
        np.ceil(probability * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1
    )
    promised = np.bincount(bins, weights=probability, minlength=CALIBRATION_BINS)
    came_true = np.bincount(bins, weights=happened, minlength=CALIBRATION_BINS)
    # share of lines * |mean probability - share that happened|: the number of lines cancels
    return float(np.abs(promised - came_true).sum() / probability.size)


def _check_labels(labels: Collection[str], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(labels) - set(known))
    if unknown:
        raise InputError(
            f"{where}: the model has no label {unknown[0]!r}; it has {', '.join(known)}"
        )


def _ask(
    model: Model,
    pages: Sequence[LabelledPage],
    markup: Sequence[Markup] | None,
    keep: tuple[str, ...],
) -> tuple[_Answers, list[tuple[str, str]], Ints]:
    """The model's answers; the true kind and the model's for each page that names its kind; and for
    each line of which a reference text says whether it is main content, (lines, 3): whether it is,
    whether it is kept, and its number of characters."""
    index = {label: i for i, label in enumerate(model.labels)} | {"?": -1, "": -1}
    columns = [index[label] for label in keep]
    parts: list[list[NDArray[Any]]] = []
    kinds: list[tuple[str, str]] = []
    main = [np.zeros((0, 3), np.int64)]
    for page in pages:
        _check_labels(set(page.labels) - {"?", ""}, model.labels, page.name)
        if "\r" in page.text or page.text.count("\n") > max(len(page.lines) - 1, 0):
            raise InputError(f"{page.name}: a line holds a line break")
    texts = [page.text for page in pages]
    answers = model.label_many(texts) if markup is None else model.label_marked(texts, markup)
    for i, (page, answer) in enumerate(zip(pages, answers, strict=True)):
        every = np.array([index[label] for label in page.labels], np.int64)
        if page.kind:
            kinds.append((page.kind, answer.kind))
        if page.main:
            main.append(_main_answers(page, answer))
        # the model answers for non-blank lines only; their numbers count from 1
        labelled = np.flatnonzero(every[answer.number - 1] >= 0)
        line = answer.number[labelled] - 1
        true = every[line]
        kept = keeps(answer.probabilities[labelled], answer.main[labelled], keep)
        probabilities = answer.probabilities[labelled].astype(np.float64)
        rows = np.arange(line.size)
        guessed = probabilities.argmax(axis=1)
        parts.append(
            [
                np.full(line.size, i, np.int64),
                line,
                true,
                guessed,
                probabilities[rows, true],
                probabilities[rows, guessed],
                probabilities[:, columns].sum(axis=1),
                kept,
                (answer.end - answer.start)[labelled],
            ]
        )
    if not parts:
        ints, floats = np.zeros(0, np.int64), np.zeros(0)
        parts.append([ints, ints, ints, ints, floats, floats, floats, ints > 0, ints])
    answers_of_all = _Answers(*map(np.concatenate, zip(*parts, strict=True)))
    return answers_of_all, kinds, np.concatenate(main)


def _main_answers(page: LabelledPage, answer: Page) -> Ints:
    """The last of the answers of ``_ask`` for one page. Headlines do not count: references often
    leave them out, but they are main content."""
    stated = np.array(page.main, np.int64)[answer.number - 1]
    is_title = np.array([label == "title" for label in page.labels])[answer.number - 1]
    rows = np.flatnonzero((stated >= 0) & ~is_title)
    kept = keeps(answer.probabilities, answer.main)
    return np.stack([stated[rows], kept[rows], (answer.end - answer.start)[rows]], axis=1)


def _kind_scores(kinds: Sequence[tuple[str, str]]) -> KindScores | None:
    if not kinds:
        return None
    true, guessed = zip(*kinds, strict=True)
    there = [kind for kind in KINDS if kind in true + guessed]
    by_kind = dict(zip(there, _scores(true, guessed, there), strict=True))
    return KindScores(len(kinds), float(accuracy_score(true, guessed)), by_kind)


def _main_score(main: Ints) -> Score | None:
    if not len(main):
        return None
    return _kept_score(main[:, 0] > 0, main[:, 1] > 0, main[:, 2])


def _scores(true: Any, guessed: Any, values: Any, weights: Ints | None = None) -> list[Score]:
    """The score of each of ``values``."""
    columns = precision_recall_fscore_support(
        true, guessed, labels=values, sample_weight=weights, zero_division=0
    )
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    return [Score(precision, recall, f1, int(support)) for precision, recall, f1, support in rows]


def _macro_f1(true: Ints, guessed: Ints) -> float:
    return float(f1_score(true, guessed, average="macro", zero_division=0))


def _kept_score(truly_kept: Bools, kept: Bools, weights: Ints | None = None) -> Score:
    return _scores(truly_kept, kept, [True], weights)[0]


def _by_language(
    pages: Sequence[LabelledPage], answers: _Answers, truly_kept: Bools
) -> dict[str, LanguageScores]:
    names = sorted({page.lang for page in pages})
    order = {name: i for i, name in enumerate(names)}
    language = np.array([order[page.lang] for page in pages])[answers.page]
    scores = {}
    for i, name in enumerate(names):
        rows = np.flatnonzero(language == i)
        if rows.size == 0:
            continue
        true, guessed, characters = answers.true[rows], answers.guessed[rows], answers.characters
        kept = truly_kept[rows], answers.kept[rows]
        scores[name] = LanguageScores(
            pages=np.unique(answers.page[rows]).size,
            lines=rows.size,
            accuracy=float(accuracy_score(true, guessed)),
            macro_f1=_macro_f1(true, guessed),
            kept_by_lines=_kept_score(*kept).f1,
            kept_by_characters=_kept_score(*kept, characters[rows]).f1,
        )
    return scores


def _worst(
    pages: Sequence[LabelledPage], answers: _Answers, truly_kept: Bools, most: int
) -> list[WorstPage]:
    def by_page(counted: Bools) -> Ints:
        weights = answers.characters * counted
        return np.bincount(answers.page, weights, minlength=len(pages)).astype(np.int64)

    kept = answers.kept
    wrongly_kept, wrongly_dropped = by_page(kept & ~truly_kept), by_page(truly_kept & ~kept)
    wrong, size = wrongly_kept + wrongly_dropped, by_page(np.ones_like(kept))
    order = np.argsort(-wrong, kind="stable")[:most]
    return [
        WorstPage(
            name=pages[i].name,
            wrong=int(wrong[i]),
            share=float(wrong[i] / size[i]),
            kept=int(wrongly_kept[i]),
            dropped=int(wrongly_dropped[i]),
        )
        for i in order.tolist()
        if wrong[i]
    ]


def _disagreements(
    pages: Sequence[LabelledPage], answers: _Answers, labels: tuple[str, ...], most: int
) -> list[Disagreement]:
    gap = answers.guess_probability - answers.true_probability
    disagreements = []
    for row in np.argsort(-gap, kind="stable")[:most].tolist():
        if gap[row] <= 0:
            break
        page, line = pages[answers.page[row]], int(answers.line[row])
        disagreements.append(
            Disagreement(
                name=page.name,
                number=page.first + line,
                label=labels[answers.true[row]],
                guess=labels[answers.guessed[row]],
                guess_probability=float(answers.guess_probability[row]),
                label_probability=float(answers.true_probability[row]),
                text=page.lines[line],
            )
        )
    return disagreements
