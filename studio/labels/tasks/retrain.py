"""A project's labels become a target model of its bundle."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import insert, select

from backends.errors import NotFound
from backends.training.retrain_settings import Learning, Learnt
from studio.labels.stats.consensus import rows_for_training
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.labels.store.schema import Trainings

__all__ = ["delete", "history", "model_name", "models", "retrain"]


def model_name(project: str) -> str:
    """What a project's model is called unless a person says otherwise: models' names are shorter,
    and have no dots."""
    return re.sub(r"[^\w -]", "-", project)[:40].strip(" -")


def retrain(
    database: Database, project: Project, rule: str, name: str, settings: Mapping[str, Any],
    version: int | None = None,
) -> Iterator[Learning | Learnt]:  # fmt: skip
    """Train the bundle's model ``name`` on a label set, as
    :func:`backends.service.retraining.retrain`, and note which set it was.

    :param rule: one of :data:`studio.labels.stats.consensus.RULES`.
    :param version: of the label set; the newest unless given.
    :raises StudioError: there are too few labels, or the name or a setting cannot be used.
    """
    from backends.service import retraining

    version = project.version if version is None else version
    rows = rows_for_training(database, project, version, rule)
    for news in retraining.retrain(project.setup.bundle, name, rows, dict(settings)):
        if isinstance(news, Learnt):
            row = {
                "project_id": project.id, "version": version, "rule": rule, "model": news.model,
                "settings": dict(settings), "quality": news.quality, "created": time.time(),
            }  # fmt: skip
            with database.write() as connection:
                connection.execute(insert(Trainings).values(row))
        yield news


def models(database: Database, project: Project) -> list[str]:
    """Names of the models here that were trained on the project's labels, the newest first.

    A model that another project has replaced since is that project's.
    """
    from backends.service import retraining

    here = retraining.trained(project.setup.bundle)
    rows = history(database, project)
    own = (r["model"] for r in rows if here.get(r["model"]) == _label_set(project, r))
    return list(dict.fromkeys(own))


def delete(database: Database, project: Project, name: str | None) -> None:
    """Delete a model that was trained on the project's labels; its row in the history stays.

    :raises NotFound: there is none of that name.
    """
    from backends.service import retraining

    own = models(database, project)
    if not name or name not in own:
        known = ", ".join(own) or "none"
        raise NotFound(f"{project.name!r} has no trained model {name!r}; there are: {known}")
    retraining.forget(project.setup.bundle, name)


def _label_set(project: Project, row: Mapping[str, Any]) -> str:
    """What a model's record says of the label set that it was trained on."""
    return f"{project.name} {row['version']} {row['rule']}"


def history(database: Database, project: Project) -> list[dict[str, Any]]:
    """What was trained on a project's labels, the newest first: ``model``, ``version`` and
    ``rule`` of the label set, ``settings``, ``quality``, ``created``."""
    columns = [
        Trainings.model, Trainings.version, Trainings.rule, Trainings.settings, Trainings.quality,
        Trainings.created,
    ]  # fmt: skip
    chosen = (
        select(*columns).where(Trainings.project_id == project.id).order_by(Trainings.id.desc())
    )
    with database.read() as connection:
        return [row._asdict() for row in connection.execute(chosen)]
