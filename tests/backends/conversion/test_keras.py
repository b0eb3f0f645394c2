"""Keras files -> our networks: the same numbers as an independent reading of the same file."""

import numpy as np
import pytest
import torch

from backends import registry
from backends.conversion import keras
from backends.errors import MissingPart
from backends.targets.age_gender import WideResNet
from backends.targets.expression import EXPRESSIONS, MiniXception
from tests.backends.conversion import keras_models


@pytest.fixture
def expression(tmp_path):
    """A mini-Xception whose maps are odd and even: 19, 17, 15, 8, 4 pixels."""
    w = keras_models.Writer((19, 19, 1))
    x = w.relu(w.norm(w.conv(w.input, 2, padding="valid")))
    x = w.relu(w.norm(w.conv(x, 2, padding="valid")))
    for filters in (3, 4):
        y = w.norm(w.separable(w.relu(w.norm(w.separable(x, filters))), filters))
        skip = w.norm(w.conv(x, filters, side=1, stride=2))
        x = w.plus(w.pool(y, "MaxPooling2D", 3, 2), skip)
    out = w.layer("GlobalAveragePooling2D", w.conv(x, len(EXPRESSIONS), bias=True))
    return w.write(tmp_path / keras.EXPRESSION), out


@pytest.fixture
def age_gender(tmp_path):
    """A wide residual network of 11 convolutions, so that the second follows the first, not the
    tenth; its last maps are 5 pixels a side, pooled with a lopsided window of 4."""
    w = keras_models.Writer((10, 10, 3))
    x = w.conv(w.input, 3)
    for group, filters in enumerate((4, 5)):
        for unit in range(2):
            active = w.relu(w.norm(x))
            y = w.conv(active, filters, stride=2 if group and not unit else 1)
            y = w.conv(w.relu(w.norm(y)), filters)
            if not unit:
                x = w.conv(active, filters, side=1, stride=2 if group else 1)
            x = w.plus(y, x)
    x = w.layer("Flatten", w.pool(w.relu(w.norm(x)), "AveragePooling2D", 4, 1))
    heads = w.dense(x, 5 * 5 * 5, 2), w.dense(x, 5 * 5 * 5, 7)
    return w.write(tmp_path / keras.AGE_GENDER), heads


TINY_AGE = {"stem": 3, "widths": (4, 5), "size": 10, "ages": 7}


def load(network, state):
    network.load_state_dict(state)
    return network.eval()


def seen_by_keras(network, x):
    return network.seen(x).permute(0, 2, 3, 1).double().numpy()


def test_mini_xception_computes_what_keras_defines(expression):
    path, out = expression
    state = registry.converter("mini_xception_keras")({path.name: path})
    network = load(MiniXception(stem=2, widths=(3, 4), size=19), state)
    x = torch.rand(2, 3, 70, 70, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = keras_models.compute(path, seen_by_keras(network, x), out)
        assert np.abs(network.expressions(x).numpy() - expected).max() < 1e-4
        assert expected.std() > 0.1, "the file computes something"


def test_smiling_is_happy_against_all_the_others(expression):
    path, _ = expression
    state = keras.convert_mini_xception({path.name: path})
    network = load(MiniXception(stem=2, widths=(3, 4), size=19), state)
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        happy = network.expressions(x).softmax(1)[:, EXPRESSIONS.index("happy")]
        assert torch.allclose(network(x).softmax(1)[:, 1], happy, atol=1e-6)


def test_the_network_sees_a_grey_face_in_its_own_range():
    network = MiniXception(crop=(0.25, 0.25, 0.75, 0.75))
    x = torch.zeros(1, 3, 100, 100)
    x[:, 1] = 1
    x[..., :20, :] = 0.3  # outside the crop
    assert torch.allclose(network.seen(x), torch.full((1, 1, 64, 64), 2 * 0.587 - 1), atol=1e-6)


def test_wide_resnet_computes_what_keras_defines(age_gender):
    path, (gender, age) = age_gender
    state = registry.converter("wide_resnet_keras")({path.name: path})
    x = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    networks = {h: load(WideResNet(h, **TINY_AGE), state) for h in ("gender", "age")}
    pixels = seen_by_keras(networks["age"], x)
    with torch.no_grad():
        expected = keras_models.compute(path, pixels, gender)
        assert np.abs(networks["gender"](x).numpy() - expected).max() < 1e-4 * abs(expected).max()
        logits = keras_models.compute(path, pixels, age)
        p = np.exp(logits - logits.max(1, keepdims=True))
        years = (p / p.sum(1, keepdims=True)) @ np.arange(7)
        assert networks["age"](x).shape == (2,)
        assert np.abs(networks["age"](x).numpy() - years).max() < 1e-3


def test_wide_resnet_sees_blue_first_in_eight_bits():
    x = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).expand(1, 3, 70, 70)
    seen = WideResNet("age", **TINY_AGE).seen(x)
    assert torch.allclose(seen[0, :, 0, 0], 255 * torch.tensor([0.3, 0.2, 0.1]))


@pytest.mark.parametrize("make", [lambda: MiniXception(stem=2, widths=(3, 4)),
                                  lambda: WideResNet("age", **TINY_AGE)])  # fmt: skip
def test_gradients_reach_the_picture(make):
    torch.manual_seed(0)  # of so few units, all may be silent
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    make().eval()(x).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("convert", [keras.convert_mini_xception, keras.convert_wide_resnet])
def test_another_file_is_refused_in_one_sentence(convert, expression, age_gender, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(b"no hdf5")
    other = age_gender[0] if convert is keras.convert_mini_xception else expression[0]
    for path in (broken, other):
        for name in (keras.EXPRESSION, keras.AGE_GENDER):
            with pytest.raises(MissingPart, match="fetch the bundle again"):
                convert({name: path})
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        convert({})
