"""Picture files as a person brings them: decoded safely, upright, 8 bit."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from backends.errors import BadInput, NotFound
from backends.imaging.scans import Scan, deep_tiff, scan_of, windowed

__all__ = ["MAX_PIXELS", "Reading", "Source", "as_levels", "decoded", "read", "read_picture"]

MAX_PIXELS = 50_000_000
# What browsers and cameras produce; Pillow's other readers may start outside programs.
FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "AVIF", "HEIF", "JPEG2000", "MPO",
)  # fmt: skip
ORIENTATION = 0x0112  # EXIF's tag
SHORT, LONG = 3, 4  # TIFF's types of whole numbers
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
OPAQUE = 250
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

Source = str | Path | bytes | BinaryIO | Image.Image


@dataclass(frozen=True)
class Reading:
    """A picture and what was done to get it.

    :ivar picture: upright, 8 bit, L or RGB.
    :ivar page: counted from 1, of ``pages``.
    :ivar window: (centre, width) of the values that became black to white, where the file holds
        more than 8 bits; None for others.
    """

    picture: Image.Image
    page: int = 1
    pages: int = 1
    window: tuple[float, float] | None = None

    @property
    def note(self) -> str:
        """What a person should know of it, in a sentence; mostly nothing."""
        told = []
        if self.pages > 1:
            told.append(f"page {self.page} of {self.pages}")
        if self.window is not None:
            low, high = (self.window[0] + side * self.window[1] / 2 for side in (-1, 1))
            told.append(f"values from {low:g} (black) to {high:g} (white)")
        return ", ".join(told)


def read_picture(
    source: Source, page: int = 1, window: tuple[float, float] | None = None
) -> Image.Image:
    """The picture of :func:`read`."""
    return read(source, page, window).picture


def read(source: Source, page: int = 1, window: tuple[float, float] | None = None) -> Reading:
    """Any picture a person may bring, upright, 8 bit, as L or RGB.

    :param page: of a TIFF, an animation, a DICOM series or an array, counted from 1.
    :param window: (centre, width) of the values to see, of files with more than 8 bits; else a
        DICOM file's own, else as :func:`as_levels` says.

    A file's own orientation (EXIF) is applied, other metadata are not looked at. Deep grey
    values are scaled as :func:`as_levels` says. What is transparent becomes the page: the colour
    along the border of an opaque card, and behind strokes on a transparent layer white, or black
    where the strokes are bright.

    :raises NotFound: there is no such file.
    :raises BadInput: it is empty, damaged, no picture, has more than 50 megapixels, or not that
        page.
    :raises MissingPart: its reader is not installed.
    """
    name, source = _opened(source)
    if isinstance(source, bytes):
        scan = scan_of(source, name, page, MAX_PIXELS)
        if scan is not None:
            return _seen(scan, window)
    try:
        picture, pages = _decoded(source, name, None, page)
    except BadInput:
        scan = _deep(source, name, page)
        if scan is None:
            raise
        return _seen(scan, window)
    if picture.mode.startswith(("I", "F")):
        turned = Scan(np.asarray(picture), page, pages)
        return _seen(turned, window, picture.mode)
    if picture.mode in ("1", "L"):
        return Reading(picture.convert("L"), page, pages)
    if picture.has_transparency_data:
        on_page = _on_page(np.asarray(picture.convert("RGBA")))
        return Reading(Image.fromarray(on_page), page, pages)
    return Reading(picture.convert("RGB"), page, pages)


def _seen(scan: Scan, window: tuple[float, float] | None, mode: str = "") -> Reading:
    """Values as a person sees them."""
    if scan.values.ndim == 3 or (scan.values.dtype == np.uint8 and window is None):
        values = 255 - scan.values if scan.inverted else scan.values
        return Reading(Image.fromarray(values), scan.page, scan.pages)
    if window is None:
        window = scan.window
    if window is None:
        kind = mode or ("F" if scan.values.dtype.kind == "f" else "I")
        low, high = levels_of(scan.values, kind)
        window = ((low + high) / 2, high - low)
    if window[1] <= 0:
        raise BadInput("a window's width must be greater than 0")
    return Reading(Image.fromarray(windowed(scan, window)), scan.page, scan.pages, window)


def _deep(source: bytes | BinaryIO | Image.Image, name: str, page: int) -> Scan | None:
    """A TIFF that Pillow does not read."""
    if not isinstance(source, bytes):
        return None
    try:
        return deep_tiff(source, name, page, MAX_PIXELS)
    except BadInput:
        raise
    except Exception:  # whatever the reader raises: then it is no picture
        return None


def decoded(source: Source, size: tuple[int, int] | None = None) -> Image.Image:
    """The first frame of a picture file, upright, in the file's own mode.

    :param size: (width, height) that a mask must have, checked before it is decoded.
    :raises NotFound: there is no such file.
    :raises BadInput: it is empty, damaged, no picture, too large, or of another size.
    """
    name, source = _opened(source)
    return _decoded(source, name, size, 1)[0]


def _opened(source: Source) -> tuple[str, bytes | BinaryIO | Image.Image]:
    """A name for messages, and the content of a file."""
    name = "this picture"
    if isinstance(source, (str, Path)):
        name = Path(source).name
        if not Path(source).is_file():
            raise NotFound(f"there is no file {source}; check the path")
        try:
            source = Path(source).read_bytes()
        except OSError as error:
            raise BadInput(f"{name} cannot be read ({error.strerror}); check the file") from error
    elif not isinstance(source, (bytes, Image.Image)):
        source = source.read()
    if isinstance(source, bytes) and not source:
        raise BadInput(f"{name} is empty (0 bytes); choose another file")
    return name, source


def _decoded(
    source: bytes | BinaryIO | Image.Image, name: str, size: tuple[int, int] | None, page: int
) -> tuple[Image.Image, int]:
    """A page upright, and how many there are.

    :raises BadInput: it cannot be read.
    """
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    try:
        try:
            return _loaded(source, name, size, page)
        except BadInput:
            raise
        except Exception:  # maybe of a chunk that has nothing to do with the pixels
            bare = None if isinstance(source, Image.Image) else _bare_png(source)
            if bare is None:
                raise
            return _loaded(bare, name, size, page)
    except BadInput:
        raise
    except Image.DecompressionBombError as error:
        raise BadInput(
            f"{name} is far too large; reduce it to {MAX_PIXELS // 1_000_000} megapixels or fewer"
        ) from error
    # Decoders raise whatever they like at damaged files: RuntimeError, struct.error, KeyError ...
    except Exception as error:
        raise BadInput(
            f"{name} cannot be read as a picture; save it as PNG or JPEG and try again"
        ) from error


def _loaded(
    source: BinaryIO | Image.Image, name: str, size: tuple[int, int] | None, page: int
) -> tuple[Image.Image, int]:
    """:raises Exception: whatever a decoder raises."""
    with warnings.catch_warnings():
        # Our own limit is lower than the one that Pillow warns of, and what is odd about
        # metadata does not matter.
        warnings.simplefilter("ignore")
        if not isinstance(source, Image.Image):
            _register()
            source = Image.open(source, formats=[f for f in FORMATS if f in Image.OPEN])
        _check_size(name, source, size)
        pages = int(getattr(source, "n_frames", 1) or 1)
        if not 1 <= page <= pages:
            raise BadInput(f"{name} has {pages} page{'s' * (pages > 1)}, and no page {page}")
        source.seek(page - 1)
        _check_size(name, source, size)
        source.load()
        return _upright(source), pages


def _register() -> None:
    """Let Pillow know all its formats, and HEIC where its reader is installed."""
    Image.init()
    if "HEIF" not in Image.OPEN and find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()


def _bare_png(source: BinaryIO) -> BinaryIO | None:
    """A PNG of only those chunks that the pixels need, and EXIF where it has an orientation;
    None of other files."""
    source.seek(0)
    data = source.read()
    if not data.startswith(SIGNATURE):
        return None
    kept, place = [SIGNATURE], len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, end = data[place + 4 : place + 8], place + 12 + length
        if kind in NEEDED or (kind == b"eXIf" and _orientation(data[place + 8 : end - 4])):
            kept.append(data[place:end])
        place = end
    return io.BytesIO(b"".join(kept))


def _check_size(name: str, picture: Image.Image, size: tuple[int, int] | None) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadInput(
            f"{name} has {width * height / 1e6:.0f} megapixels; "
            f"reduce it to {MAX_PIXELS // 1_000_000} or fewer"
        )
    if size is not None and picture.size != size:
        raise BadInput(
            f"the mask is {width}x{height} pixels, the picture that the model sees is "
            f"{size[0]}x{size[1]}; save the mask in that size (white = change allowed)"
        )


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as EXIF's own tag says; XMP's is not looked at, as in browsers."""
    found = picture.info.get("exif")
    value = _orientation(found) if isinstance(found, bytes) else 0
    turned = picture.transpose(TURNS[value]) if value in TURNS else picture.copy()
    turned.format = picture.format
    return turned


