"""Count what a run costs: forward and backward calls of every network, for this run alone.

Networks are shared between runs that take turns, so the counters sit around them, not in them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from backends.core import Goal, TargetModel
from backends.priors.core import Anchoring, Invertible

__all__ = ["Meter"]

T = TypeVar("T")


class Meter:
    """``watch`` the networks, then read ``nfe``: {network: {forward, backward}}, batched calls."""

    def __init__(self) -> None:
        self.nfe: dict[str, dict[str, int]] = {}

    def watch(self, name: str, network: Any) -> Any:
        """The same network, counted: calling it counts as ``name``; ``encode``, ``decode`` and
        ``preview`` count as ``name.encode`` and so on."""
        return _Watched(self, name, network)

    def model(self, name: str, model: TargetModel) -> TargetModel:
        """The same target model, counted: each call of ``logits`` or ``probabilities`` is one."""
        return (_CountedGoal if isinstance(model, Goal) else _CountedModel)(self, name, model)

    def counted(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """The same function; each call, and each gradient through its output, is counted."""

        def call(*args: Any, **kwargs: Any) -> T:
            row = self.nfe.setdefault(name, {"forward": 0, "backward": 0})
            row["forward"] += 1
            output = function(*args, **kwargs)
            if isinstance(output, Tensor) and output.requires_grad:

                def count(_: Tensor) -> None:
                    row["backward"] += 1

                output.register_hook(count)  # type: ignore[no-untyped-call]
            return output

        return call


class _CountedModel:
    def __init__(self, meter: Meter, name: str, model: TargetModel) -> None:
        self.class_names, self.differentiable = model.class_names, model.differentiable
        self.logits = meter.counted(name, model.logits)
        self.probabilities = meter.counted(name, model.probabilities)


class _CountedGoal(_CountedModel):
    def __init__(self, meter: Meter, name: str, model: TargetModel) -> None:
        super().__init__(meter, name, model)
        assert isinstance(model, Goal)
        self.confidence = model.confidence


class _Watched:
    """A network, counted. What :mod:`backends.core` can ask a prior for are attributes of its own,
    since a protocol does not look behind ``__getattr__``."""

    def __init__(self, meter: Meter, name: str, network: Any) -> None:
        self._meter, self._name, self._network = meter, name, network
        for attribute in ("encode", "decode", "preview"):
            if hasattr(network, attribute):
                function = getattr(network, attribute)
                setattr(self, attribute, meter.counted(f"{name}.{attribute}", function))
        if isinstance(network, Invertible):
            self.invert = network.invert
        if isinstance(network, Anchoring):
            # What a generator is asked while it is held to the factuals is counted as well.
            self.anchor = partial(type(network).anchor, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._meter.counted(self._name, self._network)(*args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._network, attribute)
