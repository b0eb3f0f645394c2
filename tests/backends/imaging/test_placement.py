"""Masks of the original go the picture's own way; answers go back."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backends.core import Placement
from backends.errors import BadInput
from backends.imaging import (
    carried,
    centred,
    fit_square,
    in_polygon,
    kept,
    letterboxed,
    mask_files,
    original_picture,
    padded,
    pasted,
    placed_digit,
    read,
    read_mask,
    squeezed,
    whole,
)
from backends.imaging.mask_files import json_mask

SIZE = (90, 60)
FITS = {
    "square": (fit_square, centred),
    "fit": (squeezed, whole),
    "letterbox": (letterboxed, padded),
}


def spot(left=40, top=20, right=60, bottom=44):
    mask = np.zeros((60, 90), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("size", [(90, 60), (60, 90), (61, 61), (33, 200)])
def test_a_mask_lies_where_the_pictures_own_pixels_do(name, size):
    fit, place = FITS[name]
    generator = np.random.default_rng(0)
    x0, y0 = (int(generator.integers(0, side // 2)) for side in size)
    mask = np.zeros(size[::-1], np.uint8)
    mask[y0 : y0 + size[1] // 2, x0 : x0 + size[0] // 2] = 255
    seen = np.asarray(fit(Image.fromarray(mask), 16, 1)) > 127
    found = carried(mask, place(size), 16) > 0
    # Both round at the edges, and resampling rings there.
    assert (seen != found).mean() < 0.07
    assert abs(int(seen.sum()) - int(found.sum())) <= 8


def test_a_digits_mask_follows_its_crop():
    picture = Image.new("L", (300, 200), 255)
    pen = ImageDraw.Draw(picture)
    pen.line([(60, 40), (60, 110), (110, 110)], fill=0, width=10)
    pen.line([(100, 70), (100, 160)], fill=0, width=10)
    seen, placement = placed_digit(picture, 32)
    ink = carried((np.asarray(picture) < 128).astype(np.uint8), placement, 32) > 0
    seen = np.asarray(seen) > 127
    assert (ink & seen).sum() / (ink | seen).sum() > 0.8


def test_a_thin_pen_is_followed_too():
    picture = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(picture).line([(100, 60), (180, 300)], fill=0, width=3)
    seen, placement = placed_digit(picture, 32)
    rows, columns = np.nonzero(np.asarray(seen) > 127)
    left, top, right, bottom = placement.box
    x = left + (columns.mean() + 0.5) / 32 * (right - left)
    y = top + (rows.mean() + 0.5) / 32 * (bottom - top)
    assert x == pytest.approx(140, abs=6)
    assert y == pytest.approx(180, abs=6)


def test_too_small_a_mark_is_one_sentence():
    with pytest.raises(BadInput, match="less than one pixel"):
        carried(spot(40, 20, 42, 22), centred(SIZE), 8)
    with pytest.raises(BadInput, match="outside"):
        carried(spot(0, 0, 10, 60), centred(SIZE), 8)


def packed(counts):
    """COCO's text, written independently of the reader: pycocotools' rleToString."""
    text = ""
    for place, count in enumerate(counts):
        x = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            bits = x & 31
            x >>= 5
            more = x != (-1 if bits & 16 else 0)
            text += chr((bits | (32 if more else 0)) + 48)
    return text


def runs(mask):
    flat = (mask.T.ravel() > 0).astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    return counts if flat[0] == 0 else [0, *counts]


def brush(mask):
    """Label Studio's brush, written by its own description: single values, no runs."""
    values = np.repeat((mask > 0)[..., None] * 255, 4, -1).astype(np.uint8).ravel()
    bits = f"{len(values):032b}" + f"{7:05b}" + "".join(f"{n:04b}" for n in (2, 3, 7, 15))
    place = 0
    while place < len(values):
        same = 1
        while place + same < len(values) and same < 65536 and values[place + same] == values[place]:
            same += 1
        bits += "1" + "11" + f"{same - 1:016b}" + f"{values[place]:08b}"
        place += same
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def forms(mask):
    height, width = mask.shape
    box = [40, 20, 60, 20, 60, 44, 40, 44]
    percent = [
        [40 / 0.9, 20 / 0.6],
        [60 / 0.9, 20 / 0.6],
        [60 / 0.9, 44 / 0.6],
        [40 / 0.9, 44 / 0.6],
    ]
    sized = {"original_width": width, "original_height": height}
    return {
        "coco polygon": {"segmentation": [box]},
        "coco polygons of a file": {
            "images": [{"id": 1, "width": width, "height": height}],
            "annotations": [{"image_id": 1, "segmentation": [box]}],
        },
        "coco run lengths": {"segmentation": {"size": [height, width], "counts": runs(mask)}},
        "coco packed": {"size": [height, width], "counts": packed(runs(mask))},
        "brush": [
            {"annotations": [{"result": [
                {**sized, "type": "brushlabels", "value": {"format": "rle", "rle": brush(mask)}},
                {"type": "choices", "value": {"choices": ["cat"]}, },
            ][:1]}]}
        ],
        "polygon of Label Studio": [
            {"annotations": [{"result": [{**sized, "value": {"points": percent}}]}]}
        ],
        "short export of Label Studio": [
            {"id": 1, "image": "a.png", "tag": [{**sized, "format": "rle", "rle": brush(mask)}]}
        ],
        "box of LabelMe": {
            "imageWidth": width, "imageHeight": height,
            "shapes": [{"shape_type": "rectangle", "points": [[40, 20], [60, 44]]}],
        },
        "polygon of LabelMe": {
            "imageWidth": width, "imageHeight": height,
            "shapes": [{"points": np.reshape(box, (-1, 2)).tolist()}],
        },
        "box of Label Studio": [{"annotations": [{"result": [{**sized, "value": {
            "x": 40 / 0.9, "y": 20 / 0.6, "width": 20 / 0.9, "height": 24 / 0.6,
        }}]}]}],
    }  # fmt: skip


