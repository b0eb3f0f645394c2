"""Mask files as other tools write them: where a picture may change."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from backends.core import Placement
from backends.errors import BadInput
from backends.imaging.mask_files import json_mask
from backends.imaging.pages import Wanted
from backends.imaging.placement import carried, stored_size, turned_mask
from backends.imaging.reading import Source, decoded, decoded_here

__all__ = ["as_bytes", "painted_mask", "read_mask", "require_area"]

PNG = b"\x89PNG\r\n\x1a\n"
NOISE = 48  # of 255: how far JPEG strays from the two levels of a mask
PAINT = 80  # of 255: between the strongest and the weakest channel of a colour that was painted
HALF_SHADES = 0.3  # of the pixels, at most: the blurred rims of what was painted
LABELS = 64  # so many different values at most where they are labels
PHOTOGRAPH = 100  # so many different colours, in what is opaque, are no paint
WHY = "save it as black and white (white = change allowed)"


def read_mask(
    source: Source, size: tuple[int, int], placement: Placement | None = None
) -> np.ndarray:
    """A mask file as uint8 [H, W] of 0 and 255 (255 = change allowed). The page and the command
    line read masks by this one rule:

    1. With transparent pixels, paint counts, however faint: a pixel may change where it is not
       transparent. A photograph with a hole is refused: the hole may mean either.
    2. With labels (a palette, or few whole numbers, on a ground of 0), a pixel may change where
       its label is not 0; VOC's 255 around an object, "do not care", is no label.
    3. With grey values, two levels are looked for, and the upper one may change: 0 and 1, 0 and
       255, 0 and 65535, or 0 and 1 as floats, with the noise of a JPEG or blurred rims between.
    4. With colours, paint on a black, white or grey ground counts: a pixel may change where it
       has a colour; if none has, rule 3.

    A JSON file is read by :func:`backends.imaging.mask_files.json_mask`.

    :param size: (width, height) of the picture the model sees, which the mask must have.
    :param placement: of that picture in the original, whose size the mask may have instead.
    :raises BadInput: another size, nothing marked, all marked, or no two levels, as in a
        photograph.
    """
    accepted = {size, placement.original, stored_size(placement)} if placement else {size}

    def accept(found: tuple[int, int]) -> None:
        if found not in accepted:
            raise BadInput(_wrong_size(found, size, placement))

    if content := _json(source):
        mask = json_mask(content, placement.original if placement else size, accept)
        return _fitted(mask, (mask.shape[1], mask.shape[0]), size, placement)
    found = decoded(source, Wanted(accept=accept))
    if isinstance(found.content, np.ndarray):
        values = found.content.astype(np.float64)
        grey = values if values.ndim == 2 else values[..., :3].mean(-1)
        mask = _marked(_levels(_finite(grey), found.lossy))
    else:
        mask = _marked(_drawn(found.content, found.lossy))
    return _fitted(mask, found.size, size, placement)


def _json(source: Source) -> bytes | None:
    """The content of a JSON file; None of others."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.suffix.lower() != ".json" or not path.is_file():
            return None
        return path.read_bytes()
    start = source[:64].lstrip() if isinstance(source, bytes) else b""
    return source if isinstance(source, bytes) and start[:1] in (b"{", b"[") else None


def _fitted(
    mask: np.ndarray, found: tuple[int, int], size: tuple[int, int], placement: Placement | None
) -> np.ndarray:
    """The mask for the picture that the model sees."""
    if found == size:
        return require_area(mask)
    if placement is not None and found == placement.original:
        return carried(mask, placement, size[0])
    if placement is not None and found == stored_size(placement):
        return carried(turned_mask(mask, placement), placement, size[0])
    raise BadInput(_wrong_size(found, size, placement))


def _wrong_size(found: tuple[int, int], size: tuple[int, int], placement: Placement | None) -> str:
    original, which = "", "that size"
    if placement is not None and placement.original != size:
        original = f", the original {placement.original[0]}x{placement.original[1]}"
        which = "one of these sizes"
    return (
        f"the mask is {found[0]}x{found[1]} pixels, the picture that the model sees is "
        f"{size[0]}x{size[1]}{original}; save the mask in {which} (white = change allowed)"
    )


def _drawn(picture: Image.Image, lossy: bool) -> np.ndarray:
    """Rules 1 to 4 for a picture of 8 bits; the mask as booleans [H, W]."""
    if picture.has_transparency_data:
        values = np.asarray(picture.convert("RGBA"))
        if np.ptp(values[..., 3]) > 8:  # less is a decoder's rounding
            return _painted(values[..., 3], values[..., :3])
        if not values[..., 3].any():
            raise BadInput("the mask is transparent everywhere; paint where change is allowed")
        return _coloured(values[..., :3], lossy)
    if picture.mode == "P":
        return _palette(picture)
    if picture.mode in ("1", "L"):
        return _levels(np.asarray(picture.convert("L")).astype(np.float64), lossy)
    return _coloured(np.asarray(picture.convert("RGB")), lossy)


