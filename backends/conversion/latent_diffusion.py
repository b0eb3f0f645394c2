"""Checkpoints of latent diffusion and Stable Diffusion 1 -> diffusers' networks.

Names are translated by diffusers' own functions; what makes the networks is read off the tensors,
so that no configuration file is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from backends.errors import BadInput

__all__ = [
    "EMBEDDING",
    "FIRST_STAGE",
    "UNET",
    "Network",
    "averaged",
    "first_stage",
    "has_text_encoder",
    "has_unet",
    "text_encoder",
    "unet",
]

UNET, FIRST_STAGE = "model.diffusion_model.", "first_stage_model."
TEXT = "cond_stage_model.transformer.text_model."
HEAD = 64  # channels of an attention head of CLIP
EMBEDDING = "cond_stage_model.embedding.weight"
INPUT = re.compile(r"input_blocks\.(\d+)\.0\.(op|in_layers)")
LEVEL = re.compile(r"encoder\.down\.(\d+)\.block\.(\d+)\.")
Network = tuple[dict[str, Any], dict[str, Tensor]]


def has_unet(names: Mapping[str, Any]) -> bool:
    """Whether the names are those of a checkpoint with a conditional U-Net."""
    return f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight" in names


def has_text_encoder(names: Mapping[str, Any]) -> bool:
    """Whether the names are those of a checkpoint with CLIP's text encoder, as Stable Diffusion 1
    has it."""
    return f"{TEXT}embeddings.token_embedding.weight" in names


def averaged(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The checkpoint with the moving average of its U-Net in the U-Net's place.

    :raises BadInput: it has none.
    """
    found = dict(stored)
    for name in stored:
        if name.startswith(UNET):
            key = f"model_ema.{name.removeprefix('model.').replace('.', '')}"
            if key not in stored:
                raise BadInput(
                    "the file has no moving average of its U-Net; take the network itself: "
                    "--set weights=net"
                )
            found[name] = stored[key]
    return found


def unet(stored: Mapping[str, Tensor], size: int, heads: int) -> Network:
    """Settings and weights of diffusers' UNet2DConditionModel.

    :param size: side of its latents.
    :param heads: of its attention, in every block; weights do not tell them.
    :raises BadInput: it is another network's.
    """
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    theirs = {name: tensor for name, tensor in stored.items() if name.startswith(UNET)}
    own = {name.removeprefix(UNET): tensor for name, tensor in theirs.items()}
    try:
        blocks = [match for match in map(INPUT.match, own) if match]
        count = 1 + max(int(match[1]) for match in blocks)
        levels = 1 + len({match[1] for match in blocks if match[2] == "op"})
        layers = count // levels - 1
        firsts = [1 + level * (layers + 1) for level in range(levels)]
        widths = [len(own[f"input_blocks.{n}.0.out_layers.3.weight"]) for n in firsts]
        attends = [f"input_blocks.{n}.1.norm.weight" in own for n in firsts]
        middle = own["middle_block.1.transformer_blocks.0.attn2.to_k.weight"]
        channels = own["input_blocks.0.0.weight"].shape[1]
        flat = own["middle_block.1.proj_in.weight"].ndim == 2
        out = len(own["out.2.weight"])
    except (KeyError, ValueError) as error:
        raise BadInput("the file holds no U-Net of latent diffusion") from error
    settings = {
        "sample_size": size, "in_channels": channels, "out_channels": out,
        "block_out_channels": widths, "layers_per_block": layers,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attends[::-1]],
        "cross_attention_dim": middle.shape[1],
        "attention_head_dim": heads,  # by that name diffusers means how many
        "use_linear_projection": flat,
    }  # fmt: skip
    return settings, _checked(convert_ldm_unet_checkpoint(theirs, settings), own, "U-Net")


def first_stage(stored: Mapping[str, Tensor], size: int, scale: float) -> Network:
    """Settings and weights of diffusers' VQModel, where there is a codebook, or AutoencoderKL.

    :param size: side of its pictures.
    :param scale: multiplies the latents, so that their deviation is 1.
    :raises BadInput: it is another network's.
    """
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    theirs = {
        name: tensor
        for name, tensor in stored.items()
        if name.startswith(FIRST_STAGE) and not name.startswith(f"{FIRST_STAGE}loss.")
    }
    own = {name.removeprefix(FIRST_STAGE): tensor for name, tensor in theirs.items()}
    try:
        found = [(int(m[1]), int(m[2])) for m in map(LEVEL.match, own) if m]
        levels, layers = (1 + max(column) for column in zip(*found, strict=True))
        widths = [len(own[f"encoder.down.{level}.block.0.conv1.weight"]) for level in range(levels)]
        latent = len(own["encoder.conv_out.weight"])
        settings: dict[str, Any] = {
            "sample_size": size, "in_channels": own["encoder.conv_in.weight"].shape[1],
            "out_channels": len(own["decoder.conv_out.weight"]), "block_out_channels": widths,
            "layers_per_block": layers, "scaling_factor": scale,
            "down_block_types": ["DownEncoderBlock2D"] * levels,
            "up_block_types": ["UpDecoderBlock2D"] * levels,
        }  # fmt: skip
        if "quantize.embedding.weight" in own:
            codes, width = own["quantize.embedding.weight"].shape
            settings |= {
                "latent_channels": latent,
                "num_vq_embeddings": codes,
                "vq_embed_dim": width,
            }
        else:
            settings["latent_channels"] = latent // 2  # a mean and a variance each
    except (KeyError, ValueError) as error:
        raise BadInput("the file holds no autoencoder of latent diffusion") from error
    if any(".attn." in name and not name.startswith("decoder.mid") for name in own):
        raise BadInput(
            "the autoencoder has attention beside its middle, as the older one of ImageNet with 8 "
            "pixels a latent; take the model that LDCE uses (cin256-v2, 4 pixels a latent)"
        )
    state = convert_ldm_vae_checkpoint(theirs, settings)
    state |= {name: own[name] for name in ("quantize.embedding.weight",) if name in own}
    return settings, _checked(state, own, "autoencoder")


def text_encoder(stored: Mapping[str, Tensor]) -> Network:
    """Settings and weights of transformers' CLIPTextModel.

    :raises BadInput: it is another network's.
    """
    own = {
        name.removeprefix(TEXT): tensor.float()
        for name, tensor in stored.items()
        if name.startswith(TEXT) and not name.endswith("position_ids")
    }
    try:
        vocabulary, width = own["embeddings.token_embedding.weight"].shape
        layers = {name.split(".")[2] for name in own if name.startswith("encoder.layers.")}
        settings = {
            "vocab_size": vocabulary, "hidden_size": width, "num_hidden_layers": len(layers),
            "intermediate_size": len(own["encoder.layers.0.mlp.fc1.weight"]),
            "num_attention_heads": max(width // HEAD, 1),
            "max_position_embeddings": len(own["embeddings.position_embedding.weight"]),
            "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
        }  # fmt: skip
    except (KeyError, ValueError) as error:
        raise BadInput("the file holds no text encoder of CLIP") from error
    return settings, own


def _checked(state: dict[str, Tensor], own: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """All weights, none left behind."""
    if len(state) != len(own):
        raise BadInput(
            "{count} tensors of the file's {what} have no place",
            count=len(own) - len(state),
            what=what,
        )
    return {name: tensor.float().contiguous() for name, tensor in state.items()}
