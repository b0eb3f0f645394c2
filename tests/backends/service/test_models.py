import numpy as np
import pytest
import torch
from torch import nn

from backends import service
from backends.targets import added
from backends.targets.model import Classifier
from backends.targets.outside.network import of_object
from backends.targets.reference import Options


@pytest.fixture
def named(monkeypatch):
    """Give a model a name for one test."""
    monkeypatch.setattr(added, "_added", {})

    def name(made, **options):
        network = of_object(made, Options(**options), size=16, channels=1)
        added.add("mine", lambda bundle: Classifier(network, network.labels))

    return name


def test_a_model_tells_what_it_takes_and_sees(tiny, picture, named):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 2))
    options = {"size": 24, "channels": 3, "mean": (0.5, 0.4, 0.3), "std": (0.25,)}
    named(net, classes=("cat", "dog"), **options)
    found = service.inspect(tiny, picture, "mine")
    assert (found.size, found.channels, found.classes) == ((24, 24), 3, ["cat", "dog"])
    assert found.mean == pytest.approx((0.5, 0.4, 0.3))
    assert found.std == pytest.approx((0.25,))
    assert found.seen.shape == (24, 24, 3)
    assert abs(float(found.seen.mean()) - float(picture.mean())) < 3, "not normalised"
    assert found.prediction.label in ("cat", "dog")
    assert found.differentiable


def test_a_model_of_labels_says_so(tiny, picture, named):
    named(lambda x: (x.mean((1, 2, 3)) > 0.5).astype(int), classes=("dark", "bright"))
    found = service.inspect(tiny, picture, "mine")
    assert not found.differentiable
    assert found.prediction.label == ("bright" if picture.mean() > 127 else "dark")


def test_the_bundles_own_classifier_sees_the_picture_as_it_is(tiny, picture):
    found = service.inspect(tiny, picture, "classifier")
    assert np.array_equal(found.seen, picture)
    assert (found.mean, found.std) == ((0.0,), (1.0,))
    assert torch.is_grad_enabled()
