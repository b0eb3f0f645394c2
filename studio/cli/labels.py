"""``python -m studio labels ...``: projects, their pictures, labels in and out, agreement."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backends.errors import BadInput
from studio.cli import options
from studio.cli.deleting import delete_model, delete_project
from studio.labels.store.records import Access, Role, Setup

if TYPE_CHECKING:
    from studio.labels.store.database import Database

# The store is imported where it is used: SQLAlchemy takes half a second that the other commands
# need not wait for.

__all__ = ["labels"]

labels = typer.Typer(
    no_args_is_help=True, help="Labelling projects: pictures, people, labels in and out."
)

ProjectArgument = Annotated[str, typer.Argument(help="The project's name")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(help="File, or postgresql://user:secret@host/name; else STUDIO_DATABASE"),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="csv, jsonl, datasets or label-studio; else by the name"),
]
VersionOption = Annotated[int | None, typer.Option(min=0, help="Label set; else the newest")]
BundleArgument = Annotated[str, typer.Argument(help="Bundle name or folder")]
AT_ONCE = 64  # pictures that are stored together


def _fields() -> dict[str, str]:
    return {name: field.description or "" for name, field in Setup.model_fields.items()}


HELP = _fields()


@contextmanager
def _store(place: str | None) -> Iterator[Database]:
    from studio.labels.store.database import Database, usual_place

    database = Database(place or usual_place())
    try:
        yield database
    finally:
        database.close()


def _print_code(access: Access) -> None:
    print(f"access code of {access.annotator.name}, shown only now: {access.code}")


@labels.command("list")
def list_projects(database: DatabaseOption = None) -> None:
    """Every project: its bundle, classes, pictures, people, and the label set's version."""
    from studio.labels.store import pictures, projects

    with _store(database) as store:
        for project in projects.listed(store):
            people = ", ".join(who.name for who in projects.people(store, project))
            print(
                f"{project.name}: bundle {project.setup.bundle}; classes: "
                f"{', '.join(project.classes)}; {len(pictures.items(store, project))} pictures; "
                f"people: {people}; label set {project.version}"
            )


@labels.command("create")
def create_project(
    name: ProjectArgument,
    bundle: Annotated[str, typer.Option(help=HELP["bundle"])],
    classes: Annotated[str, typer.Option(help="What people can answer, comma-separated")],
    question: Annotated[str, typer.Option(help=HELP["question"])] = "What is this?",
    instructions: Annotated[
        Path | None, typer.Option(help="File with Markdown that everyone is shown")
    ] = None,
    order: Annotated[str, typer.Option(help=HELP["order"])] = "random",
    votes: Annotated[int, typer.Option(help=HELP["votes"])] = 1,
    blind: Annotated[bool, typer.Option(help=HELP["blind"])] = True,
    hints: Annotated[bool, typer.Option(help=HELP["hints"])] = False,
    open_: Annotated[bool, typer.Option("--open/--closed", help=HELP["open"])] = True,
    administrator: Annotated[str, typer.Option(help="Who administers it")] = "administrator",
    database: DatabaseOption = None,
) -> None:
    """Make a project; prints its administrator's access code."""
    from backends import bundles
    from studio.labels.store import projects

    bundles.find(bundle)  # refuse an unknown one now, not when the first picture is added
    text = "" if instructions is None else instructions.read_text(encoding="utf-8")
    setup = Setup.checked(
        {
            "name": name, "bundle": bundle, "classes": classes.split(","), "question": question,
            "instructions": text, "order": order, "votes": votes, "blind": blind, "hints": hints,
            "open": open_,
        }
    )  # fmt: skip
    with _store(database) as store:
        project, access = projects.create(store, setup, administrator)
        print(f"{project.name}: {len(project.classes)} classes, no pictures yet")
        _print_code(access)


@labels.command("add")
def add_pictures(
    project: ProjectArgument,
    source: Annotated[
        str, typer.Argument(help="Folder, zip, folder with MNIST's idx files, or generate:N")
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many pictures")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first generated picture")] = 0,
    database: DatabaseOption = None,
) -> None:
    """Put pictures into a project, prepared as its bundle's models see them."""
    from studio.labels.store import pictures, projects
    from studio.labels.tasks import add_pictures as sources

    with _store(database) as store:
        found = projects.find(store, project)
        skipped, new, seen, waiting = 0, 0, 0, []

        def skip(name: str, reason: str) -> None:
            nonlocal skipped
            skipped += 1
            print(f"left out: {name}: {reason}", file=sys.stderr)

        for picture in sources.pictures_of(found.setup.bundle, source, skip, seed):
            waiting.append(picture)
            seen += 1
            if len(waiting) == AT_ONCE or seen == limit:
                new += pictures.add(store, found, waiting)
                waiting.clear()
            if seen == limit:
                break
        new += pictures.add(store, found, waiting)
        print(f"{found.name}: {new} new pictures, {seen - new} there already, {skipped} left out")
    if not seen:
        raise BadInput("nothing in {source} could be used; see the reasons above", source=source)


