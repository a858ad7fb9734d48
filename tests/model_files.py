"""Model files: taken apart and put together."""

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
