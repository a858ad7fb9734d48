"""Hidden parts of a page: which of them a reader can open, and which are never seen.

A part that is hidden when the page is shown may be half of its article: what a "read more"
button, an accordion or a tab opens. Or it is a menu, a dialog or a text for screen readers.
This module removes what is not part of the text for any reader, and returns the parts that the
page offers to open. The walk (walk.py) marks their lines, so that the model can weigh them.
"""

from __future__ import annotations

import re
from itertools import islice

from turbohtml import Document, Element, Node

from clutter.html.names import HUMP

_HIDDEN = (
    # not html or body: some pages hide these until a script has run. And not "visibility:
    # hidden": some pages hide their article with it
    ':not(html, body):is([hidden], [style*="none" i], .d-none, .hidden, .sr-only, .visually-hidden)'
)
_CLASSES = {"d-none", "hidden", "sr-only", "visually-hidden"}
_NO_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.I)
_SHOWN_ELSEWHERE = re.compile(
    # a class that shows the element on wider or narrower screens: d-md-block, lg:flex
    r"(?:^|\s)(?:d-(?!print)\w+-(?!none)\w|"
    r"(?!print|dark|open|[\w-]*(?:hover|focus|active))[\w-]+:(?!d?-?none|hidden)"
    r"(?:d-)?(?:block|contents|flex|flow-root|grid|inline|list-item|not-sr-only|table))",
    re.I,
)
_CONTROLS = "[aria-controls], [data-target], [data-bs-target], a[href^='#']"
_APART_TAGS = {"dialog", "footer", "form", "header", "label", "nav", "option", "select"}
_ROLES = {"alert", "alertdialog", "dialog", "listbox", "menu", "menubar", "navigation", "search",
          "status", "tooltip"}  # fmt: skip
"""Elements and roles of what is no text of the page, even if it can be opened."""
_APART_NAMES = re.compile(
    r"(?:^|[^a-z])(?:ads?|advert\w*|banner|carts?|consent|cookies?|dialogs?|drawer|dropdown|"
    r"errors?|gdpr|lightbox|log-?in|mega-?menu|menus?|mobmenu|modals?|nav|navbar|navigation|"
    r"newsletters?|off-?canvas|overlays?|pop-?(?:out|over|up)s?|preview-text|register|"
    r"registration|search|shar(?:e|ing)|sidebar|sign-?(?:in|up)|social|subscribe|"
    r"subscription|tool-?tips?|widgets?|wishlist)(?![a-z])"
)
"""Words in class or id that say the same."""
_FIELDS = "textarea, input:not([type=hidden i], [type=checkbox i], [type=radio i])"
_PARAGRAPH, _LONG = 60, 600
"""A paragraph has so many characters; a text without paragraphs has so many."""
_SAMPLE = 40
"""So many characters are looked for in the rest of the page, to see whether a part is a copy."""
_BEFORE = 20
"""So many elements before a hidden one are looked at."""


def settle_hidden(document: Document) -> set[Element]:
    """Remove the hidden parts that the page does not offer to open, and return the others.

    A part is offered if a control or a link on the page names its id, if it is the panel of a
    tab or ``hidden="until-found"``, or if it goes on where visible paragraphs before it end.
    Menus, dialogs, forms and the like do not count.
    """
    found = document.select(_HIDDEN)
    if found:
        pages = _around(document.select("h1, main"))
        found = [element for element in found if _is_hidden(element, pages)]
    if not found:
        return set()
    hidden = set(found)
    targets = _targets(document)
    offered: set[Element] = set()
    removed: list[Element] = []
    whole = ""
    # the hidden part that a node is in, or None; and whether it is apart from the page's text
    parts: dict[Node, Element | None] = {document: None}
    apart: dict[Node, bool] = {document: False}
    for element in found:  # the outer ones first
        part = _hidden_part(element.parent, parts)
        parts[element] = element
        if part is not None and part not in offered:
            continue
        is_named = _is_target(element, targets)
        if part is None:
            is_text = (is_named or _goes_on(element, hidden)) and _is_text(element)
            if is_text:
                whole = whole or " ".join(document.text.split())
                is_text = not _is_copy(element, whole)
        else:  # the part around it was looked at with all that is in it
            is_text = is_named
        if is_text and not _is_apart(element, apart):
            offered.add(element)
        else:
            removed.append(element)
    for element in removed:
        element.extract()
    return offered


