"""Names of files: which format they say, and what the output of each is called."""

from __future__ import annotations

import pytest

from clutter.formats import format_of, output_ending, output_name
from clutter.formats.jsonl import JsonLines
from clutter.formats.pages import PageFiles
from clutter.formats.parquet import Parquet
from clutter.formats.warc import Warc


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", PageFiles), ("a.html", PageFiles), ("a.HTML.gz", PageFiles), ("a", PageFiles),
        ("a.jsonl", JsonLines), ("a.ndjson.gz", JsonLines), ("a.JSONL.zst", JsonLines),
        ("a.parquet", Parquet), ("a.warc", Warc), ("a.warc.wet.gz", Warc),
        ("a.wet.gz", Warc), ("a.json", PageFiles),
    ],
)  # fmt: skip
def test_a_name_tells_what_a_file_holds(name: str, kind: type) -> None:
    assert type(format_of(name)) is kind


@pytest.mark.parametrize(
    ("place", "end", "output"),
    [
        ("b/a.html", ".txt", "b/a.txt"), ("a.html.gz", ".txt", "a.txt"), ("a.txt", ".txt", "a.txt"),
        ("a.php", ".txt", "a.php"), ("a.php", ".md", "a.php.md"), ("a.htm", ".md", "a.md"),
        ("b/a.jsonl.zst", ".txt", "b/a.jsonl.zst"), ("a.parquet", ".txt", "a.parquet"),
        ("b/a.warc.wet.gz", ".txt", "b/a.jsonl.gz"), ("a.warc", ".txt", "a.jsonl.gz"),
    ],
)  # fmt: skip
def test_output_is_named_after_its_input(place: str, end: str, output: str) -> None:
    assert output_name(place, end) == output


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.jsonl", ".jsonl"), ("A.JSONL.GZ", ".jsonl.gz"), ("a.ndjson.zst", ".jsonl.zst"),
        ("a.parquet", ".parquet"), ("a", None), ("a.txt", None), ("jsonl", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_format_of_output(name: str, ending: str | None) -> None:
    assert output_ending(name) == ending
