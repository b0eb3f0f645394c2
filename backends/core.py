"""The contract: read this first.

A *method* turns (factual x, target y', region R) into *steps* and a counterfactual x'. Pictures
inside ``backends`` are float tensors [B, C, H, W] in [0, 1], masks [B, 1, H, W] in {0, 1} with
1 where change is allowed. What leaves ``backends`` (:class:`Frame`, :class:`Answer`) is plain
numpy and JSON, so that an engine may send it to another thread or machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pydantic import BaseModel
    from torch import Tensor

__all__ = [
    "Answer",
    "Counterfactual",
    "Embedding",
    "Frame",
    "Goal",
    "Measuring",
    "Method",
    "Networked",
    "OptionalParts",
    "Original",
    "Placement",
    "Prediction",
    "Preset",
    "Presets",
    "Proposal",
    "Region",
    "Request",
    "Status",
    "Step",
    "Strength",
    "TargetModel",
]


class Status(str, Enum):
    """How a run ended."""

    FLIPPED = "flipped"
    NOT_FLIPPED = "not_flipped"
    CANCELLED = "cancelled"


class TargetModel(Protocol):
    """The model that is explained. Methods and the judge need no more than these four;
    :class:`Measuring`, :class:`Goal` and :class:`Networked` are what some models offer in
    addition."""

    class_names: list[str]
    differentiable: bool

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> unnormalised log-probabilities [B, K]."""
        ...

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> probabilities [B, K]; one-hot where only labels exist."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """A target model that gives a value."""

    def measured(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> values [B] in the model's unit."""
        ...


@runtime_checkable
class Goal(Protocol):
    """A target model of two classes, below and above a value; a search ends where the value is
    passed."""

    def confidence(self, beyond: float = 0.0) -> float:
        """Return the target's probability, in (0, 1), where the value is passed by ``beyond``.

        :param beyond: share of the usual range of such values, 0 or more; at 0 the value is
            passed by no more than rounding needs.
        """
        ...


