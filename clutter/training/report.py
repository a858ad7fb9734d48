"""The scores of a model as a text report or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clutter.text import plural
from clutter.training.evaluate import Score, Scores


def format_text(scores: Scores) -> str:
    """The scores as a text report, ending in a newline."""
    kept = " or ".join(scores.keep)
    out = [f"{plural(scores.pages, 'page')}, {plural(scores.lines, 'labelled line')}", ""]
    out += _table(
        [
            ("accuracy", _number(scores.accuracy)),
            ("macro F1", _number(scores.macro_f1)),
            ("characters kept or dropped wrongly", f"{scores.wrong_characters:.2%}"),
            ("calibration error of kept or dropped", _number(scores.calibration_error)),
        ]
    )
    out += ["", f"Kept ({kept}) or dropped"]
    choices = (("lines", scores.kept_by_lines), ("characters", scores.kept_by_characters))
    out += _table(
        [
            _HEADER,
            *((f"by {name}", *_numbers(score)) for name, score in choices),
            ("keeping everything, by characters", "", "", _number(scores.keep_everything)),
        ]
    )
    if scores.main_by_characters is not None:
        out += ["", "Main content, against reference texts"]
        out += _table([_HEADER, ("by characters", *_numbers(scores.main_by_characters))])
    out += ["", "By label"]
    out += _counted(scores.by_label, "lines")
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
    if scores.kinds is not None:
        pages = plural(scores.kinds.pages, "page")
        out += ["", f"Kind of the page: accuracy {_number(scores.kinds.accuracy)} ({pages})"]
        out += _counted(scores.kinds.by_kind, "pages")
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
    """The scores as one JSON object, ending in a newline. Scores on half-cleaned views, if there
    are any, are under "views", scores from HTML under "html"."""
    out = scores.as_dict()
    if html is not None:
        out["html"] = html.as_dict()
    if views:
        out["views"] = {name: view.as_dict() for name, view in views.items()}
    return json.dumps(out, ensure_ascii=False, indent=2) + "\n"


_HEADER = ("", "precision", "recall", "F1")


def _numbers(score: Score) -> tuple[str, str, str]:
    return _number(score.precision), _number(score.recall), _number(score.f1)


def _counted(scores: Mapping[str, Score], what: str) -> list[str]:
    """The scores by name, with how many there are of each: lines or pages."""
    rows = [(name, *_numbers(score), f"{score.support:,}") for name, score in scores.items()]
    return _table([(*_HEADER, what), *rows])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text in columns: the first is aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]


def _left_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text in columns, all aligned left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _excerpt(text: str) -> str:
    """The first 60 characters of a line, without control characters."""
    plain = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in plain[:60])
    return shown + ("..." if len(plain) > 60 else "")


def _number(value: float) -> str:
    return f"{value:.3f}"
