"""Keys sorted on disk: parts that come in order, and hold every key with its equals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clutter import keys as keys_module
from clutter.keys import Keys, keys_by_top_bits


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_PART", 4)


def parts_of(keys: list[int], folder: Path) -> Iterator[Keys]:
    np.array(keys, np.uint64).tofile(folder / "keys")
    return keys_by_top_bits(folder / "keys", folder)


TOP = st.sampled_from([0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])


@given(st.lists(TOP | st.integers(0, 2**64 - 1), max_size=120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_follow_each_other_and_hold_every_key_as_often_as_it_came(
    tmp_path: Path, keys: list[int]
) -> None:
    found = [sorted(part.tolist()) for part in parts_of(keys, tmp_path)]
    assert [key for part in found for key in part] == sorted(keys)


@pytest.mark.parametrize(("count", "parts"), [(0, 2), (4, 2), (8, 4), (100, 32), (1030, 256)])
def test_the_more_keys_there_are_the_more_parts_there_are(
    tmp_path: Path, count: int, parts: int
) -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, count, np.uint64).tolist()
    sizes = [part.size for part in parts_of(keys, tmp_path)]
    assert len(sizes) == parts
    assert sum(sizes) == count


def test_equal_keys_come_together(tmp_path: Path) -> None:
    keys = [2**64 // 7 * i for i in range(7)] * 9
    found = [part for part in parts_of(keys, tmp_path) if part.size]
    assert [set(np.unique(part, return_counts=True)[1].tolist()) for part in found] == (
        [{9}] * len(found)
    )
    assert len(found) > 2


def test_a_part_leaves_its_file_when_the_next_is_asked_for(tmp_path: Path) -> None:
    parts = parts_of([1, 2**63], tmp_path)
    folder = tmp_path / "keys-by-bits"
    next(parts)
    assert len(list(folder.iterdir())) == 2
    next(parts)
    assert len(list(folder.iterdir())) == 1
    assert next(parts, None) is None
    assert list(folder.iterdir()) == []
