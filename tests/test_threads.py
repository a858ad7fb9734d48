"""One thread for the linear algebra while pages are labelled, and as many as before after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from clutter import threads
from clutter.threads import one_thread

threadpoolctl = pytest.importorskip("threadpoolctl", reason="needs the extra clutter[batch]")

np.ones((2, 2)) @ np.ones((2, 2))  # the library is there


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """A caller who computes on two threads, and a controller that knows what is loaded now."""
    threads._controller.cache_clear()
    with threadpoolctl.threadpool_limits(2):
        if set(counts()) != {2}:
            pytest.skip("the linear algebra has one thread only here")
        yield
    threads._controller.cache_clear()


def counts() -> list[int]:
    """The threads of each library of linear algebra."""
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


def test_there_is_one_thread_inside_and_the_callers_number_after_it() -> None:
    with one_thread():
        assert set(counts()) == {1}
    assert set(counts()) == {2}


def test_the_callers_number_is_put_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), one_thread():
        assert set(counts()) == {1}
        raise ZeroDivisionError
    assert set(counts()) == {2}


def test_one_inside_another_changes_nothing() -> None:
    with one_thread():
        with one_thread():
            assert set(counts()) == {1}
        assert set(counts()) == {1}
    assert set(counts()) == {2}


def test_the_number_may_change_between_two_uses() -> None:
    with one_thread():
        pass
    with threadpoolctl.threadpool_limits(1):
        with one_thread():
            assert set(counts()) == {1}
        assert set(counts()) == {1}
    assert set(counts()) == {2}


def test_without_threadpoolctl_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with one_thread():
        assert set(counts()) == {2}
    assert set(counts()) == {2}
