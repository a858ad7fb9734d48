"""Arrow values as JSON values, whatever an Arrow array holds.

Arrow's own conversion to Python raises an error for values that Python has no form for: text with
bytes that are not UTF-8, nanoseconds, dates after the year 9999, unknown time zones. In a table of
a million records one such value must not end the run. So values are converted by their type here,
and every value has a form in JSON.
"""

from __future__ import annotations

import base64
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clutter.formats.base import distinct

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_values(array: pa.Array) -> list[Any]:
    """The values of an Arrow array as values that JSON has.

    Dates and times become text in ISO format with the precision of their type, bytes become text,
    or base64 if they are not UTF-8, decimals become text, NaN and infinity null. Text keeps its
    valid characters; other bytes in it become U+FFFD.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return json_values(array.storage)
    if pa.types.is_dictionary(kind):
        return json_values(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return json_values(pc.run_end_decode(array))
    for matches, convert in _CONVERSIONS:
        if matches(kind):
            return convert(array)
    values: list[Any] = array.to_pylist()  # integers, bool, null
    return values


def json_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a record batch, whose columns have different names, as JSON objects."""
    columns = [json_values(column) for column in batch.columns]
    names = batch.schema.names
    return [
        dict(zip(names, (column[i] for column in columns), strict=True))
        for i in range(batch.num_rows)
    ]


def text_or_base64(data: bytes) -> str:
    """Bytes as text: UTF-8, or else base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def _texts(array: pa.Array) -> list[Any]:
    try:
        values: list[Any] = array.to_pylist()
    except UnicodeDecodeError:
        return [
            value.as_buffer().to_pybytes().decode("utf-8", "replace") if value.is_valid else None
            for value in array
        ]
    return values


def _bytes(array: pa.Array) -> list[Any]:
    return _each(text_or_base64, array.to_pylist())


def _floats(array: pa.Array) -> list[Any]:
    values = array.to_pylist()
    kind = {16: np.float16, 32: np.float32}.get(array.type.bit_width)
    if kind is not None:
        # the shortest number with this value in single precision: 0.1, not 0.10000000149011612
        short = np.array([value or 0 for value in values], kind).astype(str).tolist()
        values = [v if v is None else float(x) for v, x in zip(values, short, strict=True)]
    return [value if value is not None and math.isfinite(value) else None for value in values]


def _decimals(array: pa.Array) -> list[Any]:
    return _each(str, array.to_pylist())


def _dates(array: pa.Array) -> list[Any]:
    if array.type.bit_width == 32:
        return _each(_date, array.cast(pa.int32()).to_pylist())
    return _each(lambda ms: _date(ms // 86_400_000), array.cast(pa.int64()).to_pylist())


def _date(day: int) -> str:
    """A day, counted from 1970-01-01, in ISO format."""
    if 1 <= day + _EPOCH_DAY <= date.max.toordinal():
        return date.fromordinal(day + _EPOCH_DAY).isoformat()
    text = str(np.datetime64(day, "D"))
    return f"{int(text[:-6]):0{5 if day < 0 else 4}}{text[-6:]}"


def _clock(second: int, part: int, unit: str) -> str:
    """A time of day in ISO format: the second of the day and a part of a second, in ``unit``."""
    fraction = f".{part:0{_DIGITS[unit]}}" if part else ""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{fraction}"


def _times(array: pa.Array) -> list[Any]:
    unit = array.type.unit
    whole = pa.int32() if array.type.bit_width == 32 else pa.int64()

    def iso(value: int) -> str:
        return _clock(*divmod(value, _PER_SECOND[unit]), unit)

    return _each(iso, array.cast(whole).to_pylist())


def _timestamps(array: pa.Array) -> list[Any]:
    unit = array.type.unit
    zone = _zone(array.type.tz)

    def iso(value: int) -> str:
        second, part = divmod(value, _PER_SECOND[unit])
        offset, ending = _offset(zone, second)
        day, second = divmod(second + offset, 86400)
        return f"{_date(day)}T{_clock(second, part, unit)}{ending}"

    return _each(iso, array.cast(pa.int64()).to_pylist())


@functools.lru_cache
def _zone(name: str | None) -> tzinfo | None:
    """The time zone of this name, or None without a name. An unknown zone gives UTC: this is how
    its times are stored."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    try:
        offset = datetime.strptime(name, "%z").utcoffset()
    except ValueError:
        offset = None
    return UTC if offset is None else timezone(offset)


