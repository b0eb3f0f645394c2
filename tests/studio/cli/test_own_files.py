"""A person's own files, from the command line and the page to the answer's folder: the same
picture, the same region, and the answer in the original."""

import asyncio
import base64
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from backends import service
from backends.core import Placement
from tests.backends.imaging.test_placement import SIZE, forms, spot
from tests.studio.conftest import refusal

Y, X = np.mgrid[0:60, 0:90]
VALUES = (X * 40 + Y * 8).astype(np.uint16)  # 12 bits: 0 to 4032
MASK = spot(30, 10, 62, 48)


@pytest.fixture
def scan(tmp_path):
    """A TIFF of two pages, the second of 12 bits."""
    path = tmp_path / "scan.tif"
    first = Image.new("L", (20, 20), 9)
    first.save(path, save_all=True, append_images=[Image.fromarray(VALUES)])
    return path


def other(tiny, seen):
    return "b" if service.predict(tiny, seen).label != "b" else "c"


def explained(run, tiny, scan, region, *more):
    out = scan.parent / "out"
    from backends.imaging import read_picture

    target = other(tiny, service.prepare(tiny, read_picture(scan, 2)))
    outcome = run(
        "explain", scan, "--bundle", tiny, "--method", "rcsb", "--target", target, "--page", 2,
        "--set", "steps=3", "--region", region, "--out", out, *more,
    )  # fmt: skip
    return outcome, out


def masks(folder):
    """The same mask of the original's size, in six kinds."""
    alpha = np.zeros((60, 90, 4), np.uint8)
    alpha[MASK > 0] = (200, 20, 20, 160)
    pictures = {
        "painted": Image.fromarray(MASK),
        "ones": Image.fromarray(MASK // 255),
        "alpha": Image.fromarray(alpha),
        "bilevel": Image.fromarray(MASK).convert("1"),
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    runs = forms(MASK)
    for name in ("coco packed", "brush"):
        (folder / f"{name}.json").write_text(json.dumps(runs[name]))
    return [folder / f"{n}.png" for n in pictures] + [
        folder / f"{n}.json" for n in ("coco packed", "brush")
    ]


def test_the_answer_lies_in_the_original_and_nothing_else_does(run, tiny, scan):
    mask = masks(scan.parent)[0]
    (code, printed, told), out = explained(run, tiny, scan, f"mask:{mask}")
    assert code == 0
    assert "page 2 of 2, values from 0 (black) to 4095 (white)" in told
    record = json.loads(printed)
    assert record["picture"]["size"] == [90, 60]
    assert (record["picture"]["page"], record["picture"]["pages"]) == (2, 2)
    before = (VALUES / 4095 * 255).round().astype(np.uint8)
    after = np.asarray(Image.open(out / "pasted.png"))
    assert after.shape == before.shape
    changed = after != before
    assert changed.any()
    region = np.asarray(Image.open(out / "region.png")) > 0
    columns = np.floor((np.arange(90) + 0.5 - 15) / 60 * 16).astype(int)
    rows = np.floor((np.arange(60) + 0.5) / 60 * 16).astype(int)
    inside = (columns >= 0) & (columns < 16)
    allowed = region[rows][:, columns.clip(0, 15)] & inside
    assert not changed[~allowed].any()


def test_six_kinds_of_mask_are_one_region_on_the_page_and_here(run, tiny, scan, controller):
    from backends.imaging import read_picture

    regions = []
    for mask in masks(scan.parent):
        (code, _, told), out = explained(run, tiny, scan, f"mask:{mask}")
        assert code == 0, told
        regions.append(np.asarray(Image.open(out / "region.png")))

    async def brought(mask):
        shown = await controller.show("me", str(scan), 2)
        seen = controller_factual(controller, shown)
        url = "data:;base64," + base64.b64encode(mask.read_bytes()).decode()
        return await controller.mask_of("me", url, seen)

    regions += [asyncio.run(brought(mask)) for mask in masks(scan.parent)]
    assert all(np.array_equal(region, regions[0]) for region in regions)
    _, placement = service.place(tiny, read_picture(scan, 2))
    assert placement == Placement(SIZE, (15, 0, 75, 60))
    assert 0.2 < (regions[0] > 0).mean() < 0.5


def controller_factual(controller, shown):
    from studio.ui.shared.factual import Factual

    return Factual(controller.bundle, shown.picture, shown.placement, shown.original)


def test_several_methods_are_pasted_each(run, tiny, scan):
    (code, _, _), out = explained(run, tiny, scan, "box:3,3,12,12", "--method", "rcsb,adversarial")
    assert code == 0
    assert {p.parent.name for p in out.rglob("pasted.png")} == {"rcsb", "adversarial"}


def test_the_pages_zip_holds_the_original_with_the_answer(tiny, scan, controller):
    from dataclasses import replace

    from backends.regions.spec import Whole

    async def asked():
        shown = await controller.show("me", str(scan), 2)
        target = other(tiny, shown.picture)
        request = controller.request(
            shown.picture, "", Whole(), None, target, "rcsb", {"steps": 3}, 0
        )
        request = replace(request, placement=shown.placement, original=shown.original)
        run = controller.runs.start(request, "me")
        async for _ in run.watch():
            pass
        return run

    run = asyncio.run(asked())
    with zipfile.ZipFile(controller.archive(run)) as archive:
        assert "pasted.png" in archive.namelist()
        with archive.open("pasted.png") as file:
            assert Image.open(file).size == SIZE


def test_no_such_page_is_one_sentence(run, tiny, scan):
    told = refusal(
        run("explain", scan, "--bundle", tiny, "--method", "rcsb", "--target", "b", "--page", 3)
    )
    assert "2 pages" in told


@pytest.mark.parametrize("window", ["40", "a,b", "1,2,3", "5,0", "nan,3", "1,inf"])
def test_a_window_that_is_none_is_one_sentence(run, tiny, scan, window):
    told = refusal(
        run("explain", scan, "--bundle", tiny, "--method", "rcsb", "--target", "b", "--page", 2,
            "--window", window)
    )  # fmt: skip
    assert "CENTRE,WIDTH" in told
