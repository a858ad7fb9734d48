"""Measures labelling in the browser: how many keys five pages of a site take, and what it brings.

    python tests/benchmarks/label_keys.py --corpus DIR --sites 3

A site's pages are taken as text. The labels of the corpus are replayed through the page in a
browser: each wrong line is gone to and set by keys, each page is marked as read, and the page that
the program advises comes next, with guesses of the model that has learned. This is compared with
correcting the files of ``clutter label``. Seconds are those of the keystroke-level model (Card,
Moran and Newell, 1980): 0.28 for a key and 1.35 for a decision. They leave out the reading, which
is the same for both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import common

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browsing import LONG, TIMED, Person, Program, browsing, opened, text_of, wait_until, way

import clutter
from clutter import Model, labelled
from clutter.labelled import LabelledPage
from clutter.training import corpus
from clutter.training.evaluate import evaluate

KEY_SECONDS, DECISION_SECONDS = 0.28, 1.35


def seconds(keys: int, decisions: int) -> float:
    """What a person needs for so many keys and decisions."""
    return keys * KEY_SECONDS + decisions * DECISION_SECONDS


def in_an_editor(pages: Sequence[LabelledPage]) -> tuple[int, int]:
    """Keys and decisions that correcting the files of ``clutter label`` takes in vi: going to each
    line whose guess is wrong, to its beginning (0), changing what stands there (c, t, tab), and
    leaving the insertion (escape). Marks of guesses that are right are accepted by a command."""
    keys = decisions = 0
    for page in pages:
        guessed = labelled.from_page(clutter.load().label(page.text), page.name)
        at = 0
        for row, label in enumerate(page.labels):
            guess = guessed.guesses.get(row, (guessed.labels[row], 1.0))[0]
            if label and guess != label:
                keys += len(way(row - at)) + len("0ct") + len("\t") + len(label) + 1
                decisions += 1
                at = row
    return keys, decisions


def in_the_browser(pages: Sequence[LabelledPage], folder: Path) -> tuple[int, int, list[str]]:
    """Keys and decisions that labelling in the browser takes, and a line for each page that says
    what was corrected. The tuned model is in the folder mine/."""
    source, mine = folder / "mysite", folder / "mine"
    source.mkdir(parents=True)
    for number, page in enumerate(pages):
        (source / f"{number}.txt").write_text(page.text, "utf-8")
    told = []
    decisions = 0
    with Program(source, "-o", mine) as program, browsing() as browser:
        page_in_browser = opened(browser, program.address)
        person = Person(page_in_browser)
        for count in range(len(pages)):
            name = page_in_browser.inner_text("#name")
            truth = [label for label in pages[int(Path(name).stem)].labels if label]
            begun = person.keys
            changes = person.correct(truth)
            person.press("r")
            decisions += changes + 1
            page_in_browser.wait_for_selector("#state:text('read ✓')")
            learning = time.monotonic()
            person.learned()
            wrong = labelled.read(mine / name).head["corrected"]
            told.append(
                f"  {name}: {len(truth)} lines, {wrong} corrected by {changes} keys of labels, "
                f"{person.keys - begun} keys in all, then {time.monotonic() - learning:.0f} s "
                "of learning"
            )
            if count + 1 < len(pages):
                person.press("g")
                wait_until(page_in_browser, f"{text_of('name')} != '{name}'")
        forecast = page_in_browser.inner_text("#forecast")
        told.append(f"  {forecast}")
    return person.keys, decisions, told


def long_page(folder: Path) -> str:
    """How long keys take on a page of 4,000 lines, and the program to start."""
    folder.mkdir()
    (folder / "a.tsv").write_text(LONG, "utf-8")
    begun = time.monotonic()
    with Program("-o", folder) as program, browsing() as browser:
        started = time.monotonic() - begun
        page = opened(browser, program.address)
        took = sorted(page.evaluate(TIMED))
    median, longest = took[len(took) // 2], took[-1]
    return f"4,000 lines: {median:.0f} ms a key (at most {longest:.0f}); {started:.1f} s to start"


def errors(model: Model, pages: Sequence[LabelledPage]) -> str:
    """The errors of a model on pages, in words."""
    scores = evaluate(model, pages, worst=0)
    return (
        f"{1 - scores.accuracy:.2%} of the lines wrong, {scores.wrong_characters:.2%} of the "
        "characters kept or dropped wrongly"
    )


def main() -> None:
    """Print the figures of some sites that the shipped model was not trained on."""
    parser = common.parser(str(__doc__), "--corpus")
    parser.add_argument("--sites", type=int, default=1)
    args = parser.parse_args()
    standoff = corpus.read_standoff([common.ROOT / "labelled" / "corpora"])
    by_site: dict[str, list[LabelledPage]] = defaultdict(list)
    for page in corpus.read_pages(args.corpus, "dev", standoff):
        if "?" not in page.labels and ":" not in page.site:
            by_site[page.site].append(page)
    sites = sorted(by_site.items(), key=lambda item: -len(item[1]))[: args.sites]
    with tempfile.TemporaryDirectory() as scratch:
        print(long_page(Path(scratch, "mine")), flush=True)
    for site, pages in sites:
        count = min(5, len(pages) - 1)
        mine, others = pages[:count], pages[count : count + 12]
        print(f"{site}: {len(mine)} pages, {len(others)} others")
        with tempfile.TemporaryDirectory() as scratch:
            keys, decisions, told = in_the_browser(mine, Path(scratch))
            print("\n".join(told))
            print(f"  browser: {keys} keys, {seconds(keys, decisions):.0f} s")
            keys, decisions = in_an_editor(mine)
            print(f"  editor: {keys} keys, {seconds(keys, decisions):.0f} s")
            print(f"  before: {errors(clutter.load(), others)}")
            tuned = Model.load(Path(scratch, "mine", "model.safetensors"))
            print(f"  after: {errors(tuned, others)}", flush=True)


if __name__ == "__main__":
    main()
