"""What a page says of itself: examples_metadata.json shows it, case by case.

An example has HTML, the ``lines`` that the model has labelled meta, and the address that the page
came ``from``; then the fields of its metadata that it is about.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")
pytest.importorskip("dateparser", reason="needs the extra clutter[html]")

from clutter.errors import MissingLibraryError
from clutter.html import metadata
from clutter.html.lines import parse
from clutter.html.metadata import declared, read_metadata

EXAMPLES = json.loads((Path(__file__).parent / "examples_metadata.json").read_text("utf-8"))
FIELDS = ("title", "author", "date", "language", "site_name", "url")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["why"])
def test_a_page_says_of_itself_what_the_examples_say(example: dict[str, Any]) -> None:
    places = declared(parse(example["html"]))
    found = asdict(read_metadata(places, None, example.get("lines", ()), example.get("from")))
    expected = {name: example[name] for name in FIELDS if name in example}
    assert expected
    assert {name: found[name] for name in expected} == expected


def test_the_headline_that_the_model_finds_goes_before_the_heads_title() -> None:
    places = declared(parse("<title>Ferry - Coast Daily</title>"))
    assert read_metadata(places, "Ferry", (), None).title == "Ferry"


def test_a_date_does_not_depend_on_those_before_it() -> None:
    # dateparser can be told to try the language of the last date first
    places = declared(parse("<p>One"))
    lines = ["4 Μαΐου 2020", "12 listopada 2020", "4 мая 2020"]
    first = [read_metadata(places, None, [line], None).date for line in lines]
    again = [read_metadata(places, None, [line], None).date for line in reversed(lines)]
    assert first == again[::-1] == ["2020-05-04", "2020-11-12", "2020-05-04"]


def test_the_copy_of_a_page_stays_small() -> None:
    long = "x" * 200_000
    page = f"<title>{long}</title><script type='application/ld+json'>['{long}']</script><h1>{long}"
    places = declared(parse(page + "<time>4 May</time><meta name=a>" * 5000))
    assert len(places.head) + len(places.times) < 50_000


def test_without_dateparser_the_first_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = declared(parse("<p>One"))
    metadata._check_dateparser.cache_clear()
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr(metadata, "find_spec", util.find_spec)
    with pytest.raises(MissingLibraryError, match="metadata needs dateparser: pip install date"):
        read_metadata(places, None, (), None)
    metadata._check_dateparser.cache_clear()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("@type", "@id", "name", "author", "publisher", "@graph")), inner
        )
    ),
    max_leaves=8,
)


@given(JSON, st.lists(st.text(max_size=30) | st.sampled_from(("4 мая 2020", "By x")), max_size=4))
def test_no_page_is_too_strange(value: Any, lines: list[str]) -> None:
    script = json.dumps(value).replace("<", "\\u003c")
    places = declared(parse(f"<script type='application/ld+json'>{script}</script>"))
    found = asdict(read_metadata(places, None, lines, "https://example.org/a"))
    assert tuple(found) == FIELDS
    for text in found.values():
        assert text is None or (isinstance(text, str) and text.encode() == text.strip().encode())
