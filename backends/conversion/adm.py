"""Checkpoints of the ablated diffusion model's U-Net -> :class:`backends.priors.adm.ADM`.

I2SB's ``latest.pt`` (a dictionary with ``net`` and the moving average ``ema``), and OpenAI's bare
state dict, whose three further channels, the variance, stay behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from backends.errors import BadInput

__all__ = ["adm_arguments", "adm_state", "has_variance", "is_adm", "named_average"]

PREFIX = "diffusion_model."
STEM = {
    "time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out",
}  # fmt: skip
RESIDUAL = {
    "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2", "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
}  # fmt: skip
ATTENTION = {"norm": "group_norm", "proj_out": "to_out.0"}
MIDDLE = {"0": "resnets.0", "1": "attentions.0", "2": "resnets.1"}
BLOCK = re.compile(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)\.(weight|bias)")
MIDDLE_BLOCK = re.compile(r"middle_block\.(\d)\.(.+)\.(weight|bias)")


def is_adm(names: Mapping[str, Any]) -> bool:
    """Whether these are the names of such a network, with or without I2SB's prefix."""
    return any(
        f"{prefix}input_blocks.1.0.emb_layers.1.weight" in names
        and f"{prefix}middle_block.1.qkv.weight" in names
        for prefix in ("", PREFIX)
    )


def has_variance(stored: Mapping[str, Tensor]) -> bool:
    """Whether the network also gives the variance of each value, as OpenAI's diffusion does."""
    plain = _plain(stored)
    return len(plain["out.2.bias"]) == 2 * plain["input_blocks.0.0.weight"].shape[1]


def named_average(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The moving average of an I2SB checkpoint, whose tensors have the order of the network's.

    :raises BadInput: there is none, or it is of another network.
    """
    net, average = checkpoint["net"], checkpoint.get("ema") or {}
    tensors = average.get("shadow_params") or []
    if len(tensors) != len(net):
        raise BadInput(
            "the file's moving average has {count} tensors and its network {count_2}; "
            "take the network itself: --set weights=net",
            count=len(tensors),
            count_2=len(net),
        )
    return dict(zip(net, tensors, strict=True))


def adm_arguments(stored: Mapping[str, Tensor], head: int = 64) -> dict[str, Any]:
    """What makes the architecture of these weights, but for its picture size and its schedule.

    :param head: channels of an attention head, which weights do not tell.
    :raises BadInput: this is no such network.
    """
    stored = _plain(stored)
    try:
        count = 1 + max(int(m[2]) for m in map(BLOCK.match, stored) if m and m[1] == "input")
        # Only a block that doubles the picture ends with a residual block.
        ups = {m[2] for m in map(BLOCK.match, stored) if m and _doubles(m)}
        levels = len(ups) + 1
        blocks = count // levels - 1
        firsts = [1 + level * (blocks + 1) for level in range(levels)]
        width = len(stored["input_blocks.0.0.weight"])
        widths = [len(stored[f"input_blocks.{n}.0.out_layers.3.weight"]) for n in firsts]
        attends = [f"input_blocks.{n}.1.qkv.weight" in stored for n in firsts]
        channels = stored["input_blocks.0.0.weight"].shape[1]
    except (KeyError, ValueError) as error:
        raise BadInput("the file holds no U-Net of the ablated diffusion model") from error
    attention = sum(attends)
    if attends != [False] * (levels - attention) + [True] * attention:
        raise BadInput("the U-Net has attention elsewhere than at its deepest levels")
    thin = [w for w, has in zip(widths, attends, strict=True) if has and w % head]
    if thin:
        raise BadInput(
            "{thin} channels are no multiple of {head}, the channels of an attention "
            "head; say the right number: --set head_channels=N",
            thin=thin[0],
            head=head,
        )
    return {
        "channels": channels, "width": width, "multipliers": [w // width for w in widths],
        "attention": attention, "head": head, "blocks": blocks,
    }  # fmt: skip


def adm_state(stored: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights by the names of :class:`~backends.priors.adm.ADM`.

    :param arguments: as :func:`adm_arguments` found them.
    :raises BadInput: a tensor has no place there.
    """
    channels, head, state = arguments["channels"], arguments["head"], {}
    levels, blocks = len(arguments["multipliers"]), arguments["blocks"]
    for name, tensor in _plain(stored).items():
        if name.startswith("out.2."):
            tensor = tensor[:channels]
        new = _renamed(name, levels, blocks)
        if new is None:
            raise BadInput("the U-Net has no place for the file's {name}", name=name)
        kind = new.rsplit(".", 1)[1]
        if f".qkv.{kind}" in new:
            for letter, part in zip("qkv", _split(tensor, head), strict=True):
                state[f"unet.{new.replace('qkv', f'to_{letter}')}"] = part
        else:
            # A one-dimensional convolution there is a linear layer here.
            state[f"unet.{new}"] = tensor[:, :, 0] if tensor.ndim == 3 else tensor
    return {name: tensor.float().contiguous() for name, tensor in state.items()}


def _plain(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without I2SB's prefix, and without the noise levels that it keeps as a buffer."""
    return {
        name.removeprefix(PREFIX): tensor
        for name, tensor in stored.items()
        if name != "noise_levels"
    }


def _doubles(found: re.Match[str]) -> bool:
    return found[1] == "output" and found[3] != "0" and found[4].startswith("in_layers")


def _split(qkv: Tensor, head: int) -> list[Tensor]:
    """[3 C, ...] in the order head, (q, k, v), channel -> q, k and v."""
    heads = len(qkv) // (3 * head)
    rows = qkv.squeeze(-1) if qkv.ndim == 3 else qkv
    by_head = rows.reshape(heads, 3, head, *rows.shape[1:])
    return [torch.flatten(by_head[:, i], 0, 1) for i in range(3)]


def _renamed(name: str, levels: int, blocks: int) -> str | None:
    """The name in diffusers' network, ``qkv`` left as it is; None where it has no place."""
    stem, kind = name.rsplit(".", 1)
    if stem in STEM:
        return f"{STEM[stem]}.{kind}"
    if found := MIDDLE_BLOCK.match(name):
        return _within(f"mid_block.{MIDDLE.get(found[1])}", found[2], kind)
    if not (found := BLOCK.match(name)):
        return None
    side, number, module, inner = found[1], int(found[2]), int(found[3]), found[4]
    # The first of the input's blocks is a convolution, so that both sides count alike after it.
    level, j = divmod(number - (side == "input"), blocks + 1)
    if level >= levels:
        return None
    place = f"{'down' if side == 'input' else 'up'}_blocks.{level}"
    if side == "input" and j == blocks:
        return _within(f"{place}.downsamplers.0", inner, kind)
    if module and inner in RESIDUAL:
        return _within(f"{place}.upsamplers.0", inner, kind)
    return _within(f"{place}.{'attentions' if module else 'resnets'}.{j}", inner, kind)


def _within(place: str, inner: str, kind: str) -> str | None:
    if inner == "qkv":
        return f"{place}.qkv.{kind}"
    new = RESIDUAL.get(inner) or ATTENTION.get(inner)
    return f"{place}.{new}.{kind}" if new else None
