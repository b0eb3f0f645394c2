"""What an engine can be asked to do. In and out go plain records, so that the studio, which
knows no tensors, may call these from any thread or machine."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from backends import bundles, imaging, latents, registry
from backends.abilities import explained
from backends.bundles import Bundle
from backends.core import (
    Answer,
    Frame,
    Prediction,
    Proposal,
    Region,
    Request,
    Status,
)
from backends.drawing import source
from backends.errors import BadInput, StudioError
from backends.memory import guarded
from backends.metrics import METRICS
from backends.preparation import prepared
from backends.regions.settings import AutoRegion
from backends.regions.sources import mask_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "about",
    "bundle",
    "explain",
    "known_latent",
    "opened",
    "predict",
    "prepare",
    "propose",
    "pull",
    "sample",
    "spectrum",
    "stopped",
    "to_pull",
    "warm",
]

bundle = functools.lru_cache(maxsize=8)(bundles.find)
ANY = "more than 0"  # a goal for a regressor whose goal does not matter


def about(name: str) -> dict[str, Any]:
    """A bundle for a page to show: its manifest, and for every method its title, summary, paper,
    settings schema, whether it follows the model's gradients and, where it cannot run, the
    sentence that says why; what each metric means; and the models that can be explained, with the
    property that a regressor gives and what :func:`backends.abilities.explained` tells of them."""
    found = bundle(name)
    methods = {}
    for method_name in registry.METHODS:
        try:
            method = registry.method(method_name)
            names = ["classifier", *(found.named(kind) for kind in method.needs)]
            problems = [found.problem(part) for part in names]
        except StudioError as error:
            methods[method_name] = {"title": method_name, "summary": "", "problem": str(error)}
            continue
        methods[method_name] = {
            "title": method.title,
            "summary": method.summary,
            "kind": method.kind,
            "seeded": method.seeded,
            "gradients": method.differentiable,
            "paper": method.paper,
            "schema": _schema(method, found.manifest.settings.get(method_name, {})),
            "problem": next(filter(None, problems), None),
        }
    reasons = {name: entry["problem"] for name, entry in methods.items()}
    models = {
        part: (entry.property.model_dump() if entry.property else {"classes": entry.classes})
        | explained(found, part, reasons)
        for part, entry in found.manifest.parts.items()
        if (entry.property or entry.classes) and found.problem(part) is None
    }
    return found.manifest.model_dump() | {
        "folder": str(found.folder),
        "methods": methods,
        "metrics": {name: asdict(metric) for name, metric in METRICS.items()},
        "models": {"classifier": None} | models,
        "samples": found.generator is not None,
        "draws": source(found) is not None,
    }


def _schema(method: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """Of a method's settings, with the bundle's own defaults."""
    schema = method.Config.model_json_schema()
    for key, value in defaults.items():
        schema["properties"][key]["default"] = value
    return schema


def warm(name: str) -> Iterator[str]:
    """Load a bundle's parts one by one, let each method take a step and measure an answer, so
    that the first person need not wait; yields what is ready."""
    import torch

    from backends.judging import judge
    from backends.runner import run, target_model

    found = bundle(name)
    manifest = found.manifest
    shape = (1, manifest.channels, manifest.image_size, manifest.image_size)
    for part in manifest.parts:
        if found.problem(part) is None:
            found.part(part)
            yield part
    prior = found.generator
    w = None if prior is None else found.part(prior).mean_w[None].cpu()  # or it would be searched
    for method_name, entry in about(name)["methods"].items():
        if entry["problem"] is None:
            x, region = torch.zeros(shape), Region(torch.ones(1, 1, *shape[2:]))
            steps = run(found, method_name, x, torch.tensor([0]), region, {}, 0, latent=w)
            next(steps)
            steps.close()
            yield method_name
    if found.problem("classifier") is None:
        x, one = torch.zeros(shape), Region(torch.ones(1, 1, *shape[2:]))
        judge(found, target_model(found), x, x, torch.tensor([0]), one)
        yield "metrics"


def to_pull(name: str) -> list[dict[str, Any]]:
    """What a pull of the bundle would fetch, for a person to agree to: for each archive its
    ``parts``, ``title``, ``size`` and how much of it we ``have`` in bytes, ``licence``
    and ``weights_terms``."""
    from backends.fetching.pull import plan

    return [asdict(item) for item in plan(bundle(name))]


def pull(
    name: str, origin: str | None = None, *, offline: bool = False, keep: bool = False
) -> Iterator[dict[str, Any]]:
    """Fetch the bundle's parts that are published elsewhere; yields ``parts``, ``phase``,
    ``done`` and ``total`` (bytes). It waits for a network and needs no device, so it belongs
    into a thread of its own; closed early, it is taken up again by the next.

    :param origin: a folder, or a mirror's URL, instead of the usual places.
    :param keep: leave the archives in the cache.
    :raises StudioError: something cannot be fetched, in a sentence.
    """
    from backends.fetching.pull import Origin, pull

    for progress in pull(bundle(name), Origin.parse(origin, offline), keep):
        yield asdict(progress)


def prepare(name: str, picture: Image.Image) -> np.ndarray:
    """A person's picture as the bundle's models see it, uint8 [H, W, C]."""
    found = bundle(name)
    return prepared(found, picture, found.generator)


def sample(name: str, seed: int) -> np.ndarray:
    """A picture that the bundle's generator draws, uint8 [H, W, C]; the same for the same seed.

    :raises BadInput: the bundle has no generator.
    """
    import torch

    found = bundle(name)
    part = found.generator
    if part is None:
        raise BadInput(f"bundle {name!r} has no generator; choose an example, or bring a picture")
    network = found.part(part)
    with torch.no_grad(), guarded(found.device):
        w = network.sample_w(1, torch.Generator().manual_seed(seed))
        picture = imaging.to_array(network.decode(w))
    latents.remember(found.fingerprint(part), picture, w[0].cpu().numpy())
    return picture


def predict(name: str, picture: np.ndarray, model: str = "classifier") -> Prediction:
    """A target model's opinion of a prepared picture, uint8 [H, W, C]."""
    import torch

    from backends.records import prediction_of
    from backends.runner import target_model

    found = bundle(name)
    entry = found.manifest.parts.get(model)
    x = imaging.to_tensor(picture).to(found.device)
    with torch.no_grad(), guarded(found.device):
        if model == "classifier" or (entry and entry.classes):
            f = target_model(found, model)
            return prediction_of(f.class_names, f.probabilities(x)[0].cpu())
        value = float(target_model(found, model, ANY).measured(x))
    return Prediction({f"{value:.2f} {found.manifest.parts[model].property.unit}": 1.0}, value)


