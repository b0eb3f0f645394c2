"""``python -m studio users ...``: who may log in to a studio that a team shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backends.settings import settings, user_data
from studio.access.users import Users

__all__ = ["users_app"]

users_app = typer.Typer(no_args_is_help=True, help="Say who may log in (STUDIO_USERS).")
NameArgument = Annotated[str, typer.Argument(help="The person's name")]


def _place() -> Path:
    return settings().users or user_data() / "users.json"


@users_app.command("list")
def list_users() -> None:
    """Everybody who may log in."""
    for user in Users.read(_place()).people:
        print(f"{user.name}{' (administrator)' if user.administrator else ''}")


@users_app.command("add")
def add(  # nosec B107 # an empty password is asked for
    name: NameArgument,
    administrator: Annotated[bool, typer.Option(help="May also fetch what bundles lack")] = False,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for")
    ] = "",
) -> None:
    """Let a person log in, or give them another password."""
    place = _place()
    Users.read(place).with_user(name, password, administrator).write(place)
    print(f"{name} may log in; serve with STUDIO_USERS={place}")


@users_app.command("remove")
def remove(name: NameArgument) -> None:
    """Let a person log in no more; takes effect when the studio starts again."""
    place = _place()
    Users.read(place).without(name).write(place)
    print(f"{name} is removed")
