"""Joins the pages of a corpus outside the project with the labels inside it.

Real pages belong to their sites, so the project holds none of their text. It holds stand-off
labels: in ``labelled/corpora/PART/SOURCE.jsonl``, a hash of the text of each line and its label.
With the corpus at hand, this module joins the two. A corpus folder holds

- ``train.jsonl.gz`` and ``dev.jsonl.gz``: a page per line, with ``id``, ``source``,
  ``site``, ``lang``, ``kind``, ``gold`` (a reference text of the main content, or null), ``lines``
  of {``text``, ``in_gold``: whether it is in the reference text}, and ``html``, the path of its
  HTML file below ``html/``;
- ``html/``: the HTML of the pages;
- ``residue.jsonl.gz``: half-cleaned views, each the text that an extractor left of a labelled
  page: ``id``, ``split``, ``site``, ``lang``, ``extractor`` and ``lines`` of
  {``text``, ``label``}.
"""

from __future__ import annotations

import contextlib
import difflib
import gzip
import hashlib
import json
import os
import unicodedata
import zipfile
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from clutter import features
from clutter.errors import CorpusError
from clutter.formats.pages import read_page
from clutter.labelled import UNLABELLED, LabelledPage, path_for_head, path_from_head
from clutter.markup import Markup
from clutter.page import KINDS, LABELS

if TYPE_CHECKING:
    from turbohtml import Node

    from clutter.html.lines import HtmlText

Array = NDArray[Any]
Value = TypeVar("Value")


def line_hash(text: str) -> str:
    """64-bit BLAKE2b of a line's text, as 16 hexadecimal digits.

    Before hashing, the text is normalised to Unicode NFC, and white space is removed at its ends
    and becomes one space elsewhere.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Standoff(NamedTuple):
    """The labels of a page without its text: its kind, "" if that is not known, and (line hash,
    label) for each line, in order."""

    kind: str
    lines: list[tuple[str, str]]


def read_standoff(paths: Iterable[str | os.PathLike[str]]) -> dict[str, Standoff]:
    """Read stand-off labels, by page id.

    ``paths`` are ``.jsonl`` files, or folders with such files. Raises CorpusError for a
    malformed line, or if there are no stand-off labels at all; OSError.
    """
    paths = list(paths)
    labels_by_page: dict[str, Standoff] = {}
    for path in map(Path, paths):
        for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
            if file.suffix != ".jsonl":
                continue
            for number, row in enumerate(file.read_bytes().splitlines(), 1):
                try:
                    page = json.loads(row)
                    lines = [(str(key), str(label)) for key, label in page["lines"]]
                    kind = str(page.get("kind", ""))
                    labels_by_page[str(page["id"])] = Standoff(kind, lines)
                except (ValueError, KeyError, TypeError) as error:
                    raise CorpusError(f"{file}:{number}: not a page of labels ({error})") from None
                unknown = {label for _, label in lines} - set(LABELS) - {UNLABELLED}
                if unknown:
                    raise CorpusError(f"{file}:{number}: unknown label {sorted(unknown)[0]!r}")
                if kind not in ("", *KINDS):
                    raise CorpusError(f"{file}:{number}: unknown kind {kind!r}")
    if not labels_by_page:
        places = ", ".join(map(str, paths)) or "nothing named"
        raise CorpusError(f"{places}: no stand-off labels (.jsonl) to join with the corpus")
    return labels_by_page


def read_arrays(
    paths: Iterable[str | os.PathLike[str]],
    name: str,
    unpack: Callable[[Mapping[str, Array]], Value],
) -> list[Value]:
    """What ``unpack`` makes of the arrays in each file of this name below the folders among
    ``paths``. The files are in numpy's format .npz.

    Raises CorpusError if a file cannot be read, or if ``unpack`` raises ValueError or KeyError.
    """
    made = []
    folders = [path for path in map(Path, paths) if path.is_dir()]
    for file in sorted({found for folder in folders for found in folder.rglob(name)}):
        try:
            with np.load(file) as arrays:
                made.append(unpack(arrays))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile,
                zlib.error) as error:  # fmt: skip
            raise CorpusError(f"{file}: cannot be read ({error}); restore or remove it") from None
    return made


def align_labels(hashes: Sequence[str], labels: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The label of each line of a page, from (line hash, label) in order; "?" if none matches."""
    keys = [key for key, _ in labels]
    out = [UNLABELLED] * len(hashes)
    if list(hashes) == keys:
        return tuple(label for _, label in labels)
    try:
        blocks: Iterable[tuple[int, int, int]] = _Matcher(hashes, keys).get_matching_blocks()
    except _TooLongError:
        blocks = _matches_in_order(hashes, keys)
    for line, key, size in blocks:
        for i in range(size):
            out[line + i] = labels[key + i][1]
    return tuple(out)


