"""How long runs take: the median of the latest, of each method and bundle apart."""

import numpy as np

from backends.core import Answer, Request
from studio.runs.durations import KEPT, Durations


def add(durations, method, seconds, status="flipped", bundle="digits"):
    nothing = np.zeros((1, 1, 1), np.uint8)
    record = {"seconds": seconds, "status": status}
    durations.add(Request(bundle, method, "9", nothing), Answer(nothing, nothing, nothing, record))


def test_a_median_of_each_method_and_bundle():
    durations = Durations()
    for seconds in (1.0, 9.0, 2.0):
        add(durations, "place", seconds)
    add(durations, "rcsb", 5.0, "not_flipped")
    add(durations, "place", 70.0, bundle="faces")
    assert durations.of("digits") == {"place": 2.0, "rcsb": 5.0}
    assert durations.of("objects") == {}


def test_a_stopped_run_says_nothing():
    durations = Durations()
    add(durations, "place", 1.0, "cancelled")
    assert durations.of("digits") == {}


def test_old_runs_are_forgotten():
    durations = Durations()
    for seconds in [100.0] * KEPT + [1.0] * KEPT:
        add(durations, "place", seconds)
    assert durations.of("digits") == {"place": 1.0}
