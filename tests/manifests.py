"""Which files a run writes for itself, beside its output."""

from __future__ import annotations

from pathlib import Path


def is_manifest(path: Path) -> bool:
    """Whether a file says what an earlier run has written."""
    return path.parent.name == ".clutter" or path.suffix == ".clutter"
