"""Picture files as a person brings them: decoded safely, upright, 8 bit."""

from __future__ import annotations

import io
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from backends.errors import BadInput, NotFound, StudioError
from backends.imaging import arrays, confined_reading, dicom, refusals
from backends.imaging.allocation import ICON, check_allocation, check_icons
from backends.imaging.deep import deep_colours, deep_grey, deep_planes, low_bytes
from backends.imaging.orientation import orientation, turn_of, turned
from backends.imaging.pages import MAX_PIXELS, Page, Wanted, check_page, check_size
from backends.imaging.transparency import on_page
from backends.imaging.windows import ValueWindow, shades_of
from backends.sentences import Sentence, joined

__all__ = ["Reading", "Source", "decoded", "decoded_here", "read", "read_picture"]

# What browsers, cameras and scanners produce; Pillow's other readers may start outside programs.
FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "AVIF", "JPEG2000", "HEIF",
)  # fmt: skip
PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF")  # the others' further pictures are thumbnails
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF")
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

Source = str | Path | bytes | BinaryIO | Image.Image


@dataclass(frozen=True)
class Reading:
    """A picture that was read, and how.

    :ivar picture: L or RGB, upright, 8 bit.
    :ivar page: counted from 1, of ``pages``.
    :ivar turn: EXIF's orientation, which was applied; 0 or 1 is none.
    :ivar window: (centre, width) of the values that became black to white, where the file holds
        more than 8 bits; None for others.
    :ivar ends: those that are black and white.
    :ivar span: the file's least and greatest value.
    :ivar asked: the window that was asked for, if any.
    """

    picture: Image.Image
    page: int = 1
    pages: int = 1
    turn: int = 0
    window: tuple[float, float] | None = None
    ends: tuple[float, float] = (0.0, 255.0)
    span: tuple[float, float] = (0.0, 255.0)
    asked: tuple[float, float] | None = None

    @property
    def note(self) -> str:
        """What a person should know of it, in a phrase; mostly nothing."""
        told = []
        if self.pages > 1:
            told.append(Sentence("page {page} of {pages}", page=self.page, pages=self.pages))
        if self.window is not None:
            low, high = self.ends
            told.append(
                Sentence("values from {low:g} (black) to {high:g} (white)", low=low, high=high)
            )
        return joined(", ", told)

    @property
    def record(self) -> dict[str, Any]:
        """What result.json says of it."""
        found: dict[str, Any] = {"size": list(self.picture.size)}
        if self.pages > 1:
            found |= {"page": self.page, "pages": self.pages}
        if self.window is not None:
            found |= {"window": list(self.window), "values": list(self.span)}
        return found | ({"note": self.note} if self.note else {})


def read_picture(
    source: Source, page: int = 1, window: tuple[float, float] | None = None
) -> Image.Image:
    """The picture of :func:`read`."""
    return read(source, page, window).picture


def read(source: Source, page: int = 1, window: tuple[float, float] | None = None) -> Reading:
    """Any picture a person may bring, upright, 8 bit, as L or RGB.

    A file's own orientation (EXIF) is applied, other metadata are not looked at. Values of more
    than 8 bits are seen through DICOM's own window, or as
    :func:`backends.imaging.windows.shades_of` says. What is transparent becomes the page: the
    colour along the border of an opaque card, and behind strokes on a transparent layer white, or
    black where the strokes are bright.

    :param page: of a TIFF, an animation, a DICOM series or an array, counted from 1.
    :param window: (centre, width) of the values to see, of files with more than 8 bits; else a
        DICOM file's own, else as :func:`shades_of` says.
    :raises NotFound: there is no such file.
    :raises BadInput: it is empty, damaged, no picture, has more than 50 megapixels, not that page,
        or 8 bits, which need no window.
    :raises MissingPart: its reader is not installed.
    """
    found = decoded(source, Wanted(page, ValueWindow.of(window)))
    if isinstance(found.content, np.ndarray):
        return _shaded(found, window)
    if window is not None:
        raise BadInput("this picture has 8 bits, which need no window; leave the window out")
    return Reading(_eight_bit(found.content), found.number, found.count, found.turn)


def _shaded(found: Page, window: tuple[float, float] | None) -> Reading:
    """A page of deep values."""
    values, alpha = np.asarray(found.content), None
    if values.ndim == 3 and values.shape[-1] == 4:
        values, alpha = values[..., :3], values[..., 3]
    chosen = ValueWindow.of(window, found.shape)
    shades = shades_of(values, chosen, found.own, found.counted)
    pixels = 255 - shades.pixels if found.inverted else shades.pixels
    if alpha is not None:
        most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
        share = (alpha.astype(np.float64) / most * 255).clip(0, 255).astype(np.uint8)
        pixels = on_page(np.dstack([pixels, share]))
    low, high = shades.window.ends
    return Reading(
        Image.fromarray(pixels), found.number, found.count, found.turn,
        (shades.window.centre, shades.window.width),
        (high, low) if found.inverted else (low, high), shades.span, window,
    )  # fmt: skip


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode in ("1", "L"):
        return picture if picture.mode == "L" else picture.convert("L")
    if picture.has_transparency_data:
        return Image.fromarray(on_page(np.asarray(picture.convert("RGBA"))))
    if picture.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        turning = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
        return ImageCms.applyTransform(picture, turning) or picture.convert("RGB")
    # What needs no change is not copied: 50 megapixels in colour are 200 MB.
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def decoded(source: Source, wanted: Wanted | None = None) -> Page:
    """One page of a picture file, upright, in the file's own mode.

    :raises NotFound: there is no such file.
    :raises BadInput: it is empty, damaged, no picture, too large, or not accepted.
    """
    name, wanted = "this picture", wanted or Wanted()
    if isinstance(source, (str, Path)):
        name = Path(source).name
        if not os.path.isfile(source):
            raise NotFound("there is no file {source}; check the path", source=source)
        try:
            source = Path(source).read_bytes()
        except OSError as error:
            raise BadInput(
                "{name} cannot be read ({strerror}); check the file",
                name=name,
                strerror=error.strerror,
            ) from error
    if isinstance(source, bytes):
        if not source:
            raise BadInput("{name} is empty (0 bytes); choose another file", name=name)
        source = io.BytesIO(source)
    if confined_reading.confined() and not isinstance(source, Image.Image):
        source.seek(0)
        return confined_reading.decoded_confined(source.read(), name, wanted)
    return decoded_here(source, name, wanted)


