"""A network in which every activation is a module of its own, as DeepLIFT asks for.

DeepLIFT (Shrikumar, Greenside, Kundaje, ICML 2017) compares each activation with itself at a
baseline; Captum does so by hooks on modules. A module that is called twice, one that works in
place, and a function instead of a module escape it: torchvision's networks have all three.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

__all__ = ["separated"]

ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Softplus, nn.Tanh,
    nn.Hardswish, nn.Hardsigmoid, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
)  # fmt: skip
FUNCTIONS: dict[Callable[..., Any] | str, type[nn.Module]] = {
    F.relu: nn.ReLU, F.relu_: nn.ReLU, torch.relu: nn.ReLU, torch.relu_: nn.ReLU,
    "relu": nn.ReLU, "relu_": nn.ReLU, F.relu6: nn.ReLU6, F.elu: nn.ELU,
    F.leaky_relu: nn.LeakyReLU, F.sigmoid: nn.Sigmoid, torch.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid, F.tanh: nn.Tanh, torch.tanh: nn.Tanh, "tanh": nn.Tanh,
    F.softplus: nn.Softplus, F.max_pool2d: nn.MaxPool2d,
}  # fmt: skip


def separated(network: nn.Module) -> nn.Module:
    """A copy that computes the same; each call of an activation is a module of its own that
    leaves its input as it was. The copy shares the weights.

    Where a module's code cannot be traced, as with a branch on the picture's values, the modules
    inside it are separated one by one.
    """
    memo = {id(p): p for p in (*network.parameters(), *network.buffers())}
    return _separate(copy.deepcopy(network, memo))


def _separate(module: nn.Module) -> nn.Module:
    if isinstance(module, ACTIVATIONS):
        return _alone(module)
    if not list(module.children()):
        return module
    try:
        traced = fx.symbolic_trace(module)
    except Exception:  # whatever its code does that cannot be traced
        for name, child in module.named_children():
            setattr(module, name, _separate(child))
        return module
    for number, node in enumerate(list(traced.graph.nodes)):
        single = _activation(traced, node)
        if single is not None:
            name = f"activation_{number}"
            traced.add_submodule(name, single)
            node.op, node.target, node.args, node.kwargs = "call_module", name, node.args[:1], {}
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _activation(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a call of an activation becomes; None for another call."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return _alone(module) if isinstance(module, ACTIVATIONS) else None
    kind = FUNCTIONS.get(node.target) if node.op in ("call_function", "call_method") else None
    if kind is None or not node.args:
        return None
    words = {key: value for key, value in node.kwargs.items() if key != "inplace"}
    try:
        return _alone(kind(*node.args[1:], **words))
    except TypeError:  # arguments that only the function takes
        return None


def _alone(module: nn.Module) -> nn.Module:
    module = copy.deepcopy(module)
    if hasattr(module, "inplace"):
        setattr(module, "inplace", False)  # noqa: B010 - modules declare only tensors
    return module
