"""The way of a search: from the factual to the very answer, inside the region, in even steps."""

import numpy as np
import pytest

from backends import service
from backends.core import Answer, Frame
from backends.errors import BadInput
from backends.service.live_path import LivePath, live_path

LEAPS = {"blending_leaps": 4, "injection_leaps": 1}


def way_of(request, points=21):
    *frames, way = live_path(request, points)
    assert isinstance(way, LivePath)
    assert all(isinstance(frame, Frame) for frame in frames)
    return frames, way


def test_it_leads_from_the_factual_to_the_answer_to_the_last_bit(ask):
    request = ask("leapfactual", settings=LEAPS)
    frames, way = way_of(request)
    *_, answer = service.explain(request)
    assert isinstance(answer, Answer)
    assert np.array_equal(way.pictures[0], request.picture)
    assert np.array_equal(way.pictures[-1], answer.counterfactual)
    probability = answer.record["counterfactual"]["probabilities"][request.target]
    assert way.probabilities[-1] == pytest.approx(probability, abs=1e-5)
    assert way.labels[-1] == answer.record["counterfactual"]["label"]
    for frame in frames:  # the search's own pictures are on the way
        n = way.positions.index(float(frame.index))
        assert np.array_equal(way.pictures[n], frame.picture)


def test_pictures_between_the_steps_are_decoded(ask):
    _, way = way_of(ask("leapfactual", settings=LEAPS))
    assert len(way.pictures) == len(way.probabilities) == len(way.labels) == 21
    assert np.allclose(np.diff(way.positions), 0.25)
    assert way.steps == 5
    step = np.abs(np.diff(way.pictures[1:].astype(int), axis=0)).max()
    whole = np.abs(way.pictures[1].astype(int) - way.pictures[-1]).max()
    assert step <= whole, "no jump between neighbours"


def test_nothing_changes_outside_the_region(ask, picture):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 3:12] = 255
    _, way = way_of(ask("leapfactual", settings=LEAPS, mask=mask, region="painted"))
    assert (way.pictures[:, mask == 0] == picture[mask == 0]).all()
    assert (way.pictures[-1][mask > 0] != picture[mask > 0]).any()


def test_a_method_in_pixels_has_its_own_steps(ask):
    frames, way = way_of(ask("rcsb", settings={"steps": 4}))
    assert len(way.pictures) == len({frame.index for frame in frames}) + 1


def test_a_long_search_is_thinned(ask):
    frames, way = way_of(ask("adversarial", settings={"steps": 300, "rate": 1e-9}))
    assert len(frames) > 100
    assert 21 <= len(way.pictures) <= 2 * 21 + 2
    assert way.positions[0] == 0
    assert way.positions[-1] == way.steps == frames[-1].index
    gaps = set(np.diff(way.positions)[:-1])
    assert len(gaps) == 1, "evenly"
    assert np.array_equal(way.pictures[-1], frames[-1].picture)


def test_it_tells_from_where_on_the_model_says_the_target():
    def way(labels):
        return LivePath(np.zeros((4, 1, 1, 1)), "9", (0.0,) * 4, tuple(labels), (0, 1, 2, 3), 3)

    assert way("4499").flips == 2
    assert way("4949").flips == 3, "it must stay"
    assert way("4994").flips is None


def test_what_the_model_says_already_is_refused(ask, tiny, picture):
    with pytest.raises(BadInput, match="already says"):
        next(live_path(ask("leapfactual", target=service.predict(tiny, picture).label)))
