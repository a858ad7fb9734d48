"""Measures the gain from counting on how many pages of its site each line appears.

    python tests/benchmarks/repetition.py --corpus DIR --base BASE

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import copy
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import common
import numpy as np
from curves import FEWEST

from clutter import LABELS, Model, Page, load
from clutter.labelled import LabelledPage
from clutter.repetition import Repetition, count_keys, page_keys
from clutter.training import corpus

SEEN = (2, 3, 5, 10, 20, 0)
"""Numbers of pages per site that are counted; 0 for all."""

DRAWS = 5
"""How often the pages of a site are divided into random groups of that size."""

Read = tuple[LabelledPage, Page]


def answers(model: Model, pages: Sequence[LabelledPage], html: bool) -> list[Read]:
    """Pages with the answers of a model; with ``html``, only those with HTML, read from it."""
    if not html:
        pages_read = model.label_many(page.text for page in pages)
        return list(zip(pages, pages_read, strict=True))
    cut = [result for result in map(corpus.from_html, pages) if result is not None]
    texts, markup = [page.text for page, _ in cut], [marks for _, marks in cut]
    pages_read = model.label_marked(texts, markup)
    return list(zip([page for page, _ in cut], pages_read, strict=True))


def measure(sites: dict[str, list[Read]], seen: int, folder: Path) -> np.ndarray:
    """The four counts of ``common.wrong`` for each site, without and with repetition: (sites, 2,
    4). Each group of pages is treated as a site, so one table of counts is enough."""
    groups: list[list[tuple[str, Read]]] = []
    for site, pages in sites.items():
        for draw in range(DRAWS if seen else 1):
            order = np.random.default_rng(draw).permutation(len(pages)).tolist()
            size = seen or len(pages)
            for first in range(0, len(pages) - size + 1, size):
                group_order = order[first : first + size]
                groups.append([(site, pages[i]) for i in group_order])
    names = [f"group{i}" for i in range(len(groups))]
    part = folder / "part"
    with open(part, "wb") as file:
        for name, group in zip(names, groups, strict=True):
            texts = [answer.text for _, (_, answer) in group]
            page_keys(texts, [name] * len(texts)).tofile(file)
    count_keys(part, folder)
    repetition = Repetition(folder)
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, 4)))
    for name, group in zip(names, groups, strict=True):
        for site, (page, answer) in group:
            if not set(page.labels) & set(LABELS):
                continue
            weighed = copy.deepcopy(answer)
            repetition.weigh(weighed, name)
            sums[site] += np.array([common.wrong(page, answer), common.wrong(page, weighed)])
    return np.array([value for value in sums.values() if value[0, 2] and value[0, 3]])


def report(title: str, sites: dict[str, list[Read]]) -> None:
    """Print a table with a row for each number of pages counted."""
    print(f"\n{title}\n")
    print("| pages seen | sites | characters wrong | with counts | sites better, worse "
          "| lines wrong | with counts |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for seen in SEEN:
        large = {site: pages for site, pages in sites.items() if len(pages) >= max(seen, 2)}
        with tempfile.TemporaryDirectory() as folder:
            sums = measure(large, seen, Path(folder))
        if not len(sums):
            continue
        shares = sums[:, :, :2] / sums[:, :, 2:]
        characters, lines = shares.mean(axis=0).T
        change = shares[:, 1, 0] - shares[:, 0, 0]
        print(
            f"| {seen or 'all'} | {len(sums)} | {characters[0]:.2%} | {characters[1]:.2%} "
            f"| {(change < 0).sum()}, {(change > 0).sum()} | {lines[0]:.2%} | {lines[1]:.2%} |",
            flush=True,
        )


def by_site(pages: Sequence[Read]) -> dict[str, list[Read]]:
    """The pages by site, without bundles of pages of unknown sites (names with ":")."""
    sites: dict[str, list[Read]] = defaultdict(list)
    for page, answer in pages:
        if ":" not in page.site:
            sites[page.site].append((page, answer))
    return sites


def all_dev(folder: str) -> list[LabelledPage]:
    """All dev pages. Those without labels only count for repetition; all their lines have "?"."""
    labelled = {page.name: page for page in common.labelled_pages(folder, "dev")}
    pages = []
    for row in common.rows(Path(folder, "dev.jsonl.gz")):
        lines = tuple(" ".join(line["text"].splitlines()) for line in row["lines"])
        head = {"site": row["site"], "html": str(Path(folder, "html", row["html"]).resolve())}
        page = LabelledPage(row["id"], head, lines, ("?",) * len(lines))
        pages.append(labelled.get(row["id"], page))
    return pages


def main() -> None:
    parser = common.parser("The gain from counting repeated lines of a site.", "--corpus")
    parser.add_argument("--base", required=True, help="the base model of curves.py")
    args = parser.parse_args()
    train = common.labelled_pages(args.corpus, "train")
    sites = by_site(answers(Model.load(args.base), train, html=False))
    report(
        "Train sites that the base has not seen, text",
        {site: pages for site, pages in sites.items() if len(pages) >= FEWEST},
    )
    dev = all_dev(args.corpus)
    for title, html in (("Dev sites, text", False), ("Dev sites, HTML", True)):
        report(title, by_site(answers(load(), dev, html)))


if __name__ == "__main__":
    main()
