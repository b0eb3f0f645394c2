"""``python -m studio doctor``: this machine, or a studio that runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    server: Annotated[
        str, typer.Option(help="Address of a studio that runs; exit code 1 where it is not well")
    ] = "",
    user: Annotated[str, typer.Option(help="Who logs in there; asks for the password")] = "",
) -> None:
    """Say what this machine has and what is missing, or whether a running studio is well."""
    from studio.cli.doctor import findings
    from studio.cli.remote_doctor import examine

    if not server:
        for line in findings():
            print(line)
        return
    login = None
    if user:
        password = os.environ.get("STUDIO_PASSWORD")
        login = user, password or typer.prompt("Password", hide_input=True, err=True)
    well = True
    for finding in examine(server, login):
        print(finding)
        well = well and finding.state != "broken"
    if not well:
        raise typer.Exit(1)
