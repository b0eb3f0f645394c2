"""DeepLIFT on networks whose activations are shared, work in place, or are functions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from backends.regions import attribution
from backends.regions.separated import separated
from backends.targets.model import Classifier


class Shared(nn.Module):
    """Two layers that share one ReLU, which works in place, and a third one that calls it."""

    def __init__(self, branch=False):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, 3)
        self.branch = branch

    def forward(self, x):
        if self.branch and float(x.sum()) > 1e9:  # what cannot be traced
            x = -x
        x = self.relu(self.second(self.relu(self.first(x))))
        return self.head(F.relu(x).mean((2, 3)))


class Apart(nn.Module):
    """The same with modules of their own."""

    def __init__(self, other):
        super().__init__()
        self.layers = nn.Sequential(other.first, nn.ReLU(), other.second, nn.ReLU(), nn.ReLU())
        self.head = other.head

    def forward(self, x):
        return self.head(self.layers(x).mean((2, 3)))


def deep_lift(network, x):
    f = Classifier(network.eval().requires_grad_(False), ["a", "b", "c"])
    with torch.enable_grad():
        module = attribution._Logits(f, apart=True)
        return attribution._deep_lift(module, x.clone(), f.logits(x).argmax(1)).detach()


@pytest.mark.filterwarnings("ignore")
def test_shared_activations_are_as_good_as_their_own():
    torch.manual_seed(0)
    network, x = Shared(), torch.rand(2, 1, 9, 9)
    assert torch.allclose(deep_lift(network, x), deep_lift(Apart(network), x), atol=1e-6)
    assert network.relu.inplace, "the network itself stays as it was"


@pytest.mark.filterwarnings("ignore")
def test_torchvision_networks_add_up():
    """DeepLIFT's promise: attributions add up to the change of the logit from the baseline."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network, x = resnet18(num_classes=3), torch.rand(1, 3, 64, 64)
    raw = deep_lift(network, x)
    logits = network(torch.cat([x, torch.zeros_like(x)]))
    change = (logits[0] - logits[1])[logits[0].argmax()]
    assert float(raw.sum()) == pytest.approx(float(change), rel=1e-3, abs=1e-4)
    f = Classifier(network, ["a", "b", "c"])
    assert attribution.attribute(f, x, "deep_lift").max() > 0


def test_what_cannot_be_traced_is_separated_inside():
    torch.manual_seed(0)
    inner, x = Shared(), torch.rand(2, 1, 9, 9)

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(-x if float(x.sum()) < 0 else x)

    network = Around()
    apart = separated(network)
    assert torch.equal(apart(x), network(x))
    assert not [m for m in apart.modules() if getattr(m, "inplace", False)]
    assert len([m for m in apart.modules() if isinstance(m, nn.ReLU)]) >= 3
