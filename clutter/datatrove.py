"""Cleaning as a step of a datatrove pipeline, which is how many corpora are built.

A datatrove pipeline passes documents from a reader through filters to a writer, one task
a process, on one machine or a Slurm cluster. This step takes the place of its text
extractors, behind a reader of HTML, or follows one and cleans what it left. It is no
subclass of their base, which sends every document by itself to a process of its own and
gives nothing but text back: labelling is fastest on many pages at once, and a headline,
lines and a reason are worth keeping.

>>> CleanPages(html=False, exclusion_writer=JsonlWriter("dropped/"))
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from threadpoolctl import threadpool_limits

from clutter.cleaning import Cleaning, Content, clean_many, count
from clutter.page import KEPT

try:
    from datatrove.data import Document, DocumentsPipeline
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.writers.disk_base import DiskWriter
    from datatrove.utils.batching import batched
    from datatrove.utils.typeshelper import StatHints
except ImportError as error:  # pragma: no cover
    raise ImportError("this step needs datatrove: pip install datatrove") from error

DOCUMENTS = 64
"""Documents that are cleaned together."""


class CleanPages(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Put the clean article in the place of each document's text.

    ``html`` says whether that is HTML, which only matters to text with something like a tag in
    it. The other settings are those of ``clutter.cleaning.Cleaning``. Metadata gains ``title``
    (the page's headline, or None) and, with ``lines``, ``lines``: every line with its label and
    confidence. What was there under one of these names, or ``text`` or ``error``, becomes
    ``original_NAME``, as in the tables and records that ``clutter`` writes.

    As behind datatrove's extractors, a document without text goes no further: one that cannot
    be cleaned, or of which nothing is kept. The ``exclusion_writer`` gets them as they came,
    with ``filter_reason`` in their metadata, as datatrove's filters do it.

    The stats hold what ``clutter.cleaning.count`` counts of each document (``errors`` are those
    that cannot be cleaned), and as ``empty`` those of which nothing is kept.
    """

    type = "🛢 - EXTRAC"
    name = "🧹 clutter"

    def __init__(
        self,
        html: bool = True,
        model: str | None = None,
        keep: Sequence[str] = KEPT,
        threshold: float = 0.5,
        format: str = "text",
        lines: bool = False,
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__()
        self.how = Cleaning(
            model=model,
            keep=tuple(keep),
            threshold=threshold,
            format=format,
            lines=lines,
            html="text" if html else None,
            text=None if html else "text",
        )
        self.exclusion_writer = exclusion_writer

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Clean documents, some at a time, in order."""
        with self.exclusion_writer or contextlib.nullcontext() as writer:
            for documents in batched(data, DOCUMENTS):
                with self.track_time("batch"):
                    reasons = self._clean(documents)
                for document, reason in zip(documents, reasons, strict=True):
                    self.stat_update(StatHints.total)
                    if reason is None:
                        self.stat_update(StatHints.forwarded)
                        self.update_doc_stats(document)
                        yield document
                        continue
                    self.stat_update(StatHints.dropped)
                    if writer is not None:
                        document.metadata["filter_reason"] = reason
                        if isinstance(document.text, bytes):  # which few writers take
                            document.text = document.text.decode("utf-8", "backslashreplace")
                        writer.write(document, rank)

    def _clean(self, documents: Sequence[Document]) -> list[str | None]:
        """Clean documents in place. For each that is dropped, and stays as it is, the reason."""
        is_html = self.how.html is not None
        contents = [Content(document.text, is_html) for document in documents]
        # a task is one process of many on its machine
        with threadpool_limits(1):
            found = clean_many(contents, self.how)
        reasons: list[str | None] = []
        for document, one in zip(documents, found, strict=True):
            for key, value in count([one]).items():
                self.stat_update(key, value=value)
            if isinstance(one, str):
                reasons.append(one)
            elif not one.text:
                self.stat_update("empty")
                reasons.append("nothing is kept")
            else:
                names = self.how.renamed(list(document.metadata))
                metadata = {names[key]: value for key, value in document.metadata.items()}
                document.metadata = metadata | {"title": one.title}
                if self.how.lines:
                    document.metadata["lines"] = one.rows()
                document.text = one.text
                reasons.append(None)
        return reasons
