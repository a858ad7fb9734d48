"""Other processes that clean: the same results in the same order, also where one dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clutter.batch import workers
from clutter.batch.tasks import Result, Task, clean
from clutter.batch.workers import run_parallel, run_serial
from clutter.errors import WorkersError
from clutter.formats import PAGE_FILES
from clutter.formats.base import Chunk
from clutter.formats.jsonl import JsonLines
from clutter.formats.parquet import Parquet, batch_of, stream_of
from clutter.options import CleanOptions

OPTIONS = CleanOptions(threshold=0)

FATAL = """
import os, signal, sys

if "spawn_main" in " ".join(sys.orig_argv):
    from clutter.formats.base import ItemFormat

    make = ItemFormat.records

    def deadly(self, chunk, options):
        if "deadly" in str(chunk.raw):
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in str(chunk.raw):
            raise MemoryError
        return make(self, chunk, options)

    ItemFormat.records = deadly
"""


@dataclass(frozen=True)
class One:
    task: Task | None


def lines(*ids: int | str, first: int = 0) -> One:
    raw = [
        (first + i, json.dumps({"id": name, "text": f"Line {name}"}).encode())
        for i, name in enumerate(ids)
    ]
    return One(Task(JsonLines(), "a.jsonl", Chunk(raw, first, len(raw)), ".jsonl"))


def ids(results: Iterator[tuple[One, Result]]) -> list[list[Any]]:
    found = [result.piece.decode().splitlines() for _, result in results]
    return [[json.loads(line)["id"] for line in piece] for piece in found]


def test_results_come_in_the_order_of_the_steps(tmp_path: Path) -> None:
    steps = [lines(*range(i, i + 40 - i)) if i % 3 else One(None) for i in range(30)]
    alone = list(run_serial(iter(steps), clean, OPTIONS, str(tmp_path)))
    others = list(run_parallel(iter(steps), clean, OPTIONS, str(tmp_path), 2))
    assert others == alone
    assert [step for step, _ in others] == steps


def test_steps_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = 0

    def steps() -> Iterator[One]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield lines(i)

    results = run_parallel(steps(), clean, OPTIONS, str(tmp_path), 2)
    for _ in range(10):
        next(results)
    assert taken <= 10 + 4 * 2 + workers.AHEAD
    results.close()


def test_a_record_that_kills_its_process_is_the_only_one_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FATAL)
    root = Path(workers.__file__).parent.parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")
    steps = [lines(1, 2), lines(3, "deadly", 4, first=2), lines(5, "huge", first=5), lines(6)]
    results = list(run_parallel(iter(steps), clean, OPTIONS, str(tmp_path), 2))
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
    parts = [Task(Parquet(), "a.parquet", Chunk(stream_of(rows), 10, 5), ".jsonl")]
    while len(parts[0].chunk.raw) and (halves := workers._halves(parts[0])):
        parts[:1] = halves
    assert [part.chunk.first for part in parts] == [10, 11, 12]
    found = [batch_of(part.chunk.raw).column("id").to_pylist() for part in parts]
    assert found == [[0], [1], [2, 3, 4]]


def test_processes_that_cannot_begin_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkersError, match="no process can be started"):
        list(run_parallel(iter([lines(1)]), clean, OPTIONS, str(tmp_path), 2))


def test_an_output_that_cannot_be_written_ends_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "file").touch()
    raw = [(0, (str(tmp_path / "a.txt"), "a.txt", ""))]
    step = One(Task(PAGE_FILES, "", Chunk(raw, 0, 1), None, (str(tmp_path / "file" / "a.txt"),)))
    with pytest.raises(OSError, match="Not a directory"):
        list(run_serial(iter([step]), clean, OPTIONS, str(tmp_path)))
    with pytest.raises(OSError, match="Not a directory"):
        list(run_parallel(iter([step]), clean, OPTIONS, str(tmp_path), 1))
