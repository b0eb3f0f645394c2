"""What a method's counterfactuals do to a planted factor."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from backends import imaging
from backends.bundles import Bundle
from backends.core import Region
from backends.errors import BadInput, NotFound, StudioError
from backends.explain.question import Question
from backends.explain.runner import run
from backends.faithfulness.factors import Factor
from backends.faithfulness.questions import FactorQuestions
from backends.faithfulness.shortcuts import level_of
from backends.regions.spec import RegionSpec
from backends.service.regions import mask_of

__all__ = ["answered"]

SHOWN = 2  # pictures of each region, for a person to look at
# What a method cannot do with a bundle stays so; memory, servers and files come and go.
LASTING = (BadInput, NotFound)


def answered(
    bundle: Bundle, factor: Factor, unit: float, asked: FactorQuestions, method: str,
    regions: Sequence[str], settings: Mapping[str, Any], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Let a method explain a bundle's classifier under several regions at once.

    :param unit: from one level of the factor to the other, as it is measured.
    :returns: ``rows``, one for each picture and region: ``region``, ``source``, ``target``,
        ``movement`` (of the factor towards the level of the target's class: 1 is the whole way
        from the other, below 0 is away from it, None where it cannot be measured), ``flipped``;
        the first of each region with their pictures, PNG in base64. Or ``problem``, why there are
        none, and whether it is ``lasting``: the same whenever the method is asked again.
    """
    try:
        masks = torch.cat([_masks(bundle, asked.x, region) for region in regions])
        times = len(regions)
        x, target = asked.x.repeat(times, 1, 1, 1), asked.target.repeat(times)
        question = Question.of(
            bundle, method, x, target, Region(masks, "planted"), settings, seed, watched=False
        )
        *_, last = run(question)
    except StudioError as error:
        return {"problem": str(error), "lasting": isinstance(error, LASTING)}
    answer = last.counterfactual
    assert answer is not None
    moved = factor.measure(answer.image) - asked.value.repeat(times)
    moved = moved * level_of(target) / unit
    rows: list[dict[str, Any]] = []
    for i in range(len(x)):
        which, number = divmod(i, len(asked.x))
        row: dict[str, Any] = {
            "region": regions[which], "picture": number, "source": int(asked.source[number]),
            "target": int(target[i]), "flipped": bool(answer.flipped[i]),
            "movement": round(float(moved[i]), 6) if moved[i].isfinite() else None,
        }  # fmt: skip
        if number < SHOWN:
            row |= {"factual": _png(x[i]), "counterfactual": _png(answer.image[i])}
        rows.append(row)
    return {"rows": rows, "seconds": round(answer.seconds, 3)}


def _masks(bundle: Bundle, x: Tensor, region: str) -> Tensor:
    spec = RegionSpec.parse(region)
    masks = [mask_of(str(bundle.folder), imaging.to_array(one), spec) for one in x]
    return torch.cat([(imaging.to_tensor(imaging.require_area(m)) > 0).float() for m in masks])


def _png(x: Tensor) -> str:
    file = io.BytesIO()
    Image.fromarray(imaging.to_array(x).squeeze()).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
