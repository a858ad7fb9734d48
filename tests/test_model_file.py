"""The model file, checked before it is read.

Whatever has the name of a model file, loading it ends at once, with a model or with a
ModelError, and without filling the memory.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import pickle
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import joined, parts, saved_bytes

from clutter import Model, ModelError, batch, features
from clutter.markup import MARKUP_HASH_BITS
from clutter.network import quantised, weight_shapes
from clutter.options import CleanOptions

TEXT = "Home\n\nA headline\n\nThe ferry stays in harbour, said the captain."
HTML = "<nav><a href=/>Home</a></nav><h1 class=top>A headline</h1><p>The ferry stays."

SMALL_HEADER = 1 << 16


def random_model(seed: int) -> Model:
    """A small network with random weights, which reads markup too."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    weights = {name: normal(*shape) for name, shape in weight_shapes(8, 8, 5, 3).items()}
    weights["shape_mean"] = normal(features.N_LINE_FEATURES)
    weights["shape_scale"] = np.abs(normal(features.N_LINE_FEATURES))
    tables = quantised(normal(1 << features.BUCKET_BITS, 8))
    marks = quantised(normal(1 << MARKUP_HASH_BITS, 8))
    return Model(*tables, *marks, weights, {"seed": seed, "note": "größer"})


@pytest.fixture(scope="module")
def made() -> Model:
    return random_model(1)


