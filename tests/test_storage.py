"""The model file: what is written comes back, and what cannot be right is refused.

Whatever is done to a model file, loading it gives a model or a ModelError that says what is
wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import random_model

import clutter
from clutter import Model, ModelError
from clutter.markup import MARKUP_FEATURE_NAMES
from clutter.network import weight_shapes


@pytest.fixture(scope="module")
def small() -> Model:
    return random_model()


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


# --- writing ---


def test_a_saved_model_loads_as_it_was(small: Model, saved: bytes, scratch: Path) -> None:
    loaded = load_bytes(scratch, saved)
    assert loaded.labels == small.labels
    assert loaded.metadata == small.metadata
    assert loaded.weights.keys() == small.weights.keys()
    for name, array in small.weights.items():
        assert np.array_equal(loaded.weights[name], array)
    assert np.array_equal(loaded.ngram_vectors, small.ngram_vectors)
    assert np.array_equal(loaded.ngram_scale, small.ngram_scale)


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


# --- what is refused ---


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
        (lambda h: h.update(format=7), "format 7, and this version reads format 6"),
        (lambda h: h.pop("format"), "format None, and this version reads format 6"),
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


@pytest.mark.parametrize("names", [["link share", "other"], [*MARKUP_FEATURE_NAMES, "new"], "cues"])
def test_other_markup_features_are_refused(saved: bytes, scratch: Path, names: object) -> None:
    with pytest.raises(ModelError, match="other features"):
        load_bytes(scratch, rewritten(saved, lambda h: h["features"].update(cues=names)))


ARRAYS = sorted(
    {"ngrams", "ngrams_scale", "marks", "marks_scale", "shape_mean", "shape_scale"}
    | weight_shapes(1, 1, 1, 1).keys()
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


def test_vectors_that_do_not_fill_integers_are_refused(saved: bytes, scratch: Path) -> None:
    def narrow(arrays: dict[str, np.ndarray]) -> None:
        arrays["ngrams"] = arrays["ngrams"][:, :4].copy()

    with pytest.raises(ModelError, match="n-gram vectors of 4 numbers, not a multiple of 8"):
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
