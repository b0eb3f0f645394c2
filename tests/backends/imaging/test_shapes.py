"""Polygons, and regions that grow and shrink."""

import numpy as np
import pytest

from backends import imaging

SIDE = 24


@pytest.fixture
def scattered():
    return np.random.default_rng(1).random((SIDE, SIDE)) > 0.9


def near(mask, pixels):
    """By the definition: some marked pixel is at most so far away."""
    y, x = np.indices(mask.shape)
    marked = np.argwhere(mask)
    return np.any([(y - j) ** 2 + (x - i) ** 2 <= pixels**2 for j, i in marked], axis=0)


@pytest.mark.parametrize("pixels", [1, 2, 3, 7])
def test_growing_and_shrinking_follow_a_disc(scattered, pixels):
    assert np.array_equal(imaging.grown(scattered, pixels), near(scattered, pixels))
    assert np.array_equal(imaging.grown(scattered, -pixels), ~near(~scattered, pixels))


def test_a_border_is_no_edge():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:6, :9] = True  # a corner of the picture
    assert np.array_equal(imaging.grown(imaging.grown(mask, 4), -4), mask)
    assert imaging.grown(mask, -2)[:4, :7].all()
    assert imaging.grown(mask, -2).sum() == 4 * 7


def test_there_and_back_takes_nothing_and_adds_nothing(scattered):
    wider = imaging.grown(imaging.grown(scattered, 3), -3)
    assert (wider | ~scattered).all()
    narrower = imaging.grown(imaging.grown(~scattered, -2), 2)
    assert (~scattered | ~narrower).all()


@pytest.mark.parametrize("pixels", [2, -2])
def test_nothing_and_everything_stay(pixels):
    for mask in (np.zeros((5, 5), bool), np.ones((5, 5), bool)):
        assert np.array_equal(imaging.grown(mask, pixels), mask)


def test_a_polygon_takes_the_pixels_whose_middles_lie_in_it():
    square = np.array([[2, 3], [7, 3], [7, 9], [2, 9]])
    mask = imaging.in_polygon(square, (SIDE, SIDE))
    assert mask.sum() == 5 * 6
    assert mask[3:9, 2:7].all()
    triangle = imaging.in_polygon(np.array([[0, 0], [8, 0], [0, 8.2]]), (SIDE, SIDE))
    assert triangle[0].sum() == 8
    assert triangle[7].sum() == 1
