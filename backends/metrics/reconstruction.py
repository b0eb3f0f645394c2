"""How far the answer is from what the prior makes of the factual: what the question changed,
without what the prior cannot draw. All take pictures [B, C, H, W] in [0, 1], composited under the
region.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics import distance, ssim
from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

    from backends.metrics.perceptual import Perceptual

__all__ = [
    "l2_from_reconstruction", "lpips_from_reconstruction", "psnr_from_reconstruction",
    "ssim_from_reconstruction",
]  # fmt: skip

BEYOND = "of the answer and the reconstruction: without what the prior alone changes"


@metric(
    "l2_from_reconstruction", "L2 distance from the reconstruction", "neither", "norm of x' - g(z)",
    form="{:.2f}", meaning=BEYOND,
)  # fmt: skip
def l2_from_reconstruction(reconstruction: Tensor, counterfactual: Tensor) -> Tensor:
    """:func:`backends.metrics.distance.l2`, [B]."""
    return distance.l2(reconstruction, counterfactual)


@metric(
    "ssim_from_reconstruction", "SSIM to the reconstruction", "neither", "-1 to 1", form="{:.3f}",
    meaning=BEYOND,
)  # fmt: skip
def ssim_from_reconstruction(reconstruction: Tensor, counterfactual: Tensor) -> Tensor:
    """:func:`backends.metrics.ssim.ssim`, [B]."""
    return ssim.ssim(reconstruction, counterfactual)


@metric(
    "psnr_from_reconstruction", "PSNR to the reconstruction", "neither", "dB", form="{:.1f} dB",
    meaning=BEYOND,
)  # fmt: skip
def psnr_from_reconstruction(reconstruction: Tensor, counterfactual: Tensor) -> Tensor:
    """:func:`backends.metrics.ssim.psnr`, [B]."""
    return ssim.psnr(reconstruction, counterfactual)


@metric(
    "lpips_from_reconstruction", "LPIPS to the reconstruction", "neither", "distance",
    library="own", form="{:.3f}", meaning=f"{BEYOND}; by the bundle's own network",
)  # fmt: skip
def lpips_from_reconstruction(
    reconstruction: Tensor, counterfactual: Tensor, part_lpips: Perceptual
) -> Tensor:
    """LPIPS by the bundle's network, AlexNet or VGG-16, [B]."""
    return part_lpips(reconstruction, counterfactual)
