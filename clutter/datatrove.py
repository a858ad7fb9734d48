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

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.batching import batched
from datatrove.utils.typeshelper import StatHints

from clutter.cleaning import Content, clean_many, count
from clutter.options import CleanOptions
from clutter.page import KEPT, THRESHOLD
from clutter.threads import one_thread

BATCH_DOCUMENTS = 64
"""Documents that are cleaned together."""


class CleanPages(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Put the clean article in the place of each document's text.

    ``html`` says whether that is HTML, which only matters to text with something like a tag in
    it. The other settings are those of ``clutter.options.CleanOptions``. Metadata gains ``title``
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
        *,
        html: bool = True,
        model: str | None = None,
        keep: Sequence[str] = KEPT,
        threshold: float = THRESHOLD,
        format: str = "text",
        lines: bool = False,
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__()
        self.options = CleanOptions(
            model=model,
            keep=tuple(keep),
            threshold=threshold,
            format=format,
            lines=lines,
            html_field="text" if html else None,
            text_field=None if html else "text",
        )
        self.exclusion_writer = exclusion_writer

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Clean documents, some at a time, in order."""
        with self.exclusion_writer or contextlib.nullcontext() as writer:
            for documents in batched(data, BATCH_DOCUMENTS):
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
        is_html = self.options.html_field is not None
        contents = [Content(document.text, is_html) for document in documents]
        # a task is one process of many on its machine
        with one_thread():
            pages = clean_many(contents, self.options)
        reasons: list[str | None] = []
        for document, page in zip(documents, pages, strict=True):
            for key, value in count([page]).items():
                self.stat_update(key, value=value)
            if isinstance(page, str):
                reasons.append(page)
            elif not page.text:
                self.stat_update("empty")
                reasons.append("nothing is kept")
            else:
                names = self.options.renamed_fields(list(document.metadata))
                metadata = {names[key]: value for key, value in document.metadata.items()}
                new = page.fields()
                document.text = new.pop("text")
                document.metadata = metadata | new
                reasons.append(None)
        return reasons
