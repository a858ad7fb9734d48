"""HTTP responses as archives hold them: status, media type, and the body, unpacked within a limit.

A server may say that a body is packed when it is not, and many archives keep unpacked bodies with
their old headers. So a body that is not what its headers say is taken as it is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from clutter.errors import ReadError, import_library
from clutter.formats import base

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\S+[ \t]+(\d{3})\b")
_HEADER = re.compile(rb"^([\w-]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.M)
_TYPE = re.compile(r"[\w.+/-]+", re.A)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.I)
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(;[^\n]*)?\r?\n")
_PIECE = 1 << 16


class Response(NamedTuple):
    """A response: its status code, its headers with names in lower case, and the place of its body
    in the block."""

    status: int
    headers: dict[str, str]
    body: int

    @property
    def media_type(self) -> str | None:
        """The media type in lower case, None if the response does not name one."""
        return media_type(self.headers.get("content-type", ""))

    @property
    def charset(self) -> str | None:
        """The declared character set, None if there is none."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found[1] if found else None


def media_type(header: str) -> str | None:
    """The media type of a content-type header, in lower case, without its parameters."""
    found = _TYPE.match(header.strip())
    return found[0].lower() if found else None


def parsed(block: bytes) -> Response | None:
    """The response in a block; None if it is not one."""
    end = _HEADERS_END.search(block, 0, 100_000)
    status = _STATUS.match(block)
    if end is None or status is None:
        return None
    pairs = _HEADER.findall(block, status.end(), end.start())
    headers: dict[str, str] = {}
    for name, value in pairs:  # the first counts
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return Response(int(status[1]), headers, end.end())


def body(block: bytes, response: Response) -> bytes:
    """The unpacked body of a response.

    Raises ReadError if it is longer than ``base.MAX_PAGE_BYTES``, damaged, or packed in a way that
    needs a library that is not installed.
    """
    data = block[response.body :]
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        data = _unchunked(data)
    packed = response.headers.get("content-encoding", "").lower().split(",")
    for encoding in reversed(packed):
        data = _unpacked(data, encoding.strip())
    return data


def _unchunked(data: bytes) -> bytes:
    """The chunks of a body; the body itself if it does not begin with a chunk."""
    parts: list[bytes] = []
    at = 0
    while head := _CHUNK.match(data, at):
        size = int(head[1], 16)
        if not size:
            return b"".join(parts)
        parts.append(data[head.end() : head.end() + size])
        at = head.end() + size
        at += len(data[at : at + 2]) - len(data[at : at + 2].lstrip(b"\r\n"))
    if not parts:
        return data
    if b"\n" in data[at:]:
        raise ReadError("the body has damaged chunks")
    return b"".join(parts)  # the crawler stopped within the body


def _unpacked(data: bytes, encoding: str) -> bytes:
    if encoding in ("gzip", "x-gzip") and data.startswith(b"\x1f\x8b"):
        return _within_limit(_inflated(data, 31), encoding)
    if encoding == "deflate" and data:
        for window in (15, -15):  # with the header that the standard asks for, and without
            try:
                return _within_limit(_inflated(data, window), encoding)
            except _NotPacked:
                continue
    if encoding == "zstd" and data.startswith(b"\x28\xb5\x2f\xfd"):
        return _within_limit(_by_arrow(data, "zstd"), encoding)
    if encoding == "br" and data:
        try:
            return _within_limit(_by_arrow(data, "brotli"), encoding)
        except _NotPacked:
            pass
    return data


class _NotPacked(ReadError):
    """Data that is not packed as its headers say: nothing of it can be unpacked."""


def _within_limit(pieces: Iterator[bytes], encoding: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            parts.append(piece)
            size += len(piece)
            if size > base.MAX_PAGE_BYTES:
                raise ReadError(f"longer than {base.MAX_PAGE_BYTES:,} bytes")
    except (OSError, zlib.error) as error:
        if not parts:
            raise _NotPacked(f"not packed with {encoding}") from None
        raise ReadError(f"the body is packed with {encoding}, and damaged ({error})") from None
    return b"".join(parts)


def _inflated(data: bytes, window: int) -> Iterator[bytes]:
    while data:  # gzip may have several members
        unpack = zlib.decompressobj(window)
        while not unpack.eof:
            piece = unpack.decompress(data, _PIECE)
            data = unpack.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                break  # the end, or the crawler stopped within the body
        data = unpack.unused_data if window == 31 else b""
        if not data.startswith(b"\x1f\x8b"):
            return


def _by_arrow(data: bytes, codec: str) -> Iterator[bytes]:
    try:
        pyarrow = import_library("pyarrow", f"unpacking {codec}")
    except ImportError as error:
        raise ReadError(str(error)) from None
    stream = pyarrow.CompressedInputStream(pyarrow.BufferReader(data), codec)
    while piece := stream.read(_PIECE):
        yield piece
