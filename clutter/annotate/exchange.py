"""Pages for other tools, and back: tasks of Label Studio (JSON) and documents of doccano (JSON
lines), so that a team can go on there.

In both, a page is one text, and a label is a span of it: a whole line. Label Studio needs this
labelling interface, and doccano a project of sequence labelling with the same labels:

    <View><Labels name="label" toName="text"><Label value="body"/> ... </Labels>
    <Text name="text" value="$text"/></View>
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from clutter.annotate.files import AnnotatedPage
from clutter.errors import InputError
from clutter.labelled import UNLABELLED
from clutter.page import LABELS, unknown

Span = tuple[int, int, str]
"""Where a label begins and ends in the text of a page, in characters, and the label."""


class Imported(NamedTuple):
    """The labels of a page from another tool: its name, "" if that is not said, its text, and its
    labelled spans."""

    name: str
    text: str
    spans: list[Span]


def to_label_studio(pages: Iterable[AnnotatedPage]) -> str:
    """Tasks for Label Studio. A page that was read has its labels as an annotation, any other as a
    prediction."""
    tasks = []
    for page in pages:
        results = []
        for row, (start, end, label) in zip(_labelled_rows(page), _spans(page), strict=True):
            value = {"start": start, "end": end, "text": page.lines[row], "labels": [label]}
            result = {"id": f"line-{row + 1}", "type": "labels", "value": value}
            results.append(result | {"from_name": "label", "to_name": "text"})
        task: dict[str, Any] = {"data": {**page.head, "text": _text(page), "page": page.name}}
        if page.is_read:
            task["annotations"] = [{"result": results}]
        else:
            task["predictions"] = [{"model_version": "clutter", "result": results}]
        tasks.append(task)
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def to_doccano(pages: Iterable[AnnotatedPage]) -> str:
    """Documents for doccano, a line for each page, with set and guessed labels."""
    rows = [
        {**page.head, "text": _text(page), "label": _spans(page), "page": page.name}
        for page in pages
    ]
    return "".join([json.dumps(row, ensure_ascii=False) + "\n" for row in rows])


def from_label_studio(data: bytes) -> list[Imported]:
    """The pages that have an annotation in a JSON export of Label Studio. Raises InputError."""
    try:
        tasks = json.loads(data)
        found = []
        for number, task in enumerate(tasks, 1):
            text = task["data"]["text"]
            done = [x for x in task.get("annotations", ()) if not x.get("was_cancelled")]
            if not done:
                continue
            spans = [
                _span(text, result["value"], f"task {number}")
                for result in done[-1]["result"]
                if result["type"] == "labels"
            ]
            found.append(Imported(str(task["data"].get("page", "")), text, spans))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"no JSON export of Label Studio ({error!r})") from None
    return found


def from_doccano(data: bytes) -> list[Imported]:
    """The documents in a JSONL export of doccano. Raises InputError."""
    found = []
    rows = [(number, row) for number, row in enumerate(data.splitlines(), 1) if row.strip()]
    for number, row in rows:
        try:
            document = json.loads(row)
            labels = document["label"] if "label" in document else document["labels"]
            spans = [(int(start), int(end), str(label)) for start, end, label in labels]
            found.append(Imported(str(document.get("page", "")), document["text"], spans))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"line {number}: no document of doccano ({error!r})") from None
    return found


def matched(
    pages: Sequence[AnnotatedPage], imported: Iterable[Imported]
) -> list[tuple[AnnotatedPage, list[str | None]]]:
    """The pages that were imported, and the new label of each of their lines: that which most of
    its characters have; "?" for lines without one, None for blank lines.

    Raises InputError for a text that no page has, or that several have and no name tells which,
    for a page that comes twice, and for unknown labels.
    """
    by_name = {page.name: page for page in pages}
    by_text: dict[str, list[AnnotatedPage]] = {}
    for page in pages:
        by_text.setdefault(_text(page), []).append(page)
    found: dict[str, tuple[AnnotatedPage, list[str | None]]] = {}
    for one in imported:
        what = one.name or repr(one.text[:40])
        alike = by_text.get(one.text, [])
        if not alike:
            raise InputError(
                f"{what}: no page here has this text; import into the folder that was exported"
            )
        named = by_name.get(one.name)
        if named in alike:
            alike = [named]
        if len(alike) > 1:
            raise InputError(
                f'{what}: {len(alike)} pages here have this text; say which with "page", such as '
                f"{alike[0].name}"
            )
        (page,) = alike
        if page.name in found:
            raise InputError(f"{page.name}: is in the file twice; leave the labels of one")
        found[page.name] = page, _labels(page, one.spans)
    return list(found.values())


def _labels(page: AnnotatedPage, spans: Iterable[Span]) -> list[str | None]:
    """The label of each line. Raises InputError for unknown labels."""
    rows = list(_rows(page))
    starts = [start for _, start, _ in rows]
    covered: dict[int, Counter[str]] = {}
    for start, end, label in spans:
        if label not in LABELS:
            raise InputError(f"{page.name}: {unknown('label', label, LABELS)}")
        for i in range(max(bisect_right(starts, start) - 1, 0), bisect_left(starts, end)):
            row, begin, stop = rows[i]
            shared = min(end, stop) - max(start, begin)
            if shared > 0:
                covered.setdefault(row, Counter())[label] += shared
    labels: list[str | None] = [None] * len(page.lines)
    for row in page.rows:
        labels[row] = covered[row].most_common(1)[0][0] if row in covered else UNLABELLED
    return labels


def _text(page: AnnotatedPage) -> str:
    return "\n".join(page.lines)


def _rows(page: AnnotatedPage) -> Iterator[tuple[int, int, int]]:
    """The index of each line that is not blank, and where it begins and ends in the text."""
    starts = list(accumulate((len(line) + 1 for line in page.lines), initial=0))
    for row in page.rows:
        yield row, starts[row], starts[row] + len(page.lines[row])


def _labelled_rows(page: AnnotatedPage) -> list[int]:
    return [row for row in page.rows if page.label(row) != UNLABELLED]


def _spans(page: AnnotatedPage) -> list[Span]:
    return [
        (start, end, page.label(row))
        for row, start, end in _rows(page)
        if page.label(row) != UNLABELLED
    ]


def _span(text: str, value: dict[str, Any], where: str) -> Span:
    """A span of Label Studio. It counts characters, or in some versions the units of UTF-16; the
    text that it names tells which. Raises InputError if it is neither."""
    start, end, label = int(value["start"]), int(value["end"]), str(value["labels"][0])
    said = value.get("text")
    if said is None or text[start:end] == said:
        return start, end, label
    units = text.encode("utf-16-le", "surrogatepass")
    before, inside = units[: 2 * start], units[2 * start : 2 * end]
    if inside.decode("utf-16-le", "replace") != said:
        raise InputError(f"{where}: the label at {start} to {end} is not where its text is")
    begin = len(before.decode("utf-16-le", "replace"))
    return begin, begin + len(said), label
