"""Records from and to pipes: what has come is given at once, and nothing is left behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from clutter.batch import stream
from clutter.batch.stream import Step, read_ahead
from clutter.formats.base import Chunk
from clutter.formats.jsonl import JsonLines
from clutter.options import CleanOptions

OPTIONS = CleanOptions(threshold=0)


def step(*lines: bytes, error: str | None = None) -> Step:
    return Step(
        JsonLines(), "-", Chunk(list(enumerate(lines)), 0, len(lines), error=error), ".jsonl"
    )


def test_pieces_are_read_ahead_in_their_order() -> None:
    pieces = [b"%d" % i for i in range(1, 20)]
    assert [piece for piece in read_ahead(pieces) if piece] == pieces


def test_while_no_piece_comes_an_empty_one_is_given() -> None:
    more = threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"one"
        assert more.wait(30)
        yield b"two"

    ahead = read_ahead(slow())
    while next(ahead) != b"one":
        pass
    assert next(ahead) == b""
    more.set()
    assert [piece for piece in ahead if piece] == [b"two"]


def test_an_error_of_a_pipe_is_raised_after_the_pieces_before_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise OSError("broken")

    ahead = read_ahead(broken())
    seen: list[bytes] = []
    with pytest.raises(OSError, match="broken"):
        for piece in ahead:
            seen += [piece] * bool(piece)
    assert seen == [b"one"]


def test_the_thread_that_reads_ahead_ends_with_the_reader() -> None:
    before = set(threading.enumerate())
    ahead = read_ahead(b"x" for _ in range(1000))
    assert next(piece for piece in ahead if piece) == b"x"
    [reader] = set(threading.enumerate()) - before
    del ahead
    reader.join(30)
    assert not reader.is_alive()


def test_a_result_does_not_wait_for_the_next_step() -> None:
    is_given = threading.Event()

    def steps() -> Iterator[Step]:
        yield step(b'{"text": "one"}')
        for _ in range(10_000):  # as while a pipe is silent
            if is_given.wait(0.01):
                break
            yield step()
        yield step(b'{"text": "two"}')

    found = []
    for result in stream.results(steps(), OPTIONS, jobs=1, page_timeout=60):
        if result.piece:
            found.append(result.piece)
            is_given.set()
    assert [json.loads(piece)["text"] for piece in found] == ["one", "two"]


def test_records_that_fail_and_damage_are_errors_of_the_result() -> None:
    steps = iter([step(b'{"text": "one"}', b"[1]", error="cut"), step(error="end")])
    first, second = stream.results(steps, OPTIONS, jobs=1, page_timeout=60)
    assert json.loads(first.piece)["text"] == "one"
    assert [error["error"] for error in first.errors] == ["not a JSON object", "cut"]
    assert (first.counts["pages"], first.counts["errors"]) == (1, 2)
    assert second.errors == ({"file": "-", "record": 1, "error": "end"},)
