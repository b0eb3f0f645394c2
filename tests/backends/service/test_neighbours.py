"""The nearest real pictures: of the right class, in order, absent where there are none."""

import numpy as np
import pytest

from backends import bundles, registry, service
from backends.core import Embedding


@pytest.mark.weights
def test_a_real_picture_is_its_own_nearest_and_the_class_is_the_one_asked_for():
    pictures, labels = bundles.get("digits").test_pictures()
    nine = pictures[labels == 9]
    found = service.nearest("digits", nine[3], "9")
    assert found.label == "9"
    assert len(found.neighbours) == 3
    first, second, third = found.neighbours
    assert np.array_equal(first.picture, nine[3])
    assert first.distance == pytest.approx(0, abs=1e-3)
    assert 0 < second.distance <= third.distance
    assert 0 < found.usual < 10
    for one in found.neighbours:
        assert any(np.array_equal(one.picture, real) for real in nine)


@pytest.mark.weights
def test_a_nine_is_nearer_to_nines_than_to_zeros():
    pictures, labels = bundles.get("digits").test_pictures()
    nine = pictures[labels == 9][0]
    far = service.nearest("digits", nine, "0").neighbours[0].distance
    near = service.nearest("digits", nine, "9").neighbours[1].distance
    assert near < far


@pytest.mark.weights
def test_none_where_the_bundle_has_no_pictures_of_it(tiny):
    picture = np.zeros((16, 16, 1), np.uint8)
    assert service.nearest(tiny, picture, bundles.get(tiny).manifest.class_names[0]) is None
    assert service.nearest("digits", np.zeros((32, 32, 1), np.uint8), "more than 4") is None


@pytest.mark.parametrize(
    ("architecture", "arguments", "channels"),
    [
        ("conv_classifier", {"channels": 1, "size": 32, "classes": 5, "width": 4}, 1),
        ("residual_classifier", {"channels": 1, "classes": 5, "width": 4}, 1),
        ("cifar_resnet", {"blocks": 1, "classes": 5, "width": 4}, 3),
        ("cifar_vgg", {"classes": 5, "width": 4}, 3),
    ],
)
def test_what_a_classifier_embeds_is_what_its_last_layer_sees(architecture, arguments, channels):
    import torch

    network = registry.architecture(architecture)(**arguments).eval()
    assert isinstance(network, Embedding)
    x = torch.rand(2, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    last = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1]
    with torch.no_grad():
        assert torch.allclose(last(network.embed(x)), network(x), atol=1e-5)
