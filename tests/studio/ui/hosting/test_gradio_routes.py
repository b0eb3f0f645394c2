"""What gradio offers beside the page's own: nothing from other hosts, nothing that is not used."""

import gradio as gr
import httpx
import pytest
from gradio import processing_utils
from starlette.middleware import Middleware

from studio.ui.hosting.gradio_routes import UsedRoutes, download_nothing
from studio.ui.serving import launch_options


@pytest.fixture(scope="module")
def client():
    with gr.Blocks() as page:
        image = gr.Image(type="filepath")
        gr.Button().click(lambda path: str(path), image, gr.Textbox(), api_name="look")
    options = launch_options() | {"app_kwargs": {"middleware": [Middleware(UsedRoutes)]}}
    _app, address, _ = page.launch(prevent_thread_lock=True, quiet=True, **options)
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        yield client
    page.close(verbose=False)


@pytest.mark.parametrize(
    "path",
    [
        "file=https://evil.example/x.png",
        "file=http%3A%2F%2Fevil.example%2Fx.png",
        "file=%68ttps://evil.example/x.png",
        "file=//evil.example/x.png",
        "file/https://evil.example/x.png",
        "proxy=https://evil.example/x.png",
        "deep_link?session_hash=x",
        "vibe-code",
        "runs",
        "run-history/records",
        "dev/reload",
        "stream/x/y/1/playlist.m3u8",
        "../gradio_api/file=https://evil.example/x.png",
    ],
)
def test_no_other_host_speaks_through_the_studio(client, path):
    assert client.get(f"/gradio_api/{path}").status_code == 404


@pytest.mark.parametrize("path", ["process_recording", "vibe-edit", "undo-vibe-edit", "vibe-code"])
def test_nothing_is_made_that_no_page_asks_for(client, path):
    assert client.post(f"/gradio_api/{path}", files={"files": b"x"}).status_code == 404


def test_what_the_page_asks_is_answered(client):
    for path in ("config", "gradio_api/info", "gradio_api/startup-events", "theme.css"):
        assert client.get(f"/{path}").status_code == 200, path


def test_a_file_of_a_visitor_runs_no_script(client):
    sent = client.post("/gradio_api/upload", files={"files": ("x.svg", b"<svg/>", "image/svg+xml")})
    (path,) = sent.json()
    reply = client.get(f"/gradio_api/file={path}")
    assert reply.status_code == 200
    assert reply.content == b"<svg/>"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


def test_nothing_is_downloaded_for_a_visitor(client, monkeypatch):
    for name in ("async_ssrf_protected_download", "ssrf_protected_download", "save_url_to_cache"):
        monkeypatch.setattr(processing_utils, name, getattr(processing_utils, name))
    download_nothing()
    image = {"path": "https://evil.example/x.png", "meta": {"_type": "gradio.FileData"}}
    reply = client.post("/gradio_api/run/look", json={"data": [image]})
    assert reply.status_code == 500
    assert "fetches nothing" in reply.text
