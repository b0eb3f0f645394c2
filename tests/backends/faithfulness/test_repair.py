"""A model that is taught its counterfactuals loses its shortcut."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from backends.faithfulness import repair
from backends.faithfulness.factors import FACTORS
from backends.faithfulness.shortcuts import level_of, planted
from backends.training.data import Split

MARK = FACTORS["mark"]


def digits(count=200, seed=0):
    """Pictures whose class is a column of ink, hard to see beside noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 10
    x = torch.randint(0, 60, (count, 1, 32, 32), generator=generator, dtype=torch.uint8)
    x[:, :, 20:] = 0
    for i, label in enumerate(y.tolist()):
        x[i, 0, 6:18, 4 + 2 * label] = 140
    return Split(x, y)


def learner():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture(scope="module")
def fooled():
    """A network that learnt the mark."""
    data = planted(digits(), MARK, 1.0, 0)
    return repair.retaught(learner(), data, 200, 0), data


def test_the_shortcut_goes_when_its_counterfactuals_are_taught(fooled, monkeypatch):
    network, data = fooled
    bundle = SimpleNamespace(part=lambda name: network, own=SimpleNamespace(class_names=[""] * 10))

    def other_level(bundle, network, x, target, *_):
        return MARK.plant(x, level_of(target)), torch.ones(len(x), dtype=torch.bool)

    monkeypatch.setattr(repair, "towards", other_level)
    clean, watched = digits(seed=1).first(100), digits(seed=2).first(100)
    everywhere = torch.ones(1, 1, 32, 32)
    first, *_, last = repair.mend(bundle, MARK, data, clean, watched, "any", everywhere, {}, 0)
    assert (first.round, first.taught) == (0, 0)
    assert first.effect > 0.2
    assert last.round > 0
    assert last.taught == 100 * last.round
    assert abs(last.effect) < repair.GONE
    reversed_ = Split(
        (MARK.plant(*_batch(watched, other=True)) * 255).byte(), watched.labels
    )  # fmt: skip
    assert repair.accuracy(last.network, reversed_) > repair.accuracy(first.network, reversed_)


def _batch(data, *, other):
    x, y = data.batch(torch.arange(len(data)))
    return x, -level_of(y) if other else level_of(y)


def test_fine_tuning_the_last_layer_leaves_the_others_and_the_first_model(fooled):
    network, data = fooled
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = repair.retaught(network, data, 20, 1, last_layer=True).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"3.weight", "3.bias"}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_mistakes_are_those_and_accuracy_is_the_rest(fooled):
    network, data = fooled
    wrong = Split(data.pictures[:10], (data.labels[:10] + 1) % 10)
    both = repair.joined(data.first(10), wrong)
    places, said = repair.mistakes(network, both)
    assert len(places) == 10
    assert torch.equal(said[-1:], both.labels[9:10])
    assert repair.accuracy(network, both) == 0.5


def test_what_is_taught_weighs_as_much_as_what_was_learnt():
    data = digits(50)
    assert len(repair.joined(data, data.first(10))) == 60
    assert len(repair.joined(data, data.first(10), even=True)) == 100


def test_the_answers_name_what_the_mistakes_lacked():
    data = digits(20)
    x, y = data.batch(torch.arange(20))
    before, after = MARK.plant(x, -level_of(y)), MARK.plant(x, level_of(y))
    units = {"mark": 0.9, "thickness": 2.0, "slant": 0.6, "gradient": 0.4}
    name, changes = repair.changed_most(before, after, y, units)
    assert name == "mark"
    assert set(changes) == set(FACTORS)
    assert changes["mark"].mean() == pytest.approx(1, abs=0.05)
