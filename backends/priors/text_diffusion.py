"""Text-conditional latent diffusion, in the layout of Stable Diffusion.

Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022,
https://arxiv.org/abs/2112.10752. Networks are diffusers' and transformers'. LDCE uses the one
tuned to 256 pixels, ``lambda/miniSD-diffusers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from backends.errors import BadInput, MissingPart
from backends.priors.latent_diffusion import require_halvings

__all__ = ["TextAutoencoder", "TextDenoiser", "embed", "filled"]


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
    """epsilon(z_t, t, prompt) for latents [B, L, h, w], one prompt a class.

    A bundle's classes are known, so their prompts are embedded once: ``prompts``
    [classes + 1, length, D], the empty prompt last. No text encoder is needed afterwards.

    :param unet: the settings of diffusers' UNet2DConditionModel (its config.json).
    :param length: tokens of a prompt.
    :param schedule: the noise schedule that it was trained with, where it is not Stable
        Diffusion's: what :func:`backends.priors.latent_diffusion.latent_schedule` takes.
    """

    prompts: Tensor

    def __init__(
        self,
        unet: dict[str, Any],
        classes: int,
        length: int = 77,
        schedule: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        self.unet = UNet2DConditionModel.from_config(unet)
        width = self.unet.config.cross_attention_dim
        self.register_buffer("prompts", torch.zeros(classes + 1, length, width))

    @classmethod
    def from_pretrained(
        cls,
        source: str,
        class_names: list[str],
        template: str = "a photo of a {}.",
        revision: str | None = None,
    ) -> TextDenoiser:
        """The denoiser of a pipeline, with its text encoder's embeddings of the classes.

        :param source: a folder or hub id in diffusers' layout, with safetensors.
        :param template: the prompt; ``{}`` stands for the class name.
        :raises BadInput: the template has no place for a class name.
        :raises MissingPart: it cannot be loaded, or is not made as Stable Diffusion 1 is.
        """
        filled(template, class_names)
        config = _load(DDIMScheduler, source, "scheduler", revision).config
        if config.prediction_type != "epsilon" or config.num_train_timesteps != 1000:
            raise MissingPart(
                f"{source} predicts {config.prediction_type} on a noise schedule of "
                f"{config.num_train_timesteps} times; choose a model that predicts the noise on "
                "1000, as those made from Stable Diffusion 1 do"
            )
        schedule = {key: config[key] for key in ("beta_start", "beta_end", "beta_schedule")}
        unet = _load(UNet2DConditionModel, source, "unet", revision, use_safetensors=True)
        tokenizer = _load(CLIPTokenizer, source, "tokenizer", revision)
        encoder = _load(CLIPTextModel, source, "text_encoder", revision, use_safetensors=True)
        prompts = embed(tokenizer, encoder, filled(template, class_names))
        with torch.device("meta"):
            whole = cls(_public(unet.config), len(class_names), prompts.shape[1], schedule)
        whole.unet, whole.prompts = unet, prompts
        return whole.eval().requires_grad_(False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes this architecture again, for a bundle."""
        classes, length, _ = self.prompts.shape
        return {
            "unet": _public(self.unet.config), "classes": classes - 1, "length": length,
            "schedule": self.schedule,
        }  # fmt: skip

    def condition(self, target: Tensor) -> Tensor:
        """Classes [B] -> their prompts [B, length, D]."""
        return self.prompts[target.to(self.prompts.device)]

    def unconditional(self, count: int) -> Tensor:
        """The empty prompt, for ``count`` pictures."""
        return self.prompts[-1:].expand(count, -1, -1)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Noise in z at integer times t [B] in 0..999 under prompts c [B, length, D]."""
        return self.unet(z, t, encoder_hidden_states=c.to(z)).sample


def filled(template: str, class_names: Sequence[str]) -> list[str]:
    """The prompt of each class, and the empty one.

    :raises BadInput: the template has no place for a class name.
    """
    if "{}" not in template:
        raise BadInput(f"the prompt {template!r} lacks {{}}; put it where the class name goes")
    return [*(template.replace("{}", name) for name in class_names), ""]


@torch.no_grad()
def embed(tokenizer: CLIPTokenizer, encoder: CLIPTextModel, prompts: list[str]) -> Tensor:
    """Prompts -> the text encoder's last states [len(prompts), length, D], padded or cut to the
    tokenizer's own length."""
    tokens = tokenizer(
        prompts,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return encoder(tokens.input_ids).last_hidden_state


def _load(kind: Any, source: str, folder: str, revision: str | None, **how: Any) -> Any:
    try:
        return kind.from_pretrained(source, subfolder=folder, revision=revision, **how)
    except (OSError, ValueError) as error:
        raise MissingPart(
            f"no {folder} with safetensors at {source}; "
            "give a folder or a hub id in diffusers' layout, and check the connection"
        ) from error


def _public(config: Any) -> dict[str, Any]:
    """The settings themselves, without a library's notes on them."""
    return {key: value for key, value in config.items() if not key.startswith("_")}
