"""Windows of pictures: what a network sees does not depend on the picture's resolution."""

import pytest
import torch
from torch.nn import functional as F

from backends.imaging.resample import Window


@pytest.mark.parametrize("shape", [(40, 40), (64, 50), (9, 23)])
def test_the_whole_picture_is_resampled_as_torch_does_with_antialiasing(shape):
    x = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(x, (16, 16), mode="bilinear", antialias=True)
    assert torch.allclose(Window((0.0, 0.0, 1.0, 1.0), 16)(x), expected, atol=1e-6)


def test_the_crop_is_left_top_right_bottom():
    x = torch.zeros(1, 1, 20, 40)
    x[..., 5:10, 30:40] = 1
    assert torch.allclose(Window((0.75, 0.25, 1.0, 0.5), 5)(x)[..., 1:-1, 1:], torch.ones(1))
    assert Window((0.0, 0.5, 0.5, 1.0), 5)(x).abs().max() == 0


def test_a_smooth_picture_gives_the_same_at_any_resolution():
    def ramp(side):
        line = (torch.arange(side) + 0.5) / side
        return (line[:, None] * line)[None, None]

    window = Window((0.155, 0.203, 0.847, 0.895), 32)
    assert torch.allclose(window(ramp(1024)), window(ramp(128)), atol=1e-3)


def test_gradients_flow_to_the_window_and_nowhere_else():
    x = torch.rand(1, 1, 32, 32, requires_grad=True)
    Window((0.25, 0.25, 0.75, 0.75), 8)(x).sum().backward()
    assert (x.grad[..., 9:23, 9:23] > 0).all()
    assert x.grad[..., :7, :].abs().max() == 0


@pytest.mark.parametrize("crop", [(0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.5)])
def test_a_crop_outside_the_picture_is_refused(crop):
    with pytest.raises(ValueError, match="not inside"):
        Window(crop, 8)
