"""Why a part of a bundle cannot be used: missing, damaged, not fetched; one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.bundles import added_parts
from backends.fetching import cache
from backends.fetching.source import megabytes
from backends.sentences import Sentence

if TYPE_CHECKING:
    from backends.bundles.bundle import Bundle

__all__ = ["not_fetched", "unusable"]


def unusable(bundle: Bundle, name: str) -> str | None:
    """Why a part of the bundle's own folder, or of a trained model, cannot be used; None when its
    file is whole."""
    part = bundle.manifest.parts.get(name)
    model = None if part is None or name in bundle.own.parts else bundle.model(part.model or name)
    remedy = Sentence("fetch the bundle again, or train it with: python -m studio train")
    if model is not None:
        remedy = Sentence("retrain {name!r} from its labels", name=model.name)
        if any(bundle.fingerprint(n) != sha for n, sha in model.learnt_on.items()):
            return Sentence(
                "{name!r} was trained on other parts than the bundle's; {remedy}",
                name=name,
                remedy=remedy,
            )
    if part is None and name in bundle.own.published:
        return Sentence(
            "{name} is not here: it is {published}; fetch that, then add it with: {add_command}",
            name=name,
            published=bundle.own.published[name],
            add_command=bundle.add_command,
        )
    if part is not None and added_parts.is_added(bundle.own.name, part):
        remedy = Sentence("add it again with: {add_command}", add_command=bundle.add_command)
    if part is None and name not in bundle.trainable:
        return Sentence(
            "bundle {bundle!r} has no part {part!r}, and no recipe trains it; choose "
            "another method",
            bundle=bundle.name,
            part=name,
        )
    if part is None:
        return Sentence(
            "bundle {bundle!r} has no part {part!r}; train it with: {command}",
            bundle=bundle.name,
            part=name,
            command=_training(bundle, name),
        )
    if not (bundle.folder / part.file).exists():
        return Sentence(
            "{file} of bundle {name!r} is missing; {remedy}",
            file=part.file,
            name=bundle.name,
            remedy=remedy,
        )
    if not bundle.has(part):
        return Sentence(
            "{file} of bundle {name!r} is damaged (its sha256 differs); {remedy}",
            file=part.file,
            name=bundle.name,
            remedy=remedy,
        )
    learnt_on = part.trained.learnt_on if part.trained else {}
    if any(bundle.fingerprint(n) != sha for n, sha in learnt_on.items()):
        return Sentence(
            "part {part!r} of bundle {bundle!r} learnt from parts that were trained anew "
            "since; train it again with: {command}",
            part=name,
            bundle=bundle.name,
            command=_training(bundle, name),
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
    size, command = megabytes(bundle.fetchable[name].size), bundle.pull_command
    if trouble == "missing":
        return Sentence(
            "{name} of bundle {name_2!r} is not here yet; fetch it ({size}) with: {command}",
            name=name,
            name_2=bundle.name,
            size=size,
            command=command,
        )
    if trouble == "damaged":
        return Sentence(
            "{name} of bundle {name_2!r} is damaged (its sha256 differs); fetch it again ({size}) "
            "with: {command}",
            name=name,
            name_2=bundle.name,
            size=size,
            command=command,
        )
    return None
