"""Metrics give the numbers of the authors' code (ACE, Morpho-MNIST)."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends.metrics.cout import cout, curves
from backends.metrics.frechet import frechet, halves, split_frechet
from backends.metrics.morphometry import Morphometry, measure
from backends.metrics.similarity import s3
from backends.targets.model import Classifier

GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))
import nets  # noqa: E402 - the reference networks lie beside the data

DATA = np.load(GOLDEN / "metrics.npz")
META = json.loads(str(DATA["meta"]))


def tensor(name):
    return torch.tensor(DATA[name])


def close(ours, name):
    assert np.abs(np.asarray(ours) - DATA[name]).max() <= 1e-9


class OneLogit:
    """A binary task with one logit l: classes 0 and 1 with probabilities 1 - s(l) and s(l)."""

    def __init__(self, network):
        self.network = network

    def probabilities(self, x):
        p = self.network(x).sigmoid()
        return torch.stack([1 - p, p], dim=1)


def cout_case(case, task):
    x, cf = tensor(f"{case}_x"), tensor(f"{case}_cf")
    seed, classes = (
        META["seeds"]["clf" if task == "multi" else "binary"],
        4 if task == "multi" else 1,
    )
    net = nets.Classifier(x[0].numel(), classes, seed)
    fingerprint = META[case]["fp_clf" if task == "multi" else "fp_binary"]
    assert abs(nets.fingerprint(net) - fingerprint) < 1e-9
    if task == "multi":
        f = Classifier(net, list("abcd"))
        source, target = (torch.full((len(x),), META[case][k]) for k in ("source", "target"))
    else:
        f = OneLogit(net)
        source = f.probabilities(x).argmax(1)  # what the model says itself
        target = 1 - source
    return f, x, cf, source, target


@pytest.mark.parametrize("task", ["multi", "binary"])
@pytest.mark.parametrize("case", ["cout", "cout7"])
def test_cout(case, task):
    arguments = cout_case(case, task)
    at, p_source, p_target = curves(*arguments, portions="authors")
    close(at, f"{case}_{task}_index")
    close(p_source, f"{case}_{task}_source_curve")
    close(p_target, f"{case}_{task}_target_curve")
    value = cout(*arguments, portions="authors")
    close(value, f"{case}_{task}_per_image")
    close(value.mean(), f"{case}_{task}_mean")
    close(value.sum(), f"{case}_{task}_sum")


def test_equal_portions_end_at_one_and_are_near_the_authors():
    arguments = cout_case("cout", "multi")
    at, _, _ = curves(*arguments)
    assert at[-1] == 1
    assert len(at) == 51
    assert (cout(*arguments) - cout(*arguments, portions="authors")).abs().max() < 0.03


def test_s3():
    value = s3(tensor("s3_features_x"), tensor("s3_features_cf"))
    close(value, "s3_per_image")
    close(value.mean(), "s3_mean")


def test_frechet():
    real, cf, flipped = (tensor(f"fid_{k}") for k in ("features_real", "features_cf", "flipped"))
    close(frechet(real, cf[flipped]), "fid_value")
    one, two = tensor("sfid_split1"), tensor("sfid_split2")
    close(frechet(real[one], cf[two & flipped]), "sfid_real1_cf2")
    close(frechet(real[two], cf[one & flipped]), "sfid_real2_cf1")
    close(split_frechet(real, cf, flipped, one, two), "sfid_value")


def test_halves_are_disjoint_and_an_odd_one_is_left_out():
    one, two = halves(61, torch.Generator().manual_seed(0))
    assert int(one.sum()) == int(two.sum()) == 30
    assert not (one & two).any()
    again, _ = halves(61, torch.Generator().manual_seed(0))
    assert torch.equal(one, again)


def test_morphometry():
    assert list(Morphometry._fields) == META["morpho_columns"]
    digits = DATA["morpho_image"]
    close([measure(digit) for digit in digits], "morpho_uint8")
    close([measure(digit.astype(np.float32) / 255) for digit in digits], "morpho_float01")


def test_thicker_and_slanted_digits_measure_so():
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 6:22, 12:16] = 1
    thick = F.max_pool2d(bar, 3, 1, 1)
    slanted = torch.zeros(1, 1, 28, 28)
    for row in range(6, 22):  # leans to the right: further right, further up
        start = 12 + (14 - row) // 2
        slanted[..., row, start : start + 4] = 1
    plain, fat, leaning = (measure(x[0, 0].numpy()) for x in (bar, thick, slanted))
    assert fat.thickness > plain.thickness + 1
    assert fat.area > plain.area
    assert abs(plain.slant) < 0.01 < 0.3 < leaning.slant
