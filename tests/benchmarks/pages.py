"""The pages that the benchmarks run on, with the labels of their lines.

Real pages, where a corpus stands beside the repository, in ../shared/corpus; else the
authored pages of labelled/pages, which are part of it.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from clutter.labelled import read_all

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"


@dataclass(frozen=True)
class Pages:
    """Texts of pages, and (label, text) of their labelled lines; ``name`` says which."""

    name: str
    texts: list[str]
    labelled_lines: list[tuple[str, str]]

    @property
    def megabytes(self) -> float:
        """Size of the texts in UTF-8, in millions of bytes."""
        return sum(len(text.encode()) for text in self.texts) / 1e6


def read_pages(size: float) -> Pages:
    """At least ``size`` megabytes of pages: the corpus is cut, or the pages are repeated."""
    file = CORPUS / "dev.jsonl.gz"
    pages = _corpus(file) if file.exists() else _authored()
    texts: list[str] = []
    spent = 0
    while spent < size * 1e6:
        text = pages.texts[len(texts) % len(pages.texts)]
        texts.append(text)
        spent += len(text.encode())
    return Pages(pages.name, texts, pages.labelled_lines)


def _corpus(file: Path) -> Pages:
    texts, lines = [], []
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for row in rows:
            page = json.loads(row)
            texts.append("\n".join(line["text"] for line in page["lines"]))
            lines += [(x["label"], x["text"]) for x in page["lines"] if x.get("label")]
    return Pages("pages of the corpus", texts, lines)


def _authored() -> Pages:
    pages = read_all([ROOT / "labelled" / "pages"])
    lines = [
        (label, line)
        for page in pages
        for label, line in zip(page.labels, page.lines, strict=True)
        if label not in ("", "?")
    ]
    return Pages("authored pages", [page.text for page in pages], lines)
