"""A digit is read rightly whatever the pen, the paper and the light."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from backends import bundles, imaging, service
from tests.backends.imaging.photographed import GROUPS, photograph

pytestmark = [pytest.mark.weights, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[3] / "assets" / "digits" / "examples"


@pytest.fixture(scope="module")
def digits() -> list[tuple[int, np.ndarray]]:
    """Four of each class that the bundle shows, as MNIST's 28 x 28."""
    found = []
    for label in range(10):
        for path in sorted(EXAMPLES.glob(f"{label}_*.png"))[10:14]:
            pixels = np.asarray(Image.open(path).convert("L"))
            margin = (pixels.shape[0] - 28) // 2
            found.append((label, pixels[margin : margin + 28, margin : margin + 28]))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_photographed_digits_are_read_right(group, digits):
    rng = np.random.default_rng(1)
    pictures = [GROUPS[group](pixels, rng) for _, pixels in digits]
    seen = [imaging.digit_like(imaging.read_picture(picture), 32) for picture in pictures]
    x = torch.tensor(np.stack([np.asarray(one) for one in seen]))[:, None].float() / 255
    read = bundles.find("digits").part("classifier")(x).argmax(-1)
    right = int((read == torch.tensor([label for label, _ in digits])).sum())
    assert right >= 38, f"{right} of {len(digits)}"


def test_the_bundles_own_pictures_stay_bit_for_bit():
    for path in sorted(EXAMPLES.glob("*.png"))[::10]:
        picture = Image.open(path).convert("L")
        assert np.array_equal(
            np.asarray(imaging.digit_like(picture, 32)),
            np.pad(np.asarray(picture), (32 - picture.width) // 2),
        )


@pytest.mark.parametrize("pen", [1, 2, 3, 5, 7, 25])
def test_thin_pens_leave_the_digit_in_the_middle(pen):
    picture = Image.new("L", (600, 600), 238)
    ImageDraw.Draw(picture).line([(170, 120), (430, 120), (270, 480)], fill=40, width=pen)
    seen = np.asarray(imaging.digit_like(picture, 32)).astype(float)
    places = np.arange(32) + 0.5
    assert abs(places @ seen.sum(1) / seen.sum() - 16) < 0.8
    assert abs(places @ seen.sum(0) / seen.sum() - 16) < 0.8
    assert seen.max() == 255
    assert service.predict("digits", seen.astype(np.uint8)[..., None]).label == "7"


def test_thin_digits_do_not_become_one_item(digits):
    rng = np.random.default_rng(2)
    some = [photograph(pixels, rng, pen=1, paper=240) for _, pixels in digits[::9]]
    read = {hashlib.sha256(service.prepare("digits", one).tobytes()).digest() for one in some}
    assert len(read) == len(some) == 5
