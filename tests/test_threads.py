"""One thread for the linear algebra while pages are labelled, and the caller's number after."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clutter
from clutter import model, threads
from clutter.network import forward
from clutter.threads import one_thread

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def blas() -> Iterator[threads._OpenBlas]:
    """The OpenBLAS of numpy, set to two threads."""
    found = threads._openblas()
    if found is None:
        pytest.skip("numpy does not use an OpenBLAS with threads of its own")
    before = found.get()
    found.set(2)
    yield found
    found.set(before)


def test_numpy_has_one_thread_in_a_block_and_as_many_as_before_after_it(
    blas: threads._OpenBlas,
) -> None:
    with one_thread():
        assert blas.get() == 1
        with one_thread():
            assert blas.get() == 1
        assert blas.get() == 1
    assert blas.get() == 2


def test_the_number_is_the_one_that_others_measure(blas: threads._OpenBlas) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def numbers() -> set[int]:
        libraries = threadpoolctl.threadpool_info()
        return {x["num_threads"] for x in libraries if "numpy.libs" in x["filepath"]}

    if not numbers():
        pytest.skip("numpy's library is not one of its wheel")
    assert numbers() == {2}
    with one_thread():
        assert numbers() == {1}
    assert numbers() == {2}


def test_after_an_exception_the_number_is_as_before(blas: threads._OpenBlas) -> None:
    with pytest.raises(KeyboardInterrupt), one_thread():
        raise KeyboardInterrupt
    assert blas.get() == 2
    with one_thread():
        assert blas.get() == 1
    assert blas.get() == 2


def test_a_number_that_was_one_stays_one(blas: threads._OpenBlas) -> None:
    blas.set(1)
    with one_thread():
        assert blas.get() == 1
    assert blas.get() == 1


def test_a_number_that_is_set_within_a_block_is_kept(blas: threads._OpenBlas) -> None:
    blas.set(3)
    with one_thread():
        blas.set(2)
    assert blas.get() == 2


def test_blocks_of_threads_that_overlap_end_with_the_last(blas: threads._OpenBlas) -> None:
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with one_thread():
            entered.set()
            leave.wait(10)
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with one_thread():
        leave.set()
        assert left.wait(10)
        assert blas.get() == 1
    assert blas.get() == 2
    thread.join()


def test_many_threads_leave_the_number_as_it_was(blas: threads._OpenBlas) -> None:
    def work(_: int) -> int:
        most = 0
        for _ in range(200):
            with one_thread():
                most = max(most, blas.get())
        return most

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {1}
    assert blas.get() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("inside", [False, True])
def test_a_process_that_is_forked_while_another_thread_labels_has_the_number_back(
    inside: bool,
) -> None:
    # in a process of its own, because a fork copies only one of the threads of this one
    code = f"""
import os, threading
from clutter.threads import _openblas, one_thread
blas = _openblas()
if blas is None:
    raise SystemExit
blas.set(2)
entered, leave = threading.Event(), threading.Event()
def other():
    with one_thread():
        entered.set()
        leave.wait(10)
def fork():
    child = os.fork()
    if child == 0:
        within = blas.get()
        with one_thread():
            pass
        os._exit(10 * within + blas.get())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
threading.Thread(target=other).start()
entered.wait(10)
if {inside}:
    with one_thread():
        print(fork())
else:
    print(fork())
leave.set()
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) in [("11" if inside else "22", ""), ("", "")]


def test_the_library_is_also_found_beside_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    files = threads._files()[1:]
    if not files:
        pytest.skip("numpy is not from a wheel")
    monkeypatch.setattr(threads, "_files", lambda: ["/nowhere/none.so", *files])
    found, usual = threads._openblas.__wrapped__(), threads._openblas()
    assert found is not None
    assert usual is not None
    assert found.get() == usual.get()


def test_with_another_library_each_thread_limits_its_openmp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    pytest.importorskip("sklearn.neighbors")  # loads OpenMP
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    threads._controller.cache_clear()

    def number() -> Any:
        libraries = threadpoolctl.threadpool_info()
        return [x["num_threads"] for x in libraries if x["user_api"] == "openmp"]

    with threadpoolctl.threadpool_limits(2, user_api="openmp"), ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(number).result()
        with one_thread():
            assert set(number()) == {1}
            assert pool.submit(number).result() == elsewhere
        assert set(number()) == {2}


def test_without_a_known_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    monkeypatch.setattr(threads, "_controller", lambda: None)
    with one_thread():
        pass


# labelling

TEXT = "\n".join(f"Line {i} of a page that is long enough to be shared out." for i in range(400))


def test_labelling_computes_with_one_thread_and_leaves_the_number_as_it_was(
    blas: threads._OpenBlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    during = []

    def watched(*arguments: Any) -> Any:
        during.append(blas.get())
        return forward(*arguments)

    monkeypatch.setattr(model, "forward", watched)
    clutter.load().label(TEXT)
    clutter.load().label_html(f"<p>{TEXT}")
    assert during == [1, 1]
    assert blas.get() == 2


def test_labelling_that_fails_leaves_the_number_as_it_was(
    blas: threads._OpenBlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(model, "forward", failing)
    with pytest.raises(MemoryError):
        clutter.load().label(TEXT)
    assert blas.get() == 2


def test_two_threads_label_while_a_third_multiplies_and_all_results_are_right(
    blas: threads._OpenBlas,
) -> None:
    shipped = clutter.load()
    expected = shipped.label(TEXT).probabilities
    matrix = np.random.default_rng(0).normal(size=(300, 300))
    product = matrix @ matrix
    running = True

    def label(_: int) -> None:
        while running:
            np.testing.assert_array_equal(shipped.label(TEXT).probabilities, expected)

    with ThreadPoolExecutor(2) as pool:
        results = pool.map(label, range(2))
        for _ in range(20):
            np.testing.assert_allclose(matrix @ matrix, product)
        running = False
        list(results)
    assert blas.get() == 2
