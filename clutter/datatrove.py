"""Cleaning as a step of a datatrove pipeline. Many corpora are built with datatrove.

A datatrove pipeline passes documents from a reader through filters to a writer. Each task is
one process, on one machine or a Slurm cluster. This step replaces datatrove's text extractors
after a reader of HTML, or follows an extractor and cleans its output. It is not a subclass of
their base class, which sends documents one at a time to another process and returns only text:
labelling is fastest on many pages at once, and the headline, the lines and the reason of an
error are worth keeping.

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

from clutter.cleaning import Cleaned, Content, Dropped, clean_many, count
from clutter.options import CleanOptions
from clutter.page import KEPT, KINDS, THRESHOLD

BATCH_DOCUMENTS = 64
"""Number of documents that are cleaned together."""


class CleanPages(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Replace each document's text by the clean article.

    ``html`` says whether the text is HTML; this only matters if something in it looks like a tag.
    The other settings are those of ``clutter.options.CleanOptions``. New metadata: ``title`` (the
    page's headline, or None), ``kind``, ``metadata`` (a dict of what the page says of itself:
    title, author, date, language, site_name, url) and, if ``lines`` is set, ``lines``: every line
    with its label and confidence. Existing metadata with one of these names, or ``text`` or
    ``error``, is renamed to ``original_NAME``, as in the tables and records that ``clutter``
    writes. Existing metadata ``url`` is the address that the page was loaded from.

    Documents without text are dropped, as by datatrove's extractors: those that cannot be cleaned,
    and those of which nothing is kept. So are pages of other kinds than ``kinds``. The
    ``exclusion_writer`` gets them unchanged, with ``filter_reason`` in their metadata, as from
    datatrove's filters.

    The stats hold the numbers of ``clutter.cleaning.count`` for each document (``errors``: it could
    not be cleaned; ``dropped/KIND``: it is of another kind), and ``empty`` for documents of which
    nothing is kept.

    Raises CleaningError for invalid settings; while it runs, what ``clean_many`` raises.
    """

    type = "🛢 - EXTRAC"
    name = "🧹 clutter"

    def __init__(
        self,
        *,
        html: bool = True,
        model: str | None = None,
        keep: Sequence[str] = KEPT,
        kinds: Sequence[str] = KINDS,
        threshold: float = THRESHOLD,
        format: str = "text",
        lines: bool = False,
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__()
        self.options = CleanOptions(
            model=model,
            keep=tuple(keep),
            kinds=tuple(kinds),
            threshold=threshold,
            format=format,
            lines=lines,
            html_field="text" if html else None,
            text_field=None if html else "text",
        )
        self.exclusion_writer = exclusion_writer

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Clean documents in batches; they keep their order."""
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
                        if isinstance(document.text, bytes):  # few writers accept bytes
                            document.text = document.text.decode("utf-8", "backslashreplace")
                        writer.write(document, rank)

    def _clean(self, documents: Sequence[Document]) -> list[str | None]:
        """Clean documents in place. Returns for each the reason why it is dropped, and then it is
        unchanged, or None."""
        is_html = self.options.html_field is not None
        urls = [document.metadata.get("url") for document in documents]
        contents = [
            Content(document.text, is_html, url=url)
            for document, url in zip(documents, urls, strict=True)
        ]
        pages = clean_many(contents, self.options)
        reasons: list[str | None] = []
        for document, page in zip(documents, pages, strict=True):
            for key, value in count([page]).items():
                self.stat_update(key, value=value)
            if not isinstance(page, Cleaned):
                reasons.append(page.reason if isinstance(page, Dropped) else page)
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
