"""Makes the pictures of ``clutter annotate`` for docs/new-sites.md, from pages of this repository.

python tests/benchmarks/annotate_pictures.py -o docs/
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import common  # noqa: F401 - puts this checkout on the path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browsing import Person, Program, browsing, opened

import clutter
from clutter import labelled

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = Path(__file__).resolve().parent.parent.parent / "labelled" / "pages"

FIRST = "he/newsletter-gina-ironit"
OTHERS = ("he/municipality-parking-local", "he/member-login-library", "he/tguvot-hanut-sfarim")


def main() -> None:
    """Label some pages, and take pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", dest="folder", type=Path, required=True)
    folder = parser.parse_args().folder
    folder = folder.resolve()
    model = clutter.load()
    with tempfile.TemporaryDirectory() as scratch, browsing() as browser:
        os.chdir(scratch)
        mine = Path("mine")
        mine.mkdir()
        shutil.copy(PAGES / f"{FIRST}.html", mine)
        for name in (FIRST, *OTHERS):
            page = labelled.read(PAGES / f"{name}.tsv")
            head = {"site": "example.net", "lang": page.lang, "read": "no"}
            if name == FIRST:
                head["html"] = page.head["html"]
            guessed = labelled.from_page(model.label(page.text), page.name, head, doubt=2.0)
            labelled.write(guessed, mine / Path(page.name).name)
        with Program("-o", mine) as program:
            take_pictures(browser, program.address, folder)


def take_pictures(browser: Browser, address: str, folder: Path) -> None:
    """A page beside its original, and, when the others were read, what the model has learned."""
    page = opened(browser, address, viewport={"width": 1280, "height": 720})
    person = Person(page)
    person.learned()

    def show(name: str) -> None:
        stem = Path(name).name
        page.click(f"#pages button:has-text('{stem}')")
        page.wait_for_selector(f"#pages button[aria-current]:has-text('{stem}')")

    show(FIRST)
    person.press("v", " ", "Shift+ArrowDown")
    page.frame_locator("#original").locator("h1").first.wait_for()
    page.screenshot(path=folder / "annotate-page.png")
    person.press("v")
    for name in OTHERS:
        show(name)
        truth = labelled.read(PAGES / f"{name}.tsv").labels
        person.correct([label for label in truth if label])
        person.press("r")
        page.wait_for_selector("#state:text('read ✓')")
        person.learned()
    show(FIRST)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / "annotate-curve.png")


if __name__ == "__main__":
    main()
