"""Text-conditional parts: from a pipeline's folder into a bundle, and what they answer."""

import json

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from backends.core import Region
from backends.errors import BadInput, MissingPart
from backends.methods.ldce import LDCEText
from backends.priors.latent_diffusion import latent_schedule
from backends.priors.text_diffusion import TextAutoencoder, TextDenoiser, embed
from backends.targets.model import Classifier
from tests.conftest import TINY

NAMES = ["cat", "dog"]
LETTERS = "abcdefghijklmnopqrstuvwxyz."
UNET = TINY["text_denoiser"][1]["unet"]
VAE = TINY["text_autoencoder"][1]["vae"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> str:
    """A folder as Stable Diffusion's, with tiny random networks and a tokenizer of letters."""
    folder = tmp_path_factory.mktemp("pipeline")
    torch.manual_seed(0)
    vocabulary = [*LETTERS, *(f"{c}</w>" for c in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=24).save_pretrained(folder / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=24,
        bos_token_id=len(vocabulary) - 2, eos_token_id=len(vocabulary) - 1,
    )  # fmt: skip
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    UNet2DConditionModel(**UNET).save_pretrained(folder / "unet")
    AutoencoderKL(**VAE).save_pretrained(folder / "vae")
    latent_schedule(0.00085, 0.012).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text("{}")
    return str(folder)


@pytest.fixture(scope="module")
def parts(pipeline):
    denoiser = TextDenoiser.from_pretrained(pipeline, NAMES, "a photo of a {}, a pet.")
    return TextAutoencoder.from_pretrained(pipeline), denoiser


def test_prompts_are_embedded_as_the_encoder_does(pipeline, parts):
    tokenizer = CLIPTokenizer.from_pretrained(pipeline, subfolder="tokenizer")
    encoder = CLIPTextModel.from_pretrained(pipeline, subfolder="text_encoder")
    expected = embed(tokenizer, encoder, ["a photo of a dog, a pet.", ""])
    _, denoiser = parts
    c, uc = denoiser.condition(torch.tensor([1, 0, 1])), denoiser.unconditional(3)
    assert c.shape == uc.shape == (3, 24, 8)
    assert (c[2] - expected[0]).abs().max() < 1e-6
    assert (uc - expected[1]).abs().max() < 1e-6
    assert (c[0] - c[1]).abs().max() > 1e-3


def test_latents_are_scaled_and_pictures_are_in_their_range(parts):
    autoencoder, _ = parts
    x = torch.rand(2, 1, 16, 16)
    z = autoencoder.encode(x)
    plain = autoencoder.vae.encode(2 * x - 1).latent_dist.mean
    assert z.shape == (2, 4, 8, 8)
    assert (z - 0.18215 * plain).abs().max() < 1e-6
    assert (2 * autoencoder.decode(z) - 1 - autoencoder.vae.decode(plain).sample).abs().max() < 1e-5


def test_parts_survive_a_bundle(parts, tmp_path):
    for part in parts:
        save_file(part.state_dict(), tmp_path / "part.safetensors")
        again = type(part)(**json.loads(json.dumps(part.arguments)))
        again.load_state_dict(load_file(tmp_path / "part.safetensors"))
        assert again.arguments == part.arguments
        for key, value in part.state_dict().items():
            assert torch.equal(again.state_dict()[key], value)


def test_ldce_on_a_pipeline(parts):
    torch.manual_seed(1)
    w = torch.randn(256, 2)
    f = Classifier(lambda x: x.flatten(1) @ w, NAMES)
    x, y = torch.rand(1, 1, 16, 16).expand(2, -1, -1, -1), torch.tensor([0, 0])
    region = Region(torch.ones_like(x))
    config = LDCEText.Config(steps=3)
    steps = list(LDCEText(f, *parts).explain(x, y, region, config, torch.Generator()))
    assert [(s.index, s.total) for s in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[-1].image.isfinite().all()
    assert not torch.equal(steps[-1].image[0], steps[-1].image[1]), "each has its own noise"


def test_other_prompts_filter_and_scale_the_pull(parts):
    autoencoder, denoiser = parts
    f = Classifier(lambda x: torch.stack([x.sum((1, 2, 3)), -x.sum((1, 2, 3))], 1), NAMES)
    x, region = torch.rand(1, 1, 16, 16), Region(torch.ones(1, 1, 16, 16))
    answers = []
    for name in (0, 1):
        denoiser_of = TextDenoiser(**denoiser.arguments)
        denoiser_of.load_state_dict(denoiser.state_dict())
        denoiser_of.prompts[0] = denoiser.prompts[name]
        method = LDCEText(f, autoencoder, denoiser_of)
        generator = torch.Generator().manual_seed(0)
        *_, last = method.explain(
            x, torch.tensor([0]), region, LDCEText.Config(steps=2), generator
        )  # fmt: skip
        answers.append(last.image)
    assert not torch.equal(*answers)


def test_what_cannot_be_used_is_named(pipeline, parts, tmp_path):
    with pytest.raises(BadInput, match=r"\{\}"):
        TextDenoiser.from_pretrained(pipeline, NAMES, "a photo")
    with pytest.raises(MissingPart, match="no vae with safetensors"):
        TextAutoencoder.from_pretrained(str(tmp_path))
    with pytest.raises(BadInput, match="multiples of 2"):
        parts[0].encode(torch.rand(1, 1, 15, 16))
    schedule = DDIMScheduler(prediction_type="v_prediction")
    schedule.save_pretrained(tmp_path / "scheduler")
    with pytest.raises(MissingPart, match="schedule"):
        TextDenoiser.from_pretrained(str(tmp_path), NAMES)
