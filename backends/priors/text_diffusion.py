"""Text-conditional latent diffusion, in the layout of Stable Diffusion.

Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022,
https://arxiv.org/abs/2112.10752. Networks are diffusers' and transformers'. LDCE uses the one
tuned to 256 pixels, ``lambda/miniSD-diffusers``.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from backends.errors import MissingPart
from backends.priors.latent_diffusion import require_halvings
from backends.priors.text_encoder import TextEncoder

__all__ = ["TextAutoencoder", "TextDenoiser", "load_encoder"]


class TextAutoencoder(nn.Module):
    """Pictures [B, C, S, S] in [0, 1] <-> latents [B, L, S/k, S/k] of deviation 1, where k is 8
    for Stable Diffusion.

    :param vae: the settings of diffusers' AutoencoderKL (its config.json).
    """

    def __init__(self, vae: dict[str, Any]) -> None:
        super().__init__()
        self.vae = AutoencoderKL.from_config(vae)

    @classmethod
    def from_pretrained(cls, source: str, revision: str | None = None) -> TextAutoencoder:
        """The autoencoder of a pipeline.

        :param source: a folder or hub id in diffusers' layout, with safetensors.
        :raises MissingPart: it cannot be loaded.
        """
        vae = _load(AutoencoderKL, source, "vae", revision, use_safetensors=True)
        with torch.device("meta"):  # no weights are drawn only to be replaced
            whole = cls(_public(vae.config))
        whole.vae = vae
        return whole.eval().requires_grad_(False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes this architecture again, for a bundle."""
        return {"vae": _public(self.vae.config)}

    def encode(self, x: Tensor) -> Tensor:
        """The posterior's mean, scaled.

        :raises BadInput: the picture's sides cannot be halved as often as needed.
        """
        require_halvings(x, len(self.vae.config.block_out_channels) - 1)
        return self.vae.config.scaling_factor * self.vae.encode(2 * x - 1).latent_dist.mean

    def decode(self, z: Tensor) -> Tensor:
        """Pictures that may leave [0, 1] slightly."""
        return (self.vae.decode(z / self.vae.config.scaling_factor).sample + 1) / 2


class TextDenoiser(nn.Module):
    """epsilon(z_t, t, words) for latents [B, L, h, w].

    :param unet: the settings of diffusers' UNet2DConditionModel (its config.json).
    :param schedule: the noise schedule that it was trained with, where it is not Stable
        Diffusion's: what :func:`backends.priors.latent_diffusion.latent_schedule` takes.
    """

    def __init__(self, unet: dict[str, Any], schedule: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        self.unet = UNet2DConditionModel.from_config(unet)

    @classmethod
    def from_pretrained(cls, source: str, revision: str | None = None) -> TextDenoiser:
        """The denoiser of a pipeline.

        :param source: a folder or hub id in diffusers' layout, with safetensors.
        :raises MissingPart: it cannot be loaded, or is not made as Stable Diffusion 1 is.
        """
        config = _load(DDIMScheduler, source, "scheduler", revision).config
        if config.prediction_type != "epsilon" or config.num_train_timesteps != 1000:
            raise MissingPart(
                "{source} predicts {prediction_type} on a noise schedule of "
                "{num_train_timesteps} times; choose a model that predicts the noise on "
                "1000, as those made from Stable Diffusion 1 do",
                source=source,
                prediction_type=config.prediction_type,
                num_train_timesteps=config.num_train_timesteps,
            )
        schedule = {key: config[key] for key in ("beta_start", "beta_end", "beta_schedule")}
        unet = _load(UNet2DConditionModel, source, "unet", revision, use_safetensors=True)
        with torch.device("meta"):
            whole = cls(_public(unet.config), schedule)
        whole.unet = unet
        return whole.eval().requires_grad_(False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes this architecture again, for a bundle."""
        return {"unet": _public(self.unet.config), "schedule": self.schedule}

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Noise in z at integer times t [B] in 0..999 under words c [B, length, D], as
        :class:`backends.priors.text_encoder.TextEncoder` embeds them."""
        return self.unet(z, t, encoder_hidden_states=c.to(z)).sample


def load_encoder(source: str, template: str, revision: str | None = None) -> TextEncoder:
    """The text encoder and tokenizer of a pipeline.

    :param source: a folder or hub id in diffusers' layout, with safetensors.
    :param template: the usual prompt of a class; ``{}`` stands for its name.
    :raises BadInput: the template has no place for a class name.
    :raises MissingPart: they cannot be loaded.
    """
    tokenizer = _load(CLIPTokenizer, source, "tokenizer", revision)
    encoder = _load(CLIPTextModel, source, "text_encoder", revision, use_safetensors=True)
    return TextEncoder.of(tokenizer, encoder, template)


def _load(kind: Any, source: str, folder: str, revision: str | None, **how: Any) -> Any:
    try:
        return kind.from_pretrained(source, subfolder=folder, revision=revision, **how)
    except (OSError, ValueError) as error:
        raise MissingPart(
            "no {folder} with safetensors at {source}; give a folder or a hub id in "
            "diffusers' layout, and check the connection",
            folder=folder,
            source=source,
        ) from error


def _public(config: Any) -> dict[str, Any]:
    """The settings themselves, without a library's notes on them."""
    return {key: value for key, value in config.items() if not key.startswith("_")}
