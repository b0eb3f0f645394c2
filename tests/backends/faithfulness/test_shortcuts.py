"""What a shortcut is, and how a model's reliance on it is measured."""

import pytest
import torch

from backends.faithfulness.factors import FACTORS
from backends.faithfulness.shortcuts import PAIRS, effect, level_of, planted
from backends.training.data import Split

MARK = FACTORS["mark"]


def clean(count=400):
    return Split(torch.zeros(count, 1, 32, 32, dtype=torch.uint8), torch.arange(count) % 10)


class Model:
    """A model of ten classes that is sure of the class a function names."""

    differentiable = False

    def __init__(self, says):
        self.says = says
        self.class_names = [str(i) for i in range(10)]

    def logits(self, x):
        return self.probabilities(x).log()

    def probabilities(self, x):
        return torch.nn.functional.one_hot(self.says(x), 10).float()


@pytest.mark.parametrize(("correlation", "share"), [(1.0, 1.0), (0.5, 0.75), (0.0, 0.5)])
def test_the_level_is_the_class_s_own_as_often_as_the_correlation_says(correlation, share):
    data = planted(clean(), MARK, correlation, 0)
    x, y = data.batch(torch.arange(len(data)))
    marked = MARK.measure(x) > 0.45
    assert float((marked == (level_of(y) > 0)).float().mean()) == pytest.approx(share, abs=0.06)


def test_the_same_seed_plants_the_same():
    first, again = (planted(clean(), MARK, 0.5, 3).pictures for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, planted(clean(), MARK, 0.5, 4).pictures)


def test_a_model_that_reads_the_factor_alone_has_the_whole_effect():
    found = effect(Model(lambda x: 9 * (MARK.measure(x) > 0.45).long()), clean(), MARK)
    assert float(found.treatment.mean()) == 1
    assert found.switched.all()


def test_a_model_that_ignores_the_factor_has_none():
    found = effect(Model(lambda x: torch.full((len(x),), 3)), clean(), MARK)
    assert not found.treatment.any()
    assert not found.switched.any()


def test_every_question_crosses_the_shortcut():
    source, target = torch.tensor(PAIRS).T
    assert (level_of(source) != level_of(target)).all()
    assert sorted(source.tolist()) == sorted(target.tolist()) == list(range(10))
