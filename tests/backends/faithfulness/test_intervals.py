"""Areas and their intervals, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from backends.faithfulness.intervals import auroc, mean


def drawn(shift, shape=(3, 12)):
    return np.random.default_rng(int(10 * shift)).normal(shift, 1, shape).round(1)


@pytest.mark.parametrize("shift", [0.0, 0.7, 3.0])
def test_the_area_is_scikit_learn_s_ties_and_all(shift):
    found, control = drawn(shift), drawn(0.1)
    labels = np.repeat([1, 0], found.size)
    ours = auroc(found, control, 0)
    theirs = roc_auc_score(labels, np.concatenate([found.ravel(), control.ravel()]))
    assert ours.value == pytest.approx(theirs, abs=1e-4)
    assert ours.low <= ours.value <= ours.high


def test_what_could_not_be_measured_counts_nowhere():
    found, control = drawn(1.0), drawn(0.2)
    found[0, 3] = control[1, 5] = np.nan
    kept, against = found[np.isfinite(found)], control[np.isfinite(control)]
    labels = np.repeat([1, 0], [len(kept), len(against)])
    expected = roc_auc_score(labels, np.concatenate([kept, against]))
    assert auroc(found, control, 0).value == pytest.approx(expected, abs=1e-4)
    assert auroc(found * np.nan, control, 0) is None
    assert mean(found, 0).value == pytest.approx(np.nanmean(found), abs=1e-4)
    assert mean(found * np.nan, 0) is None


def test_sets_that_are_apart_are_told_for_sure_and_equal_ones_are_not():
    assert auroc(drawn(0.1) + 100, drawn(0.1), 0) == (1, 1, 1)
    same = auroc(drawn(0.1), drawn(0.1), 0)
    assert same.value == 0.5
    assert same.low < 0.5 < same.high


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(0).normal(0, 1, (1, 400))
    found = mean(values, 0)
    error = values.std() / 20
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=error / 4)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=error / 4)


def test_the_same_seed_gives_the_same_interval():
    assert auroc(drawn(0.7), drawn(0.1), 5) == auroc(drawn(0.7), drawn(0.1), 5)
