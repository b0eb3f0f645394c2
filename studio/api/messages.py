"""What programs send and get: typed, so that a description of the interface can be made of it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from studio.web.messages import FORM_TEXTS

__all__ = [
    "About",
    "ExplainReply",
    "MethodEntry",
    "PictureMessage",
    "Predicted",
    "QuestionMessage",
    "Queue",
    "RegionFound",
    "RegionMessage",
]

SEEDS = 2**63 - 1


def _object(value: Any) -> dict[str, Any]:
    """Settings, which a form can send only as a text."""
    try:
        read = json.loads(value or "{}") if isinstance(value, str) else value
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise ValueError('write them as a JSON object, such as {"steps": 50}')
    return read


def _number(value: Any, info: ValidationInfo) -> Any:
    """A number, which only a form may send as a text; true is none."""
    texts = bool(info.context and info.context.get(FORM_TEXTS))
    if isinstance(value, bool) or (isinstance(value, str) and not texts):
        raise ValueError("give a number")
    return value


Whole = Annotated[int, BeforeValidator(_number)]


class PictureMessage(BaseModel):
    """A picture, and which model looks at it."""

    # A class of digits is a number to many.
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    bundle: str = Field("", description="Name of an installed bundle; the studio's first if empty")
    model: str = Field("classifier", description="Which of the bundle's models looks at it")
    image: str = Field(
        "", description="The picture: a data URL or base64; in a form the file itself",
        json_schema_extra={"format": "binary"},
    )  # fmt: skip
    page: Whole = Field(1, ge=1, description="Of a file with several, counted from 1")
    window: str = Field(
        "", description="CENTRE,WIDTH of the values to see, of a file with more than 8 bits"
    )


class RegionMessage(PictureMessage):
    """A picture and a region of it."""

    region: str = Field(
        "auto", description="whole, auto, box:X0,Y0,X1,Y1, text:WORDS, points:+X,Y;-X,Y ..."
    )


class QuestionMessage(PictureMessage):
    """A question to a method."""

    target: str = Field(
        description="Class that the model should say; of a regressor: more than 3.5"
    )
    method: str = Field("leapfactual", description="Name of a method that the bundle can run")
    region: str = Field("whole", description="Where change is allowed, as the command line says it")
    mask: str = Field(
        "", description="Instead of a region: a picture, painted or white where change is allowed",
        json_schema_extra={"format": "binary"},
    )  # fmt: skip
    settings: Annotated[dict[str, Any], BeforeValidator(_object)] = Field(
        default_factory=dict, description="Of the method; in a form as JSON"
    )
    seed: Whole = Field(0, ge=0, le=SEEDS, description="Same seed, same answer")
    importance: bool = Field(False, description="Also measure which changes matter to the model")
    feather: Whole = Field(
        0, ge=0, le=1000, description="Pixels over which pasted.png fades in at the region's edge"
    )
    formats: str = Field("", description="Further files, with commas between: html,pdf,strip,mp4")


class ExplainReply(BaseModel):
    """An answer.

    :ivar record: what ``result.json`` holds: status, predictions, metrics, settings.
    :ivar files: the pictures and what else ``explain --out`` writes, by name, as data URLs.
    :ivar problem: why some of the files are missing; empty where none is.
    """

    record: dict[str, Any]
    files: dict[str, str]
    problem: str = ""


class Predicted(BaseModel):
    """What a model says; of a regressor its value."""

    label: str
    probabilities: dict[str, float]
    value: float | None = None
    seen: str = Field(description="The picture as the model sees it, a data URL")


class RegionFound(BaseModel):
    """A region of a picture."""

    region: str
    area: float = Field(description="Share of the picture, 0 to 1")
    mask: str = Field(description="White where change is allowed, of the model's size, a data URL")


class Queue(BaseModel):
    """How much there is to compute for everybody."""

    waiting: int = Field(description="Runs without a first step")
    running: int = Field(description="Runs under way")
    people: int = Field(description="Who are served in turns")
    seconds: float | None = Field(
        description="Until a run of that method may end if it is asked now; null where none has run"
    )


class About(BaseModel):
    """A bundle."""

    name: str
    title: str
    description: str
    image_size: int
    channels: int
    classes: list[str]
    models: list[str]
    methods: list[str] = Field(description="That can run")


class MethodEntry(BaseModel):
    """A method, as it is in one bundle."""

    name: str
    title: str
    summary: str
    paper: str
    gradients: bool = Field(description="Whether it follows the model's gradients")
    problem: str | None = Field(description="Why it cannot run here")
    settings: dict[str, Any] = Field(description="JSON schema of its settings")
    presets: dict[str, str] = Field(
        description='Named settings and what each is; taken by the settings {"preset": NAME}'
    )