def painted_mask(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """The mask of a PNG that the page's own canvas made, uint8 [H, W] of 0 and 255; all of it may
    be painted.

    :raises BadInput: another size, or nothing painted.
    """

    def accept(found: tuple[int, int]) -> None:
        if found != size:
            raise BadInput(_wrong_size(found, size, None))

    if not content.startswith(PNG):
        raise BadInput("the browser sent a mask that is no PNG; reload the page, try again")
    found = decoded_here(io.BytesIO(content), "the mask", Wanted(accept=accept)).content
    if isinstance(found, np.ndarray):
        raise BadInput("the browser sent a mask of more than 8 bits; reload the page, try again")
    return require_area(as_bytes(np.asarray(found.convert("L")) > 127))


def require_area(mask: np.ndarray) -> np.ndarray:
    """The mask itself.

    :raises BadInput: nothing is marked.
    """
    if not mask.any():
        raise BadInput("the region is empty; mark where change is allowed, or choose whole picture")
    return mask


def as_bytes(mask: np.ndarray) -> np.ndarray:
    """Turn a mask of booleans into uint8 of 0 and 255."""
    return np.where(mask, 255, 0).astype(np.uint8)


def _marked(mask: np.ndarray) -> np.ndarray:
    """The same of a mask [H, W] that must mark something."""
    return require_area(as_bytes(mask))


def _finite(values: np.ndarray) -> np.ndarray:
    most = np.max(values, where=np.isfinite(values), initial=0)
    return np.nan_to_num(values, nan=0.0, posinf=most, neginf=0.0)


def _palette(picture: Image.Image) -> np.ndarray:
    """Rule 2 where the first colour is black, as a ground is; else the colours count."""
    colours, indices = np.asarray(picture.convert("RGB")), np.asarray(picture)
    if (np.ptp(colours, axis=-1) <= 8).all():
        return _levels(colours[..., 0].astype(np.float64), lossy=False)
    if (colours[indices == 0] == 0).all() and (indices == 0).any():
        return _labelled(indices)
    return _coloured(colours, lossy=False)


def _labelled(labels: np.ndarray) -> np.ndarray:
    """Rule 2: where a label is, but not VOC's "do not care" around it."""
    objects = (labels > 0) & (labels != 255)
    return objects if objects.any() else labels > 0


def _painted(alpha: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Rule 1."""
    # Few strengths are meant, each of them; of many, a quarter leaves out a soft brush's rim.
    few = len(np.unique(alpha)) <= 4
    seen = alpha >= (1 if few else max(1, int(alpha.max()) / 4))
    tones = colours[seen]
    if seen.mean() > 0.5 and len(np.unique(tones, axis=0)) > PHOTOGRAPH:
        raise BadInput(
            "the mask is a photograph with a transparent hole, so that it is not clear "
            "which of the two may change; {why}",
            why=WHY,
        )
    # A black and white mask with a transparent margin: its own two levels count.
    both = (tones.max(-1) < NOISE).any() and (tones.min(-1) > 255 - NOISE).any()
    return seen & (colours.min(-1) > 127) if both else seen


def _coloured(colours: np.ndarray, lossy: bool) -> np.ndarray:
    """Rule 4, or 2 where few colours lie on black."""
    values = colours.astype(np.float64)
    chroma = np.ptp(values, axis=-1)
    paint = chroma > PAINT
    if chroma.max() <= (PAINT if lossy else 8):
        return _levels(values @ (0.299, 0.587, 0.114), lossy)
    distinct = np.unique(colours.reshape(-1, 3), axis=0)
    if not lossy and len(distinct) <= LABELS and not distinct[0].any():
        frame = (colours == (224, 224, 192)).all(-1)  # the colour of VOC's 255
        return _labelled(np.where(frame, 255, colours.any(-1).astype(int)))
    ground = values[chroma <= NOISE].mean(-1)
    rims = (chroma > NOISE) & ~paint
    even = paint.any() and len(ground) > 0 and _spread(ground) < 16
    one = even and (_spread(values[paint]) < 25 or (not lossy and len(distinct) <= LABELS))
    if not one or rims.mean() > HALF_SHADES:
        raise BadInput(
            "the mask has many colours, like a photograph, so that it is not clear what "
            "was painted; {why}",
            why=WHY,
        )
    return paint


def _spread(values: np.ndarray) -> float:
    """How far values [N] or colours [N, 3] lie from their median, in the mean."""
    return float(np.abs(values - np.median(values, axis=0)).mean())


def _levels(values: np.ndarray, lossy: bool) -> np.ndarray:
    """Rule 3 for grey values [H, W] of 0 or more, or 2 where they are small numbers."""
    distinct = np.unique(values)
    least, greatest = float(distinct[0]), float(distinct[-1])
    if greatest == 0:
        raise BadInput(
            "the region is empty: the mask is 0 everywhere; mark where change is allowed, "
            "or choose whole picture"
        )
    if least < 0:
        raise BadInput("the mask has negative values ({least:g}); {why}", least=least, why=WHY)
    if greatest - least < greatest / 4 or (lossy and greatest < 128):
        raise BadInput(
            "the mask is nearly the same everywhere ({least:g} to {greatest:g}), so that "
            "it sets nothing apart; {why}, or choose whole picture",
            least=least,
            greatest=greatest,
            why=WHY,
        )
    if len(distinct) == 2:
        return values == greatest
    whole = not lossy and least == 0 and len(distinct) <= LABELS
    if whole and (distinct == distinct.round()).all():
        labels = distinct[distinct != 255]
        if labels[-1] < LABELS or 255 < greatest < 65535:
            return _labelled(values)
    share = (values - least) / (greatest - least)
    if ((share > NOISE / 255) & (share < 1 - NOISE / 255)).mean() > HALF_SHADES:
        raise BadInput(
            "the mask has many greys between its darkest and its brightest, like a "
            "photograph, so that it is not clear where change is allowed; {why}",
            why=WHY,
        )
    return share > 0.5
