"""``clutter train``: train a new model on labelled pages, or tune an existing one to them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from clutter.cli.arguments import (
    add_jobs,
    add_labelled,
    available_processors,
    describe,
    whole_number,
)
from clutter.cli.messages import logged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of training: ``labelled`` (list of str), ``output`` (str), ``base`` and
    ``corpus`` (str or None), ``seed`` and ``jobs`` (int)."""
    describe(
        parser,
        "Train a new model on labelled pages, or tune an existing model to them.",
        """\
tune the shipped model to a new site:
  $ clutter label mysite/ --format tsv -o mine/    let the model guess the labels
  $ vi mine/*.tsv                                  correct them; labels that the model is not
                                                   sure of are marked, for example nav?0.43
  $ clutter train mine/ --base default -o my.safetensors
                                                   tune the shipped model to these pages; this
                                                   takes seconds
  $ clutter clean page.txt --model my.safetensors  use the tuned model

train a new model:
  $ clutter train labelled/ mine/ -o my.safetensors

A new model needs at least 100 labelled lines from 2 sites. The site of a page is the host
in the line "# url: ..." at the top of its file. If a folder among LABELLED holds the file
ngrams.npz, as labelled/ does, the model's vectors of n-grams start from those in it.""",
    )
    add_labelled(
        parser,
        "a corpus folder: train on its pages too; LABELLED must then hold their labels without "
        "text (.jsonl), and may hold a teacher's answers for them (answers.npz); see "
        "labelled/README.md",
    )
    parser.add_argument(
        "-o", dest="output", metavar="MODEL", required=True, help="the model file to write"
    )
    parser.add_argument(
        "--base",
        metavar="M",
        help="tune this model file to LABELLED instead of training a new model; 'default' is the "
        "shipped model. For a few pages of a new site; not with --corpus",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="seed of the random numbers; the same seed gives the same model (default: 0)",
    )
    add_jobs(parser, default=available_processors())


def run(args: argparse.Namespace) -> int:
    """Read the pages, train, and write the model. Returns the exit status."""
    import logging

    from clutter import labelled
    from clutter.errors import TrainingError
    from clutter.labelled import LabelledPage
    from clutter.model import load
    from clutter.plan import identity
    from clutter.training import corpus
    from clutter.training.answers import Answers, read_answers
    from clutter.training.start import read_start
    from clutter.training.train import train
    from clutter.training.tune import tune

    logger = logging.getLogger(__name__)
    with logged(timed=True):
        if not os.access(Path(args.output).parent, os.W_OK):
            raise TrainingError(f"{args.output}: the folder is missing or not writable")
        base = None
        if args.base is not None:
            if args.corpus:
                raise TrainingError("--base trains on LABELLED only; leave out --corpus")
            base = load(None if args.base == "default" else args.base)
        pages = labelled.read_all(args.labelled)
        inputs = map(identity, [*args.labelled, *(page.name for page in pages)])
        if identity(args.output) in inputs:
            raise TrainingError(f"{args.output}: is an input too; write to another file")
        for message in _first(20, labelled.unfinished(pages)):
            logger.info("%s; not trained on", message)
        if base is not None:
            model = tune(base, pages, seed=args.seed, jobs=args.jobs)
        else:
            views: list[LabelledPage] = []
            answers: dict[str, Answers] = {}
            if args.corpus:
                standoff = corpus.read_standoff(args.labelled)
                pages += corpus.read_pages(args.corpus, "train", standoff)
                answers = read_answers(args.labelled)
                pages += corpus.read_unlabelled(args.corpus, "train", standoff, answers)
                views = corpus.read_views(args.corpus, "train", standoff)
            start = read_start(args.labelled)
            if start is not None:
                logger.info("the vectors of n-grams start from those of ngrams.npz")
            model = train(
                pages, views, answers=answers, start=start, seed=args.seed, jobs=args.jobs
            )
        model.save(args.output)
        logger.info("wrote %s", args.output)
    return 0


def _first(count: int, messages: list[str]) -> list[str]:
    more = len(messages) - count
    return messages if more <= 0 else [*messages[:count], f"and {more} more pages"]
