"""A network's weights from a file, as plain tensors: never a pickled object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backends.errors import BadInput, MissingPart, NotFound

__all__ = ["fill", "outputs", "tensors", "widen"]

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.")


def tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or a checkpoint that holds only tensors.

    :raises NotFound: there is no such file.
    :raises BadInput: it holds something else.
    """
    if not path.is_file():
        raise NotFound("there is no file {path}; check its name", path=path)
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise whatever their formats' libraries do
        if type(error).__name__ == "UnpicklingError":
            raise BadInput(
                "{name} holds more than tensors, which may run code; save the model's "
                "state_dict, or convert it to safetensors",
                name=path.name,
            ) from error
        raise BadInput("{name} is no file of weights, or it is damaged", name=path.name) from error
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict):
        raise BadInput("{name} holds no state_dict; save the model's state_dict", name=path.name)
    state = {k: v for k, v in found.items() if isinstance(v, Tensor)}
    if not state:
        raise BadInput("{name} holds no tensors; save the model's state_dict", name=path.name)
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def outputs(state: dict[str, Tensor], network: nn.Module) -> int:
    """How many classes a state dict tells apart.

    :param network: of its architecture, whose last layer tells which of the tensors says so: a
        file may hold them in any order.
    """
    names = [key for key in network.state_dict() if key.endswith((".weight", ".bias"))]
    last = state.get(names[-1])
    return len(last) if last is not None and last.ndim else 0


def widen(network: nn.Module, state: dict[str, Tensor]) -> int:
    """Let a network's first convolution look at as many channels as a state dict's does; return how
    many those are."""
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        stored = state.get(f"{name}.weight")
        channels = module.in_channels if stored is None or stored.ndim != 4 else stored.shape[1]
        if channels in (1, 3) and channels != module.in_channels and module.groups == 1:
            owner, _, last = name.rpartition(".")
            like: Any = module  # whose sizes are typed more loosely than a new one's
            first = nn.Conv2d(
                channels, like.out_channels, like.kernel_size, like.stride, like.padding,
                like.dilation, bias=like.bias is not None, padding_mode=like.padding_mode,
            )  # fmt: skip
            setattr(network.get_submodule(owner), last, first)
        return channels if channels in (1, 3) else 3
    return 3


def fill(network: nn.Module, state: dict[str, Tensor], whose: str) -> nn.Module:
    """Load weights into a network; all must be there.

    :raises MissingPart: names or shapes differ.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise MissingPart(
            "the weights do not fit {whose} ({first})", whose=whose, first=first[:200]
        ) from error
    return network
