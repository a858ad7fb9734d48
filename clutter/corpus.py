"""Pages of a corpus that stays outside the project, joined to the labels kept inside.

Real pages belong to their sites, so the project holds no text of theirs: it holds,
in ``labelled/corpora/SOURCE.jsonl``, the label of each line under a hash of its text
(stand-off labels). Whoever has the corpus joins the two again. A corpus folder holds

- ``train.jsonl.gz`` and ``dev.jsonl.gz``: a page a line, with ``id``, ``source``,
  ``site``, ``lang`` and ``lines`` of {``text``, ``in_gold``}, where ``in_gold`` is 1
  or 0 where the page's reference text holds the line or not, and null without one;
- ``residue.jsonl.gz``: half-cleaned views of the labelled pages, what an extractor
  left of them: ``id``, ``split``, ``site``, ``lang``, ``extractor`` and ``lines`` of
  {``text``, ``label``}.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import os
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clutter.labelled import LabelledPage
from clutter.page import LABELS

UNKNOWN = "?"


class CorpusError(ValueError):
    """A corpus folder or a file of stand-off labels that cannot be used, and why."""


@dataclass(frozen=True)
class CorpusPage:
    """A page of a corpus: for each line its text, its label ("?" where nobody gave one)
    and whether the page's reference text holds it (1, 0, or None without a reference)."""

    name: str
    source: str
    site: str
    lang: str
    lines: tuple[str, ...]
    labels: tuple[str, ...]
    in_gold: tuple[int | None, ...]
    view: str = ""

    def labelled(self) -> LabelledPage:
        head = {"lang": self.lang, "site": self.site}
        return LabelledPage(self.name, head, self.lines, self.labels)


def line_hash(text: str) -> str:
    """64-bit BLAKE2b of a line's text, as 16 hexadecimal digits.

    The text is first brought to Unicode NFC, its runs of white space become one blank
    and those at its ends are cut.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def read_standoff(paths: Iterable[str | os.PathLike[str]]) -> dict[str, list[tuple[str, str]]]:
    """Stand-off labels by page id: (line hash, label) for each line, in order.

    ``paths`` are ``.jsonl`` files, or folders that hold some. Raises CorpusError for a
    malformed line, or where there are no stand-off labels at all.
    """
    paths = list(paths)
    found: dict[str, list[tuple[str, str]]] = {}
    for path in map(Path, paths):
        for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
            if file.suffix != ".jsonl":
                continue
            for number, row in enumerate(file.read_bytes().splitlines(), 1):
                try:
                    page = json.loads(row)
                    lines = [(str(key), str(label)) for key, label in page["lines"]]
                    found[str(page["id"])] = lines
                except (ValueError, KeyError, TypeError) as error:
                    raise CorpusError(f"{file}:{number}: not a page of labels ({error})") from None
                wrong = {label for _, label in lines} - set(LABELS) - {UNKNOWN}
                if wrong:
                    raise CorpusError(f"{file}:{number}: unknown label {sorted(wrong)[0]!r}")
    if not found:
        places = ", ".join(map(str, paths)) or "nothing named"
        raise CorpusError(f"{places}: no stand-off labels (.jsonl) to join with the corpus")
    return found


def carry_over(hashes: Sequence[str], labels: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The label of each line of a page, by its hash and in order; "?" where none fits."""
    keys = [key for key, _ in labels]
    out = [UNKNOWN] * len(hashes)
    if list(hashes) == keys:
        return tuple(label for _, label in labels)
    matcher = difflib.SequenceMatcher(None, list(hashes), keys, autojunk=False)
    for here, there, size in matcher.get_matching_blocks():
        for i in range(size):
            out[here + i] = labels[there + i][1]
    return tuple(out)


def _read(
    corpus: str | os.PathLike[str], name: str, make: Callable[[dict[str, Any]], CorpusPage | None]
) -> list[CorpusPage]:
    """The pages that ``make`` makes of the rows of a corpus file; None leaves a row out."""
    path = Path(corpus) / name
    number = 0
    pages = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in file:
                number += 1
                page = make(json.loads(row))
                if page is not None:
                    pages.append(page)
    except FileNotFoundError:
        raise CorpusError(f"{path}: no such file; --corpus takes a corpus folder") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}:{number}: not a page of a corpus ({error!r})") from None
    if not pages:
        raise CorpusError(f"{path}: holds no page")
    return pages


def read_pages(
    corpus: str | os.PathLike[str], split: str, standoff: Mapping[str, list[tuple[str, str]]]
) -> list[CorpusPage]:
    """The pages of one split ("train" or "dev"), labelled where the stand-off labels know
    them. Raises CorpusError where they cannot be read."""

    def make(row: dict[str, Any]) -> CorpusPage:
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = (UNKNOWN,) * len(lines)
        if row["id"] in standoff:
            labels = carry_over([line_hash(line) for line in lines], standoff[row["id"]])
        in_gold = tuple(line["in_gold"] for line in row["lines"])
        return CorpusPage(
            row["id"], row["source"], row["site"], row["lang"], lines, labels, in_gold
        )

    return _read(corpus, f"{split}.jsonl.gz", make)


def read_views(corpus: str | os.PathLike[str], split: str) -> list[CorpusPage]:
    """The half-cleaned views of one split's labelled pages. Raises CorpusError where they
    cannot be read."""

    def make(row: dict[str, Any]) -> CorpusPage | None:
        if row["split"] != split:
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = tuple(line["label"] or UNKNOWN for line in row["lines"])
        name, view = f"{row['id']}/{row['extractor']}", row["extractor"]
        unknown = (None,) * len(lines)
        return CorpusPage(name, "residue", row["site"], row["lang"], lines, labels, unknown, view)

    return _read(corpus, "residue.jsonl.gz", make)


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def standoff_row(page: Mapping[str, Any], split: str, method: str) -> str:
    """A corpus page with labels as a line of a stand-off file: no text, only hashes.

    ``method`` says how the labels came about: "hand", or "corrected" where a reader
    went through a model's guesses line by line.
    """
    row = {
        "id": page["id"],
        "split": split,
        "method": method,
        "lang": page["lang"],
        "repository": page["origin"]["repository"],
        "path": page["origin"]["path"],
        "lines": [[line_hash(_one_line(line["text"])), line["label"]] for line in page["lines"]],
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def dev_pages(
    corpus: str | os.PathLike[str], standoff: Mapping[str, list[tuple[str, str]]]
) -> list[LabelledPage]:
    """The labelled pages of the corpus's dev sites, which training never sees."""
    pages = read_pages(corpus, "dev", standoff)
    return [page.labelled() for page in pages if set(page.labels) != {UNKNOWN}]


def dev_views(corpus: str | os.PathLike[str]) -> dict[str, list[LabelledPage]]:
    """The half-cleaned views of the dev sites' labelled pages, by extractor."""
    views: dict[str, list[LabelledPage]] = {}
    for page in read_views(corpus, "dev"):
        views.setdefault(page.view, []).append(page.labelled())
    return dict(sorted(views.items()))