@pytest.mark.parametrize("name", forms(spot()))
def test_json_masks_are_the_painted_one(name, tmp_path):
    mask = spot()
    content = json.dumps(forms(mask)[name]).encode()
    found = json_mask(content, SIZE)
    assert found.shape == mask.shape
    assert (found == mask).all()
    (tmp_path / "mask.json").write_bytes(content)
    placement = centred(SIZE)
    from_path = read_mask(tmp_path / "mask.json", (16, 16), placement)
    assert (from_path == read_mask(content, (16, 16), placement)).all()
    assert (from_path == carried(found, placement, 16)).all()


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"[]", b"{}", b"3", b"null", b'{"counts": 3}', b'{"size": [2, 2], "counts": [5]}',
        b'{"size": [2, 2], "counts": "zz"}', b'{"size": [99999, 99999], "counts": [1]}',
        b'{"segmentation": [[1, 2]]}', b'{"segmentation": [["a", "b", 1, 2, 3, 4]]}',
        b'{"images": [{}, {}], "annotations": []}', b"[" * 5000,
        (b'[{"image_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]},'
        b' {"image_id": 2, "segmentation": [[0, 0, 9, 0, 9, 9]]}]'),
        b'[{"annotations": [{"result": []}]}, {"annotations": [{"result": []}]}]',
        b'{"imageWidth": 9, "imageHeight": 9, "shapes": [{"shape_type": "line", "points": []}]}',
        b'{"segmentation": [[1, 2, NaN, 4, 5, 6]]}',
        b'[{"result": [{"original_width": 9, "original_height": 9, "value": {"rle": [1, 2]}}]}]',
    ],
)  # fmt: skip
def test_json_that_is_no_mask_is_one_sentence(content):
    with pytest.raises(BadInput) as caught:
        json_mask(content, SIZE)
    assert "\n" not in str(caught.value)


def test_the_size_of_a_json_mask_is_checked_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(mask_files, "_unpacked", lambda text: pytest.fail("it was decoded"))
    content = json.dumps({"size": [7000, 7000], "counts": packed([49_000_000])}).encode()
    with pytest.raises(BadInput, match="the mask is 7000x7000 pixels, the picture"):
        read_mask(content, (16, 16), centred(SIZE))


