"""Published checkpoints, small and random, as their publishers save them: added, explained with."""

import argparse
import json

import numpy as np
import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from backends import bundles, registry, service
from backends.conversion import latent_diffusion
from backends.conversion.add_settings import AddConfig
from backends.core import Answer, Request
from backends.errors import BadInput, NotFound
from tests.backends.priors.test_published import tensors, tensors_in_order
from tests.backends.priors.test_text_diffusion import pipeline, read

__all__ = ["pipeline"]  # a fixture

TEXT = ["text_autoencoder", "text_denoiser", "text_encoder"]
CLASSES = [f"kind {n}" for n in range(10)]


@pytest.fixture
def photographs(tmp_path):
    """A bundle of colour pictures with a random classifier and no priors."""
    folder = tmp_path / "small-photos"
    torch.manual_seed(0)
    arguments = {"channels": 3, "size": 32, "classes": 10, "width": 4}
    network = registry.architecture("conv_classifier")(**arguments)
    part = bundles.Part(
        kind="classifier", architecture="conv_classifier", arguments=arguments,
        file="classifier.safetensors", licence="Apache-2.0",
    )  # fmt: skip
    manifest = bundles.Manifest(
        name="small-photos", title="Small", description="Random.", image_size=32, channels=3,
        class_names=CLASSES, licence="Apache-2.0", preparation="photograph",
        published={"bridge": "I2SB's latest.pt"},
    )  # fmt: skip
    bundles.write_part(folder, manifest, "classifier", network, part)
    return str(folder)


@pytest.fixture
def bridge(tmp_path):
    """I2SB's dictionary."""
    average = tensors("tiny_ema_shadow_params.safetensors")
    shadow = [average[key] for key in sorted(average)]
    path = tmp_path / "latest.pt"
    torch.save(
        {
            "net": tensors_in_order(), "optimizer": {}, "sched": None,
            "ema": {"decay": 0.99, "num_updates": 9, "shadow_params": shadow,
                    "collected_params": None},
        },
        path,
    )  # fmt: skip
    return path


@pytest.fixture
def diffusion(tmp_path):
    """OpenAI's bare state dict, which has a variance beside the noise."""
    stored = {
        name.removeprefix("diffusion_model."): tensor
        for name, tensor in tensors("tiny_net.safetensors").items()
    } | tensors("tiny_openai_out6.safetensors")  # fmt: skip
    path = tmp_path / "256x256_diffusion_uncond.pt"
    torch.save(stored, path)
    return path


@pytest.fixture
def class_conditional(tmp_path):
    """Latent diffusion's checkpoint, with objects of its training beside the tensors."""
    stored = tensors("tiny_unet_cin256_v2.safetensors") | tensors("tiny_vqf4.safetensors")
    path = tmp_path / "model.ckpt"
    options = argparse.Namespace(lr=1e-4)
    callbacks = {argparse.Namespace: {"best": 1.0}}
    torch.save({"state_dict": stored, "hyper": options, "callbacks": callbacks}, path)
    return path


def added(bundle, source, **settings):
    found = service.recognise(bundle, str(source), AddConfig(**settings))
    return [item.part for item in found.keep()]


def explained(bundle, method, **asked):
    x = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    said = service.predict(bundle, x).label
    target = next(name for name in CLASSES if name != said)
    request = Request(bundle, method, target, x, settings={"steps": 3}, **asked)
    *_, answer = service.explain(request)
    assert isinstance(answer, Answer)
    return x, answer


@pytest.mark.parametrize("region", ["whole", "auto", "box:4,6,20,28"])
def test_a_bridge_explains_at_once_and_only_in_its_region(photographs, bridge, region):
    with pytest.raises(Exception, match=r"I2SB's latest\.pt"):
        explained(photographs, "rcsb")
    assert added(photographs, bridge, head_channels=16) == ["bridge"]
    x, answer = explained(photographs, "rcsb", region=region)
    outside = answer.mask == 0
    assert np.array_equal(answer.counterfactual[outside], x[outside])
    assert not np.array_equal(answer.counterfactual, x)


def test_a_diffusion_is_no_bridge(photographs, diffusion):
    assert added(photographs, diffusion, head_channels=16) == ["pixel_denoiser"]
    network = bundles.find(photographs).part("pixel_denoiser")
    assert network.schedule == {"interval": 1000, "beta_schedule": "linear"}
    assert bundles.find(photographs).problem("bridge")


def test_the_moving_average_is_another_network(photographs, bridge):
    added(photographs, bridge, head_channels=16)
    before = bundles.find(photographs).fingerprint("bridge")
    added(photographs, bridge, head_channels=16, weights="ema")
    found = bundles.find(photographs)
    assert found.fingerprint("bridge") != before
    assert len([*found.path("bridge").parent.iterdir()]) == 2, "the earlier file is gone"


@pytest.mark.parametrize("region", ["whole", "auto", "box:4,6,20,28"])
def test_the_class_conditional_model_explains(photographs, class_conditional, region):
    assert added(photographs, class_conditional) == ["latent_autoencoder", "denoiser"]
    x, answer = explained(photographs, "ldce", region=region)
    outside = answer.mask == 0
    assert np.array_equal(answer.counterfactual[outside], x[outside])


