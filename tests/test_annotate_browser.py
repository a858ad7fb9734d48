"""Labelling in a real browser. Skipped without Playwright and chromium."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from annotating import HOSTILE, PAGES, learned_nothing, write_project
from browsing import (
    CHROMIUM,
    LONG,
    TIMED,
    Person,
    Program,
    browsing,
    opened,
    text_of,
    wait_until,
)
from networks import random_model
from served import serving as serving_site

from clutter import labelled

if find_spec("playwright") is None or CHROMIUM is None:
    pytest.skip("needs playwright and chromium", allow_module_level=True)
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
pytest.importorskip("sklearn")
pytest.importorskip("turbohtml")

import uvicorn
from playwright.sync_api import Browser, Route

from clutter.annotate.project import Project
from clutter.annotate.server import listen, make_app
from clutter.annotate.tuner import Tuner

HEBREW = """\
# site: a.example
# lang: he
# read: no
# kind: article?0.91
nav?0.95\tראשי
nav?0.61\tספורט
teaser?0.52\tהמעבורת נשארת בנמל
body?0.97\tהמעבורת לא תצא לפני יום שני, אמרה Harbour Line.
body?0.55\tתגובות (2)
body?0.58\tסוף סוף!
"""
TRUTH = ["nav", "ad", "title", "body", "comment", "comment"]
OTHER = HEBREW.replace("בנמל", "מחר").replace("סוף סוף", "אולי").replace("Harbour", "Island")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the program, which here is a thread of the tests."""
    project = Project(folder)
    tuner = Tuner(project, None, learned_nothing)
    with listen(0) as opened:
        port = opened.getsockname()[1]
        config = uvicorn.Config(
            make_app(project, tuner, "secret", port), lifespan="off", ws="none", log_level="error"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/secret/"
        finally:
            server.should_exit = True
            thread.join()
            tuner.close()


def test_a_right_to_left_page_is_labelled_by_keyboard_alone_and_survives_a_kill(
    browser: Browser, tmp_path: Path
) -> None:
    for name, text in (("a", HEBREW), ("b", OTHER)):
        (tmp_path / f"{name}.tsv").write_text(text, "utf-8")
    base = tmp_path / "base.safetensors"
    random_model(5).save(base)  # which is quick to tune, and not sure of anything
    with Program("-o", tmp_path, "--model", base) as program:
        page = opened(browser, program.address)
        assert page.evaluate("getComputedStyle(document.querySelector('.text')).direction") == "rtl"
        person = Person(page)
        person.press("?", "Escape", "h", "Escape")
        person.learned()  # the base has guessed
        guessed = (tmp_path / "a.tsv").read_text("utf-8")
        person.press("End", "b")
        person.saved()
        assert "body\tסוף סוף!" in (tmp_path / "a.tsv").read_text("utf-8")
        person.press("z")
        wait_until(page, f"{text_of('status')} == 'saved: undone'")
        assert (tmp_path / "a.tsv").read_text("utf-8") == guessed
        person.correct(TRUTH)
        program.kill()
        kept = labelled.read(tmp_path / "a.tsv").labels
        assert all(label in ("?", right) for label, right in zip(kept, TRUTH, strict=True))
        assert sum(label != "?" for label in kept) > 2
        person.press("b")  # what cannot be saved is told
        page.wait_for_selector("#alert:not([hidden])")
        assert "does not answer" in page.inner_text("#alert")
        page.close()

    with Program("-o", tmp_path, "--model", base) as program:
        page = opened(browser, program.address)
        person = Person(page)
        page.click("#pages button >> nth=0")
        page.wait_for_selector("#pages li:nth-child(1) button[aria-current]")
        assert person.labels() == TRUTH
        person.learned()
        before = labelled.read(tmp_path / "b.tsv")
        assert before.guesses
        person.press("r")
        page.wait_for_selector("#curve:not([hidden])")
        person.learned()
        assert page.inner_text("#learning").startswith("The model that has learned")
        assert labelled.read(tmp_path / "a.tsv").head["read"] == "yes"
        assert (tmp_path / "model.safetensors").exists()
        person.press("g")
        page.wait_for_selector("#pages li:nth-child(2) button[aria-current]")
        after = labelled.read(tmp_path / "b.tsv")
        assert after.labels == before.labels
        assert after.guesses != before.guesses
        shown = person.labels()
        assert [shown[row] for row in after.guesses] == [
            label for label, _ in after.guesses.values()
        ]
        page.close()
        assert program.stop() == 0


def test_nothing_of_a_hostile_page_runs_or_is_loaded(browser: Browser, tmp_path: Path) -> None:
    write_project(tmp_path)
    with serving_site() as evil, serving(tmp_path) as address:
        host = evil.url.removeprefix("http://")
        (tmp_path / "c.html").write_text(HOSTILE.replace("evil.example", host), "utf-8")
        page = opened(browser, address)
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.click("#pages button >> nth=2")
        page.wait_for_selector("#pages li:nth-child(3) button[aria-current]")
        Person(page).press("v")
        frame = page.frame_locator("#original")
        frame.locator("text=since the storm").wait_for()
        frame.locator("text=a link").click()
        frame.locator("text=another link").click()
        time.sleep(0.3)
        assert page.evaluate("window.hacked") is None
        shown = page.inner_text("#lines .line >> nth=1")
        assert '<img src=x onerror="window.hacked = 1">' in shown
        assert page.locator("#lines img, #lines script").count() == 0
        assert page.url == address
        page.close()
        assert (evil.asked, dialogs) == ([], [])


def test_keys_that_are_faster_than_the_program_do_what_they_say(
    browser: Browser, tmp_path: Path
) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as address:
        page = opened(browser, address)
        page.click("#pages button >> nth=0")
        page.wait_for_selector("#pages li:nth-child(1) button[aria-current]")
        for key in ("n", "n", "t", "r", "g"):  # without a pause
            page.keyboard.press(key)
        page.wait_for_selector("#pages li:nth-child(3) button[aria-current]")
        Person(page).saved()
        for key in ("o", "z", "z"):
            page.keyboard.press(key)
        page.wait_for_selector("#pages li:nth-child(1) button[aria-current]")
        page.close()
    assert (tmp_path / "c.tsv").read_text("utf-8") == PAGES["c.tsv"]
    text = (tmp_path / "a.tsv").read_text("utf-8")  # that it was read is undone
    assert "# read: no" in text
    assert "nav\tHome\nnav\tSport\n\ntitle\tFerry" in text
    assert "body?0.97\tThe ferry" in text


def test_a_key_is_never_for_other_lines_than_those_on_the_screen(
    browser: Browser, tmp_path: Path
) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as address:
        page = opened(browser, address)
        held: list[Route] = []
        page.route("**/api/page/0", lambda route: held.append(route))
        page.click("#pages button >> nth=0")
        page.click("#pages button >> nth=1")
        page.wait_for_selector("#pages li:nth-child(2) button[aria-current]")
        with page.expect_response("**/api/page/0"):
            held[0].continue_()  # late: another page was opened meanwhile
        page.unroute("**/api/page/0")
        edited = PAGES["b.tsv"].replace("Home", "New").replace("Sport", "Home")  # as many lines
        (tmp_path / "b.tsv").write_text(edited, "utf-8")
        page.keyboard.press("a")
        page.wait_for_selector("#alert:not([hidden])")
        assert "nothing was set; look at it again" in page.inner_text("#alert")
        wait_until(page, f"{text_of('line-1')}.includes('Home')")
        assert page.locator("#pages li:nth-child(2) button[aria-current]").count() == 1
        assert (tmp_path / "b.tsv").read_text("utf-8") == edited
        page.keyboard.press("a")  # on the second line
        Person(page).saved()
        page.close()
    assert "ad\tHome" in (tmp_path / "b.tsv").read_text("utf-8")
    assert (tmp_path / "a.tsv").read_text("utf-8") == PAGES["a.tsv"]


def test_the_mouse_chooses_a_range_and_everything_has_a_name(
    browser: Browser, tmp_path: Path
) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as address:
        page = opened(browser, address, color_scheme="dark")
        page.click("#pages button >> nth=0")
        page.wait_for_selector("#pages li:nth-child(1) button[aria-current]")
        first, third = (page.locator(f"#line-{i} .text") for i in (0, 2))
        first.hover()
        page.mouse.down()
        third.hover()
        page.mouse.up()
        chosen = "#lines [role=option][aria-selected=true]"
        assert page.locator(chosen).count() == 3
        page.click("#labels button[data-label=notice]")
        Person(page).saved()
        page.wait_for_selector("#line-2.set[data-label=notice]")
        assert page.locator("#lines").get_attribute("aria-activedescendant") == "line-3"
        nameless = page.eval_on_selector_all(
            "button, select, [role=option], [role=listbox], iframe, dialog, svg:not([hidden])",
            "all => all.filter(x => !(x.textContent.trim() || x.ariaLabel || x.title)).length",
        )
        assert nameless == 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 26)"
        page.close()
    assert "notice\tHome\nnotice\tSport\n\nnotice\tFerry" in (tmp_path / "a.tsv").read_text("utf-8")
    assert (tmp_path / "c.tsv").read_text("utf-8") == PAGES["c.tsv"]


def test_a_key_on_a_page_of_4000_lines_is_answered_at_once(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "a.tsv").write_text(LONG, "utf-8")
    with serving(tmp_path) as address:
        page = opened(browser, address)
        milliseconds = page.evaluate(TIMED)
        page.close()
    assert sorted(milliseconds)[len(milliseconds) // 2] < 50 * SLOWNESS


SLOWNESS = 10
"""How much slower than an idle machine the one of the tests may be."""