@runtime_checkable
class Embedding(Protocol):
    """A network of which pictures can be compared by what its last layer sees."""

    def embed(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> features [B, D]."""
        ...


@runtime_checkable
class Networked(Protocol):
    """A target model that is one network."""

    network: Callable[[Tensor], Tensor]

    def over(self, network: Callable[[Tensor], Tensor]) -> TargetModel:
        """Return the same model with another network of the same kind."""
        ...


@dataclass(frozen=True)
class Region:
    """Where change is allowed: mask [B, 1, H, W] in {0, 1}, and which source drew it."""

    mask: Tensor
    source: str = "whole"
    score: float | None = None


@dataclass(frozen=True)
class Step:
    """One intermediate state.

    ``image`` [B, C, H, W] is the current clean estimate, ``target_probability`` [B] the target
    model's opinion of it, ``seconds`` the time since the start. The shared runner composites
    the image under the region and puts the :class:`Counterfactual` into the last step. A method
    may end before ``total``. ``measured`` [B] are metrics that the method itself computes; the
    last step's join the answer's. ``latent`` [B, ...] are the prior's coordinates of ``image``,
    from which a generator draws the answer at full size, and ``origin`` [B, ...] those of the
    factual, where the search began. ``reconstruction`` [B, C, H, W] is what the prior makes of the
    factual before the search. Of several answers, the last step's has
    ``name``; ``alternatives`` holds the steps of the others by their names.
    """

    index: int
    total: int
    phase: str
    image: Tensor
    target_probability: Tensor | None = None
    seconds: float = 0.0
    measured: dict[str, Tensor] = field(default_factory=dict)
    latent: Tensor | None = None
    origin: Tensor | None = None
    counterfactual: Counterfactual | None = None
    reconstruction: Tensor | None = None
    name: str = ""
    alternatives: Mapping[str, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Counterfactual:
    """The answer for a batch.

    ``factual``/``counterfactual`` are probabilities [B, K], ``flipped`` [B] says whether the
    target model's top class is the target, ``metrics`` hold one number a picture, ``nfe`` the
    forward and backward calls of each network, ``settings`` what repeats the run,
    ``latent`` and ``reconstruction`` as in :class:`Step` (a generator's reconstruction only of
    photographs, since it drew the others), ``name`` what the method calls this answer, ``step``
    the step that it is, ``alternatives`` the method's other answers, by their names: they share
    the run's ``nfe`` and ``seconds`` and state none of their own, and ``unjudged`` why parts of the
    bundle that judge answers did not judge this one, by their names.
    """

    image: Tensor
    region: Region
    factual: Tensor
    counterfactual: Tensor
    flipped: Tensor
    metrics: dict[str, Tensor]
    nfe: dict[str, dict[str, int]]
    seconds: float
    settings: dict[str, Any]
    status: Status
    reconstruction: Tensor | None = None
    latent: Tensor | None = None
    name: str = ""
    step: int = 0
    alternatives: Mapping[str, Counterfactual] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)


Strength = Literal["speed", "closeness", "realism", "regions"]


class Method(Protocol):
    """An algorithm of one paper, made with its target model and the parts that it ``needs``.

    ``kind`` tells the papers' methods from their variants and from the baselines they are
    compared with. ``knows_classes`` means that its parts were trained for the bundle's classes,
    so that it cannot explain another target model than the bundle's classifier. ``seeded`` means
    that it draws from the generator; the others answer the same whatever the seed.

    ``strengths`` and ``costs`` are a sentence each, for who chooses between methods; ``suits``
    lists what the method is good at.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    strengths: ClassVar[str]
    costs: ClassVar[str]
    suits: ClassVar[tuple[Strength, ...]]
    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    differentiable: ClassVar[bool]
    kind: ClassVar[Literal["method", "variant", "baseline"]]
    knows_classes: ClassVar[bool]
    seeded: ClassVar[bool]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, target_model: TargetModel, **parts: Any) -> None: ...

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: BaseModel,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Steps towards pictures that the target model calls ``target`` [B], from factuals
        [B, C, H, W]. Closing the iterator stops the work; no grad mode outlives a step."""
        ...


@runtime_checkable
class OptionalParts(Protocol):
    """A method that also takes the parts ``optional``, each where the bundle has it."""

    optional: tuple[str, ...]


@dataclass(frozen=True)
class Preset:
    """Settings under a name, as a paper or its authors' code gives them.

    :ivar settings: of the method's Config; what is not said has the Config's own default.
    :ivar region: that they were used with, as :class:`backends.regions.spec.RegionSpec` writes it.
    """

    title: str
    settings: Mapping[str, Any]
    region: str = ""


@runtime_checkable
class Presets(Protocol):
    """A method with named settings; ``settings={"preset": NAME}`` takes them."""

    presets: Mapping[str, Preset]


# ------------------------------------------------------------------ what leaves the backends


@dataclass(frozen=True)
class Placement:
    """Where in the original picture lies what the model sees of it.

    :ivar original: (width, height) in pixels, upright.
    :ivar box: left, top, right and bottom in pixels of the original; it may reach beyond it.
    :ivar tilt: degrees that the box is turned clockwise around its middle.
    :ivar alike: whether the model sees the original's own colours; not so of a digit, which is
        drawn as MNIST's are.
    :ivar orientation: EXIF's, by which the file's pixels were turned upright; 0 or 1 is none.
    """

    original: tuple[int, int]
    box: tuple[float, float, float, float]
    tilt: float = 0.0
    alike: bool = True
    orientation: int = 0


@dataclass(frozen=True)
class Original:
    """A person's own picture, kept as the file that it came as, which is small.

    :ivar content: the file.
    :ivar page: of it that was read, from 1.
    :ivar window: (centre, width) of its values that a person chose.
    :ivar record: of result.json: the picture's size, and how it was read.
    :ivar feather: its pixels over which a pasted change fades in, from the region's edge inwards.
    """

    content: bytes
    page: int = 1
    window: tuple[float, float] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    feather: int = 0


@dataclass(frozen=True)
class Request:
    """What a person asked for; ``picture`` and ``mask`` are already as the model sees them.

    :ivar picture: uint8 [H, W, C].
    :ivar mask: uint8 [H, W], non-zero where change is allowed; None lets ``region`` decide.
    :ivar region: as :class:`backends.regions.spec.RegionSpec` reads and writes it, or, with a
        given mask, a name for it.
    :ivar model: the bundle's part that is explained: ``classifier``, or a regressor.
    :ivar target: a class; of a regressor ``more than 3.5`` or ``less than 3.5``.
    :ivar settings: the method's Config, as JSON values.
    :ivar importance: whether to measure which of the answer's changes matter to the model.
    :ivar placement: of the picture in the person's own, whose masks are understood then too.
    :ivar original: the person's own picture, which the answer is pasted into.
    """

    bundle: str
    method: str
    target: str
    picture: np.ndarray
    region: str = "whole"
    mask: np.ndarray | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    model: str = "classifier"
    importance: bool = False
    placement: Placement | None = None
    original: Original | None = None


@dataclass(frozen=True)
class Prediction:
    """The target model's opinion of one picture: probabilities by class, best first; of a
    regressor its ``value``, which is then the only class."""

    probabilities: dict[str, float]
    value: float | None = None

    @property
    def label(self) -> str:
        """The most probable class."""
        return next(iter(self.probabilities))


@dataclass(frozen=True)
class Proposal:
    """A region drawn by a model: uint8 mask [H, W] of 0 and 255, the share of the picture it
    covers, and the attribution [H, W] in [0, 1] that it came from."""

    mask: np.ndarray
    area: float
    attribution: np.ndarray


@dataclass(frozen=True)
class Frame:
    """One step as a person sees it; ``picture`` uint8 [H, W, C]."""

    index: int
    total: int
    phase: str
    picture: np.ndarray
    target_probability: float
    seconds: float


@dataclass(frozen=True)
class Answer:
    """The end of a run: pictures uint8 [H, W, C] or [H, W], and ``record``, the content of
    result.json; ``importance`` float [H, W] in [-1, 1] where it was asked for: the drop of the
    target's probability when a part's changes are taken back; ``reconstruction`` and ``latent``
    (float32, without the batch) as in :class:`Counterfactual`; ``alternatives`` the method's other
    answers by their names, whose ``record`` is what ``record["alternatives"]`` says of them;
    ``original`` and ``placement`` as in :class:`Request`."""

    factual: np.ndarray
    counterfactual: np.ndarray
    mask: np.ndarray
    record: dict[str, Any]
    importance: np.ndarray | None = None
    reconstruction: np.ndarray | None = None
    latent: np.ndarray | None = None
    alternatives: Mapping[str, Answer] = field(default_factory=dict)
    original: Original | None = None
    placement: Placement | None = None
