"""Limiting the linear algebra to one thread while pages are labelled.

The network is small: with several threads, a page takes several times as long as with one.
Engines that start a process for each core have no free cores anyway. The caller's settings
are restored afterwards.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread() -> contextlib.AbstractContextManager[object]:
    """A context manager: numpy and scipy compute with one thread. Without threadpoolctl it has no
    effect: the results are the same, but take more time."""
    controller = _controller()
    if controller is None:
        return contextlib.nullcontext()
    return controller.limit(limits=1)  # type: ignore[no-any-return]


@functools.cache
def _controller() -> ThreadpoolController | None:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    # cached, since finding the loaded libraries takes milliseconds
    return ThreadpoolController()
