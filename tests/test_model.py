"""The model: its forward pass, what labelling promises, and its file.

The network is written with whole-batch operations; here each line is computed for
itself by a plain loop, and both must agree. Whatever is done to a model file,
loading it gives a model or a ModelError that says what is wrong.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import clutter
from clutter import LABELS, Model, ModelError, Page, features
from clutter.markup import MARKUP_HASH_BITS, N_MARKUP_FEATURES, Markup
from clutter.network import BLOCKS, DILATIONS, NGRAM_CHUNK, quantised, weight_shapes

NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY = 4, 3, 5, 3

AUTHORED = sorted((Path(__file__).parent.parent / "labelled" / "pages").rglob("*.tsv"))


def random_model(seed: int = 0) -> Model:
    """A small network with weights large enough for every part of it to matter."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    shapes = weight_shapes(NGRAM_SIZE, MARKUP_SIZE, HIDDEN, SUMMARY, len(LABELS))
    weights = {name: normal(*shape) for name, shape in shapes.items()}
    weights["shape_mean"] = normal(features.N_LINE_FEATURES)
    weights["shape_scale"] = np.abs(normal(features.N_LINE_FEATURES))
    table = normal(1 << features.BUCKET_BITS, NGRAM_SIZE)
    marks = normal(1 << MARKUP_HASH_BITS, MARKUP_SIZE)
    about = {"pages": 3, "note": "größer"}
    return Model(*quantised(table), *quantised(marks), weights, about)


