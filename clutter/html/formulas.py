"""Formulas: one readable copy of each, in place of the two or three that pages hold.

Pages repeat a formula for browsers, screen readers and scripts: Wikipedia hides the MathML and
shows a picture, KaTeX writes MathML and HTML, MathJax 2 a preview, the formula and its source in a
script. This module turns all of them into one ``math`` element, whose text is what a reader
sees. TeX, where the page has it, is kept in its attribute ``alttext``, for Markdown.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import NamedTuple

import turbohtml
from turbohtml import Document, Element, Text

_SHOWN = "mjx-container, span:is(.MathJax, .MathJax_CHTML, .MathJax_SVG, .mjx-chtml)"
"""What MathJax shows."""
_BLOCKS = ".MathJax_Display, .MathJax_SVG_Display, .MJXc-display, div.MathJax_CHTML"
"""Blocks of MathJax 2 around what it shows."""
_HOLDER = f".mwe-math-element, span.katex, {_SHOWN}"
"""Elements that hold a formula as MathML, and often once more in another form."""
_NEAR = 4
"""Such an element is at most so many elements above the MathML."""
_SCRIPT = "script[type^='math/']"
_IMAGE = "img:is(.tex, .latex, [class*=mwe-math-fallback])[alt]"
_FORMULA = f"math, .MathJax_Preview, {_IMAGE}, body {_SCRIPT}"
_PROSE = "article, h1, h2, h3, li, p, section, table"
"""Elements that no formula holds. Where a tag is not closed, ``math`` may hold the whole page."""

_BLANK = re.compile(r"[ \t\n\r\f]+")
_INVISIBLE = dict.fromkeys(range(0x2061, 0x2065))
"""Signs of MathML for "times" and so on, which take no room."""
_TEX_TYPE = re.compile(r"(?:^|[/-])(?:la)?tex$", re.I)
_TEX = re.compile(r"[\\^_{}=]|^\S+$")
"""A match means TeX. Alternative text may also be in words."""
_COMMENT = re.compile(r"(?<!\\)%.*")
_STYLE = re.compile(r"\{\\(?:display|text)style(?![a-zA-Z])(.*)\}", re.S)
_ESCAPED = re.compile(r"\\.", re.S)


class _Formula(NamedTuple):
    """What a reader sees of a formula, its TeX or "", and whether it stands apart as a block."""

    text: str
    tex: str
    is_apart: bool


def settle_formulas(document: Document) -> None:
    """Turn each formula of a page, with all its copies, into one ``math`` element.

    Its text is that of the MathML, or the TeX where there is none. It has the attribute
    ``alttext`` if the page has TeX, and ``display="block"`` if the formula stands apart.
    """
    # each of these has a tag, so that pages without formulas take no time
    if all(document.select_one(form) is None for form in ("math", _SCRIPT, _IMAGE)):
        return
    shown: set[Element] = set()  # what MathJax 2 shows; its script may follow
    done: set[Element] = set()
    holders: dict[Element, bool] = {}
    for element in document.select(_FORMULA):
        if element.parent is None or element in done:
            continue
        if element.tag == "script":
            _settle(element, _of_script(element, shown))
        elif element.tag == "img":
            tex = _plain_tex(element.attr("alt") or "")
            _settle(element, _Formula(tex, tex, "display" in (element.attr("class") or "")))
        elif element.tag != "math":  # a preview
            after = _beside(element, is_before=False)
            if after is not None and after.matches(f"{_SCRIPT}, {_BLOCKS}, {_SHOWN}"):
                element.extract()
        elif element.select_one(_PROSE) is not None:
            done.update(element.select("math"))
        else:
            holder = _holder(element, holders)
            formula = _of_mathml(element)
            above = holder.parent
            if holder.attr("display") == "true" or (
                isinstance(above, Element) and above.has_class("katex-display")
            ):
                formula = formula._replace(is_apart=True)
            if holder.matches(_SHOWN):
                shown.add(holder)
            if formula.text:
                done.update(holder.select(_FORMULA))
            _settle(holder, formula)


def _settle(element: Element, formula: _Formula) -> None:
    """Turn an element into the formula, if that has any text."""
    if not formula.text:
        return
    # in its place: all new nodes have the same hash, so that dicts of them become slow
    element.tag = "math"
    element.attrs.clear()
    if formula.tex:
        element.attrs["alttext"] = formula.tex
    if formula.is_apart:
        element.attrs["display"] = "block"
    element.set_text(formula.text)


def _holder(math: Element, holders: dict[Element, bool]) -> Element:
    """The element with all copies of a formula, or else the formula itself. ``holders`` says of
    elements whether they are one, and is added to."""
    above = math
    for _ in range(_NEAR):
        if not isinstance(above.parent, Element):
            break
        above = above.parent
        if above not in holders and above.matches(_HOLDER):
            # one that holds another, or several formulas, was not closed and holds other text
            inner = above.select(_HOLDER)
            holders.update(dict.fromkeys(inner, False))
            is_whole = not inner and len(above.select("math")) == 1
            holders[above] = is_whole and above.select_one(_PROSE) is None
        if holders.get(above):
            return above
    return math


def _of_mathml(math: Element) -> _Formula:
    """The formula of MathML. Removes its annotations."""
    tex = math.attr("alttext") or ""
    tex = tex if _TEX.search(tex) else ""
    for note in math.select("annotation, annotation-xml"):
        if note.tag == "annotation" and _TEX_TYPE.search(note.attr("encoding") or ""):
            tex = note.text
        note.extract()
    tex = _plain_tex(tex)
    return _Formula(_text(math) or tex, tex, math.attr("display") == "block")


def _text(math: Element) -> str:
    """The text of MathML. Blanks between its elements mean nothing, except between the cells of a
    matrix."""
    parts = []
    for node in math.descendants:
        if isinstance(node, Text):
            parts.append(_BLANK.sub(" ", node.data).strip(" "))
        elif isinstance(node, Element) and (
            node.tag in ("mtd", "mtr")
            or (node.tag == "mspace" and (node.attr("width") or "0")[0] in "123456789")
        ):
            parts.append(" ")
    return _BLANK.sub(" ", "".join(parts)).strip(" ").translate(_INVISIBLE)


def _of_script(script: Element, shown: set[Element]) -> _Formula:
    """The formula of a script of MathJax 2. Removes what MathJax has shown for it."""
    kind = (script.attr("type") or "").lower().replace(" ", "")
    source = None
    tex = ""
    if kind.startswith("math/mml"):
        source = turbohtml.parse(script.text, positions=False).select_one("math")
    else:
        tex = _plain_tex(script.text)
    before = _beside(script, is_before=True)
    if before is not None and (before in shown or before.matches(f"{_BLOCKS}, {_SHOWN}")):
        source = source or (before if before in shown else before.select_one("math"))
        before.extract()
    formula = _Formula("", "", False) if source is None else _of_mathml(source)
    return _Formula(formula.text or tex, tex or formula.tex, "mode=display" in kind)


def _beside(element: Element, *, is_before: bool) -> Element | None:
    """The element directly before or behind another, with nothing but blanks between."""
    beside = element.previous_sibling if is_before else element.next_sibling
    while isinstance(beside, Text) and beside.data.isspace():
        beside = beside.previous_sibling if is_before else beside.next_sibling
    return beside if isinstance(beside, Element) else None


def _plain_tex(tex: str) -> str:
    r"""TeX in one line, without comments, and without the \displaystyle around it that Wikipedia
    adds."""
    tex = _BLANK.sub(" ", _COMMENT.sub("", tex)).strip(" ")
    styled = _STYLE.fullmatch(tex)
    if styled is not None:
        braces = [{"{": 1, "}": -1}.get(sign, 0) for sign in _ESCAPED.sub("", styled[1])]
        if min(accumulate(braces), default=0) >= 0:  # else: the braces belong to two groups
            tex = styled[1].strip(" ")
    return tex
