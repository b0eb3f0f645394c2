"""The map of where several answers differ."""

import numpy as np
import pytest

from studio.export import deviation


def test_it_is_brightest_where_the_answers_differ_most():
    pictures = [np.zeros((2, 2, 1), np.uint8) for _ in range(3)]
    pictures[0][0, 0] = 255
    pictures[0][1, 1] = 51
    heat, brightest = deviation(pictures)
    shown = np.asarray(heat).astype(int).sum(-1)
    assert brightest == pytest.approx(np.std([1, 0, 0], ddof=1))
    assert shown[0, 0] > shown[1, 1] > shown[0, 1] == shown[1, 0]


def test_a_grey_level_of_noise_is_not_shown_as_a_difference():
    alike, other = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 101, np.uint8)
    heat, brightest = deviation([alike, other])
    assert brightest == 0.02
    assert np.asarray(heat).max() < 100
