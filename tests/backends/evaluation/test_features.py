"""Features and strokes that a row's metrics are measured from."""

import torch
from torch.nn import functional as F

from backends import bundles
from backends.evaluation.features import oracle_features, stroke_tables
from backends.metrics.frechet import frechet_oracle, split_frechet_oracle
from backends.metrics.kernel import kernel_oracle
from backends.metrics.morphometry import slant_change, thickness_change
from backends.metrics.similarity import cosine_oracle
from tests.conftest import write_tiny


def test_the_oracle_s_last_layer_gives_its_opinion_from_the_features(tiny):
    found = bundles.find(tiny)
    x = torch.rand(60, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    before, after = oracle_features(found, x, 1 - x)
    oracle = found.part("oracle")
    with torch.no_grad():
        assert torch.allclose(oracle.body[-1](before), oracle(x), atol=1e-5)
        assert torch.allclose(oracle.body[-1](after), oracle(1 - x), atol=1e-5)
    assert not oracle.body[-1]._forward_pre_hooks


def test_without_an_oracle_there_are_no_features(tmp_path):
    found = bundles.find(str(write_tiny(tmp_path / "bundle", without=("oracle",))))
    assert oracle_features(found, torch.zeros(2, 1, 16, 16), torch.zeros(2, 1, 16, 16)) is None


def test_the_same_pictures_are_no_distance_apart():
    x = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    flipped = torch.ones(40, dtype=torch.bool)
    assert abs(frechet_oracle((x, x), flipped)) < 1e-6
    assert frechet_oracle((x, x + 1), flipped) > 3.9
    assert split_frechet_oracle((x, x), flipped) > 0
    assert torch.allclose(cosine_oracle((x, 2 * x)), torch.ones(40))


def test_too_few_flipped_pictures_have_no_covariance():
    x = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    flipped = torch.arange(40) < 4
    assert frechet_oracle((x, x), flipped) is None
    assert split_frechet_oracle((x, x), flipped) is None


def test_the_kernel_distance_is_the_definitions_and_needs_few_pictures():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(30, 50, generator=generator).double() for _ in range(2))
    flipped = torch.arange(30) < 25
    found = kernel_oracle((x, y + 0.3), flipped)
    real, other = x[:25], (y + 0.3)[flipped]

    def kernel(a, b):
        return (a @ b.T / 50 + 1) ** 3

    same = [(kernel(a, a).sum() - kernel(a, a).trace()) / (25 * 24) for a in (real, other)]
    assert abs(found - float(sum(same) - 2 * kernel(real, other).mean())) < 1e-6
    assert found > abs(kernel_oracle((x, y), flipped))
    state = torch.random.get_rng_state()
    assert kernel_oracle((x, y + 0.3), flipped) == found
    assert torch.equal(state, torch.random.get_rng_state())
    assert kernel_oracle((x, y), torch.arange(30) < 10) is None


def test_strokes_change_as_they_are_drawn():
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 6:22, 12:16] = 1
    blank = torch.zeros_like(bar)
    thick = F.max_pool2d(bar, 3, 1, 1)
    tables = stroke_tables(
        bundles.get("digits"), torch.cat([bar, bar, blank, bar]), torch.cat([thick, bar, bar, bar]),
        None, 3,
    )  # fmt: skip
    assert set(tables) == {"strokes_before", "strokes_after"}
    measured = tuple(torch.from_numpy(tables[f"strokes_{name}"]) for name in ("before", "after"))
    change = thickness_change(measured)
    assert change[0] > 1
    assert change[1] == 0
    assert change[2].isnan()
    assert change[3].isnan(), "only the first three were asked for"
    assert slant_change(measured)[0] < 0.01
    assert measured[0][:2].isfinite().all()


def test_only_digits_have_strokes(tiny):
    found = bundles.find(tiny)
    x = torch.zeros(1, 1, 16, 16)
    digits = found.manifest.preparation == "digit"
    assert bool(stroke_tables(found, x, x, x, 1)) == digits
