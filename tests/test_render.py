"""The renderings of labelled pages, on made-up labels and on text that means harm."""

from __future__ import annotations

import colorsys
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pages import made_page

from clutter import LABELS, Page, features
from clutter.cli import render

TEXT = st.text(
    st.sampled_from("ab<>&\"'\t\n\r\0\x1b\x9b\u200bא\ud800\udc00\ufffe") | st.characters()
)
UNFIT = "[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
"""Characters that neither a terminal nor a browser should be given."""


def make_page(text: str, *labels: str, sure: float = 0.93) -> Page:
    """A page whose lines have the given labels; those not given are body."""
    found = features.split([text])
    rows = np.full((found.number.size, len(LABELS)), (1 - sure) / (len(LABELS) - 1), np.float32)
    for row, label in enumerate([*labels, *["body"] * (len(rows) - len(labels))]):
        rows[row, LABELS.index(label)] = sure
    return made_page(text, rows)


class Reader(HTMLParser):
    """Collects elements, and the attributes and text of every line."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.lines: list[tuple[dict[str, str | None], str]] = []
        self.headings: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "p":
            self.lines.append((dict(attrs), ""))
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "p":
            attributes, text = self.lines[-1]
            self.lines[-1] = (attributes, text + data)
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def read_html(*pages: tuple[str, Page]) -> Reader:
    reader = Reader("".join(render.html(pages)))
    assert reader.open == []
    return reader


def test_text_is_label_confidence_line() -> None:
    page = make_page("Home\n\nBridge  opens\tat last", "nav", "title")
    assert render.text(page) == "nav      0.93  Home\ntitle    0.93  Bridge  opens\tat last\n"


def test_jsonl_has_one_object_a_line() -> None:
    page = make_page('Home\r\n\r\n"Мост" \u2028 open', "nav", "title", sure=0.91234567)
    rows = render.jsonl(page, "a/ü.txt").split("\n")
    assert rows.pop() == ""
    assert [json.loads(row) for row in rows] == [
        {"path": "a/ü.txt", "kind": "article", "number": 1, "label": "nav", "confidence": 0.9123,
         "main": 0.025, "text": "Home"},
        {"path": "a/ü.txt", "kind": "article", "number": 3, "label": "title", "confidence": 0.9123,
         "main": 0.9249, "text": '"Мост" \u2028 open'},
    ]  # fmt: skip
    assert "Мост" in rows[1]


@given(TEXT)
def test_jsonl_gives_back_the_text_of_every_line(text: str) -> None:
    page = make_page(text)
    rows = render.jsonl(page, "page").encode("utf-8").split(b"\n")[:-1]
    # of two lone surrogates in a row that make a pair, JSON makes the character
    expected = [
        line.text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        for line in page.lines
    ]
    assert [json.loads(row)["text"] for row in rows] == expected


@given(TEXT, TEXT)
def test_nothing_of_a_page_steers_the_screen(text: str, name: str) -> None:
    page = make_page(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        shown = render.text(page) + render.color(page)
    for output in (shown, render.jsonl(page, name)):
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", output)


def test_color_paints_each_line_and_marks_those_that_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    page = make_page("Home\nLog in\n\n\nBridge opens\n", "nav", "nav", "title")
    assert render.color(page) == (
        "\x1b[2m  nav      0.93  Home\x1b[0m\n"
        "\x1b[2m  nav      0.93  Log in\x1b[0m\n"
        "\n"
        "\x1b[1m+ title    0.93  Bridge opens\x1b[0m\n"
    )


def test_the_legend_names_each_label_once_in_its_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    painted = re.findall(r"\x1b\[\d+m(\w+)\x1b\[0m", render.legend())
    assert sorted(painted) == sorted(LABELS)
    assert len(set(re.findall(r"\x1b\[(\d+)m\w", render.legend()))) == len(LABELS)


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert render.color(make_page("Home", "nav")) == "  nav      0.93  Home\n"
    assert render.legend() == "body title meta nav comment ad teaser notice   + kept\n\n"


@given(TEXT)
def test_no_page_can_steer_the_terminal(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        shown = render.color(make_page(text)) + render.text(make_page(text))
    assert not re.search(UNFIT, shown)


def test_html_has_label_confidence_and_direction_on_every_line() -> None:
    page = make_page("Home\n\nשלום\nSee also: weather", "nav", "body", "teaser")
    found = read_html(("a.txt", page))
    home, hello, see = found.lines[len(LABELS) :]
    assert (home[1], hello[1], see[1]) == ("Home", "שלום", "See also: weather")
    assert [line[0]["data-label"] for line in (home, hello, see)] == ["nav", "body", "teaser"]
    assert home[0]["title"] == "nav, 93.0% sure, line 1"
    assert {line[0]["dir"] for line in (home, hello, see)} == {"auto"}
    assert home[0]["class"] == "dropped"
    assert hello[0]["class"] == "break"
    assert see[0]["class"] == "dropped"


def test_html_legend_shows_each_label_as_its_lines_look() -> None:
    legend = read_html().lines
    assert [attributes["data-label"] for attributes, _ in legend] == list(LABELS)
    assert {word for _, word in legend} == {"kept, or "}
    document = "".join(render.html([]))
    assert document.count("<span>dropped</span></p>") == len(LABELS)
    assert "p.dropped, span { color: var(--faded) }" in document  # as dropped lines are


def test_what_is_kept_is_what_clean_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    page = make_page("Ferry\nThe answer of a reader", "title", "comment")
    page.main[:] = 0.2, 0.9  # main content is not what the labels say
    assert page.clean() == "The answer of a reader"
    assert [row[0] for row in render.color(page).splitlines()] == [" ", "+"]
    title, answer = read_html(("a", page)).lines[len(LABELS) :]
    assert title[0]["class"] == "dropped"
    assert "class" not in answer[0]


def test_html_gives_each_label_a_tint_of_its_own() -> None:
    hues = re.findall(r'\[data-label="(\w+)"\] { --hue: (\d+) }', "".join(render.html([])))
    assert [label for label, _ in hues] == list(LABELS)
    assert len({hue for _, hue in hues}) == len(LABELS)


def test_html_fades_by_ink_that_can_still_be_read_on_every_tint() -> None:
    document = "".join(render.html([]))
    hues = [int(hue) for hue in re.findall(r"--hue: (\d+)", document)]
    tints = [int(tint) / 100 for tint in re.findall(r"--tint: (\d+)%", document)]
    inks = re.findall(r"--ink: #(\w{6})", document)
    faded = re.findall(r"--faded: #(\w{6})", document)
    assert (len(tints), len(inks), len(faded)) == (2, 2, 2)  # light and dark
    for tint, ink, faint in zip(tints, inks, faded, strict=True):
        for hue in hues:
            paper = luminance(colorsys.hls_to_rgb(hue / 360, tint, 0.6))
            clear, dim = (contrast(paper, luminance(rgb(color))) for color in (ink, faint))
            # the least that WCAG 2 asks of text, level AA
            assert clear > 2 * dim > 2 * 4.5


def rgb(color: str) -> tuple[float, ...]:
    return tuple(value / 255 for value in bytes.fromhex(color))


def luminance(color: tuple[float, ...]) -> float:
    """Relative luminance by WCAG 2, of red, green and blue from 0 to 1."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_html_fades_a_headline_that_clean_drops_as_repeated() -> None:
    page = make_page("Bridge opens\nText\nBridge opens", "title", "body", "title")
    first, text, again = read_html(("a", page)).lines[len(LABELS) :]
    assert "class" not in first[0]
    assert "class" not in text[0]
    assert again[0]["class"] == "dropped"