def propose(
    name: str, picture: np.ndarray, settings: dict[str, Any], model: str = "classifier"
) -> Proposal:
    """The region that the target model's own attributions pick (RCSB, section 3).

    :param settings: of :class:`backends.regions.settings.AutoRegion`.
    :raises BadInput: a setting is wrong, or no pixel matters to the model.
    """
    from backends.regions import attribution
    from backends.runner import settings_of, target_model

    config = settings_of(AutoRegion, settings, "the automatic region")
    found = bundle(name)
    with guarded(found.device):
        x = imaging.to_tensor(picture).to(found.device)
        region, importance = attribution.propose(target_model(found, model, ANY), x, config)
    if not region.mask.any():
        raise BadInput(
            "the model's attributions are zero everywhere in this picture; brush a region instead"
        )
    mask = (region.mask[0, 0] * 255).byte().cpu().numpy()
    return Proposal(mask, float(region.mask.mean()), importance[0].numpy())


def spectrum(name: str, picture: np.ndarray, prior: str) -> list[float]:
    """Singular values of a prior's decoder at a picture, greatest first: in how many directions,
    and how strongly, its coordinates move the picture.

    :param prior: a part of the bundle with an encoder and a decoder, such as ``flow``.
    :raises BadInput: it has none.
    """
    import torch

    from backends.metrics.tangent import tangent_spectrum

    found = bundle(name)
    part = found.part(prior)
    if not (hasattr(part, "encode") and hasattr(part, "decode")):
        raise BadInput(f"part {prior!r} has no coordinates; choose flow, autoencoder or gan")
    with guarded(found.device):
        with torch.no_grad():
            z = part.encode(imaging.to_tensor(picture).to(found.device))
        return tangent_spectrum(part.decode, z).tolist()


