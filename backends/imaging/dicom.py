"""DICOM files: one frame, in the units of its modality, with its own window.

The rules are those of DICOM PS3.3: C.11.1 (modality LUT), C.11.2 (VOI LUT and windows), C.7.6.16
(what a multi-frame file says of single frames) and C.7.6.3.1.2 (MONOCHROME1).
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from backends.errors import BadInput, MissingPart
from backends.imaging.pages import Page, Wanted, check_bytes, check_page, check_size
from backends.imaging.windows import Shape, ValueWindow

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["is_dicom", "read"]

BARE = (b"\x08\x00", b"\x02\x00")  # groups that a file without the 128 bytes before begins with
DEFLATED = "1.2.840.10008.1.2.1.99"
MOST = 1_000_000_000  # bytes of an inflated file
SHAPES: dict[str, Shape] = {"LINEAR": "LINEAR", "LINEAR_EXACT": "EXACT", "SIGMOID": "SIGMOID"}
# Functional groups of multi-frame files, and what pydicom looks for in plain ones.
GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
TAKEN = (
    "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth",
    "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence",
)  # fmt: skip


def is_dicom(head: bytes) -> bool:
    """Whether a file begins as DICOM's do."""
    if head[128:132] == b"DICM":
        return True
    return head[:2] in BARE and len(head) > 8 and head[3] == 0 and head[4:6].isalpha()


def read(source: BinaryIO, name: str, wanted: Wanted) -> Page:
    """Read one frame.

    :raises MissingPart: pydicom, or what decodes the file's compression, is not here.
    :raises BadInput: it holds no picture, is too large, or has no such frame.
    :raises Exception: it is damaged.
    """
    try:
        import pydicom
        from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
        from pydicom.pixels.utils import pixel_array
    except ImportError as error:
        raise MissingPart(
            "{name} is a DICOM file, which needs: pip install counterfactual-studio[medical]",
            name=name,
        ) from error
    _check_inflated(source, name)
    dataset = pydicom.dcmread(source, force=True)
    if "Rows" not in dataset or "Columns" not in dataset:
        kind = f" ({dataset.Modality})" if dataset.get("Modality") else ""
        raise BadInput(
            "{name} is a DICOM file{kind} that holds no picture; choose another",
            name=name,
            kind=kind,
        )
    check_size(name, (int(dataset.Columns), int(dataset.Rows)), wanted.accept)
    bits, samples = (int(dataset.get(key) or 1) for key in ("BitsAllocated", "SamplesPerPixel"))
    check_bytes(name, int(dataset.Columns) * int(dataset.Rows) * samples * -(-bits // 8))
    count = int(dataset.get("NumberOfFrames") or 1)
    number = check_page(name, wanted.page, count)
    try:
        values = pixel_array(dataset, index=number - 1)
    except Exception as error:  # whatever the library raises
        raise _unreadable(dataset, name) from error
    said = _of_frame(dataset, number - 1)
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
    if values.ndim == 3:
        return _coloured(values, number, count)
    counted = _counted(values, dataset)
    eight = values.dtype == np.uint8 and int(dataset.get("BitsStored", 8)) == 8
    values = apply_modality_lut(values, said)
    inverted = kind == "MONOCHROME1"
    shape = SHAPES.get(str(said.get("VOILUTFunction") or "LINEAR"), "LINEAR")
    own, values = _window(said, values, shape, wanted.window is not None)
    plain = eight and values.dtype == np.uint8 and own is None and wanted.window is None
    if plain and counted is None:
        return Page(Image.fromarray(255 - values if inverted else values), number, count)
    return Page(
        values, number, count, own=own, shape=shape, inverted=inverted, counted=counted
    )  # fmt: skip


def _check_inflated(source: BinaryIO, name: str) -> None:
    """A few kilobytes may inflate to anything.

    :raises BadInput: they would.
    """
    from pydicom.filereader import read_dataset, read_preamble

    data = source.read()
    source.seek(0)
    if DEFLATED.encode() not in data[:2048]:
        return
    read_preamble(source, force=True)
    read_dataset(source, False, True, stop_when=lambda tag, *_: tag.group != 2)
    start = source.tell()
    source.seek(0)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data[start:], MOST)
    except zlib.error:
        return  # damaged, which the reader will say
    if len(inflated) >= MOST:
        raise BadInput(
            "{name} is far too large when it is unpacked; save it uncompressed", name=name
        )


def _unreadable(dataset: Dataset, name: str) -> BadInput | MissingPart:
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is not None and syntax.is_compressed:
        return MissingPart(
            "{name} is compressed as {name_2}, whose decoder is not here, or is damaged; "
            "try pip install pylibjpeg pylibjpeg-libjpeg, or save it uncompressed",
            name=name,
            name_2=syntax.name,
        )
    return BadInput(
        "{name} is a damaged DICOM file, or holds no pixels; export it again", name=name
    )


def _of_frame(dataset: Dataset, index: int) -> Dataset:
    """What the file says of one frame's values: its own word, else that of all frames."""
    from pydicom import Dataset

    said = Dataset()
    said.set_original_encoding(*dataset.original_encoding)  # its tables' bytes have an order
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    single = dataset.get("PerFrameFunctionalGroupsSequence") or []
    groups = [*shared[:1], *single[index : index + 1]]
    items = [item for group in groups for key in GROUPS for item in (group.get(key) or [])[:1]]
    for source in [dataset, *items]:
        for key in TAKEN:
            if key in source:
                said[key] = source[key]
    return said


def _coloured(values: np.ndarray, number: int, count: int) -> Page:
    if values.dtype == np.uint8:
        return Page(Image.fromarray(values[..., :3]), number, count)
    return Page(values[..., :3], number, count)


def _counted(values: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Where the pixels are not padding, [H, W]; None where none is."""
    padding: Any = dataset.get("PixelPaddingValue")
    if not isinstance(padding, int):
        return None
    other: Any = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((padding, other if isinstance(other, int) else padding))
    inside = (values < low) | (values > high)
    return None if inside.all() else inside


def _window(
    said: Dataset, values: np.ndarray, shape: Shape, chosen: bool
) -> tuple[ValueWindow | None, np.ndarray]:
    """The file's first window, and the values that it is meant for: a VOI LUT is looked up, unless
    a person chose a window."""
    from pydicom.pixels.processing import apply_voi

    if said.get("VOILUTSequence") and not chosen:
        with contextlib.suppress(Exception):  # a damaged table is left alone
            bits = int(said.VOILUTSequence[0].LUTDescriptor[2])
            return ValueWindow.between(0, 2**bits - 1), apply_voi(values, said)
    centres, widths = (_numbers(said.get(key)) for key in ("WindowCenter", "WindowWidth"))
    if not centres or not widths or not widths[0] > 0:
        return None, values
    return ValueWindow(centres[0], widths[0], shape), values


def _numbers(value: Any) -> list[float]:
    if value is None or value == "":
        return []
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
    return [float(one) for one in several]
