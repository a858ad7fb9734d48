"""Scores of a model on labelled pages: how good it is, where, and on which pages not.

Two questions are asked of every labelled line. Which label does the model give it, and does
it put the line into the clean text? The second is what a user of the clean text sees, so it
is counted by characters too, compared with keeping everything, and broken down to the pages
that went most wrong, which a person can then open. The lines where label and model disagree
most are named as well: on pages of a well-read kind it is as often the label that is wrong.
Unlabelled and blank lines are left out of every number. report.py writes the scores.
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
from clutter.page import KEPT, keeps
from clutter.text import plural

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CALIBRATION_BINS = 15
"""Equal-width bins of probability in the calibration error."""


@dataclass(frozen=True)
class Score:
    """Precision, recall and their harmonic mean, each 0 where it is undefined;
    ``support`` is how much there is to find, in lines or in characters."""

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
class WorstPage:
    """A page and its characters that were ``kept`` or ``dropped`` wrongly; ``wrong`` is
    their sum and ``share`` its part of the page's labelled characters."""

    name: str
    wrong: int
    share: float
    kept: int
    dropped: int


@dataclass(frozen=True)
class Disagreement:
    """A line whose ``label`` the model doubts: its answer, ``guess``, with its probability
    and the label's. ``number`` counts the lines of the page's file, head lines too."""

    name: str
    number: int
    label: str
    guess: str
    guess_probability: float
    label_probability: float
    text: str


@dataclass(frozen=True)
class Scores:
    """How a model does on labelled pages.

    ``lines`` counts the labelled lines, which all numbers are about. ``by_label`` has
    an entry for every label, ``macro_f1`` is the mean F1 of those that occur, either
    in the pages or in the model's answers. ``kept_by_lines`` and ``kept_by_characters``
    score the choice of what to keep; ``wrong_characters`` is the share of the characters that
    are kept or dropped wrongly, from 0 to 1, and ``keep_everything`` the F1 by characters of
    keeping every line. ``confusion[i][j]`` counts the lines of true label ``labels[i]``
    that got ``labels[j]``. ``calibration_error`` is the expected calibration error of
    the probability of being kept (Guo et al., 2017, arXiv:1706.04599), from 0 to 1.
    ``by_language`` has "und" for pages that name no language. ``worst`` lists the pages
    with the most characters wrongly kept or dropped, the worst first; ``disagreements``
    the lines whose label the model finds least probable against its own answer.
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
    worst: list[WorstPage]
    disagreements: list[Disagreement]

    def as_dict(self) -> dict[str, Any]:
        """The scores as plain dictionaries, lists and numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Answers:
    """What the model said of every labelled line: one entry a line in each array."""

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
    keep: Collection[str] = KEPT,
    worst: int = 10,
    markup: Sequence[Markup] | None = None,
) -> Scores:
    """Score a model on labelled pages, listing at most ``worst`` pages and lines. With
    ``markup``, one entry a page, the pages are those of ``corpus.from_html``.

    Raises InputError where the pages hold no labelled line, where they or ``keep`` name
    a label that the model does not know, where a line holds a line break, or where ``worst``
    is negative.
    """
    if worst < 0:
        raise InputError(f"the number of worst pages cannot be negative, as {worst} is")
    labels = model.labels
    keep = tuple(dict.fromkeys(keep))
    _check_labels(keep, labels, "keep")
    answers = _ask(model, pages, markup, keep)
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
        worst=_worst(pages, answers, truly_kept, worst),
        disagreements=_disagreements(pages, answers, labels, worst),
    )


def share_wrong(truly_kept: Bools, kept: Bools, characters: Ints) -> float:
    """The share of the characters of lines that are kept or dropped wrongly, from 0 to 1. Each
    argument has one entry a line."""
    return float(characters[kept != truly_kept].sum() / characters.sum())


def calibration_error(probability: NDArray[np.float64], happened: Bools) -> float:
    """Expected calibration error: by how much the probabilities are off, on average.

    ``probability`` (lines) is sorted into 15 bins of equal width; the mean distance of a
    bin's average probability from the share of its lines for which it ``happened``
    (lines), weighted by the bin's lines (Guo et al., 2017, arXiv:1706.04599). At least
    one line is needed.
    """
    # bins are open below and closed above, as in the paper; 0 joins the first
    bins = np.clip(
        np.ceil(probability * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1
    )
    promised = np.bincount(bins, weights=probability, minlength=CALIBRATION_BINS)
    came_true = np.bincount(bins, weights=happened, minlength=CALIBRATION_BINS)
    # share of lines * |mean probability - share that happened|: the bin's count cancels
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
) -> _Answers:
    index = {label: i for i, label in enumerate(model.labels)} | {"?": -1, "": -1}
    columns = [index[label] for label in keep]
    parts: list[list[NDArray[Any]]] = []
    for page in pages:
        _check_labels(set(page.labels) - {"?", ""}, model.labels, page.name)
        if "\r" in page.text or page.text.count("\n") > max(len(page.lines) - 1, 0):
            raise InputError(f"{page.name}: a line holds a line break")
    texts = [page.text for page in pages]
    answers = model.label_many(texts) if markup is None else model.label_marked(texts, markup)
    for i, (page, answer) in enumerate(zip(pages, answers, strict=True)):
        every = np.array([index[label] for label in page.labels], np.int64)
        # the model answers for non-blank lines only; their numbers count from 1
        labelled = np.flatnonzero(every[answer.number - 1] >= 0)
        line = answer.number[labelled] - 1
        true = every[line]
        kept = keeps(answer.probabilities[labelled], keep)
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
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return _Answers(none, none, none, none, nothing, nothing, nothing, none > 0, none)
    return _Answers(*map(np.concatenate, zip(*parts, strict=True)))


def _scores(true: Any, guessed: Any, values: Any, weights: Ints | None = None) -> list[Score]:
    """The scores of each of some values that lines can have."""
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
    wrong, all_of_them = wrongly_kept + wrongly_dropped, by_page(np.ones_like(kept))
    order = np.argsort(-wrong, kind="stable")[:most]
    return [
        WorstPage(
            name=pages[i].name,
            wrong=int(wrong[i]),
            share=float(wrong[i] / all_of_them[i]),
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
