"""A browser for the tests and benchmarks of ``clutter annotate``: Debian's chromium, driven by
Playwright, and a person who labels a page by keyboard alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

WAIT = 600_000
"""Longest wait for the browser in milliseconds: the machine may be busy."""

KEYS = {
    "body": "b", "title": "t", "meta": "m", "nav": "n", "comment": "c", "ad": "a", "teaser": "e",
    "notice": "o", "?": "u",
}  # fmt: skip


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser. It loads nothing from outside this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            timeout=WAIT,
            args=[*root, "--disable-background-networking", "--disable-gpu"],
        )
        yield browser
        browser.close()


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """The labelling page, when its lines are there."""
    page = browser.new_page(**options)
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#lines .line")
    return page


def wait_until(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page. Playwright's own function for this needs eval,
    which the policy of the page forbids."""
    end = time.monotonic() + WAIT / 1000
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"not in time: {expression}")
        time.sleep(0.02)


def text_of(name: str) -> str:
    """The expression for the text of the element with this id."""
    return f"document.getElementById('{name}').textContent"


class Program:
    """``clutter annotate`` in a process of its own, which ends with the block. ``address`` is what
    it has printed."""

    def __init__(self, *args: str | Path) -> None:
        command = [sys.executable, "-m", "clutter", "annotate", *map(str, args), "--no-browser"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, without a chance to save anything."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """End it as ^C does. Its exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait()


PAGE_LINES = 15
"""So many lines the keys of pages move by."""


def way(lines: int) -> list[str]:
    """The fewest keys that go so many lines down: whole pages first, then lines, down or up."""
    pages, rest = divmod(lines, PAGE_LINES)
    if rest > PAGE_LINES // 2 + 1:
        return ["PageDown"] * (pages + 1) + ["ArrowUp"] * (PAGE_LINES - rest)
    return ["PageDown"] * pages + ["ArrowDown"] * rest


class Person:
    """Labels a page by keyboard alone. ``keys`` counts the keys that were pressed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keys = 0

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)
        self.keys += len(keys)

    def saved(self) -> None:
        """Wait until all changes are saved."""
        wait_until(self.page, f"!{text_of('status')}.startsWith('saving')")

    def learned(self) -> None:
        """Wait until the model is not at work. Its state is shown after the lines."""
        said = text_of("learning")
        wait_until(self.page, f"{said} !== '' && !{said}.includes('at work')")

    def labels(self) -> list[str]:
        """The labels of all lines, as they are shown."""
        found: list[str] = self.page.eval_on_selector_all(
            "#lines .line", "rows => rows.map(row => row.dataset.label)"
        )
        return found

    def correct(self, truth: Sequence[str]) -> int:
        """Correct all labels of a page, from top to bottom; neighbours that need the same label are
        set together. How many keys took a label."""
        changes = 0
        at = 0
        self.press("Home")
        while (wrong := self._next_wrong(truth, at)) is not None:
            end = wrong
            shown = self.labels()
            while end + 1 < len(truth) and truth[end + 1] == truth[wrong] != shown[end + 1]:
                end += 1
            self.press(*way(wrong - at), *(f"Shift+{key}" for key in way(end - wrong)))
            self.press(KEYS[truth[wrong]])
            self.saved()
            changes += 1
            at = min(end + 1, len(truth) - 1)
        return changes

    def _next_wrong(self, truth: Sequence[str], at: int) -> int | None:
        shown = self.labels()
        wrong = (i for i in range(at, len(truth)) if shown[i] != truth[i])
        return next(wrong, None)


LONG = "# read: no\n" + "".join(
    [f"nav?0.{50 + i % 50}\tLine number {i} of a long page\n" for i in range(4000)]
)
"""The labelled file of a long page."""

TIMED = """async () => {
  const took = [];
  for (const key of ["ArrowDown", "n", "End", "Home", " ", "b", "PageDown", "a", "e"]) {
    const begun = performance.now();
    const event = new KeyboardEvent("keydown", { key, bubbles: true });
    document.getElementById("lines").dispatchEvent(event);
    document.getElementById("lines").getBoundingClientRect();
    took.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 20));
  }
  return took;
}"""
"""How many milliseconds keys take until their effect is laid out."""
