"""Cleaning a whole crawl on one machine, from Python: ``run``.

>>> from clutter.batch import run
>>> from clutter.options import CleanOptions
>>> print(run(["pages/"], "clean.jsonl", CleanOptions(), jobs=2))
"""

from clutter.batch.runner import Summary, run
from clutter.errors import BatchError

__all__ = ["BatchError", "Summary", "run"]
