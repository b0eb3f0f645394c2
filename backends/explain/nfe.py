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
        """Return the same network, counted: its calls as ``name``, those of ``encode``, ``decode``
        and ``preview`` as ``name.encode`` and so on."""
        return _Watched(self, name, network)

    def model(self, name: str, model: TargetModel) -> TargetModel:
        """Return the same target model, counted: ``logits`` and ``probabilities`` as ``name``."""
        return (_CountedGoal if isinstance(model, Goal) else _CountedModel)(self, name, model)

    def counted(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """Return the same function; count each call, and each gradient through its output."""

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
    """A network, counted. What :mod:`backends.priors.core` checks for are attributes of its own,
    since a protocol does not see what only ``__getattr__`` gives."""

    def __init__(self, meter: Meter, name: str, network: Any) -> None:
        self._meter, self._name, self._network = meter, name, network
        for attribute in ("encode", "decode", "preview"):
            if hasattr(network, attribute):
                function = getattr(network, attribute)
                setattr(self, attribute, meter.counted(f"{name}.{attribute}", function))
        if isinstance(network, Invertible):
            self.invert = network.invert
        if isinstance(network, Anchoring):
            # So that the calls that hold a generator to the factuals are counted as well.
            self.anchor = partial(type(network).anchor, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._meter.counted(self._name, self._network)(*args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._network, attribute)