def test_many_annotations_take_the_memory_of_one():
    one = {"segmentation": {"size": [2000, 2000], "counts": [1_999_999, 2_000_001]}}
    content = json.dumps([one] * 40).encode()
    tracemalloc.start()
    found = json_mask(content, (2000, 2000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found > 0).sum() == 2_000_001
    assert peak < 5 * found.nbytes


def test_a_polygon_over_a_photograph_takes_the_memory_of_a_mask():
    around = [-5, -5, 2100, -5, 2100, 1600, -5, 1600]
    tracemalloc.start()
    found = json_mask(json.dumps({"segmentation": [around]}).encode(), (2000, 1500))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.all()
    assert peak < 5 * found.nbytes


@pytest.mark.parametrize("band", [1, 7, 100, 1 << 16])
def test_a_polygon_drawn_in_bands_is_the_same(monkeypatch, band):
    monkeypatch.setattr(mask_files, "BAND", band)
    generator = np.random.default_rng(3)
    for _ in range(20):
        corners = generator.integers(-40, 140, (int(generator.integers(3, 30)), 2)) / 2
        content = json.dumps({"segmentation": [corners.ravel().tolist()]}).encode()
        assert ((json_mask(content, SIZE) > 0) == in_polygon(corners, SIZE)).all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"size": [9, 9], "counts": [81, *[0] * 90]}, "more run lengths than pixels"),
        ({"size": [9, 9], "counts": "0" * 1000}, "more run lengths than pixels"),
        ({"size": [90, 90], "counts": "o" * 40_000}, "far too long"),
        ([{"segmentation": {"size": [1, 1], "counts": [0, 1]}}] * 20_001, "20000 annotations"),
        ({"segmentation": [[1, 1] * 1_000_001]}, "too long to draw"),
        ({"segmentation": [[0, 0, 9, 0, 9, 9]] * 60_000}, "too long to draw"),
    ],
)  # fmt: skip
def test_json_masks_that_take_too_much_are_refused(content, told):
    with pytest.raises(BadInput, match=told):
        json_mask(json.dumps(content).encode(), (9, 9))


def test_a_polygon_of_too_many_corners_for_its_size_is_refused(monkeypatch):
    monkeypatch.setattr(mask_files, "WORK", 10_000_000)
    corners = np.random.default_rng(0).uniform(0, 500, (1000, 2)).ravel().tolist()
    with pytest.raises(BadInput, match="fewer shapes or fewer corners"):
        json_mask(json.dumps({"segmentation": [corners]}).encode(), (500, 500))


def test_json_nested_too_deep_is_one_sentence():
    depth = 900
    content = b'{"segmentation":' * depth + b"[[0, 0, 9, 0, 9, 9]]" + b"}" * depth
    with pytest.raises(BadInput, match="the mask"):
        json_mask(content, SIZE)


def test_six_kinds_of_mask_give_the_same_region(tmp_path):
    """Of the original's size and of the model's, as files and as the page's bytes."""
    mask = spot()
    black = Image.fromarray(mask)
    palette = Image.fromarray((mask > 0).astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 220, 30, 30] + [0] * 750)
    alpha = np.zeros((60, 90, 4), np.uint8)
    alpha[mask > 0] = (200, 20, 20, 160)
    kinds = {
        "black and white": black, "0 and 1": Image.fromarray((mask > 0).astype(np.uint8)),
        "16 bit": Image.fromarray((mask > 0).astype(np.uint16) * 65535), "palette": palette,
        "alpha": Image.fromarray(alpha), "1 bit": black.convert("1"),
    }  # fmt: skip
    placement = centred(SIZE)
    wanted = carried(mask, placement, 32)
    for name, picture in kinds.items():
        path = tmp_path / f"{name}.png"
        picture.save(path)
        assert (read_mask(path, (32, 32), placement) == wanted).all(), name
        assert (read_mask(path.read_bytes(), (32, 32), placement) == wanted).all(), name


def test_another_size_says_which_ones_fit(tmp_path):
    Image.new("L", (50, 50)).save(tmp_path / "m.png")
    with pytest.raises(BadInput, match="50x50"):
        read_mask(tmp_path / "m.png", (32, 32), centred(SIZE))


def test_an_answer_is_pasted_in_and_the_rest_stays():
    generator = np.random.default_rng(1)
    original = Image.fromarray(generator.integers(0, 200, (60, 90, 3), np.uint8))
    factual = np.asarray(fit_square(original, 32, 3))
    answer = factual.copy()
    answer[8:16, 8:16] = np.minimum(answer[8:16, 8:16].astype(int) + 40, 255)
    found = np.asarray(pasted(original, factual, answer, centred(SIZE)))
    before = np.asarray(original)
    changed = (found != before).any(-1)
    assert changed[16:30, 31:45].mean() > 0.95
    outside = np.ones((60, 90), bool)
    outside[15:30, 30:45] = False
    assert not changed[outside].any()
    assert (np.asarray(pasted(original, factual, factual, centred(SIZE))) == before).all()


