"""Measures extraction: word F1 of each extractor against the reference articles, page by page.

    python tests/benchmarks/extraction.py --corpus DIR

docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np

import clutter
from clutter.html.lines import parse

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""A word, or one character in scripts without spaces between words."""

WITH_TITLE = ("daniel", "magichtml")
"""Sources whose reference articles include the headline."""

STOPLISTS = {"en": "English", "el": "Greek", "pl": "Polish", "ru": "Russian", "de": "German"}
"""The stop lists of jusText, by language."""


def f1(text: str, reference: str) -> float:
    """F1 of the words of a text against those of the reference, each counted as often as it
    occurs."""
    words, wanted = Counter(WORD.findall(text)), Counter(WORD.findall(reference))
    right = (words & wanted).total()
    return 2 * right / max(words.total() + wanted.total(), 1)


def peers() -> dict[str, Callable[[str, str], str]]:
    """The installed extractors, by name. Each is a function of the decoded HTML and the language
    of a page."""
    installed: dict[str, Callable[[str, str], str]] = {}
    try:
        import trafilatura

        installed["trafilatura"] = lambda page, _: trafilatura.extract(page) or ""
    except ImportError:
        pass
    try:
        import readability
        import turbohtml

        def by_readability(page: str, language: str) -> str:
            summary = readability.Document(page).summary()
            return turbohtml.parse(summary).to_text()

        installed["readability"] = by_readability
    except ImportError:
        pass
    try:
        from resiliparse.extract.html2text import extract_plain_text

        installed["resiliparse"] = lambda page, _: extract_plain_text(page, main_content=True)
    except ImportError:
        pass
    try:
        import turbohtml as turbo

        installed["turbohtml"] = lambda page, _: turbo.parse(page).main_text()
    except ImportError:
        pass
    try:
        from boilerpy3 import extractors

        boilerpy = extractors.ArticleExtractor(raise_on_failure=False)
        installed["boilerpy3"] = lambda page, _: boilerpy.get_content(page) or ""
    except ImportError:
        pass
    try:
        import justext

        def by_justext(page: str, language: str) -> str:
            # without a stop list for the language, use the mode for any language
            words = STOPLISTS.get(language)
            stop = justext.get_stoplist(words) if words else frozenset()
            options = {} if words else {"stopwords_low": 0, "stopwords_high": 0}
            parts = justext.justext(page.encode(), stop, encoding="utf-8", **options)
            return "\n".join(part.text for part in parts if not part.is_boilerplate)

        installed["jusText"] = by_justext
    except ImportError:
        pass
    return installed


def main() -> None:
    parser = common.parser("Word F1 against reference articles.", "--corpus", "--model")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--only", help="extractors to measure, separated by commas (default: all)")
    args = parser.parse_args()
    model = clutter.load(args.model)

    def by_clutter(page: str, title: bool) -> str:
        found = model.label_html(page)
        kept = zip(found.lines, found.kept().tolist(), strict=True)
        return "\n".join(
            [x.text for x, is_kept in kept if is_kept and (title or x.label != "title")]
        )

    others = peers()
    names = ["clutter", "clutter with title", *others]
    if args.only:
        names = [name for name in names if name in args.only.split(",")]
    scores: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    worst: list[tuple[float, str]] = []
    for row in common.rows(Path(args.corpus, f"{args.split}.jsonl.gz")):
        if not row["gold"]:
            continue
        data = gzip.decompress(Path(args.corpus, "html", row["html"]).read_bytes())
        page = parse(data).html
        source = row["source"]
        part = row["lang"] if source == "daniel" else row["kind"] or ""
        values = []
        for name in names:
            if name.startswith("clutter"):
                text = by_clutter(page, source in WITH_TITLE or name != "clutter")
            else:
                try:
                    text = others[name](page, row["lang"])
                except Exception as error:  # an extractor that fails gets an F1 of 0
                    print(f"{row['id']}: {name}: {error!r}"[:200], file=sys.stderr)
                    text = ""
            values.append(f1(text, row["gold"]))
        scores[source, part].append(values)
        worst.append((values[0], row["id"]))
    print("| | pages |", " | ".join(names), "|")
    print("|---|---|", "---|" * len(names), sep="")
    for (source, part), rows in sorted(scores.items()):
        mean = np.mean(rows, axis=0)
        print(f"| {source} {part} | {len(rows)} |", " | ".join(f"{x:.3f}" for x in mean), "|")
    print("\nworst:", ", ".join(f"{name} {value:.2f}" for value, name in sorted(worst)[:20]))


if __name__ == "__main__":
    main()
