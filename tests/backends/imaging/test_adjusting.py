"""Turning, cropping and making black and white."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from backends.imaging import Adjustment, adjusted

PIXELS = np.arange(20 * 30, dtype=np.uint32).reshape(20, 30).astype(np.uint8)


@pytest.mark.parametrize("turn", range(4))
def test_turns_are_clockwise(turn):
    turned = adjusted(Image.fromarray(PIXELS), Adjustment(turn=turn))
    assert np.array_equal(np.asarray(turned), np.rot90(PIXELS, -turn))


def test_a_box_is_kept_of_the_turned_picture():
    kept = adjusted(Image.fromarray(PIXELS), Adjustment(turn=1, box=(0.5, 0.0, 1.0, 0.5)))
    assert np.array_equal(np.asarray(kept), np.rot90(PIXELS, -1)[:15, 10:])


def test_a_sliver_grows_to_what_can_be_seen():
    kept = adjusted(Image.fromarray(PIXELS), Adjustment(box=(0.99, 0.99, 1.0, 1.0)))
    assert kept.size == (8, 8)
    tiny = adjusted(Image.fromarray(PIXELS[:5, :5]), Adjustment(box=(0.9, 0.9, 1.0, 1.0)))
    assert tiny.size == (5, 5)


def test_a_threshold_leaves_black_and_white():
    made = adjusted(Image.fromarray(PIXELS).convert("RGB"), Adjustment(threshold=100))
    assert np.array_equal(np.asarray(made) == 255, PIXELS >= 100)


@pytest.mark.parametrize(
    "wrong",
    [{"turn": 4}, {"box": (0.5, 0, 0.5, 1)}, {"box": (-0.1, 0, 1, 1)}, {"threshold": 0},
     {"box": (float("nan"), 0, 1, 1)}, {"more": 1}],
)  # fmt: skip
def test_what_is_no_adjustment_is_refused(wrong):
    with pytest.raises(ValidationError):
        Adjustment(**wrong)