def decoded_here(source: BinaryIO | Image.Image, name: str, wanted: Wanted) -> Page:
    """As :func:`decoded`, in this process, whatever is set."""
    try:
        with warnings.catch_warnings():
            # Our own limit is lower than the one that Pillow warns of, and what is odd about
            # metadata does not matter.
            warnings.simplefilter("ignore")
            return _page(source, name, wanted)
    except StudioError:
        raise
    except Image.DecompressionBombError as error:
        raise BadInput(
            "{name} is far too large; reduce it to {max_pixels} megapixels or fewer",
            name=name,
            max_pixels=MAX_PIXELS // 1000000,
        ) from error
    # Decoders raise whatever they like at damaged files: RuntimeError, struct.error, KeyError ...
    except Exception as error:
        raise BadInput(
            "{name} cannot be read as a picture; save it as PNG or JPEG and try again", name=name
        ) from error


def _page(source: BinaryIO | Image.Image, name: str, wanted: Wanted) -> Page:
    """:raises Exception: whatever a decoder raises."""
    if isinstance(source, Image.Image):
        return _loaded(source, name, wanted)
    source.seek(0)
    head = source.read(4096)
    source.seek(0)
    if head.startswith(arrays.NPY):
        return arrays.read_npy(source, name, wanted)
    if dicom.is_dicom(head):
        return dicom.read(source, name, wanted)
    if head.startswith(ICON):
        check_icons(source.read(), name)
        source.seek(0)
    try:
        return _loaded(source, name, wanted)
    except (BadInput, Image.DecompressionBombError):
        raise
    except UnidentifiedImageError:
        if sentence := refusals.advice(head):
            raise BadInput("{name} {sentence}", name=name, sentence=sentence) from None
        if head.startswith(TIFF):
            return arrays.read_tiff(source, name, wanted)
        raise
    except Exception:  # maybe of a chunk that has nothing to do with the pixels
        if head.startswith(TIFF):
            return arrays.read_tiff(source, name, wanted)
        bare = _bare_png(source)
        if bare is None:
            raise
        return _loaded(bare, name, wanted)


def _loaded(source: BinaryIO | Image.Image, name: str, wanted: Wanted) -> Page:
    """:raises Exception: whatever a decoder raises."""
    picture = source if isinstance(source, Image.Image) else _opened(source)
    form = picture.format
    count = _count(picture) if form in PAGED else 1
    number = check_page(name, wanted.page, count)
    turn = turn_of(picture)
    check_size(name, _upright_size(picture, turn), wanted.accept)
    check_allocation(picture, name, number)
    # The picture that HEIC puts first need not be the first in the file.
    if form != "HEIF":
        picture.seek(number - 1)
        check_size(name, _upright_size(picture, turn), wanted.accept)
        check_allocation(picture, name, number)
    low = None
    if not isinstance(source, Image.Image):
        if deep_planes(picture):
            return arrays.read_tiff(source, name, wanted)
        low = _low_bytes(source, number)
    picture.load()
    lossy = form in LOSSY
    if low is not None:
        low.load()
        content: Image.Image | np.ndarray = deep_colours(turned(picture, turn), turned(low, turn))
        return Page(content, number, count, turn, lossy=lossy)
    values, inverted = deep_grey(picture)
    if values is not None:
        content = np.asarray(turned(Image.fromarray(values), turn)) if turn > 1 else values
        return Page(content, number, count, turn, inverted=inverted, lossy=lossy)
    return Page(turned(picture, turn), number, count, turn, lossy=lossy)


def _opened(source: BinaryIO) -> ImageFile:
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    source.seek(0)
    return Image.open(source, formats=[f for f in FORMATS if f in Image.OPEN])


def _low_bytes(source: BinaryIO, number: int) -> Image.Image | None:
    """The low bytes of a page with 16 bits a colour, not decoded yet; None of others."""
    place = source.tell()
    again = _opened(io.BytesIO(source.getvalue()) if isinstance(source, io.BytesIO) else source)
    if again.mode not in ("RGB", "RGBA") or again.format not in ("PNG", "TIFF"):
        source.seek(place)
        return None
    again.seek(number - 1)
    found = low_bytes(again)
    source.seek(place)
    return again if found else None


def _upright_size(picture: Image.Image, turn: int) -> tuple[int, int]:
    return picture.size[::-1] if turn >= 5 else picture.size


def _count(picture: Image.Image) -> int:
    """How many pages it has; 1 where even that is damaged."""
    try:
        return max(1, int(getattr(picture, "n_frames", 1)))
    except Exception:
        return 1


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
        if kind in NEEDED or (kind == b"eXIf" and orientation(data[place + 8 : end - 4])):
            kept.append(data[place:end])
        place = end
    return io.BytesIO(b"".join(kept))