def _offset(zone: tzinfo | None, second: int) -> tuple[int, str]:
    """The distance of a zone from UTC in seconds, at a second from 1970 on, and how ISO writes
    it."""
    if zone is None:
        return 0, ""
    try:
        local = (_EPOCH + timedelta(seconds=second)).astimezone(zone)
    except OverflowError:  # a year that Python does not have
        return 0, "+00:00"
    distance = local.utcoffset() or timedelta()
    return int(distance.total_seconds()), local.isoformat()[19:]


def _durations(array: pa.Array) -> list[Any]:
    unit = array.type.unit

    def iso(value: int) -> str:
        return f"{'-' if value < 0 else ''}PT{_seconds(abs(value), unit)}S"

    return _each(iso, array.cast(pa.int64()).to_pylist())


def _seconds(value: int, unit: str) -> str:
    second, part = divmod(value, _PER_SECOND[unit])
    fraction = f".{part:0{_DIGITS[unit]}}".rstrip("0") if part else ""
    return f"{second}{fraction}"


def _intervals(array: pa.Array) -> list[Any]:
    def iso(value: Any) -> str:
        sign = "-" if value.nanoseconds < 0 else ""
        return f"P{value.months}M{value.days}DT{sign}{_seconds(abs(value.nanoseconds), 'ns')}S"

    return _each(iso, array.to_pylist())


def _lists(array: pa.Array) -> list[Any]:
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        lengths = [kind.list_size if valid else None for valid in array.is_valid().to_pylist()]
    else:
        lengths = pc.list_value_length(array).to_pylist()
    items = iter(json_values(array.flatten()))  # without the items of null lists
    return [None if n is None else list(itertools.islice(items, n)) for n in lengths]


def _maps(array: pa.Array) -> list[Any]:
    """Lists of [key, value]: keys need not be text, and may repeat."""
    ends = array.offsets.to_pylist()
    first, size = ends[0], ends[-1] - ends[0]
    columns = [json_values(part.slice(first, size)) for part in (array.keys, array.items)]
    pairs = [list(pair) for pair in zip(*columns, strict=True)]
    spans = zip(itertools.pairwise(ends), array.is_valid().to_pylist(), strict=True)
    return [pairs[a - first : b - first] if valid else None for (a, b), valid in spans]


def _structs(array: pa.Array) -> list[Any]:
    names = distinct([array.type.field(i).name for i in range(array.type.num_fields)])
    columns = [iter(json_values(column)) for column in array.flatten()]
    rows = []
    for valid in array.is_valid().to_pylist():
        row = dict(zip(names, [next(column) for column in columns], strict=True))
        rows.append(row if valid else None)
    return rows


def _unions(array: pa.Array) -> list[Any]:
    values = [value.value for value in array]
    return [json_values(pa.array([value], value.type))[0] for value in values]


def _each(convert: Callable[[Any], str], values: Sequence[Any]) -> list[Any]:
    return [None if value is None else convert(value) for value in values]


def _any_of(*tests: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda kind: any(test(kind) for test in tests)


_types = pa.types
_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...] = (
    (_any_of(_types.is_string, _types.is_large_string, _types.is_string_view), _texts),
    (
        _any_of(
            _types.is_binary,
            _types.is_large_binary,
            _types.is_binary_view,
            _types.is_fixed_size_binary,
        ),
        _bytes,
    ),
    (_types.is_floating, _floats),
    (_types.is_decimal, _decimals),
    (_types.is_date, _dates),
    (_types.is_timestamp, _timestamps),
    (_types.is_time, _times),
    (_types.is_duration, _durations),
    (_types.is_interval, _intervals),
    (_types.is_map, _maps),
    (
        _any_of(
            _types.is_list,
            _types.is_large_list,
            _types.is_fixed_size_list,
            _types.is_list_view,
            _types.is_large_list_view,
        ),
        _lists,
    ),
    (_types.is_struct, _structs),
    (_types.is_union, _unions),
)
