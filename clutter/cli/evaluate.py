"""``clutter evaluate``: score a model on labelled pages."""

from __future__ import annotations

import argparse

from clutter.cli.arguments import add_labelled, add_model, describe, whole_number
from clutter.cli.messages import write_out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of evaluation: ``labelled`` (list of str), ``model`` and ``corpus`` (str or
    None), ``format`` ("text" or "json") and ``worst`` (int)."""
    describe(
        parser,
        "Compare a model's labels with those of labelled pages.",
        """\
example:
  $ clutter evaluate held-out/                     scores of the shipped model
  $ clutter evaluate held-out/ --model my.safetensors
                                                   the same for your own: is it better?
  $ clutter evaluate mine/ --worst 30              the lines where label and model disagree
                                                   most: some of the labels will be wrong

A fair score needs pages of sites that the model was not trained on.""",
    )
    add_labelled(
        parser,
        "a corpus folder: score on its dev pages and their half-cleaned views, by the labels "
        "without text (.jsonl) that LABELLED holds, and on nothing else",
    )
    add_model(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="of the report (default: text)"
    )
    parser.add_argument(
        "--worst",
        type=whole_number,
        default=10,
        metavar="N",
        help="how many of the worst pages, and of the lines where label and model disagree most, "
        "to list (default: 10)",
    )


def run(args: argparse.Namespace) -> int:
    """Score the model and print the report. Pages whose head names their HTML are scored as
    text and, once more, from that."""
    from clutter.errors import InputError
    from clutter.labelled import LabelledPage, read_all
    from clutter.model import load
    from clutter.page import LABELS
    from clutter.text import plural
    from clutter.training import corpus, report
    from clutter.training.evaluate import evaluate

    views: dict[str, list[LabelledPage]] = {}
    if args.corpus is None:
        pages = read_all(args.labelled)
    else:
        standoff = corpus.read_standoff(args.labelled)
        pages = corpus.read_pages(args.corpus, "dev", standoff)
        views = corpus.dev_views(args.corpus, standoff)
    if not any(label not in ("", "?") for page in pages for label in page.labels):
        where = ", ".join(str(path) for path in (*args.labelled, args.corpus) if path)
        raise InputError(f"{where}: no labelled line in {plural(len(pages), 'page')}")
    model = load(args.model)
    scores = evaluate(model, pages, worst=args.worst)
    by_view = {name: evaluate(model, some, worst=0) for name, some in views.items()}
    cuts = [cut for cut in map(corpus.from_html, pages) if cut is not None]
    with_labels = [cut for cut in cuts if any(label in LABELS for label in cut[0].labels)]
    html = None
    if with_labels:
        recut, markup = zip(*with_labels, strict=True)
        html = evaluate(model, recut, worst=args.worst, markup=markup)
    if args.format == "json":
        text = report.format_json(scores, by_view, html)
    else:
        text = report.format_text(scores) + (report.format_views(by_view) if by_view else "")
        if html is not None:
            text += f"\nFrom HTML\n\n{report.format_text(html)}"
    # a file's name need not be valid text; \udcXX is how JSON writes such a byte too
    write_out(text.encode("utf-8", "backslashreplace"))
    return 0