def test_html_holds_several_pages_under_their_names() -> None:
    pages = [
        ("a<b>.txt", make_page("one")),
        ("c\udcff.txt", make_page("")),
        ("d", make_page("two")),
    ]
    found = read_html(*pages)
    assert found.headings == ["a<b>.txt ", "c\ufffd.txt ", "d "]
    assert '<h2 dir="auto">d <span>(article, 100% sure)</span></h2>' in "".join(render.html(pages))
    assert [text for _, text in found.lines[len(LABELS) :]] == ["one", "two"]


@given(TEXT, TEXT)
def test_html_is_well_formed_and_shows_the_text_whatever_it_is(text: str, path: str) -> None:
    page = make_page(text)
    document = "".join(render.html([(path, page)]))
    assert not re.search(UNFIT, document)
    found = Reader(document)
    assert set(found.tags) == {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "span",
    }  # fmt: skip
    shown = [text for _, text in found.lines[len(LABELS) :]]
    assert shown == [render.visible(line.text) for line in page.lines]
    assert found.headings == [f"{render.visible(path)} "]


def test_html_needs_nothing_from_elsewhere() -> None:
    document = "".join(render.html([("a", make_page("one"))]))
    assert not re.search(r"https?:|//|src=|href=|url\(|@import|<script|<link", document)


def test_html_reads_pages_as_it_goes() -> None:
    taken = []

    def pages() -> object:
        for number in range(3):
            taken.append(number)
            yield f"{number}", make_page("one")

    for piece in render.html(pages()):  # type: ignore[arg-type]
        if "<h2" in piece:
            assert f">{taken[-1]} <" in piece
    assert taken == [0, 1, 2]


def test_a_model_with_other_labels_can_be_shown() -> None:
    page = made_page("one", [[0.1, 0.9]], ("body", "junk"))
    assert "  junk  0.90  one" in render.color(page)
    assert read_html(("a", page)).lines[-1][0]["data-label"] == "junk"
