"""The RCSB paper's measurements, on digits and on small faces: tables 1 to 6 and figure 3."""

from __future__ import annotations

from itertools import product
from typing import get_args

from backends.errors import BadInput
from backends.methods.rcsb import LADDER, PRESETS
from backends.regions.attribution import ATTRIBUTIONS
from backends.regions.settings import Name
from benchmarks.papers.evaluated import Pairs, PaperRow, evaluation, measured
from benchmarks.papers.tables import Options, Row, beside

__all__ = [
    "appealing", "attributions", "diversity", "evaluations", "face_ladder", "ladder",
    "other_regions", "own_region", "region", "settings", "with_others", "words",
]  # fmt: skip

AUTHORS_SIDE, SIDE = 256, 32  # pixels of ImageNet's pictures there, of a digit's here
# Digits that resemble each other, as the animals of a task of the paper do, both ways.
TASK: Pairs = (("4", "9"), ("9", "4"))
FEW = {
    "cosine, oracle's features": "cosine_oracle",
    "COUT": "cout",
    "FR": "flip_rate",
    "oracle agrees": "oracle_agreement",
}
COLUMNS = {"kernel distance, oracle's features": "kernel_oracle"} | FEW
SMILES: Pairs = (("smiling", "not smiling"), ("not smiling", "smiling"))
FACE_COLUMNS = {
    "LPIPS": "lpips_alex", "SSIM": "ssim", "COUT": "cout", "FR": "flip_rate",
    "oracle agrees": "oracle_agreement", "area of the region": "region_area",
}  # fmt: skip


def region(area: float, cell: int) -> str:
    """An automatic region with the paper's cell, as large on a digit as it is on its pictures."""
    return f"auto:area={area},cell={max(1, cell * SIDE // AUTHORS_SIDE)}"


def own_region(preset: str) -> str:
    """The region of a preset of table 1, its cells scaled."""
    area, cell = PRESETS[preset].region.removeprefix("auto:area=").split(",cell=")
    return region(float(area), int(cell))


def _rung(title: str) -> str:
    """What a rung of the ladder adds, of its preset's title."""
    return title.split(": ")[1].removesuffix(" (figure 3)")


def with_others(options: Options) -> list[Row]:
    """Table 1."""
    rows = [
        PaperRow({"method": f"`{name}`"}, name, pairs=TASK) for name in ("ldce", "dvce", "fastdime")
    ]
    for preset in ("C", "B", "A"):
        head: Row = {"method": f"`rcsb` {preset}"}
        rows.append(PaperRow(head, "rcsb", {"preset": preset}, own_region(preset), TASK))
    head = {"method": "`rcsb`, our settings in B's region"}
    rows.append(PaperRow(head, "rcsb", {}, own_region("B"), TASK))
    return measured(options, rows, COLUMNS)


def settings(options: Options) -> list[Row]:
    """Ours: why this bundle's settings are not the paper's."""
    regions = {"whole picture": "whole", "automatic, a = .3": region(0.3, 32)}
    rows = [
        PaperRow({"settings": name, "region": where}, "rcsb", settings, regions[where])
        for name, settings in (("paper's", {"preset": "balanced"}), ("ours", {}))
        for where in regions
    ]
    columns = {"area of the region": "region_area", "changed area": "changed_area", "L1": "l1"}
    return measured(options, rows, columns | COLUMNS)


def other_regions(options: Options) -> list[Row]:
    """Table 2, B and C."""
    rows = [
        PaperRow(
            {"part": "B", "what": f"free-form masks, {least}–{most} %"}, "rcsb", {"preset": preset},
            f"freeform:{least}-{most}", TASK,
        )
        for least, most, preset in ((10, 20, "B"), (20, 30, "C"))
    ]  # fmt: skip
    rows += [
        PaperRow(
            {"part": "C", "what": title}, "inpainting", {"sampler": sampler}, own_region("C"), TASK
        )
        for title, sampler in (("RePaint", "repaint"), ("MCG", "mcg"), ("DDRM", "ddrm"))
    ]
    return measured(options, rows, COLUMNS)


