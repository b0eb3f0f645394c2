"""SSIM is torchmetrics', and COUT asks the model no more than it must."""

import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from backends.metrics import lpips
from backends.metrics.cout import cout, curves
from backends.metrics.ssim import ssim


def test_ssim_is_torchmetrics_for_every_picture_of_a_batch():
    x = torch.rand(4, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    y = (x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    y[3] = x[3]
    expected = structural_similarity_index_measure(y, x, data_range=1.0, reduction="none")
    assert torch.allclose(ssim(x, y), expected, atol=1e-5)
    assert ssim(x, y)[3] == 1


class Counted:
    """Says class 1 by the mean of the picture; counts the pictures it was shown."""

    def __init__(self):
        self.seen = 0

    def probabilities(self, x):
        self.seen += len(x)
        p = (x.flatten(1).double() * torch.linspace(0, 1, x[0].numel())).mean(1)
        return torch.stack([1 - p, p], 1)


def by_every_point(f, x, y, parts=50):
    change = (y - x).abs().sum(1).flatten(1)
    rank = change.argsort(dim=1, descending=True, stable=True).argsort(dim=1).view_as(x[:, :1])
    shown = [torch.where(rank < round(i * 1024 / parts), y, x) for i in range(parts + 1)]
    return torch.stack([f.probabilities(some)[:, 1] for some in shown], 1)


def test_cout_asks_once_about_every_different_picture():
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.rand(3, 1, 32, 32, generator=draw) for _ in range(2))
    y[0] = x[0]  # nothing changes
    y[1].view(-1)[100:] = x[1].view(-1)[100:]  # a hundred pixels: four points of the curve, and all
    source, target = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64)
    f = Counted()
    _, p_source, p_target = curves(f, x, y, source, target)
    assert f.seen == 1 + 6 + 51
    assert torch.allclose(p_target, by_every_point(f, x, y), atol=1e-12)
    assert torch.allclose(p_source, 1 - p_target, atol=1e-12)
    assert float(cout(f, x, y, source, target)[0]) == float((p_target - p_source)[0, 0])


def test_the_name_of_squeezenets_weights_is_torchvisions():
    from torchvision.models import SqueezeNet1_1_Weights

    assert SqueezeNet1_1_Weights.DEFAULT.url.endswith(f"/{lpips.WEIGHTS}")
