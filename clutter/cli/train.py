"""``clutter train``: make a model from labelled pages, or tune one to them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from clutter.cli.arguments import add_jobs, add_labelled, describe, whole_number
from clutter.cli.messages import logged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of training: ``labelled`` (list of str), ``output``, ``base`` and ``corpus``
    (str or None), ``seed`` and ``jobs`` (int)."""
    describe(
        parser,
        "Train a model on labelled pages.",
        """\
example:
  $ clutter label mysite/ --format tsv -o mine/    let the model guess
  $ vi mine/*.tsv                                  correct its labels; what it doubts is
                                                   marked: nav?0.43
  $ clutter train mine/ --base default -o my.safetensors
                                                   the shipped model, tuned to these pages,
                                                   in seconds
  $ clutter clean page.txt --model my.safetensors

  $ clutter train labelled/ mine/ -o my.safetensors
                                                   a model from the ground up; "# url: ..." at
                                                   a page's top tells its site""",
    )
    add_labelled(
        parser,
        "a corpus folder: learn from its pages too, by the labels without text (.jsonl) that "
        "LABELLED holds; labelled/README.md tells more",
    )
    parser.add_argument(
        "-o", dest="output", metavar="MODEL", required=True, help="the model file to write"
    )
    parser.add_argument(
        "--base",
        metavar="M",
        help="start from this model file, or from the shipped model (default), and tune it to "
        "LABELLED: for a few pages of a new site",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="of the random numbers (default: 0)",
    )
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Read the pages, train, and write the model."""
    import logging

    from clutter import labelled
    from clutter.errors import TrainingError
    from clutter.labelled import LabelledPage
    from clutter.model import load
    from clutter.training import corpus
    from clutter.training.train import train
    from clutter.training.tune import tune

    logger = logging.getLogger(__name__)
    with logged(timed=True):
        if not os.access(Path(args.output).parent, os.W_OK):
            raise TrainingError(f"{args.output}: cannot be written there")
        base = None
        if args.base is not None:
            if args.corpus:
                raise TrainingError("--base learns from LABELLED alone; leave out --corpus")
            base = load(None if args.base == "default" else args.base)
        pages = labelled.read_all(args.labelled)
        for message in _first(20, labelled.unfinished(pages)):
            logger.info("%s; not trained on", message)
        if base is not None:
            model = tune(base, pages, seed=args.seed, jobs=args.jobs)
        else:
            views: list[LabelledPage] = []
            if args.corpus:
                standoff = corpus.read_standoff(args.labelled)
                pages += corpus.read_pages(args.corpus, "train", standoff)
                views = corpus.read_views(args.corpus, "train", standoff)
            model = train(pages, views, seed=args.seed, jobs=args.jobs)
        model.save(args.output)
        logger.info("wrote %s", args.output)
    return 0


def _first(count: int, messages: list[str]) -> list[str]:
    more = len(messages) - count
    return messages if more <= 0 else [*messages[:count], f"and {more} more pages"]
