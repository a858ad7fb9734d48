"""One thread for the linear algebra while pages are labelled.

The network is small: shared out between threads, a page takes several times as long as on
one, and engines that start a process for each core have no core to spare. The caller's
settings are put back afterwards.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread() -> contextlib.AbstractContextManager[object]:
    """A context in which numpy and scipy compute on one thread. Without threadpoolctl it changes
    nothing: results are the same, in more time."""
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
    # finding the libraries takes milliseconds, and they stay the same
    return ThreadpoolController()
