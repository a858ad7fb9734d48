"""Measures learning curves: the gain from a few labelled pages of a new site.

    python tests/benchmarks/curves.py --corpus DIR --base BASE -o docs/new-sites.svg

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import common
import joblib
import numpy as np

from clutter import Model
from clutter.labelled import LabelledPage
from clutter.threads import one_thread
from clutter.training import train
from clutter.training.answers import read_answers
from clutter.training.evaluate import Scores, evaluate
from clutter.training.fit import fit
from clutter.training.samples import text_samples
from clutter.training.start import read_start
from clutter.training.tune import tune

COUNTS = (1, 2, 3, 5, 8)
"""Numbers of labelled pages to train on."""

FEWEST = 8
"""Sites with fewer labelled pages are not measured."""

MEASURED = 12
"""Most pages of a site to measure on; there are always at least three."""

BASE_STEPS = 1500
"""Steps that the base is trained for: fewer than the shipped model, to save time."""

DRAWS = 1
"""Number of random draws of pages per site."""

ELSEWHERE = 5
"""Number of pages for which the scores on other sites are measured too."""


@dataclass(frozen=True)
class Errors:
    """Shares, from 0 to 1: of characters kept or dropped wrongly, and of lines labelled wrongly."""

    characters: float
    lines: float


@dataclass(frozen=True)
class Trial:
    """Errors for one site and draw: of the base model, of the model tuned on ``count`` pages, and
    of one trained on them from scratch. ``fall`` is the loss on other sites in accuracy, macro F1
    and F1 of kept characters, None if it was not measured."""

    site: str
    count: int
    base: Errors
    tuned: Errors
    scratch: Errors
    fall: tuple[float, float, float] | None


def errors(model: Model, pages: Sequence[LabelledPage]) -> Errors:
    """The errors of a model on all pages together."""
    answers = model.label_many(page.text for page in pages)
    counts = np.sum([common.wrong(*pair) for pair in zip(pages, answers, strict=True)], axis=0)
    return Errors(*(counts[:2] / counts[2:]).tolist())


def scores(of_model: Scores) -> np.ndarray:
    """The scores to compare on other sites: (3,)."""
    return np.array([of_model.accuracy, of_model.macro_f1, of_model.kept_by_characters.f1])


def trials(
    site: str, pages: Sequence[LabelledPage], draw: int, base: Model, dev: Sequence[LabelledPage]
) -> list[Trial]:
    """A trial for each count, for one site and one order of its pages. All counts are measured on
    the same pages."""
    order = np.random.default_rng(draw).permutation(len(pages)).tolist()
    most = min(COUNTS[-1], len(pages) - 3)
    left = [pages[i] for i in order[most:]][:MEASURED]
    before = errors(base, left)
    results = []
    for count in (count for count in COUNTS if count <= most):
        train_pages = [pages[i] for i in order[:count]]
        tuned = tune(base, train_pages, seed=draw)
        fall = None
        if count == ELSEWHERE and draw == 0:
            before_dev, after_dev = (
                scores(evaluate(model, dev, worst=0)) for model in (base, tuned)
            )
            fall = tuple((before_dev - after_dev).tolist())
        samples = text_samples(train_pages)
        with one_thread():
            steps = train.how_many_steps(samples)
            scratch = fit(samples, steps, draw).model()
        results.append(Trial(site, count, before, errors(tuned, left), errors(scratch, left), fall))
    return results


def table(results: Sequence[Trial]) -> list[list[float]]:
    """A row for each count: count, number of sites, then the mean over sites of the base, tuned
    and scratch errors, by characters and then by lines."""
    rows = []
    for count in COUNTS:
        by_site: dict[str, list[list[float]]] = defaultdict(list)
        for trial in results:
            if trial.count == count:
                kinds = (trial.base, trial.tuned, trial.scratch)
                by_site[trial.site].append(
                    [kind.characters for kind in kinds] + [kind.lines for kind in kinds]
                )
        sites = np.array([np.mean(values, axis=0) for values in by_site.values()])
        rows.append([count, len(sites), *sites.mean(axis=0).tolist()])
    return rows


def picture(rows: Sequence[Sequence[float]], path: str) -> None:
    """Plot the errors, relative to those of the base, against the number of labelled pages."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "clutter"  # the same data gives the same file
    from matplotlib import pyplot

    counts = [row[0] for row in rows]
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    panels = ("characters kept or dropped wrongly", "lines labelled wrongly")
    for axis, first, name in zip(axes, (2, 5), panels, strict=True):
        for column, label, style in ((2, "from nothing", "s--"), (1, "tuned", "o-")):
            share = [row[first + column] / row[first] for row in rows]
            axis.plot(counts, share, style, label=label)
        axis.axhline(1, color="gray", linewidth=1, label="base model")
        axis.set(title=name, xlabel="labelled pages of the site", xticks=counts, yscale="log")
        axis.set_yticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"], minor=False)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("errors, base model = 1")
    axes[1].legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = common.parser("Learning curves for sites with many pages.", "--corpus", "--jobs")
    parser.add_argument(
        "--base", required=True, help="a model that has not seen these sites; trained if missing"
    )
    parser.add_argument("-o", dest="output", required=True, help="the picture to write")
    args = parser.parse_args()
    pages = common.labelled_pages(args.corpus, "train")
    count = Counter(page.site for page in pages)
    # a name with ":" is not a host, but a bundle of pages of unknown sites
    sites = sorted(site for site in count if count[site] >= FEWEST and ":" not in site)
    if not Path(args.base).exists():
        common.tell(f"training a base without these {len(sites)} sites")
        others = [page for page in pages if page.site not in sites]
        views = common.train_views(args.corpus)
        corpora = [common.ROOT / "labelled" / "corpora"]
        common.show_messages()
        train.STEPS = BASE_STEPS
        train.train(
            common.authored_pages() + others,
            [page for page in views if page.site not in sites],
            answers=read_answers(corpora),
            start=read_start(corpora),
            seed=1,
            jobs=args.jobs,
        ).save(args.base)
    base = Model.load(args.base)
    dev = common.labelled_pages(args.corpus, "dev")
    tasks = [(site, draw) for site in sites for draw in range(DRAWS)]
    parallel = joblib.Parallel(args.jobs, return_as="generator")
    results: list[Trial] = []
    trials_by_task = parallel(
        joblib.delayed(trials)(site, [page for page in pages if page.site == site], draw, base, dev)
        for site, draw in tasks
    )
    for (site, _), new in zip(tasks, trials_by_task, strict=True):
        results += new
        last = new[-1]
        common.tell(
            f"{site}, {last.count} pages: {last.base.characters:.2%} of characters wrong, "
            f"tuned {last.tuned.characters:.2%}, from nothing {last.scratch.characters:.2%}"
        )

    rows = table(results)
    print("| pages | sites | base | tuned | from nothing | base | tuned | from nothing |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        shares = " | ".join(f"{value:.2%}" for value in row[2:])
        print(f"| {row[0]} | {row[1]} | {shares} |")
    at_count = [trial for trial in results if trial.count == ELSEWHERE]
    better = sum(trial.tuned.characters < trial.base.characters for trial in at_count)
    worse = sum(trial.tuned.characters > trial.base.characters for trial in at_count)
    print(
        f"\n{ELSEWHERE} pages: {better} of {len(at_count)} trials better by characters, "
        f"{worse} worse"
    )
    falls = np.array([trial.fall for trial in at_count if trial.fall is not None])
    names = ("accuracy", "macro F1", "kept F1 by characters")
    for name, fall in zip(names, falls.T, strict=True):
        print(f"other sites lose {fall.mean():.4f} of {name}, {fall.max():.4f} at worst")
    picture(rows, args.output)


if __name__ == "__main__":
    main()