@pytest.fixture(scope="module")
def saved(made: Model, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "made.safetensors"
    made.save(path)
    return path.read_bytes()


@pytest.fixture
def file(saved: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(saved)
    return path


def assert_same_answers(one: Model, other: Model) -> None:
    for a, b in (
        (one.label(TEXT), other.label(TEXT)),
        (one.label_html(HTML), other.label_html(HTML)),
    ):
        np.testing.assert_array_equal(a.probabilities, b.probabilities)


def changed(
    data: bytes, change: Callable[[dict[str, Any], dict[str, np.ndarray]], object]
) -> bytes:
    header, arrays = parts(data)
    change(header, arrays)
    return joined(header, arrays)


# one file


def test_a_model_is_one_file(made: Model, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    made.save(file)
    assert list(tmp_path.iterdir()) == [file]
    model = Model.load(file)
    assert_same_answers(model, made)
    assert model.metadata == made.metadata


def test_the_same_model_gives_the_same_bytes_also_after_loading(
    made: Model, saved: bytes, file: Path
) -> None:
    again = file.with_name("again.safetensors")
    assert saved_bytes(made, again) == saved
    assert saved_bytes(Model.load(file), again) == saved
    model = Model.load(file)
    model.label_html(HTML)
    assert saved_bytes(model, again) == saved
    assert saved_bytes(Model.load(file), file) == saved


def test_a_loaded_model_stays_itself_when_another_takes_its_name(made: Model, file: Path) -> None:
    model = Model.load(file)
    other = random_model(5)
    other.save(file)
    assert_same_answers(model, made)
    assert_same_answers(Model.load(file), other)


def test_a_loaded_model_does_not_need_its_file(made: Model, saved: bytes, file: Path) -> None:
    model = Model.load(file)
    file.write_bytes(saved[:-1000])
    assert_same_answers(model, made)
    with pytest.raises(ModelError, match=r"mine\.safetensors: not a model file"):
        Model.load(file)


def test_a_loaded_model_can_be_copied_and_sent_to_a_process(file: Path, made: Model) -> None:
    for other in (copy.deepcopy(Model.load(file)), pickle.loads(pickle.dumps(Model.load(file)))):
        assert_same_answers(other, made)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lists the open files of Linux")
def test_no_file_stays_open(file: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    model = Model.load(file)
    with pytest.raises(ModelError):
        Model.load(__file__)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(model.label(TEXT)) == 3


# what is no model


def within_a_second(load: Callable[[], object], reason: str) -> None:
    """Check that loading raises a ModelError for this reason, at once and without memory."""
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        with pytest.raises(ModelError, match=reason):
            load()
        assert time.perf_counter() - begin < 1
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    within_a_second(lambda: Model.load(tmp_path / "pipe"), "a regular file, not a pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_run_does_not_wait_for_a_pipe_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "page.txt").write_text(TEXT)
    options = CleanOptions(model=str(tmp_path / "pipe"))
    within_a_second(
        lambda: batch.run([str(tmp_path / "page.txt")], str(tmp_path / "out.jsonl"), options),
        "a regular file, not a pipe",
    )


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
def test_a_device_without_an_end_is_refused() -> None:
    within_a_second(lambda: Model.load("/dev/zero"), "a regular file, not a pipe or a device")


def test_a_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        Model.load(tmp_path)


def sparse(path: Path, head: bytes, size: int) -> Path:
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def header_of(hidden: int, saved: bytes) -> bytes:
    """The start of a file that agrees with itself: a network with so large a state of a line."""
    length = int.from_bytes(saved[:8], "little")
    entries = json.loads(saved[8 : 8 + length])
    shapes = weight_shapes(8, 8, hidden, 3)
    end = 0
    for name, entry in entries.items():
        if name != "__metadata__":
            entry["shape"] = shapes.get(name, entry["shape"])
            size = int(np.prod(entry["shape"])) * (1 if entry["dtype"] == "I8" else 4)
            entry["data_offsets"] = [end, end + size]
            end += size
    data = json.dumps(entries).encode()
    return len(data).to_bytes(8, "little") + data


def test_a_file_of_ten_gigabytes_is_refused_at_once(saved: bytes, tmp_path: Path) -> None:
    size = 10 << 30
    for head, reason in (
        (b"", "not a model file"),
        ((1 << 32).to_bytes(8, "little"), "a header of 4294967296 bytes"),
        (saved[:SMALL_HEADER], "10737418240 bytes, too many"),
    ):
        path = sparse(tmp_path / "large", head, size)
        within_a_second(functools.partial(Model.load, path), reason)


def test_a_network_that_would_fill_the_memory_is_refused(saved: bytes, tmp_path: Path) -> None:
    head = header_of(9000, saved)
    entries = json.loads(head[8:])
    end = max(e["data_offsets"][1] for name, e in entries.items() if name != "__metadata__")
    path = sparse(tmp_path / "wide", head, len(head) + end)
    assert path.stat().st_size > 1 << 30
    within_a_second(lambda: Model.load(path), "too many for a model")


@pytest.mark.parametrize(
    "entry",
    [
        [],
        5,
        {"dtype": "F32"},
        {"dtype": "F32", "shape": [8], "data_offsets": [0]},
        {"dtype": "F32", "shape": [8], "data_offsets": [0, 32, 64]},
        {"dtype": "F32", "shape": [8], "data_offsets": [32, 0]},
        {"dtype": "F32", "shape": [8], "data_offsets": [-32, 0]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [8.0], "data_offsets": [0, 32]},
        {"dtype": "F32", "shape": ["8"], "data_offsets": [0, 32]},
        {"dtype": "F32", "shape": 8, "data_offsets": [0, 32]},
        {"dtype": "F32", "shape": [9], "data_offsets": [0, 32]},
        {"dtype": "F32", "shape": [10**4000] * 100, "data_offsets": [0, 32]},
        {"dtype": "F7", "shape": [8], "data_offsets": [0, 32]},
        {"dtype": ["F32"], "shape": [8], "data_offsets": [0, 32]},
    ],
    ids=str,
)
def test_an_array_without_a_place_is_refused(saved: bytes, file: Path, entry: Any) -> None:
    length = int.from_bytes(saved[:8], "little")
    entries = json.loads(saved[8 : 8 + length])
    entries["out_b"] = entry
    data = json.dumps(entries).encode()
    file.write_bytes(len(data).to_bytes(8, "little") + data + saved[8 + length :])
    within_a_second(lambda: Model.load(file), "not a model file, or a damaged one")


@pytest.mark.parametrize(
    "header", [b"[" * 100_000, b"[]", b"5", b"null", b"\xff{}", b'{"a": ' + b"1" * 9999 + b"}"]
)
def test_a_header_that_is_no_object_is_refused(file: Path, header: bytes) -> None:
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    within_a_second(lambda: Model.load(file), "not a model file, or a damaged one")


def test_arrays_that_share_bytes_or_leave_some_out_are_refused(saved: bytes, file: Path) -> None:
    length = int.from_bytes(saved[:8], "little")
    entries = json.loads(saved[8 : 8 + length])
    entries["main_b"]["data_offsets"] = entries["out_b"]["data_offsets"]
    data = json.dumps(entries).encode()
    file.write_bytes(len(data).to_bytes(8, "little") + data + saved[8 + length :])
    with pytest.raises(ModelError, match="is not where the header says"):
        Model.load(file)
    file.write_bytes(saved + b"more")
    with pytest.raises(ModelError, match=f"{len(saved) + 4} bytes, but its header says"):
        Model.load(file)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h, a: a.pop("marks"), "array 'marks' is missing"),
        (lambda h, a: a.update({"in_b": a["in_b"][:-1].copy()}), "array 'in_b' is"),
        (lambda h, a: a.update({"x": a["out_b"]}), "array 'x' is not part of the format"),
        (lambda h, a: h.pop("about"), "does not say what the model is about"),
        (lambda h, a: h.update({"about": 5}), "does not say what the model is about"),
        (lambda h, a: a.pop("group0_w"), "array 'group0_w' is missing"),
        (lambda h, a: h.update(format=6.0), "format 6.0, and this version reads format 6"),
        (lambda h, a: h.update(format=4), "format 4, .* train or tune the model again"),
    ],
)
def test_what_is_wrong_with_a_network_is_said_when_the_model_is_loaded(
    saved: bytes, file: Path, change: Callable[..., object], reason: str
) -> None:
    file.write_bytes(changed(saved, change))
    with pytest.raises(ModelError, match=reason):
        Model.load(file)


@pytest.mark.parametrize("state", ["in_w", "mean0_u", "ngrams"])
def test_a_network_with_a_size_of_zero_is_refused(file: Path, state: str) -> None:
    sizes = {"ngrams": 8, "in_w": 5, "mean0_u": 3} | {state: 0}
    shapes = weight_shapes(sizes["ngrams"], 8, sizes["in_w"], sizes["mean0_u"])
    shapes |= {
        "shape_mean": (features.N_LINE_FEATURES,),
        "shape_scale": (features.N_LINE_FEATURES,),
    }
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    ngrams = np.zeros((1 << features.BUCKET_BITS, sizes["ngrams"]), np.int8)
    marks = np.zeros((1 << MARKUP_HASH_BITS, 8), np.int8)
    scales = [np.zeros(size, np.float32) for size in (sizes["ngrams"], 8)]
    Model(ngrams, scales[0], marks, scales[1], weights).save(file)
    with pytest.raises(ModelError, match=f"array '{state}' is empty"):
        Model.load(file)


# numbers


@pytest.mark.parametrize("name", ["in_w", "conv3_w", "mean1_w", "out_b", "ngrams_scale"])
def test_weights_that_give_answers_that_are_no_numbers_are_refused(
    saved: bytes, file: Path, name: str
) -> None:
    def enlarge(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays[name][:] = 3e38

    file.write_bytes(changed(saved, enlarge))
    with pytest.raises(ModelError, match="weights are too large"):
        Model.load(file)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 38)), min_size=1, max_size=4))
def test_a_model_that_loads_gives_probabilities(
    saved: bytes, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, float]]
) -> None:
    def enlarge(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        floats = sorted(name for name in arrays if arrays[name].dtype == np.float32)
        with np.errstate(over="ignore"):
            for number, power in changes:
                array = arrays[floats[number % len(floats)]]
                array *= np.float32(10**power)
                np.clip(array, -3e38, 3e38, out=array)

    file = tmp_path_factory.getbasetemp() / "enlarged.safetensors"
    file.write_bytes(changed(saved, enlarge))
    try:
        model = Model.load(file)
    except ModelError:
        return
    with np.errstate(over="raise", invalid="raise"):
        for page in (model.label(TEXT), model.label_html(HTML)):
            np.testing.assert_allclose(page.probabilities.sum(axis=1), 1, atol=1e-5)


def test_metadata_that_cannot_be_read_again_is_not_written(file: Path, saved: bytes) -> None:
    model = random_model(3)
    model.metadata["note"] = "x" * (1 << 20)
    with pytest.raises(ModelError, match="metadata is longer than a model file can hold"):
        model.save(file)
    assert file.read_bytes() == saved
