"""What an evaluation asks, and how it says where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backends.core import Answer

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Line", "Plan", "Progress", "Row", "ShownAnswer"]


@dataclass(frozen=True)
class Line:
    """What one row is about: a method with some of its settings, in a region."""

    method: str
    region: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What to evaluate.

    :ivar model: what is explained, as :func:`backends.targets.named.target_model` takes it.
    :ivar regions: as in a :class:`backends.core.Request`; drawn for each picture.
    :ivar count: pictures a row.
    :ivar pairs: (the model says, it should say) by class name; empty for ``targets``.
    :ivar targets: random classes, or of each picture that which the model finds next likely.
    :ivar data: folder with MNIST's pictures; None takes those that came with the bundle, or its
        examples, or pictures that its generator draws.
    :ivar seed: draws the pictures and their targets.
    :ivar seeds: of the answers: each picture is asked about with each of them, and counts once in
        every mean; empty for ``seed`` alone. A method that draws nothing is asked once.
    :ivar settings: by method the settings of each of its rows; a method that is not named has one
        row with its defaults.
    :ivar batch: pictures that run together; fewer where the device has no room for them.
    :ivar strokes: digits a row whose strokes are measured, some 50 ms a picture.
    :ivar simsiam: checkpoint of SimSiam, in whose features S3 is measured; None leaves it out.
    :ivar shown: examples a row, in pictures: some at random, and the best and worst.
    :ivar answers: file that keeps what is finished, so that it is not computed again; None for
        none.
    :ivar keep: folder for the answers' pictures (:mod:`backends.evaluation.kept`); None for none.
    :ivar device: that the answers are of, where others compute them; empty for this process's.
    """

    bundle: str
    methods: list[str]
    count: int
    model: str = "classifier"
    regions: list[str] = field(default_factory=lambda: ["whole"])
    pairs: list[tuple[str, str]] = field(default_factory=list)
    targets: Literal["random", "nearest"] = "random"
    data: str | None = None
    seed: int = 0
    seeds: list[int] = field(default_factory=list)
    settings: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    batch: int = 50
    strokes: int = 0
    simsiam: Path | None = None
    shown: int = 6
    answers: Path | None = None
    keep: Path | None = None
    device: str = ""

    @property
    def lines(self) -> list[Line]:
        """What its rows are about, in their order."""
        return [
            Line(method, region, settings)
            for method in self.methods
            for settings in self.settings.get(method) or [{}]
            for region in self.regions
        ]


@dataclass(frozen=True)
class ShownAnswer(Answer):
    """An answer to look at: ``why`` it was chosen, ``random``, ``best`` or ``worst``, and some
    steps of the search that led to it, uint8 [H, W, C] each, as large as they were."""

    why: str = "random"
    path: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Progress:
    """``share`` in [0, 1] of a row's work is done, ``overall`` of all; ``left`` are the seconds
    that the rest may take, as far as one can tell."""

    method: str
    region: str
    share: float
    overall: float = 0.0
    left: float | None = None


@dataclass(frozen=True)
class Row:
    """One method under one region. ``values`` are numbers, or of one number a picture ``{"mean",
    "sem", "low", "high"}``: the mean, its standard error and the ends of its interval (None where
    there is none); ``problem`` says why there are no values. ``settings`` are those that the plan
    gives this row, ``configuration`` all that the method ran with. A method that gives further
    answers has a further row for each, ``answer`` its name; only the first row has what the run
    costs. ``notes`` say in sentences what the numbers rest on, and why some are missing,
    ``calls`` how often each network was called, forward and backward, a picture."""

    method: str
    region: str
    values: dict[str, Any] = field(default_factory=dict)
    shown: list[ShownAnswer] = field(default_factory=list)
    problem: str | None = None
    answer: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    calls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
