"""Arrays in files: numpy's .npy, and the TIFFs that Pillow does not know."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np

from backends.errors import BadInput
from backends.imaging.pages import Page, Wanted, check_bytes, check_page, check_size

__all__ = ["NPY", "read_npy", "read_tiff"]

NPY = b"\x93NUMPY"
MOST = 2**31  # bytes of an array
SHAPES = "[H, W], [H, W, 3], [3, H, W], or several pages of one of them"


def read_npy(source: BinaryIO, name: str, wanted: Wanted) -> Page:
    """Read a .npy file of [H, W], [H, W, 1, 3 or 4], [1 or 3, H, W], or pages of them; never one
    with Python objects.

    :raises BadInput: it has another shape or kind, or is too large.
    :raises Exception: it is damaged.
    """
    form = np.lib.format
    try:
        version = form.read_magic(source)
    except ValueError as error:
        raise BadInput("{name} is damaged; save it again with numpy.save", name=name) from error
    headers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    if version not in headers:
        raise BadInput(
            "{name} is damaged, or no array of numbers; save one with numpy.save", name=name
        )
    try:
        shape, _, dtype = headers[version](source)
    except ValueError as error:
        raise BadInput("{name} is damaged; save it again with numpy.save", name=name) from error
    if dtype.kind not in "biuf":
        raise BadInput(
            "{name} holds no numbers; save an array of numbers with numpy.save", name=name
        )
    lead, pixels = _layout(shape, name)
    if 0 in shape:
        raise BadInput(
            "{name} has the shape {shape}, which is empty; save {shapes}",
            name=name,
            shape=list(shape),
            shapes=SHAPES,
        )
    check_size(name, _size(pixels), wanted.accept)
    count = int(np.prod(lead)) if lead else 1
    if float(np.prod([float(side) for side in shape])) * dtype.itemsize > MOST:
        raise BadInput(
            "{name} holds more than {most} GB; save one of its pages", name=name, most=MOST // 10**9
        )
    number = check_page(name, wanted.page, count)
    start = source.tell()
    needed = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
    # What the header says is asked for before it is read.
    if source.seek(0, io.SEEK_END) < start + needed:
        raise BadInput("{name} has lost its end; save it again with numpy.save", name=name)
    source.seek(0)
    try:
        values = np.load(source, allow_pickle=False)
    except (EOFError, ValueError) as error:
        raise BadInput(
            "{name} has lost its end; save it again with numpy.save", name=name
        ) from error
    if lead:
        values = values.reshape(count, *shape[len(lead) :])[number - 1]
    return _page(_channels_last(values), name, wanted, number, count)


def read_tiff(source: BinaryIO, name: str, wanted: Wanted) -> Page:
    """Read a TIFF of floats in colour, of halves, or with other layouts of its samples.

    :raises BadInput: it is too large, or has no grey or RGB values.
    :raises Exception: it is damaged, or compressed in a rare way.
    """
    from tifffile import TiffFile

    source.seek(0)
    with TiffFile(source) as file:
        count = len(file.pages)
        number = check_page(name, wanted.page, count)
        page = file.pages[number - 1].aspage()
        check_size(name, (page.imagewidth, page.imagelength), wanted.accept)
        if page.imagedepth > 1 or page.samplesperpixel > 16:
            raise BadInput("{name} is a volume, or has many channels; save one of them", name=name)
        itemsize = int(np.dtype(page.dtype).itemsize) if page.dtype is not None else 8
        area = max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength)
        check_bytes(name, area * page.samplesperpixel * itemsize)
        values = page.asarray()
        inverted = page.photometric == 0
    if values.dtype.kind not in "biuf":
        raise BadInput(
            "{name} holds {dtype}; save whole numbers or floats", name=name, dtype=values.dtype
        )
    _, pixels = _layout(values.shape, name)
    if values.ndim > len(pixels):
        raise BadInput(
            "{name} has the shape {shape}; save one picture", name=name, shape=list(values.shape)
        )
    return _page(_channels_last(values), name, wanted, number, count, inverted)


def _layout(shape: tuple[int, ...], name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of the pages, and of one of them."""
    coloured = len(shape) >= 3 and (shape[-1] in (1, 3, 4) or shape[-3] in (1, 3))
    pixels = 3 if coloured else 2
    if not 2 <= len(shape) <= pixels + 1:
        raise BadInput(
            "{name} has the shape {shape}; save {shapes}",
            name=name,
            shape=list(shape),
            shapes=SHAPES,
        )
    return shape[:-pixels], shape[-pixels:]


def _size(pixels: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of a page's shape."""
    if len(pixels) == 3 and pixels[-1] not in (1, 3, 4):
        pixels = pixels[1:]
    return pixels[1], pixels[0]


def _channels_last(values: np.ndarray) -> np.ndarray:
    if values.ndim == 3 and values.shape[-1] not in (1, 3, 4):
        values = np.moveaxis(values, 0, -1)
    return values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values


def _page(
    values: np.ndarray, name: str, wanted: Wanted, number: int, count: int, inverted: bool = False
) -> Page:
    from PIL import Image

    check_size(name, (values.shape[1], values.shape[0]), wanted.accept)
    values = np.ascontiguousarray(values)
    if values.dtype == bool:
        values = np.where(values, 255, 0).astype(np.uint8)
    if values.dtype == np.uint8:
        return Page(Image.fromarray(255 - values if inverted else values), number, count)
    return Page(values, number, count, inverted=inverted)
