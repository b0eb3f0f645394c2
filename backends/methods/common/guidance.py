"""Turn a target model's gradient into a step, for every method with RCSB's guidance.

Sobieski, Grzywaczewski et al.: Rethinking Visual Counterfactual Explanations Through Region
Constraint, ICLR 2025, Algorithms 3 and 4. The paper applies it to other inpainting methods too.
"""

from __future__ import annotations

from math import log

from torch import Tensor

from backends.core import Goal, TargetModel
from backends.methods.common.views import Views
from backends.sentences import Sentence

__all__ = ["Smoothing", "capped", "eased", "guidance"]


class Smoothing:
    """Algorithm 4 and line 9 of Algorithm 3: ADAM's moments without a learning rate, then
    division by the norm that the first gradient had. State of one run.

    :param shared: one second moment for a whole picture instead of one for each pixel. With a
        pixel's own, the first step moves every pixel equally far, wherever the model looks.
    :param adam: whether gradients are smoothed; else they stay as they are.
    :param normalised: whether they are divided by the first one's norm.
    """

    def __init__(
        self,
        shared: bool,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        adam: bool = True,
        normalised: bool = True,
    ) -> None:
        self.shared, self.beta1, self.beta2 = shared, beta1, beta2
        self.adam, self.normalised = adam, normalised
        self.n = 0
        # Numbers until there is a gradient.
        self.m: Tensor | float = 0.0
        self.v: Tensor | float = 0.0
        self.first: Tensor | float = 0.0

    def __call__(self, g: Tensor) -> Tensor:
        """Gradient [B, C, H, W] -> smoothed gradient, of norm 1 a sample at the first call."""
        self.n += 1
        g = self._smoothed(g) if self.adam else g
        if not self.normalised:
            return g
        if self.n == 1:
            norm = g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            self.first = norm.where(norm > 0, norm.new_ones(()))
        return g / self.first

    def _smoothed(self, g: Tensor) -> Tensor:
        """ADAM's step of length 1."""
        square = g.square().mean((1, 2, 3), keepdim=True) if self.shared else g.square()
        self.m = m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = v = self.beta2 * self.v + (1 - self.beta2) * square
        m_hat = m / (1 - self.beta1**self.n)
        v_hat = v / (1 - self.beta2**self.n)
        return m_hat / (v_hat.sqrt() + 1e-8)


def guidance(
    f: TargetModel, u: Tensor, target: Tensor, views: Views
) -> tuple[Tensor, Tensor | None]:
    """Return log f(y | u) summed over the pictures u [B, C, H, W] in [0, 1], its mean over the
    views; and, where the target
    is a regressor's value, by how much [B] log f must still grow, to first order, until the value
    is passed, else None."""
    log_f = views.log_probabilities(f, u).gather(1, target[:, None]).squeeze(1)
    if not isinstance(f, Goal):
        return log_f.sum(), None
    p, enough = log_f.detach().exp(), f.confidence()
    # The odds are linear in the value; their logarithm's gradient is that of log f over 1 - f.
    lack = (log(enough / (1 - enough)) - p.logit()) * (1 - p)
    return log_f.sum(), lack.nan_to_num(0)  # where p is 1


def eased(step: Tensor, g: Tensor, lack: Tensor | None) -> Tensor:
    """Shorten a guidance step [B, C, H, W] so that it does not pass a regressor's value.

    :param g: the gradient of log f that it follows, [B, C, H, W].
    :param lack: as :func:`guidance` has it.
    """
    if lack is None:
        return step
    gain = (step * g).flatten(1).sum(1)
    share = (lack / gain.where(gain > 0, gain.new_ones(()))).clamp(0, 1)
    return step * share.view(-1, 1, 1, 1)


def capped(phase: str, steps: int, asked: int) -> str:
    """Name the phase of a run over ``steps`` noise levels; the name says so where fewer levels
    exist than the steps in the settings (``asked``)."""
    if steps >= asked:
        return phase
    return Sentence(
        "{phase}, capped at its {steps} noise levels", phase=Sentence(phase), steps=steps
    )
