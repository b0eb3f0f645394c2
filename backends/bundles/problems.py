"""Why a part of a bundle cannot be used: missing, damaged, not fetched; one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.bundles import added_parts
from backends.fetching import cache
from backends.fetching.source import megabytes

if TYPE_CHECKING:
    from backends.bundles.bundle import Bundle

__all__ = ["not_fetched", "unusable"]


def unusable(bundle: Bundle, name: str) -> str | None:
    """Why a part of the bundle's own folder, or of a trained model, cannot be used; None when its
    file is whole."""
    part = bundle.manifest.parts.get(name)
    model = None if part is None or name in bundle.own.parts else bundle.model(part.model or name)
    remedy = "fetch the bundle again, or train it with: python -m studio train"
    if model is not None:
        remedy = f"retrain {model.name!r} from its labels"
        if any(bundle.fingerprint(n) != sha for n, sha in model.learnt_on.items()):
            return f"{name!r} was trained on other parts than the bundle's; {remedy}"
    if part is None and name in bundle.own.published:
        return (
            f"{name} is not here: it is {bundle.own.published[name]}; fetch that, then add it "
            f"with: {bundle.add_command}"
        )
    if part is not None and added_parts.is_added(bundle.own.name, part):
        remedy = f"add it again with: {bundle.add_command}"
    if part is None and name not in bundle.trainable:
        return (
            f"bundle {bundle.name!r} has no part {name!r}, and no recipe trains it; choose "
            "another method"
        )
    if part is None:
        return (
            f"bundle {bundle.name!r} has no part {name!r}; train it with: {_training(bundle, name)}"
        )
    if not (bundle.folder / part.file).exists():
        return f"{part.file} of bundle {bundle.name!r} is missing; {remedy}"
    if not bundle.has(part):
        return f"{part.file} of bundle {bundle.name!r} is damaged (its sha256 differs); {remedy}"
    learnt_on = part.trained.learnt_on if part.trained else {}
    if any(bundle.fingerprint(n) != sha for n, sha in learnt_on.items()):
        return (
            f"part {name!r} of bundle {bundle.name!r} learnt from parts that were trained anew "
            f"since; train it again with: {_training(bundle, name)}"
        )
    return None


def _training(bundle: Bundle, name: str) -> str:
    """What a person types to train a part."""
    recipe = bundle.manifest.recipe
    if recipe == "pictures":
        return f"python -m studio train {bundle.typed_folder} --minutes 60 --parts {name}"
    recipe = "" if recipe == "digits" else f" --recipe {recipe}"
    return f"python -m studio train DATA --out {bundle.typed_folder} --parts {name}{recipe}"


def not_fetched(bundle: Bundle, name: str) -> str | None:
    """Why a part that is published elsewhere cannot be used yet; None when it is fetched."""
    trouble = cache.damage(bundle.path(name))
    command = f"({megabytes(bundle.fetchable[name].size)}) with: {bundle.pull_command}"
    if trouble == "missing":
        return f"{name} of bundle {bundle.name!r} is not here yet; fetch it {command}"
    if trouble == "damaged":
        return (
            f"{name} of bundle {bundle.name!r} is damaged (its sha256 differs); "
            f"fetch it again {command}"
        )
    return None
