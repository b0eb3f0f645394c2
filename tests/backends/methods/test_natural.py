"""The random latent search: where it draws, what it keeps, and how its shells move."""

import pytest
import torch

from backends.core import Region
from backends.methods.natural import NaturalSearch, _around, _Shell
from backends.targets.model import Classifier

X = torch.tensor([[[[0.2, 0.8], [0.1, 0.4]]], [[[0.3, 0.6], [0.2, 0.2]]]])
WHOLE, TARGET = Region(torch.ones_like(X)), torch.tensor([1, 1])


class Reshape:
    """Four pixels are their own latent."""

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z.view(-1, 1, 2, 2)


def beyond(value):
    """The second class where the first pixel is greater: the boundary is a plane."""
    return Classifier(
        lambda x: 1e3 * torch.stack([value - x[:, 0, 0, 0], x[:, 0, 0, 0] - value], 1), ["a", "b"]
    )


def search(f, seed=0, **config):
    method = NaturalSearch(f, Reshape())
    generator = torch.Generator().manual_seed(seed)
    return list(method.explain(X, TARGET, WHOLE, method.Config(**config), generator))


def test_candidates_lie_at_the_distances_that_were_asked_for():
    z, distance = torch.randn(2, 3), torch.tensor([0.5, 1.0, 7.0])
    near = _around(z, distance, torch.Generator().manual_seed(0))
    assert torch.allclose((near - z).flatten(1).norm(dim=1), distance)


@pytest.mark.parametrize("kind", ["hybrid", "iterative"])
def test_the_nearest_answer_is_found(kind):
    """The plane is .8 and .7 away from the two pictures."""
    last = search(beyond(1.0), search=kind, samples=2000, increment=0.02, radius=5)[-1]
    away = (last.latent - X.flatten(1)).norm(dim=1)
    assert (last.image[:, 0, 0, 0] > 1).all()
    assert torch.allclose(away, torch.tensor([0.8, 0.7]), atol=0.06)
    assert (away >= torch.tensor([0.8, 0.7])).all()


def test_what_is_never_found_ends_at_the_surest_candidate():
    steps = search(beyond(100.0), samples=50, radius=1, increment=0.1)
    first = steps[-1].image[:, 0, 0, 0]
    assert (first > X[:, 0, 0, 0]).all()
    assert len(steps) < 20


def shell(**config):
    return _Shell(NaturalSearch.Config(radius=8, increment=1, patience=2, **config))


def take(one, *distances, hits=True):
    d = torch.tensor(distances)
    return one.take(d, torch.full(d.shape, hits), torch.rand(len(d)))


def test_algorithm_2_halves_and_then_goes_nearer():
    one = shell()
    assert (one.low, one.high) == (0, 8)
    take(one, 3.0, hits=False)
    assert (one.low, one.high) == (4, 8)
    assert take(one, 7.0, 6.0) == 1
    assert (one.low, one.high) == (3, 6)
    assert take(one, 3.0) == 0
    assert (one.low, one.high) == (1.5, 3)
    take(one, 2.0, hits=False)
    assert (one.low, one.high) == (2, 3)  # less than an increment is not left: the second part
    assert not one.halving
    take(one, 2.5)
    assert (one.low, one.high, one.nearest) == (1, 2, 2.5)
    take(one, 1.5, hits=False)
    assert not one.done
    take(one, 1.5, hits=False)
    assert one.done


def test_algorithm_1_goes_farther_until_something_is_found():
    one = shell(search="iterative")
    for at in range(3):
        assert (one.low, one.high) == (at, at + 1)
        take(one, at + 0.5, hits=False)
    assert take(one, 3.5) == 0
    assert one.done
