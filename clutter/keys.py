"""Millions of 64-bit keys, sorted on disk.

To count the lines of a crawl, or to check that no two files have the same name, equal items
must be brought together, and there may be more items than fit into memory. Each item has a
key, its hash. A file of keys is split by the keys' top bits into parts that fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_PART = 1 << 20
"""About how many keys a part holds at most. There are at most 256 parts; if that is not enough
for all keys, the parts are larger."""


def keys_by_top_bits(source: Path, folder: Path) -> Iterator[Keys]:
    """The keys of a file in parts, one part for each value of the top bits, in increasing order
    of these. Equal keys are in the same part; a part is not sorted yet. ``folder`` is for
    temporary files. Raises OSError."""
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
