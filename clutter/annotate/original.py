"""The original of a page, to look at beside its lines.

It is the HTML as it was scraped, without what could run or load something. The server also sends
it with a policy that forbids both, and the browser shows it in a sandbox: three walls, each of
which is enough.
"""

from __future__ import annotations

from clutter.annotate.files import AnnotatedPage
from clutter.errors import InputError
from clutter.formats.pages import read_page

REMOVED = (
    "script, noscript, link, base, iframe, frame, frameset, object, embed, applet, portal, "
    "audio, video, source, track, meta, template, input[type=image], svg script"
)
"""Elements that run or load something, or say what a link tells of this address (meta). A style
stays, since the policy forbids what it names."""


def original(page: AnnotatedPage) -> str:
    """The HTML of a page, made harmless.

    Raises InputError if the page has none, or if it is not HTML; OSError; MissingLibraryError
    without turbohtml.
    """
    from clutter.html.lines import parse
    from clutter.training.corpus import html_file

    path = html_file(page.labelled())
    if path is None:
        raise InputError(f"{page.name}: no HTML beside it")
    try:
        document = parse(read_page(str(path))[0])
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    document.remove(REMOVED)
    for element in document.select("[referrerpolicy]"):  # the address holds the token
        del element.attrs["referrerpolicy"]
    return document.html
