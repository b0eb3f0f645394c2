"""Automatic regions: the grid cells that the target model's attributions point at.

RCSB (Sobieski et al., ICLR 2025), section 3; the attribution methods are those of its Table 3,
in Captum's implementations (Kokhlikyan et al., 2020, https://captum.ai), with the parameters of the
authors' code, their pixels scaled to the picture: Occlusion's window of 60 and stride of 20 of 256,
LIME on 128 quickshift superpixels, Gradient SHAP with 64 samples and one Gaussian baseline,
Grad-CAM without ReLU, enlarged without smoothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.compute.oom import is_full
from backends.core import Networked, Region, TargetModel
from backends.errors import BadInput
from backends.regions.separated import separated
from backends.regions.settings import AutoRegion

__all__ = ["ATTRIBUTIONS", "attribute", "available", "cells", "propose"]

AUTHORS_SIDE, SUPERPIXELS = 256, 128  # RCSB's: pixels of a side, LIME's segments
LIME_SAMPLES = 400  # their number is not known; with 200 as many weights as samples are fitted

Attribute = Callable[[nn.Module, Tensor, Tensor], Tensor]


def _last_convolution(network: nn.Module) -> nn.Module:
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    if not layers:
        raise BadInput("this model has no convolution for Grad-CAM; choose another attribution")
    return layers[-1]


def _integrated_gradients(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import IntegratedGradients

    # Black baseline, 50 Gauss-Legendre points: Captum's defaults, and the authors'.
    return IntegratedGradients(f).attribute(x, target=y, internal_batch_size=64)


def _input_x_gradient(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import InputXGradient

    return InputXGradient(f).attribute(x, target=y)


def _saliency(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import Saliency

    return Saliency(f).attribute(x, target=y)


def _deep_lift(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import DeepLift

    return DeepLift(f).attribute(x, target=y)


def _gradient_shap(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import GradientShap

    generator = torch.Generator().manual_seed(0)
    baseline = torch.randn(1, *x.shape[1:], generator=generator).to(x)
    return GradientShap(f).attribute(x, baseline, n_samples=64, target=y)


def _guided_backprop(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import GuidedBackprop

    return GuidedBackprop(f).attribute(x, target=y)


def _grad_cam(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import LayerAttribution, LayerGradCam

    map_ = LayerGradCam(f, _last_convolution(f)).attribute(x, target=y)
    return LayerAttribution.interpolate(map_, tuple(x.shape[-2:]), "nearest")


def _guided_grad_cam(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import GuidedGradCam

    return GuidedGradCam(f, _last_convolution(f)).attribute(x, target=y)


def _lrp(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import LRP

    return LRP(f).attribute(x, target=y)


def _share(x: Tensor, pixels: int) -> int:
    """Convert pixels of the authors' pictures, which have 256 a side, to pixels of x."""
    return max(1, round(pixels * min(x.shape[-2:]) / AUTHORS_SIDE))


