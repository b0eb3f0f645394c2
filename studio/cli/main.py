"""``python -m studio ...``: the studio's jobs without a browser."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from backends.core import Request
from backends.errors import BadInput, StudioError
from backends.files import FULL, atomic_write, unwritten
from backends.regions.spec import RegionSpec
from backends.targets.reference import FORMS
from backends.targets.trust import trusted
from backends.version import studio_version
from studio.cli import domains, evaluations, options
from studio.cli.backup import backup, restore
from studio.cli.bundles import bundles_app
from studio.cli.checkup import doctor
from studio.cli.faithfulness import faithfulness
from studio.cli.labels import labels
from studio.cli.signals import interruptible
from studio.cli.users import users_app
from studio.engines import ENGINES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(bundles_app, name="bundles")
app.add_typer(labels, name="labels")
app.add_typer(users_app, name="users")

BundleOption = Annotated[str, typer.Option(help="Bundle name, or the folder of one")]


DeviceOption = options.DeviceOption
PrecisionOption = options.PrecisionOption


def _print_version(wanted: bool) -> None:
    if wanted:
        print(studio_version())
        raise typer.Exit


@app.callback()
def _studio(
    context: typer.Context,
    version_: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit"
        ),
    ] = False,
) -> None:
    """Counterfactual explanations of image classifiers."""
    if context.invoked_subcommand != "serve":  # whose visitors are others
        context.with_resource(trusted())


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one")] = 7860,
    bundle: BundleOption = "digits",
    engine: Annotated[str, typer.Option(help=", ".join(ENGINES))] = "auto",
    database: Annotated[
        str | None, typer.Option(help="File or postgresql:// address for people's labels")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help=f"Also let this model be explained: {FORMS}")
    ] = None,
    mcp: Annotated[
        bool,
        typer.Option(
            help='Also offer tools to language models: pip install "counterfactual-studio[mcp]"'
        ),
    ] = False,
    log_format: Annotated[
        str | None,
        typer.Option(help="plain, or json: a line for each event; else STUDIO_LOG_FORMAT"),
    ] = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
) -> None:
    """Open the studio in a browser."""
    if log_format:
        os.environ["STUDIO_LOG_FORMAT"] = log_format  # settings refuse what is neither
    from backends import service
    from studio.ui.serving import launch

    with trusted():
        for one in model or []:
            service.add_model(bundle, one)
    launch(host=host, port=port, bundle=bundle, engine=engine, database=database, mcp=mcp)


@app.command()
def explain(
    image: Annotated[Path, typer.Argument(help="Picture to explain")],
    method: Annotated[
        str, typer.Option(help="Name, names with commas between, or: all that the bundle can run")
    ],
    target: Annotated[str, typer.Option(help="Class the model should say instead")],
    bundle: BundleOption = "digits",
    model: Annotated[str, typer.Option(help=options.MODEL)] = "classifier",
    region: Annotated[str, typer.Option(help=RegionSpec.forms())] = "whole",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Setting, key=value; of one among several: method.key=value; "
            "value,value asks with each of them",
        ),
    ] = None,
    second_model: Annotated[
        str, typer.Option(help="Also ask this model the same, and each about the other's answers")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same answer")] = 0,
    seeds: Annotated[
        str, typer.Option(help="Several instead of one: 0-3, or 0,5,7; with the answers' spread")
    ] = "",
    importance: Annotated[
        bool, typer.Option(help="Also measure which changes matter to the model")
    ] = False,
    feather: Annotated[
        int, typer.Option(min=0, help="Pixels over which pasted.png fades in at the region's edge")
    ] = 0,
    page: Annotated[int, typer.Option(help="Of a file with several, counted from 1")] = 1,
    window: Annotated[
        str, typer.Option(help="CENTRE,WIDTH of the values to see, of deep files and DICOM")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures, report.html and result.json")
    ] = None,
    formats: Annotated[
        str, typer.Option(help="Of reports and films in that folder: html,pdf,strip,mp4")
    ] = "html",
    device: DeviceOption = None,
    precision: PrecisionOption = None,
) -> None:
    """Ask for a counterfactual; prints one JSON object, of several methods one by name, of several
    seeds one by seed."""
    from backends import imaging, service
    from studio import export
    from studio.cli.comparing import answer_each, compare, several_in
    from studio.cli.seeds import ask_each
    from studio.export.formats import formats_in
    from studio.runs.comparison import seeds_of

    options.check_folder(out)
    wanted = formats_in(formats)
    reading = imaging.read(image, page, imaging.window_in(window))
    if reading.note:
        print(f"note: {reading.note}", file=sys.stderr)
    picture, placement = service.place(bundle, reading.picture, reading.turn)
    original = imaging.feathered(imaging.kept(image, reading), feather)
    spec = RegionSpec.parse(region)
    names = options.methods_in(method, bundle)
    asked = Request(
        bundle=bundle, method=names[0], target=target, picture=picture, region=str(spec),
        seed=seed, model=model, importance=importance, placement=placement, original=original,
    )  # fmt: skip
    several = bool(second_model) or several_in(set_ or [], names)
    if seeds and (several or names != [method]):
        raise BadInput("--seeds goes with one method and model; ask each by itself")
    if several:
        compare(asked, names, set_ or [], second_model, out, wanted)
        return
    requests = {
        name: replace(asked, method=name, settings=options.settings_in(set_ or [], name, names))
        for name in names
    }
    if seeds:
        ask_each(requests[method], seeds_of(seeds), out)
        return
    if names == [method]:
        answer, frames = options.ask(requests[method])
        write = None
        if out is not None:
            write = partial(export.write, out, answer, frames, options.reports(wanted, bundle))
        options.print_and_write(answer.record, write)
        return
    answer_each(requests, out, wanted)


app.command()(evaluations.evaluate)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="PNG file to write")],
    bundle: BundleOption = "faces",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same picture")] = 0,
    device: DeviceOption = None,
) -> None:
    """Let the bundle's generator draw a picture to explain."""
    from backends import service
    from studio import export

    picture = service.sample(bundle, seed)
    with atomic_write(out) as scratch:
        export.as_picture(picture).save(scratch, "PNG")


