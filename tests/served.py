"""A small site on localhost, for the tests that scrape.

Five articles in two languages with what stands around articles, a front page that links
them, and what scrapers stumble over: a PDF that says it is HTML, a page whose charset is
declared wrongly, one in an old charset, a link that leads nowhere.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENGLISH = {
    "bridge": (
        "Harbour bridge opens a year early",
        "The new bridge over the harbour opened to traffic on Monday, a year before the date "
        "that the city had promised, and the first cars crossed it shortly after noon.",
        "The mayor said that the work had cost less than planned, and that the money left "
        "would go to the schools of the two districts that the bridge joins.",
    ),
    "owls": (
        "Barn owls return to the old mill",
        "A pair of barn owls has moved into the roof of the old mill, eleven years after the "
        "last ones were seen there, and the birds seem to be sitting on at least four eggs.",
        "The miller's grandson, who found them, has closed the upper floor to visitors until "
        "the young have left the nest, which he expects in the last days of July.",
    ),
    "bread": (
        "Why the village bakes its own bread again",
        "When the last bakery closed, nobody in the village thought that its oven would ever "
        "be lit again; now there is a list for Saturday mornings, and the list is full.",
        "Thirty families take turns at the oven, and each has its own idea of how long a loaf "
        "of rye should stay in, so that no two weekends taste the same.",
    ),
}
GERMAN = {
    "bibliothek": (
        "Bücherei öffnet künftig auch sonntags",
        "Die Stadtbücherei öffnet vom nächsten Monat an auch am Sonntag, weil sich so viele "
        "Familien darüber beschwert hatten, dass sie unter der Woche keine Zeit dafür fänden.",
        "Für die zusätzlichen Stunden stellt die Stadt zwei Bibliothekarinnen ein; die Kosten "
        "dafür trägt im ersten Jahr ein Förderverein, danach müsse man weitersehen, hieß es.",
    ),
    "brunnen": (
        "Der Brunnen am Rathaus fließt wieder",
        "Nach drei trockenen Sommern fließt der Brunnen vor dem Rathaus wieder, und schon am "
        "ersten Nachmittag saßen auf seinem Rand so viele Leute wie früher beim Stadtfest.",
        "Das Wasser läuft nun im Kreis und wird nachts gefiltert, wodurch der Brunnen nach "
        "Angaben der Stadtwerke nur noch ein Zehntel von dem verbraucht, was er früher schluckte.",
    ),
}


def article(words: tuple[str, ...], charset: str, is_german: bool = False) -> str:
    """A page: an article with a menu, teasers of other articles, comments and a footer."""
    title, *paragraphs = words
    menu, more, remarks, footer = (
        (
            ("Startseite", "Politik", "Sport", "Kultur", "Anmelden"),
            ("Das könnte Sie auch interessieren", "Zehn Tipps für den Garten im Herbst"),
            ("2 Kommentare", "Endlich! Das wurde aber auch Zeit.", "Antworten"),
            "© 2024 Beispielverlag. Alle Rechte vorbehalten.",
        )
        if is_german
        else (
            ("Home", "Politics", "Sport", "Arts", "Log in"),
            ("You may also like", "Ten tips for your garden in autumn"),
            ("2 comments", "At last! About time, too.", "Reply"),
            "© 2024 Example Media. All rights reserved.",
        )
    )
    links = "".join(f'<li><a href="/{item.lower()}">{item}</a></li>' for item in menu)
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return f"""<!doctype html>
<html lang="{"de" if is_german else "en"}"><head><meta charset="{charset}"><title>{title}</title>
<script>var page = "{title}";</script></head><body>
<nav class="menu"><ul>{links}</ul></nav>
<main><article><h1>{title}</h1>
{body}</article></main>
<aside class="related"><h2>{more[0]}</h2><a href="/tips"><h3>{more[1]}</h3></a></aside>
<section id="comments"><h2>{remarks[0]}</h2><div class="comment"><p>{remarks[1]}</p>
<a href="#">{remarks[2]}</a></div></section>
<footer><p>{footer}</p></footer></body></html>
"""


PAGES = {f"/{name}": article(words, "utf-8").encode() for name, words in ENGLISH.items()} | {
    # written in UTF-8, whatever it says
    "/bibliothek": article(GERMAN["bibliothek"], "iso-8859-1", True).encode(),
    "/brunnen": article(GERMAN["brunnen"], "windows-1252", True).encode("cp1252"),
}
"""The articles, as they are sent."""

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" + bytes(2000)

FRONT = "".join(f'<p><a href="{path}">{path}</a>' for path in [*PAGES, "/report", "/nothing"])
"""The front page links all of them, the PDF and what is not there."""

SITE = PAGES | {"/": FRONT.encode(), "/report": PDF}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = SITE.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args: object) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]


class Server(ThreadingHTTPServer):
    """The site. ``asked`` are the paths that were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """The site, on a port of its own, for as long as it is needed."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
