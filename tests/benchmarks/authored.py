"""Measures the gain from the pages written for this project: training with and without them.

    python tests/benchmarks/authored.py --corpus DIR --models FOLDER

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import common

from clutter import Model
from clutter.labelled import LabelledPage, read_all
from clutter.training.evaluate import Scores, evaluate
from clutter.training.train import train

WELL_COVERED = ("en", "zh", "pl", "el", "de", "ru")
"""Languages with many pages in the corpus. Pages in other languages are not trained on here: they
are measured on."""


def row(name: str, *by_model: Scores) -> str:
    """A table row: each score of both models side by side."""
    parts = [
        " | ".join(f"{score:.3f}" for score in scores)
        for scores in zip(
            *(
                (x.accuracy, x.macro_f1, x.kept_by_lines.f1, x.kept_by_characters.f1)
                for x in by_model
            ),
            strict=True,
        )
    ]
    return f"| {name} | {by_model[0].pages} | {by_model[0].lines:,} | {' | '.join(parts)} |"


def report(name: str, without: Model, with_them: Model, pages: Sequence[LabelledPage]) -> None:
    languages = sorted({page.lang for page in pages})
    print(row(name, evaluate(without, pages, worst=0), evaluate(with_them, pages, worst=0)))
    for language in languages if len(languages) > 1 else []:
        pages_of_it = [page for page in pages if page.lang == language]
        scores = (evaluate(model, pages_of_it, worst=0) for model in (without, with_them))
        print(row(f"{name}, {language}", *scores))


def main() -> None:
    parser = common.parser("Training with and without the authored pages.", "--corpus", "--jobs")
    parser.add_argument(
        "--models", required=True, help="folder of the two models; missing ones are trained"
    )
    parser.add_argument("--seeds", help="another folder of labelled pages to measure on")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    common.show_messages()
    pages = common.labelled_pages(args.corpus, "train")
    views = common.train_views(args.corpus)
    covered = [page for page in pages if page.lang in WELL_COVERED]
    views = [page for page in views if page.lang in WELL_COVERED]
    Path(args.models).mkdir(parents=True, exist_ok=True)
    models = []
    for name in ("without", "with"):
        file = Path(args.models, f"{name}-{args.seed}.safetensors")
        if not file.exists():
            authored = common.authored_pages() if name == "with" else []
            common.tell(f"training {name} the authored pages")
            train_pages = [*authored, *covered]
            train(train_pages, views, seed=args.seed, jobs=args.jobs).save(file)
        models.append(Model.load(file))

    columns = " | ".join(
        f"{score}, without | with"
        for score in ("accuracy", "macro F1", "kept F1 by lines", "by characters")
    )
    print(f"| | pages | lines | {columns} |")
    print("|---|" + "---|" * 10)
    without, with_them = models
    report("dev", without, with_them, common.labelled_pages(args.corpus, "dev"))
    others = [page for page in pages if page.lang not in WELL_COVERED]
    report("train pages of other languages", without, with_them, others)
    if args.seeds:
        report("seeds", without, with_them, read_all([args.seeds]))


if __name__ == "__main__":
    main()
