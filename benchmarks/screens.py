"""The page as people see it: seven states, three sizes, light and dark, as WebP in assets/screens
and a page of docs that shows them.

    python -m benchmarks.screens [--bundle digits]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from PIL import Image

from backends import bundles
from benchmarks.page import ROOT, choose_method, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLACE, DOCUMENT = ROOT / "assets/screens", ROOT / "docs/screens.md"
SIZES = ((1366, 768), (1920, 1080), (390, 844))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
STATES = {
    "empty": "Nothing is chosen yet",
    "running": "A run goes on",
    "answered": "An answer",
    "compared": "Two methods and two models compared",
    "evaluated": "An evaluation",
    "labelling": "Labelling many pictures at once",
    "faces": "An answer on a face",
}
LONG = 240_000  # ms


def main() -> None:
    """Take the screens of the bundles that are here, and write the page that shows them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", choices=["digits", "faces"], help="this one alone")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--port", default="7899")
    options = parser.parse_args()
    PLACE.mkdir(exist_ok=True)
    for bundle, states in (("digits", _digits), ("faces", _faces)):
        if options.bundle not in (None, bundle):
            continue
        if problem := bundles.find(bundle).problem("classifier"):
            print(f"left out: {problem}", file=sys.stderr)
            continue
        with (
            tempfile.TemporaryDirectory() as home,
            served(bundle, options.port, options.chromium, STUDIO_HOME=home) as (page, _),
        ):
            _take(page, states)
    DOCUMENT.write_text(_document())


def _take(first: Page, states: Callable[[Page, str], Iterator[str]]) -> None:
    browser = first.context.browser
    assert browser is not None
    for scheme in SCHEMES:
        for width, height in SIZES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme,
                has_touch=width < 500,
            )  # fmt: skip
            page = context.new_page()
            page.set_default_timeout(LONG)
            page.goto(first.url)
            for state in states(page, f"{scheme} {width}"):
                shot = Image.open(io.BytesIO(page.screenshot()))
                shot.convert("RGB").save(PLACE / _file(state, width, scheme), quality=80, method=6)
            context.close()


def _digits(page: Page, project: str) -> Iterator[str]:
    page.wait_for_selector("#examples img")
    page.wait_for_timeout(2000)
    yield "empty"
    page.locator("#examples button").nth(8).click()
    page.wait_for_selector(".region-canvas.ready")
    choose_method(page, "RCSB")
    page.locator("#region-source").get_by_text("Where the model looks").click()
    page.wait_for_function("document.querySelector('#factual .area').innerText.includes('%')")
    page.locator("#run").click()
    page.wait_for_function("/step [1-9]/.test(document.querySelector('#status').innerText)")
    _to_the_picture(page)
    yield "running"
    _answered(page)
    yield "answered"
    page.get_by_role("tab", name="Compare").click()
    for box in page.locator("#compare-methods label").all():
        box.locator("input").set_checked(box.inner_text().strip() in ("LeapFactual", "RCSB"))
    page.locator("#compare-second input").click()
    page.locator("#compare-second [role=option]").get_by_text("Oracle").click()
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-table table")
    page.wait_for_timeout(1000)
    page.evaluate("scrollTo(0, 0)")
    yield "compared"
    page.get_by_role("tab", name="Evaluate").click()
    page.locator("#evaluate-count input").fill("4")
    page.locator("#evaluate-start").click()
    page.wait_for_selector("#evaluate-files:visible")
    page.wait_for_timeout(1000)
    page.evaluate("scrollTo(0, 0)")
    yield "evaluated"
    page.get_by_role("tab", name="Label").click()
    page.locator("#label-name").get_by_role("textbox").fill("Ann")
    page.locator("#project-name").get_by_role("textbox").fill(project)
    page.locator("#project-make").click()
    page.wait_for_selector(".labelling:not(.closed) #label-image[src]")
    page.locator("[data-mode=many]").click()
    page.wait_for_function("window.labelling.state().grid > 0")
    page.wait_for_timeout(1500)
    page.evaluate("document.querySelector('.labelling').scrollIntoView({ block: 'end' })")
    yield "labelling"


def _faces(page: Page, _: str) -> Iterator[str]:
    page.wait_for_selector("#new-face")
    page.locator("#face-seed input").fill("7")
    page.locator("#face-seed input").press("Enter")
    page.wait_for_selector(".region-canvas.ready")
    page.locator("#run").click()
    _answered(page)
    yield "faces"


def _answered(page: Page) -> None:
    page.wait_for_selector("#counterfactual .compare")
    page.wait_for_selector("#run:visible")
    page.wait_for_timeout(1500)
    _to_the_picture(page)


def _to_the_picture(page: Page) -> None:
    """On a phone a person scrolls to the answer; elsewhere there is nothing to scroll."""
    narrow = (page.viewport_size or {"width": 0})["width"] < 500
    page.evaluate(
        "(narrow) => narrow ? document.querySelector('#verdict').scrollIntoView() : scrollTo(0, 0)",
        narrow,
    )


def _file(state: str, width: int, scheme: str) -> str:
    return f"{state}-{width}-{scheme}.webp"


def _document() -> str:
    lines = [
        "# Screens", "",
        "The page at three sizes, light and dark, as `python -m benchmarks.screens` takes them. At",
        "1366×768 and 1920×1080 nothing of the way from the picture to the answer's worth needs",
        "scrolling (tests/browser/test_screen.py measures it).", "",
    ]  # fmt: skip
    for state, title in STATES.items():
        lines += [f"## {title}", "", "| | light | dark |", "|---|---|---|"]
        for width, height in SIZES:
            shots = [
                f'<img src="../assets/screens/{_file(state, width, scheme)}" '
                f'width="{400 if width > 500 else 200}" '
                f'alt="{title}, {width}×{height} pixels, {scheme}">'
                for scheme in SCHEMES
            ]
            lines.append(f"| {width}×{height} | " + " | ".join(shots) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
