"""How long after a click the first frame, or a new face, is on the screen, in Chromium."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backends import bundles
from benchmarks.digits import table

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
CLICKED = """([button, awaited]) => new Promise((resolve) => {
  const start = performance.now();
  const look = () => {
    const image = document.querySelector(awaited);
    if (image && (image.naturalWidth ?? true)) resolve((performance.now() - start) / 1000);
    else requestAnimationFrame(look);
  };
  document.querySelector(button).click();
  look();
})"""


def main() -> None:
    """Print the median and the worst of a few clicks for each method."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--bundle", choices=["digits", "faces"], help="this one alone")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--port", default="7899")
    options = parser.parse_args()
    rows = []
    for bundle, measure in (("digits", digits), ("faces", faces)):
        if options.bundle not in (None, bundle):
            continue
        if problem := bundles.find(bundle).problem("classifier"):
            print(f"left out: {problem}", file=sys.stderr)
            continue
        with served(bundle, options.port, options.chromium) as (page, seconds):
            rows.append(row(f"{bundle}: page served after", [seconds], "≤ 15 s"))
            rows += measure(page, options.clicks)
    table("page", rows)


def digits(page: Page, clicks: int) -> list[dict[str, object]]:
    """From the click on Run to the first frame."""
    page.locator("#examples button").nth(8).click()
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_timeout(8000)  # the bundle warms up once after the start
    rows = []
    for title in ("LeapFactual", "RCSB"):
        times = [_run(page, title) for _ in range(clicks)]
        rows.append(row(f"{title}: click to first frame", times, "≤ 0.3 s"))
    return rows


def faces(page: Page, clicks: int) -> list[dict[str, object]]:
    """From the click on New face to the face, from that on Run to the first leap."""
    drawn, leapt = [], []
    for _ in range(clicks):
        page.evaluate("document.querySelector('.region-canvas.ready')?.classList.remove('ready')")
        drawn.append(page.evaluate(CLICKED, ["#new-face", ".region-canvas.ready"]))
        leapt.append(_run(page, "LeapFactual"))
    return [
        row("click on New face to the face", drawn, "≤ 5 s"),
        row("LeapFactual on a face: click to first leap", leapt, "≤ 3 s"),
    ]


def choose_method(page: Page, title: str) -> None:
    """Choose a method in the sentence."""
    page.locator("#method input").click()
    page.locator(f'#method [role=option][aria-label="{title}"]').click()


def _run(page: Page, title: str) -> float:
    choose_method(page, title)
    seconds = page.evaluate(CLICKED, ["#run", "#frame img"])
    page.wait_for_selector("#counterfactual .compare", timeout=120_000)
    page.wait_for_selector("#run:visible")
    page.wait_for_timeout(500)
    return seconds


def row(what: str, times: list[float], asked: str) -> dict[str, object]:
    """One line of the table."""
    worst = max(times) if len(times) > 1 else "-"
    return {"what": what, "median s": statistics.median(times), "worst s": worst, "asked": asked}


@contextmanager
def served(
    bundle: str, port: str, chromium: str, **environment: str
) -> Iterator[tuple[Page, float]]:
    """A browser's page of the studio, and the seconds until it was served."""
    from playwright.sync_api import sync_playwright

    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT,
        env=os.environ | {"STUDIO_PORT": port, "STUDIO_BUNDLE": bundle} | environment,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        seconds = time.perf_counter() - start
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#run")
            yield page, seconds
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
