"""Pages and windows of a file on the page: shown where there are some, and said in a sentence."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput
from studio.ui.explain.adjust_input import AdjustInput
from studio.ui.explain.scan_input import ScanInput
from studio.ui.shared.controllers import Controllers

Y, X = np.mgrid[0:60, 0:90]
VALUES = (X * 40 + Y * 8).astype(np.uint16)
PERSON = SimpleNamespace(session_hash="me")


@pytest.fixture
def scans(controller):
    with gr.Blocks():
        bundle, place = gr.Dropdown([controller.bundle], value=controller.bundle), gr.State()
        controllers = Controllers(controller)
        made = ScanInput(controllers, AdjustInput(controllers))
        made.wire(bundle, lambda owner, of, shown: {place: shown}, lambda owner, error: {}, [place])
    made.place = place
    return made


@pytest.fixture
def file(tmp_path):
    """Two pages: one of 8 bits, one of 12."""
    path = tmp_path / "scan.tif"
    pages = [Image.fromarray(VALUES)]
    Image.new("L", (20, 20), 9).save(path, save_all=True, append_images=pages)
    return str(path)


def opened(scans, path):
    return asyncio.run(scans.open(path, scans.controllers.first.bundle, PERSON))[0]


def test_a_file_of_several_pages_shows_how_many(scans, file):
    shown = opened(scans, file)
    assert shown[scans._page]["visible"]
    assert shown[scans._page]["label"] == "Page (of 2)"
    assert shown[scans._page]["maximum"] == 2
    assert not shown[scans._centre]["visible"]
    assert "page 1 of 2" in shown[scans._note]


def test_what_can_be_turned_and_cropped_is_the_file_that_is_open(scans, file, tmp_path):
    """However it was uploaded: another one's preview would be cut out of this one."""
    first = opened(scans, file)[scans._adjust.panel]["picture"]
    Image.new("L", (20, 20), 200).save(tmp_path / "other.png")
    assert first.startswith("data:image/png")
    assert opened(scans, str(tmp_path / "other.png"))[scans._adjust.panel]["picture"] != first
    assert scans.closed()[scans._adjust.panel]["picture"] == ""


def test_another_page_is_shown_with_its_own_window(scans, file):
    bundle = scans.controllers.first.bundle
    shown = asyncio.run(scans._show(file, bundle, PERSON, 2, None))
    assert "page 2 of 2, values from 0 (black) to 4095 (white)" in shown[scans._note]
    assert shown[scans._width]["value"] == 4095
    assert shown[scans._width]["visible"]
    assert shown[scans.place].placement.original == (90, 60)
    narrow = asyncio.run(scans._show(file, bundle, PERSON, 2, (1000, 200)))
    assert "values from 900 (black) to 1100 (white)" in narrow[scans._note]
    assert not np.array_equal(narrow[scans.place].picture, shown[scans.place].picture)
    with pytest.raises(BadInput, match="no page 3"):
        asyncio.run(scans._show(file, bundle, PERSON, 3, None))


def test_sliders_reach_over_the_values_of_deep_files_only(scans, tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "deep.png")
    shown = opened(scans, str(tmp_path / "deep.png"))
    assert not shown[scans._page]["visible"]
    centre, width = shown[scans._centre], shown[scans._width]
    assert centre["visible"]
    assert (centre["minimum"], centre["value"], centre["maximum"]) == (0, 2047.5, 4032)
    assert width["value"] == width["maximum"] == 4095
    Image.fromarray(VALUES.astype(np.uint8)).save(tmp_path / "plain.png")
    plain = opened(scans, str(tmp_path / "plain.png"))
    assert not plain[scans._centre]["visible"]
    assert plain[scans._note] == ""


def test_floats_have_fine_steps(scans, tmp_path):
    Image.fromarray((VALUES / 4095).astype(np.float32)).save(tmp_path / "float.tif")
    shown = opened(scans, str(tmp_path / "float.tif"))
    assert 0 < shown[scans._width]["step"] < 0.01
