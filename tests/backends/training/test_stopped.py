"""A training that is stopped, or shares its device: what it keeps, and how long others wait."""

import time

import pytest
import torch
from torch import nn

from backends import bundles
from backends.training import domain_recipes, timed_training
from backends.training.fit import FitPlan, fit
from backends.training.new import NewConfig, new
from backends.training.timed_training import train_for
from tests.backends.training.own_pictures import write_tree

PLAN = FitPlan(steps=200, batch=4, learning_rate=1e-2, mixed=False)


def loss(module, indices, generator):
    return module(torch.ones(len(indices), 2)).square().mean()


def test_a_stop_keeps_what_was_learnt(tmp_path):
    path = tmp_path / "part.safetensors"
    steps = fit(nn.Linear(2, 1), loss, 40, PLAN, path, every=10)
    reached = [next(steps).step for _ in range(3)][-1]
    assert not path.exists(), "the next checkpoint is far"
    steps.close()
    assert next(fit(nn.Linear(2, 1), loss, 40, PLAN, path, every=10)).step == reached


def test_nobody_waits_for_many_slow_steps(monkeypatch):
    monkeypatch.setattr("backends.training.fit.PATIENCE", 0.02)

    def slow(module, indices, generator):
        time.sleep(0.03)
        return loss(module, indices, generator)

    steps = fit(nn.Linear(2, 1), slow, 40, PLAN)
    assert [next(steps).step for _ in range(3)] == [1, 2, 3]


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    sizes = {"small": [8, 16], "medium": [8, 24], "large": [8, 32]}
    monkeypatch.setattr(domain_recipes, "WIDTHS", dict.fromkeys(domain_recipes.WIDTHS, sizes))
    monkeypatch.setattr(timed_training, "_step", lambda recipe, bundle: 0.01)
    for _ in new("squares", write_tree(tmp_path / "pictures"), NewConfig(size=32)):
        pass
    return bundles.find("squares")


def test_other_minutes_go_on_with_a_network_that_was_begun(bundle):
    begun = train_for(bundle, 10, ["bridge"], "cpu", "train")
    items = [next(begun)]
    while not items[-1].step:
        items.append(next(begun))
    begun.close()
    assert items[0].total == 0, "its speed is measured first, a network at a time"
    again = train_for(bundle, 0.01, ["bridge"], "cpu", "train")
    assert next(again).step == items[-1].step
    list(again)
    there = bundles.find("squares").own.parts["bridge"]
    large = domain_recipes.cookbook(bundle.own, {"bridge": "large"}, {}).recipes["bridge"]
    small = domain_recipes.cookbook(bundle.own, {"bridge": "small"}, {}).recipes["bridge"]
    assert large.arguments != small.arguments
    assert there.arguments in (large.arguments, small.arguments)
    assert there.trained.steps >= items[-1].step


def test_a_course_that_trained_the_classifier_is_still_the_same(bundle):
    begun = train_for(bundle, 0.05, [], "cpu", "train")
    for item in begun:
        if item.part == "oracle" and item.step:
            break
    begun.close()
    again = train_for(bundles.find("squares"), 0.05, [], "cpu", "train")
    first = next(again)
    assert first.part == "oracle"
    assert first.step >= item.step
    again.close()