def explain(request: Request) -> Iterator[Frame | Answer]:
    """Frames of the search, then the answer.

    :raises StudioError: the request cannot be carried out; said before the first frame.
    """
    import torch

    from backends.records import answer_of, frame_of
    from backends.runner import run

    found, model, factual, target, region = opened(request)
    with torch.no_grad(), guarded(found.device):
        already = int(model.probabilities(factual.to(found.device)).argmax(1)) == target
    if already:
        label = predict(request.bundle, request.picture, request.model).label
        raise BadInput(
            f"the model already says {label!r}; choose another target than its prediction"
        )
    prior = found.generator
    for step in run(
        found, request.method, factual, torch.tensor([target]), region,
        request.settings, request.seed, model, known_latent(found, request.picture),
    ):  # fmt: skip
        yield frame_of(step)
        inverted = step.phase == "inversion" and step.index == step.total - 1
        if prior and inverted and step.latent is not None:
            w = step.latent[0].cpu().numpy()
            latents.remember(found.fingerprint(prior), request.picture, w)
        if step.counterfactual:
            yield answer_of(
                request, found, model, target, step.counterfactual, step.index, step.total
            )


def stopped(request: Request, frame: Frame) -> Answer:
    """A run that was stopped, judged at its last frame and marked as cancelled."""
    import torch
    from torch.nn import functional as F

    from backends.judging import judge
    from backends.records import answer_of
    from backends.runner import config_of

    found, model, factual, target, region = opened(request)
    image = imaging.to_tensor(frame.picture)
    times = factual.shape[-1] // image.shape[-1]
    if times > 1:
        # The change alone is enlarged, or all of the region would be blurred and count as changed.
        change = image - imaging.eight_bit(F.avg_pool2d(factual, times))
        change = F.interpolate(change, factual.shape[-2:], mode="bilinear")
        image = imaging.eight_bit(factual + change)
    image, wanted = imaging.composite(factual, image, region.mask), torch.tensor([target])
    result = judge(found, model, factual, image, wanted, region, Status.CANCELLED)
    config = config_of(found, request.method, request.settings)
    settings = {"config": config.model_dump(mode="json")}
    result = replace(result, seconds=frame.seconds, settings=settings)
    return answer_of(request, found, model, target, result, frame.index, frame.total)


def known_latent(found: Bundle, picture: np.ndarray) -> Tensor | None:
    """w [1, D] of a picture that the bundle's generator drew, or that was searched before."""
    import torch

    prior = found.generator
    known = latents.recall(found.fingerprint(prior), picture) if prior else None
    return None if known is None else torch.tensor(known)[None]


def opened(request: Request) -> tuple[Bundle, Any, Any, int, Region]:
    """The bundle, the model that is explained, the factual, the target's class, the region."""
    from backends import jobs_regions
    from backends.runner import target_model
    from backends.targets.threshold import Threshold, parse

    found = bundle(request.bundle)
    model = target_model(found, request.model, request.target)
    names = model.class_names
    if isinstance(model, Threshold):
        target = parse(request.target)[0]
    elif request.target in names:
        target = names.index(request.target)
    else:
        whose = "" if request.model == "classifier" else f"of model {request.model!r} "
        raise BadInput(
            f"there is no class {request.target!r} {whose}in bundle {found.name!r}; "
            f"choose from: {', '.join(names[:20])}"
        )
    factual = imaging.to_tensor(request.picture)

    def proposed(settings: dict[str, Any]) -> np.ndarray:
        return propose(request.bundle, request.picture, settings, request.model).mask

    draw = functools.partial(jobs_regions.draw, request.bundle, request.picture)
    mask = imaging.require_area(mask_of(request, proposed, draw))
    region = Region((imaging.to_tensor(mask) > 0).float(), request.region)
    return found, model, factual, target, region
