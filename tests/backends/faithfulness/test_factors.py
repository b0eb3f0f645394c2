"""A planted factor is what is measured, and nothing else is touched."""

import pytest
import torch

from backends.faithfulness.factors import FACTORS
from backends.regions.spec import RegionSpec


def strokes():
    """Upright bars of different widths [3, 1, 32, 32], soft at their edges."""
    x = torch.zeros(3, 1, 32, 32)
    for i, width in enumerate((2, 3, 4)):
        x[i, 0, 7:24, 14 : 14 + width] = 1.0
        x[i, 0, 7:24, 13] = x[i, 0, 7:24, 14 + width] = 0.3
    return x


def planted(name, level):
    x = strokes()
    return FACTORS[name].plant(x, torch.full((len(x),), level))


@pytest.mark.parametrize("name", FACTORS)
def test_the_levels_differ_in_what_is_measured(name):
    measure = FACTORS[name].measure
    low, plain, high = (measure(x) for x in (planted(name, -1.0), strokes(), planted(name, 1.0)))
    assert (high > low).all()
    assert (high >= plain - 1e-9).all()
    assert (plain >= low - 1e-9).all()


@pytest.mark.parametrize("name", FACTORS)
def test_planting_keeps_range_size_and_the_black_frame(name):
    for level in (-1.0, 1.0):
        x = planted(name, level)
        assert x.shape == (3, 1, 32, 32)
        assert 0 <= float(x.min()) <= float(x.max()) <= 1
        inside = torch.zeros(32, 32, dtype=torch.bool)
        inside[2:30, 2:30] = True
        assert not x[:, 0, ~inside].any()


def test_every_picture_gets_its_own_level():
    x = strokes()
    both = FACTORS["mark"].plant(x, torch.tensor([1.0, -1.0, 1.0]))
    assert FACTORS["mark"].measure(both) == pytest.approx([0.9, 0.0, 0.9], abs=1e-6)


def test_the_mark_lies_in_its_region_and_changes_nothing_else():
    changed = (planted("mark", 1.0) != strokes())[0, 0]
    x0, y0, x1, y1 = RegionSpec.parse(FACTORS["mark"].region).inside(32, 32)
    assert int(changed.sum()) == 16
    assert int(changed[y0:y1, x0:x1].sum()) == 16


def test_a_gradient_is_measured_beside_strokes_too():
    x = strokes()
    ramp = torch.linspace(0, 0.4, 28)
    x[:, 0, 2:30, 2:30] = torch.maximum(x[:, 0, 2:30, 2:30], ramp)
    assert FACTORS["gradient"].measure(x) == pytest.approx([0.4] * 3, abs=0.02)


@pytest.mark.parametrize("name", ["thickness", "slant"])
def test_what_shows_no_stroke_has_no_measure(name):
    assert FACTORS[name].measure(torch.full((1, 1, 32, 32), 0.5)).isnan().all()
