"""The faces bundle's recipe: what is trained on faces that its generator draws.

The target model labels the faces, as CLIP does in the paper (LeapFactual, section 4.3); nothing
is learnt from photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from backends import bundles
from backends.fetching import cache
from backends.files import atomic_write
from backends.priors.stylegan.anchored import whiten
from backends.training import losses
from backends.training.fit import Loss, Plan
from backends.training.recipe import Cookbook, Recipe, held_out

__all__ = ["FACES", "Faces", "draw"]

COUNT, HELD_OUT = 10_000, 1_000
CHUNK, BATCH = 250, 10
LOOKED_AT = 64  # pixels of the face that the target model labels
TRUNCATION = (0.5, 1.0)  # between nearly average faces and all that the generator knows
JITTER = 0.05  # added to u for the density, in deviations of w


@dataclass(frozen=True)
class Faces:
    """``u`` [N, D], whitened w, and the target model's probabilities [N, K] of their faces."""

    u: Tensor
    probabilities: Tensor


@torch.no_grad()
def draw(bundle: bundles.Bundle, chunk: int, size: int = CHUNK) -> Faces:
    """The faces of a chunk, always the same ones, and what the target model says of them."""
    network, f = bundle.part("generator"), bundle.part("classifier")
    generator = torch.Generator().manual_seed(chunk)
    w = network.sample_w(size, generator, truncation=1.0)
    low, high = TRUNCATION
    share = low + (high - low) * torch.rand(size, 1, generator=generator).to(w)
    w = network.mean_w + share * (w - network.mean_w)
    p = [f(network.preview(some, LOOKED_AT)).softmax(1) for some in w.split(BATCH)]
    return Faces(whiten(network, w), torch.cat(p))


def _load(source: str, device: torch.device) -> tuple[Faces, Faces]:
    """Training and held-out faces of the bundle ``source``; what was drawn once is kept."""
    bundle = bundles.find(source)
    weights = [bundle.fingerprint(part)[:12] for part in ("generator", "classifier")]
    folder = cache.root() / "faces" / "-".join(weights)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for chunk in range((COUNT + HELD_OUT) // CHUNK):
        path = folder / f"{chunk:03}.safetensors"
        if not path.is_file():
            faces = draw(bundle, chunk)
            with atomic_write(path) as scratch:
                save_file({"u": faces.u.cpu(), "probabilities": faces.probabilities.cpu()}, scratch)
        rows.append(load_file(path))
    u, p = (torch.cat([row[k] for row in rows]).to(device) for k in ("u", "probabilities"))
    return Faces(u[HELD_OUT:], p[HELD_OUT:]), Faces(u[:HELD_OUT], p[:HELD_OUT])


def _velocity(faces: Faces, _: bundles.Bundle | None) -> tuple[Loss, int]:
    return losses.velocity_loss(faces.u, faces.probabilities), len(faces.u)


def _density(faces: Faces, _: bundles.Bundle | None) -> tuple[Loss, int]:
    deviation = torch.full_like(faces.u, JITTER)
    return losses.density_loss(faces.u, deviation, faces.probabilities.argmax(1)), len(faces.u)


def _learn_scale(network: nn.Module, faces: Faces, _: bundles.Bundle | None) -> None:
    network.learn_scale(faces.u)


def _learn_quantiles(network: nn.Module, test: Faces, _: bundles.Bundle | None) -> None:
    network.learn_quantiles(test.u, test.probabilities.argmax(1))


FACES = Cookbook(
    manifest=bundles.find("faces").manifest,
    recipes={
        "velocity": Recipe(
            "velocity_field",
            {"latent": 512, "classes": 2, "width": 640, "depth": 4},
            Plan(
                steps=6000, batch=256, learning_rate=1e-3, weight_decay=1e-2, seed=21, mixed=False
            ),
            _velocity,
            held_out(_velocity),
        ),
        "density": Recipe(
            "conditional_density",
            {"latent": 512, "classes": 2, "width": 256, "transforms": 3, "kind": "affine"},
            Plan(
                steps=1500, batch=256, learning_rate=1e-3, weight_decay=1e-2, seed=22, mixed=False
            ),
            _density,
            held_out(_density),
            begin=_learn_scale,
            end=_learn_quantiles,
        ),
    },
    data=f"{COUNT} faces drawn by the generator, labelled by the target model; quality on "
    f"{HELD_OUT} more",
    load=_load,
)
