"""Shared fixtures: a bundle of tiny random parts, so that most tests need no trained weights."""

import os
import sys
import tempfile
from pathlib import Path

# Or the tests would show, and change, the models and labels of the person who runs them.
os.environ["STUDIO_MODELS"] = tempfile.mkdtemp(prefix="models")
os.environ["STUDIO_PARTS"] = tempfile.mkdtemp(prefix="parts")
os.environ["STUDIO_BUNDLES"] = tempfile.mkdtemp(prefix="bundles")
os.environ["STUDIO_CACHE"] = tempfile.mkdtemp(prefix="cache")
os.environ["STUDIO_DATABASE"] = f"{tempfile.mkdtemp(prefix='labels')}/labels.db"
os.environ["STUDIO_CHOICES"] = f"{tempfile.mkdtemp(prefix='choices')}/choices.jsonl"
os.environ["STUDIO_RUNS"] = tempfile.mkdtemp(prefix="runs")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from backends import bundles, registry, service
from backends.core import Request
from backends.metrics.perceptual import Perceptual
from studio.cli import main as cli

# A tokenizer of six words.
WORDS = Tokenizer(
    WordLevel(
        {w: i for i, w in enumerate(["?", "photo", "of", "a", "b", "c", "<", "<|endoftext|>"])}, "?"
    )
)
WORDS.pre_tokenizer = Whitespace()
WORDS = WORDS.to_str().encode()
TINY = {
    "classifier": ("conv_classifier", {"channels": 1, "size": 16, "classes": 3, "width": 4}),
    "oracle": ("residual_classifier", {"channels": 1, "classes": 3, "width": 4}),
    "autoencoder": ("autoencoder", {"channels": 1, "size": 16, "latent": 4, "widths": [8, 8]}),
    "conditional_autoencoder": (
        "conditional_autoencoder",
        {"channels": 1, "size": 16, "latent": 4, "widths": [8, 8], "classes": 3},
    ),
    "velocity": ("velocity_field", {"latent": 4, "classes": 3, "width": 16, "depth": 2}),
    "flow": (
        "pixel_flow",
        {"channels": 1, "size": 16, "margin": 0, "widths": [8, 8], "depths": [2, 2], "bins": 4},
    ),
    "density": ("conditional_density", {"latent": 4, "classes": 3, "width": 8, "transforms": 2}),
    "latent_ensemble": ("latent_ensemble", {"latent": 4, "classes": 3, "width": 8, "members": 2}),
    "gan": ("generator", {"channels": 1, "latent": 4, "widths": [8, 8]}),
    "width": ("conv_classifier", {"channels": 1, "size": 16, "classes": 1, "width": 4}),
    "bridge": ("bridge_network", {"channels": 1, "size": 16, "widths": [8, 16]}),
    "pixel_denoiser": ("folded_unet", {"channels": 1, "size": 16, "widths": [8, 16]}),
    "latent_autoencoder": ("latent_autoencoder", {"channels": 1, "latent": 4, "widths": [8, 16]}),
    "denoiser": ("class_denoiser", {"latent": 4, "size": 4, "classes": 3, "widths": [8, 16]}),
    "text_autoencoder": (
        "text_autoencoder",
        {
            "vae": {
                "in_channels": 1,
                "out_channels": 1,
                "block_out_channels": [8, 16],
                "norm_num_groups": 8,
                "down_block_types": ["DownEncoderBlock2D"] * 2,
                "up_block_types": ["UpDecoderBlock2D"] * 2,
                "latent_channels": 4,
                "sample_size": 16,
                "scaling_factor": 0.18215,
                "mid_block_add_attention": False,
            }
        },
    ),
    "text_denoiser": (
        "text_denoiser",
        {
            "unet": {
                "sample_size": 8,
                "in_channels": 4,
                "out_channels": 4,
                "block_out_channels": [8, 16],
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
                "layers_per_block": 1,
                "mid_block_type": None,
                "up_block_types": ["UpBlock2D", "UpBlock2D"],
                "cross_attention_dim": 8,
                "attention_head_dim": 2,
                "norm_num_groups": 8,
            },
        },
    ),
    "text_encoder": (
        "text_encoder",
        {
            "text": {
                "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8,
                "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 5,
                "bos_token_id": 6, "eos_token_id": 7,
            },
            "length": 5,
            "tokenizer_bytes": len(WORDS),
        },
    ),
}  # fmt: skip
WIDTH = bundles.Property(title="width", unit="pixels", suggested=[-0.2, 0.0, 0.2])
MANIFEST = bundles.Manifest(
    name="tiny", title="Tiny", description="Random weights.", image_size=16, channels=1,
    class_names=["a", "b", "c"], licence="Apache-2.0", recipe="digits",
)  # fmt: skip


