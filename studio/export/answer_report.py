"""What a report of one answer says: for a colleague who was not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from backends.core import Answer, Frame
from backends.regions.spec import RegionSpec
from studio.export.document import (
    Block,
    Captioned,
    ClassBars,
    Document,
    PictureRow,
    ProbabilityCurve,
    Prose,
    Scale,
    Section,
    ValueTable,
    Verdict,
)
from studio.export.film import chosen
from studio.export.heatmaps import (
    absolute_difference,
    as_picture,
    difference_from_reconstruction,
    enlarge,
    important_changes,
    outlined,
    signed_difference,
)
from studio.export.snippets import repeat
from studio.export.verdict import verdict

if TYPE_CHECKING:
    from backends.service.bundles import BundleInfo

__all__ = [
    "ABSOLUTE", "READING", "SIDE", "SMALL", "answer_report", "region_words", "shown", "source",
]  # fmt: skip

SIDE, SMALL = 640, 128  # pixels of a photograph in a report; up to here pictures are blocks
STEPS = 6  # of the search that are shown
CLASSES = 5
BETTER = {"higher": "higher", "lower": "lower", "neither": ""}
ABSOLUTE: Scale = ("absolute", "nothing", "black to white")
SIGNED: Scale = ("signed", "darker", "brighter")
MATTERED: Scale = ("signed", "against", "for the target")
REPEATED = (
    "factual.png and region.png lie beside result.json in the answer’s zip; with the same versions "
    "the same pictures come out, bit for bit."
)
READING = (
    (
        "The counterfactual is the answer to one question: what would have to be different in this "
        "picture for the model to say something else? It shows one change that is enough. It is "
        "not the only one, and it says nothing about the thing in the picture, only about the "
        "model."
    ),
    "Outside the marked region the counterfactual equals the factual exactly, pixel for pixel.",
)


def answer_report(answer: Answer, frames: Sequence[Frame], about: BundleInfo) -> Document:
    """Pictures, verdict, numbers, settings, and how to repeat the run.

    :param about: of the bundle, from :func:`backends.service.about`.
    """
    record = answer.record
    method: Mapping[str, Any] = about["methods"].get(record["method"]) or {}
    before, target = record["factual"]["label"], record["target"]
    subtitle = [str(about["title"]), method.get("title", record["method"]), region_words(record)]
    sections = [
        Section("", [_verdict(record), _pictures(answer)]),
        *_further(answer),
        Section("How the search went", _search(answer, frames)),
        Section("Numbers", [_numbers(record, about["metrics"])]),
        Section("How it was made", [_made(record, about, method)]),
        Section("Settings", [_settings(record, method)] if record["settings"] else []),
        Section("Repeat it", [*_notes(record, about), *repeat(record)]),
        Section("How to read this", [Prose(READING)]),
    ]
    return Document(
        f"What would make the model say “{target}” instead of “{before}”?",
        " · ".join(subtitle),
        [section for section in sections if section.blocks],
        source(record),
        blocky=max(answer.factual.shape[:2]) <= SMALL,
    )


def source(record: Mapping[str, Any]) -> str:
    """What made a report."""
    return f"Counterfactual Studio {record['versions']['studio']}"


def shown(picture: Image.Image, side: int = SIDE) -> Image.Image:
    """A picture at the size that a report has room for; a small one as it is."""
    return enlarge(picture, side) if max(picture.size) > SMALL else picture


def region_words(record: Mapping[str, Any]) -> str:
    """Where change was allowed, in words."""
    region = record["region"]
    if region["area"] >= 1:
        return "change allowed anywhere"
    where = RegionSpec.parse(region["source"], given=True).describe()
    return f"change allowed {where}, {region['area']:.1%} of the picture"


def _verdict(record: Mapping[str, Any]) -> Verdict:
    oracle = record["oracle"]
    sure = record["status"] == "flipped" and (oracle is None or oracle["agrees"])
    return Verdict("good" if sure else "caution", verdict(record))


def _says(record: Mapping[str, Any], which: str) -> str:
    label = record[which]["label"]
    return f"the model says “{label}” ({record[which]['probabilities'][label]:.0%})"


def _pictures(answer: Answer) -> PictureRow:
    record, region = answer.record, answer.record["region"]["area"] < 1
    factual = as_picture(answer.factual)
    if region:
        factual = outlined(answer.factual, answer.mask, max(384, min(SIDE, *factual.size)))
    title = "Factual, with the region" if region else "Factual"
    return PictureRow([
        Captioned(shown(factual), title, _says(record, "factual")),
        Captioned(shown(as_picture(answer.counterfactual)), "Counterfactual",
                  _says(record, "counterfactual")),
        Captioned(shown(absolute_difference(answer)), "How much changed", scale=ABSOLUTE),
        Captioned(shown(signed_difference(answer)), "Brighter or darker", scale=SIGNED),
    ])  # fmt: skip


def _further(answer: Answer) -> list[Section]:
    """What only some answers have: importance, the prior's reconstruction, other answers."""
    items = []
    if answer.importance is not None:
        heat = shown(important_changes(answer.importance))
        items.append(Captioned(heat, "Which changes mattered", scale=MATTERED))
    if answer.reconstruction is not None:
        rebuilt, beyond = as_picture(answer.reconstruction), difference_from_reconstruction(answer)
        items += [
            Captioned(shown(rebuilt), "The factual, rebuilt by the method’s prior"),
            Captioned(shown(beyond), "How much changed against that", scale=ABSOLUTE),
        ]
    for name, other in answer.alternatives.items():
        says = _says(other.record, "counterfactual")
        items.append(
            Captioned(shown(as_picture(other.counterfactual)), f"The {name} counterfactual", says)
        )
    return [Section("Further pictures", [PictureRow(items)])] if items else []


