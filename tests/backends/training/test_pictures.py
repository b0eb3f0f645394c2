"""What an autoencoder of a person's pictures learns from."""

import pytest
import torch

from backends import registry
from backends.bundles import Bundle
from backends.targets.named import target_model
from backends.training import losses, pictures
from backends.training.data import Split
from tests.conftest import write_lpips, write_tiny

SIZE = 16


@pytest.fixture
def folder(tmp_path):
    return write_tiny(tmp_path / "tiny")


@pytest.fixture
def data():
    levels = torch.randint(256, (8, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    return Split(levels.to(torch.uint8), torch.arange(8) % 2, False)


class Faded(torch.nn.Module):
    """An autoencoder that gives pictures back darker."""

    def __init__(self):
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return self.share * x, torch.zeros(len(x))

    def encode(self, x):
        return x

    def decode(self, z):
        return self.share.detach() * z


@torch.no_grad()
def value(data, bundle, **weights):
    loss, size = pictures.perceptual(0.0, **{"lpips": 0.0, "verdict": 0.0} | weights)(data, bundle)
    assert size == len(data)
    return loss(Faded(), torch.arange(size), torch.Generator())


def test_gradients_reach_the_autoencoder_alone(folder, data):
    bundle, net = Bundle(folder), Faded()
    loss, size = pictures.perceptual(0.0, lpips=0.0, verdict=1.0)(data, bundle)
    loss(net, torch.arange(size), torch.Generator()).backward()
    assert net.share.grad.abs() > 0
    assert all(w.grad is None for w in bundle.part("classifier").parameters())


@torch.no_grad()
def test_an_autoencoder_is_told_when_the_models_verdict_changes(folder, data):
    bundle = Bundle(folder)
    plain, told = value(data, bundle), value(data, bundle, verdict=1e4)
    x = data.pictures.float() / 255
    f = target_model(bundle)
    p, q = f.probabilities(x), f.probabilities(0.5 * x)
    wanted = float((p * (p / q).log()).sum(1).mean())
    assert float(told - plain) == pytest.approx(1e4 * wanted, rel=0.03)  # tiny networks say little
    assert losses.verdict_change(f)(x, x).abs().max() < 1e-6


@torch.no_grad()
def test_lpips_is_used_where_the_bundle_has_it(folder, data):
    assert value(data, Bundle(folder), lpips=1.0) == value(data, Bundle(folder))
    network = write_lpips(folder)
    x = data.pictures.float() / 255
    with_it = value(data, Bundle(folder), lpips=1.0) - value(data, Bundle(folder))
    assert float(with_it) == pytest.approx(float(network(x, 0.5 * x).mean()), rel=1e-3)


@torch.no_grad()
def test_a_bundle_without_a_model_or_none_at_all_is_no_fault(folder, data):
    (folder / Bundle(folder).manifest.parts["classifier"].file).unlink()
    assert value(data, Bundle(folder), verdict=1.0) == value(data, None)
    assert "test_same_verdict" not in pictures.reconstruction(Faded(), data, Bundle(folder))


@torch.no_grad()
def test_what_is_rebuilt_is_shown_to_the_model(folder, data):
    bundle = Bundle(folder)
    x = data.pictures.float() / 255
    f = target_model(bundle)
    same = (f.logits(0.5 * x).argmax(1) == f.logits(x).argmax(1)).float().mean()
    assert pictures.reconstruction(Faded(), data, bundle)["test_same_verdict"] == float(same)


def test_parts_with_nothing_to_learn_from_see_the_bundle_too():
    """The perceptual part was never asked: recipes without others got no bundle."""
    recipe = registry.cookbook("pictures").recipes["latent_autoencoder"]
    assert not recipe.after, "a new classifier does not make an autoencoder useless"
