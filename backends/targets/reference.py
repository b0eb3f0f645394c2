"""The name of a model that no bundle brings: one grammar for the page, ``--model``, the library and
files.

``hf:OWNER/NAME`` or ``hf:FOLDER``, ``timm:NAME``, ``torchvision:NAME`` (both also with ``@FILE``),
``clip:OWNER/NAME``, ``FILE.pt2``, ``FILE.pt`` (TorchScript), ``FILE.onnx``, ``FILE.py:NAME``; then,
where the model does not say it itself, ``?classes=cat,dog&size=64&channels=3&mean=0.5&std=0.5``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from backends.errors import BadInput

__all__ = ["FORMS", "Options", "Reference", "checked", "is_reference", "parse", "usual_name"]

Kind = Literal["hf", "timm", "torchvision", "clip", "export", "script", "onnx", "code"]
FORMS = (
    "hf:OWNER/NAME, timm:NAME, torchvision:NAME, clip:OWNER/NAME, FILE.pt2, FILE.pt (TorchScript), "
    "FILE.onnx or FILE.py:NAME"
)
LIBRARIES: tuple[Kind, ...] = ("hf", "timm", "torchvision", "clip")
FILES: dict[str, Kind] = {
    ".pt2": "export", ".pt": "script", ".ts": "script", ".torchscript": "script", ".onnx": "onnx",
}  # fmt: skip
CODE = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_][\w.]*)")


class Options(BaseModel):
    """What a person says of a model; what is left out comes from the model itself.

    :ivar classes: names in the order of the logits, or ``bundle`` for the bundle's own, or a text
        or JSON file with them.
    :ivar prompts: of a ``clip:`` model, with bars between, one a class.
    :ivar size: pixels a side that the model looks at.
    :ivar channels: 1 grey, 3 colours.
    :ivar mean: subtracted from values in [0, 1], one number or one a channel.
    :ivar std: that they are divided by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    size: int | None = Field(default=None, ge=1, le=4096)
    channels: Literal[1, 3] | None = None
    mean: tuple[float, ...] = Field(default=(), max_length=3)
    std: tuple[float, ...] = Field(default=(), max_length=3)

    @field_validator("channels", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("classes", "prompts")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(names) or len(set(names)) < len(names):
            raise ValueError("names must be distinct and not empty")
        return names

    @field_validator("std")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(value <= 0 for value in values):
            raise ValueError("must be greater than 0")
        return values


@dataclass(frozen=True)
class Reference:
    """A model outside of every bundle.

    :ivar name: repository, folder, architecture or file.
    :ivar weights: the file after ``@``; empty for the published ones.
    :ivar attribute: what of a Python file is the model.
    """

    kind: Kind
    name: str
    weights: str = ""
    attribute: str = ""
    options: Options = field(default_factory=lambda: Options())

    def __str__(self) -> str:
        head = f"{self.kind}:{self.name}" if self.kind in LIBRARIES else self.name
        head += f"@{self.weights}" if self.weights else ""
        head += f":{self.attribute}" if self.attribute else ""
        query = urlencode(
            {
                key: ("|" if key == "prompts" else ",").join(map(str, value))
                if isinstance(value, tuple)
                else value
                for key, value in self.options.model_dump(exclude_defaults=True).items()
            },
            safe=",/ |{}",
            quote_via=quote,
        )
        return f"{head}?{query}" if query else head

    @property
    def file(self) -> Path | None:
        """The file that it is in; None for a repository and for published weights."""
        if self.weights:
            return Path(self.weights).expanduser()
        return None if self.kind in LIBRARIES else Path(self.name).expanduser()


def checked(given: Mapping[str, object]) -> Options:
    """Check options.

    :raises BadInput: one is unknown or wrong.
    """
    try:
        return Options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(Options.model_fields)
            raise BadInput(
                "a model has no option {name!r}; choose from: {known}", name=name, known=known
            ) from error
        raise BadInput("{name} of a model: {msg}", name=name, msg=first["msg"]) from error


def usual_name(text: str) -> str:
    """What a model is called unless the person says so: its file's or architecture's name."""
    if is_reference(text):
        found = parse(text)
        text = found.attribute or Path(found.weights or found.name).stem
    return re.sub(r"[^\w-]+", " ", text).strip()[:40].strip()


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference; the model need not exist."""
    head = text.partition("?")[0].strip()
    kind, colon, name = head.partition(":")
    return (
        (bool(colon and name) and kind in LIBRARIES)
        or Path(head).suffix.lower() in FILES
        or CODE.fullmatch(head) is not None
    )


def parse(text: str) -> Reference:
    """Read a reference.

    :raises BadInput: it has no such form, or an option is unknown or wrong.
    """
    head, _, query = text.strip().partition("?")
    if not is_reference(head):
        raise BadInput("{text!r} names no model; write {forms}", text=text, forms=FORMS)
    options = _options(query)
    kind, _, name = head.partition(":")
    if kind in LIBRARIES:
        name, _, weights = name.partition("@")
        if weights and kind not in ("timm", "torchvision"):
            raise BadInput(
                "@{weights} is for timm: and torchvision:; give {kind}: a folder",
                weights=weights,
                kind=kind,
            )
        return Reference(kind, name, weights, options=options)
    if code := CODE.fullmatch(head):
        return Reference("code", code["file"], attribute=code["name"], options=options)
    return Reference(FILES[Path(head).suffix.lower()], head, options=options)


def _options(query: str) -> Options:
    given: dict[str, object] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "prompts":
            given[key] = tuple(part.strip() for part in value.split("|"))
        elif key == "classes":
            given[key] = _names(value)
        elif key in ("mean", "std"):
            given[key] = tuple(value.split(","))
        else:
            given[key] = value
    return checked(given)


def _names(value: str) -> tuple[str, ...]:
    """Names with commas between, or those in a file: a line each, or a JSON list."""
    path = Path(value).expanduser()
    if path.suffix.lower() not in (".txt", ".json"):
        return tuple(name.strip() for name in value.split(","))
    try:
        content = path.read_text(encoding="utf-8")
        names = json.loads(content) if path.suffix.lower() == ".json" else content.splitlines()
    except (OSError, ValueError) as error:
        raise BadInput(
            "{value} cannot be read; give a file with one class name a line", value=value
        ) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput("{value} is no list of names; write one a line, or a JSON list", value=value)
    return tuple(name.strip() for name in names if name.strip())
