"""The address that the browser talks to: the labelling page, its data, and the original pages.

Whoever can reach it could read and change a person's work, so it listens on this machine only, and
answers no request without the secret token that is part of the printed address, nor one that comes
from another site (Host and Origin are checked). Scraped pages are hostile: their text goes to the
browser as JSON and becomes text nodes, and their HTML is shown in a frame that may neither run
scripts nor load anything.
"""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from clutter.annotate import advice
from clutter.annotate.files import AnnotatedPage, ChangedError
from clutter.annotate.original import original
from clutter.annotate.project import ALIKE, Change, Project
from clutter.annotate.rules import rules
from clutter.annotate.tuner import Tuner
from clutter.errors import ClutterError, InputError, import_library
from clutter.labelled import DOUBT
from clutter.page import KINDS, LABELS
from clutter.text import utf8

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"

MOST_BYTES = 1_000_000
"""Longest body of a request, in bytes."""

STATIC = {
    "index.html": "text/html",
    "style.css": "text/css",
    **{f"{name}.js": "text/javascript" for name in ("app", "api", "keys", "lines", "side")},
}
"""The files of the labelling page, and their types."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}
"""Sent with every answer; an original page has its own policy."""

ORIGINAL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class Guard:
    """Lets only requests pass that come from the labelling page itself: with the ``token`` as the
    first part of their path, sent to this machine, and from no other site."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token.encode()
        names = (HOST, "localhost")
        self._hosts = {f"{name}:{port}".encode() for name in names}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no web sockets
        refusal = self._refusal(scope)
        if refusal is None:
            scope = {**scope, "path": "/" + scope["path"].split("/", 2)[2]}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                new = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] += [item for item in new if item[0] not in present]
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        body = refusal.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        start = {"type": "http.response.start", "status": 403, "headers": headers}
        await send_with_headers(start)
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> str | None:
        """Why a request is refused, or None."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "refused: this address is for this machine only\n"
        if any(origin not in self._origins for origin in origins):
            return "refused: the request comes from another site\n"
        if headers.get(b"sec-fetch-site", [b"none"])[0] in (b"cross-site", b"same-site"):
            return "refused: the request comes from another site\n"
        parts = scope["path"].split("/", 2)
        given = parts[1].encode("utf-8", "replace") if len(parts) == 3 else b""
        if not hmac.compare_digest(given, self._token):
            return "refused: open the address that clutter annotate has printed\n"
        length = headers.get(b"content-length", [b"0"])[0]
        if b"transfer-encoding" in headers or not length.isdigit() or int(length) > MOST_BYTES:
            return "refused: the request is too long\n"
        return None


def check_libraries() -> None:
    """Raises MissingLibraryError without starlette and uvicorn."""
    for name in ("starlette", "uvicorn"):
        import_library(name, "labelling in the browser", "starlette uvicorn")


def make_app(project: Project, tuner: Tuner, token: str, port: int) -> ASGIApp:
    """The application, for a server on this port."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    def as_json(answer: Any, status: int = 200) -> Response:
        # names of files may hold bytes that are no text
        data = utf8(json.dumps(answer, ensure_ascii=False))
        return Response(data, status, media_type="application/json")

    def answering(work: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
        """An endpoint that does ``work`` with the numbers in the path and the fields of the body,
        in a thread. Bad requests and files that cannot be written are answered in one line."""
        from starlette.concurrency import run_in_threadpool

        async def endpoint(request: Request) -> Response:
            try:
                body = await request.body() if request.method == "POST" else b"{}"
                fields = json.loads(body)
                if not isinstance(fields, dict):
                    raise InputError("the request is no JSON object")
                answer = await run_in_threadpool(work, fields | request.path_params)
            except ChangedError as error:
                return as_json({"error": str(error)}, 409)
            except (ClutterError, KeyError, TypeError, ValueError, RecursionError) as error:
                told = str(error) if isinstance(error, ClutterError) else repr(error)
                return as_json({"error": told}, 400)
            except OSError as error:
                where = f"{error.filename}: " if error.filename is not None else ""
                reason = f"{where}{error.strerror or error}"
                if request.method == "GET":
                    return as_json({"error": reason}, 404)
                return as_json({"error": f"{reason}: nothing was changed"}, 507)
            return answer if isinstance(answer, Response) else as_json(answer)

        return endpoint

    def changed(change: Change, number: int) -> dict[str, Any]:
        """Tell of a change. If a page is read, or was, the model learns from what it is now."""
        if any(edit.page.is_read or edit.head for edit in change):
            tuner.request()
        return told(project, change, number) | {"project": overview(project, tuner)}

    def seen(given: dict[str, Any], *, with_guesses: bool = True) -> int:
        return project.seen(given["page"], given["version"], with_guesses=with_guesses)

    def set_lines(given: dict[str, Any]) -> dict[str, Any]:
        rows, same = _rows(given["lines"]), given.get("same", ALIKE)
        with project.lock:
            number = seen(given, with_guesses=False)
            return changed(project.set_lines(number, rows, given["label"], same), number)

    def accept(given: dict[str, Any]) -> dict[str, Any]:
        rows = None if given.get("lines") is None else _rows(given["lines"])
        with project.lock:
            number = seen(given)
            return changed(project.accept(number, rows), number)

    def mark(given: dict[str, Any]) -> dict[str, Any]:
        with project.lock:
            number = seen(given)
            return changed(project.mark(number, given["read"] is True), number)

    def set_kind(given: dict[str, Any]) -> dict[str, Any]:
        with project.lock:
            number = seen(given, with_guesses=False)
            return changed(project.set_kind(number, given["kind"]), number)

    def undo(given: dict[str, Any]) -> dict[str, Any]:
        with project.lock:
            return moved(project.undo())

    def redo(given: dict[str, Any]) -> dict[str, Any]:
        with project.lock:
            return moved(project.redo())

    def moved(change: Change) -> dict[str, Any]:
        if not change:
            return {"page": None, "project": overview(project, tuner)}
        return changed(change, project.pages.index(change[0].page))

    def show_original(given: dict[str, Any]) -> Response:
        html = original(project.page(given["page"]))
        headers = {"Content-Security-Policy": ORIGINAL_POLICY}
        return Response(html, 200, headers, "text/html")

    def static(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in STATIC:
            return as_json({"error": f"there is no {name[:80]!r}"}, 404)
        data = resources.files("clutter.annotate").joinpath("static", name).read_bytes()
        return Response(data, media_type=STATIC[name])

    def route(path: str, work: Callable[[dict[str, Any]], Any], method: str = "GET") -> Route:
        return Route(path, answering(work), methods=[method])

    app: Starlette = Starlette(
        routes=[
            Route("/", static),
            Route("/static/{name}", static),
            route("/api/project", lambda given: overview(project, tuner)),
            route("/api/rules", lambda given: rules()),
            route("/api/page/{page:int}", lambda given: whole(project, given["page"])),
            route("/original/{page:int}", show_original),
            route("/api/page/{page:int}/set", set_lines, "POST"),
            route("/api/page/{page:int}/accept", accept, "POST"),
            route("/api/page/{page:int}/mark", mark, "POST"),
            route("/api/page/{page:int}/kind", set_kind, "POST"),
            route("/api/undo", undo, "POST"),
            route("/api/redo", redo, "POST"),
        ]
    )
    return Guard(app, token, port)


def overview(project: Project, tuner: Tuner) -> dict[str, Any]:
    """What the browser shows of the whole project."""
    with project.lock:
        pages = project.pages
        following = advice.next_page(pages)
        return {
            "folder": str(project.folder),
            "labels": LABELS,
            "kinds": KINDS,
            "doubt": DOUBT,
            "pages": [
                {
                    "name": page.name,
                    "lines": len(page.rows),
                    "doubtful": len(page.doubtful),
                    "left": len(page.left),
                    "read": page.is_read,
                    "kind": page.shown_kind,
                }
                for page in pages
            ],
            "next": None if following is None else following._asdict(),
            "curve": advice.curve(pages),
            "learning": tuner.is_learning,
            "round": tuner.round,
            "scores": tuner.scores,
            "problem": tuner.problem,
            "model": str(tuner.output) if tuner.output.exists() else None,
        }


def whole(project: Project, number: int) -> dict[str, Any]:
    """A page as the browser shows it; changes of it come with its ``version``. ``lines`` has
    [index, label, is set, confidence, number of lines with this text, text] for each line that is
    not blank."""
    with project.lock:
        page = project.page(number)
        return {
            "page": number,
            "version": page.version,
            "name": page.name,
            "url": page.head.get("url", ""),
            "lang": page.head.get("lang", ""),
            "kind": _kind(page),
            "read": page.is_read,
            "original": bool(page.head.get("html")),
            "lines": [
                [*_state(page, row), len(project.alike(page, row)), page.lines[row]]
                for row in page.rows
            ],
        }


def told(project: Project, change: Change, number: int) -> dict[str, Any]:
    """What the browser is told of a change, if it shows the page ``number``."""
    page = project.pages[number]
    mine = [edit for edit in change if edit.page is page]
    others = [edit for edit in change if edit.page is not page]
    return {
        "page": number,
        "lines": [_state(page, row) for edit in mine for row in edit.lines],
        "kind": _kind(page),
        "read": page.is_read,
        "elsewhere": {"lines": sum(len(edit.lines) for edit in others), "pages": len(others)},
    }


def _state(page: AnnotatedPage, row: int) -> list[Any]:
    is_set = page.set[row] is not None
    return [row, page.label(row), is_set, 1 if is_set else page.guess[row][1]]


def _kind(page: AnnotatedPage) -> dict[str, Any]:
    return {"kind": page.shown_kind, "set": page.kind is not None, "sure": page.kind_guess[1]}


def _rows(value: Any) -> list[int]:
    """Raises InputError if these are no indices of lines."""
    if not isinstance(value, list) or not all(type(row) is int for row in value):
        raise InputError("lines: a list of whole numbers")
    return value


def listen(port: int) -> socket.socket:
    """A socket that listens on this machine only; with port 0 on a free port. Raises OSError."""
    opened = socket.socket()
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen()  # a browser that is faster than the server waits for it
    except OSError as error:
        opened.close()
        error.filename = f"port {port}"
        raise
    return opened


def serve(app: ASGIApp, opened: socket.socket) -> None:
    """Answer requests until ^C."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", access_log=False)
    uvicorn.Server(config).run(sockets=[opened])
