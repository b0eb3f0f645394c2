"""Recognise a published checkpoint by its tensors, and make a bundle's parts of it.

A file of I2SB, RCSB, ADM, latent diffusion or Stable Diffusion 1, or a folder in diffusers'
layout. Only tensors are read; an object that the file also pickles becomes an empty record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from backends.conversion import adm, latent_diffusion
from backends.conversion.add_settings import AddConfig
from backends.conversion.checkpoints import UNREADABLE
from backends.errors import BadInput, NotFound

__all__ = ["Published", "read"]

LICENCES = {
    "bridge": "I2SB: weights CC BY-NC-SA 4.0; RCSB's own: none stated",
    "diffusion": "MIT (guided-diffusion)",
    "class_conditional": "repository MIT, nothing separate for the weights",
    "text": "CreativeML OpenRAIL-M, of Stable Diffusion 1 and miniSD",
}
CIN256_SCALE, SD_SCALE = 1.0, 0.18215


class _Ignored:
    """What any object of a file becomes that is no tensor, as those of Lightning's callbacks."""

    def __new__(cls, *_: Any, **__: Any) -> _Ignored:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...

    def __setitem__(self, _: Any, __: Any) -> None: ...

    def append(self, _: Any) -> None: ...

    def extend(self, _: Any) -> None: ...


@dataclass(frozen=True)
class Published:
    """A part made of a checkpoint.

    :ivar tensors: by the names of the architecture.
    :ivar classes: how many it learnt; None where it knows none.
    """

    kind: str
    title: str
    architecture: str
    arguments: dict[str, Any]
    tensors: dict[str, Tensor]
    licence: str
    classes: int | None = None

    @property
    def channels(self) -> int | None:
        """Of the pictures that it takes; None for a network that works on latents."""
        settings = self.arguments.get("vq") or self.arguments.get("vae") or {}
        found = self.arguments.get("channels", settings.get("in_channels"))
        return None if found is None else int(found)


def read(source: Path, size: int, config: AddConfig) -> list[Published]:
    """Recognise a checkpoint, and translate it.

    :param source: a file of tensors, or a folder in diffusers' layout.
    :param size: of the bundle's pictures, in pixels.
    :raises NotFound: there is no such file or folder.
    :raises BadInput: it is none of the layouts, or it is damaged.
    """
    if source.is_dir():
        return _pipeline(source, config)
    if not source.is_file():
        raise NotFound("there is no file or folder {source}", source=source)
    stored = _tensors(source)
    if adm.is_adm(stored["net"] if isinstance(stored.get("net"), Mapping) else stored):
        return _adm(stored, size, config)
    if latent_diffusion.has_unet(stored) and latent_diffusion.EMBEDDING in stored:
        return _class_conditional(stored, size, config)
    if latent_diffusion.has_unet(stored) and latent_diffusion.has_text_encoder(stored):
        return _text(stored, size, config)
    raise BadInput(
        "{name} is no checkpoint that is known here; it can be I2SB's or RCSB's "
        "latest.pt, ADM's 256x256_diffusion_uncond.pt, latent diffusion's model.ckpt "
        "(cin256-v2), or Stable Diffusion 1 as a file or as a folder in diffusers' "
        "layout",
        name=source.name,
    )


def _tensors(path: Path) -> dict[str, Any]:
    """A checkpoint's dictionary; Lightning's ``state_dict`` without what lies around it."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        records: list[Any] = [(type("Record", (_Ignored,), {}), name) for name in names]
        with torch.serialization.safe_globals(records):
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (*UNREADABLE, EOFError, ValueError, SafetensorError) as error:
        raise BadInput(
            "{name} is damaged, or no checkpoint; fetch it again", name=path.name
        ) from error
    if not isinstance(stored, dict):
        raise BadInput("{name} holds no dictionary of tensors", name=path.name)
    inner = stored.get("state_dict")
    return dict(inner) if isinstance(inner, Mapping) else stored


# ------------------------------------------------------------------ layouts


def _adm(stored: Mapping[str, Any], size: int, config: AddConfig) -> list[Published]:
    """I2SB's bridge; or the diffusion that such bridges begin as, which also gives a variance."""
    if "net" in stored:
        stored = adm.named_average(stored) if config.weights == "ema" else stored["net"]
    arguments = adm.adm_arguments(stored, config.head_channels) | {"size": size}
    tensors = adm.adm_state(stored, arguments)
    if adm.has_variance(stored):
        arguments["schedule"] = {"interval": config.interval, "beta_schedule": "linear"}
        kind, title, licence = "pixel_denoiser", "ADM's diffusion", LICENCES["diffusion"]
    else:
        arguments["schedule"] = {"interval": config.interval, "beta_max": config.beta_max}
        kind, title, licence = "bridge", "I2SB's bridge", LICENCES["bridge"]
    return [Published(kind, title, "adm", arguments, tensors, licence)]


