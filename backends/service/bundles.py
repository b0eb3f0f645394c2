"""Describe a bundle for a page, load its parts beforehand, fetch those published elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any, TypedDict

from backends import bundles, registry
from backends.bundles import ORACLE, Bundle
from backends.core import Method, Region
from backends.errors import StudioError
from backends.explain.compatibility import explained
from backends.metrics import METRICS
from backends.service.domain import reference_of
from backends.targets import added

__all__ = ["BundleInfo", "MethodInfo", "PresetInfo", "about", "load", "pull", "to_pull", "warm"]


class PresetInfo(TypedDict):
    """A method's named settings, complete, and the region that they were used with."""

    title: str
    settings: dict[str, Any]
    region: str


class _Loaded(TypedDict, total=False):
    kind: str
    strengths: str
    costs: str
    suits: list[str]
    seeded: bool
    gradients: bool
    paper: str
    schema: dict[str, Any]
    presets: dict[str, PresetInfo]
    hidden: bool


class MethodInfo(_Loaded):
    """What a page shows of a method; one that cannot be loaded has only title and problem."""

    title: str
    summary: str
    problem: str | None


class BundleInfo(TypedDict):
    """A bundle's manifest and what can be done with it. The models' entries are None for the
    classifier, else a property or classes, with :class:`backends.explain.compatibility.Explained`;
    ``judge`` is such an entry of the oracle, None without one."""

    name: str
    title: str
    description: str
    image_size: int
    channels: int
    class_names: list[str]
    licence: str
    preparation: str
    recipe: str
    settings: dict[str, dict[str, Any]]
    parts: dict[str, dict[str, Any]]
    examples: list[dict[str, Any]]
    folder: str
    methods: dict[str, MethodInfo]
    metrics: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any] | None]
    judge: dict[str, Any] | None
    samples: bool
    draws: bool


def about(name: str) -> BundleInfo:
    """Describe a bundle for a page: its manifest; each method's title, summary, strengths, costs,
    what it suits, paper, settings schema and presets, whether it follows the model's gradients,
    why it cannot run (a sentence or None), and whether to hide it, since its parts can be neither
    trained nor fetched; what each metric means; and the models that can be explained, each with a
    regressor's property or a classifier's classes, and
    :func:`backends.explain.compatibility.explained`."""
    found = bundles.get(name)
    methods: dict[str, MethodInfo] = {}
    for method_name in registry.METHODS:
        try:
            method = registry.method(method_name)
            names = ["classifier", *(found.named(kind) for kind in method.needs)]
            problems = [found.problem(part) for part in names]
            known = {*found.manifest.parts, *found.trainable}
        except StudioError as error:
            methods[method_name] = {"title": method_name, "summary": "", "problem": str(error)}
            continue
        methods[method_name] = {
            "title": method.title,
            "summary": method.summary,
            "strengths": method.strengths,
            "costs": method.costs,
            "suits": list(method.suits),
            "kind": method.kind,
            "seeded": method.seeded,
            "gradients": method.differentiable,
            "paper": method.paper,
            "schema": _schema(method, found.manifest.settings.get(method_name, {})),
            "presets": _presets(method),
            "problem": next(filter(None, problems), None),
            # A variant whose parts can be neither trained nor fetched only clutters the page.
            "hidden": method.kind == "variant" and not known.issuperset(names),
        }
    reasons = {name: entry["problem"] for name, entry in methods.items()}
    models = _models(found, reasons)
    shown: Any = found.manifest.model_dump() | {
        "folder": str(found.folder),
        "methods": methods,
        "metrics": {name: asdict(metric) for name, metric in METRICS.items()},
        "models": {"classifier": None} | models,
        "judge": _judge(found, reasons),
        "samples": found.generator is not None,
        "draws": found.sampler is not None,
    }
    info: BundleInfo = shown
    return info