def test_a_pipeline_in_diffusers_layout_explains_by_words(tiny, picture, pipeline):
    assert added(tiny, pipeline) == TEXT
    said = service.predict(tiny, picture).label
    target = next(name for name in "abc" if name != said)
    *_, answer = service.explain(Request(tiny, "ldce_txt", target, picture, settings={"steps": 2}))
    assert answer.record["method"] == "ldce_txt"


def test_stable_diffusion_in_one_file_explains_with_a_tokenizer(photographs, pipeline, tmp_path):
    text = CLIPTextConfig(
        vocab_size=56, hidden_size=24, intermediate_size=8, num_hidden_layers=2,
        num_attention_heads=1, max_position_embeddings=24, bos_token_id=54, eos_token_id=55,
    )  # fmt: skip
    torch.manual_seed(0)
    encoder = CLIPTextModel(text).eval()
    words = {f"{latent_diffusion.TEXT}{k}": v for k, v in encoder.state_dict().items()}
    stored = tensors("tiny_sd_unet.safetensors") | tensors("tiny_kl.safetensors") | words
    torch.save({"state_dict": stored}, tmp_path / "miniSD.ckpt")
    with pytest.raises(BadInput, match="tokenizer=FOLDER"):
        added(photographs, tmp_path / "miniSD.ckpt", tokenizer=str(tmp_path / "none"))
    tokenizer = f"{pipeline}/tokenizer"
    parts = added(photographs, tmp_path / "miniSD.ckpt", tokenizer=tokenizer, prompt="a {}.")
    assert parts == TEXT
    wanted = read(pipeline, ["a kind 3.", ""], encoder)
    words = bundles.find(photographs).part("text_encoder")
    assert words.template == "a {}."
    assert (words.embed(["a kind 3.", ""]) - wanted).abs().max() < 1e-6
    x, answer = explained(photographs, "ldce_txt", region="box:4,6,20,28")
    outside = answer.mask == 0
    assert np.array_equal(answer.counterfactual[outside], x[outside])


def test_what_does_not_fit_is_named(photographs, tiny, bridge, class_conditional, tmp_path):
    cases = [
        (photographs, bridge, {}, "head_channels=N"),
        (tiny, bridge, {"head_channels": 16}, "3 channels and the bundle has 1"),
        (photographs, class_conditional, {"weights": "ema"}, "weights=net"),
        (tiny, class_conditional, {}, "3 channels and the bundle has 1"),
        (photographs, tmp_path, {}, "model_index.json"),
    ]
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(2)}, other)
    cases.append((photographs, other, {}, "no checkpoint that is known"))
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(bridge.read_bytes()[:1000])
    cases.append((photographs, damaged, {}, "damaged"))
    fewer = tmp_path / "fewer.ckpt"
    stored = torch.load(class_conditional, weights_only=False)["state_dict"]
    torch.save({"state_dict": stored | {latent_diffusion.EMBEDDING: torch.zeros(5, 24)}}, fewer)
    cases.append((photographs, fewer, {}, "learnt 4 classes and the bundle has 10"))
    for bundle, source, settings, words in cases:
        with pytest.raises(BadInput, match=words):
            added(bundle, source, **settings)
    with pytest.raises(NotFound, match="no file or folder"):
        added(photographs, tmp_path / "nothing here")
    assert "bridge" not in bundles.find(photographs).manifest.parts


def test_objects_of_a_file_are_never_made(photographs, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "trap.ckpt"
    torch.save({"state_dict": tensors("tiny_vqf4.safetensors"), "trap": Trap()}, path)
    with pytest.raises(BadInput):
        added(photographs, path)
    assert not (tmp_path / "sprung").exists()


def test_the_command_adds_and_removes(photographs, bridge, run):
    asked = ["bundles", "add", photographs, bridge, "--set", "head_channels=16"]
    code, told, refused = run(*asked)
    assert code == 2
    assert "bridge: I2SB's bridge, 1.4 million numbers" in told
    assert "licence: I2SB: weights CC BY-NC-SA 4.0" in told
    assert "--yes" in refused
    assert bundles.find(photographs).problem("bridge")
    code, told, _ = run(*asked, "--yes")
    assert code == 0
    assert "bridge is added" in told
    assert bundles.find(photographs).problem("bridge") is None
    assert run("bundles", "remove", photographs, "bridge")[0] == 0
    assert "add it with" in bundles.find(photographs).problem("bridge")
    code, _, told = run("bundles", "remove", photographs, "bridge")
    assert code == 2
    assert "nothing was added" in told


def test_a_damaged_part_says_how_to_mend_it(photographs, bridge):
    added(photographs, bridge, head_channels=16)
    path = bundles.find(photographs).path("bridge")
    path.write_bytes(b"")
    assert "add it again" in bundles.find(photographs).problem("bridge")
    assert path.stat().st_mode == path.with_name("bridge.json").stat().st_mode
    record = json.loads(path.with_name("bridge.json").read_text())
    assert record["architecture"] == "adm"
