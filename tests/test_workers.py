"""Other processes that clean: the same results in the same order, also where one dies."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from clutter.batch import workers
from clutter.batch.tasks import Result, Task, clean, clean_part, joined
from clutter.batch.workers import Workers
from clutter.errors import WorkersError
from clutter.formats import PAGE_FILES
from clutter.formats.base import Chunk, Record
from clutter.formats.jsonl import JsonLines
from clutter.formats.pages import PageFile
from clutter.formats.parquet import Parquet, batch_of, stream_of
from clutter.options import CleanOptions

OPTIONS = CleanOptions(threshold=0)

FATAL = """
import ctypes, os, signal, sys

MAIN = os.getpid()
NEW = "clutter.batch.workers" in " ".join(sys.orig_argv)

from clutter.formats.base import ItemFormat

make = ItemFormat.records

def deadly(self, chunk, options):
    if NEW or os.getpid() != MAIN:
        if "deadly" in str(chunk.raw):
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in str(chunk.raw):
            raise MemoryError
        if "greedy" in str(chunk.raw):
            bytearray(1 << 34)
        if "endless" in str(chunk.raw):  # in C, with the lock of the interpreter
            ctypes.PyDLL(None).sleep(1000)
    return make(self, chunk, options)

ItemFormat.records = deadly
"""
"""Makes some pages deadly, in all processes but the main one."""


@pytest.fixture
def fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(FATAL)
    root = Path(workers.__file__).parent.parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{root}")


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


def results(
    steps: Iterator[One], folder: Path, jobs: int = 2, seconds: float = 60, fork: bool = False
) -> Iterator[tuple[One, Result]]:
    """The results of steps, in processes that are ended at the end."""
    processes = Workers(OPTIONS, str(folder), jobs, seconds, fork=fork)
    try:
        yield from processes.results(steps, clean)
    finally:
        processes.end()


def test_results_come_in_the_order_of_the_steps(tmp_path: Path) -> None:
    steps = [lines(*range(i, i + 40 - i)) if i % 3 else One(None) for i in range(30)]
    alone = [
        (step, clean(step.task, OPTIONS, str(tmp_path)) if step.task else Result())
        for step in steps
    ]
    others = list(results(iter(steps), tmp_path))
    assert others == alone
    assert [step for step, _ in others] == steps


def test_steps_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = 0

    def steps() -> Iterator[One]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield lines(i)

    found = results(steps(), tmp_path)
    for _ in range(10):
        next(found)
    assert taken <= 10 + 4 * 2 + workers.AHEAD
    list(itertools.islice(found, 5))


def killed(number: int, reason: str) -> tuple[dict[str, Any], ...]:
    return ({"file": "a.jsonl", "record": number, "error": reason},)


def test_a_record_that_kills_its_process_is_the_only_one_lost(tmp_path: Path, fatal: None) -> None:
    steps = [lines(1, 2), lines(3, "deadly", 4, first=2), lines("huge", 5, first=5), lines(6)]
    for jobs in (1, 2):
        found = list(results(iter(steps), tmp_path, jobs))
        assert ids(iter(found)) == [[1, 2], [3, 4], [5], [6]]
        assert [result.errors for _, result in found] == [
            (),
            killed(4, "it killed the process that cleaned it"),
            killed(6, "it takes too much memory"),
            (),
        ]
        assert [result.counts["pages"] for _, result in found] == [2, 2, 1, 1]
        assert [result.counts.get("errors", 0) for _, result in found] == [0, 1, 1, 0]


def test_a_record_that_takes_too_long_is_the_only_one_lost(tmp_path: Path, fatal: None) -> None:
    steps = [lines(1), lines(2, "endless", 3, first=1), lines("endless", first=4), lines(4)]
    found = list(results(iter(steps), tmp_path, seconds=0.5))
    assert ids(iter(found)) == [[1], [2, 3], [], [4]]
    reason = "it takes more than 0.5 seconds; page-timeout changes it"
    assert [result.errors for _, result in found] == [(), killed(3, reason), killed(5, reason), ()]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
def test_a_record_that_takes_all_memory_is_the_only_one_lost(tmp_path: Path, fatal: None) -> None:
    found = list(results(iter([lines(1, "greedy", 2)]), tmp_path, 1))
    assert ids(iter(found)) == [[1, 2]]
    assert found[0][1].errors == killed(2, "it takes too much memory")


def test_records_beside_a_deadly_one_are_encoded_as_ever(tmp_path: Path, fatal: None) -> None:
    task = lines(1, "deadly", 2).task
    assert task is not None
    packed = replace(task, ending=".jsonl.gz")
    ((_, found),) = results(iter([One(packed)]), tmp_path, 1)
    raw = [packed.chunk.raw[0], packed.chunk.raw[2]]
    right = clean(replace(packed, chunk=Chunk(raw, 0, 2)), OPTIONS, str(tmp_path))
    assert found.piece == right.piece


def test_a_table_beside_a_deadly_record_is_whole(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = pa.RecordBatch.from_pydict({"id": [*range(5)], "text": ["A line", None, *"abc"]})
    task = Task(Parquet(), "a.parquet", Chunk(stream_of(rows), 0, 5), ".jsonl")
    parts = [clean_part(single, OPTIONS, str(tmp_path)) for single in workers._singles(task)]
    assert joined(task, parts) == clean(task, OPTIONS, str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a copy of a process")
def test_a_copy_of_this_process_that_fails_loses_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = os.getpid()
    records = JsonLines.records
    asked = tmp_path / "asked"

    def deadly(self: JsonLines, chunk: Chunk, options: CleanOptions) -> list[Record]:
        if os.getpid() != main:
            asked.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return records(self, chunk, options)

    monkeypatch.setattr(JsonLines, "records", deadly)
    # threads that other tests have left wait, and hold no lock
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    found = list(results(iter([lines(1), lines(2)]), tmp_path, 1, fork=True))
    assert asked.exists()
    assert ids(iter(found)) == [[1], [2]]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a copy of a process")
def test_all_processes_of_a_run_are_copies_that_share_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(options: CleanOptions) -> Any:
        raise AssertionError("a new process loads a model of its own")

    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(workers, "_new_process", fails)
    steps = [lines(i, first=i) for i in range(8)]
    assert ids(results(iter(steps), tmp_path, 3, fork=True)) == [[i] for i in range(8)]


def test_workers_end_at_once(tmp_path: Path, fatal: None) -> None:
    processes = Workers(OPTIONS, str(tmp_path), 1, 0)
    found = processes.results(iter([lines(1), lines("endless"), lines(2)]), clean)
    assert ids(iter([next(found)])) == [[1]]
    begin = time.monotonic()
    processes.end()
    assert time.monotonic() - begin < 5


def test_while_a_result_is_awaited_the_pages_after_it_are_counted(
    tmp_path: Path, fatal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "TICK_SECONDS", 0.05)
    counted: list[int] = []
    processes = Workers(OPTIONS, str(tmp_path), 2, 1)
    try:
        steps = [lines("endless"), lines(1, 2), lines(3)]
        list(processes.results(iter(steps), clean, counted.append))
    finally:
        processes.end()
    assert len(counted) >= 6
    assert counted == sorted(counted)
    assert counted[-1] == 3


def test_a_table_can_be_cut_into_its_records(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = pa.RecordBatch.from_pydict({"id": [*range(5)], "text": ["A line"] * 5})
    parts = workers._singles(Task(Parquet(), "a.parquet", Chunk(stream_of(rows), 10, 5), ".jsonl"))
    assert [part.chunk.first for part in parts] == [10, 11, 12, 13, 14]
    found = [batch_of(part.chunk.raw).column("id").to_pylist() for part in parts]
    assert found == [[0], [1], [2], [3], [4]]


def test_processes_that_cannot_begin_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkersError, match="no process can be started"):
        list(results(iter([lines(1)]), tmp_path))


def test_an_output_that_cannot_be_written_ends_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "file").touch()
    raw = [(0, PageFile(str(tmp_path / "a.txt"), "a.txt"))]
    step = One(Task(PAGE_FILES, "", Chunk(raw, 0, 1), None, (str(tmp_path / "file" / "a.txt"),)))
    for fork in (False, True):
        with pytest.raises(OSError, match="Not a directory"):
            list(results(iter([step]), tmp_path, fork=fork))
