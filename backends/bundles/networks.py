"""The networks of a bundle's parts: loaded when first used, then shared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from backends import registry
from backends.bundles.manifest import Part
from backends.compute import devices
from backends.compute.finite import unusable_weight
from backends.compute.oom import guarded

__all__ = ["Networks", "NotNumbers", "Unfit", "load_network"]


@runtime_checkable
class FromFile(Protocol):
    """An architecture that reads its own kind of file."""

    def from_file(self, path: Path, device: str, **arguments: Any) -> Any: ...


class Unfit(Exception):
    """A file's tensors are not those of the part's architecture."""


class NotNumbers(Exception):
    """A file holds NaN or infinity as weights."""


class Networks(dict[str, Any]):
    """The loaded networks, by part."""

    def keep(self, name: str, network: Any, budget: float) -> None:
        """Hold a network; those loaded longest ago go, where all of them take more bytes than the
        ``budget``. A run that uses one keeps it until its end."""
        self[name] = network
        while len(self) > 1 and sum(map(_bytes, self.values())) > budget:
            del self[next(iter(self))]

    def drop_outdated(self, before: Mapping[str, Part], after: Mapping[str, Part]) -> None:
        """Let go of the networks whose file changed, or whose part is gone."""
        for name in [*self]:
            if name not in before or name not in after or before[name].sha256 != after[name].sha256:
                del self[name]


def _bytes(network: Any) -> int:
    from torch import nn

    if not isinstance(network, nn.Module):
        return 0
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())


def _of_numbers(network: Any) -> Any:
    if name := unusable_weight(network):
        raise NotNumbers(name)
    return network


def load_network(part: Part, path: Path, device: str) -> Any:
    """A part's network on a device, in eval mode, without gradients of its weights.

    :param path: its safetensors file.
    :raises Unfit: the file is another architecture's.
    :raises NotNumbers: its weights are no finite numbers.
    :raises ImportError: the architecture needs a package that is not installed.
    :raises OutOfMemory: the device has no room for it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    made = registry.architecture(part.architecture)
    if isinstance(made, FromFile):
        return _of_numbers(made.from_file(path, device, **part.arguments))
    try:
        network = made(**part.arguments)
        network.load_state_dict(load_file(path))
    except (RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise Unfit(f"architecture {part.architecture!r}") from error
    _of_numbers(network)
    devices.settle(device)
    with guarded(device):
        return devices.placed(network.eval().requires_grad_(False), device)
