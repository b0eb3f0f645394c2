"""What bundle.json holds: the parts of a bundle, where each came from and how it was trained."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from backends.errors import BadInput
from backends.fetching.source import Source

__all__ = [
    "MANIFEST",
    "Example",
    "Manifest",
    "Part",
    "Property",
    "TestPictures",
    "Training",
    "folder_name",
    "read_manifest",
]

MANIFEST = "bundle.json"
NAME, PATH = 240, 2000  # bytes of a file's name, with room for an ending, and of its whole path


def _storable(path: str) -> str:
    """Return a path that a file can have.

    :raises ValueError: it is too long, or has characters that no file's name has.
    """
    if "\0" in path:
        raise ValueError("no file's name has a null character")
    if len(os.fsencode(path)) > PATH or any(len(os.fsencode(p)) > NAME for p in Path(path).parts):
        raise ValueError(
            f"no file can have this name: at most {NAME} bytes, {PATH} with its folders"
        )
    return path


FilePath = Annotated[str, AfterValidator(_storable)]


class Training(BaseModel):
    """How a part came to be, enough to do it again.

    :ivar learnt_on: by name the sha256 of the parts that it learnt from.
    """

    command: str
    data: str
    seed: int
    steps: int
    seconds: float
    quality: dict[str, float]
    learnt_on: dict[str, str] = {}


class Property(BaseModel):
    """What a regressor measures: ``suggested`` values span what real pictures have, in ``unit``."""

    title: str
    unit: str
    suggested: list[float]


class Part(BaseModel):
    """One network: what it is for, which architecture, with which arguments, in which file.

    ``kind`` is what it is used as: its own name, or ``regressor`` for a target model that gives
    a ``property`` of the picture; a ``classifier`` beside the bundle's own has ``classes``.
    ``serves`` lists the kinds that it can stand in for, ``model`` the target model whose classes
    it learnt, if that is not the bundle's classifier. A part with a ``source`` need not come with
    the bundle; then its ``sha256`` may be empty, since the file is converted in the person's cache.
    """

    kind: str
    architecture: str
    arguments: dict[str, Any]
    file: FilePath
    sha256: str = ""
    licence: str
    trained: Training | None = None
    property: Property | None = None
    source: Source | None = None
    serves: list[str] = []
    model: str | None = None
    classes: list[str] | None = None


class Example(BaseModel):
    """A picture to begin with; ``index`` is its place in the data set's test split."""

    file: FilePath
    label: str
    index: int


class TestPictures(BaseModel):
    """Pictures that no part learnt from, to evaluate and measure with; ``file`` is an npz of
    ``pictures`` uint8 [N, H, W, C] as the model sees them and ``labels`` int64 [N].

    ``source`` says which pictures of which data set they are.
    """

    file: FilePath
    sha256: str
    count: int
    source: str
    licence: str


class Manifest(BaseModel):
    """bundle.json.

    ``preparation`` says how a person's picture becomes the model's: ``digit`` looks for white or
    black ink and centres it as MNIST does, ``square`` crops and resizes, ``fit`` squeezes,
    ``letterbox`` pads, ``photograph`` crops and resizes as diffusion models of photographs learnt
    to see, ``portrait`` finds the face and aligns it. ``recipe`` names what ``train`` makes its
    parts by, ``settings`` gives methods other defaults than their own; ``mirror`` says that a
    mirrored picture shows the same. ``published`` says of parts that a person can add
    (``studio bundles add``) what they are and where they are published.
    """

    model_config = ConfigDict(extra="forbid")

    name: FilePath
    title: str
    description: str
    image_size: int
    channels: int
    class_names: list[str]
    licence: str
    preparation: Literal["digit", "square", "fit", "letterbox", "photograph", "portrait"] = "square"
    recipe: str = ""
    mirror: bool = False
    published: dict[str, str] = {}
    settings: dict[str, dict[str, Any]] = {}
    parts: dict[FilePath, Part] = {}
    examples: list[Example] = []
    test: TestPictures | None = None


def folder_name(bundle: str) -> str:
    """What a folder of a bundle's own is called, by the name in its bundle.json."""
    return re.sub(r"[^\w -]", "_", bundle)


def read_manifest(folder: Path) -> Manifest:
    """bundle.json of a folder, and nothing beside it.

    :raises BadInput: it cannot be read.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(
            "{path} cannot be read: {where}: {msg}", path=path, where=where, msg=first["msg"]
        ) from error