def test_a_soft_edge_fades_in_from_the_regions_edge_and_outside_nothing_changes():
    original = Image.new("RGB", (64, 64), (100, 100, 100))
    factual = np.full((32, 32, 3), 100, np.uint8)
    mask, answer = np.zeros((32, 32), np.uint8), factual.copy()
    mask[8:24, 8:24] = 255
    answer[8:24, 8:24] = 180
    place = Placement((64, 64), (0, 0, 64, 64))
    hard = np.asarray(pasted(original, factual, answer, place, mask))
    soft = np.asarray(pasted(original, factual, answer, place, mask, feather=8))
    row = soft[32, 16:32, 0].astype(int)  # from the edge to the middle
    assert (np.diff(row)[:7] > 0).all()
    assert row[0] <= 110
    assert (row[9:] == 180).all()
    assert (soft <= hard).all()
    outside = np.ones((64, 64), bool)
    outside[16:48, 16:48] = False
    assert (soft[outside] == 100).all()


def test_a_grey_answer_is_pasted_into_a_colour_picture():
    original = Image.new("RGB", (40, 40), (10, 20, 30))
    factual = np.zeros((8, 8, 1), np.uint8)
    answer = np.full((8, 8, 1), 50, np.uint8)
    found = np.asarray(pasted(original, factual, answer, Placement((40, 40), (0, 0, 40, 40))))
    assert (found == (60, 70, 80)).all()


TILTED = Placement(SIZE, (25.0, 10.0, 65.0, 50.0), tilt=20.0)


def points(placement, side):
    """The original's points [side, side, 2] at the middles of the model's pixels."""
    x0, y0, x1, y1 = placement.box
    ticks = (np.arange(side) + 0.5) / side - 0.5
    u, v = np.meshgrid(ticks * (x1 - x0), ticks * (y1 - y0))
    turn = np.exp(1j * np.radians(placement.tilt))  # clockwise, since y goes down
    z = (u + 1j * v) * turn + complex((x0 + x1) / 2, (y0 + y1) / 2)
    return np.stack([z.real, z.imag], -1)


def test_a_tilted_cut_carries_its_mask_along():
    mask = spot(30, 20, 60, 40)
    found = carried(mask, TILTED, 16) > 0
    x, y = points(TILTED, 16).transpose(2, 0, 1)
    wanted = (x >= 30) & (x < 60) & (y >= 20) & (y < 40)
    assert (found != wanted).sum() <= 4  # whose middle lies at an edge
    assert wanted.sum() > 60


def test_a_tilted_cut_is_as_an_upright_one_where_it_is_not_tilted():
    mask = spot(30, 20, 60, 40)
    barely = Placement(SIZE, TILTED.box, tilt=1e-9)
    upright = Placement(SIZE, TILTED.box)
    assert (carried(mask, barely, 16) != carried(mask, upright, 16)).sum() <= 2


def test_an_answer_is_pasted_into_a_tilted_cut():
    original = Image.new("L", SIZE, 100)
    factual = np.full((16, 16, 1), 100, np.uint8)
    answer = factual.copy()
    answer[4:12, 2:6] = 150
    found = np.asarray(pasted(original, factual, answer, TILTED)).astype(int)
    rows, columns = np.nonzero(found != 100)
    places = points(TILTED, 16)[4:12, 2:6].reshape(-1, 2)
    assert np.abs(places.mean(0) - (columns.mean() + 0.5, rows.mean() + 0.5)).max() < 0.5
    area = 8 * 4 * (40 / 16) ** 2
    assert len(rows) == pytest.approx(area, rel=0.1)


