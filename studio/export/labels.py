"""What tells several answers to one question from each other, in words and as names of folders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backends.bundles import ORACLE
from studio.translation import N_, _

if TYPE_CHECKING:
    from backends.core import Request
    from backends.service.bundles import BundleInfo

__all__ = ["answer_titles", "folder_names", "model_title", "opinion_text", "settings_text"]

LONGEST = 80  # characters of a folder's name
MODELS = {"classifier": N_("Classifier"), ORACLE: N_("Oracle")}


def model_title(name: str, about: BundleInfo) -> str:
    """What people call a model."""
    entry = about["models"].get(name) or {}
    if title := MODELS.get(name) or entry.get("title"):
        return _(title)[:1].upper() + _(title)[1:]
    return name


def settings_text(settings: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """``Steps 50, Scale 2``: settings that differ from a method's usual ones.

    :param schema: of all settings of the method.
    """
    titles = {name: field.get("title", name) for name, field in schema["properties"].items()}
    known = {"preset": N_("Preset")} | titles
    return ", ".join(f"{_(known.get(k, k))} {value_text(v)}" for k, v in settings.items())


def value_text(value: Any) -> str:
    """A setting's value, as people write it."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return f"{value:g}" if isinstance(value, int | float) else _(str(value))


def answer_titles(requests: Sequence[Request], about: BundleInfo) -> list[str]:
    """What tells each of several answers from the others: method, settings, and the model and the
    seed where there are several."""
    models, seeds = ({getattr(r, name) for r in requests} for name in ("model", "seed"))
    titles = []
    for request in requests:
        method = about["methods"][request.method]
        words = [_(method["title"])]
        if request.settings:
            words.append(settings_text(request.settings, method["schema"]))
        if len(models) > 1:
            words.append(model_title(request.model, about))
        if len(seeds) > 1:
            words.append(_("seed {seed}", seed=request.seed))
        titles.append(", ".join(words))
    return titles


def opinion_text(opinion: Mapping[str, Any], about: BundleInfo) -> str:
    """What a second model said of the factual and says of the counterfactual.

    :param opinion: as :func:`backends.service.second_opinion` gives it.
    """
    before, after = opinion["factual"], opinion["counterfactual"]
    if "value" in after:
        unit = _((about["models"].get(opinion["model"]) or {}).get("unit", ""))
        return f"{before['value']:.2f} → {after['value']:.2f} {unit}".rstrip()
    return f"“{before['label']}” → “{after['label']}”"


def folder_names(requests: Sequence[Request], *, seeds: bool = True) -> list[str]:
    """A name for each answer's folder, no two the same: its method, the settings that were given,
    its model where there are several, and its seed.

    :param seeds: whether to say the seed.
    """
    several = len({request.model for request in requests}) > 1
    found: list[str] = []
    for request in requests:
        words = [request.method, *(f"{key}-{value}" for key, value in request.settings.items())]
        words += [request.model] if several else []
        plain = re.sub(r"[^\w.+-]+", "_", "-".join(words), flags=re.ASCII)[:LONGEST]
        name = f"{plain}-seed{request.seed}" if seeds else plain
        found.append(f"{name}-{len(found) + 1}" if name in found else name)
    return found
