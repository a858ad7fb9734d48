"""Clean a whole crawl on one machine: ``run`` cleans any number of files in several processes.

An interrupted run continues where it stopped.

>>> from clutter.batch import run
>>> from clutter.options import CleanOptions
>>> print(run(["pages/"], "clean.jsonl", CleanOptions(), jobs=2))
"""

from clutter.batch.runner import PAGE_TIMEOUT, Summary, run
from clutter.errors import BatchError

__all__ = ["PAGE_TIMEOUT", "BatchError", "Summary", "run"]