def test_at_the_same_size_the_pasted_picture_is_the_answer():
    generator = np.random.default_rng(2)
    original = Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8))
    answer = generator.integers(0, 256, (24, 24, 3), np.uint8)
    found = pasted(original, np.asarray(original), answer, whole((24, 24)))
    assert np.array_equal(np.asarray(found), answer)


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("size", [(90, 60), (60, 90), (33, 200)])
def test_nothing_changes_outside_the_region(name, size):
    fit, place = FITS[name]
    generator = np.random.default_rng(3)
    original = Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), np.uint8))
    factual = np.asarray(fit(original, 16, 3))
    answer = factual.copy()
    answer[5:9, 6:11] = 255 - answer[5:9, 6:11]
    found = np.asarray(pasted(original, factual, answer, place(size)))
    left, top, right, bottom = place(size).box
    x = (np.arange(size[0]) + 0.5 - left) / (right - left) * 16
    y = (np.arange(size[1]) + 0.5 - top) / (bottom - top) * 16
    inside = ((y >= 5) & (y < 9))[:, None] & ((x >= 6) & (x < 11))[None]
    assert np.array_equal(found[~inside], np.asarray(original)[~inside])
    assert (found[inside] != np.asarray(original)[inside]).any(-1).mean() > 0.9


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_of_the_file_as_it_is_stored_is_turned_too(orientation, tmp_path):
    """Some programs leave EXIF's orientation alone, and paint on the pixels as they are."""
    upright = Image.fromarray(spot())
    back = {5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    exif = Image.Exif()
    exif[0x0112] = back
    upright.save(tmp_path / "back.png", exif=exif)
    stored = read(tmp_path / "back.png").picture
    assert stored.size == (60, 90)
    stored.save(tmp_path / "stored.png")
    placement = replace(centred(SIZE), orientation=orientation)
    found = read_mask(tmp_path / "stored.png", (16, 16), placement)
    assert np.array_equal(found, carried(spot(), centred(SIZE), 16))


def test_an_original_is_read_again_as_it_was(tmp_path):
    values = (np.arange(90 * 60).reshape(60, 90) * 3).astype(np.uint16)
    pages = [Image.fromarray(values), Image.fromarray(values[::-1])]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    reading = read(tmp_path / "a.tif", 2, (4000, 6000))
    original = kept(tmp_path / "a.tif", reading)
    assert np.array_equal(original_picture(original), reading.picture)
    assert original.record == {
        "size": [90, 60], "page": 2, "pages": 2, "window": [4000, 6000],
        "values": [0, 16197], "note": "page 2 of 2, values from 1000 (black) to 7000 (white)",
    }  # fmt: skip
    drawn = Image.new("L", (9, 9), 7)
    assert np.array_equal(original_picture(kept(drawn, read(drawn))), drawn)


# By pycocotools 2.0.11: rectangles with a hole, and a quadrilateral.
PACKED = "^4;<00000000000000005K00HJO69006J00000000000000k1"
QUADRILATERAL = [5.5, 4.2, 20.7, 6.1, 25, 18.4, 9.3, 16.6]
QUADRILATERAL_PIXELS = 183


def test_run_lengths_are_pycocotools():
    wanted = np.zeros((23, 31), np.uint8)
    wanted[4:15, 6:20] = wanted[10:20, 15:28] = 255
    wanted[12, 17] = 0
    content = json.dumps({"size": [23, 31], "counts": PACKED}).encode()
    assert (json_mask(content, SIZE) == wanted).all()


def test_polygons_are_pycocotools_but_for_the_edge():
    found = json_mask(json.dumps({"segmentation": [QUADRILATERAL]}).encode(), (31, 23)) > 0
    assert found.sum() == pytest.approx(QUADRILATERAL_PIXELS, abs=6)
    assert found[10, 10:20].all()
    assert not found[:4].any()
    assert not found[:, :5].any()


def test_ellipses_and_turned_boxes_of_label_studio():
    sized = {"original_width": 100, "original_height": 50}
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 20, "rotation": 0}
    box = {"x": 50, "y": 20, "width": 10, "height": 40, "rotation": 90}
    both = [{**sized, "value": value} for value in (ellipse, box)]
    one, two = (json_mask(json.dumps(value).encode(), (9, 9)) > 0 for value in both)
    y, x = np.mgrid[0:50, 0:100] + 0.5
    assert (one != (((x - 50) / 20) ** 2 + ((y - 25) / 10) ** 2 < 1)).sum() <= 4
    # 10 wide and 20 high around its first corner (50, 10): now it lies to the left of it.
    assert (two == ((x > 30) & (x < 50) & (y > 10) & (y < 20))).all()


def test_a_skipped_annotation_does_not_count():
    result = [{"original_width": 9, "original_height": 9, "value": {
        "x": 0, "y": 0, "width": 50, "height": 50}}]  # fmt: skip
    task = [{"annotations": [{"was_cancelled": True, "result": result}]}]
    with pytest.raises(BadInput, match="marks nothing"):
        json_mask(json.dumps(task).encode(), SIZE)
