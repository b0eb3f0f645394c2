"""Count what a run costs: forward and backward calls of every network, for this run alone.

Networks are shared between runs that take turns, so the counters sit around them, not in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

__all__ = ["Meter"]


class Meter:
    """``watch`` the networks, then read ``nfe``: {network: {forward, backward}}, batched calls."""

    def __init__(self) -> None:
        self.nfe: dict[str, dict[str, int]] = {}

    def watch(self, name: str, network: Any) -> Any:
        """The same network, counted: calling it counts as ``name``; ``encode``, ``decode`` and
        ``preview`` count as ``name.encode`` and so on."""
        return _Watched(self, name, network)

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; each call, and each gradient through its output, is counted."""

        def call(*args: Any, **kwargs: Any) -> Any:
            row = self.nfe.setdefault(name, {"forward": 0, "backward": 0})
            row["forward"] += 1
            output = function(*args, **kwargs)
            if isinstance(output, Tensor) and output.requires_grad:

                def count(_: Tensor) -> None:
                    row["backward"] += 1

                output.register_hook(count)
            return output

        return call


class _Watched:
    def __init__(self, meter: Meter, name: str, network: Any) -> None:
        self._meter, self._name, self._network = meter, name, network

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._meter.counted(self._name, self._network)(*args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._network, attribute)
        if attribute in ("encode", "decode", "preview"):
            return self._meter.counted(f"{self._name}.{attribute}", value)
        return value