def _targets(document: Document) -> set[str]:
    """The ids that controls and links on the page name."""
    return {
        name.removeprefix("#")
        for control in document.select(_CONTROLS)
        for attribute in ("aria-controls", "data-target", "data-bs-target", "href")
        for name in (control.attr(attribute) or "").split()
    }


def _hidden_part(node: Node | None, parts: dict[Node, Element | None]) -> Element | None:
    """The innermost hidden element that is or surrounds a node, or None. Adds what it finds to
    ``parts``, so that no element is looked at twice."""
    path = []
    while node is not None and node not in parts:
        path.append(node)
        node = node.parent
    part = None if node is None else parts[node]
    parts.update(dict.fromkeys(path, part))
    return part


def _around(elements: list[Element]) -> set[Node]:
    """The nodes around some elements."""
    around: set[Node] = set()
    for element in elements:
        node = element.parent
        while node is not None and node not in around:
            around.add(node)
            node = node.parent
    return around


def _is_hidden(element: Element, pages: set[Node]) -> bool:
    """Whether an element is hidden. ``pages`` hold a headline or a main part: a class may hide
    them until a script has run."""
    if element.attr("hidden") is not None:
        return True
    style = element.attr("style")
    if style and _NO_DISPLAY.search(style):
        return True
    names = element.attr("class") or ""
    classes = {"sr-only", "visually-hidden"} if element in pages else _CLASSES
    return not classes.isdisjoint(names.split()) and not _SHOWN_ELSEWHERE.search(names)


def _is_apart(element: Element, apart: dict[Node, bool]) -> bool:
    """Whether it is, or is in, a thing that is no text of the page even if it can be opened. Adds
    what it finds to ``apart``, so that no element is looked at twice."""
    path = []
    node: Node | None = element
    while node is not None and node not in apart:
        path.append(node)
        node = node.parent
    found = node is not None and apart[node]
    for inner in reversed(path):
        found = found or (isinstance(inner, Element) and _is_named_apart(inner))
        apart[inner] = found
    return found


def _is_named_apart(element: Element) -> bool:
    if element.tag in ("html", "body"):
        return False
    if element.tag in _APART_TAGS or element.attr("role") in _ROLES:
        return True
    names = f"{element.attr('class') or ''} {element.attr('id') or ''}"
    return bool(_APART_NAMES.search(HUMP.sub("-", names).lower()))


def _is_target(element: Element, targets: set[str]) -> bool:
    return (
        element.attr("id") in targets
        or element.attr("role") == "tabpanel"
        or (element.attr("hidden") or "").lower() == "until-found"
    )


def _is_text(element: Element) -> bool:
    """Whether it is more text than links, and nothing to fill in."""
    size = len(element.text or "")
    links = sum(len(link.text or "") for link in element.select("a"))
    return 2 * links < size and element.select_one(_FIELDS) is None


def _is_copy(element: Element, whole: str) -> bool:
    """Whether a long part repeats what the page holds elsewhere, as a copy for printing does.
    ``whole`` is the text of the page with single spaces."""
    text = " ".join((element.text or "").split())
    if len(text) < _LONG:
        return False
    samples = [text[len(text) * i // 6 :][:_SAMPLE] for i in range(1, 6)]
    return sum(whole.count(sample) > 1 for sample in samples) >= 3


def _goes_on(element: Element, hidden: set[Element]) -> bool:
    """Whether it has text that goes on behind the visible paragraphs before it."""
    parent = element.parent
    if not isinstance(parent, Element) or element.tag == "pre":  # pre: the source of the text
        return False
    if not _has_paragraph(element) and len(element.text or "") < _LONG:
        return False
    for before in islice(element.previous_siblings, _BEFORE):
        if not isinstance(before, Element) or before in hidden:
            continue
        # in body itself, what comes before may be anything
        if (before.tag == "p" or parent.tag != "body") and _has_paragraph(before):
            return True
    return False


def _has_paragraph(element: Element) -> bool:
    paragraphs = [element] if element.tag == "p" else element.select("p")
    return any(len((paragraph.text or "").strip()) >= _PARAGRAPH for paragraph in paragraphs)