def _orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8, or 0: read by itself, so that no other tag can be in its way."""
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            if tag == ORIENTATION and kind in (SHORT, LONG):
                width = "H" if kind == SHORT else "I"
                (value,) = struct.unpack_from(order + width, data, entry + 8)
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:  # cut off
        return 0
    return 0


def as_levels(picture: Image.Image) -> np.ndarray:
    """Grey values of 16 or 32 bits as uint8 [H, W].

    What is not a number is black, infinities are the least and the greatest finite value. Then

    * floats in [0, 1], give or take 2 %, and floats in [0, 255] keep those ranges;
    * whole numbers that use more than half of 8, 10, 12, 14 or 16 bits are divided by what those
      bits hold: cameras and scanners store 12 bits in files of 16;
    * anything else, such as CT's Hounsfield units or any negative number, is seen through a
      window from its 0.5 to its 99.5 % quantile.
    """
    low, high = levels_of(np.asarray(picture), picture.mode)
    return windowed(Scan(np.asarray(picture)), ((low + high) / 2, high - low))


def levels_of(found: np.ndarray, mode: str) -> tuple[float, float]:
    """Which values become black and white, as :func:`as_levels` says.

    :param mode: Pillow's; ``F`` for floats.
    """
    values = np.asarray(found, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0, 1.0
    least, greatest = values[finite].min(), values[finite].max()
    values = np.nan_to_num(values, nan=least, posinf=greatest, neginf=least)
    return _range(values, mode)


def _range(values: np.ndarray, mode: str) -> tuple[float, float]:
    """Which values become black and white."""
    low, high = (float(v) for v in np.quantile(values, (0.005, 0.995)))
    if mode == "F" and low >= -0.02 and 0.02 < high <= 1.02:
        return 0.0, 1.0
    if values.min() >= 0 or (mode == "F" and low >= -1):
        # A speck of glare beyond the bits that the rest uses counts only where it is not alone.
        top = float(values.max()) if mode != "F" else high
        for bits in (8, 10, 12, 14, 16):
            most = 2**bits - 1
            if most / 2 < top <= most * 1.02:
                return 0.0, float(most)
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0


def _on_page(values: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] on the page that it was drawn on, RGB [H, W, 3]."""
    from scipy import ndimage

    colours, alpha = values[..., :3].astype(np.float32), values[..., 3]
    solid = alpha >= OPAQUE
    if solid.all():
        return values[..., :3]
    grey = colours.mean(-1)
    # The outermost two pixels of what is opaque may be blended with what lay behind.
    core = ndimage.binary_erosion(solid, iterations=2, border_value=1)
    if _is_card(core):
        nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
        return values[..., :3][nearest[0], nearest[1]]
    share = alpha[..., None] / np.float32(255)
    bright = float((grey * alpha).sum() / max(alpha.sum(), 1)) > 127
    page = 0.0 if bright else 255.0
    return (colours * share + page * (1 - share)).round().astype(np.uint8)


def _is_card(core: np.ndarray) -> bool:
    """Whether what is opaque is a sheet with something on it rather than strokes."""
    if not core.any():
        return False
    rows, columns = (np.flatnonzero(core.any(axis)) for axis in (1, 0))
    box = core[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large = min(box.shape[0] / core.shape[0], box.shape[1] / core.shape[1]) > 0.5
    return bool(large and box.mean() > 0.7)
