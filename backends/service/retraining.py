"""Train target models on people's labels; plain records in and out, as in
:mod:`backends.service.explanations`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

from backends import bundles
from backends.bundles import user_models
from backends.compute.devices import paced
from backends.compute.oom import guarded
from backends.training.labelled import Labelled
from backends.training.retrain_settings import Learning, Learnt, Retraining

__all__ = ["forget", "model_name", "retrain", "schema", "trained"]


def schema() -> dict[str, Any]:
    """The settings of a retraining, as JSON schema, for a page's controls."""
    return Retraining.model_json_schema()


def retrain(
    bundle: str, name: str, rows: Labelled, settings: dict[str, Any]
) -> Iterator[Learning | Learnt]:
    """Train the target model ``name`` of a bundle on labels; yield its progress, then its record.

    Closed early, or killed, it leaves the earlier model of that name whole, and the same rows and
    settings take it up again from its last checkpoint.

    :raises BadInput: the name, the rows or a setting cannot be used; raised before the first step.
    :raises MissingPart: the bundle has no autoencoder, or it is not here.
    """
    from backends.explain.question import settings_of
    from backends.training.retrain import Course, checked_rows

    found = bundles.get(bundle)
    name = user_models.checked(name, found.own)
    config = settings_of(Retraining, settings, "retraining")
    checked_rows(rows, found)
    course = Course(found, name, rows, config)
    course.work = user_models.bench(found.own.name, name, course.key())
    with guarded(found.device):
        # Networks this small gain little from a second thread, and lose all where others compute.
        yield from paced(course.run(), 0, found.device)
        assert course.model is not None
        user_models.write(found.own.name, course.model, course.networks)
    shutil.rmtree(course.work.parent, ignore_errors=True)
    model = course.model
    training = model.parts[name].trained
    yield Learnt(
        bundle, name, model.classes, model.labels, model.rows, model.skipped,
        bool(course.networks[name].differentiable), training.quality if training else {},
        course.seconds,
    )  # fmt: skip


def model_name(bundle: str, name: str) -> str:
    """A name that a model of the bundle may have.

    :raises BadInput: it is none.
    """
    return user_models.checked(name, bundles.get(bundle).own)


def trained(bundle: str) -> dict[str, str]:
    """The bundle's models that were trained on labels: by name the label set of each."""
    models = user_models.read(bundles.get(bundle).own.name)
    return {name: model.labels for name, model in models.items()}


def forget(bundle: str, name: str) -> None:
    """Delete a model that was trained on labels.

    :raises NotFound: there is none of that name.
    """
    user_models.forget(bundles.get(bundle).own.name, name)