def _models(found: Bundle, problems: dict[str, str | None]) -> dict[str, Any]:
    """The models beside the classifier: parts, those that Python added, and those fitted."""
    models: dict[str, Any] = {}
    for part, entry in found.manifest.parts.items():
        if (entry.property or entry.classes) and found.problem(part) is None:
            told = entry.property.model_dump() if entry.property else {"classes": entry.classes}
            network = registry.architecture(entry.architecture)
            differentiable = getattr(network, "differentiable", True)
            models[part] = told | dict(
                explained(found, part, problems, found.classes(part), differentiable=differentiable)
            )
    further = [*added.names(), *found.outside]
    if further:
        from backends.targets.named import target_model  # imports torch
    for name in further:
        try:
            model = target_model(found, name)
        except StudioError:  # not for pictures of this size, or its file went since
            continue
        told, differentiable = {"classes": list(model.class_names)}, model.differentiable
        models[name] = told | dict(
            explained(found, name, problems, model.class_names, differentiable=differentiable)
        )
    return models


def _judge(found: Bundle, problems: dict[str, str | None]) -> dict[str, Any] | None:
    """The oracle as a model that can be asked, too; None where it is not here."""
    if found.problem(ORACLE) is not None:
        return None
    entry = found.manifest.parts[ORACLE]
    classes = entry.classes or found.manifest.class_names
    network = registry.architecture(entry.architecture)
    differentiable = getattr(network, "differentiable", True)
    return {"classes": classes} | dict(
        explained(found, ORACLE, problems, classes, differentiable=differentiable)
    )


def _presets(method: type[Method]) -> dict[str, PresetInfo]:
    from backends.explain.question import presets_of  # imports torch

    return {
        name: {
            "title": preset.title, "region": preset.region,
            "settings": method.Config(**preset.settings).model_dump(mode="json"),
        }
        for name, preset in presets_of(method).items()
    }  # fmt: skip


def _schema(method: type[Method], defaults: dict[str, Any]) -> dict[str, Any]:
    """Of a method's settings, with the bundle's own defaults."""
    schema = method.Config.model_json_schema()
    for key, value in defaults.items():
        schema["properties"][key]["default"] = value
    return schema


def load(name: str) -> Iterator[str]:
    """Load a bundle's parts that are here, one by one; yields what is ready."""
    found = bundles.get(name)
    for part in found.manifest.parts:
        if found.problem(part) is None:
            found.part(part)
            yield part


def warm(name: str) -> Iterator[str]:
    """Load a bundle's parts one by one, let each method take a step and measure an answer, so
    that the first person need not wait; yields what is ready."""
    import torch

    from backends.explain.judge import judge
    from backends.explain.question import Question
    from backends.explain.runner import run

    found = bundles.get(name)
    manifest = found.manifest
    shape = (1, manifest.channels, manifest.image_size, manifest.image_size)
    yield from load(name)
    if reference_of(found):  # measured from the bundle's pictures where it did not come with it
        yield "domain"
    prior = found.generator
    w = None if prior is None else found.part(prior).mean_w[None].cpu()  # or it would be searched
    for method_name, entry in about(name)["methods"].items():
        if entry["problem"] is None:
            x, region = torch.zeros(shape), Region(torch.ones(1, 1, *shape[2:]))
            question = Question.of(found, method_name, x, torch.tensor([0]), region, latent=w)
            with closing(run(question)) as steps:
                next(steps)
            yield method_name
    if found.problem("classifier") is None:
        x, one = torch.zeros(shape), Region(torch.ones(1, 1, *shape[2:]))
        judge(Question.of(found, next(iter(registry.METHODS)), x, torch.tensor([0]), one), x)
        yield "metrics"


def to_pull(name: str) -> list[dict[str, Any]]:
    """What a pull of the bundle would fetch, for a person to agree to: for each archive its
    ``parts``, ``title``, ``size`` and how much of it we ``have`` in bytes, ``licence``
    and ``weights_terms``."""
    from backends.fetching.pull import plan

    return [asdict(item) for item in plan(bundles.get(name))]


def pull(
    name: str, origin: str | None = None, *, offline: bool = False, keep: bool = False
) -> Generator[dict[str, Any], None, None]:
    """Fetch the bundle's parts that are published elsewhere; yields ``parts``, ``phase``,
    ``done`` and ``total`` (bytes). It waits for a network and needs no device, so it belongs
    into a thread of its own; closed early, it is taken up again by the next.

    :param origin: a folder, or a mirror's URL, instead of the usual places.
    :param keep: leave the archives in the cache.
    :raises StudioError: something cannot be fetched, in a sentence.
    """
    from backends.fetching.pull import Origin, pull

    for progress in pull(bundles.get(name), Origin.parse(origin, offline), keep):
        yield asdict(progress)