def _occlusion(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import Occlusion

    side, stride = _share(x, 60), _share(x, 20)
    return Occlusion(f).attribute(
        x, (x.shape[1], side, side), strides=(x.shape[1], stride, stride), target=y,
        perturbations_per_eval=16,
    )  # fmt: skip


def _lime(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    from captum.attr import Lime

    maps = [
        Lime(f).attribute(
            one, target=label, feature_mask=superpixels(one[0], SUPERPIXELS)[None, None],
            n_samples=LIME_SAMPLES, perturbations_per_eval=50,
        )
        for one, label in zip(x.split(1), y.split(1), strict=True)
    ]  # fmt: skip
    return torch.cat(maps)


def superpixels(picture: Tensor, count: int) -> Tensor:
    """Number quickshift's segments of a picture [C, H, W] in [0, 1], int64 [H, W] from 0 on. The
    reach (pixels) is the one of eight tried that gives nearest to ``count`` segments.

    Vedaldi, Soatto: Quick shift and kernel methods for mode seeking, ECCV 2008.
    """
    from skimage.segmentation import quickshift

    colours = picture.detach().cpu().double().expand(3, -1, -1).permute(1, 2, 0).numpy()
    kernel = max(1.0, _share(picture, 8))
    best: np.ndarray = np.zeros(colours.shape[:2], int)
    low, high = 0.5, float(max(colours.shape[:2]))
    for _ in range(8):  # the farther it reaches, the fewer there are
        reach = (low * high) ** 0.5
        found = quickshift(colours, kernel_size=kernel, max_dist=reach, rng=0)
        many = int(found.max()) + 1
        if abs(many - count) < abs(int(best.max()) + 1 - count):
            best = found
        low, high = (reach, high) if many > count else (low, reach)
    return torch.from_numpy(best.astype(np.int64)).to(picture.device)


ATTRIBUTIONS: dict[str, tuple[str, Attribute, bool]] = {
    # name: (title, function, needs gradients)
    "integrated_gradients": ("Integrated Gradients", _integrated_gradients, True),
    "input_x_gradient": ("Input × Gradient", _input_x_gradient, True),
    "saliency": ("Saliency", _saliency, True),
    "deep_lift": ("DeepLIFT", _deep_lift, True),
    "gradient_shap": ("Gradient SHAP", _gradient_shap, True),
    "guided_backprop": ("Guided Backprop", _guided_backprop, True),
    "grad_cam": ("Grad-CAM", _grad_cam, True),
    "guided_grad_cam": ("Guided Grad-CAM", _guided_grad_cam, True),
    "lrp": ("LRP", _lrp, True),
    "occlusion": ("Occlusion", _occlusion, False),
    "lime": ("LIME", _lime, False),
}


def available(differentiable: bool) -> dict[str, str]:
    """Attribution methods that suit a model: {name: title}."""
    return {
        name: title
        for name, (title, _, gradients) in ATTRIBUTIONS.items()
        if differentiable or not gradients
    }


class _Logits(nn.Module):
    """A target model as the module that Captum wants.

    :param apart: whether each activation of its network becomes a module of its own.
    """

    def __init__(self, target_model: TargetModel, *, apart: bool = False) -> None:
        super().__init__()
        network = None
        if isinstance(target_model, Networked) and isinstance(target_model.network, nn.Module):
            network = separated(target_model.network) if apart else target_model.network
            target_model = target_model.over(network)
        self.network, self.function = network, target_model.logits

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def attribute(target_model: TargetModel, x: Tensor, name: str) -> Tensor:
    """Importance of every pixel for the class predicted at first, [B, H, W] in [0, 1], on the
    CPU.

    The attributions are summed over the channels, made absolute, divided by the value below
    which 98 % of their total lies, and clipped at 1 (as in the authors' code).

    :raises BadInput: the attribution needs gradients that the model does not have, or fails
        on its layers.
    """
    title, function, gradients = ATTRIBUTIONS[name]
    if gradients and not target_model.differentiable:
        raise BadInput(
            "{title} needs gradients, which this model has not; choose Occlusion", title=title
        )
    with torch.no_grad():
        label = target_model.probabilities(x).argmax(1)
    try:
        with warnings.catch_warnings(), torch.enable_grad(), _seeded():
            # Captum announces that it sets hooks and required gradients; both are meant.
            warnings.simplefilter("ignore", UserWarning)
            module = _Logits(target_model, apart=name == "deep_lift")
            raw = function(module, x.detach().clone(), label).detach()
    except (AssertionError, RuntimeError, TypeError) as error:
        if is_full(error):
            raise
        raise BadInput(
            "{title} does not work with this model's layers; choose Integrated Gradients",
            title=title,
        ) from error
    # Its sums have one order there, so that the same picture gives the same region.
    return normalise(raw.cpu())


@contextmanager
def _seeded() -> Iterator[None]:
    """Seed torch's and numpy's global generators, from which LIME and Gradient SHAP draw, so
    that the same picture gives the same region; restore them afterwards."""
    state = np.random.get_state()  # noqa: NPY002 - the one that Captum uses
    with torch.random.fork_rng():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def normalise(raw: Tensor, outliers: float = 0.02) -> Tensor:
    """Attributions [B, C, H, W] -> importance [B, H, W] in [0, 1]."""
    importance = raw.sum(1).abs()
    ascending = importance.flatten(1).sort(dim=1).values
    reached = ascending.cumsum(1) >= (1 - outliers) * ascending.sum(1, keepdim=True)
    divisor = ascending.gather(1, reached.int().argmax(1, keepdim=True))
    divisor = torch.where(divisor == 0, torch.full_like(divisor, 1e-5), divisor)
    return (importance / divisor[:, :, None]).clamp(max=1)


def cells(importance: Tensor, cell: int, area: float, *, ties: str = "cut") -> Tensor:
    """The most important c x c cells that cover at most the share ``area``: [B, 1, H, W].

    :param importance: [B, H, W], not negative. Cells without any importance are never chosen.
    :param ties: ``cut`` takes exactly as many cells as fit, in reading order among equals.
        ``all`` is the authors' code: the last of 200 quantiles that keeps within the area, and
        every positive cell where equal top cells already exceed it.
    :raises BadInput: the cells do not tile the picture.
    """
    height, width = importance.shape[-2:]
    if height % cell or width % cell:
        raise BadInput(
            "cells of {cell} pixels do not tile a {width}x{height} picture; choose a "
            "divisor of {width}",
            cell=cell,
            width=width,
            height=height,
        )
    if cell**2 > area * height * width + 1e-6:
        raise BadInput(
            "one cell of {cell}x{cell} pixels is more than {area:.0%} of the picture; "
            "choose smaller cells or a larger area",
            cell=cell,
            area=area,
        )
    sums = F.avg_pool2d(importance[:, None], cell) * cell**2
    flat = sums.flatten(1)
    chosen = torch.stack([(_cut if ties == "cut" else _quantiles)(row, area) for row in flat])
    mask = chosen.view_as(sums).to(importance.dtype)
    return F.interpolate(mask, scale_factor=cell, mode="nearest")


def _cut(sums: Tensor, area: float) -> Tensor:
    count = int(area * len(sums) + 1e-9)
    order = sums.argsort(descending=True, stable=True)
    chosen = torch.zeros_like(sums, dtype=torch.bool)
    chosen[order[:count]] = True
    return chosen & (sums > 0)


def _quantiles(sums: Tensor, area: float) -> Tensor:
    positive = sums > 0
    if positive.float().mean() <= area:
        return positive
    chosen = positive
    for level in torch.linspace(1, 0, 200, dtype=sums.dtype):
        above = sums >= sums.quantile(level)
        if above.float().mean() > area:
            break
        chosen = above
    return chosen


def propose(target_model: TargetModel, x: Tensor, config: AutoRegion) -> tuple[Region, Tensor]:
    """The automatic region of pictures [B, C, H, W] and the importance [B, H, W] behind it."""
    importance = attribute(target_model, x, config.attribution)
    mask = cells(importance, config.cell, config.area).to(x)
    return Region(mask, source="auto"), importance