@labels.command("export")
def export_labels(
    project: ProjectArgument,
    to: Annotated[
        Path, typer.Option(help="File (.csv, .jsonl, .json), or new folder with the pictures too")
    ],
    format_: FormatOption = None,
    history: Annotated[bool, typer.Option(help="What was corrected or taken back too")] = False,
    version: VersionOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write a label set; prints one JSON object."""
    from studio.labels import exchange
    from studio.labels.store import projects

    with _store(database) as store:
        found = projects.find(store, project)
        written = exchange.export(store, found, to, format_, version=version, history=history)
    print(json.dumps(asdict(written)))


@labels.command("push")
def push_labels(
    folder: Annotated[Path, typer.Argument(help="What export --format datasets wrote")],
    repository: Annotated[str, typer.Argument(help="owner/name of a dataset repository")],
) -> None:
    """Push an exported datasets folder to the Hugging Face hub, private where it is new."""
    from studio.labels.exchange.dataset_folder import push

    print(push(folder, repository))


@labels.command("import")
def import_labels(
    project: ProjectArgument,
    source: Annotated[
        Path, typer.Argument(help="File, folder or zip that labels were exported to")
    ],
    format_: FormatOption = None,
    bundle: Annotated[
        str | None, typer.Option(help="Of a new project, where the file does not say it")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Of a new project, where the file does not say them")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(help="Label Studio's control whose choices are the labels, of several"),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV file that is not in UTF-8, such as cp1252")
    ] = None,
    administrator: Annotated[
        str, typer.Option(help="Who administers a new project")
    ] = "administrator",
    database: DatabaseOption = None,
) -> None:
    """Take labels into a project, made if there is none; all or nothing, and nothing twice."""
    from studio.labels import exchange
    from studio.labels.exchange.allowance import OWNER

    with _store(database) as store:
        done = exchange.import_labels(
            store, project, source, format_, bundle=bundle,
            classes=classes.split(",") if classes else None, control=control, encoding=encoding,
            administrator=administrator, allowance=OWNER,
        )  # fmt: skip
    for reason, count in done.left_out.items():
        print(f"left out: {reason}: {count}", file=sys.stderr)
    fields = {key: value for key, value in asdict(done).items() if key != "access"}
    print(json.dumps(fields, ensure_ascii=False))
    if done.access:
        _print_code(done.access)


@labels.command("agreement")
def agreement_of(
    project: ProjectArgument,
    version: VersionOption = None,
    database: DatabaseOption = None,
) -> None:
    """Kappas, alpha, confusion, items to adjudicate; prints one JSON object."""
    from studio.labels.stats import agreement
    from studio.labels.store import projects

    with _store(database) as store:
        report = agreement.report(store, projects.find(store, project), version)
    print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))


@labels.command("invite")
def invite_person(
    project: ProjectArgument,
    name: Annotated[str, typer.Argument(help="The person's name in the project")],
    administrator: Annotated[
        bool, typer.Option("--administrator", help="May see and decide everything")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Add a person; prints the access code, which is shown only now."""
    from studio.labels.store import projects

    role: Role = projects.ADMINISTRATOR if administrator else projects.ANNOTATOR
    with _store(database) as store:
        _print_code(projects.invite(store, projects.find(store, project), name, role))


@labels.command("models")
def list_models(
    bundle: BundleArgument,
) -> None:
    """Every model that was trained on labels for a bundle, and the label set of each."""
    from backends.service import retraining

    for name, label_set in retraining.trained(bundle).items():
        print(f"{name}: trained on {label_set}")


labels.command("delete")(delete_project)
labels.command("delete-model")(delete_model)


@labels.command("share-model")
def share_model(
    project: ProjectArgument,
    name: Annotated[str, typer.Argument(help="The model's name, as labels models prints it")],
    private: Annotated[
        bool, typer.Option("--private", help="Offer it to the project's administrators alone")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Offer a model that was trained on a project's labels to everybody who opens the studio."""
    from studio.labels.store import projects
    from studio.labels.tasks import retrain

    with _store(database) as store:
        retrain.share(store, projects.find(store, project), name, not private)
    print(f"{name}: {'the administrators of ' + project if private else 'everybody'} may ask it")


@labels.command("retrain")
def retrain_model(
    project: ProjectArgument,
    rule: Annotated[
        str, typer.Option(help="majority, soft, weighted, suggestions:0.9 or annotator:NAME")
    ] = "majority",
    name: Annotated[
        str | None, typer.Option(help="Of the model; the project's unless given")
    ] = None,
    version: VersionOption = None,
    student: Annotated[
        bool, typer.Option("--student", help="Also a classifier, for methods with gradients")
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the training, key=value")
    ] = None,
    database: DatabaseOption = None,
    device: options.DeviceOption = None,
) -> None:
    """Fit LeapFactual's velocity field to a label set: a target model of what people say; prints
    one JSON object. Interrupted, it is taken up again by the same words."""
    from backends.training.retrain_settings import Learning
    from studio.labels.store import projects
    from studio.labels.tasks import retrain

    settings: dict[str, Any] = dict(options.settings_in(set_ or [], "retraining", []))
    if student:
        settings["student"] = True

    def on_item(progress: Any) -> None:
        if isinstance(progress, Learning):
            loss = "" if progress.loss is None else f"  loss {progress.loss:.4f}"
            line = f"\r{progress.phase:10} {progress.share:4.0%}{loss}  {progress.seconds:.0f} s "
            print(line, end="", file=sys.stderr, flush=True)

    with _store(database) as store:
        found = projects.find(store, project)
        model = name or retrain.model_name(found.name)
        *_, learnt = options.finish(
            lambda: retrain.retrain(store, found, rule, model, settings, version), on_item
        )
    print(file=sys.stderr)
    print(json.dumps(asdict(learnt), ensure_ascii=False))
