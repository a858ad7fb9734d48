"""Scores of a model on labelled pages: how good it is, where, and on which pages not.

Two questions are asked of every labelled line. Which label does the model give it,
and does it put the line into the clean text? The second is what a user of the clean
text sees, so it is counted by characters too, set against the yardstick of keeping
everything, and broken down to the pages that went most wrong, which a person can
then open. The lines where label and model disagree most are named as well: on pages of a
well-read kind it is as often the label that is wrong. Unlabelled and blank lines are left
out of every number.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clutter import corpus
from clutter.labelled import LabelledPage, read_all
from clutter.markup import Markup
from clutter.model import Model, load
from clutter.page import KEPT, LABELS, Page

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BINS = 15
"""Equal-width bins of probability in the calibration error."""

THRESHOLD = 0.5
"""A line is kept where the probabilities of the kept labels together reach this."""


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
    score the choice of what to keep; ``keep_everything`` is the F1 by characters of
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

    Raises ValueError where the pages hold no labelled line, where they or ``keep`` name
    a label that the model does not know, or where a line holds a line break.
    """
    labels = model.labels
    keep = tuple(dict.fromkeys(keep))
    _check_labels(keep, labels, "keep")
    answers = _ask(model, pages, markup, keep)
    if answers.true.size == 0:
        raise ValueError(f"no labelled line in {_count(len(pages), 'page')}")
    confusion = _confusion(answers.true, answers.guessed, len(labels))
    truly_kept = np.isin(answers.true, [labels.index(label) for label in keep])
    kept = answers.keep_probability >= THRESHOLD
    kept_by_characters = _kept_score(truly_kept, kept, answers.characters)
    everything = _kept_score(truly_kept, np.ones_like(kept), answers.characters)
    return Scores(
        labels=labels,
        keep=keep,
        pages=np.unique(answers.page).size,
        lines=answers.true.size,
        accuracy=_accuracy(confusion),
        macro_f1=_macro_f1(confusion),
        by_label=dict(zip(labels, _scores(confusion), strict=True)),
        kept_by_lines=_kept_score(truly_kept, kept, np.ones_like(answers.characters)),
        kept_by_characters=kept_by_characters,
        keep_everything=everything.f1,
        calibration_error=calibration_error(answers.keep_probability, truly_kept),
        confusion=confusion.tolist(),
        by_language=_by_language(pages, answers, truly_kept, kept, len(labels)),
        worst=_worst(pages, answers, truly_kept, kept, worst),
        disagreements=_disagreements(pages, answers, labels, worst),
    )


def calibration_error(probability: NDArray[np.float64], happened: Bools) -> float:
    """Expected calibration error: by how much the probabilities are off, on average.

    ``probability`` (lines) is sorted into 15 bins of equal width; the mean distance of a
    bin's average probability from the share of its lines for which it ``happened``
    (lines), weighted by the bin's lines (Guo et al., 2017, arXiv:1706.04599). At least
    one line is needed.
    """
    # bins are open below and closed above, as in the paper; 0 joins the first
    bins = np.clip(np.ceil(probability * BINS).astype(np.int64) - 1, 0, BINS - 1)
    promised = np.bincount(bins, weights=probability, minlength=BINS)
    found = np.bincount(bins, weights=happened, minlength=BINS)
    # share of lines * |mean probability - share that happened|: the bin's count cancels
    return float(np.abs(promised - found).sum() / probability.size)


def _check_labels(found: Collection[str], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ValueError(
            f"{where}: the model has no label {unknown[0]!r}; it has {', '.join(known)}"
        )


def _answers(
    model: Model, pages: Sequence[LabelledPage], markup: Sequence[Markup] | None
) -> Iterator[Page]:
    texts = [page.text for page in pages]
    return model.label_many(texts) if markup is None else model.label_marked(texts, markup)


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
            raise ValueError(f"{page.name}: a line holds a line break")
    for i, (page, answer) in enumerate(zip(pages, _answers(model, pages, markup), strict=True)):
        every = np.array([index[label] for label in page.labels], np.int64)
        # the model answers for non-blank lines only; their numbers count from 1
        labelled = np.flatnonzero(every[answer.number - 1] >= 0)
        line = answer.number[labelled] - 1
        true = every[line]
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
                (answer.end - answer.start)[labelled],
            ]
        )
    if not parts:
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return _Answers(none, none, none, none, nothing, nothing, nothing, none)
    return _Answers(*map(np.concatenate, zip(*parts, strict=True)))