def random_markup(lines: int, seed: int) -> Markup:
    """Markup of so many lines, a third of them without any hash."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, lines) * (rng.random(lines) > 1 / 3)
    first = np.concatenate(([0], np.cumsum(counts)))
    cues = rng.random((lines, N_MARKUP_FEATURES)).astype(np.float32)
    return Markup(cues, rng.integers(0, 1 << MARKUP_HASH_BITS, first[-1]), first)


@pytest.fixture(scope="module")
def small() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def shipped() -> Model:
    return clutter.load()


@pytest.fixture(scope="module")
def saved(small: Model, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    small.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "model.safetensors"


def load_bytes(scratch: Path, data: bytes) -> Model:
    scratch.write_bytes(data)
    return Model.load(scratch)


def texts_of_authored_pages(count: int) -> list[str]:
    step = max(len(AUTHORED) // count, 1)
    pages = [path.read_text("utf-8") for path in AUTHORED[::step][:count]]
    return [re.sub(r"(?m)^(#.*\n|[a-z?]+\t)", "", page) for page in pages]


# --- the forward pass ---------------------------------------------------------------


def slow_probabilities(model: Model, text: str, markup: Markup | None = None) -> np.ndarray:
    """The network on one page, line by line, in double precision."""
    w = {name: array.astype(np.float64) for name, array in model.weights.items()}
    split = features.split([text])
    found = features.features(split.lines)
    states = []
    for i, number in enumerate(split.number.tolist()):
        buckets = found.buckets[:, found.first[i] : found.first[i + 1]].ravel()
        vector = model.ngram_vectors[buckets].astype(np.float64).sum(axis=0) * model.ngram_scale
        vector /= np.sqrt(buckets.size)
        shape = (found.line_features[i] - w["shape_mean"]) * w["shape_scale"]
        beside = np.zeros(len(w["in_w"]) - vector.size - shape.size)
        if markup is not None:
            hashes = markup.hashes[markup.first[number - 1] : markup.first[number]]
            marks = model.markup_vectors[hashes].astype(np.float64).sum(axis=0) * model.markup_scale
            marks /= np.sqrt(max(hashes.size, 1))
            beside = np.concatenate((marks, markup.features[number - 1], [1]))
        x = np.concatenate((vector, np.clip(shape, -5, 5), beside))
        states.append(np.maximum(x @ w["in_w"] + w["in_b"], 0))
    nothing = np.zeros(states[0].size)
    for kind, n in BLOCKS:
        grown = []
        for i, state in enumerate(states):
            if kind == "conv":
                above, below = i - DILATIONS[n], i + DILATIONS[n]
                seen = np.concatenate(
                    (
                        states[above] if above >= 0 else nothing,
                        state,
                        states[below] if below < len(states) else nothing,
                    )
                )
            else:
                notes = [np.maximum(s @ w[f"mean{n}_u"] + w[f"mean{n}_c"], 0) for s in states]
                seen = np.concatenate((np.mean(notes[: i + 1], axis=0), np.mean(notes[i:], axis=0)))
            grown.append(state + np.maximum(seen @ w[f"{kind}{n}_w"] + w[f"{kind}{n}_b"], 0))
        states = grown
    scores: np.ndarray = np.exp([state @ w["out_w"] + w["out_b"] for state in states])
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abЖ一 .1\u200b", max_size=8), min_size=1, max_size=45).map("\n".join))
@example("\n".join(f"line {i} of the page" for i in range(90)))
@example("one line")
def test_the_network_is_that_of_the_plain_loop(small: Model, text: str) -> None:
    page = small.label(text)
    if len(page):
        np.testing.assert_allclose(page.probabilities, slow_probabilities(small, text), atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text("abЖ一 .1\u200b", max_size=8), min_size=1, max_size=45).map("\n".join),
    st.integers(0, 9),
)
@example("\n".join(f"line {i} of the page" for i in range(90)), 0)
def test_the_network_with_markup_is_that_of_the_plain_loop(
    small: Model, text: str, seed: int
) -> None:
    markup = random_markup(text.count("\n") + 1, seed)
    (page,) = small.label_marked([text], [markup])
    if len(page):
        expected = slow_probabilities(small, text, markup)
        np.testing.assert_allclose(page.probabilities, expected, atol=1e-4)


def test_pages_of_html_are_labelled_alone_as_together(small: Model) -> None:
    pages: list[str | bytes] = [
        f"<h1>Page {i}</h1><p class=a>{'Words. ' * i}</p><ul><li>x" for i in range(40)
    ]
    pages[7] = b""
    for page, html in zip(small.label_html_many(pages), pages, strict=True):
        alone = small.label_html(html)
        assert page.text == alone.text
        np.testing.assert_allclose(page.probabilities, alone.probabilities, atol=1e-6)


def test_a_page_that_is_kept_does_not_hold_its_batch(small: Model) -> None:
    page = next(small.label_many(["Home\nA headline"] * 500))
    for array in (page.number, page.start, page.end, page.probabilities):
        assert array.base is None or array.base.nbytes == array.nbytes


def test_a_network_for_html_lies_in_a_file_beside(small: Model, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    both = random_model(1)
    both.html = small
    both.save(file)
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "mine.html.safetensors"}
    model = Model.load(file)
    html, text = "<h1>A headline</h1><p class=a>Words.", "A headline\nWords."
    for asked, answer in (
        (model.label(text), both.label(text)),
        (model.label_html(html), small.label_html(html)),
    ):
        np.testing.assert_array_equal(asked.probabilities, answer.probabilities)
    random_model(2).save(file)
    assert list(tmp_path.iterdir()) == [file]
    assert Model.load(file).html is None
    both.save(file)
    (tmp_path / "mine.html.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"mine\.html\.safetensors"):
        Model.load(file).label_html(html)


def test_a_network_for_text_only_reads_the_text_of_html() -> None:
    rng = np.random.default_rng(3)
    shapes = weight_shapes(NGRAM_SIZE, 0, HIDDEN, SUMMARY, len(LABELS))
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["shape_mean"] = weights["shape_scale"] = np.ones(features.N_LINE_FEATURES, np.float32)
    table = rng.normal(0, 0.4, (1 << features.BUCKET_BITS, NGRAM_SIZE)).astype(np.float32)
    none = np.zeros((1 << MARKUP_HASH_BITS, 0), np.int8)
    model = Model(*quantised(table), none, np.zeros(0, np.float32), weights)
    page = model.label_html("<h1>A headline</h1><p class=a>Words.")
    expected = model.label("A headline\n\nWords.").probabilities
    np.testing.assert_array_equal(page.probabilities, expected)


def test_text_without_a_tag_is_labelled_as_plain_text(small: Model) -> None:
    text = "Home\nNews\n\nA headline\n\nA paragraph, and a < b."
    for page in (small.label_html(text), *small.label_html_many(["<p>One", text])):
        if page.text == text:
            np.testing.assert_array_equal(page.probabilities, small.label(text).probabilities)
    assert page.text == text


def test_a_page_that_is_no_html_stops_the_others_only_when_its_turn_comes(small: Model) -> None:
    found = small.label_html_many(["<p>one", "<p>two", b"%PDF-1.7", "<p>four"])
    assert [next(found).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ValueError, match="not HTML, but a PDF"):
        next(found)


def test_text_beyond_one_chunk_is_summed_as_a_whole(small: Model) -> None:
    sizes = np.random.default_rng(1).integers(1, 3000, 60)
    text = "\n".join("wording "[: size % 9] + "ab c" * (size // 4) for size in sizes.tolist())
    assert len(text) > 2 * NGRAM_CHUNK
    page = small.label(text)
    np.testing.assert_allclose(page.probabilities, slow_probabilities(small, text), atol=1e-4)


# --- labelling ----------------------------------------------------------------------

LINES = st.text(
    st.one_of(st.sampled_from("aZЖ一ا9 .|\t\u200b\u200f\x00\ud800\n\r"), st.characters()),
    max_size=30,
)
PAGES = st.lists(LINES, max_size=12).map("\n".join)


@settings(deadline=None)
@given(PAGES)
@example("")
@example("\n\u200b\n")
def test_every_non_blank_line_gets_one_label_with_its_probability(
    shipped: Model, text: str
) -> None:
    page = shipped.label(text)
    assert page.text == text
    assert page.labels == shipped.labels
    assert page.probabilities.shape == (len(page), len(page.labels))
    assert page.probabilities.dtype == np.float32
    assert (page.probabilities >= 0).all()
    np.testing.assert_allclose(page.probabilities.sum(axis=1), 1, atol=1e-5)
    every = re.split("\r\n|\n|\r", text)
    numbers = [line.number for line in page.lines]
    assert numbers == sorted(set(numbers))
    assert [line.text for line in page.lines] == [every[number - 1] for number in numbers]
    left_out = [line for number, line in enumerate(every, 1) if number not in set(numbers)]
    assert not any(re.search(r"\w", line) for line in left_out)
    for line, row in zip(page.lines, page.probabilities, strict=True):
        assert line.label == page.labels[row.argmax()]
        assert line.confidence == row.max()


def assert_same_page(one: Page, other: Page) -> None:
    assert one.text == other.text
    assert [line.number for line in one.lines] == [line.number for line in other.lines]
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)
    for a, b, row in zip(one.lines, other.lines, one.probabilities, strict=True):
        low, high = np.sort(row)[-2:]
        assert a.label == b.label or high - low < 1e-3


@settings(deadline=None, max_examples=50)
@given(st.lists(PAGES, max_size=6))
def test_many_pages_are_labelled_as_each_alone(shipped: Model, texts: list[str]) -> None:
    for together, text in zip(shipped.label_many(texts), texts, strict=True):
        assert_same_page(together, shipped.label(text))


def test_authored_pages_are_labelled_as_each_alone(shipped: Model) -> None:
    texts = texts_of_authored_pages(40)
    # many copies, so that pages stand in several batches and at different places of them
    for together, text in zip(shipped.label_many(texts * 4), texts * 4, strict=True):
        assert_same_page(together, shipped.label(text))


@pytest.mark.parametrize(
    "container", [list, tuple, iter, lambda texts: (t for t in texts), dict.fromkeys]
)
def test_any_iterable_of_pages_will_do(
    small: Model, container: Callable[[list[str]], Iterable[str]]
) -> None:
    texts = ["one\ntwo", "", "three"]
    pages = small.label_many(container(texts))
    assert [page.text for page in pages] == texts


def test_an_endless_stream_of_pages_yields_as_it_goes(small: Model) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken = number
            yield f"Page {number}\n" + "some words of it\n" * 50

    pages = small.label_many(endless())
    assert taken == 0
    for number, page in zip(range(500), pages, strict=False):
        assert page.lines[0].text == f"Page {number}"
    assert taken < 1000


def test_labelling_starts_only_when_asked(small: Model) -> None:
    def failing() -> Iterator[str]:
        yield "one"
        raise RuntimeError("the source broke")

    pages = small.label_many(failing())
    with pytest.raises(RuntimeError, match="the source broke"):
        list(pages)


@pytest.mark.parametrize("wrong", [b"bytes", None, 5, ["a"]])
def test_a_page_that_is_no_text_is_refused(small: Model, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"str, not {type(wrong).__name__}"):
        list(small.label_many(["fine", wrong]))


def test_threads_may_share_a_model(shipped: Model) -> None:
    texts = texts_of_authored_pages(16)
    with ThreadPoolExecutor(4) as pool:
        for page, text in zip(pool.map(shipped.label, texts), texts, strict=True):
            assert_same_page(page, shipped.label(text))


# --- the model file -----------------------------------------------------------------


def test_a_saved_model_loads_as_it_was(small: Model, saved: bytes, scratch: Path) -> None:
    loaded = load_bytes(scratch, saved)
    assert loaded.labels == small.labels
    assert loaded.metadata == small.metadata
    assert loaded.weights.keys() == small.weights.keys()
    for name, array in small.weights.items():
        assert np.array_equal(loaded.weights[name], array)
    assert np.array_equal(loaded.ngram_vectors, small.ngram_vectors)
    assert np.array_equal(loaded.ngram_scale, small.ngram_scale)


def test_quantising_a_table_moves_no_number_by_more_than_half_a_step() -> None:
    table = np.random.default_rng(1).normal(0, 0.3, (1000, NGRAM_SIZE)).astype(np.float32)
    table[:, 1] = 0  # a column without any size
    whole, scale = quantised(table)
    assert whole.dtype == np.int8
    assert (np.abs(whole * scale - table) <= scale * 0.5001).all()


def test_saving_a_loaded_model_gives_the_same_file(
    saved: bytes, scratch: Path, tmp_path: Path
) -> None:
    load_bytes(scratch, saved).save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == saved


def test_saving_replaces_the_file_and_leaves_no_other(
    small: Model, saved: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"an older file")
    small.save(path)
    assert path.read_bytes() == saved
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_what_was_there(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "folder.safetensors"
    path.mkdir()
    with pytest.raises(OSError):
        small.save(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        clutter.load(tmp_path / "none.safetensors")


def rewritten(
    data: bytes,
    change_header: Callable[[dict[str, Any]], object] | None = None,
    change_arrays: Callable[[dict[str, np.ndarray]], object] | None = None,
) -> bytes:
    """A model file with its header or its arrays changed."""
    arrays = safetensors.numpy.load(data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clutter"])
    if change_header:
        change_header(header)
    if change_arrays:
        change_arrays(arrays)
    return safetensors.numpy.save(arrays, metadata={"clutter": json.dumps(header)})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: h.update(format=3), "format 3; this version reads format 2"),
        (lambda h: h.pop("format"), "format None; this version reads format 2"),
        (lambda h: h.update(labels=[]), "other labels than body, title"),
        (lambda h: h.update(labels="body"), "other labels than"),
        (lambda h: h.update(labels=[1, 2]), "other labels than"),
        (lambda h: h["labels"].append("other"), "other labels than"),
        (lambda h: h["labels"].reverse(), "other labels than"),
        (lambda h: h.pop("labels"), "other labels than"),
        (lambda h: h["features"].update(bucket_bits=17), "other features"),
        (lambda h: h["features"]["shape"].pop(), "other features"),
        (lambda h: h["features"].update(mark_bits=14), "other features"),
        (lambda h: h.pop("features"), "other features"),
        (lambda h: h.update(about="nothing"), "does not say what the model is about"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    saved: bytes, scratch: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        load_bytes(scratch, rewritten(saved, change_header=change))


ARRAYS = sorted(
    {"ngrams", "ngrams_scale", "marks", "marks_scale", "shape_mean", "shape_scale"}
    | weight_shapes(1, 1, 1, 1, 1).keys()
)
FLOATS = [name for name in ARRAYS if name not in ("ngrams", "marks")]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_array_is_named(saved: bytes, scratch: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"array '{name}' is missing"):
        load_bytes(scratch, rewritten(saved, change_arrays=lambda arrays: arrays.pop(name)))


@pytest.mark.parametrize("name", ARRAYS)
def test_a_misshapen_array_is_refused(saved: bytes, scratch: Path, name: str) -> None:
    def flatten_and_cut(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name].ravel()[:-1].copy()

    with pytest.raises(ModelError, match=r"array '\w+' is (float32|int8) \("):
        load_bytes(scratch, rewritten(saved, change_arrays=flatten_and_cut))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(
    saved: bytes, scratch: Path, name: str, value: float
) -> None:
    def spoil(arrays: dict[str, np.ndarray]) -> None:
        arrays[name].flat[-1] = value

    with pytest.raises(ModelError, match=f"array '{name}' holds numbers that are not finite"):
        load_bytes(scratch, rewritten(saved, change_arrays=spoil))


def test_an_array_of_another_kind_is_refused(saved: bytes, scratch: Path) -> None:
    def widen(arrays: dict[str, np.ndarray]) -> None:
        arrays["out_b"] = arrays["out_b"].astype(np.float64)

    with pytest.raises(ModelError, match="array 'out_b' is float64"):
        load_bytes(scratch, rewritten(saved, change_arrays=widen))


def test_vectors_that_cannot_be_packed_by_four_are_refused(saved: bytes, scratch: Path) -> None:
    def narrow(arrays: dict[str, np.ndarray]) -> None:
        arrays["ngrams"] = arrays["ngrams"][:, :3].copy()

    with pytest.raises(ModelError, match="n-gram vectors of 3 numbers, not a multiple of 4"):
        load_bytes(scratch, rewritten(saved, change_arrays=narrow))


def test_an_array_too_many_is_named(saved: bytes, scratch: Path) -> None:
    def add(arrays: dict[str, np.ndarray]) -> None:
        arrays["extra"] = np.zeros(3, np.float32)

    with pytest.raises(ModelError, match="array 'extra' is not part of the format"):
        load_bytes(scratch, rewritten(saved, change_arrays=add))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a model file"),
        (b"nav\tHome\nbody\tText\n" * 50, "not a model file"),
        (b"PK\x03\x04" + bytes(100), "not a model file"),
        (b"\xff" * 64, "not a model file"),
        (safetensors.numpy.save({"x": np.zeros(3)}), "a safetensors file, but not a clutter model"),
        (
            safetensors.numpy.save({"x": np.zeros(3)}, metadata={"format": "pt"}),
            "a safetensors file, but not a clutter model",
        ),
        (
            safetensors.numpy.save({"x": np.zeros(3)}, metadata={"clutter": "[1]"}),
            "a safetensors file, but not a clutter model",
        ),
        (
            safetensors.numpy.save({"x": np.zeros(3)}, metadata={"clutter": "{"}),
            "not a model file, or a damaged one",
        ),
    ],
)
def test_a_foreign_file_is_refused_by_name(scratch: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        load_bytes(scratch, data)
    assert str(scratch) in str(caught.value)


@pytest.mark.parametrize("left", [1, 7, 8, 9, 500, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved: bytes, scratch: Path, left: float) -> None:
    size = int(left if left >= 1 else len(saved) * left)
    with pytest.raises(ModelError, match="not a model file, or a damaged one"):
        load_bytes(scratch, saved[:size])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damage_gives_a_model_or_a_model_error(
    saved: bytes, scratch: Path, data: st.DataObject
) -> None:
    header = 8 + int.from_bytes(saved[:8], "little")
    # most of the file is numbers; what damage can do is decided in the header
    places = st.one_of(st.integers(0, header), st.integers(0, len(saved) - 1))
    broken = bytearray(saved)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(places)
        kind = data.draw(st.sampled_from(["flip", "cut", "drop", "add"]))
        if kind == "flip" and place < len(broken):
            broken[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del broken[place:]
        elif kind == "drop":
            del broken[place : place + data.draw(st.integers(1, 20))]
        else:
            broken[place:place] = data.draw(st.binary(min_size=1, max_size=20))
    scratch.write_bytes(bytes(broken))
    try:
        model = Model.load(scratch)
    except ModelError as error:
        assert str(scratch) in str(error)
        return
    with np.errstate(all="ignore"):  # a flipped weight can be as large as a float goes
        assert [line.text for line in model.label("one\n\ntwo").lines] == ["one", "two"]
