"""Reading HTML: bytes -> text -> lines and what their markup says -> a labelled page.

``decode`` finds the encoding. ``formulas``, ``gutters`` and ``hidden`` bring a page to what a
reader sees of it, and ``walk`` finds its lines. ``names`` and ``describe`` turn the markup around
them into numbers, and ``lines`` puts these together. ``page`` has the result for the user,
``markdown`` writes the kept lines as Markdown, and ``metadata`` reads what the page says of itself.
All modules need turbohtml.
"""

from clutter.errors import import_library

import_library("turbohtml", "reading HTML")
