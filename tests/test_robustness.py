"""Input as bad as it comes: nothing crashes, and no line is lost or changed.

Also what labelling must not do: load the libraries that only training needs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clutter

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model() -> clutter.Model:
    return clutter.load()


def lines_of(text: str) -> list[tuple[int, str]]:
    """Number and text of the lines that are not blank. The texts of these tests have no
    marks but direction and zero-width ones."""
    blank = re.compile("[\\s\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]*")
    every = enumerate(re.split("\r\n|\n|\r", text), 1)
    return [(number, line) for number, line in every if not blank.fullmatch(line)]


def check(model: clutter.Model, text: str) -> clutter.Page:
    """Label a text and see that all of its lines came back, each with a label."""
    page = model.label(text)
    assert page.text == text
    assert [(line.number, line.text) for line in page.lines] == lines_of(text)
    assert {line.label for line in page.lines} <= set(clutter.LABELS)
    assert np.isfinite(page.probabilities).all()
    np.testing.assert_allclose(page.probabilities.sum(axis=1), 1, atol=1e-5)
    kept = [text for _, text in lines_of(page.clean())]
    rest = iter([line.text for line in page.lines])
    assert all(line in rest for line in kept), (
        "the clean text is made of the page's lines, in order"
    )
    return page


PARAGRAPH = (
    "The council met on Tuesday evening to hear the plans for the new bridge, which will carry "
    "two lanes of traffic and a path for those who walk or ride."
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n" * 5000,
        "\r\n" * 5000,
        " \t\u3000\n\u200b\n\u200e\u200f\r\n\ufeff\r\u2066\u2069",
        "x",
        ".",
        "\x00",
        f"Home\x00\n\x00\x00\n{PARAGRAPH}\x00\n",
        f"\ud800\n{PARAGRAPH}\udfff\n\udc00\ud800",
        f"Home\r\nNews\n\r{PARAGRAPH}\r\r\n{PARAGRAPH}\n\n\nShare\r",
        f"\u202b\u200fشريط\u202c\n\u200f\n\u2067{PARAGRAPH}\u2069\n\u061cاقرأ أيضا",
        f"\tHome\tNews\t\n\t\t\n{PARAGRAPH}\t\n\t{PARAGRAPH}",
        "\u0301" * 9000,
        "👨\u200d👩\u200d👧" * 3000,
        "\n".join(chr(code) for code in range(0x21, 0x7F)),
        "a" * 4095 + "\u200b" * 5 + "b\nc",
        " " * 5000 + "far to the right\nnext",
    ],
    ids=ascii,
)
def test_odd_text(model: clutter.Model, text: str) -> None:
    check(model, text)


def test_every_character_of_the_basic_plane(model: clutter.Model) -> None:
    text = "\n".join(f"a{chr(code)}a" for code in range(0x10000) if code not in (10, 13))
    check(model, text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "\n|\r|\r\n|\x00|\ud800|\u200f|\u200b|\ufeff|\t| |Home|一|-|\U0001f44d|\u0301|9|"
            f"{PARAGRAPH}".split("|")
        ),
        max_size=60,
    ).map("".join)
)
def test_any_mixture(model: clutter.Model, text: str) -> None:
    check(model, text)


def test_a_line_of_ten_megabytes(model: clutter.Model) -> None:
    long = (PARAGRAPH + " ") * (10_000_000 // len(PARAGRAPH))
    page = check(model, f"Home\n{long}\nShare")
    assert len(page) == 3


def test_ten_megabytes_without_a_blank(model: clutter.Model) -> None:
    assert len(check(model, "x" * 10_000_000)) == 1


def test_ten_megabytes_of_nothing(model: clutter.Model) -> None:
    assert len(check(model, "\u200b" * 5_000_000 + " " * 5_000_000)) == 0


def test_three_hundred_thousand_lines(model: clutter.Model) -> None:
    text = ("Home\n\n\u200b\rA line that ends here.\r\n" + "\n\r\n\n" * 2) * 30_000
    page = model.label(text)
    assert len(page) == 60_000
    assert (np.diff(page.number) == np.tile([3, 7], 30_000)[:-1]).all()
    expected = np.tile([4, 22], 30_000)
    assert (page.end - page.start == expected).all()
    assert page.lines[-1].text == "A line that ends here."
    np.testing.assert_allclose(page.probabilities.sum(axis=1), 1, atol=1e-5)


def test_long_and_short_pages_in_one_batch(model: clutter.Model) -> None:
    texts = ["", PARAGRAPH * 2000, "\n", "Home", "Home\n" * 20_000, PARAGRAPH, "\x00"]
    for page, text in zip(model.label_many(texts), texts, strict=True):
        assert [(line.number, line.text) for line in page.lines] == lines_of(text)


def test_labelling_loads_neither_scikit_learn_nor_scipy_nor_joblib() -> None:
    code = (
        "import sys, clutter\n"
        "clutter.clean('Home\\nA headline\\n\\nA paragraph, and its words.')\n"
        "list(clutter.load().label_many(['one', 'two']))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"clutter", "numpy", "safetensors"} <= loaded
    assert not loaded & {
        "sklearn",
        "scipy",
        "joblib",
        "threadpoolctl",
        "torch",
        "pandas",
        "pyarrow",
    }
