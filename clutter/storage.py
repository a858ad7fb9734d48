"""The model file: arrays and a header, checked when they are read.

A model is one ``.safetensors`` file (never a pickle, which could run code). Its JSON header
holds the settings, the labels and facts about the training. If a model has a network for HTML,
this is in a second file in the same folder. A file that does not fit this version raises an
error that says what is wrong, so it cannot give wrong results.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from clutter import features
from clutter.errors import ModelError
from clutter.features import N_LINE_FEATURES
from clutter.markup import MARKUP_FEATURE_NAMES, MARKUP_HASH_BITS
from clutter.network import weight_shapes
from clutter.page import LABELS

FORMAT_VERSION = 2
"""Version of the model file; other versions raise an error. Increase it with every change to the
meaning of the arrays, so also with every change to what features.py computes."""

Arrays = dict[str, NDArray[Any]]


def write_model_file(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> None:
    """Write a model file, completely or not at all. Raises OSError."""
    from clutter.files import replacing  # not needed for inference

    header = {
        "format": FORMAT_VERSION,
        "labels": list(LABELS),
        "features": _feature_settings(),
        "about": metadata,
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(header, ensure_ascii=False, sort_keys=True)
    data = safetensors.numpy.save(contiguous, metadata={"clutter": text})
    with replacing(path) as file:
        file.write(data)


def read_model_file(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the metadata of a model file.

    Raises ModelError if the file is not a clutter model, is damaged, or has another
    version of the format; OSError if it cannot be read.
    """
    name = os.fspath(path)
    data = Path(path).read_bytes()
    try:
        arrays = safetensors.numpy.load(data)
        # safetensors.numpy.load returns only the arrays. The header is JSON; its length
        # is before it in 8 bytes, little-endian
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clutter"])
        if not isinstance(header, dict):
            raise TypeError("the header is not an object")
    except (KeyError, TypeError):
        raise ModelError(f"{name}: a safetensors file, but not a clutter model") from None
    except Exception as error:  # damaged files raise many kinds of errors
        raise ModelError(f"{name}: not a model file, or a damaged one ({error})") from None
    if header.get("format") != FORMAT_VERSION:
        raise ModelError(
            f"{name}: format {header.get('format')!r}; this version reads format {FORMAT_VERSION}"
        )
    if header.get("features") != _feature_settings():
        raise ModelError(f"{name}: made with other features than this version computes")
    if header.get("labels") != list(LABELS):
        raise ModelError(f"{name}: other labels than {', '.join(LABELS)}")
    metadata = header.get("about")
    if not isinstance(metadata, dict):
        raise ModelError(f"{name}: the header does not say what the model is about")
    _check_arrays(name, arrays)
    return arrays, metadata


def html_file_of(path: str | os.PathLike[str]) -> Path:
    """The file of the network for HTML that belongs to this model file."""
    file = Path(path)
    return file.with_name(file.name.removesuffix(".safetensors") + ".html.safetensors")


def shipped_model_file() -> Path:
    """The file of the shipped model: in the installed package, or in the repository next to it."""
    here = Path(__file__).resolve().parent
    inside = here / "models" / "default.safetensors"
    return inside if inside.exists() else here.parent / "models" / "default.safetensors"


def _feature_settings() -> dict[str, Any]:
    return {
        "orders": list(features.ORDERS),
        "bucket_bits": features.BUCKET_BITS,
        "shape": list(features.LINE_FEATURE_NAMES),
        "mark_bits": MARKUP_HASH_BITS,
        "cues": MARKUP_FEATURE_NAMES,
    }


def _check_arrays(name: str, arrays: Arrays) -> None:
    def size(array: str, axis: int) -> int:
        return arrays[array].shape[axis] if arrays[array].ndim > axis else 0

    def refuse(array: str, reason: str) -> NoReturn:
        raise ModelError(f"{name}: array {array!r} {reason}")

    tables = ["ngrams", "ngrams_scale", "marks", "marks_scale"]
    for array in [*weight_shapes(0, 0, 0, 0, 0), "shape_mean", "shape_scale", *tables]:
        if array not in arrays:
            refuse(array, "is missing")
    ngram_size, hidden, summary = size("ngrams", 1), size("in_w", 1), size("mean0_u", 1)
    if ngram_size % 4:
        raise ModelError(f"{name}: n-gram vectors of {ngram_size} numbers, not a multiple of 4")
    markup_size = size("marks", 1)
    shapes = weight_shapes(ngram_size, markup_size, hidden, summary, len(LABELS))
    shapes |= {"marks": (1 << MARKUP_HASH_BITS, markup_size), "marks_scale": (markup_size,)}
    shapes |= {"shape_mean": (N_LINE_FEATURES,), "shape_scale": (N_LINE_FEATURES,)}
    shapes |= {"ngrams": (1 << features.BUCKET_BITS, ngram_size), "ngrams_scale": (ngram_size,)}
    for array, shape in shapes.items():
        actual_shape, actual_dtype = arrays[array].shape, arrays[array].dtype
        dtype = np.dtype(np.int8 if array in ("ngrams", "marks") else np.float32)
        if actual_shape != shape or actual_dtype != dtype:
            refuse(array, f"is {actual_dtype} {actual_shape}, not {dtype} {shape}")
        if not np.isfinite(arrays[array]).all():
            refuse(array, "holds numbers that are not finite")
    extra = sorted(set(arrays) - set(shapes))
    if extra:
        refuse(extra[0], "is not part of the format")
