"""Other processes that clean: the same results in the same order, also where one dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clutter import records, workers
from clutter.cleaning import Cleaning
from clutter.workers import Done, Task, WorkersError, clean, in_processes, in_turn

HOW = Cleaning(threshold=0)

FATAL = """
import os, signal, sys

if "spawn_main" in " ".join(sys.orig_argv):
    import clutter.records

    make = clutter.records.records

    def deadly(kind, raw, how):
        if "deadly" in str(raw):
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in str(raw):
            raise MemoryError
        return make(kind, raw, how)

    clutter.records.records = deadly
"""


@dataclass(frozen=True)
class One:
    task: Task | None


def lines(*ids: int | str, first: int = 0) -> One:
    raw = [
        (first + i, json.dumps({"id": name, "text": f"Line {name}"}).encode())
        for i, name in enumerate(ids)
    ]
    return One(Task("jsonl", "a.jsonl", raw, first, ".jsonl"))


def ids(results: Iterator[tuple[One, Done]]) -> list[list[Any]]:
    found = [result.piece.decode().splitlines() for _, result in results]
    return [[json.loads(line)["id"] for line in piece] for piece in found]


def test_results_come_in_the_order_of_the_steps(tmp_path: Path) -> None:
    steps = [lines(*range(i, i + 40 - i)) if i % 3 else One(None) for i in range(30)]
    alone = list(in_turn(iter(steps), clean, HOW, str(tmp_path)))
    others = list(in_processes(iter(steps), clean, HOW, str(tmp_path), 2))
    assert others == alone
    assert [step for step, _ in others] == steps


def test_steps_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = 0

    def steps() -> Iterator[One]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield lines(i)

    results = in_processes(steps(), clean, HOW, str(tmp_path), 2)
    for _ in range(10):
        next(results)
    assert taken <= 10 + 4 * 2 + workers.AHEAD
    results.close()


def test_a_record_that_kills_its_process_is_the_only_one_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FATAL)
    root = Path(workers.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")
    steps = [lines(1, 2), lines(3, "deadly", 4, first=2), lines(5, "huge", first=5), lines(6)]
    results = list(in_processes(iter(steps), clean, HOW, str(tmp_path), 2))
    assert ids(iter(results)) == [[1, 2], [3, 4], [5], [6]]
    assert [result.errors for _, result in results] == [
        (),
        ({"file": "a.jsonl", "record": 4, "error": "it killed the process that cleaned it"},),
        ({"file": "a.jsonl", "record": 7, "error": "it killed the process that cleaned it"},),
        (),
    ]
    assert [result.counts["pages"] for _, result in results] == [2, 2, 1, 1]
    assert [result.counts.get("errors", 0) for _, result in results] == [0, 1, 1, 0]


def test_a_table_can_be_halved(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = pa.RecordBatch.from_pydict({"id": [*range(5)], "text": ["A line"] * 5})
    parts = [Task("parquet", "a.parquet", records.stream(rows), 10, ".jsonl")]
    while len(parts[0].raw) and (halves := workers._halves(parts[0])):
        parts[:1] = halves
    assert [part.first for part in parts] == [10, 11, 12]
    found = [records.batch(part.raw).column("id").to_pylist() for part in parts]
    assert found == [[0], [1], [2, 3, 4]]


def test_processes_that_cannot_begin_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkersError, match="no process can be started"):
        list(in_processes(iter([lines(1)]), clean, HOW, str(tmp_path), 2))


def test_an_output_that_cannot_be_written_ends_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "file").touch()
    raw = [(0, (str(tmp_path / "a.txt"), "a.txt", ""))]
    step = One(Task("page", "", raw, 0, None, (str(tmp_path / "file" / "a.txt"),)))
    with pytest.raises(OSError, match="Not a directory"):
        list(in_turn(iter([step]), clean, HOW, str(tmp_path)))
    with pytest.raises(OSError, match="Not a directory"):
        list(in_processes(iter([step]), clean, HOW, str(tmp_path), 1))
