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


class Given(torch.nn.Module):
    """Reconstructions that are the parameters themselves."""

    def __init__(self, x):
        super().__init__()
        self.y = torch.nn.Parameter(0.5 * x)

    def forward(self, x):
        return self.y, torch.zeros(len(x))


def pulled(data, bundle, **shares):
    """Value of the loss, and its gradient at the reconstructions."""
    loss, size = pictures.perceptual(0.0, **{"lpips": 0.0, "verdict": 0.0} | shares)(data, bundle)
    assert size == len(data)
    net = Given(data.pictures.float() / 255)
    found = loss(net, torch.arange(size), torch.Generator())
    found.backward()
    return float(found.detach()), net.y.grad


def check_pull(data, bundle, distance, **shares):
    """One distance pulls a quarter of the batch, by a share of the squared error's gradient."""
    (share,) = shares.values()
    plain, reference = pulled(data, bundle)
    value, gradient = pulled(data, bundle, **shares)
    assert value == pytest.approx(plain, rel=1e-6), "the value is that of the squared error"
    some = -(-len(data) // 4)
    pull = gradient - reference
    assert pull[some:].abs().max() == 0
    wanted = share * reference[:some].norm()
    assert float(pull.norm()) == pytest.approx(float(wanted), rel=1e-3)
    x = data.pictures.float()[:some] / 255
    y = (0.5 * x).requires_grad_()
    (direction,) = torch.autograd.grad(distance(x, y).sum(), y)
    cosine = torch.nn.functional.cosine_similarity(pull[:some].flatten(), direction.flatten(), 0)
    assert cosine > 0.999


def test_gradients_reach_the_autoencoder_alone(folder, data):
    bundle, net = Bundle(folder), Faded()
    loss, size = pictures.perceptual(0.0, lpips=0.0, verdict=1.0)(data, bundle)
    loss(net, torch.arange(size), torch.Generator()).backward()
    assert net.share.grad.abs() > 0
    assert all(w.grad is None for w in bundle.part("classifier").parameters())


def test_a_change_of_the_models_verdict_pulls_the_reconstructions(folder, data):
    f = target_model(Bundle(folder))
    check_pull(data, Bundle(folder), losses.verdict_change(f), verdict=0.5)
    x = data.pictures.float() / 255
    p, q = f.probabilities(x), f.probabilities(0.5 * x)
    wanted = (p * (p / q).log()).sum(1)
    assert (losses.verdict_change(f)(x, 0.5 * x) - wanted).abs().max() < 1e-5
    assert losses.verdict_change(f)(x, x).abs().max() < 1e-6


def test_lpips_pulls_where_the_bundle_has_it(folder, data):
    assert pulled(data, Bundle(folder), lpips=1.0)[0] == pulled(data, Bundle(folder))[0]
    network = write_lpips(folder)
    check_pull(data, Bundle(folder), network, lpips=0.3)


def test_without_gradients_the_loss_is_the_same(folder, data):
    loss, size = pictures.perceptual(0.0, lpips=0.0, verdict=1.0)(data, Bundle(folder))
    with torch.no_grad():
        found = loss(Faded(), torch.arange(size), torch.Generator())
    assert float(found) == pytest.approx(pulled(data, None)[0], rel=1e-6)


def test_a_bundle_without_a_model_or_none_at_all_is_no_fault(folder, data):
    (folder / Bundle(folder).manifest.parts["classifier"].file).unlink()
    with_it, without = pulled(data, Bundle(folder), verdict=1.0), pulled(data, None)
    assert torch.equal(with_it[1], without[1])
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
