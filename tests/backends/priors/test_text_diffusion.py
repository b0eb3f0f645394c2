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
from backends.priors.text_diffusion import TextAutoencoder, TextDenoiser, load_encoder
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
    return (
        TextAutoencoder.from_pretrained(pipeline),
        TextDenoiser.from_pretrained(pipeline),
        load_encoder(pipeline, "a photo of a {}, a pet."),
    )


@torch.no_grad()
def read(pipeline, prompts, encoder=None):
    """What transformers' own tokenizer and an encoder, that of the pipeline, say."""
    tokenizer = CLIPTokenizer.from_pretrained(pipeline, subfolder="tokenizer")
    encoder = encoder or CLIPTextModel.from_pretrained(pipeline, subfolder="text_encoder")
    tokens = tokenizer(
        prompts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    return encoder(tokens.input_ids).last_hidden_state


def test_prompts_are_read_as_transformers_reads_them(pipeline, parts):
    prompts = ["a photo of a dog, a pet.", "", "Words  that are more than can be read: abcdefghij"]
    expected = read(pipeline, prompts)
    *_, words = parts
    got = words.embed(prompts)
    assert got.shape == (3, 24, 8)
    assert (got - expected).abs().max() < 1e-6
    assert (got[0] - got[1]).abs().max() > 1e-3


def test_latents_are_scaled_and_pictures_are_in_their_range(parts):
    autoencoder, *_ = parts
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


def answer(parts, **settings):
    f = Classifier(lambda x: torch.stack([x.sum((1, 2, 3)), -x.sum((1, 2, 3))], 1), NAMES)
    x, region = torch.full((1, 1, 16, 16), 0.4), Region(torch.ones(1, 1, 16, 16))
    config, generator = LDCEText.Config(steps=2, **settings), torch.Generator().manual_seed(0)
    *_, last = LDCEText(f, *parts).explain(x, torch.tensor([0]), region, config, generator)
    return last.image


def test_a_persons_own_words_change_the_answer(parts):
    usual = answer(parts)
    assert torch.equal(answer(parts, prompt="a photo of a {}, a pet."), usual)
    assert torch.equal(answer(parts, prompt="a photo of a cat, a pet."), usual)
    assert not torch.equal(answer(parts, prompt="a drawing of a {}"), usual)


def test_the_prompt_of_a_class_is_what_the_denoiser_hears(pipeline, parts):
    method = LDCEText(Classifier(lambda x: x, NAMES), *parts)
    c, uc = method.conditions(torch.tensor([1, 0, 1]), LDCEText.Config())
    dog, nothing = read(pipeline, ["a photo of a dog, a pet.", ""])
    assert c.shape == uc.shape == (3, 24, 8)
    assert (c[2] - dog).abs().max() < 1e-6
    assert (uc[1] - nothing).abs().max() < 1e-6
    assert not torch.equal(c[0], c[1])


def test_what_cannot_be_used_is_named(pipeline, parts, tmp_path):
    with pytest.raises(BadInput, match=r"\{\}"):
        load_encoder(pipeline, "a photo")
    with pytest.raises(MissingPart, match="no vae with safetensors"):
        TextAutoencoder.from_pretrained(str(tmp_path))
    with pytest.raises(BadInput, match="multiples of 2"):
        parts[0].encode(torch.rand(1, 1, 15, 16))
    schedule = DDIMScheduler(prediction_type="v_prediction")
    schedule.save_pretrained(tmp_path / "scheduler")
    with pytest.raises(MissingPart, match="schedule"):
        TextDenoiser.from_pretrained(str(tmp_path))
