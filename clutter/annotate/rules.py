"""The rules of the labels, from the document that has them: labelled/README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_CODE = re.compile(r"`([^`]*)`")


def rules() -> dict[str, Any]:
    """``labels``: [label, what it is, examples] for each; ``doubtful``: what to do where two labels
    could do; ``kinds``: [kind, what it is]; ``other_pages``: what the labels mean on pages that
    are no article. All are plain text. Raises OSError."""
    text = _document().read_text("utf-8")
    labels, kinds = _section(text, "The labels"), _section(text, "The kinds of pages")
    return {
        "labels": _rows(labels),
        "doubtful": _items(labels),
        "kinds": _rows(kinds),
        "other_pages": _items(kinds),
    }


def _document() -> Path:
    # in the installed package, or in the repository next to it
    here = Path(__file__).resolve().parent
    inside = here / "rules.md"
    return inside if inside.exists() else here.parent.parent / "labelled" / "README.md"


def _section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _rows(section: str) -> list[list[str]]:
    rows = re.findall(r"^\| (`\w+`) \|(.*)\|$", section, re.MULTILINE)
    return [[_plain(first), *map(_plain, rest.split("|"))] for first, rest in rows]


def _items(section: str) -> list[str]:
    return [
        _plain(item) for item in re.findall(r"^- (.+(?:\n(?!- |\n).+)*)", section, re.MULTILINE)
    ]


def _plain(markdown: str) -> str:
    return " ".join(_CODE.sub(r"\1", markdown).split())
