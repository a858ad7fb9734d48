"""Labelling in the browser: what the program answers, and what it refuses."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotating import HOSTILE, PAGES, learned_nothing, write_project

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from clutter.annotate.project import Project
from clutter.annotate.server import HEADERS, MOST_BYTES, listen, make_app
from clutter.annotate.tuner import Tuner
from clutter.page import LABELS

TOKEN, PORT = "secret", 8123
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_project(tmp_path)
    return Project(tmp_path)


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    tuner = Tuner(project, None, learned_nothing)
    yield TestClient(make_app(project, tuner, TOKEN, PORT), base_url=f"{HERE}/{TOKEN}/")
    tuner.close()


def post(client: TestClient, path: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(path, json={"version": [0, 0], **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_label_is_in_the_file_before_it_is_answered(client: TestClient, project: Project) -> None:
    page = client.get("api/page/0").json()
    assert page["lines"][1] == [1, "nav", False, 0.61, 2, "Sport"]
    told = post(client, "api/page/0/set", lines=[1], label="ad", same="all")
    assert told["lines"] == [[1, "ad", True, 1]]
    assert told["elsewhere"] == {"lines": 1, "pages": 1}
    assert "ad\tSport" in project.pages[0].path.read_text("utf-8")
    assert "ad\tSport" in project.pages[1].path.read_text("utf-8")


def test_undo_leads_back_to_the_page_of_the_change(client: TestClient, project: Project) -> None:
    post(client, "api/page/1/set", lines=[0], label="ad", same="none")
    assert post(client, "api/undo")["page"] == 1
    assert project.pages[1].path.read_text("utf-8") == PAGES["b.tsv"]
    assert post(client, "api/undo")["page"] is None
    assert post(client, "api/redo")["lines"] == [[0, "ad", True, 1]]


def test_a_page_is_accepted_marked_as_read_and_shown_in_the_curve(client: TestClient) -> None:
    post(client, "api/page/0/set", lines=[1], label="ad", same="none")
    assert post(client, "api/page/0/accept", lines=[0])["lines"] == [[0, "nav", True, 1]]
    told = post(client, "api/page/0/mark", read=True)
    assert told["read"] is True
    assert told["project"]["curve"] == [{"page": "a.tsv", "lines": 5, "corrected": 1}]
    assert told["project"]["pages"][0]["left"] == 0
    assert told["project"]["next"]["page"] == 2
    assert post(client, "api/page/1/kind", kind="forum")["kind"]["kind"] == "forum"
    assert client.get("api/project").json()["pages"][1]["kind"] == "forum"


def test_the_rules_of_all_labels_and_kinds_are_there(client: TestClient) -> None:
    rules = client.get("api/rules").json()
    assert [row[0] for row in rules["labels"]] == list(LABELS)
    assert all(len(row) == 3 for row in rules["labels"])
    assert len(rules["kinds"]) == 7
    assert len(rules["doubtful"]) > 8
    assert "`" not in json.dumps(rules)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("api/page/0/set", {"lines": [2], "label": "nav"}),
        ("api/page/0/set", {"lines": ["0"], "label": "nav"}),
        ("api/page/0/set", {"lines": [True], "label": "nav"}),
        ("api/page/0/set", {"lines": [0], "label": ["nav"]}),
        ("api/page/0/set", {"lines": [0]}),
        ("api/page/9/set", {"lines": [0], "label": "nav"}),
        ("api/page/0/kind", {"kind": "essay"}),
    ],
)
def test_a_malformed_change_is_refused_in_one_line(
    client: TestClient, project: Project, path: str, fields: dict[str, Any]
) -> None:
    answer = client.post(path, json={"version": [0, 0], **fields})
    assert answer.status_code == 400
    assert answer.json()["error"]
    for name, text in PAGES.items():
        assert (project.folder / name).read_text("utf-8") == text


def test_a_body_that_is_no_json_object_is_refused(client: TestClient) -> None:
    for body in (b"", b"[]", b"{", b'"nav"', b"\xff", b"[" * 200_000):
        assert client.post("api/page/0/set", content=body).status_code == 400


def test_a_file_that_was_changed_meanwhile_is_told(client: TestClient, project: Project) -> None:
    with project.pages[0].path.open("a") as file:
        file.write("nav\tMore\n")
    fields = {"lines": [0], "label": "nav", "version": [0, 0]}
    answer = client.post("api/page/1/set", json=fields)
    assert answer.status_code == 409
    assert "has been read again" in answer.json()["error"]
    assert len(client.get("api/page/0").json()["lines"]) == 6


def test_a_label_never_goes_to_another_line_than_the_one_that_was_shown(
    client: TestClient, project: Project
) -> None:
    version = client.get("api/page/0").json()["version"]
    path = project.pages[0].path
    edited = PAGES["a.tsv"].replace("nav?0.95\tHome", "nav\tNew\nnav?0.95\tHome")
    path.write_text(edited, "utf-8")
    for change in (
        {"lines": [4], "label": "ad"}, {"lines": [4], "label": None}, {"kind": "forum"},
        {"lines": [4]}, {"read": True},
    ):  # fmt: skip
        action = "kind" if "kind" in change else "mark" if "read" in change else "set"
        action = action if "label" in change or action != "set" else "accept"
        answer = client.post(f"api/page/0/{action}", json=change | {"version": version})
        assert answer.status_code == 409
        assert "nothing was set; look at it again" in answer.json()["error"]
        assert path.read_text("utf-8") == edited
    version = client.get("api/page/0").json()["version"]
    post(client, "api/page/0/set", lines=[4], label="ad", same="none", version=version)
    assert "ad\tFerry stays in harbour" in path.read_text("utf-8")


def test_labels_in_an_editor_do_not_stop_the_keys(client: TestClient, project: Project) -> None:
    path = project.pages[0].path
    path.write_text(PAGES["a.tsv"].replace("nav?0.95", "ad"), "utf-8")
    post(client, "api/page/0/set", lines=[1], label="ad", same="none")
    assert "ad\tHome\nad\tSport" in path.read_text("utf-8")


def test_a_guess_that_nobody_was_shown_is_not_accepted(
    client: TestClient, project: Project
) -> None:
    project.take_guesses({"a.tsv": ([("ad", 0.99)] * 6, ("forum", 0.99))})
    before = project.pages[0].path.read_text("utf-8")
    for path, fields in (("accept", {"lines": [0]}), ("accept", {}), ("mark", {"read": True})):
        answer = client.post(f"api/page/0/{path}", json=fields | {"version": [0, 0]})
        assert answer.status_code == 409
    assert project.pages[0].path.read_text("utf-8") == before
    post(client, "api/page/0/set", lines=[0], label="nav", same="none")  # the lines are the same
    version = client.get("api/page/0").json()["version"]
    assert post(client, "api/page/0/mark", read=True, version=version)["read"] is True


def test_a_name_of_a_file_that_is_no_text_is_shown(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.tsv")).write_text(PAGES["a.tsv"], "utf-8")
    except OSError:
        pytest.skip("this disk has only names that are text")
    project = Project(tmp_path)
    tuner = Tuner(project, None, learned_nothing)
    client = TestClient(make_app(project, tuner, TOKEN, PORT), base_url=f"{HERE}/{TOKEN}/")
    assert client.get("api/project").json()["pages"][0]["name"] == "\ufffd.tsv"
    assert client.get("api/page/0").status_code == 200
    tuner.close()


# safety


def test_the_program_listens_on_this_machine_only() -> None:
    with listen(0) as opened:
        assert opened.getsockname()[0] == "127.0.0.1"


def test_a_browser_may_come_before_the_server_answers() -> None:
    with listen(0) as opened, socket.create_connection(opened.getsockname(), timeout=5):
        pass


@pytest.mark.parametrize(
    "path",
    ["/", "/static/app.js", "/api/project", "/wrong/", "/secre/", "/secrets/", "/SECRET/",
     "/secret", "//secret/", "/%00/"],
)  # fmt: skip
def test_without_the_token_nothing_is_answered(client: TestClient, path: str) -> None:
    answer = client.get(HERE + path)
    assert answer.status_code == 403
    assert "open the address that clutter annotate has printed" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": f"evil.example:{PORT}"},
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1:{PORT + 1}"},
        {"Host": f"127.0.0.1:{PORT}.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_requests_of_other_sites_and_to_other_names_are_refused(
    client: TestClient, project: Project, headers: dict[str, str]
) -> None:
    assert client.get("api/project", headers=headers).status_code == 403
    fields = {"lines": [0], "label": "ad", "version": [0, 0]}
    assert client.post("api/page/0/set", json=fields, headers=headers).status_code == 403
    assert project.pages[0].path.read_text("utf-8") == PAGES["a.tsv"]


def test_the_page_itself_may_ask(client: TestClient) -> None:
    for host in ("127.0.0.1", "localhost"):
        headers = {"Host": f"{host}:{PORT}", "Origin": f"http://{host}:{PORT}"}
        answer = client.get("api/project", headers=headers | {"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 200


def test_a_request_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.post("api/page/0/set", content=b" " * (MOST_BYTES + 1))
    assert answer.status_code == 403
    answer = client.post("api/page/0/set", content=iter([b" " * 10]))  # of unknown length
    assert answer.status_code == 403


def test_no_file_but_those_of_the_page_is_given_out(client: TestClient) -> None:
    assert client.get("static/app.js").headers["content-type"].startswith("text/javascript")
    for name in ("none.js", "..%2f..%2fpyproject.toml", "%2fetc%2fpasswd", "../server.py"):
        assert client.get(f"static/{name}").status_code in (403, 404)


def test_each_answer_has_a_policy_that_lets_only_the_program_run(client: TestClient) -> None:
    for path in ("", "api/project", "static/app.js", "none", HERE + "/"):
        headers = client.get(path).headers
        for name, value in HEADERS.items():
            assert headers[name] == value, path
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_page_never_makes_markup_of_text(client: TestClient) -> None:
    for name in ("app", "lines", "side", "api", "keys"):
        source = client.get(f"static/{name}.js").text
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in source
    assert "http" not in client.get("").text.replace("https", "http").partition("<body>")[0]


def test_the_original_of_a_hostile_page_is_harmless(client: TestClient) -> None:
    pytest.importorskip("turbohtml")
    answer = client.get("original/2")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert "script" not in policy
    assert "allow-" not in policy
    html = answer.text.lower()
    assert "the ferry will not run" in html
    assert "referrer" not in html  # the token is in the address
    for tag in ("<script", "<iframe", "<link", "<base", "<object", "<embed", "http-equiv"):
        assert tag in HOSTILE.lower()
        assert tag not in html


def test_a_page_without_html_has_no_original(client: TestClient, project: Project) -> None:
    pytest.importorskip("turbohtml")
    answer = client.get("original/0")
    assert (answer.status_code, answer.json()) == (400, {"error": "a.tsv: no HTML beside it"})
    (project.folder / "c.html").unlink()
    answer = client.get("original/2")
    assert answer.status_code == 404
    assert answer.json()["error"].endswith("c.html: No such file or directory")