def words(options: Options) -> list[Row]:
    """Table 2, A."""
    steps = {"steps": PRESETS["words"].settings["steps"]}
    rows = []
    for words, (name, settings) in product(
        ("mouth", "face"),
        (("paper's", {"preset": "words"}), ("this bundle's", steps)),
    ):
        head: Row = {"region in words": words, "settings": name}
        rows.append(PaperRow(head, "rcsb", settings, f"text:{words}", SMILES))
    return measured(options, rows, FACE_COLUMNS)


def attributions(options: Options) -> list[Row]:
    """Table 3; dashes where an attribution finds nothing in one of the pictures."""
    rows = []
    for name in get_args(Name):
        head: Row = {"attribution": ATTRIBUTIONS[name][0]}
        asked = PaperRow(
            head, "rcsb", {"preset": "B"}, f"{own_region('B')},attribution={name}", TASK
        )
        try:
            rows += measured(options, [asked], FEW)
        except BadInput:
            rows.append(head | dict.fromkeys(FEW, "-") | {"pictures": options.count})
    return rows


def diversity(options: Options) -> list[Row]:
    """Table 4."""
    rows = [
        PaperRow({"settings": preset}, "rcsb", {"preset": preset}, own_region(preset),
                 TASK, (0, 1))
        for preset in ("A", "B", "C")
    ]  # fmt: skip
    return measured(options, rows, {"L2 between two seeds": "diversity_l2", "FR": "flip_rate"})


def evaluations(options: Options) -> list[Row]:
    """Table 5, by counting the calls of a run."""
    asked: dict[str, tuple[str, str, dict[str, object], int]] = {
        "RCSB": ("rcsb", "bridge", {"preset": "A"}, 100),
        "LDCE": ("ldce", "denoiser", {"steps": 191, "strength": 0.382}, 191),
        "DDRM": ("inpainting", "pixel_denoiser", {"sampler": "ddrm", "steps": 200}, 200),
        "MCG": ("inpainting", "pixel_denoiser",
                {"sampler": "mcg", "steps": 1000, "truncation": 0.95}, 1000),
    }  # fmt: skip
    rows: list[Row] = []
    for title, (name, network, own, paper) in asked.items():
        at = evaluation(options, PaperRow({}, name, own, own_region("A"), TASK))
        counted: Row = {
            f"{what}, {way}": round(at.calls[part][way])
            for what, part in (("network", network), ("classifier", "target_model"))
            for way in ("forward", "backward")
        }
        row = beside(counted, dict.fromkeys(counted, paper))
        rows.append({"method": title} | row | {"pictures": at.values["n"]})
    return rows


def appealing(options: Options) -> list[Row]:
    """Table 6."""
    rows = []
    for (area, cell), scale, truncation in product(((0.1, 8), (0.15, 16)), (2.0, 3.0), (0.3, 0.6)):
        head: Row = {"a": area, "c": cell, "s": scale, "τ": truncation}
        settings = {"preset": "A", "scale": scale, "truncation": truncation}
        rows.append(PaperRow(head, "rcsb", settings, region(area, cell), TASK))
    return measured(options, rows, FEW)


def ladder(options: Options) -> list[Row]:
    """Figure 3."""
    rows = [
        PaperRow({"guidance": _rung(title)}, "rcsb", {"preset": name}, region(0.3, 16),
                 TASK)
        for name, (title, _) in LADDER.items()
    ]  # fmt: skip
    return measured(options, rows, COLUMNS)


def face_ladder(options: Options) -> list[Row]:
    """Figure 3 on faces."""
    rows = [
        PaperRow({"guidance": _rung(title)}, "rcsb", {"preset": name},
                 "auto:area=0.3,cell=4", SMILES)
        for name, (title, _) in LADDER.items()
    ]  # fmt: skip
    return measured(options, rows, FACE_COLUMNS)
