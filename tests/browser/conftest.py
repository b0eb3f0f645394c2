"""A running studio and a Chromium to use it with."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from studio.ui.page import free_port

ROOT = Path(__file__).parent.parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def choices(tmp_path_factory):
    """The running studio's file of choices."""
    return tmp_path_factory.mktemp("study") / "choices.jsonl"


@pytest.fixture(scope="session")
def address(tmp_path_factory, choices):
    port = free_port("127.0.0.1")
    log = (tmp_path_factory.mktemp("server") / "log.txt").open("w+")
    environment = os.environ | {
        "STUDIO_PORT": str(port), "STUDIO_CHOICES": str(choices), "PYTHONUNBUFFERED": "1"
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"
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
        log.seek(0)
        assert "Traceback" not in log.read()
    finally:
        server.terminate()
        server.wait(20)
        log.close()


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
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    strangers, faults = [], []
    own = (address, "data:", "blob:", address.replace("http", "ws"))
    page.on("request", lambda r: None if r.url.startswith(own) else strangers.append(r.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#examples img")
    yield page
    context.close()
    assert strangers == []
    assert faults == []