def _latent(
    stored: Mapping[str, Any], size: int, scale: float, heads: int, config: AddConfig
) -> tuple[latent_diffusion.Network, latent_diffusion.Network]:
    """The autoencoder's settings and weights, and those of the U-Net on its latents."""
    first = latent_diffusion.first_stage(stored, size, scale)
    latent = size >> (len(first[0]["block_out_channels"]) - 1)
    weights = latent_diffusion.averaged(stored) if config.weights == "ema" else stored
    settings, state = latent_diffusion.unet(weights, latent, config.heads or heads)
    return first, (settings, _under("unet", state))


def _under(module: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a module by their names in the module that holds it."""
    return {f"{module}.{name}": tensor for name, tensor in state.items()}


def _class_conditional(stored: Mapping[str, Any], size: int, config: AddConfig) -> list[Published]:
    table = stored[latent_diffusion.EMBEDDING]
    (settings, codes), (unet, tensors) = _latent(stored, size, CIN256_SCALE, 1, config)
    if "num_vq_embeddings" not in settings:
        raise BadInput("the class-conditional model has no codebook, and LDCE knows none without")
    tensors["labels"] = table.float()[:, None].contiguous()
    classes, licence = len(table) - 1, LICENCES["class_conditional"]
    return [
        Published(
            "latent_autoencoder", "latent diffusion's first stage", "vq_autoencoder",
            {"vq": settings}, _under("vq", codes), licence,
        ),
        Published(
            "denoiser", "latent diffusion's class-conditional U-Net", "label_denoiser",
            {"unet": unet, "classes": classes}, tensors, licence, classes,
        ),
    ]  # fmt: skip


def _text(stored: Mapping[str, Any], size: int, config: AddConfig) -> list[Published]:
    """Stable Diffusion 1 in one file, which has no tokenizer."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from backends.priors.text_encoder import TextEncoder

    try:
        named = config.tokenizer
        tokenizer = CLIPTokenizer.from_pretrained(named)  # nosec B615 # its owner names it
    except (OSError, ValueError) as error:
        raise BadInput(
            "the file has no tokenizer, and {tokenizer} is not here; name a folder with "
            "its vocab.json and merges.txt: --set tokenizer=FOLDER",
            tokenizer=config.tokenizer,
        ) from error
    text, state = latent_diffusion.text_encoder(stored)
    encoder = CLIPTextModel(CLIPTextConfig(**text)).eval()
    encoder.load_state_dict(state)
    words = TextEncoder.of(tokenizer, encoder, config.prompt)
    (settings, codes), (unet, noise) = _latent(stored, size, SD_SCALE, 8, config)
    return _text_parts(
        ({"vae": settings}, _under("vae", codes)), ({"unet": unet}, noise),
        (words.arguments, dict(words.state_dict())),
    )  # fmt: skip


def _pipeline(source: Path, config: AddConfig) -> list[Published]:
    """Stable Diffusion 1 as diffusers saves it."""
    from backends.priors.text_diffusion import TextAutoencoder, TextDenoiser, load_encoder

    if not (source / "model_index.json").is_file():
        raise BadInput(
            "{name} is no folder in diffusers' layout: it has no model_index.json", name=source.name
        )
    folder = str(source)
    networks = (
        TextAutoencoder.from_pretrained(folder),
        TextDenoiser.from_pretrained(folder),
        load_encoder(folder, config.prompt),
    )
    return _text_parts(*((n.arguments, dict(n.state_dict())) for n in networks))


def _text_parts(*networks: latent_diffusion.Network) -> list[Published]:
    """The arguments and tensors of autoencoder, U-Net and text encoder."""
    titles = {
        "text_autoencoder": "Stable Diffusion's autoencoder",
        "text_denoiser": "Stable Diffusion's U-Net",
        "text_encoder": "Stable Diffusion's text encoder",
    }
    return [
        Published(kind, title, kind, arguments, tensors, LICENCES["text"])
        for (kind, title), (arguments, tensors) in zip(titles.items(), networks, strict=True)
    ]
