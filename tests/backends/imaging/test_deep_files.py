"""Files of more than 8 bits a colour, and TIFF's and numpy's rarer layouts, open right."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput
from backends.imaging import read, read_mask
from tests.backends.imaging.test_awkward_files import npy, saved, tiff

Y, X = np.mgrid[0:40, 0:56]
GREY = (X * 4 + Y).astype(np.uint8)
GREY[0, 0], GREY[-1, -1] = 0, 255
COLOURS = np.dstack([GREY, 255 - GREY, GREY // 2 + 60])


def png16(values):
    """A PNG of 16 bits a colour, [H, W, 3 or 4]; Pillow writes none."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    kind = 2 if values.shape[-1] == 3 else 6
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


DEEP = COLOURS.astype(np.uint16)
OPAQUE = np.full((*GREY.shape, 1), 65535)
COLOURED = {
    "PNG of 16 bits": (png16(DEEP * 257), 65535),
    "PNG of 12 bits in 16": (png16(DEEP * 16), 4095),
    "PNG of 16 bits with alpha": (png16(np.dstack([DEEP * 257, OPAQUE])), 65535),
    "TIFF of 16 bits": (tiff(DEEP * 257, photometric="rgb"), 65535),
    "TIFF of 12 bits in 16": (tiff(DEEP * 16, photometric="rgb"), 4095),
    "TIFF of 16 bits, big-endian": (tiff(DEEP * 257, photometric="rgb", byteorder=">"), 65535),
    "TIFF of 16 bits, deflated": (tiff(DEEP * 257, photometric="rgb", compression="zlib"), 65535),
    "TIFF of 16 bits, in planes": (
        tiff(np.moveaxis(DEEP * 257, -1, 0), photometric="rgb", planarconfig="separate"), 65535
    ),
    "TIFF of floats": (tiff(COLOURS.astype(np.float32) / 255, photometric="rgb"), 1),
    "array of floats": (npy(COLOURS / 255), 1),
    "array of floats, channels first": (npy(np.moveaxis(COLOURS / 255, -1, 0)), 1),
    "array of 12 bits": (npy(DEEP * 16), 4095),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLOURED)
def test_deep_colours_are_scaled_by_what_they_hold(kind):
    content, white = COLOURED[kind]
    seen = read(content)
    assert np.abs(np.asarray(seen.picture).astype(int) - COLOURS).max() <= 1
    assert seen.ends == (0, white)
    assert seen.note == f"values from 0 (black) to {white} (white)"


GREYS = {
    "signed bytes": tiff((GREY.astype(int) - 128).astype(np.int8)),
    "unsigned 32 bits, above 2 ** 31": tiff(GREY.astype(np.uint32) * 16843009),
    "halves": tiff((GREY / 255).astype(np.float16)),
    "white is 0, 16 bits": tiff((255 - GREY).astype(np.uint16) * 257, photometric="miniswhite"),
    "white is 0, floats": tiff((1 - GREY / 255).astype(np.float32), photometric="miniswhite"),
    "white is 0, 8 bits": tiff(255 - GREY, photometric="miniswhite"),
    "array with an axis of 1": npy(GREY[..., None]),
    "array with an axis of 1 before": npy(GREY[None]),
    "array of 64 bits": npy(GREY.astype(np.int64)),
    "array in Fortran's order": npy(np.asfortranarray(GREY)),
    "array, big-endian": npy(GREY.astype(">i4")),
    "JPEG 2000 of 16 bits": saved(Image.fromarray(GREY.astype(np.uint16) * 257), "JPEG2000"),
}


@pytest.mark.parametrize("kind", GREYS)
def test_greys_go_from_black_to_white(kind):
    seen = np.asarray(read(GREYS[kind]).picture)
    assert seen.shape == GREY.shape
    assert np.corrcoef(seen.ravel(), GREY.ravel())[0, 1] > 0.99
    assert seen.min() == 0
    assert seen.max() == 255


def test_a_turned_deep_picture_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(GREY.astype(np.uint16) * 257)
    seen = read(saved(picture, "PNG", exif=exif))
    assert np.array_equal(np.asarray(seen.picture), np.rot90(GREY, -1))


def test_pages_may_differ_in_size_and_depth():
    pages = [Image.fromarray(GREY[:, :30].astype(np.uint16) * 16), Image.fromarray(COLOURS)]
    content = saved(Image.fromarray(GREY), "TIFF", save_all=True, append_images=pages)
    sizes = [read(content, page).picture.size for page in (1, 2, 3)]
    assert sizes == [(56, 40), (30, 40), (56, 40)]
    assert np.array_equal(np.asarray(read(content, 3).picture), COLOURS)


def test_pages_of_an_array_may_be_in_colour():
    pages = npy(np.stack([COLOURS, 255 - COLOURS]))
    assert read(pages).pages == 2
    assert np.array_equal(np.asarray(read(pages, 2).picture), 255 - COLOURS)


def test_thumbnails_are_no_pages():
    content = saved(Image.fromarray(COLOURS), "ICO", sizes=[(16, 16), (32, 32)])
    assert read(content).pages == 1
    stereo = saved(
        Image.fromarray(COLOURS), "MPO", save_all=True, append_images=[Image.fromarray(COLOURS)]
    )
    assert read(stereo).pages == 1


def test_a_picture_of_8_bits_needs_no_window():
    with pytest.raises(BadInput, match="leave the window out"):
        read(saved(Image.fromarray(GREY), "PNG"), window=(40, 400))


@pytest.mark.parametrize(
    "content",
    [
        tiff(np.dstack([GREY] * 5), photometric="minisblack", planarconfig="contig"),
        tiff(GREY.astype(complex)),
        npy(np.zeros((2, 2, 40, 56))),
        npy(np.zeros((0, 40))),
    ],
)
def test_other_layouts_are_one_sentence(content):
    with pytest.raises(BadInput) as refused:
        read(content)
    assert "\n" not in str(refused.value)


MARKED = np.zeros((40, 56), bool)
MARKED[10:30, 8:28] = True


@pytest.mark.parametrize(
    "content",
    [
        npy(MARKED),
        npy(MARKED.astype(np.uint8)),
        npy(MARKED.astype(np.float64)),
        npy(MARKED.astype(np.int64)),
        tiff(MARKED.astype(np.int8)),
        tiff(MARKED.astype(np.uint32) * (2**32 - 1)),
        saved(Image.fromarray(MARKED.astype(np.uint8) * 255), "JPEG2000"),
    ],
)
def test_such_files_may_be_masks(content):
    assert np.array_equal(read_mask(content, (56, 40)) > 0, MARKED)
