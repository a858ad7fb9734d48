"""The class of each character, in a table for Unicode's basic plane.

Features count characters by class (lower case, digit, closing punctuation, ideograph and so
on). The classes are the same for every script. N-grams are taken from folded text, where
different dates, or a word with and without a capital, look the same. Classes and folded
characters come from lookup tables over code points: one numpy operation handles any number
of characters.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
from numpy.typing import NDArray

CLASSES = ["other", "space", "lower", "upper", "letter", "ideograph", "digit", "terminal", "comma",
            "colon", "quote", "dash", "symbol", "bracket", "web", "currency", "mark", "ignored",
            "newline"]  # fmt: skip
CLASS = {name: number for number, name in enumerate(CLASSES)}
N_CLASSES = len(CLASSES)

_BY_CHARACTER = {
    "terminal": ".!?…。．！？؟۔।॥։።‥",
    "comma": ",;،؛、，；",
    "colon": ":：",
    "quote": "\"'«»“”„‟‘’‚‹›「」『』《》〈〉`´",
    "dash": "-‐‑‒–—―־",
    "symbol": "|¦•·●○▪▫■□▶►▸▼▲◄◀→←↑↓★☆✓✔✕✖×>‣・~^+*<",
    "bracket": "()[]{}（）［］【】〔〕",
    "web": "@#/\\_=&%©®™№§",
    "newline": "\n\r",
}
_BY_CATEGORY = {
    "Ll": "lower", "Lu": "upper", "Lt": "upper", "Lo": "letter", "Lm": "letter",
    "Mn": "mark", "Mc": "mark", "Me": "mark", "Nd": "digit", "Nl": "digit", "No": "digit",
    "Sc": "currency", "Sm": "symbol", "So": "symbol", "Sk": "symbol",
    "Zs": "space", "Zl": "space", "Zp": "space", "Cf": "ignored",
    "Pi": "quote", "Pf": "quote", "Ps": "bracket", "Pe": "bracket", "Pd": "dash",
}  # fmt: skip


_IDEOGRAPHS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000))
_HANGUL = range(0xAC00, 0xD7A4)
_NO_CLASS = range(0xD800, 0xF900)
"""Surrogates, and characters for private use: they have no class."""


@functools.cache
def character_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Class and folded code point of every character of the basic plane: two arrays (65536,).

    Folding makes letters lower case and replaces every digit of every script by 0 and all
    white space by a space.
    """
    by_category = {key: CLASS[name] for key, name in _BY_CATEGORY.items()}
    classes = np.full(65536, CLASS["letter"], np.uint8)
    # most of the plane are large blocks, in which each look-up would find the same
    classes[_NO_CLASS.start : _NO_CLASS.stop] = 0
    blocks = (*_IDEOGRAPHS, _HANGUL, _NO_CLASS)  # in order
    ends = [0, *(end for block in blocks for end in (block.start, block.stop)), 65536]
    for first, stop in zip(ends[::2], ends[1::2], strict=True):
        categories = map(unicodedata.category, map(chr, range(first, stop)))
        classes[first:stop] = [by_category.get(category, 0) for category in categories]
    for name, characters in _BY_CHARACTER.items():
        classes[[ord(c) for c in characters]] = CLASS[name]
    for block in (range(0x3040, 0x3100), *_IDEOGRAPHS, range(0xF900, 0xFB00)):
        part = classes[block.start : block.stop]
        part[part == CLASS["letter"]] = CLASS["ideograph"]
    classes[[0x09, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F, 0x85]] = CLASS["space"]
    classes[[*range(0x600, 0x606), 0x6DD, 0x70F, 0x8E2]] = 0  # format characters that are visible
    folded = np.arange(65536, dtype=np.uint32)
    upper = np.flatnonzero(classes == CLASS["upper"])
    folded[upper] = [ord(chr(code).lower()[0]) for code in upper.tolist()]
    folded[classes == CLASS["digit"]] = ord("0")
    folded[classes == CLASS["space"]] = ord(" ")
    return classes, folded


def character_classes(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The class of each code point: indices into ``CLASSES``."""
    classes = character_tables()[0].take(codes, mode="clip")
    if codes.size and codes.max() > 0xFFFF:
        classes[codes > 0xFFFF] = CLASS["letter"]
        classes[(codes >= 0x1F000) & (codes < 0x1FC00)] = CLASS["symbol"]
        classes[(codes >= 0x20000) & (codes < 0x40000)] = CLASS["ideograph"]
        classes[(codes >= 0xE0000) & (codes <= 0xE0FFF)] = CLASS["ignored"]
    return classes


def code_points(text: str) -> NDArray[np.uint32]:
    """The text as an array of code points; lone surrogates are kept."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def folded(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The code points in lower case, with 0 for every digit and a space for all white space.

    ``codes`` must not be empty.
    """
    out = character_tables()[1].take(codes, mode="clip")
    if codes.max() > 0xFFFF:
        out = np.where(codes > 0xFFFF, codes, out)
    return out
