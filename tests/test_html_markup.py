"""What the markup says of each line: its numbers and its hashes, and parts of them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

from clutter.html.lines import read
from clutter.markup import (
    INSIDE,
    MARKUP_FEATURE_NAMES,
    MARKUP_HASH_BITS,
    N_MARKUP_FEATURES,
    Markup,
    joined,
)

# --- numbers ---


def cues(page: str, line: str) -> dict[str, float]:
    found = read(page)
    row = found.text.split("\n").index(line)
    return dict(zip(MARKUP_FEATURE_NAMES, found.markup.features[row].tolist(), strict=True))


def links(page: str, line: str) -> int:
    return round(float(np.expm1(cues(page, line)["links"])))


def test_share_of_a_line_that_is_link() -> None:
    page = "<p><a href=/x>abcd</a>efgh</p><p><a>abcd</a> <a>e</a></p><p>none</p>"
    assert cues(page, "abcdefgh")["link share"] == 0.5
    assert cues(page, "abcdefgh")["link is all"] == 0
    assert cues(page, "abcd e")["link share"] == 1
    assert cues(page, "abcd e")["link is all"] == 1
    assert cues(page, "none")["link share"] == 0


def test_share_of_a_line_that_is_bold() -> None:
    page = "<p><b>ab<i>cd</i></b>efgh</p><p><strong>all</strong></p><p>none</p>"
    assert cues(page, "abcdefgh")["bold share"] == 0.5
    assert cues(page, "all")["bold share"] == 1
    assert cues(page, "none")["bold share"] == 0


def test_links_are_counted() -> None:
    page = "<nav><a>a</a> <a>b</a> <a>c</a></nav><p>d</p><ul><li><a>e</a><li>f</ul>"
    assert [links(page, line) for line in ("a b c", "d", "e", "f")] == [3, 0, 1, 0]


def test_a_link_around_blocks_counts_for_each_of_them() -> None:
    page = "<a href=/x><div>One</div><div>Two</div></a><div>Three</div>"
    assert [links(page, line) for line in ("One", "Two", "Three")] == [1, 1, 0]


def test_links_without_text_do_not_count_for_the_next_block() -> None:
    page = "<div><a><img></a> <a><img></a></div><p>One</p>"
    assert links(page, "One") == 0


@pytest.mark.parametrize("tag", INSIDE)
def test_inside(tag: str) -> None:
    page = f"<div>out</div><{tag}>in</{tag}><div>behind</div>"
    if tag in ("table", "td", "th"):
        cell = "td" if tag == "table" else tag
        page = f"<div>out</div><table><tr><{cell}>in</{cell}></table><div>behind</div>"
    name = f"in {tag}"
    assert [cues(page, line)[name] for line in ("out", "in", "behind")] == [0, 1, 0]


def test_inside_of_several() -> None:
    page = "<footer><nav><ul><li><h3><a>deep</a></h3></li></ul></nav></footer>"
    inside = [name for name, value in cues(page, "deep").items() if name[:3] == "in " and value]
    assert inside == ["in a", "in footer", "in h3", "in li", "in nav", "in ul"]


@pytest.mark.parametrize("link", ["<a href=/x>One</a>", "<b><a href=/x><i>One</i></a></b>"])
def test_a_line_that_begins_with_a_link_is_not_inside_it(link: str) -> None:
    page = f"<p>{link} and two</p><p>Three and four</p>"
    first, second = cues(page, "One and two"), cues(page, "Three and four")
    for name in ("in a", "depth"):
        assert first[name] == second[name], name
    assert cues("<p><a>One</a></p>", "One")["in a"] == 1
    assert cues("<p>One <a href=/x>two</a></p>", "One two")["in a"] == 0
    assert cues("<a href=/x><div>One</div></a>", "One")["in a"] == 1


def test_lines_with_hidden_parts_are_marked() -> None:
    page = """<p>One</p><details><summary>Two</summary><p>Three</p></details>
      <a href='#more'>More</a><div id=more hidden><p>Four</p><ul><li>Five</ul></div><p>Six</p>
      <p>Seven <a href='#x'>x</a> <span id=x hidden>eight</span>
      <p><a href='#y'></a><span id=y hidden>nine</span> ten"""
    marked = ["Four", "Five", "Seven x eight", "nine ten"]
    for line in ["One", "Two", "Three", "More", *marked, "Six"]:
        assert cues(page, line)["hidden"] == (line in marked)


def named(page: str, line: str) -> list[str]:
    return [name[6:] for name, value in cues(page, line).items() if name[:6] == "named " and value]


@pytest.mark.parametrize(
    ("names", "containers"),
    [
        ("class=comments", ["comment"]),
        ("id=commentList", ["comment"]),
        ("class='entry-comment_body wide'", ["comment"]),
        ("class=houseRules", ["terms"]),
        ("class=PopUp id=modal-2", ["dialog"]),
        ("class='box newsletter-box'", ["newsletter"]),
        ("class=related__posts", ["related"]),
        ("id=cookieconsent-bar class=cookie", ["cookie"]),
        ("class=share-bar id=sidebar", ["share", "sidebar"]),
        ("class=site-footer", ["footer"]),
        ("id=main-nav", ["menu"]),
        ("class=commentary id=navy", []),
        ("role=menu", []),
    ],
)
def test_containers_are_known_by_the_words_of_their_names(
    names: str, containers: list[str]
) -> None:
    deep = "<div>" * 20
    assert sorted(named(f"<div {names}>{deep}x", "x")) == containers
    assert named(f"<div {names}>{deep}</div>{'</div>' * 20}<p>x", "x") == []
    assert named(f"<p><span {names}>x</span></p>", "x") == []
    assert named(f"<body {names}><p>x", "x") == []


def test_depth_grows_with_every_element_around() -> None:
    depths = [cues("<div>" * n + "<i>x</i>", "x")["depth"] for n in range(4)]
    assert np.diff(depths) == pytest.approx([0.05] * 3)
    assert cues("<div>" * 500 + "x", "x")["depth"] == 2


def test_blocks_around_are_counted() -> None:
    page = """<div id=box>
      <ul><li>abcd</li> <li><a href=/x>efgh</a></li></ul>
      <ul><li><a href=/y>ijkl</a></li></ul>
    </div><p>outside</p>"""
    found = cues(page, "abcd")
    assert found["lines of parent"] == pytest.approx(np.log1p(2) / 3)
    assert found["characters of parent"] == pytest.approx(np.log1p(8) / 5)
    assert found["link share of parent"] == pytest.approx(1 / 2)
    # the items of both lists have the same block around their list
    for line in ("abcd", "ijkl"):
        found = cues(page, line)
        assert found["lines of grandparent"] == pytest.approx(np.log1p(3) / 3)
        assert found["characters of grandparent"] == pytest.approx(np.log1p(12) / 5)
        assert found["link share of grandparent"] == pytest.approx(2 / 3)
    assert cues(page, "ijkl")["lines of parent"] == pytest.approx(np.log1p(1) / 3)


def test_a_row_of_a_table_counts_all_its_cells() -> None:
    page = "<table><tr><td>ab</td><td><a>cd</a></td><td><b><a>efgh</a></b></td></table>"
    found = cues(page, "ab\tcd\tefgh")
    assert found["link share"] == pytest.approx(6 / 8)
    assert found["bold share"] == pytest.approx(4 / 8)
    assert links(page, "ab\tcd\tefgh") == 2


def test_white_space_of_the_source_changes_nothing() -> None:
    plain = read(
        "<div class=a><p>One <a href=/x>two</a></p><ul><li>three<li><b>four</b></ul></div>"
    )
    spaced = read("""
      <div class="a">
        <p>
            One
            <a  href = "/x" >
                two
            </a>
        </p>
        <ul>
            <li> three </li>
            <li>
                <b>
                    four
                </b>
            </li>
        </ul>
      </div>
    """)
    assert spaced.text == plain.text
    assert np.array_equal(spaced.markup.features, plain.markup.features)
    assert np.array_equal(spaced.markup.hashes, plain.markup.hashes)


# --- hashes ---


def buckets(page: str, line: str) -> Counter[int]:
    found = read(page)
    row = found.text.split("\n").index(line)
    first = found.markup.first
    return Counter(found.markup.hashes[first[row] : first[row + 1]].tolist())


def test_a_bucket_is_one_of_the_table_and_blank_lines_have_none() -> None:
    found = read("<h1 class=a>One</h1><p id=b>two</p><ul><li><a href=/c/d>three</a></ul>")
    assert found.text == "One\n\ntwo\n\nthree"
    assert found.markup.hashes.min() >= 0
    assert found.markup.hashes.max() < 2**MARKUP_HASH_BITS
    counts = np.diff(found.markup.first)
    assert (counts > 0).tolist() == [True, False, True, False, True]


def test_what_stands_in_the_same_elements_has_the_same_buckets() -> None:
    page = "<div class=list><p class=teaser>One</p><p class=teaser>Two</p><p>Three</p></div>"
    assert buckets(page, "One") == buckets(page, "Two")
    # the third lacks the class
    assert buckets(page, "One") > buckets(page, "Three")
    assert buckets(page, "One").total() == buckets(page, "Three").total() + 1
    # and other pages give the same
    assert buckets("<p>x</p>" + page, "Two") == buckets(page, "Two")


def test_the_words_of_a_class_are_split() -> None:
    def of(name: str) -> Counter[int]:
        return buckets(f"<p class='{name}'>x</p>", "x")

    assert of("related-posts") == of("relatedPosts") == of("related posts") == of("Related__POSTS")
    assert of("related-posts") == of("posts related")
    assert of("related-posts") > of("posts")
    assert of("post-123") == of("post-456") == of("post")
    assert of("posts") != of("post")
    assert of("связанные-новости") > of("новости")


@pytest.mark.parametrize("name", ["class", "id", "role", "itemprop", "rel"])
def test_names_of_an_element(name: str) -> None:
    plain = buckets("<p>x</p>", "x")
    assert buckets(f"<p {name}=comment>x</p>", "x") > plain
    other = "id" if name == "class" else "class"
    assert buckets(f"<p {name}=comment>x</p>", "x") != buckets(f"<p {other}=comment>x</p>", "x")


def test_attributes_that_name_nothing_have_no_bucket() -> None:
    assert buckets("<p title=one data-x=two lang=en>x</p>", "x") == buckets("<p>x</p>", "x")


def test_nearer_and_farther_elements_are_told_apart() -> None:
    marked = ["<div class=ad><div><div><p>x", "<div><div class=ad><div><p>x",
              "<div><div><div class=ad><p>x", "<div><div><div><p class=ad>x"]  # fmt: skip
    plain = buckets("<div><div><div><p>x", "x")
    extra = [buckets(page, "x") - plain for page in marked]
    assert [found.total() for found in extra] == [1, 1, 1, 1]
    assert len({bucket for found in extra for bucket in found}) == 4


def test_elements_far_out_are_lumped_together_and_then_left_out() -> None:
    def at(distance: int) -> Counter[int]:
        around = ["<div>"] * 20
        around[-1 - distance] = "<div class=ad>"
        return buckets("".join(around) + "x", "x")

    assert at(3) == at(4)
    assert at(7) == at(9)
    assert at(3) != at(7)
    assert at(10) == at(15) == buckets("<div>" * 20 + "x", "x")


def test_elements_within_a_line_count() -> None:
    plain = buckets("<p>x 2020</p>", "x 2020")
    assert buckets("<p>x <time class=date>2020</time></p>", "x 2020") > plain


def test_the_first_links_target() -> None:
    def to(*targets: str) -> Counter[int]:
        return buckets("<p>" + " ".join([f"<a href='{x}'>x</a>" for x in targets]) + "</p>", "x")

    assert to("/author/jane") > to("/author/")
    assert to("/author/") != to("/tag/")
    assert to("#top") != to("/top") != to("https://top/")
    assert to("https://example.org/a") == to("http://example.org/a")

    def first(*targets: str) -> Counter[int]:
        page = "<p>" + " ".join([f"<a href='{x}'>x</a>" for x in targets]) + "</p>"
        return buckets(page, " ".join(["x"] * len(targets)))

    assert first("/author/", "/tag/") == first("/author/", "/page/")
    assert first("/author/", "/tag/") != first("/tag/", "/author/")


def test_the_target_of_a_table_row_is_that_of_its_first_link() -> None:
    row = "<table><tr><td>a</td><td><a href='{}'>b</a></td><td><a href='{}'>c</a></td></table>"
    one, same, other = (row.format(*x) for x in (("/x", "/y"), ("/x", "/z"), ("/user/", "/y")))
    assert buckets(one, "a\tb\tc") == buckets(same, "a\tb\tc")
    assert buckets(one, "a\tb\tc") != buckets(other, "a\tb\tc")


# --- groups ---


def groups(page: str) -> list[list[str]]:
    """The lines of a page by their groups."""
    found = read(page)
    lines: dict[int, list[str]] = {}
    for line, group in zip(found.text.split("\n"), found.markup.group.tolist(), strict=True):
        lines.setdefault(group, []).append(line)
    return [some for some in lines.values() if some != [""]]


def test_lines_in_elements_of_the_same_tags_and_classes_are_one_group() -> None:
    page = """<ul class=list><li>One<li class=item>two<li class=item><a href=/x>three</a> and</ul>
      <ul class=list><li class=item>four</ul><ul><li class=item>five</ul>"""
    assert groups(page) == [["One"], ["two", "three and", "four"], ["five"]]


def test_ids_and_numbers_in_classes_do_not_divide_groups() -> None:
    page = "<p id=a class='post post-1'>One</p><p id=b class='post post-22'>Two</p><p>Three</p>"
    assert groups(page) == [["One", "Two"], ["Three"]]


def test_a_blank_line_is_in_no_other_lines_group() -> None:
    group = read("<p>One</p><p>Two</p><p>Three</p>").markup.group
    assert group[0] == group[2] == group[4]
    assert len({*group.tolist()}) == 3


# --- Markup ---


@st.composite
def markups(draw: st.DrawFn) -> Markup:
    counts = draw(st.lists(st.integers(0, 4), max_size=6))
    total = sum(counts)
    numbers = draw(
        st.lists(st.integers(0, 2**MARKUP_HASH_BITS - 1), min_size=total, max_size=total)
    )
    start = draw(st.integers(0, 1000))
    cues = (
        (start + np.arange(len(counts) * N_MARKUP_FEATURES))
        .reshape(-1, N_MARKUP_FEATURES)
        .astype(np.float32)
    )
    first = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    group, unit = (
        draw(st.lists(st.integers(0, most), min_size=len(counts), max_size=len(counts)))
        for most in (9, 3)
    )
    hashes = np.array(numbers, np.int64)
    return Markup(cues, hashes, first, np.array(group, np.int64), np.array(unit, np.int64))


def rows_of(markup: Markup) -> list[tuple[list[float], list[int]]]:
    """What is said of each line, but for its group and unit."""
    spans = itertools.pairwise(markup.first.tolist())
    hashes = [markup.hashes[a:b].tolist() for a, b in spans]
    return list(zip(markup.features.tolist(), hashes, strict=True))


@given(st.data(), markups())
def test_take_gives_the_lines_in_the_order_given(data: st.DataObject, markup: Markup) -> None:
    count = len(markup.features)
    some = data.draw(st.lists(st.integers(0, count - 1), max_size=8)) if count else []
    rows = rows_of(markup)
    taken = markup.take(np.array(some, np.int64))
    assert rows_of(taken) == [rows[i] for i in some]
    assert taken.group.tolist() == [markup.group[i] for i in some]


@given(st.lists(markups(), min_size=1, max_size=4))
def test_joined_parts_can_be_taken_apart(parts: list[Markup]) -> None:
    whole = joined(parts)
    assert rows_of(whole) == [row for part in parts for row in rows_of(part)]
    start = 0
    for part in parts:
        stop = start + len(part.features)
        taken = whole.take(np.arange(start, stop))
        assert np.array_equal(taken.features, part.features)
        assert np.array_equal(taken.hashes, part.hashes)
        assert np.array_equal(taken.first, part.first)
        # the same groups, and no line of another part in one of them
        same = taken.group[:, None] == taken.group
        assert np.array_equal(same, part.group[:, None] == part.group)
        others = np.delete(whole.group, np.arange(start, stop))
        assert not np.isin(taken.group, others).any()
        assert np.array_equal(taken.unit > 0, part.unit > 0)
        assert np.array_equal(np.diff(taken.unit[part.unit > 0]), np.diff(part.unit[part.unit > 0]))
        start = stop
    numbers = [
        set(whole.unit[x : x + len(part.features)].tolist()) - {0}
        for x, part in zip(
            itertools.accumulate([len(part.features) for part in parts], initial=0),
            parts,
            strict=False,
        )
    ]
    assert sum(map(len, numbers)) == len(set().union(*numbers))  # no unit of two pages
