"""A picture that is not of the domain is told; real ones are not."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from backends import bundles, service
from backends.bundles import domain_reference
from backends.bundles.domain_reference import Spread
from backends.service import domain

SPREADS = {
    "reconstruction": Spread(low=0.02, median=0.05, high=0.1),
    "ink": Spread(low=0.04, median=0.1, high=0.2),
}


def test_oddness_is_one_at_the_ends_and_the_oddest_number_counts():
    usual = {"reconstruction": 0.05, "ink": 0.1}
    assert domain.oddness(usual, SPREADS) == pytest.approx(0)
    assert domain.oddness(usual | {"ink": 0.2}, SPREADS) == pytest.approx(1)
    assert domain.oddness(usual | {"ink": 0.04}, SPREADS) == pytest.approx(1)
    assert domain.oddness({"reconstruction": 0.2, "ink": 0.2}, SPREADS) == pytest.approx(3)


@pytest.mark.weights
def test_the_astronaut_is_no_digit_and_digits_are():
    astronaut = service.prepare("digits", Image.fromarray(data.astronaut()))
    pictures, _ = bundles.get("digits").test_pictures()
    told, *real = service.look("digits", astronaut, *pictures[:40])
    assert told["unlike"]
    assert told["odd"] > told["limit"]
    assert told["why"]
    assert not any(one["unlike"] or one["why"] for one in real)


@pytest.mark.weights
def test_too_much_ink_is_told_as_that():
    full = np.full((32, 32, 1), 230, np.uint8)
    full[0] = 0
    (found,) = service.look("digits", full)
    assert found["unlike"]
    assert found["measure"] in {"ink", "reconstruction", "density", "lost_contrast"}


@pytest.mark.weights
@pytest.mark.parametrize("name", ["digits", "objects"])
def test_the_limits_that_ship_are_of_the_parts_that_ship(name):
    """Or retrained parts would be judged by the former ones: python -m benchmarks.domain_warning
    --write"""
    bundle = bundles.get(name)
    shipped = domain_reference.read(bundle, domain.makers(bundle))
    assert shipped is not None
    assert shipped.count == len(bundle.test_pictures()[0])


def test_a_bundle_without_real_pictures_says_nothing(tiny):
    assert service.look(tiny, np.zeros((16, 16, 1), np.uint8)) == []


@pytest.mark.weights
def test_a_reference_is_measured_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))
    monkeypatch.setattr(domain_reference, "FILE", "other.json")  # none came with the bundle
    bundle = bundles.get("digits")
    known = domain.reference_of(bundle)
    assert known.count < 1000
    monkeypatch.setattr(domain, "reference", lambda *_: pytest.fail("measured again"))
    assert domain.reference_of(bundle) == known
    assert domain_reference.read(bundle, {"autoencoder": "another"}) is None
