"""An answer's files, come back: result.zip, result.json, or counterfactual.png, which anybody may
have written."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends import imaging
from backends.core import Answer, Request
from backends.errors import BadInput
from backends.imaging.pages import Wanted
from backends.imaging.reading import decoded
from studio.export.files import OTHER, RECONSTRUCTION, SETTINGS
from studio.translation import N_

__all__ = ["Accept", "Returned", "read_returned"]

# Gets the record and the shape of its pictures, (height, width, channels), before any is decoded,
# and raises what speaks against them.
Accept = Callable[[Mapping[str, Any], tuple[int, int, int]], None]

LARGEST = 64_000_000  # bytes of a file, and of all that is read of a zip
LONGEST = 2_000_000  # characters of result.json
SIDE = 4096  # pixels of a picture
PIXELS = imaging.MAX_PIXELS  # of all pictures of a zip together
OTHERS = 1  # further answers: LeapFactual's, all that any method of the studio gives
PICTURES = ("factual.png", "counterfactual.png", "region.png", RECONSTRUCTION)
WANTED = "drop the studio's own result.zip, result.json or counterfactual.png, as it was downloaded"


NOT_OURS = N_("a picture in this zip is not as the studio writes it; {wanted}")


class _SaidOpinion(BaseModel):
    label: str
    probabilities: dict[str, float]


class _Measured(BaseModel):
    model_config = ConfigDict(extra="allow")
    step: int = Field(ge=0)
    status: Literal["flipped", "not_flipped", "cancelled"]
    flipped: bool
    counterfactual: _SaidOpinion
    oracle: dict[str, Any] | None = None
    metrics: dict[str, float]


class _Region(BaseModel):
    source: str = Field(max_length=1000)
    area: float


class _ResultFile(_Measured):
    """What the page reads of result.json."""

    bundle: str
    model: str
    method: str
    target: str
    seed: int = Field(ge=0)
    settings: dict[str, Any]
    steps: int = Field(ge=0)
    factual: _SaidOpinion
    answer: str = ""
    alternatives: dict[str, _Measured] = Field({}, max_length=OTHERS)
    region: _Region
    nfe: dict[str, dict[str, int]]
    seconds: float


@dataclass(frozen=True)
class Returned:
    """What a file tells.

    :ivar record: the content of result.json.
    :ivar request: the question; None where the file has no picture.
    :ivar answer: None where the file has none; without latent, importance and the person's own
        picture, of which the files hold no exact copy.
    :ivar pixels: of all pictures that were decoded.
    """

    record: dict[str, Any]
    request: Request | None = None
    answer: Answer | None = None
    pixels: int = 0


def read_returned(path: Path, accept: Accept | None = None) -> Returned:
    """Read what was dropped on the page.

    :param accept: of a file that has pictures.
    :raises BadInput: it is none of the studio's files, damaged, or too large.
    """
    if path.stat().st_size > LARGEST:
        raise BadInput(
            "this file has more than {largest} MB; {wanted}",
            largest=LARGEST // 1000000,
            wanted=WANTED,
        )
    with path.open("rb") as file:
        head = file.read(8)
    try:
        if head.startswith(b"PK"):
            return _from_zip(path, accept)
        if head == b"\x89PNG\r\n\x1a\n":
            return Returned(_record(_text_of(path)))
        if path.stat().st_size > LONGEST:
            raise BadInput("this is no result of the studio; {wanted}", wanted=WANTED)
        return Returned(_record(path.read_text("utf-8")))
    except (
        UnicodeDecodeError,
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        raise BadInput(
            "this file cannot be read as a result of the studio; {wanted}", wanted=WANTED
        ) from error


def _text_of(path: Path) -> str:
    with Image.open(path, formats=["PNG"]) as picture:
        if max(picture.size) > SIDE:
            raise BadInput(
                "this picture is larger than {side} pixels; {wanted}", side=SIDE, wanted=WANTED
            )
        picture.load()  # the text may come after the pixels
        text = getattr(picture, "text", {}).get(SETTINGS)
    if text is None:
        raise BadInput(
            "this PNG carries no settings: a picture program may have removed them, or "
            "it is another picture; {wanted}",
            wanted=WANTED,
        )
    return str(text)


def _record(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise BadInput("this result.json is too long; {wanted}", wanted=WANTED)
    try:
        found: dict[str, Any] = json.loads(text)
        checked = _ResultFile.model_validate(found)
    except (ValueError, RecursionError, ValidationError) as error:
        raise BadInput("this is no result.json of the studio; {wanted}", wanted=WANTED) from error
    for probabilities in (checked.factual.probabilities, checked.counterfactual.probabilities):
        if checked.target not in probabilities:
            raise BadInput("this result.json does not say how likely its target is; download again")
    return found


def _from_zip(path: Path, accept: Accept | None) -> Returned:
    with zipfile.ZipFile(path) as archive:
        files = _contents(archive)
    if "result.json" not in files:
        if any(name.endswith("/result.json") for name in files):
            raise BadInput(
                "this zip holds several answers; unpack it and drop one result.json instead"
            )
        raise BadInput("there is no result.json in this zip; {wanted}", wanted=WANTED)
    record = _record(files["result.json"].decode())
    if "factual.png" not in files:
        return Returned(record)
    pictures = _pictures(record, files, accept)
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures.values())
    factual, region = pictures["factual.png"], pictures.get("region.png")
    mask = None
    if record["region"]["source"] != "whole":
        if region is None:  # what the source says is a name here, and is never looked up
            return Returned(record, pixels=pixels)
        mask = region[..., 0]
    request = Request(
        bundle=record["bundle"], method=record["method"], target=record["target"],
        picture=factual, region=record["region"]["source"], mask=mask,
        settings=record["settings"], seed=record["seed"], model=record["model"],
        importance="importance" in record,
    )  # fmt: skip
    if "counterfactual.png" not in pictures or region is None:
        return Returned(record, request, pixels=pixels)
    return Returned(record, request, _answer(record, pictures), pixels)


def _answer(record: dict[str, Any], pictures: Mapping[str, np.ndarray]) -> Answer:
    factual, mask = pictures["factual.png"], pictures["region.png"][..., 0]

    def answer(name: str, said: dict[str, Any], **others: Answer) -> Answer:
        return Answer(
            factual, pictures[name], mask, said, reconstruction=pictures.get(RECONSTRUCTION),
            alternatives=others,
        )  # fmt: skip

    others = {
        name: answer(f"{OTHER}{name}.png", said)
        for name, said in (record.get("alternatives") or {}).items()
        if f"{OTHER}{name}.png" in pictures
    }
    return answer("counterfactual.png", record, **others)


def _contents(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The files that a result may have, by name; nothing is written to the disk."""
    left = LARGEST
    found: dict[str, bytes] = {}
    for entry in archive.infolist():
        name = entry.filename
        if name.endswith("/result.json"):
            found[name] = b""  # told, not read
            continue
        if name != "result.json" and not name.endswith(".png"):
            continue
        with archive.open(entry) as file:
            content = file.read(left + 1)  # what the entry says of its size may be a lie
        left -= len(content)
        if left < 0:
            raise BadInput(
                "this zip unpacks to more than {largest} MB; {wanted}",
                largest=LARGEST // 1000000,
                wanted=WANTED,
            )
        found[name] = content
    return found


