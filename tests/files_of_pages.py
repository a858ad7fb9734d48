"""What the tests of the formats share: reading whole files, and writing them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clutter.formats import format_of, output_ending, output_format_of
from clutter.formats.base import Chunk, ItemFormat, Record
from clutter.options import DEFAULT, CleanOptions

HTML = b"<html><body><p>One page of several words</p></body></html>"
Rows = list[dict[str, Any]]


def found(
    path: Path, start: int = 0, options: CleanOptions = DEFAULT
) -> tuple[list[Record], list[str]]:
    """All records of a file, and what was wrong with it."""
    file_format = format_of(path.name)
    assert isinstance(file_format, ItemFormat)
    chunks = list(file_format.read(str(path), start, options))
    records = [one for chunk in chunks for one in file_format.records(chunk, options)]
    return records, [chunk.error for chunk in chunks if chunk.error]


def spans(items: Iterable[Chunk]) -> list[tuple[int, int]]:
    return [(some.first, some.count) for some in items if some.count]


def written(folder: Path, pieces: list[Any], ending: str) -> Path:
    """The file that these pieces become."""
    file_format = output_format_of(ending)
    (folder / "part").write_bytes(b"".join(file_format.encode(piece, ending) for piece in pieces))
    target = folder / f"clean{ending}"
    file_format.finish(folder / "part", target, ending)
    assert not (folder / "part").exists()
    return target


def rows_of(path: Path) -> Rows:
    """The records of a file, by the readers that everybody uses."""
    ending = output_ending(path.name)
    if ending == ".parquet":
        from pyarrow import parquet

        rows: Rows = parquet.read_table(path).to_pylist()
        return rows
    data = path.read_bytes()
    if ending == ".jsonl.gz":
        data = gzip.decompress(data)
    if ending == ".jsonl.zst":
        import pyarrow as pa

        data = pa.input_stream(path, compression="zstd").read()
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]
