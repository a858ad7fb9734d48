"""What the names of an element say: its tag, and its class, id, role, itemprop and rel.

The names that sites choose tell much of what is in an element: "related-posts", "commentList".
This module splits them into words, and gives the words to the model as hashes, and as bits for
some kinds of containers. A page has many elements with the same names: each kind
of element is looked at once.
"""

from __future__ import annotations

import functools
import re
import zlib

from clutter.markup import NAMED

Names = tuple[str | None, ...]
"""What an element is called: its tag, and its class, id, role, itemprop and rel; and a seventh name
``HIDDEN`` if it is hidden. Elements without attributes have the tag only."""

HIDDEN = "hidden"

_WORD = re.compile(r"[^\W\d_]{2,}")
_START = re.compile(r"([^\W\d_]{2,20})[^\W\d_]*")
"""A word; its group is what is used of it."""
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Between two words of a name such as "relatedPosts"."""
_NAMED_BIT = {word: 1 << i for i, words in enumerate(NAMED.values()) for word in words.split()}
_CLASS, _ID = 0, 1
_CACHED = 1 << 13
_LONG = 500
"""The names of elements with more characters than this are not cached: some have megabytes."""
_USED = 105
"""Only so many characters of the target of a link are used. The others are cut off before it is
cached: targets that begin with "data:" have megabytes."""


class _Hashes(dict[str, int]):
    """The hash of each word, which depends on where the word stands. Sites use few words again and
    again, so the hashes are kept."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __missing__(self, word: str) -> int:
        if len(self) >= _CACHED:
            self.clear()
        self[word] = found = _hash(self.place + word)
        return found


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace")) * 0x100000001


_TARGETS = _Hashes(">")
_NAMES = [_Hashes(str(sort)) for sort in range(6)]
"""For class, id, role, itemprop and rel, and for ``HIDDEN``."""

Kind = tuple[tuple[int, ...], int, int]
"""What the names of an element say: hashes of its tag and of the words of its names; how many of
these are of its tag and class; and bits for the containers in ``NAMED`` whose words are in its
class or id. A plain tuple, because a page has hundreds."""


def kind_of(names: Names) -> Kind:
    """What the names of an element say."""
    if sum(map(len, filter(None, names))) > _LONG:
        return _kind(names)
    return _cached_kind(names)


def _kind(names: Names) -> Kind:
    tag, *others = names
    hashes = [_hash(f"<{tag}")]
    named = 0
    looks = 1
    for sort, name in enumerate(others):
        if name:
            found = _words(name)
            hashes += map(_NAMES[sort].__getitem__, found)
            if sort == _CLASS:
                looks = len(hashes)
            if sort in (_CLASS, _ID) and not _NAMED_BIT.keys().isdisjoint(found):
                for word in found:
                    named |= _NAMED_BIT.get(word, 0)
    return tuple(hashes[:12]), looks, named


_cached_kind = functools.lru_cache(_CACHED)(_kind)


def target_hashes(target: str) -> tuple[int, ...]:
    """Hashes of the words in the URL of a link."""
    return _target_hashes(target[:_USED])


@functools.lru_cache(_CACHED)
def _target_hashes(target: str) -> tuple[int, ...]:
    if not target:
        return ()
    start = "#" if target.startswith("#") else "//" if "//" in target[:8] else "/"
    target = target.removeprefix("https").removeprefix("http")
    return (_TARGETS[start], *map(_TARGETS.__getitem__, _words(target[:100])[:7]))


def _words(name: str) -> list[str]:
    if name.islower():  # the usual case
        return _START.findall(name)
    return [word.lower()[:20] for word in _WORD.findall(HUMP.sub("-", name))]
