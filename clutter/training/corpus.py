"""Pages of a corpus that stays outside the project, joined to the labels kept inside.

Real pages belong to their sites, so the project holds no text of theirs: it holds,
in ``labelled/corpora/SOURCE.jsonl``, the label of each line under a hash of its text
(stand-off labels). Whoever has the corpus joins the two again. A corpus folder holds

- ``train.jsonl.gz`` and ``dev.jsonl.gz``: a page a line, with ``id``, ``source``,
  ``site``, ``lang``, ``lines`` of {``text``} and ``html``, the path of its HTML below
- ``html/``;
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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clutter.errors import CorpusError, HtmlError, ReadError
from clutter.formats.pages import read_page
from clutter.labelled import UNLABELLED, LabelledPage
from clutter.markup import Markup
from clutter.page import LABELS


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
    labels_by_page: dict[str, list[tuple[str, str]]] = {}
    for path in map(Path, paths):
        for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
            if file.suffix != ".jsonl":
                continue
            for number, row in enumerate(file.read_bytes().splitlines(), 1):
                try:
                    page = json.loads(row)
                    lines = [(str(key), str(label)) for key, label in page["lines"]]
                    labels_by_page[str(page["id"])] = lines
                except (ValueError, KeyError, TypeError) as error:
                    raise CorpusError(f"{file}:{number}: not a page of labels ({error})") from None
                wrong = {label for _, label in lines} - set(LABELS) - {UNLABELLED}
                if wrong:
                    raise CorpusError(f"{file}:{number}: unknown label {sorted(wrong)[0]!r}")
    if not labels_by_page:
        places = ", ".join(map(str, paths)) or "nothing named"
        raise CorpusError(f"{places}: no stand-off labels (.jsonl) to join with the corpus")
    return labels_by_page


def align_labels(hashes: Sequence[str], labels: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The label of each line of a page, by its hash and in order; "?" where none fits."""
    keys = [key for key, _ in labels]
    out = [UNLABELLED] * len(hashes)
    if list(hashes) == keys:
        return tuple(label for _, label in labels)
    matcher = difflib.SequenceMatcher(None, list(hashes), keys, autojunk=False)
    for here, there, size in matcher.get_matching_blocks():
        for i in range(size):
            out[here + i] = labels[there + i][1]
    return tuple(out)


def labels_for_cut(lines: Sequence[str], page: LabelledPage) -> tuple[str, ...]:
    """The labels of a page's lines for another cut of it, ``lines``: "" for blank lines, "?"
    where none fits. A line that joins cells of a table by tabs takes the label that most of
    its characters have.
    """
    cells = [(i, cell) for i, line in enumerate(lines) for cell in line.split("\t")]
    cells = [(i, cell) for i, cell in cells if cell.strip()]
    there = [
        (line_hash(line), label)
        for line, label in zip(page.lines, page.labels, strict=True)
        if label
    ]
    found = align_labels([line_hash(cell) for _, cell in cells], there)
    votes: dict[int, Counter[str]] = {}
    for (i, cell), label in zip(cells, found, strict=True):
        votes.setdefault(i, Counter())[label] += len(cell)
    return tuple(votes[i].most_common(1)[0][0] if i in votes else "" for i in range(len(lines)))


def from_html(page: LabelledPage) -> tuple[LabelledPage, Markup] | None:
    """A page cut anew from the HTML that its head names (a path from the labelled file's
    folder; unpacked where it ends in .gz), with its labels, and what the markup says of its
    lines; None where the head names none.

    Raises OSError where the file cannot be read, CorpusError where it is no HTML,
    MissingLibraryError without turbohtml.
    """
    name = page.head.get("html")
    if not name:
        return None
    from clutter.html.lines import read

    path = Path(page.name).parent / name
    try:
        cut = read(read_page(str(path))[0])
    except (HtmlError, ReadError) as error:
        raise CorpusError(f"{path}: {error}") from None
    lines = tuple(cut.text.split("\n"))
    return replace(page, lines=lines, labels=labels_for_cut(lines, page), guesses={}), cut.markup


def _read(
    corpus: str | os.PathLike[str], name: str, make: Callable[[dict[str, Any]], LabelledPage | None]
) -> list[LabelledPage]:
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
        raise CorpusError(f"{path}: holds no page that has labels")
    return pages


def read_pages(
    corpus: str | os.PathLike[str], split: str, standoff: Mapping[str, list[tuple[str, str]]]
) -> list[LabelledPage]:
    """The pages of one split, "train" or "dev" (sites that training never sees), that the
    stand-off labels know. Raises CorpusError where they cannot be read."""

    def make(row: dict[str, Any]) -> LabelledPage | None:
        if row["id"] not in standoff:
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = align_labels([line_hash(line) for line in lines], standoff[row["id"]])
        html = Path(corpus, "html", row["html"]).resolve()
        return LabelledPage(row["id"], _head(row) | {"html": str(html)}, lines, labels)

    return _read(corpus, f"{split}.jsonl.gz", make)


def read_views(
    corpus: str | os.PathLike[str], split: str, standoff: Mapping[str, list[tuple[str, str]]]
) -> list[LabelledPage]:
    """The half-cleaned views of the pages of one split that the stand-off labels know; the
    head's ``extractor`` says what made each. Raises CorpusError where they cannot be read."""

    def make(row: dict[str, Any]) -> LabelledPage | None:
        if row["split"] != split or row["id"] not in standoff:
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = tuple(line["label"] or UNLABELLED for line in row["lines"])
        head = _head(row) | {"extractor": row["extractor"]}
        return LabelledPage(f"{row['id']}/{row['extractor']}", head, lines, labels)

    return _read(corpus, "residue.jsonl.gz", make)


def _head(row: Mapping[str, Any]) -> dict[str, str]:
    return {"lang": row["lang"], "site": row["site"]}


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


def dev_views(
    corpus: str | os.PathLike[str], standoff: Mapping[str, list[tuple[str, str]]]
) -> dict[str, list[LabelledPage]]:
    """The half-cleaned views of the dev sites' labelled pages, by extractor."""
    views: dict[str, list[LabelledPage]] = {}
    for page in read_views(corpus, "dev", standoff):
        views.setdefault(page.head["extractor"], []).append(page)
    return dict(sorted(views.items()))
