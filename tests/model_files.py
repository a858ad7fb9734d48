"""Model files: taken apart, put together, and as version 0.1.0 wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from clutter import Model


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a model file."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clutter"])
    return header, safetensors.numpy.load(data)


def joined(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A model file with this header and these arrays."""
    return safetensors.numpy.save(arrays, metadata={"clutter": json.dumps(header)})


def saved_bytes(model: Model, file: Path) -> bytes:
    """What is in the file of a saved model."""
    model.save(file)
    return file.read_bytes()


def two_files(model: Model, file: Path) -> Path:
    """Write a model as version 0.1.0 did: the network for HTML in a second file. Returns it."""
    header, arrays = parts(saved_bytes(model, file))
    html_about = header.pop("html about", {})
    header["format"] = 2
    text = {name: array for name, array in arrays.items() if not name.startswith("html.")}
    html = {name.removeprefix("html."): arrays[name] for name in arrays.keys() - text.keys()}
    file.write_bytes(joined(header, text))
    beside = file.with_name(file.stem + ".html.safetensors")
    if html:
        beside.write_bytes(joined(header | {"about": html_about}, html))
    return beside
