"""What a retraining is asked and what it tells: plain records, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LEARNING_RATE", "Fitted", "Fitting", "Learning", "Learnt", "Retraining"]

LEARNING_RATE = 1e-3  # of a new field; half of it where the field begins as an earlier one


class Retraining(BaseModel):
    """How people's labels become a target model; the defaults suit some thousand labels."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(
        2500, ge=10, le=100_000, title="Training steps",
        description="Steps of the velocity field, 256 latents each",
    )  # fmt: skip
    start_from_previous: bool = Field(
        True, title="Start from the previous field",
        description="The model's own earlier one, else the bundle's, as far as the classes agree",
    )  # fmt: skip
    labels: Literal["soft", "hard"] = Field(
        "soft", title="Labels",
        description="soft: shares where people disagree; hard: what most say",
    )  # fmt: skip
    student: bool = Field(
        False, title="Train a student",
        description="Also a classifier on the same labels, so that methods with gradients work",
    )  # fmt: skip
    drawn: int = Field(
        5000, ge=0, le=50_000, title="Drawn pictures",
        description="Pictures that the bundle draws, with estimated labels, beside those labelled",
    )  # fmt: skip
    held_out: float = Field(
        0.1, ge=0, le=0.5, title="Held out",
        description="Share of the labelled pictures kept apart to measure the agreement",
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Of every random draw")


class Fitting(BaseModel):
    """How a bundle's parts learn another model's classes; the defaults suit ten classes."""

    model_config = ConfigDict(extra="forbid")

    drawn: int = Field(
        8000, ge=100, le=100_000, title="Drawn pictures",
        description="Pictures that the bundle draws, and the model labels",
    )  # fmt: skip
    steps: int = Field(
        3000, ge=10, le=100_000, title="Training steps", description="Of the velocity field"
    )
    rate: float = Field(1e-3, gt=0, le=0.1, title="Learning rate", description="At its highest")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Of every random draw")


@dataclass(frozen=True)
class Fitted:
    """The end of a fit: the model can be explained under its ``name`` at once.

    :ivar counts: by class how many of the drawn pictures the model gave it.
    :ivar parts: what was fitted.
    """

    bundle: str
    name: str
    counts: dict[str, int]
    parts: list[str]
    seconds: float


@dataclass(frozen=True)
class Learning:
    """Where a retraining stands: ``done`` of ``total`` in this phase, ``share`` in [0, 1] of all;
    ``loss`` a running mean, where something is being fitted."""

    phase: str
    done: int
    total: int
    share: float
    seconds: float
    loss: float | None = None


@dataclass(frozen=True)
class Learnt:
    """The end of a retraining: a target model that can be explained at once.

    :ivar rows: labelled pictures that were used, ``skipped`` those whose latents nobody knows.
    :ivar quality: of the target model on held-out labels: ``held_out_agreement`` in [0, 1],
        ``held_out_log_loss`` in nats; of the field ``held_out_field_loss``.
    """

    bundle: str
    model: str
    classes: list[str]
    labels: str
    rows: int
    skipped: int
    differentiable: bool
    quality: dict[str, float]
    seconds: float
