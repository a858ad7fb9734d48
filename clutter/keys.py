"""64-bit keys by the million, sorted on disk.

Counting the lines of a crawl, or seeing that no two files have one name, needs equal things
brought together, and there may be more of them than memory holds. A thing is known by a key,
its hash; a file of keys is split by their top bits into parts that fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_PART = 1 << 20
"""Keys that are sorted together, if that is more than 256 parts of them."""


def keys_by_top_bits(source: Path, folder: Path) -> Iterator[Keys]:
    """The keys of a file, part by part: those with the same top bits together, in order, so
    that equal keys come together. ``folder`` is for files on the way. Raises OSError."""
    bits = min(max(source.stat().st_size // 8 // _PART, 1).bit_length(), 8)
    sorted_out = folder / "keys-by-bits"
    sorted_out.mkdir(exist_ok=True)
    files = [open(sorted_out / str(i), "wb") for i in range(1 << bits)]  # noqa: SIM115
    try:
        with open(source, "rb") as stream:
            while (keys := np.fromfile(stream, np.uint64, _PART)).size:
                keys.sort()
                cuts = np.searchsorted(keys >> np.uint64(64 - bits), np.arange(len(files) + 1))
                for i, file in enumerate(files):
                    keys[cuts[i] : cuts[i + 1]].tofile(file)
    finally:
        for file in files:
            file.close()
    for i in range(len(files)):
        yield np.fromfile(sorted_out / str(i), np.uint64)
        (sorted_out / str(i)).unlink()