def _confusion(true: Ints, guessed: Ints, labels: int, weights: Ints | None = None) -> Ints:
    cells = np.bincount(true * labels + guessed, weights=weights, minlength=labels * labels)
    return cells.reshape(labels, labels).astype(np.int64)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    out = np.zeros(part.shape)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def _scores(confusion: Ints) -> list[Score]:
    right, found, there = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    columns = [_ratio(right, found), _ratio(right, there), _ratio(2 * right, found + there), there]
    return [Score(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _accuracy(confusion: Ints) -> float:
    return float(confusion.trace() / confusion.sum())


def _macro_f1(confusion: Ints) -> float:
    occurs = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    f1 = np.array([score.f1 for score in _scores(confusion)])
    return float(f1[occurs].mean())


def _kept_score(truly_kept: Bools, kept: Bools, weights: Ints) -> Score:
    confusion = _confusion(truly_kept.astype(np.int64), kept.astype(np.int64), 2, weights)
    return _scores(confusion)[1]


def _by_language(
    pages: Sequence[LabelledPage], answers: _Answers, truly_kept: Bools, kept: Bools, labels: int
) -> dict[str, LanguageScores]:
    names = sorted({page.lang for page in pages})
    order = {name: i for i, name in enumerate(names)}
    language = np.array([order[page.lang] for page in pages])[answers.page]
    found = {}
    for i, name in enumerate(names):
        rows = np.flatnonzero(language == i)
        if rows.size == 0:
            continue
        confusion = _confusion(answers.true[rows], answers.guessed[rows], labels)
        characters = answers.characters[rows]
        found[name] = LanguageScores(
            pages=np.unique(answers.page[rows]).size,
            lines=rows.size,
            accuracy=_accuracy(confusion),
            macro_f1=_macro_f1(confusion),
            kept_by_lines=_kept_score(truly_kept[rows], kept[rows], np.ones_like(characters)).f1,
            kept_by_characters=_kept_score(truly_kept[rows], kept[rows], characters).f1,
        )
    return found


def _worst(
    pages: Sequence[LabelledPage], answers: _Answers, truly_kept: Bools, kept: Bools, most: int
) -> list[WorstPage]:
    def by_page(counted: Bools) -> Ints:
        weights = answers.characters * counted
        return np.bincount(answers.page, weights, minlength=len(pages)).astype(np.int64)

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
    found = []
    for row in np.argsort(-gap, kind="stable")[:most].tolist():
        if gap[row] <= 0:
            break
        page, line = pages[answers.page[row]], int(answers.line[row])
        found.append(
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
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text with aligned columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]


def _left_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text with all columns to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _excerpt(text: str) -> str:
    """A line's beginning, without what a terminal would obey."""
    plain = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in plain[:60])
    return shown + ("..." if len(plain) > 60 else "")


def _number(value: float) -> str:
    return f"{value:.3f}"


def format_text(scores: Scores) -> str:
    """The scores as a report to read, ending in a newline."""
    kept = " or ".join(scores.keep)
    out = [f"{_count(scores.pages, 'page')}, {_count(scores.lines, 'labelled line')}", ""]
    out += _table(
        [
            ("accuracy", _number(scores.accuracy)),
            ("macro F1", _number(scores.macro_f1)),
            ("calibration error of kept or dropped", _number(scores.calibration_error)),
        ]
    )
    out += ["", f"Kept ({kept}) or dropped"]
    header = ("", "precision", "recall", "F1")
    choices = (("lines", scores.kept_by_lines), ("characters", scores.kept_by_characters))
    out += _table(
        [
            header,
            *(
                (f"by {name}", _number(score.precision), _number(score.recall), _number(score.f1))
                for name, score in choices
            ),
            ("keeping everything, by characters", "", "", _number(scores.keep_everything)),
        ]
    )
    out += ["", "By label"]
    out += _table(
        [
            (*header, "lines"),
            *(
                (
                    label,
                    _number(score.precision),
                    _number(score.recall),
                    _number(score.f1),
                    f"{score.support:,}",
                )
                for label, score in scores.by_label.items()
            ),
        ]
    )
    out += ["", "Confusion (a row for each true label, a column for each answer)"]
    out += _table(
        [
            ("", *scores.labels),
            *(
                (label, *(f"{cell:,}" for cell in row))
                for label, row in zip(scores.labels, scores.confusion, strict=True)
            ),
        ]
    )
    out += ["", "By language"]
    out += _table(
        [
            ("", "pages", "lines", "accuracy", "macro F1", "kept F1, lines", "characters"),
            *(
                (
                    name,
                    f"{score.pages:,}",
                    f"{score.lines:,}",
                    _number(score.accuracy),
                    _number(score.macro_f1),
                    _number(score.kept_by_lines),
                    _number(score.kept_by_characters),
                )
                for name, score in scores.by_language.items()
            ),
        ]
    )
    if scores.worst:
        out += ["", "Pages with the most characters wrongly kept or dropped"]
        out += _table(
            [
                ("", "wrong", "share", "kept", "dropped"),
                *(
                    (
                        page.name,
                        f"{page.wrong:,}",
                        f"{page.share:.1%}",
                        f"{page.kept:,}",
                        f"{page.dropped:,}",
                    )
                    for page in scores.worst
                ),
            ]
        )
    if scores.disagreements:
        out += ["", "Lines where label and model disagree most: is the label right?"]
        out += _left_table(
            [("", "label", "model", "sure", "text")]
            + [
                (
                    f"{line.name}:{line.number}",
                    line.label,
                    line.guess,
                    f"{line.guess_probability:.2f}",
                    _excerpt(line.text),
                )
                for line in scores.disagreements
            ]
        )
    return "\n".join(out) + "\n"


def format_views(views: Mapping[str, Scores]) -> str:
    """The scores on half-cleaned views, a row for each extractor, ending in a newline."""
    rows = [("", "pages", "accuracy", "kept F1, lines", "characters", "keeping everything")]
    for name, scores in views.items():
        rows.append(
            (
                name,
                f"{scores.pages:,}",
                _number(scores.accuracy),
                _number(scores.kept_by_lines.f1),
                _number(scores.kept_by_characters.f1),
                _number(scores.keep_everything),
            )
        )
    return "\n".join(["", "Half-cleaned views, by extractor", *_table(rows)]) + "\n"


def format_json(
    scores: Scores, views: Mapping[str, Scores] | None = None, html: Scores | None = None
) -> str:
    """The scores as one JSON object, with those on half-cleaned views under "views" and those
    from HTML under "html" where there are any, ending in a newline."""
    out = scores.as_dict()
    if html is not None:
        out["html"] = html.as_dict()
    if views:
        out["views"] = {name: view.as_dict() for name, view in views.items()}
    return json.dumps(out, ensure_ascii=False, indent=2) + "\n"


def main_evaluate(args: Namespace) -> int:
    """The command ``clutter evaluate``: print the scores, return the exit status. Pages whose
    head names their HTML are scored as text and, once more, from that.

    ``args`` holds ``labelled`` (paths), ``model`` (a path, or None for the shipped
    model), ``corpus`` (a folder, or None), ``format`` ("text" or "json") and ``worst``
    (how many pages and lines to name). Bad input is told on standard error, with exit status 2.
    """
    try:
        if args.worst < 0:
            raise ValueError(f"the number of worst pages cannot be negative, as {args.worst} is")
        if not args.labelled and args.corpus is None:
            raise ValueError("no labelled pages to evaluate on")
        views: dict[str, list[LabelledPage]] = {}
        if args.corpus is None:
            pages = read_all(args.labelled)
        else:
            standoff = corpus.read_standoff(args.labelled)
            pages = corpus.read_pages(args.corpus, "dev", standoff)
            views = corpus.dev_views(args.corpus)
        if not any(label not in ("", "?") for page in pages for label in page.labels):
            where = ", ".join(str(path) for path in (*args.labelled, args.corpus) if path)
            raise ValueError(f"{where}: no labelled line in {_count(len(pages), 'page')}")
        model = load(args.model)
        scores = evaluate(model, pages, worst=args.worst)
        by_view = {name: evaluate(model, some, worst=0) for name, some in views.items()}
        cuts = [cut for cut in map(corpus.from_html, pages) if cut is not None]
        with_labels = [cut for cut in cuts if any(label in LABELS for label in cut[0].labels)]
        html = None
        if with_labels:
            recut, markup = zip(*with_labels, strict=True)
            html = evaluate(model, recut, worst=args.worst, markup=markup)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return _complain(f"{where}{error.strerror or error}")
    except (ValueError, ImportError) as error:  # of pages, corpus, model, arguments, HTML
        return _complain(str(error))
    if args.format == "json":
        report = format_json(scores, by_view, html)
    else:
        report = format_text(scores) + (format_views(by_view) if by_view else "")
        if html is not None:
            report += f"\nFrom HTML\n\n{format_text(html)}"
    # a file's name need not be valid text; \udcXX is how JSON writes such a byte too
    sys.stdout.buffer.write(report.encode("utf-8", "backslashreplace"))
    return 0


def _complain(message: str) -> int:
    print(f"clutter: {message}", file=sys.stderr)
    return 2
