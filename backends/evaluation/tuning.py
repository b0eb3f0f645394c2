"""LeapFactual's step sizes for a bundle, chosen on pictures that its networks learnt from.

How far a leap must lift a picture before the class can change depends on the latents: a tenth of
the way is enough for digits, photographs need most of the way.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch

from backends.bundles import Bundle
from backends.core import Region
from backends.evaluation.plan import Progress
from backends.evaluation.questions import other_classes
from backends.explain.question import Question
from backends.explain.runner import run
from backends.targets.named import target_model
from backends.training.data import Split

__all__ = ["LEAPS", "tuned"]

LEAPS = "leapfactual"
TUNED = 16  # pictures
NEAR = 0.05  # of the best share, within which the gentler settings are taken
HARD: dict[str, Any] = {"condition": "hard", "blending_leaps": 10}
# From gentle to strong; the first are the digits', the third the paper's of faces.
CANDIDATES: tuple[dict[str, Any], ...] = (
    {},
    HARD | {"blending_size": 0.5, "injection_lift": 0.5, "injection_land": 0.55},
    HARD | {"blending_size": 0.8, "injection_lift": 0.8, "injection_land": 0.83},
    HARD | {"blending_size": 0.9, "injection_leaps": 10, "injection_lift": 0.8,
            "injection_land": 0.88},
)  # fmt: skip


def tuned(bundle: Bundle, data: Split) -> Generator[Progress, None, dict[str, Any]]:
    """The gentlest settings among those that convince most often: the model says the target, and so
    does the oracle, where there is one.

    :param data: pictures that the networks learnt from; some of them are asked about.
    :returns: a generator of what is done, whose value is the settings.
    """
    f, generator = target_model(bundle), torch.Generator().manual_seed(0)
    x, _ = data.plain().batch(torch.randperm(len(data), generator=generator)[:TUNED])
    with torch.no_grad():
        said = f.logits(x.to(bundle.device)).argmax(1).cpu()
    target = other_classes(said, len(f.class_names), generator)
    region = Region(torch.ones_like(x[:, :1]))
    shares = []
    for number, settings in enumerate(CANDIDATES):
        yield Progress(LEAPS, "whole", number / len(CANDIDATES))
        question = Question.of(bundle, LEAPS, x, target, region, settings)
        *_, last = run(question)
        assert last.counterfactual is not None
        right = last.counterfactual.flipped.cpu()
        judged = last.counterfactual.metrics.get("oracle_label")
        if judged is not None:
            right = right & (judged.cpu() == target)
        shares.append(float(right.float().mean()))
    best = max(shares)
    return next(s for s, share in zip(CANDIDATES, shares, strict=True) if share >= best - NEAR)
