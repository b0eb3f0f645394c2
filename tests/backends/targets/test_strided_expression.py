"""The second expression network: what its publisher's code computes, and what it makes of it."""

import math

import pytest
import torch

from backends import registry
from backends.conversion import checkpoints
from backends.errors import MissingPart
from backends.targets.expression import EXPRESSIONS
from backends.targets.strided_expression import StridedExpression

TINY = {"width": 2, "hidden": 5, "size": 16}


def spread(number, *shape):
    """Numbers in [-1, 1] without a pattern to speak of, the same with every version of torch."""
    count = torch.arange(math.prod(shape)) + 1
    return ((31 * count**2 + 17 * count + 101 * number) % 1009 / 504 - 1).reshape(shape)


def checkpoint(folder, width=32, hidden=256, size=48):
    """Weights with the names that the published weights have; a file of the published name."""
    stored, inner, number = {}, 1, 0
    for layer in range(1, 5):
        outer = width * 2 ** (layer - 1)
        convolution, norm = f"conv_{layer}.1", f"conv_{layer}.2"
        kernel = spread(number, outer, inner, 3, 3) * (6 / (9 * inner)) ** 0.5
        stored[f"{convolution}.weight"] = kernel
        stored[f"{convolution}.bias"] = 0.3 * spread(number + 1, outer)
        stored[f"{norm}.weight"] = 1 + 0.2 * spread(number + 2, outer)
        stored[f"{norm}.bias"] = 0.3 * spread(number + 3, outer)
        stored[f"{norm}.running_mean"] = 0.3 * spread(number + 4, outer)
        stored[f"{norm}.running_var"] = 1 + 0.5 * spread(number + 5, outer)
        inner, number = outer, number + 6
    inner *= (size // 8) ** 2
    for name, outer in (("linear.0", hidden), ("linear.2", len(EXPRESSIONS))):
        stored[f"{name}.weight"] = spread(number, outer, inner) * (6 / inner) ** 0.5
        stored[f"{name}.bias"] = 0.3 * spread(number + 1, outer)
        inner, number = outer, number + 2
    path = folder / checkpoints.EXPRESSION
    torch.save({"network": stored, "optimizer": {"state": {}}, "epochs": 1}, path)
    return {path.name: path}


def converted(files, **arguments):
    network = StridedExpression(**arguments).eval()
    network.load_state_dict(registry.converter("strided_expression_checkpoint")(files))
    return network


@pytest.fixture
def tiny(tmp_path):
    return converted(checkpoint(tmp_path, **TINY), **TINY)


# What the network of the package facial_emotion_recognition 0.3.4 gives for the same weights and
# pictures: sigmoids, which its publisher compares.
PUBLISHED = [
    [0.65161, 0.62979, 0.50754, 0.43928, 0.48896, 0.52851, 0.47652],
    [0.60893, 0.65452, 0.55360, 0.56300, 0.50298, 0.51370, 0.41514],
]


@torch.no_grad()
def test_it_computes_what_the_publishers_code_does(tmp_path):
    network = converted(checkpoint(tmp_path))
    faces = spread(0, 2, 1, 48, 48)
    faces[1] = faces[1].cumsum(-1) / 4
    found = network.features(faces).sigmoid()
    assert torch.allclose(found, torch.tensor(PUBLISHED), atol=1e-4)


@torch.no_grad()
def test_smiling_is_the_mean_chance_of_happy_at_nine_places(tiny):
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    faces = tiny.seen(x)
    assert faces.shape == (3, 9, 16, 16)
    happy = EXPRESSIONS.index("happy")
    each = [tiny.features(faces[:, i : i + 1]).softmax(1)[:, happy] for i in range(9)]
    log_probabilities = tiny(x)
    assert torch.allclose(log_probabilities[:, 1].exp(), torch.stack(each).mean(0), atol=1e-6)
    assert torch.allclose(log_probabilities.exp().sum(1), torch.ones(3), atol=1e-6)


def test_the_places_lie_about_the_face_and_are_grey():
    network = StridedExpression(size=16, crop=(0.3, 0.3, 0.7, 0.7), scatter=0.1)
    x = torch.zeros(1, 3, 100, 100)
    x[:, 1] = torch.linspace(0, 1, 100)[:, None]  # brighter below
    x[..., :15, :], x[..., 85:, :] = 0.5, 0.5  # what no place reaches
    rows = (network.seen(x) + 1).mean(-1).mean(-1)[0] / 2
    expected = 0.587 * (torch.tensor([0.4, 0.5, 0.6] * 3) * 100 - 0.5) / 99
    assert torch.allclose(rows, expected, atol=1e-3)


@torch.no_grad()
def test_a_picture_gives_about_the_same_at_any_size(tiny):
    coarse = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    found = [
        tiny(torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1))
        for side in (64, 256, 1024)
    ]
    assert torch.allclose(found[1], found[2], atol=0.02)
    assert torch.allclose(found[0], found[2], atol=0.2)


def test_gradients_reach_the_picture(tiny):
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    tiny(x)[0, 1].backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


def test_a_certain_network_stays_finite(tiny):
    with torch.no_grad():
        tiny.head.weight.mul_(1e4)
        log_probabilities = tiny(torch.rand(4, 3, 64, 64))
    assert log_probabilities.isfinite().all()


def test_another_file_is_refused_in_one_sentence(tmp_path):
    files = checkpoint(tmp_path, **TINY)
    convert = registry.converter("strided_expression_checkpoint")
    path = files[checkpoints.EXPRESSION]
    for content in ({"network": {}}, {"weight": torch.zeros(1)}, [1]):
        torch.save(content, path)
        with pytest.raises(MissingPart, match="fetch the bundle again"):
            convert(files)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        convert(files)
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        convert({})
