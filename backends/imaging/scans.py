"""Files that hold measured values instead of a picture of 8 bits: DICOM, NumPy, deep TIFF."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backends.errors import BadInput, MissingPart

__all__ = ["Scan", "deep_tiff", "scan_of", "windowed"]

NUMPY, TIFF = b"\x93NUMPY", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Volumes that other programs turn into pictures: which slice, along which axis, is a person's say.
ELSEWHERE = {b"SIMPLE  =": "FITS", b"\x89HDF": "HDF5", b"CDF\x01": "NetCDF"}


@dataclass(frozen=True)
class Scan:
    """One page of a file.

    :ivar values: [H, W] of any number type, or uint8 [H, W, 3].
    :ivar page: counted from 1, of ``pages``.
    :ivar window: (centre, width) that the file itself asks for.
    :ivar inverted: whether high values are dark (DICOM's MONOCHROME1).
    """

    values: np.ndarray
    page: int = 1
    pages: int = 1
    window: tuple[float, float] | None = None
    inverted: bool = False


def scan_of(data: bytes, name: str, page: int, most: int) -> Scan | None:
    """Read a file of values; None where it is something else.

    :param page: counted from 1.
    :param most: pixels a page.
    :raises BadInput: it is damaged, too large, or has no such page.
    :raises MissingPart: its reader is not installed.
    """
    if data[128:132] == b"DICM":
        return _dicom(data, name, page, most)
    if data.startswith(NUMPY):
        return _numpy(data, name, page, most)
    if data[344:348] in (b"n+1\0", b"ni1\0"):
        kind: str | None = "NIfTI"
    else:
        kind = next((kind for start, kind in ELSEWHERE.items() if data.startswith(start)), None)
    if kind:
        raise BadInput(f"{name} is a {kind} file; save the slice to explain as PNG, TIFF or .npy")
    return None


def deep_tiff(data: bytes, name: str, page: int, most: int) -> Scan | None:
    """Read a TIFF whose kind of pixels Pillow does not know; None where this is none."""
    if not data.startswith(TIFF):
        return None
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        count = len(file.pages)
        _check_page(name, page, count)
        one: Any = file.pages[page - 1]
        _check_size(name, one.imagewidth, one.imagelength, most)
        values = one.asarray()
    if values.ndim == 3 and values.shape[0] in (3, 4) and values.shape[2] not in (3, 4):
        values = np.moveaxis(values, 0, -1)
    return replace(_shaped(values, name), page=page, pages=count)


def windowed(scan: Scan, window: tuple[float, float]) -> np.ndarray:
    """Values seen through a window, uint8 [H, W]: black below it, white above.

    :param window: centre and width.
    """
    centre, width = window
    low = centre - width / 2
    values = np.nan_to_num(scan.values.astype(np.float64), nan=low, posinf=low + width, neginf=low)
    levels = (((values - low) / width).clip(0, 1) * 255).round().astype(np.uint8)
    return 255 - levels if scan.inverted else levels


def _dicom(data: bytes, name: str, page: int, most: int) -> Scan:
    try:
        import pydicom
        from pydicom import pixels
    except ImportError as error:
        raise MissingPart(
            f"{name} is a DICOM file, which needs a package; run: pip install "
            '"counterfactual-studio[medical]"'
        ) from error
    reader: Any = pixels  # it exports what its stubs hide
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that break the standard and do not matter here
        try:
            file = pydicom.dcmread(io.BytesIO(data))
            count = int(file.get("NumberOfFrames") or 1)
            height, width = int(file.Rows), int(file.Columns)
        except Exception as error:  # whatever the library raises at a damaged file
            raise BadInput(f"{name} holds no picture, or is damaged; export it again") from error
        _check_page(name, page, count)
        _check_size(name, width, height, most)
        try:
            values = reader.pixel_array(file, index=page - 1)
            space = str(file.get("PhotometricInterpretation", ""))
            if values.ndim == 3:
                if space.startswith("YBR"):
                    values = reader.convert_color_space(values, space, "RGB")
                return replace(_shaped(values, name), page=page, pages=count)
            values = reader.apply_modality_lut(values, file)
        except Exception as error:
            raise BadInput(
                f"{name} is compressed in a way that is not read here, or damaged; export it "
                "without compression"
            ) from error
    return Scan(np.asarray(values), page, count, _own_window(file), space == "MONOCHROME1")


def _own_window(file: Any) -> tuple[float, float] | None:
    """The first window that a DICOM file asks for."""
    found = []
    for name in ("WindowCenter", "WindowWidth"):
        value = file.get(name)
        value = value[0] if isinstance(value, (list, tuple)) or hasattr(value, "append") else value
        if value in (None, ""):
            return None
        found.append(float(value))
    return (found[0], found[1]) if found[1] > 0 else None


def _numpy(data: bytes, name: str, page: int, most: int) -> Scan:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else (
            np.lib.format.read_array_header_2_0
        )  # fmt: skip
        shape, _, kind = header(stream)
    except ValueError as error:
        raise BadInput(f"{name} is damaged; save it again with numpy.save") from error
    if kind.hasobject or kind.kind not in "buif":
        raise BadInput(f"{name} holds no numbers; save an array of numbers with numpy.save")
    if len(shape) not in (2, 3) or 0 in shape:
        raise BadInput(
            f"{name} has the shape {shape}; save a picture [H, W], [H, W, 3] or pages [N, H, W]"
        )
    coloured = len(shape) == 3 and shape[2] in (3, 4)
    pages = shape[0] if len(shape) == 3 and not coloured else 1
    height, width = shape[:2] if (pages == 1 and len(shape) != 3) or coloured else shape[1:]
    _check_page(name, page, pages)
    _check_size(name, width, height, most)
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise BadInput(f"{name} has lost its end; save it again with numpy.save") from error
    values = values if len(shape) == 2 or coloured else values[page - 1]
    return replace(_shaped(values, name), page=page, pages=pages)


def _shaped(values: np.ndarray, name: str) -> Scan:
    """Grey values as they are, colours in 8 bits."""
    if values.ndim == 2:
        return Scan(values)
    if values.ndim != 3 or values.shape[2] not in (3, 4):
        raise BadInput(f"{name} has {values.shape[-1]} channels; save it in grey or RGB")
    colours = values[..., :3].astype(np.float64)
    if values.dtype != np.uint8:
        top = 1.0 if values.dtype.kind == "f" and np.nanmax(colours) <= 1.02 else (
            float(np.iinfo(values.dtype).max) if values.dtype.kind in "ui" else 255.0
        )  # fmt: skip
        colours = np.nan_to_num(colours) / top * 255
    return Scan(colours.clip(0, 255).round().astype(np.uint8))


def _check_page(name: str, page: int, count: int) -> None:
    if not 1 <= page <= count:
        raise BadInput(f"{name} has {count} page{'s' * (count > 1)}, and no page {page}")


def _check_size(name: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        raise BadInput(
            f"{name} has {width * height / 1e6:.0f} megapixels; "
            f"reduce it to {most // 1_000_000} or fewer"
        )
