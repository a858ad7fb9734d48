"""Limiting the linear algebra to one thread while pages are labelled.

The network is small: several threads are little faster than one, and take many times as long if
other programs use the processors. Programs that start a process for each core have no free cores
anyway.

Numpy from PyPI computes with OpenBLAS, which has one number of threads for the whole process
(also in its function ``openblas_set_num_threads_local``). So it is 1 while any thread is in a
block of :func:`one_thread`, and what it was before when the last one has left. A large product
that another thread starts meanwhile is computed with one thread: more slowly, with the same
result. A program that changes the number in one thread, and later sets it back to what it read,
while another thread labels, may read this 1: the number is then 1 in the end, as with any two
parts of a program that do so (threadpoolctl has the same limit).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import _umath_linalg

_lock = threading.RLock()
_inside: list[int] = []
"""The thread of each block that is open."""
_before = 0
"""The number of threads when the first of these blocks began."""


class _OpenBlas(NamedTuple):
    get: Callable[[], int]
    set: Callable[[int], None]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """A context manager: numpy computes with one thread, in all threads of this process.

    With a library other than OpenBLAS, or an OpenBLAS that uses OpenMP, this limits OpenMP in the
    calling thread if threadpoolctl is installed, and has no effect otherwise: the results are the
    same, but may take more time.
    """
    global _before
    blas = _openblas()
    if blas is None:
        with _one_openmp_thread():
            yield
        return
    thread = threading.get_ident()
    try:
        with _lock:
            _inside.append(thread)
            if len(_inside) == 1:
                _before = blas.get()
                if _before > 1:
                    blas.set(1)
        yield
    finally:
        with _lock:
            if thread in _inside:  # not if an exception like that of ^C came before
                _inside.remove(thread)
            _restore(blas)


def _restore(blas: _OpenBlas) -> None:
    """Set the number of threads as it was before, if no block is open. A number that another part
    of the program has set meanwhile is left."""
    global _before
    if not _inside:
        if _before > 1 and blas.get() == 1:
            blas.set(_before)
        _before = 0


def _after_fork() -> None:
    """In a new process: only the thread that forked is there, and what the others began ends."""
    blas = _openblas() if _inside else None
    if blas is not None:
        _inside[:] = [thread for thread in _inside if thread == threading.get_ident()]
        _restore(blas)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork
    )


@functools.cache
def _openblas() -> _OpenBlas | None:
    """The functions of the OpenBLAS that numpy uses; None if it uses another library, or if
    OpenBLAS takes its threads from OpenMP."""
    for file in _files():
        try:
            library = ctypes.PyDLL(file)  # loaded already
        except OSError:
            continue
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                found = [
                    getattr(library, f"{prefix}openblas_{name}{suffix}", None)
                    for name in ("get_num_threads", "set_num_threads", "get_parallel")
                ]
                if None not in found:
                    return _checked(*found)
    return None


def _files() -> list[str]:
    """Where OpenBLAS is looked up: in a module of numpy, which finds what it was linked with, and
    for Windows, where it does not, in the libraries that come with numpy."""
    beside = Path(np.__file__).parent.with_name("numpy.libs")
    return [_umath_linalg.__file__, *map(str, sorted(beside.glob("*openblas*")))]


def _checked(get: Any, set_number: Any, parallel: Any) -> _OpenBlas | None:
    set_number.argtypes, set_number.restype = [ctypes.c_int], None
    own_threads = 1  # 0: built without threads, 2: those of OpenMP
    return _OpenBlas(get, set_number) if parallel() == own_threads else None


def _one_openmp_thread() -> contextlib.AbstractContextManager[object]:
    controller = _controller()
    if controller is None:
        return contextlib.nullcontext()
    # each thread has its own number, so threads do not disturb each other
    return controller.limit(limits=1, user_api="openmp")  # type: ignore[no-any-return]


@functools.cache
def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    # cached, since finding the loaded libraries takes milliseconds
    return ThreadpoolController()
