"""Automatic regions and boxes: never more than asked, never where the model does not look."""

import numpy as np
import pytest
import torch

from backends import bundles, service
from backends.errors import BadInput
from backends.regions import attribution
from backends.regions.settings import AutoRegion
from backends.targets.model import Classifier
from backends.targets.named import target_model


@pytest.mark.parametrize("cell", [1, 2, 4, 8])
@pytest.mark.parametrize("area", [0.1, 0.3, 0.9, 1.0])
def test_area_is_never_exceeded_and_made_of_whole_cells(cell, area):
    importance = torch.rand(4, 32, 32, generator=torch.Generator().manual_seed(0))
    mask = attribution.cells(importance, cell, area)
    covered = mask.mean((1, 2, 3))
    assert (covered <= area + 1e-6).all()
    assert (covered > area - (cell / 32) ** 2 - 1e-6).all()
    blocks = mask.unfold(2, cell, cell).unfold(3, cell, cell).flatten(4)
    assert torch.equal(blocks.amax(-1), blocks.amin(-1))


def test_ties_do_not_leak():
    """A background without any attribution must not enter, and equal cells must not add up to
    more than the area (the authors' rule takes them all)."""
    importance = torch.zeros(1, 32, 32)
    importance[:, :16, :16] = 1.0  # a quarter, all equal
    assert attribution.cells(importance, 4, 0.1).mean() <= 0.1
    assert attribution.cells(importance, 4, 0.1, ties="all").mean() == 0.25
    mask = attribution.cells(importance, 4, 0.9)
    assert torch.equal(mask[0, 0], importance[0])


def test_the_most_important_cells_are_taken():
    importance = torch.zeros(1, 8, 8)
    importance[0, 4:, 4:] = 1
    importance[0, :4, :4] = 0.5
    mask = attribution.cells(importance, 4, 0.25)[0, 0]
    assert mask[4:, 4:].all()
    assert mask.sum() == 16


def test_a_cell_larger_than_the_area_is_said():
    with pytest.raises(BadInput, match="smaller cells"):
        attribution.cells(torch.ones(1, 32, 32), 16, 0.2)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["lime", "gradient_shap"])
def test_attributions_that_draw_are_repeatable(name):
    f = target_model(bundles.find("digits"))
    x = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    first, again = (attribution.attribute(f, x, name) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(state, torch.get_rng_state())


def test_cells_that_do_not_tile():
    with pytest.raises(BadInput, match="divisor"):
        attribution.cells(torch.ones(1, 32, 32), 5, 0.3)


@pytest.mark.weights
@pytest.mark.parametrize("name", sorted(attribution.ATTRIBUTIONS))
def test_every_attribution_works_on_the_digits_classifier(name):
    f = target_model(bundles.find("digits"))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 1, 32, 32, generator=generator)
    x[:, :, :8] = 0
    region, importance = attribution.propose(f, x, AutoRegion(attribution=name))
    assert importance.shape == (2, 32, 32)
    assert importance.min() >= 0
    assert importance.max() <= 1
    assert 0 < region.mask.mean() <= 0.3


def test_eleven_attributions_two_of_them_without_gradients():
    assert len(attribution.available(True)) == 11
    assert set(attribution.available(False)) == {"occlusion", "lime"}

    class Labels:
        differentiable = False

        def probabilities(self, x):
            return torch.eye(3)[torch.zeros(len(x), dtype=torch.long)]

    with pytest.raises(BadInput, match="needs gradients"):
        attribution.attribute(Labels(), torch.rand(1, 1, 8, 8), "saliency")


def test_a_blank_attribution_is_one_sentence(tiny, monkeypatch):
    monkeypatch.setattr(attribution, "attribute", lambda f, x, name: torch.zeros(1, *x.shape[-2:]))
    with pytest.raises(BadInput, match="zero everywhere"):
        service.propose(tiny, np.zeros((16, 16, 1), np.uint8), {})


def attributed(monkeypatch, kind, name, side=64):
    """What an attribution method of Captum is called with."""
    import captum.attr

    seen = {}
    original = getattr(captum.attr, kind).attribute

    def spy(self, x, *args, **words):
        seen.update(words, args=args)
        return original(self, x, *args, **words)

    monkeypatch.setattr(getattr(captum.attr, kind), "attribute", spy)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    ).requires_grad_(False)
    x = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    attribution.attribute(Classifier(network, ["a", "b"]), x, name)
    return seen


def test_attributions_take_the_authors_parameters_scaled_to_the_picture(monkeypatch):
    """RCSB's code: 60 and 20 of 256 pixels; 64 samples and one baseline; no ReLU."""
    seen = attributed(monkeypatch, "Occlusion", "occlusion")
    assert (seen["args"], seen["strides"]) == (((1, 15, 15),), (1, 5, 5))
    seen = attributed(monkeypatch, "GradientShap", "gradient_shap")
    (baseline,) = seen["args"]
    assert baseline.shape == (1, 1, 64, 64)
    assert 0.9 < baseline.std() < 1.1
    assert seen["n_samples"] == 64
    assert not attributed(monkeypatch, "LayerGradCam", "grad_cam").get("relu_attributions")
    patches = attributed(monkeypatch, "Lime", "lime")["feature_mask"]
    assert patches.shape == (1, 1, 64, 64)
    assert 100 <= len(patches.unique()) <= 160


@pytest.mark.slow
@pytest.mark.parametrize("side", [16, 32, 128])
def test_superpixels_follow_the_picture(side):
    x = torch.zeros(1, side, side)
    x[:, :, side // 2 :] = 1
    patches = attribution.superpixels(x, 128)
    assert patches.shape == (side, side)
    assert patches.min() == 0
    assert not set(patches[:, : side // 2].flatten().tolist()) & set(
        patches[:, side // 2 :].flatten().tolist()
    )
    assert torch.equal(patches, attribution.superpixels(x, 128))
