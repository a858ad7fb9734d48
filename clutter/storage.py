"""The model file: arrays and a header, checked before they are read.

A model is one ``.safetensors`` file (never a pickle, which could run code). Its JSON header
holds the settings, the labels and kinds, and facts about the training. A file that does not fit
this version raises an error that says what is wrong, so it cannot give wrong results.

The first 8 bytes are the length of the header (https://github.com/huggingface/safetensors).
The header says where each array is, so the sizes are known before any memory is used.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from clutter import features
from clutter.errors import ModelError
from clutter.features import N_LINE_FEATURES
from clutter.markup import MARKUP_FEATURE_NAMES, MARKUP_HASH_BITS
from clutter.network import blocks, weight_shapes
from clutter.page import KINDS, LABELS

FORMAT_VERSION = 6
"""Version of the model file. Increase it with every change to the meaning of the arrays, so also
with every change to what features.py or the html package computes."""

MAX_HEADER_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 28
"""No model is near these sizes (the shipped one: 7 KB and 10 MB). A larger file is something else,
and is refused before it fills the memory."""

LARGEST = 1e37
"""A network is refused if a page could bring a number in it above this. Float32 ends at 3.4e38."""

_MOST_HASHES = 1 << 20
_LARGEST_FEATURE = float(1 << 20)
"""More than a line can have: n-grams, or hashes of its markup; and more than a feature can be."""

_DTYPES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8",
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32",
    "F64": "float64",
}  # fmt: skip
"""Names of the types of arrays: in the file, and in numpy."""

Arrays = dict[str, NDArray[Any]]


def write_model_file(
    path: str | os.PathLike[str], arrays: Arrays, metadata: Mapping[str, Any]
) -> None:
    """Write a model file, completely or not at all. Raises ModelError if the metadata is too long,
    and OSError."""
    from clutter.files import replacing  # not needed for inference

    header = {
        "format": FORMAT_VERSION,
        "labels": list(LABELS),
        "kinds": list(KINDS),
        "features": _feature_settings(),
        "about": metadata,
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    dumped = json.dumps(header, ensure_ascii=False, sort_keys=True)
    data = safetensors.numpy.save(contiguous, metadata={"clutter": dumped})
    if int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES:
        raise ModelError(f"{os.fspath(path)}: the metadata is longer than a model file can hold")
    with replacing(path) as file:
        file.write(data)


def read_model_file(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of the network, and its metadata.

    Raises ModelError if the file is not a clutter model, is damaged, or has another version of the
    format; OSError if it cannot be read.
    """
    model = _open(path)
    with model.file:
        return _read(model), model.metadata


def check_model_file(path: str | os.PathLike[str]) -> None:
    """Check the header of a model file. Raises ModelError if it is not a model, OSError if it
    cannot be read."""
    _open(path).file.close()


def shipped_model_file() -> Path:
    """The file of the shipped model: in the installed package, or in the repository next to it."""
    here = Path(__file__).resolve().parent
    inside = here / "models" / "default.safetensors"
    return inside if inside.exists() else here.parent / "models" / "default.safetensors"


