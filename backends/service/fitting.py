"""Fit a bundle's parts to the classes of a model that is not the bundle's; plain records in and
out, as in :mod:`backends.service.explanations`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

from backends import bundles
from backends.bundles import user_models
from backends.compute.devices import paced
from backends.compute.oom import guarded
from backends.targets import added, reference
from backends.training.retrain_settings import Fitted, Fitting, Learning

__all__ = ["fit"]


def fit(
    bundle: str, model: str, name: str, settings: dict[str, Any]
) -> Iterator[Learning | Fitted]:
    """Let the methods that learnt the bundle's classes explain a model; yield the progress, then
    the record. Closed early, or killed, it is taken up again from its last checkpoint.

    :param model: as :func:`backends.targets.named.target_model` takes it, or ``thickness > 3``.
    :param name: under which the bundle will know it; empty for its usual one.
    :raises StudioError: the model or a setting cannot be used; raised before the first step.
    """
    from backends.explain.question import settings_of
    from backends.targets.named import canonical, target_model
    from backends.training.fitting import Fit

    found = bundles.get(bundle)
    name = user_models.checked(name or reference.usual_name(model), found.own)
    config = settings_of(Fitting, settings, "fitting")
    with guarded(found.device):
        source = "" if added.find(model) else canonical(model)
        learner = Fit(found, name, target_model(found, model), source, config)
        learner.work = user_models.bench(found.own.name, name, learner.key())
        # Networks this small gain little from a second thread, and lose all where others compute.
        yield from paced(learner.run(), 0, found.device)
        assert learner.record is not None
        user_models.write(found.own.name, learner.record, learner.networks)
    shutil.rmtree(learner.work.parent, ignore_errors=True)
    quality = next(iter(learner.record.parts.values())).trained
    assert quality is not None
    counts = {key.removeprefix("drawn_"): int(n) for key, n in quality.quality.items()}
    yield Fitted(bundle, name, counts, list(learner.record.parts), learner.seconds)
