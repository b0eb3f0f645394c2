"""A project's labels become a target model of its bundle."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from backends.errors import BadInput, NotFound
from backends.training.retrain_settings import Learning, Learnt
from studio.labels.stats.consensus import rows_for_training
from studio.labels.stats.training_quality import label_counts
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.labels.store.schema import ModelNames, Projects, Trainings
from studio.labels.tasks.off_engine import off_engine

__all__ = [
    "TrainedModel",
    "claim",
    "delete",
    "history",
    "model_name",
    "models",
    "of_people",
    "retrain",
    "share",
]


@dataclass(frozen=True)
class TrainedModel:
    """A model of people's labels that is here.

    :ivar counts: labels by class, of all classes; empty where it is not known.
    :ivar shared: whether everybody is offered it, or only the project's administrators.
    """

    name: str
    project: str
    counts: dict[str, int]
    shared: bool

    @property
    def lacking(self) -> list[str]:
        """The classes without a single label, which it cannot have learnt."""
        return [name for name, count in self.counts.items() if not count]


def model_name(project: str) -> str:
    """What a project's model is called unless a person says otherwise: models' names are shorter,
    and have no dots."""
    return re.sub(r"[^\w -]", "-", project)[:40].strip(" -")


def retrain(
    database: Database, project: Project, rule: str, name: str, settings: Mapping[str, Any],
    version: int | None = None,
) -> Iterator[Learning | Learnt | None]:  # fmt: skip
    """Train the bundle's model ``name`` on a label set, as
    :func:`backends.service.retraining.retrain`, and note which set it was.

    It is offered to the project's administrators only, until :func:`share`; its name is the
    project's from now on. Yields None while the labels are read, and the last step again while it
    is noted what was trained.

    :param rule: one of :data:`studio.labels.stats.consensus.RULES`.
    :param version: of the label set; the newest unless given.
    :raises StudioError: there are too few labels, the name or a setting cannot be used, or the
        name is another project's.
    """
    from backends.service import retraining

    name = yield from off_engine(partial(claim, database, project, name))
    version = project.version if version is None else version
    rows = yield from off_engine(partial(rows_for_training, database, project, version, rule))
    counts = label_counts(rows)
    before: Learning | None = None
    for news in retraining.retrain(project.setup.bundle, name, rows, dict(settings)):
        if isinstance(news, Learnt):
            row = {
                "project_id": project.id, "version": version, "rule": rule, "model": news.model,
                "settings": dict(settings), "quality": news.quality, "created": time.time(),
                "counts": counts, "shared": False,
            }  # fmt: skip
            yield from off_engine(partial(_note, database, row), meanwhile=before)
        else:
            before = news
        yield news


def _note(database: Database, row: dict[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(insert(Trainings).values(row))


def claim(database: Database, project: Project, name: str) -> str:
    """Make a model's name the project's, if it is nobody else's; returns it as it is written.

    :raises BadInput: another project has it, or it can be none.
    """
    from backends.service import retraining

    bundle = project.setup.bundle
    name = retraining.model_name(bundle, name)
    key = {"bundle": bundle, "name": name.casefold()}
    chosen = select(ModelNames.project_id).filter_by(**key)
    here = {other.casefold() for other in retraining.trained(bundle)}
    try:
        with database.write() as connection:
            holder = connection.scalar(chosen)
            if holder is None and key["name"] not in here:
                connection.execute(insert(ModelNames).values(key | {"project_id": project.id}))
                holder = project.id
    except IntegrityError:  # somebody claimed it just now
        holder = None
    if holder != project.id:
        raise BadInput(
            "the name {name!r} is another project's; give the model a name of its own, such as "
            "{other!r}",
            name=name,
            other=model_name(project.name),
        )
    return name


def models(database: Database, project: Project) -> list[str]:
    """Names of the models here that were trained on the project's labels, the newest first.

    A model that another store's project has replaced since is that project's.
    """
    from backends.service import retraining

    here = retraining.trained(project.setup.bundle)
    rows = history(database, project)
    own = (r["model"] for r in rows if here.get(r["model"]) == _label_set(project.name, r))
    return list(dict.fromkeys(own))


def of_people(database: Database, bundle: str) -> dict[str, TrainedModel]:
    """The bundle's models that were trained on labels and are in this store, by name."""
    from backends.service import retraining

    here = retraining.trained(bundle)
    chosen = (
        select(
            Trainings.model, Trainings.version, Trainings.rule, Trainings.counts, Trainings.shared,
            Projects.name.label("project"),
        )
        .join(Projects, Projects.id == Trainings.project_id)
        .where(Projects.bundle == bundle, Trainings.model.in_(list(here)))
        .order_by(Trainings.id)  # of several under one name the last one stands
    )  # fmt: skip
    with database.read() as connection:
        rows = [row._asdict() for row in connection.execute(chosen)]
    return {
        row["model"]: TrainedModel(row["model"], row["project"], row["counts"], row["shared"])
        for row in rows
        if here[row["model"]] == _label_set(row["project"], row)
    }


def share(database: Database, project: Project, name: str | None, shared: bool = True) -> None:
    """Offer a model that was trained on the project's labels to everybody, or (not ``shared``) to
    the project's administrators alone.

    :raises NotFound: there is none of that name.
    """
    _require(database, project, name)
    with database.write() as connection:
        connection.execute(
            update(Trainings)
            .where(Trainings.project_id == project.id, Trainings.model == name)
            .values(shared=shared)
        )


def delete(database: Database, project: Project, name: str | None) -> None:
    """Delete a model that was trained on the project's labels; its row in the history stays.

    :raises NotFound: there is none of that name.
    """
    from backends.service import retraining

    _require(database, project, name)
    bundle = project.setup.bundle
    retraining.forget(bundle, str(name))
    gone = delete_rows(ModelNames).filter_by(bundle=bundle, name=str(name).casefold())
    with database.write() as connection:
        connection.execute(gone.where(ModelNames.project_id == project.id))


def _require(database: Database, project: Project, name: str | None) -> None:
    own = models(database, project)
    if not name or name not in own:
        known = ", ".join(own) or "none"
        raise NotFound(
            "{name!r} has no trained model {name_2!r}; there are: {known}",
            name=project.name,
            name_2=name,
            known=known,
        )


def _label_set(project: str, row: Mapping[str, Any]) -> str:
    """What a model's record says of the label set that it was trained on."""
    return f"{project} {row['version']} {row['rule']}"


def history(database: Database, project: Project) -> list[dict[str, Any]]:
    """What was trained on a project's labels, the newest first: ``model``, ``version`` and
    ``rule`` of the label set, ``settings``, ``quality``, ``counts`` of labels by class, ``shared``,
    ``created``."""
    columns = [
        Trainings.model, Trainings.version, Trainings.rule, Trainings.settings, Trainings.quality,
        Trainings.counts, Trainings.shared, Trainings.created,
    ]  # fmt: skip
    chosen = (
        select(*columns).where(Trainings.project_id == project.id).order_by(Trainings.id.desc())
    )
    with database.read() as connection:
        return [row._asdict() for row in connection.execute(chosen)]
