"""Reading HTML: bytes -> text -> lines and what their markup says -> a labelled page.

``decode`` finds the encoding, ``lines`` cuts the page into the lines that a reader sees,
``describe`` turns the markup around them into numbers, ``page`` is what the user gets, and
``markdown`` writes the lines that are kept. All of it needs turbohtml.
"""

from clutter.errors import import_library

import_library("turbohtml", "reading HTML")
