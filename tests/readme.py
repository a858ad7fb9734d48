"""The examples of README.md, for tests that run them.

An example that nobody runs is wrong sooner or later. Tests take them from here, word for
word, and put their own paths in.
"""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def block(heading: str, n: int = 0) -> str:
    """The n-th block of code, from 0, below a heading of README.md, whatever its depth, up to
    the next heading. Raises LookupError where there is none."""
    lines = README.read_text("utf-8").splitlines()
    blocks: list[list[str]] = []
    is_below = is_code = False
    for line in lines:
        if line.startswith("```"):
            is_code = not is_code
            if is_code:
                blocks.append([])
        elif is_code:
            if is_below:
                blocks[-1].append(line)
        elif re.match("#+ ", line):
            if is_below:
                break
            is_below = line.lstrip("#").strip() == heading
            blocks.clear()
    if not is_below or n >= len(blocks):
        raise LookupError(f"{README.name}: no block of code {n} below the heading {heading!r}")
    return "\n".join(blocks[n]) + "\n"
