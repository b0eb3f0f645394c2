"""LeapFactual's settings for a bundle of a person's own."""

from types import SimpleNamespace

import pytest
import torch

from backends.bundles import Bundle
from backends.evaluation import domain, tuning
from backends.training.data import Split
from tests.conftest import write_tiny


@pytest.fixture
def bundle(tmp_path):
    return Bundle(write_tiny(tmp_path / "tiny"))


@pytest.fixture
def data():
    levels = torch.randint(256, (40, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    return Split(levels.to(torch.uint8), torch.arange(40) % 2, False)


def chosen(bundle, data, monkeypatch, flips, agrees=None):
    """What is chosen where each candidate flips a share of the pictures, and the oracle agrees
    with a share of them all."""
    asked = []

    def run(question):
        number = len(asked)
        asked.append(question)
        order = torch.arange(len(question.target)) / len(question.target)
        metrics = {}
        if agrees is not None:
            says = order < agrees[number]
            metrics["oracle_label"] = torch.where(says, question.target, 1 - question.target)
        answer = SimpleNamespace(flipped=order < flips[number], metrics=metrics)
        yield SimpleNamespace(counterfactual=answer)

    monkeypatch.setattr(tuning, "run", run)
    return asked, outcome(tuning.tuned(bundle, data))


def outcome(search):
    """The value of a generator whose shares rise."""
    shares = []
    while True:
        try:
            shares.append(next(search).share)
        except StopIteration as end:
            assert shares == sorted(shares)
            return end.value


def test_the_gentlest_settings_that_convince_are_taken(bundle, data, monkeypatch):
    asked, found = chosen(bundle, data, monkeypatch, (0.1, 0.5, 0.98, 1.0))
    assert found == tuning.CANDIDATES[2]
    assert len({str(question.config) for question in asked}) == len(tuning.CANDIDATES)
    assert all(len(question.target) == tuning.TUNED for question in asked)
    assert all((question.target >= 0).all() for question in asked)


def test_the_oracle_counts_where_there_is_one(bundle, data, monkeypatch):
    _, found = chosen(bundle, data, monkeypatch, (1.0, 1.0, 1.0, 0.9), (0.1, 0.2, 0.5, 0.8))
    assert found == tuning.CANDIDATES[3]


def test_what_the_digits_take_needs_no_setting(bundle, data, monkeypatch):
    assert chosen(bundle, data, monkeypatch, (1.0, 1.0, 1.0, 1.0))[1] == {}


def test_real_answers_are_counted(bundle, data):
    assert outcome(tuning.tuned(bundle, data)) in tuning.CANDIDATES


def test_what_was_chosen_is_this_bundles_default(bundle, data, monkeypatch):
    monkeypatch.setattr(domain, "load", lambda folder, place: (data, data))

    def tuned(*_):
        yield domain.Judging("leapfactual", "whole", 0.5)
        return tuning.CANDIDATES[2]

    monkeypatch.setattr(domain, "tuned", tuned)
    list(domain._tune(bundle))
    again = Bundle(bundle.folder)
    assert again.own.settings["leapfactual"] == tuning.CANDIDATES[2]
