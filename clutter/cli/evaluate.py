"""``clutter evaluate``: score a model on labelled pages."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from clutter.cli.arguments import add_labelled, add_model, describe, whole_number
from clutter.cli.messages import write_out
from clutter.text import printable

if TYPE_CHECKING:
    from clutter.training.evaluate import Scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of evaluation: ``labelled`` (list of str), ``model`` and ``corpus`` (str
    or None), ``format`` ("text" or "json") and ``worst`` (int)."""
    describe(
        parser,
        "Score a model: compare its labels with those of labelled pages.",
        """\
examples:
  $ clutter evaluate held-out/                     score the shipped model
  $ clutter evaluate held-out/ --model my.safetensors
                                                   score your own model, to compare
  $ clutter evaluate mine/ --worst 30              list the 30 worst pages, and the 30 lines
                                                   where label and model disagree most:
                                                   some of these labels will be wrong

The report shows accuracy, and precision, recall and F1 of the kept lines and of each
label; of main content, if pages say which lines are main; and of the kinds of pages, if
their heads say the kind. For a fair score, use pages of sites that the model was not
trained on.""",
    )
    add_labelled(
        parser,
        "a corpus folder: score only on its dev pages and their half-cleaned views; LABELLED must "
        "then hold their labels without text (.jsonl)",
    )
    add_model(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="format of the report (default: text)",
    )
    parser.add_argument(
        "--worst",
        type=whole_number,
        default=10,
        metavar="N",
        help="list the N worst pages, and the N lines where label and model disagree most "
        "(default: 10)",
    )


def run(args: argparse.Namespace) -> int:
    """Score the model and print the report. Pages whose head names their HTML are scored twice:
    as text and from the HTML. Returns the exit status."""
    from clutter.errors import InputError
    from clutter.labelled import LabelledPage, read_all
    from clutter.model import load
    from clutter.page import LABELS
    from clutter.text import plural
    from clutter.training import corpus, report
    from clutter.training.evaluate import evaluate

    views: dict[str, list[LabelledPage]] = {}
    if args.corpus is None:
        pages = [page for page in read_all(args.labelled) if not page.is_unread]
    else:
        standoff = corpus.read_standoff(args.labelled)
        pages = corpus.read_pages(args.corpus, "dev", standoff)
        views = corpus.dev_views(args.corpus, standoff)
    if not any(label not in ("", "?") for page in pages for label in page.labels):
        where = ", ".join(str(path) for path in (*args.labelled, args.corpus) if path)
        raise InputError(f"{where}: no labelled line in {plural(len(pages), 'page')}")
    model = load(args.model)
    scores = evaluate(model, pages, worst=args.worst)
    by_view = {name: evaluate(model, view, worst=0) for name, view in views.items()}
    cuts = [cut for cut in map(corpus.from_html, pages) if cut is not None]
    with_labels = [cut for cut in cuts if any(label in LABELS for label in cut[0].labels)]
    html = None
    if with_labels:
        recut, markup = zip(*with_labels, strict=True)
        html = evaluate(model, recut, worst=args.worst, markup=markup)
    if args.format == "json":
        text = report.format_json(scores, by_view, html)
    else:
        text = report.format_text(_shown(scores)) + (
            report.format_views(by_view) if by_view else ""
        )
        if html is not None:
            text += f"\nFrom HTML\n\n{report.format_text(_shown(html))}"
    # a file name may hold bytes that are not text; they become \udcXX, as in JSON
    write_out(text.encode("utf-8", "backslashreplace"))
    return 0


def _shown(scores: Scores) -> Scores:
    """The scores with names of files that are safe on a screen."""

    def name(path: str) -> str:
        return printable(path.encode("utf-8", "backslashreplace").decode("utf-8"))

    worst = [replace(page, name=name(page.name)) for page in scores.worst]
    lines = [replace(line, name=name(line.name)) for line in scores.disagreements]
    return replace(scores, worst=worst, disagreements=lines)