def write_tiny(folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    for seed, (name, (architecture, arguments)) in enumerate(TINY.items()):
        if name in without:
            continue
        torch.manual_seed(seed)
        network = registry.architecture(architecture)(**arguments)
        if name == "text_encoder":
            network.tokenizer = torch.frombuffer(bytearray(WORDS), dtype=torch.uint8)
        part = bundles.Part(
            kind=name, architecture=architecture, arguments=arguments,
            file=f"{name}.safetensors", sha256="", licence="Apache-2.0",
            property=WIDTH if name == "width" else None,
        )  # fmt: skip
        bundles.write_part(folder, MANIFEST, name, network, part)
    return folder


def write_lpips(folder: Path) -> Perceptual:
    """Give a bundle a small LPIPS of its own; returns its network."""
    torch.manual_seed(0)
    arguments = {"backbone": "alex", "width": 4}
    network = Perceptual(**arguments)
    part = bundles.Part(
        kind="lpips", architecture="perceptual", arguments=arguments, file="lpips.safetensors",
        licence="Apache-2.0",
    )  # fmt: skip
    bundles.write_part(folder, bundles.Bundle(folder).manifest, "lpips", network, part)
    return network


@pytest.fixture(autouse=True)
def _nothing_left_over(request, monkeypatch, tmp_path_factory):
    """Keep what one test trains or labels from the next; the browser's server has its own."""
    if request.node.get_closest_marker("browser"):
        return
    kept = tmp_path_factory.mktemp("kept")
    monkeypatch.setenv("STUDIO_MODELS", str(kept / "models"))
    monkeypatch.setenv("STUDIO_PARTS", str(kept / "parts"))
    monkeypatch.setenv("STUDIO_DATABASE", str(kept / "labels.db"))
    monkeypatch.setenv("STUDIO_CHOICES", str(kept / "choices.jsonl"))


@pytest.fixture(autouse=True)
def _shipped_weights_are_marked(request, monkeypatch):
    """`make check` leaves out what loads shipped weights, so each such test must say so."""
    if "not weights" not in request.config.option.markexpr:
        return
    load = bundles.Bundle._load

    def checked(bundle: bundles.Bundle, name: str):
        shipped = bundle.folder.resolve().is_relative_to(bundles.ASSETS)
        assert not shipped, "this test loads shipped weights; mark it: @pytest.mark.weights"
        return load(bundle, name)

    monkeypatch.setattr(bundles.Bundle, "_load", checked)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)


@pytest.fixture
def ask(tiny, picture):
    """Make a request to the tiny bundle for a class it does not predict already."""

    def make(method: str, **changes) -> Request:
        label = service.predict(tiny, picture).label
        target = "b" if label != "b" else "c"
        return Request(**{"bundle": tiny, "method": method, "target": target,
                          "picture": picture, **changes})  # fmt: skip

    return make


@pytest.fixture
def run(monkeypatch, capsys):
    """Words -> exit code, what was printed, what was told on stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["studio", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture(autouse=True)
def no_added_models(monkeypatch):
    """A model that one test gives a name is nobody else's."""
    monkeypatch.setattr("backends.targets.added._added", {})
