"""Labelled pages with made-up probabilities, so that no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clutter import LABELS, Page, features
from clutter.page import ARTICLE, KINDS


def made_page(text: str, rows: Any, labels: Sequence[str] = LABELS, kind: str = "article") -> Page:
    """A page whose non-blank lines have these rows of probabilities. Main content is what the
    labels of an article say; the kind is certain."""
    found = features.split([text])
    probabilities = np.asarray(rows, np.float32).reshape(found.number.size, len(labels))
    main = probabilities[:, [labels.index(x) for x in ARTICLE if x in labels]].sum(axis=1)
    kinds = np.array([kind == name for name in KINDS], np.float32)
    start, end = found.lines.start, found.lines.end
    return Page(text, found.number, start, end, probabilities, main, kinds, tuple(labels))
