"""How far, how much, how convincing: numbers that judge a counterfactual.

The table says what a reader must know of each; it loads nothing, so that a page may show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "Metric"]


@dataclass(frozen=True)
class Metric:
    """What a number means.

    :ivar direction: which way a counterfactual is better; ``neither`` for a plain description.
    :ivar unit: of one picture's value; a mean has the same.
    :ivar library: what computes it.
    :ivar form: how one value is written.
    :ivar meaning: what one answer's value says, for a reader who does not know the metric.
    """

    name: str
    title: str
    direction: Literal["higher", "lower", "neither"]
    unit: str
    library: str
    form: str = "{:.4g}"
    meaning: str = ""


METRICS = {
    metric.name: metric
    for metric in (
        Metric("region_area", "Area of the region", "neither", "share", "torch"),
        Metric("flip_rate", "Flip rate", "higher", "share", "torch"),
        Metric(
            "target_probability", "Target's probability", "higher", "probability", "torch",
            "{:.1%}",
        ),
        Metric("oracle_agreement", "Oracle agrees", "higher", "share", "torch"),
        Metric(
            "oracle_agreement_flipped", "Oracle agrees, flipped only", "higher", "share", "torch"
        ),
        Metric(
            "oracle_target_probability", "Target's probability, oracle", "higher", "probability",
            "torch",
        ),
        Metric(
            "l1", "L1 distance", "lower", "sum of |x' - x|", "torch", "{:.1f}",
            "sum of absolute changes",
        ),
        Metric(
            "l2", "L2 distance", "lower", "norm of x' - x", "torch", "{:.2f}",
            "root of the sum of squared changes",
        ),
        Metric(
            "ssim", "SSIM", "higher", "-1 to 1", "torch", "{:.3f}",
            "1 is the same picture, 0 has nothing of its structure",
        ),
        Metric(
            "psnr", "PSNR", "higher", "dB", "torch", "{:.1f} dB",
            "peak signal-to-noise ratio; 100 is the same picture",
        ),
        Metric(
            "lpips", "LPIPS (SqueezeNet)", "lower", "distance", "torchmetrics", "{:.3f}",
            "0 looks the same to this network",
        ),
        Metric(
            "lpips_alex", "LPIPS (AlexNet)", "lower", "distance", "own", "{:.3f}",
            "0 looks the same to this network",
        ),
        Metric(
            "lpips_vgg", "LPIPS (VGG-16)", "lower", "distance", "own", "{:.3f}",
            "0 looks the same to this network",
        ),
        Metric(
            "cout", "COUT", "higher", "-1 to 1", "own", "{:+.2f}",
            "−1 to 1: how early the most changed pixels carry the flip",
        ),
        Metric(
            "changed_area", "Changed area", "lower", "share", "torch", "{:.1%}",
            "share of pixels that changed by more than a tenth",
        ),
        Metric(
            "change_inside", "Greatest change inside", "neither", "0 to 1", "torch", "{:.2f}",
            "of a pixel; 1 is black to white",
        ),
        Metric(
            "change_outside", "Greatest change outside", "lower", "0 to 1", "torch", "{:g}",
            "must be exactly 0",
        ),
        Metric(
            "log_density", "Log density", "higher", "nats", "zuko", "{:.1f} nats",
            "of the latent under the target class’s flow",
        ),
        Metric(
            "log_density_percentile", "Density percentile", "higher", "percentile", "zuko",
            "{:.0f} %", "of real pictures of the target class are less likely",
        ),
        Metric(
            "reconstruction_error", "Reconstruction error", "lower", "0 to 1", "torch", "{:.4f}",
            "greatest change of a pixel by the codec alone",
        ),
        Metric(
            "inversion_error", "Inversion error", "lower", "0 to 1", "torch", "{:.3f}",
            "root mean square of what the generator cannot draw of the portrait",
        ),
        Metric(
            "factual_value", "Measured before", "neither", "the regressor's", "torch", "{:.2f}",
            "by the regressor",
        ),
        Metric(
            "value", "Measured now", "neither", "the regressor's", "torch", "{:.2f}",
            "by the regressor",
        ),
        Metric("frechet", "Fréchet distance", "lower", "squared distance", "torchmetrics"),
        Metric("split_frechet", "Fréchet distance, split", "lower", "squared distance",
               "torchmetrics"),
        Metric("s3", "S3", "higher", "cosine", "torch"),
        Metric("correlation_difference", "Correlation difference", "lower",
               "sum of differences", "numpy"),
        Metric("changed_attributes", "Changed attributes (MNAC)", "lower", "attributes", "torch"),
        Metric("importance", "Region importance", "neither", "probability", "torch"),
        Metric("nfe", "Network calls", "lower", "calls a picture", "own", "{:.0f}"),
        Metric("nfe_forward", "Forward passes", "lower", "calls a picture", "own"),
        Metric("nfe_backward", "Backward passes", "lower", "calls a picture", "own"),
        Metric("seconds", "Time", "lower", "s a picture", "own", "{:.2f}"),
    )
}  # fmt: skip