@app.command()
def spectrum(
    image: Annotated[Path, typer.Argument(help="Picture at whose place the prior is looked at")],
    bundle: BundleOption = "digits",
    prior: Annotated[str, typer.Option(help="flow, autoencoder, latent_autoencoder or gan")] = (
        "flow"
    ),
    out: Annotated[Path | None, typer.Option(help="PNG file for the plot")] = None,
    device: DeviceOption = None,
) -> None:
    """Tangent spectrum: how far each direction of a prior's coordinates moves the picture."""
    from backends import imaging, service
    from studio import export

    picture = service.prepare(bundle, imaging.read_picture(image))
    values = service.spectrum(bundle, picture, prior)
    if out is not None:
        with atomic_write(out) as scratch:
            export.spectrum_plot(values, prior).save(scratch, "PNG")
    print(json.dumps({"prior": prior, "singular_values": values}))


app.command()(backup)
app.command()(restore)
app.command()(domains.new)
app.command()(domains.train)
app.command()(faithfulness)


@app.command()
def fit(
    model: Annotated[str, typer.Argument(help=f"{FORMS}, or a regressor's goal: thickness > 3")],
    bundle: BundleOption = "digits",
    name: Annotated[str, typer.Option(help="What the bundle will call it [its file's name]")] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Setting, key=value")] = None,
    device: DeviceOption = None,
) -> None:
    """Let LeapFactual, PLACE and CLARITY explain a model whose classes are not the bundle's; takes
    a minute and prints what was fitted."""
    from backends.service.fitting import fit
    from backends.training.retrain_settings import Learning

    def on_item(item: object) -> None:
        if isinstance(item, Learning):
            loss = "" if item.loss is None else f"  loss {item.loss:.4f}"
            print(f"\r{item.phase:16} {item.share:.0%}{loss} ", end="", file=sys.stderr, flush=True)

    settings = options.settings_in(set_ or [], "", [])
    *_, end = options.finish(lambda: fit(bundle, model, name, settings), on_item)
    print(file=sys.stderr)
    print(json.dumps(asdict(end), indent=2))


app.command()(doctor)


def main() -> None:
    """Run a command; what a person can mend is one line on stderr and exit code 2."""
    try:
        # Not standalone, so that every message has the same form; 130 is an interrupt's.
        sys.exit(interruptible(lambda: app(standalone_mode=False)) or 0)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except StudioError as error:
        message = f"error: {error}"
    except OSError as error:
        message = f"error: {unwritten('the result', error) if error.errno in FULL else error}"
    except Exception as error:
        # Typer's own complaints, whose class is click's or a copy of it, by version.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        message = message if "\n" in message else f"error: {message}"  # a help page stays itself
    print(message, file=sys.stderr)
    sys.exit(2)