def _pictures(
    record: Mapping[str, Any], files: Mapping[str, bytes], accept: Accept | None
) -> dict[str, np.ndarray]:
    """What a result needs of the pictures, uint8 [H, W, 1] or [H, W, 3], by their files' names.

    :raises BadInput: they are not as the studio writes them; before any is decoded.
    """
    others = [f"{OTHER}{name}.png" for name in record.get("alternatives") or {}]
    shapes = {name: _shape(files[name]) for name in (*PICTURES, *others) if name in files}
    height, width, channels = shapes["factual.png"]
    for name, shape in shapes.items():
        if shape != (height, width, 1 if name == "region.png" else channels):
            raise BadInput("the pictures in this zip differ in size; {wanted}", wanted=WANTED)
    if len(shapes) * height * width > PIXELS:
        raise BadInput(
            "the pictures in this zip have more than {most} megapixels together; {wanted}",
            most=PIXELS // 1000000,
            wanted=WANTED,
        )
    if accept is not None:
        accept(record, (height, width, channels))
    return {name: _pixels(files[name], shape) for name, shape in shapes.items()}


def _shape(content: bytes) -> tuple[int, int, int]:
    """(height, width, channels) as the head of a PNG says them."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        if max(picture.size) > SIDE or picture.mode not in ("L", "RGB"):
            raise BadInput(NOT_OURS, wanted=WANTED)
        return picture.height, picture.width, len(picture.getbands())


def _pixels(content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Decode a picture as any of a stranger's."""

    def accept(size: tuple[int, int]) -> None:
        if size != shape[1::-1]:
            raise BadInput(NOT_OURS, wanted=WANTED)

    found = decoded(content, Wanted(accept=accept)).content
    if not isinstance(found, Image.Image) or len(found.getbands()) != shape[2]:
        raise BadInput(NOT_OURS, wanted=WANTED)
    return np.asarray(found).reshape(shape)