def _search(answer: Answer, frames: Sequence[Frame]) -> list[Block]:
    record = answer.record
    groups = [
        (title, list(record[which]["probabilities"].items())[:CLASSES])
        for title, which in (("Before", "factual"), ("After", "counterfactual"))
    ]
    bars = ClassBars(groups, record["target"])
    if not frames:
        return [bars]
    steps = [
        Captioned(
            shown(as_picture(f.picture), SIDE // 2),
            f"step {f.index}",
            f"{f.target_probability:.0%}",
        )
        for f in chosen(frames, STEPS)
    ]
    points = [(f.index, f.target_probability) for f in frames]
    curve = ProbabilityCurve(points, frames[-1].index, record["target"])
    return [PictureRow(steps, STEPS), curve, bars]


def _numbers(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> ValueTable:
    rows = []
    known = [name for name in metrics if record["metrics"].get(name) is not None]
    # What the page shows of an answer comes first.
    for name in sorted(known, key=lambda name: 99 if (p := metrics[name]["page"]) is None else p):
        metric = metrics[name]
        value = metric["form"].format(record["metrics"][name])
        meaning = metric["meaning"] or metric["unit"]
        rows.append((metric["title"], value, BETTER[metric["direction"]], meaning))
    if oracle := record["oracle"]:
        share = f"{oracle['target_probability']:.1%}"
        meaning = f"by the oracle, which says “{oracle['label']}”"
        rows.append(("Target’s probability, oracle", share, "higher", meaning))
    return ValueTable(
        ("Number", "Value", "Better", "What it says"), rows, (0.3, 0.15, 0.1, 0.45), frozenset({1})
    )


def _made(
    record: Mapping[str, Any], about: Mapping[str, Any], method: Mapping[str, Any]
) -> ValueTable:
    calls = ", ".join(
        f"{name} {n['forward']}" + (f" + {n['backward']} backward" if n["backward"] else "")
        for name, n in record["nfe"].items()
    )
    versions = record["versions"]
    rows = [
        ("Bundle", f"{about['title']} ({record['bundle']})"),
        ("Model", record["model"]),
        ("Method", " ".join(filter(None, (method.get("title"), f"({record['method']})")))),
        ("Paper", method.get("paper", "")),
        ("Region", region_words(record)),
        ("Seed", str(record["seed"])),
        ("Steps", f"{record['step']} of {record['steps']}, {record['seconds']:.1f} s"),
        ("Network evaluations", calls),
        ("Versions", f"studio {versions['studio']}, torch {versions['torch']}"),
        ("Licence", str(about["licence"])),
    ]
    return ValueTable(("", ""), [row for row in rows if row[1]], (0.25, 0.75))


def _settings(record: Mapping[str, Any], method: Mapping[str, Any]) -> ValueTable:
    fields = method.get("schema", {}).get("properties", {})
    rows = [
        (name, str(value), fields.get(name, {}).get("description", ""))
        for name, value in record["settings"].items()
    ]
    return ValueTable(("Setting", "Value", "What it does"), rows, (0.25, 0.15, 0.6))


def _notes(record: Mapping[str, Any], about: Mapping[str, Any]) -> list[Block]:
    lines = [REPEATED]
    if record["status"] == "cancelled":
        lines.append("This run was stopped; these go on to its end.")
    if about["preparation"] == "portrait":
        lines.append(
            "On a computer that has not seen this portrait yet, give the photograph itself instead "
            "of factual.png: the face is found in it anew."
        )
    if record.get("asked"):
        lines.append("A person answered in the place of the model; these ask the model itself.")
    return [Prose(lines)]
