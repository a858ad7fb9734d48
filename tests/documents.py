"""The examples of README.md and of the documents in docs/, for tests that run them.

An example that nobody runs is wrong sooner or later. Tests take the examples from here, word
for word, and put their own paths in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "labelled/README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
)
"""The documents that speak of the present state: all but the changelog."""


@dataclass(frozen=True)
class Block:
    """A block of code of a document: the heading above it, its language ("" where it names
    none), and its lines, each with a line break."""

    heading: str
    language: str
    code: str


def read(document: str) -> str:
    """The text of a document, which is named by its path in the repository."""
    return (ROOT / document).read_text("utf-8")


def blocks(document: str) -> list[Block]:
    """All blocks of code of a document, in order."""
    found: list[Block] = []
    heading = language = ""
    code: list[str] | None = None
    for line in read(document).splitlines():
        if line.startswith("```"):
            if code is None:
                language, code = line[3:].strip(), []
            else:
                found.append(Block(heading, language, "".join(f"{row}\n" for row in code)))
                code = None
        elif code is not None:
            code.append(line)
        elif re.match("#+ ", line):
            heading = line.lstrip("#").strip()
    return found


def block(document: str, heading: str, n: int = 0) -> str:
    """The n-th block of code, from 0, between a heading of a document, whatever its depth, and
    the next heading. Raises LookupError where there is none."""
    found = [one.code for one in blocks(document) if one.heading == heading]
    if n >= len(found):
        raise LookupError(f"{document}: no block of code {n} below the heading {heading!r}")
    return found[n]
