"""Masks as other tools write them: read rightly, or refused in a sentence that says why."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from backends import imaging
from backends.errors import BadInput

SIDE = 32
MARKED = np.zeros((SIDE, SIDE), bool)
MARKED[8:24, 4:20] = True
MARKED[20:28, 16:28] = True
BYTES = np.where(MARKED, 255, 0).astype(np.uint8)


def saved(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def grey(values, form="PNG", **options):
    return saved(Image.fromarray(values), form, **options)


def over(paint, ground=(0, 0, 0, 0), mode="RGBA"):
    values = np.where(MARKED[..., None], paint, ground).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def palette(label=1, rim=False, transparent=None):
    labels = np.where(MARKED, label, 0).astype(np.uint8)
    if rim:
        labels[7, 3:20] = 255
    picture = Image.fromarray(labels)
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [0] * 753 + [224, 224, 192])
    return saved(picture, **({} if transparent is None else {"transparency": transparent}))


def photograph():
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    grain = np.random.default_rng(0).normal(0, 20, (SIDE, SIDE, 3))
    colours = np.stack([x * 255, y * 255, (1 - x) * 200], -1) + grain
    return colours.clip(0, 255).astype(np.uint8)


def brush(colour, strength):
    alpha = Image.fromarray(BYTES).filter(ImageFilter.GaussianBlur(0.6))
    layer = Image.new("RGBA", (SIDE, SIDE), colour)
    layer.putalpha(alpha.point(lambda v: int(v * strength)))
    return saved(layer)


def quantised(picture):
    return saved(picture.convert("RGB").quantize(8))


READ = {
    "0/255": grey(BYTES),
    "0/1": grey(BYTES // 255),
    "0/128": grey(BYTES // 255 * 128),
    "128/255": grey(BYTES // 2 + 128),
    "labels 1 to 3": grey(BYTES // 255 * np.arange(SIDE, dtype=np.uint8) % 3 + BYTES // 255),
    "bilevel": saved(Image.fromarray(BYTES).convert("1")),
    "bilevel TIFF": saved(Image.fromarray(BYTES).convert("1"), "TIFF"),
    "16 bit, 0/65535": grey(MARKED.astype(np.uint16) * 65535),
    "16 bit, 0/255": grey(MARKED.astype(np.uint16) * 255),
    "16 bit, 0/1": grey(MARKED.astype(np.uint16)),
    "16 bit, labels": grey(MARKED * (np.arange(SIDE, dtype=np.uint16) % 3 + 26001)),
    "32 bit, 0/1": grey(MARKED.astype(np.int32), "TIFF"),
    "float, 0/1": grey(MARKED.astype(np.float32), "TIFF"),
    "float, 0/255": grey(MARKED.astype(np.float32) * 255, "TIFF"),
    "float, NaN outside": grey(np.where(MARKED, 1, np.nan).astype(np.float32), "TIFF"),
    "float, nearly 0/1": grey(np.where(MARKED, 0.98, 0.01).astype(np.float32), "TIFF"),
    "VOC palette": palette(),
    "VOC palette with a rim": palette(3, rim=True),
    "palette, 255 is the object": palette(255),
    "palette, ground transparent": palette(2, transparent=0),
    "VOC colours as RGB": saved(over((192, 128, 128, 255), (0, 0, 0, 255), "RGB")),
    "alpha only, black": saved(over((0, 0, 0, 255))),
    "alpha only, white": saved(over((255, 255, 255, 255), (255, 255, 255, 0))),
    "grey and alpha": saved(over((0, 0, 0, 255)).convert("LA")),
    "white on opaque black, RGBA": saved(over((255, 255, 255, 255), (0, 0, 0, 255))),
    "faint alpha": saved(over((255, 0, 0, 20))),
    "alpha of 1": saved(over((255, 255, 255, 1))),
    "red paint on a layer": saved(over((220, 20, 20, 255))),
    "dark blue paint on a layer": saved(over((0, 0, 90, 140))),
    "soft brush": brush((0, 200, 0), 1),
    "soft, faint brush": brush((0, 0, 0), 0.3),
    "red on white": saved(over((255, 0, 0, 255), (255, 255, 255, 255), "RGB")),
    "red on black": saved(over((255, 0, 0, 255), (0, 0, 0, 255), "RGB")),
    "blue on black, RGBA": saved(over((0, 0, 255, 255), (0, 0, 0, 255))),
    "red on white, JPEG": saved(over((255, 0, 0, 255), (255,) * 4, "RGB"), "JPEG", quality=85),
    "red on white, palette": quantised(over((255, 0, 0, 255), (255,) * 4, "RGB")),
    "red on black, palette": quantised(over((255, 0, 0, 255), (0, 0, 0, 255), "RGB")),
    "JPEG": grey(BYTES, "JPEG", quality=75),
    "JPEG, bad": grey(BYTES, "JPEG", quality=30),
    "JPEG, RGB": saved(Image.fromarray(BYTES).convert("RGB"), "JPEG", quality=75),
    "WEBP": saved(Image.fromarray(BYTES).convert("RGB"), "WEBP", quality=80),
    "blurred": saved(Image.fromarray(BYTES).filter(ImageFilter.GaussianBlur(0.7))),
    "GIF": saved(Image.fromarray(BYTES), "GIF"),
    "BMP": saved(Image.fromarray(BYTES).convert("RGB"), "BMP"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_painted_is_where_change_is_allowed(kind):
    seen = imaging.read_mask(READ[kind], (SIDE, SIDE))
    assert seen.dtype == np.uint8
    assert set(np.unique(seen)) <= {0, 255}
    # A blurred rim may lie half a pixel off.
    loose = 60 if "soft" in kind or "blurred" in kind or "JPEG" in kind or "WEBP" in kind else 0
    assert ((seen > 0) != MARKED).sum() <= loose
    assert (seen[12:20, 8:16] == 255).all()
    assert not seen[:5].any()


REFUSED = {
    "all 0": (grey(BYTES * 0), "empty"),
    "all 255": (grey(BYTES * 0 + 255), "sets nothing apart"),
    "all 1": (grey(BYTES * 0 + 1), "sets nothing apart"),
    "254 and 255": (grey(254 + BYTES // 255), "sets nothing apart"),
    "all 0, float": (grey(BYTES.astype(np.float32) * 0, "TIFF"), "empty"),
    "all NaN": (grey(np.full((SIDE, SIDE), np.nan, np.float32), "TIFF"), "empty"),
    "black JPEG": (grey(np.uint8([0, 2]).repeat(512).reshape(32, 32), "JPEG"), "same|empty"),
    "negative": (grey(MARKED.astype(np.float32) * 2 - 1, "TIFF"), "negative"),
    "transparent": (saved(Image.new("RGBA", (SIDE, SIDE))), "transparent everywhere"),
    "photograph": (grey(photograph()), "many colours"),
    "photograph, JPEG": (grey(photograph(), "JPEG"), "many colours"),
    "photograph, grey": (saved(Image.fromarray(photograph()).convert("L")), "many greys"),
    "photograph with a hole": (
        saved(Image.fromarray(np.dstack([photograph(), 255 - BYTES]))), "hole"
    ),
    "slope": (grey(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (SIDE, 1))), "many greys"),
    "another shape": (grey(np.zeros((SIDE, 2 * SIDE), np.uint8)), "64x32"),
    "no picture": (b"mask", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_clear_is_refused_and_why(kind):
    content, why = REFUSED[kind]
    with pytest.raises(BadInput, match=why) as refused:
        imaging.read_mask(content, (SIDE, SIDE))
    assert "\n" not in str(refused.value)


def test_the_pages_own_mask_may_be_all_of_the_picture():
    whole = grey(np.full((SIDE, SIDE), 255, np.uint8))
    assert (imaging.painted_mask(whole, (SIDE, SIDE)) == 255).all()
    with pytest.raises(BadInput, match="empty"):
        imaging.painted_mask(grey(np.zeros((SIDE, SIDE), np.uint8)), (SIDE, SIDE))