_MAX_STEPS = 1_000_000
"""So many steps the matcher may take, a part of a second; pages of a corpus need a few thousand.
Lines that repeat very often need a number that grows with the cube of the page."""


class _TooLongError(Exception):
    """The matcher needs more than ``_MAX_STEPS``."""


class _Matcher(difflib.SequenceMatcher[str]):
    """A SequenceMatcher that gives up on pages that would take very long.

    Raises _TooLongError.
    """

    def __init__(self, hashes: Sequence[str], keys: Sequence[str]) -> None:
        super().__init__(None, list(hashes), list(keys), autojunk=False)
        counts = Counter(keys)
        self._steps = list(accumulate([1 + counts[key] for key in hashes], initial=0))
        self._left = _MAX_STEPS

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        ahi = len(self._steps) - 1 if ahi is None else ahi
        self._left -= self._steps[ahi] - self._steps[alo]
        if self._left < 0:
            raise _TooLongError
        return super().find_longest_match(alo, ahi, blo, bhi)


def _matches_in_order(hashes: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Matches of equal lines, (index in ``hashes``, index in ``keys``, 1), in time that hardly
    grows faster than the page. The first line of some text is paired with the first one of the
    same text, the second with the second, and so on; of these pairs, the longest series is taken
    that is in order on both sides."""
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    seen: Counter[str] = Counter()
    pairs: list[tuple[int, int]] = []
    for line, key in enumerate(hashes):
        if seen[key] < len(places.get(key, ())):
            pairs.append((line, places[key][seen[key]]))
            seen[key] += 1
    # the longest increasing subsequence: for each length, the pair where one can end earliest
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    number = last[-1] if last else -1
    while number >= 0:
        yield (*pairs[number], 1)
        number = before[number]


def cells_of(lines: Sequence[str]) -> list[tuple[int, str]]:
    """The cells of lines that are not blank, each with the index of its line."""
    cells = [(i, cell) for i, line in enumerate(lines) for cell in line.split("\t")]
    return [(i, cell) for i, cell in cells if cell.strip()]


def for_cut(lines: Sequence[str], page: LabelledPage) -> LabelledPage:
    """The page with ``lines``, another division of the same page into lines, and their labels.

    Blank lines get "", lines without a matching line "?". A line that joins the cells of a table
    with tabs gets the label that most of its characters have. Such lines of ``page`` are cut into
    cells as well.
    """
    cells = cells_of(lines)
    main = page.main or (-1,) * len(page.lines)
    # label and main content go together, as one string
    known = [
        (line_hash(cell), f"{page.labels[i]}\t{main[i]}")
        for i, cell in cells_of(page.lines)
        if page.labels[i]
    ]
    found = align_labels([line_hash(cell) for _, cell in cells], known)
    votes: dict[int, Counter[str]] = {}
    for (i, cell), label in zip(cells, found, strict=True):
        votes.setdefault(i, Counter())[label] += len(cell)
    best = [votes[i].most_common(1)[0][0] if i in votes else "" for i in range(len(lines))]
    pairs = [label.partition("\t") for label in best]
    return replace(
        page,
        lines=tuple(lines),
        labels=tuple(label for label, _, _ in pairs),
        main=tuple(int(stated or -1) for _, _, stated in pairs) if page.main else (),
        guesses={},
    )


def from_html(page: LabelledPage) -> tuple[LabelledPage, Markup] | None:
    """Read the lines of a page from its HTML file: the page with these lines and their labels,
    and the markup of the lines.

    The head of the page names the HTML file, by its path from the folder of the labelled file;
    a file ending in .gz is unpacked. None if the head names no HTML file.

    Raises OSError if the file cannot be read, CorpusError if it is not HTML, MissingLibraryError
    without turbohtml.
    """
    path = html_file(page)
    if path is None:
        return None
    from clutter.html.lines import read

    with _reading(path):
        source = read(read_page(str(path))[0])
    return _cut(page, source), source.markup


def shortened(page: LabelledPage, paragraphs: int) -> tuple[LabelledPage, Markup] | None:
    """Read a page from its HTML file as ``from_html`` does, but without the lines of its body after
    the first ``paragraphs`` of them: as a short article in the same page.

    None if the head names no HTML file, or if the body is not longer. Raises as ``from_html``.
    """
    path = html_file(page)
    if path is None:
        return None
    from clutter.html.lines import parse, read_document

    with _reading(path):
        html = read_page(str(path))[0]
        document = parse(html)
        place: dict[Node | None, int] = {node: i for i, node in enumerate(document.descendants)}
        source = read_document(document)
    cut = _cut(page, source)
    body = [i for i, label in enumerate(cut.labels) if label == "body"]
    if len(body) <= paragraphs:
        return None
    # the text of a formula is made by the walk, but its element is that of the page
    nodes = [node for i in body[paragraphs:] for node in source.nodes[i]]
    gone = {place.get(node, place.get(node.parent)) for node in nodes}
    # from another tree, since the walk removes and changes elements
    document = parse(html)
    for i, node in enumerate(list(document.descendants)):
        if i in gone:
            node.extract()
    source = read_document(document)
    return for_cut(source.text.split("\n"), cut), source.markup


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raises CorpusError, which names the HTML file, for what is wrong with it."""
    try:
        yield
    except ValueError as error:  # not HTML, not to be unpacked, or no possible name
        raise CorpusError(f"{path}: {error}") from None


def _cut(page: LabelledPage, source: HtmlText) -> LabelledPage:
    """The page with the lines of its HTML file."""
    from clutter.html.decode import decoded_html

    # the HTML is mended if it was encoded twice; lines match only if they are too
    page = replace(page, lines=tuple(map(decoded_html, page.lines)))
    return for_cut(source.text.split("\n"), page)


def html_file(page: LabelledPage) -> Path | None:
    """The path of the HTML file that the head of a labelled page names, or None."""
    name = page.head.get("html")
    if not name:
        return None
    folder = Path(page.name).parent
    path = folder / path_from_head(name)
    # older versions wrote the signs % of a name as they are
    return folder / name if not os.path.exists(path) and os.path.exists(folder / name) else path


def _read(
    corpus: str | os.PathLike[str],
    name: str,
    make: Callable[[dict[str, Any]], LabelledPage | None],
    *,
    may_be_empty: bool = False,
) -> list[LabelledPage]:
    """The pages that ``make`` returns for the rows of a corpus file; None skips a row."""
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
    if not pages and not may_be_empty:
        raise CorpusError(f"{path}: holds no page that has labels")
    return pages


def read_pages(
    corpus: str | os.PathLike[str], split: str, standoff: Mapping[str, Standoff]
) -> list[LabelledPage]:
    """The pages of a split that have stand-off labels. ``split`` is "train" or "dev" (sites that
    are never trained on). Raises CorpusError if they cannot be read."""

    def make(row: dict[str, Any]) -> LabelledPage | None:
        known = standoff.get(row["id"])
        if known is None:
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = align_labels([line_hash(line) for line in lines], known.lines)
        return _page(corpus, row, lines, labels, known.kind)

    return _read(corpus, f"{split}.jsonl.gz", make)


def read_unlabelled(
    corpus: str | os.PathLike[str], split: str, standoff: Container[str], answers: Container[str]
) -> list[LabelledPage]:
    """The pages of a split that have no stand-off labels, but a teacher's answers, or a reference
    text and are no articles: without labels, with ``main`` where there is a reference. Raises
    CorpusError if they cannot be read."""

    def make(row: dict[str, Any]) -> LabelledPage | None:
        kind = row.get("kind") or ""
        has_reference = bool(row.get("gold")) and kind not in ("", "article")
        if row["id"] in standoff or not (has_reference or row["id"] in answers):
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = tuple(UNLABELLED if line.strip() else "" for line in lines)
        return _page(corpus, row, lines, labels, kind)

    return _read(corpus, f"{split}.jsonl.gz", make, may_be_empty=True)


def _page(
    corpus: str | os.PathLike[str],
    row: Mapping[str, Any],
    lines: tuple[str, ...],
    labels: tuple[str, ...],
    kind: str,
) -> LabelledPage:
    html = Path(corpus, "html", row["html"]).resolve()
    main: tuple[int, ...] = ()
    if kind not in ("", "article"):  # for articles, labels say more than reference texts
        stated = [line.get("in_gold") for line in row["lines"]]
        if any(flag is not None for flag in stated):
            main = tuple(-1 if flag is None else int(flag) for flag in stated)
    head = _head(row, kind) | {"html": path_for_head(str(html))}
    return LabelledPage(row["id"], head, lines, labels, main=main)


def read_views(
    corpus: str | os.PathLike[str], split: str, standoff: Mapping[str, Standoff]
) -> list[LabelledPage]:
    """The half-cleaned views of the pages of a split that have stand-off labels. The head of each
    names its ``extractor``; its name is that of its page. Raises CorpusError if they cannot be
    read."""

    def make(row: dict[str, Any]) -> LabelledPage | None:
        if row["split"] != split or row["id"] not in standoff:
            return None
        lines = tuple(_one_line(line["text"]) for line in row["lines"])
        labels = tuple(line["label"] or UNLABELLED for line in row["lines"])
        head = _head(row, standoff[row["id"]].kind) | {"extractor": row["extractor"]}
        return LabelledPage(row["id"], head, lines, labels)

    return _read(corpus, "residue.jsonl.gz", make)


def _head(row: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {"lang": row["lang"], "site": row["site"], "kind": kind}


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def standoff_row(page: Mapping[str, Any], split: str, method: str) -> str:
    """A labelled corpus page as a line of a stand-off file: no text, only hashes.

    ``method`` says how the page was labelled: "hand", or "corrected" if a person corrected a
    model's guesses line by line.
    """
    texts = [_one_line(line["text"]) for line in page["lines"]]
    filled = features.split(["\n".join(texts)]).number - 1  # not those without anything to see
    row = {
        "id": page["id"],
        "split": split,
        "method": method,
        "lang": page["lang"],
        **({"kind": page["kind"]} if page.get("kind") else {}),
        "repository": page["origin"]["repository"],
        "path": page["origin"]["path"],
        "lines": [[line_hash(texts[i]), page["lines"][i]["label"]] for i in filled.tolist()],
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def dev_views(
    corpus: str | os.PathLike[str], standoff: Mapping[str, Standoff]
) -> dict[str, list[LabelledPage]]:
    """The half-cleaned views of the labelled dev pages, by extractor. Raises CorpusError."""
    views: dict[str, list[LabelledPage]] = {}
    for page in read_views(corpus, "dev", standoff):
        views.setdefault(page.head["extractor"], []).append(page)
    return dict(sorted(views.items()))
