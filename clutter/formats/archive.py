"""The records of WARC archives, also of damaged ones.

An archive is a sequence of records: a few headers and a block of bytes, whose length is in a
header. If a length is wrong, or a gzip member is damaged, the next record is searched: one bad
record does not cost those after it. What is skipped is reported, with its size and place.
"""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from clutter.errors import ReadError, import_library
from clutter.formats import base
from clutter.formats.base import DAMAGE

READ_BYTES = 1 << 16
"""Bytes that are read, or unpacked, at a time."""

MAX_HEADER_BYTES = 1 << 16
"""Longer headers are damage."""

_RECORD = re.compile(rb"WARC/\d\.\d+\r?\n[\w-]+:")
_RECORD_BYTES = 64
"""No beginning of a record, as ``_RECORD`` finds it, is longer up to its first letters."""

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_GZIP = b"\x1f\x8b\x08"
_ZSTD = (b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18")  # the second holds a dictionary


class ArchiveRecord(NamedTuple):
    """A record: its headers, with names in lower case, and its block, of which no more than
    ``base.MAX_PAGE_BYTES`` + 1 bytes are kept."""

    headers: dict[str, str]
    block: bytes


class Damage(NamedTuple):
    """A part of an archive that cannot be read: the reason, and the headers of the record that is
    lost, if they are known."""

    reason: str
    headers: dict[str, str]


def archive_records(file: BinaryIO) -> Iterator[ArchiveRecord | Damage]:
    """The records of an archive and the damage between them. The first bytes of the file say how it
    is packed: with gzip, with Zstandard, or not.

    Raises ReadError if nothing more can be read; OSError, MissingLibraryError.
    """
    source = _Source(file)
    while True:
        source.drop_line_breaks()
        if source.ahead(1):
            yield _record(source)
        elif source.gap is None:
            return
        elif source.gap.is_last:
            raise ReadError(source.gap.message())
        else:
            yield Damage(source.pass_gap().message(), {})


def _record(source: _Source) -> ArchiveRecord | Damage:
    """The next record. After damage, the source is where the next record begins.

    Raises ReadError if there is none.
    """
    begin = after = source.keep()
    headers: dict[str, str] = {}
    if not source.ahead(5).startswith(b"WARC/"):
        reason = "no record begins here"
    elif (header := source.take_headers()) is None:
        reason = "a record whose headers do not end"
    else:
        headers = _parsed(header)
        after = source.keep()
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            reason = "a record without a length"
        else:
            size = int(length)
            block = source.take(min(size, base.MAX_PAGE_BYTES + 1))
            is_whole = len(block) == size or source.drop_rest(size - len(block))
            breaks = source.drop_line_breaks()
            following = source.ahead(5)
            if is_whole and (
                following == b"WARC/"
                or (not following and not source.is_damaged)
                # the length is right, but what follows is damaged
                or (following and breaks == b"\r\n\r\n" and not _RECORD.search(block))
            ):
                return ArchiveRecord(headers, block)
            reason = "a record of the wrong length" if is_whole else "the file ends within a record"
    source.go_back(after)
    if after == begin:  # not to find the same record again
        source.drop(1)
    if source.find_record():
        if reason == "the file ends within a record":
            reason = "a record of the wrong length"
        return Damage(f"{reason}; {source.skipped(begin)}", headers)
    if source.gap is not None:
        return Damage(source.pass_gap().message(), headers)
    raise ReadError(f"{reason}; {source.skipped(begin)}")


def _parsed(header: bytes) -> dict[str, str]:
    """The headers of a record; of several with one name, the last."""
    lines = header.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[1:]
    pairs = [line.partition(":") for line in lines]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


class _Gap(NamedTuple):
    """Bytes of a packed file that cannot be unpacked, and where their gzip member begins.
    ``is_last`` if they go on to the end of the file."""

    offset: int
    size: int
    member: int
    reason: str
    is_last: bool

    def message(self) -> str:
        return f"{self.reason}; {self.size:,} bytes from byte {self.offset:,} on are skipped"


class _Piece(NamedTuple):
    """Unpacked bytes, and the place in the file from which they can be unpacked again: where their
    gzip member begins, or their own place in a file that is not packed."""

    offset: int
    data: bytes


class _Place(NamedTuple):
    """A place in an archive: a place in the file from which it can be unpacked, and the number of
    unpacked bytes from there."""

    offset: int
    inner: int


class _Source:
    """The unpacked bytes of an archive, up to the next gap. It can go back to any place."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(4)
        self.is_packed = start.startswith(_GZIP[:2]) or start in _ZSTD
        self._unpack = (
            _gunzipped
            if start.startswith(_GZIP[:2])
            else _zstd_unpacked
            if start in _ZSTD
            else _plain
        )
        self.go_to(_Place(0, 0))

    def go_to(self, place: _Place) -> None:
        """Continue at a place."""
        self.gap: _Gap | None = None
        self._pieces = self._unpack(self.file, place.offset)
        self._kept: int | None = None
        self._buffer = b""
        self._begin = 0  # of the next byte in the buffer
        self._total = 0  # unpacked bytes before the buffer
        # where the pieces in the buffer begin: the number of unpacked bytes, the place in the file
        self._members: deque[tuple[int, int]] = deque([(0, place.offset)])
        self.drop(place.inner)

    def keep(self) -> _Place:
        """Keep what follows in memory, to go back to here. Returns this place."""
        self._kept = self._total + self._begin
        return self.place()

    def go_back(self, place: _Place) -> None:
        """Go back to the place that ``keep`` returned last."""
        if self._kept is None:
            self.go_to(place)
        else:
            self._begin = self._kept - self._total
            self._kept = None

    def pass_gap(self) -> _Gap:
        """Continue behind the gap, and return it."""
        gap, self.gap = self.gap, None
        assert gap is not None
        return gap

    @property
    def is_damaged(self) -> bool:
        """Whether the gap is in the gzip member of the last bytes: their checksum is then wrong, or
        not known."""
        return self.gap is not None and self.gap.member == self._members[-1][1]

    def place(self) -> _Place:
        """The place of the next byte."""
        here = self._total + self._begin
        while len(self._members) > 1 and self._members[1][0] <= here:
            self._members.popleft()
        unpacked, offset = self._members[0]
        return _Place(offset, here - unpacked)

    def skipped(self, begin: _Place) -> str:
        """What is between two places, for messages."""
        end = self.place()
        if not self.is_packed:
            first = begin.offset + begin.inner
            size = end.offset + end.inner - first
            return f"{size:,} bytes from byte {first:,} on are skipped"
        if end.offset > begin.offset:
            size = end.offset - begin.offset
            return f"{size:,} bytes from byte {begin.offset:,} on are skipped"
        return (
            f"{end.inner - begin.inner:,} unpacked bytes are skipped, from byte {begin.inner:,} on "
            f"of what is packed at byte {begin.offset:,}"
        )

    def ahead(self, size: int) -> bytes:
        """The next bytes, fewer before a gap or at the end."""
        if len(self._buffer) - self._begin < size and self.gap is None:
            used = self._begin if self._kept is None else self._kept - self._total
            pieces = [self._buffer[used:]]
            self._total += used
            self._begin -= used
            have = len(pieces[0])
            while have < self._begin + size:
                piece = next(self._pieces, None)
                if not isinstance(piece, _Piece):
                    self.gap = piece
                    break
                if piece.offset != self._members[-1][1]:
                    self._members.append((self._total + have, piece.offset))
                pieces.append(piece.data)
                have += len(piece.data)
            self._buffer = b"".join(pieces)
        return self._buffer[self._begin : self._begin + size]

    def take(self, size: int) -> bytes:
        """The next bytes; continue after them."""
        data = self.ahead(size)
        self._begin += len(data)
        return data

    def drop(self, size: int) -> int:
        """Continue after the next bytes. Returns their number."""
        left = size
        while left and (data := self.take(min(left, READ_BYTES))):
            left -= len(data)
        return size - left

    def drop_rest(self, size: int) -> bool:
        """Continue after the next bytes, of a block too large to be kept. Returns whether there are
        so many; does not read a file that is not packed to find that there are not."""
        self._kept = None
        place = self.place()
        if not self.is_packed and place.offset + place.inner + size > self._size:
            return False
        return self.drop(size) == size

    def drop_line_breaks(self) -> bytes:
        """Continue after the next line breaks. Returns at most four of their characters."""
        first = b""
        while (byte := self.ahead(1)) in (b"\r", b"\n"):
            first = (first + byte)[:4]
            self._begin += 1
        return first

    def take_headers(self) -> bytes | None:
        """The headers of a record; None if they do not end."""
        size = 1024
        while True:
            data = self.ahead(size)
            if end := _HEADERS_END.search(data):
                self._begin += end.end()
                return data[: end.start()]
            if len(data) < size or size >= MAX_HEADER_BYTES:
                return None
            size *= 4

    def find_record(self) -> bool:
        """Continue where the next record begins; False if there is none before a gap or the
        end."""
        while True:
            data = self.ahead(READ_BYTES)
            if found := _RECORD.search(data):
                self._begin += found.start()
                return True
            if len(data) < READ_BYTES:
                self._begin += len(data)
                return False
            self._begin += READ_BYTES - _RECORD_BYTES


def _plain(file: BinaryIO, offset: int) -> Iterator[_Piece | _Gap]:
    file.seek(offset)
    while data := file.read(READ_BYTES):
        yield _Piece(offset, data)
        offset += len(data)


def _gunzipped(file: BinaryIO, member: int) -> Iterator[_Piece | _Gap]:
    """The unpacked bytes of gzip members, and the gaps where they are damaged."""
    end = file.seek(0, os.SEEK_END)
    file.seek(member)
    data = b""
    while True:
        unpack = zlib.decompressobj(31)
        # zeros after the last member are padding
        while not (data := data.lstrip(b"\0") or file.read(READ_BYTES)).strip(b"\0"):
            if not data:
                return
        member = read = file.tell() - len(data)
        reason = ""
        try:
            while not unpack.eof:
                if not data:
                    data = file.read(READ_BYTES)
                    if not data:
                        reason = "the file ends within packed bytes"
                        break
                    read = file.tell() - len(data)
                unpacked = unpack.decompress(data, READ_BYTES)
                data = unpack.unconsumed_tail
                if unpacked:
                    yield _Piece(member, unpacked)
            data = unpack.unused_data
        except zlib.error as error:
            reason = f"damaged packed bytes ({error})"
        if reason:
            begin = max(member, read)
            following = _next_member(file, begin + 1)
            size = (end if following is None else following) - begin
            yield _Gap(begin, size, member, reason, following is None)
            if following is None:
                return
            file.seek(following)
            data = b""


def _next_member(file: BinaryIO, offset: int) -> int | None:
    """The place of the first gzip member from a place on; None if there is none. A member is what
    can be unpacked for a while: its first bytes are also found by chance."""
    file.seek(offset)
    data = b""
    while True:
        at = data.find(_GZIP)
        if at < 0:
            offset += max(len(data) - 2, 0)
            file.seek(offset)
            data = file.read(READ_BYTES)
            if _GZIP not in data and len(data) < READ_BYTES:
                return None
            continue
        offset += at
        file.seek(offset)
        data = file.read(READ_BYTES)
        try:
            if zlib.decompressobj(31).decompress(data, 1024):
                return offset
        except zlib.error:
            pass
        offset, data = offset + 1, data[1:]


def _zstd_unpacked(file: BinaryIO, offset: int) -> Iterator[_Piece | _Gap]:
    """The unpacked bytes of a file packed with Zstandard, all as one member. fastwarc unpacks them:
    it knows archives that begin with a dictionary."""
    stream_io = import_library("fastwarc.stream_io", "reading .zst archives")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    stream = stream_io.ZstdReader(file)
    try:
        while data := stream.read(READ_BYTES):
            yield _Piece(0, data)
    except DAMAGE as error:
        at = stream.frame_start_position() or 0
        yield _Gap(at, size - at, 0, f"damaged packed bytes ({error})", True)
