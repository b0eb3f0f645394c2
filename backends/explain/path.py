"""The way of a search as pictures that lie close together, for a slider.

A method's steps are too far apart to be moved through smoothly. Where its steps carry coordinates
of a prior, the pictures between two steps are decoded from points on the straight line between
their coordinates; where they do not, the way has the steps alone.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.compute.oom import guarded
from backends.core import Step
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import composite, eight_bit
from backends.priors.core import Anchoring, Prior

__all__ = ["Path", "along"]

BATCH = 16  # pictures decoded and looked at in one call


@dataclass(frozen=True)
class Path:
    """Pictures from the factual to the answer, each composited under the region.

    :ivar images: [N, C, H, W] in [0, 1]; the first is the factual, the last the answer. Where a
        search works on smaller pictures than the factual, all have that size.
    :ivar probabilities: of the target model, [N, K].
    :ivar position: at which step of the search each is, [N]; 0 is the factual, 3.5 lies half way
        between the third step and the fourth.
    """

    images: Tensor
    probabilities: Tensor
    position: Tensor


def along(question: Question, points: int) -> Generator[Step | Path, None, None]:
    """Yield the steps of a search, then its path.

    :param question: about one picture.
    :param points: about so many pictures: those between two steps are decoded where that is
        possible, and of a search with more than twice as many steps some are left out.
    :raises StudioError: as :func:`backends.explain.runner.run`.
    """
    steps: list[Step] = []
    stride = 1
    for step in run(question):
        # A search that ends early shows its last step again.
        if steps and (steps[-1].index == step.index or steps[-1].index % stride):
            steps.pop()
        if step.phase != "inversion":
            steps.append(step)
        if len(steps) > 2 * points:
            stride *= 2
            steps = [kept for kept in steps if kept.index % stride == 0]
        yield step
    device = question.bundle.device
    with torch.no_grad(), guarded(device):
        images = [question.factual, *(step.image for step in steps)]
        position = torch.tensor([0.0, *(step.index for step in steps)])
        prior, between = _decoder(question, steps), round((points - 1) / len(steps))
        if prior is not None and between > 1:
            images, position = _filled(question.on(device), prior, steps, position, between)
        p = [question.model.probabilities(x.to(device)).cpu() for x in _batches(images)]
    side = min(x.shape[-1] for x in images)
    small = torch.cat(
        [x if x.shape[-1] == side else F.adaptive_avg_pool2d(x, side) for x in images]
    )
    yield Path(small, torch.cat(p), position)


def _decoder(question: Question, steps: list[Step]) -> Prior | None:
    """The prior whose coordinates the steps carry. One that is held to its factuals while a
    search runs decodes nothing afterwards."""
    priors = [part for part in question.parts.values() if isinstance(part, Prior)]
    known = bool(steps) and all(step.latent is not None for step in steps)
    return priors[0] if known and priors and not isinstance(priors[0], Anchoring) else None


def _filled(
    q: Question, prior: Prior, steps: list[Step], position: Tensor, between: int
) -> tuple[list[Tensor], Tensor]:
    """The factual, the steps' own pictures, and ``between`` - 1 pictures before each step.

    :param q: with every tensor on the bundle's device.
    :param position: of the factual and of each step.
    """
    latents = [step.latent for step in steps if step.latent is not None]
    z = torch.cat([prior.encode(q.factual), *(latent.to(q.factual) for latent in latents)])
    share = torch.arange(len(steps) * between + 1) / between
    before = share.long().clamp(max=len(steps) - 1)
    part = (share - before).to(z)
    points = z[before].lerp(z[before + 1], part.view(-1, *[1] * (z.ndim - 1)))
    decoded = torch.cat([prior.decode(some) for some in points.split(BATCH)]).float()
    filled = composite(q.factual, eight_bit(decoded), q.region.mask).cpu()
    for n, image in enumerate([q.factual, *(step.image for step in steps)]):
        filled[n * between] = image[0]  # as the search had it, to the last bit
    return list(filled.split(1)), position[before].lerp(position[before + 1], share - before)


def _batches(images: list[Tensor]) -> list[Tensor]:
    """Neighbours of one size in one tensor, at most ``BATCH``."""
    found: list[list[Tensor]] = []
    for image in images:
        if found and len(found[-1]) < BATCH and found[-1][0].shape == image.shape:
            found[-1].append(image)
        else:
            found.append([image])
    return [torch.cat(group) for group in found]
