"""What tests of the commands share: the type of the fixture ``run`` (conftest.py), and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

Run = Callable[..., tuple[int, bytes, str]]
"""Runs a command line in an empty folder: exit status, output, messages."""


def write(files: Mapping[str, str | bytes]) -> None:
    """Write files, and the folders that they are in."""
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
