"""Commands that delete for good; each says what goes and asks, unless ``--yes`` answers."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from backends.errors import BadInput, NotFound

__all__ = ["YesOption", "delete_bundle", "delete_model", "delete_project", "require_yes"]

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask")]


def require_yes(what: str, yes: bool) -> None:
    """Ask whether something shall be deleted.

    :param what: goes, for the question.
    :raises BadInput: nobody can be asked, or the answer is no; nothing is deleted.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("this deletes {what}; add --yes to do it", what=what)
    if not typer.confirm(f"Delete {what}? It cannot be brought back", default=False, err=True):
        raise BadInput("nothing is deleted")


def delete_project(
    project: Annotated[str, typer.Argument(help="The project's name")],
    yes: YesOption = False,
    database: Annotated[
        str | None, typer.Option(help="File, or postgresql:// address; else STUDIO_DATABASE")
    ] = None,
) -> None:
    """Delete a project: its pictures, people, labels, and the models that learnt from them."""
    from studio.labels.store import deletion, projects
    from studio.labels.store.database import Database, usual_place
    from studio.labels.tasks.delete_project import delete_project, models_of

    store = Database(database or usual_place())
    try:
        found = projects.find(store, project)
        there, models = deletion.contents(store, found), models_of(store, found)
        what = (
            f"{found.name!r} with {there.pictures} pictures, {there.answers} answers of "
            f"{there.people} people, and {len(models)} trained models"
        )
        require_yes(what, yes)
        delete_project(store, found)
    finally:
        store.close()
    print(f"{found.name}: deleted")


def delete_model(
    bundle: Annotated[str, typer.Argument(help="Bundle name or folder")],
    name: Annotated[str, typer.Argument(help="The model's name, as labels models prints it")],
    yes: YesOption = False,
) -> None:
    """Delete a model that was trained on labels, or fitted; the labels stay."""
    from backends.service import retraining

    if name in retraining.trained(bundle):
        require_yes(f"the model {name!r}", yes)
    retraining.forget(bundle, name)  # of one that is not there says so
    print(f"{name}: deleted")


def delete_bundle(
    name: Annotated[str, typer.Argument(help="Name of a bundle of your own pictures")],
    yes: YesOption = False,
) -> None:
    """Delete a bundle of your own pictures, with all that was trained for it."""
    from backends import bundles
    from backends.bundles import user_models
    from backends.settings import settings

    folder = settings().bundles / name
    own = [path.parent.name for path in settings().bundles.glob(f"*/{bundles.MANIFEST}")]
    if name not in own:
        known = ", ".join(sorted(own)) or "none"
        raise NotFound(
            "there is no bundle {name!r} of your own; there are: {known}", name=name, known=known
        )
    models = user_models.place(bundles.find(name).own.name)
    require_yes(f"the bundle {name!r} in {folder}, and the models trained for it", yes)
    # Without its manifest it is gone for everybody, even where its files cannot all be removed.
    (folder / bundles.MANIFEST).unlink()
    for place in (folder, models):
        shutil.rmtree(place, ignore_errors=True)
    print(f"{name}: deleted")
