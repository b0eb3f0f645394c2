"""A running studio and a Chromium to use it with."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from studio.ui.serving import free_port
from studio.ui.shared import canvas
from studio.ui.shared.static import static_text

ROOT = Path(__file__).parent.parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 30_000  # ms: a busy machine is slow, not wrong
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def choices(tmp_path_factory):
    """The running studio's file of choices."""
    return tmp_path_factory.mktemp("study") / "choices.jsonl"


@contextmanager
def served(log: Path, **environment: str) -> Iterator[str]:
    """The address of a studio that runs until the end of the block."""
    usual = {"STUDIO_PORT": str(free_port("127.0.0.1")), "PYTHONUNBUFFERED": "1"}
    settings = usual | environment
    url = f"http://127.0.0.1:{settings['STUDIO_PORT']}"
    with log.open("w+") as file:
        server = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings, stdout=file,
            stderr=file,
        )  # fmt: skip
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(url, timeout=2).close()
                    break
                except OSError:
                    assert server.poll() is None, "the server died"
                    time.sleep(0.25)
            yield url
            assert server.poll() is None, "the server died"
            file.seek(0)
            faults = [fault for fault in file.read().split("ERROR:") if "Traceback" in fault]
            # Gradio fails at the streams of pages that were reloaded, or are of a studio before.
            ours = [fault for fault in faults if "in sse_stream" not in fault]
            if ours:
                pytest.fail("\n".join(ours))
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="session")
def address(tmp_path_factory, choices):
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with served(log, STUDIO_CHOICES=str(choices)) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    """Closed with the module: Playwright keeps an event loop on the main thread, where other
    tests want one of their own."""
    script = Path(__file__).parent / "find_chromium.sh"
    found = subprocess.run(
        ["sh", str(script)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found.stdout.strip().splitlines()[-1], args=FLAGS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A page that fails its test when it asks another host or reports an error."""
    with visited(browser, address) as page:
        page.wait_for_selector("#examples img")
        yield page


@contextmanager
def visited(browser: Browser, address: str) -> Iterator[Page]:
    """A page of a studio that asks no other host and reports no error."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    strangers, faults = [], []
    own = (address, "data:", "blob:", address.replace("http", "ws"))
    page.on("request", lambda r: None if r.url.startswith(own) else strangers.append(r.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.goto(address)
    yield page
    context.close()
    assert strangers == []
    assert faults == []


def open_accordion(heading: Locator) -> None:
    """Open an accordion; wait until its fields can be filled.

    Gradio puts the fields there now and gives them their values a moment later, sooner than a
    person types but later than a script does.
    """
    heading.click()
    heading.page.wait_for_timeout(500)


# What gr.HTML gives a script, and the next scene as Python would send it.
BEGIN = """script => {
  const props = {}, element = document.body;
  new Function("element", "props", "watch", "trigger", script)(
    element, props, (name, heard) => { window.send = (scene) => { props.scene = scene; return heard(); }; }, () => {},
  );
}"""  # noqa: E501 - script


@pytest.fixture
def board(browser):
    """The region's canvas by itself, without the page and its keys."""
    page = browser.new_page()
    page.set_content(f"<style>{static_text('regions.css')}</style>{canvas.region_markup()}")
    page.add_script_tag(content=f"const texts = {{}}; {static_text('texts.js')}")
    page.evaluate(BEGIN, static_text(*canvas.SCRIPTS))
    yield page
    page.close()


def send(board: Page, *scenes: str) -> str:
    """Send scenes all at once, as when their pictures load at the same time; how much is marked
    then."""
    board.evaluate("scenes => Promise.all(scenes.map((one) => window.send(one)))", list(scenes))
    return board.locator(".area").text_content() or ""
