"""A person's photograph cut out as FFHQ's portraits are: upright, eyes and mouth at their places.

The rule is that of Karras et al.: A style-based generator architecture for generative adversarial
networks, CVPR 2019, https://arxiv.org/abs/1812.04948, appendix A, and its published figures. Its
landmarks came from dlib; here the bundle's face parser gives them. The parser has seen nothing but
such portraits, so a cascade of local binary patterns (Liao et al., ICB 2007; scikit-image brings
one) first says where to look, and every cut-out is parsed again until it no longer moves, which
a thing that is no face does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from backends.core import Placement
from backends.errors import BadInput
from backends.faces.landmarks import Point, landmarks, turned

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Parse", "Square", "align", "find", "placed", "square_of"]

# [1, 3, S, S] in [0, 1] -> classes of :mod:`backends.faces.parsing`, int [1, S, S].
Parse = Callable[["Tensor"], "Tensor"]

# Half the square's side, by the distance of the eyes, and of the eyes and the mouth; and how far
# its middle lies below the eyes, in parts of the latter.
BY_EYES, BY_MOUTH, BELOW = 2.0, 1.8, 0.1

SEEN = 512  # pixels of a cut-out that the parser gets
PASSES = 4
STILL = 0.03  # of the side: a cut-out that moves less is found
SMALLEST = 1 / 8  # of the side that is asked for: a smaller face is enlarged more than eightfold

SEARCHED = 512  # pixels of the photograph's longer side where faces are looked for
WINDOW = 28  # pixels there of the smallest face
TILTS = (0, -15, 15, -30, 30)  # degrees; the cascade knows upright faces
ECHOES = 2  # boxes nearby that confirm one; more would miss faces that the parser can confirm
AROUND = 1.5  # a portrait's side in those of the cascade's box
TRUE = 1.5  # a face may be this much larger than its box lets expect
ALIGNED = 0.15  # of the side: how far a portrait's corners may be off, that it is left alone
BLUR = 0.02  # of the side: where the photograph ends its mirror image is blurred, as in FFHQ


@dataclass(frozen=True)
class Square:
    """A tilted square of a photograph, in its pixels: the middle, and the vector from there to
    the middle of its right side. Its own frame runs from -1 to 1, as in the photograph's corners
    ``middle ± axis ± axis turned by a right angle``."""

    middle: Point
    axis: Point

    @property
    def side(self) -> float:
        """In pixels of the photograph."""
        return 2 * float(np.hypot(*self.axis))

    @property
    def turn(self) -> float:
        """Degrees clockwise from upright."""
        return float(np.degrees(np.arctan2(self.axis[1], self.axis[0])))

    def out(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 2] of the square's frame in the photograph."""
        return self.middle + points[..., :1] * self.axis + points[..., 1:] * turned(self.axis)

    def holds(self, point: Point) -> bool:
        """Whether a point is in the circle that touches the sides."""
        return bool(np.hypot(*(point - self.middle)) < self.side / 2)

    def apart(self, other: Square) -> float:
        """The greatest distance between their corners, in parts of the side."""
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        return float(np.hypot(*(self.out(corners) - other.out(corners)).T).max() / self.side)


def square_of(eye: Point, other_eye: Point, mouth: Point) -> Square:
    """FFHQ's square for the middles of the eyes (the left one in the picture first) and mouth."""
    eyes = (eye + other_eye) / 2
    across, down = other_eye - eye, mouth - eyes
    axis = across - turned(down)
    axis = axis / np.hypot(*axis)
    axis = axis * max(BY_EYES * np.hypot(*across), BY_MOUTH * np.hypot(*down))
    return Square(eyes + BELOW * down, axis)


def align(picture: Image.Image, parse: Parse, size: int) -> Image.Image:
    """The portrait of :func:`placed`."""
    return placed(picture, parse, size)[0]


def placed(picture: Image.Image, parse: Parse, size: int) -> tuple[Image.Image, Placement]:
    """The largest face of a photograph as a portrait of ``size`` x ``size`` pixels, RGB, and where
    that lies in it.

    A portrait of that size which is aligned already comes back unchanged, bit for bit.

    :raises BadInput: there is no face, or it is too small; in a sentence.
    """
    picture = picture.convert("RGB")
    if picture.size == (size, size):
        whole = _whole(picture)
        seen = _square_in(parse, picture, whole)
        if seen is not None and whole.apart(seen) < ALIGNED:
            return picture, Placement(picture.size, (0.0, 0.0, float(size), float(size)))
    square = find(picture, parse)
    if square.side < size * SMALLEST:
        raise BadInput(
            "the face is too small: with its hair it is {side:.0f} pixels wide and "
            "should be at least {size:.0f}; choose a photo taken from nearer by",
            side=square.side,
            size=size * SMALLEST,
        )
    (x, y), half = square.middle, square.side / 2
    box = (float(x - half), float(y - half), float(x + half), float(y + half))
    return _cut(picture, square, size), Placement(picture.size, box, square.turn)


