"""Labels a long stream of pages and prints the memory in use during it.

    python tests/benchmarks/stream.py MEGABYTES

The pages are a few megabytes, repeated by a generator. If memory grows further, labelling does
not free it. docs/speed.md has the result.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import common

import clutter

POINTS = 10
"""How often the memory in use is printed."""


def peak_megabytes() -> float:
    """Peak memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def used_megabytes() -> float:
    """Memory in use now, in MB; the peak if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_megabytes()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Stream:
    """Repeats the pages until ``size`` megabytes have been sent."""

    def __init__(self, texts: list[str], size: float) -> None:
        self.texts = [(text, len(text.encode()) / 1e6) for text in texts]
        self.size = size
        self.sent = 0.0

    def __iter__(self) -> Iterator[str]:
        while True:
            for text, megabytes in self.texts:
                if self.sent >= self.size:
                    return
                self.sent += megabytes
                yield text


def main() -> None:
    size = float(sys.argv[1])
    model = clutter.load()
    stream = Stream(common.read_pages(3).texts, size)
    print(f"  before the first page {used_megabytes():7.0f} MB in use", flush=True)
    begin = time.perf_counter()
    lines = 0
    due = size / POINTS
    for page in model.label_many(stream):
        lines += len(page)
        if stream.sent >= due:
            print(
                f"  {stream.sent:10.0f} MB streamed {used_megabytes():7.0f} MB in use", flush=True
            )
            due += size / POINTS
    seconds = time.perf_counter() - begin
    print(
        f"  {lines:,} lines, {stream.sent:.0f} MB in {seconds:.1f} s "
        f"({stream.sent / seconds:.1f} MB/s); peak memory {peak_megabytes():.0f} MB"
    )


if __name__ == "__main__":
    main()