@dataclass(frozen=True)
class _Place:
    """Where an array is in the file, and what it is."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int


@dataclass(frozen=True)
class _ModelFile:
    """An open model file with a header that is fine, and the places of its arrays."""

    name: str
    file: FileIO
    places: dict[str, _Place]
    metadata: dict[str, Any]


def _open(path: str | os.PathLike[str]) -> _ModelFile:
    """Open a model file and check all that its header says, before any array is read."""
    name = os.fspath(path)
    # a pipe without a writer would wait for one
    file = FileIO(name, opener=lambda p, flags: os.open(p, flags | getattr(os, "O_NONBLOCK", 0)))
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{name}: a model is a regular file, not a pipe or a device")
        header, places = _header(name, file, status.st_size)
        version = header.get("format")
        if type(version) is not int or version != FORMAT_VERSION:
            raise ModelError(
                f"{name}: format {version!r}, and this version reads format {FORMAT_VERSION}; "
                "train or tune the model again: clutter train"
            )
        if header.get("features") != _feature_settings():
            raise ModelError(f"{name}: made with other features than this version computes")
        if header.get("labels") != list(LABELS):
            raise ModelError(f"{name}: other labels than {', '.join(LABELS)}")
        if header.get("kinds") != list(KINDS):
            raise ModelError(f"{name}: other kinds of pages than {', '.join(KINDS)}")
        metadata = header.get("about")
        if not isinstance(metadata, dict):
            raise ModelError(f"{name}: the header does not say what the model is about")
        _check_places(name, places)
    except BaseException:
        file.close()
        raise
    return _ModelFile(name, file, places, metadata)


def _header(name: str, file: FileIO, size: int) -> tuple[dict[str, Any], dict[str, _Place]]:
    """What the header of the file says of the model, and of its arrays. ``size`` is the number of
    bytes of the file."""
    try:
        length = int.from_bytes(_bytes_at(file, 0, 8), "little")
        if size < 8 + length:
            raise ValueError(f"{size} bytes, too few for its header")
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes")
        if size > MAX_FILE_BYTES:
            raise ValueError(f"{size} bytes, too many for a model")
        entries = json.loads(_bytes_at(file, 8, length).decode())
        described = entries.pop("__metadata__", {})
        places = _places(entries, 8 + length, size)
        if not isinstance(described, dict) or "clutter" not in described:
            raise KeyError("clutter")
        header = json.loads(described["clutter"])
        if not isinstance(header, dict):
            raise KeyError("clutter")
    except KeyError:
        raise ModelError(f"{name}: a safetensors file, but not a clutter model") from None
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{name}: not a model file, or a damaged one ({error})") from None
    return header, places


def _places(entries: dict[str, Any], begin: int, size: int) -> dict[str, _Place]:
    """The places of the arrays. Raises ValueError unless they fill the file from ``begin`` to
    ``size`` without gaps."""
    places = {}
    for array, entry in entries.items():
        if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
            raise ValueError(f"array {array!r} has no place")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [*shape, *offsets]
        if dtype not in _DTYPES or len(offsets) != 2:
            raise ValueError(f"array {array!r} has a place that cannot be read")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError(f"array {array!r} has a size that is not a number")
        places[array] = _Place(
            _DTYPES[dtype], tuple(shape), begin + offsets[0], offsets[1] - offsets[0]
        )
    end = begin
    for array, place in sorted(places.items(), key=lambda item: (item[1].begin, item[1].size)):
        expected = np.dtype(place.dtype).itemsize
        for length in place.shape:
            expected = min(expected * length, size + 1)  # no long products of absurd numbers
        if place.begin != end or place.size != expected:
            raise ValueError(f"array {array!r} is not where the header says")
        end += place.size
    if end != size:
        raise ValueError(f"{size} bytes, but its header says {end}")
    return places


def _fill(buffer: memoryview, file: FileIO, begin: int) -> None:
    """Fill the buffer with the bytes of the file from ``begin`` on. Raises ValueError if it ends
    too early."""
    if hasattr(os, "preadv"):  # after a fork, processes share the position in an open file
        size = os.preadv(file.fileno(), [buffer], begin)
    else:
        file.seek(begin)
        size = file.readinto(buffer)
    if size != len(buffer):
        raise ValueError("it ends too early")


def _bytes_at(file: FileIO, begin: int, size: int) -> bytearray:
    data = bytearray(size)
    _fill(memoryview(data), file, begin)
    return data


def _read(model: _ModelFile) -> Arrays:
    """The arrays of the network."""
    arrays: Arrays = {}
    for array, place in model.places.items():
        arrays[array] = np.empty(place.shape, place.dtype)
        if place.size:
            try:
                _fill(arrays[array].data.cast("B"), model.file, place.begin)
            except ValueError as error:
                raise ModelError(f"{model.name}: a damaged model file ({error})") from None
        if place.dtype == "float32" and not np.isfinite(arrays[array]).all():
            raise ModelError(f"{model.name}: array {array!r} holds numbers that are not finite")
    if not _largest_number(arrays) < LARGEST:  # also true for NaN
        raise ModelError(f"{model.name}: the weights are too large to compute with")
    return arrays


def _feature_settings() -> dict[str, Any]:
    return {
        "orders": list(features.ORDERS),
        "bucket_bits": features.BUCKET_BITS,
        "shape": list(features.LINE_FEATURE_NAMES),
        "mark_bits": MARKUP_HASH_BITS,
        "cues": MARKUP_FEATURE_NAMES,
    }


def _check_places(name: str, places: dict[str, _Place]) -> None:
    """Check that the arrays are those of a network, and of the right types and shapes."""

    def size(array: str, axis: int) -> int:
        shape = places[array].shape if array in places else ()
        return shape[axis] if len(shape) > axis else 0

    def refuse(array: str, reason: str) -> NoReturn:
        raise ModelError(f"{name}: array {array!r} {reason}")

    ngram_size, markup_size = size("ngrams", 1), size("marks", 1)
    hidden, summary = size("in_w", 1), size("mean0_u", 1)
    shapes = weight_shapes(ngram_size, markup_size, hidden, summary)
    shapes |= {"marks": (1 << MARKUP_HASH_BITS, markup_size), "marks_scale": (markup_size,)}
    shapes |= {"shape_mean": (N_LINE_FEATURES,), "shape_scale": (N_LINE_FEATURES,)}
    shapes |= {"ngrams": (1 << features.BUCKET_BITS, ngram_size), "ngrams_scale": (ngram_size,)}
    for array in shapes:
        if array not in places:
            refuse(array, "is missing")
    for vectors, count in (("n-gram", ngram_size), ("markup", markup_size)):
        if count % 8:
            raise ModelError(f"{name}: {vectors} vectors of {count} numbers, not a multiple of 8")
    for array, shape in shapes.items():
        place = places[array]
        dtype = "int8" if array in ("ngrams", "marks") else "float32"
        if place.shape != shape or place.dtype != dtype:
            refuse(array, f"is {place.dtype} {place.shape}, not {dtype} {shape}")
    for array, length in (("ngrams", ngram_size), ("in_w", hidden), ("mean0_u", summary)):
        if length == 0:
            refuse(array, "is empty")
    others = places.keys() - shapes.keys()
    if others:
        raise ModelError(f"{name}: array {min(others)!r} is not part of the format")


def _largest_number(arrays: Arrays) -> float:
    """An upper bound for the numbers that any page can bring in this network: the largest input
    goes through all layers, with the absolute values of the weights. NaN or infinity if it is
    beyond float64."""
    size = {
        name: np.abs(array.astype(np.float64)) for name, array in arrays.items() if array.ndim == 1
    }

    def layer(weights: str, x: NDArray[np.float64], bias: str) -> NDArray[np.float64]:
        out: NDArray[np.float64] = x @ np.abs(arrays[weights]).astype(np.float64) + size[bias]
        return out

    with np.errstate(all="ignore"):
        sums = [128 * _MOST_HASHES * size[f"{table}_scale"] for table in ("ngrams", "marks")]
        scaled = (_LARGEST_FEATURE + size["shape_mean"]) * size["shape_scale"]
        ngrams, markup = (total / np.sqrt(_MOST_HASHES) for total in sums)
        x = [ngrams, np.full(N_LINE_FEATURES, 5.0)]
        if markup.size:
            x += [markup, np.full(len(MARKUP_FEATURE_NAMES) + 1, _LARGEST_FEATURE)]
        h = layer("in_w", np.concatenate(x), "in_b")
        for kind, i in blocks(markup.size > 0):
            name = f"{kind}{i}"
            # what a layer reads side by side: three neighbours, two running means, one of a group
            if kind == "conv":
                seen = np.tile(h, 3)
            else:
                seen = np.tile(layer(f"{name}_u", h, f"{name}_c"), 2 if kind == "mean" else 1)
            h = h + layer(f"{name}_w", seen, f"{name}_b")
        page = np.tile(layer("kind_u", h, "kind_c"), 2)
        scores = [layer("out_w", h, "out_b"), layer("kind_w", page, "kind_b")]
        scores.append(layer("main_w", h, "main_b"))
        return float(np.concatenate([*sums, scaled, h, page, *(2 * x for x in scores)]).max())