def find(picture: Image.Image, parse: Parse) -> Square:
    """The square of the largest face.

    :raises BadInput: there is none.
    """
    found: list[Square] = []
    for place in _where_to_look(picture):
        largest = max((face.side for face in found), default=0.0)
        if largest > min(picture.size) / 2 or largest > place.side * TRUE:
            break
        if not any(face.holds(place.middle) for face in found):
            face = _settled(parse, picture, place)
            found += [face] if face else []
    if found:
        return max(found, key=lambda face: face.side)
    raise BadInput(
        "no face was found; choose a photo of one person who faces the camera, with both eyes and "
        "the mouth in sight"
    )


def _settled(parse: Parse, picture: Image.Image, square: Square) -> Square | None:
    """The square that does not move any more when it is parsed again; None if there is none."""
    for _ in range(PASSES):
        before, found = square, _square_in(parse, picture, square)
        if found is None:
            return None
        square = found
        if before.apart(square) < STILL:
            return square
    return None


def _whole(picture: Image.Image) -> Square:
    """The greatest upright square in the photograph's middle."""
    width, height = picture.size
    return Square(np.array([width / 2, height / 2]), np.array([min(width, height) / 2, 0.0]))


def _where_to_look(picture: Image.Image) -> Iterator[Square]:
    """The photograph itself, which may be a portrait; then a square around each thing in it that
    looks like a face, upright or tilted, the largest first."""
    yield _whole(picture)
    scale = SEARCHED / max(picture.size)
    small = picture.convert("L").resize(
        [max(1, round(side * scale)) for side in picture.size], Image.Resampling.BOX
    )
    if min(small.size) < WINDOW:
        return
    known: list[Square] = []
    for tilt in TILTS:
        for square in _boxes(small, tilt):
            if all(np.hypot(*(square.middle - s.middle)) > s.side / 4 for s in known):
                known.append(square)
    for square in sorted(known, key=lambda square: -square.side):
        yield Square(square.middle / scale, square.axis / scale)


def _boxes(picture: Image.Image, tilt: float) -> Iterator[Square]:
    """Squares around the faces that lean clockwise by about ``tilt`` degrees."""
    # Pillow turns counter-clockwise, so that they stand upright.
    upright = np.asarray(picture.rotate(tilt, Image.Resampling.BILINEAR, fillcolor=128))
    middle = np.array(picture.size) / 2
    right = np.array([np.cos(np.radians(tilt)), np.sin(np.radians(tilt))])
    for box in _cascade().detect_multi_scale(
        np.repeat(upright[..., None], 3, axis=2), scale_factor=1.2, step_ratio=1,
        min_size=(WINDOW, WINDOW), max_size=(SEARCHED, SEARCHED), min_neighbor_number=ECHOES,
    ):  # fmt: skip
        x, y = np.array([box["c"], box["r"]]) + box["width"] / 2 - middle
        yield Square(middle + x * right + y * turned(right), right * box["width"] * AROUND / 2)


@lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _square_in(parse: Parse, picture: Image.Image, square: Square) -> Square | None:
    """FFHQ's square for the face that the parser sees in a square; None where it sees none."""
    from backends.imaging import to_tensor

    # A mirror image might show the eyes twice.
    seen = to_tensor(np.asarray(_cut(picture, square, SEEN, mirrored=False)))
    found = landmarks(parse(seen)[0].cpu().numpy())
    return None if found is None else square_of(*square.out(np.stack(found)))


def _cut(picture: Image.Image, square: Square, size: int, *, mirrored: bool = True) -> Image.Image:
    """The square as a picture of ``size`` x ``size`` pixels; beyond the photograph's borders its
    mirror image, blurred, or its outermost pixels."""
    import torch
    from torch.nn.functional import grid_sample

    from backends.imaging import to_array, to_tensor

    corners = square.out(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 4, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + 4, picture.size)
    part = picture.crop((*low.tolist(), *high.tolist()))
    if square.side > size:
        shape = np.maximum(1, np.round((high - low) * size / square.side)).astype(int)
        part = part.resize(tuple(shape.tolist()), Image.Resampling.LANCZOS)
    ticks = (np.arange(size) + 0.5) * 2 / size - 1
    where = square.out(np.stack(np.meshgrid(ticks, ticks), axis=-1))
    grid = torch.from_numpy((where - low) / (high - low) * 2 - 1).float()[None]
    beyond = "reflection" if mirrored else "border"
    x = grid_sample(to_tensor(np.asarray(part)), grid, "bicubic", beyond, align_corners=False)
    outside = np.maximum(np.maximum(-where, where - np.array(picture.size)), 0).max(-1)
    if mirrored and outside.any():
        x = _blurred(x, torch.from_numpy(outside / square.side).float())
    return Image.fromarray(to_array(x))


def _blurred(x: Tensor, outside: Tensor) -> Tensor:
    """[1, 3, S, S], the more blurred the farther ``outside`` [S, S], in parts of the side."""
    from torchvision.transforms.functional import gaussian_blur

    sigma = BLUR * x.shape[-1]
    soft = gaussian_blur(x, 2 * round(2 * sigma) + 1, sigma)
    return x.lerp(soft, (outside / (3 * BLUR)).clamp(max=1).expand_as(x))
