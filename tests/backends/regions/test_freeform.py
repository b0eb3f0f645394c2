"""Random strokes of a wanted size."""

import numpy as np
import pytest
import torch

from backends.errors import BadInput
from backends.regions.freeform import freeform_mask, strokes
from backends.regions.spec import RegionSpec
from backends.service.regions import mask_of


def pictures(count):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (24, 40, 1), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize(("least", "most"), [(0.1, 0.2), (0.2, 0.3)])
def test_a_stroke_covers_as_much_as_was_asked_for_and_is_another_on_every_picture(least, most):
    masks = [freeform_mask(picture, least, most, 0) for picture in pictures(50)]
    areas = [(mask > 0).mean() for mask in masks]
    assert all(least <= area <= most for area in areas)
    assert max(areas) - min(areas) > (most - least) / 2
    assert len({mask.tobytes() for mask in masks}) == 50
    assert set(np.unique(masks[0])) == {0, 255}


def test_the_seed_draws_it():
    picture = pictures(1)[0]
    assert np.array_equal(freeform_mask(picture, 0.1, 0.2, 3), freeform_mask(picture, 0.1, 0.2, 3))
    assert not np.array_equal(
        freeform_mask(picture, 0.1, 0.2, 3), freeform_mask(picture, 0.1, 0.2, 4)
    )


def test_a_stroke_is_one_connected_piece():
    from scipy.ndimage import label

    area = torch.full((20,), 0.15)
    drawn = strokes(20, 32, 32, area, torch.Generator().manual_seed(0)).numpy()
    assert all(label(mask, np.ones((3, 3)))[1] == 1 for mask in drawn)


def test_it_is_a_region_like_the_others(tiny):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)
    mask = mask_of(tiny, picture, RegionSpec.parse("freeform:10-20;seed=1"))
    assert np.array_equal(mask, freeform_mask(picture, 0.1, 0.2, 1))
    inverted = mask_of(tiny, picture, RegionSpec.parse("freeform:10-20;seed=1 (inverted)"))
    assert np.array_equal(inverted > 0, mask == 0)


@pytest.mark.parametrize(
    "text", ["freeform", "freeform:", "freeform:20-10", "freeform:0-10", "freeform:10",
             "freeform:10-200", "freeform:10-20;size=3"]
)  # fmt: skip
def test_what_is_no_share_is_refused(text):
    with pytest.raises(BadInput, match="freeform:10-20"):
        RegionSpec.parse(text)
