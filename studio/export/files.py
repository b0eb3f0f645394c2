"""Files of an answer: the result folder, its GIF, its zip."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from backends import imaging
from backends.core import Answer, Frame
from backends.files import atomic_write, scratch_folder
from studio.export.heatmaps import (
    absolute_difference,
    as_picture,
    difference_from_reconstruction,
    enlarge,
    important_changes,
    signed_difference,
)

__all__ = ["SETTINGS", "at_once", "write", "write_all", "write_zip"]

GIF_FRAMES = 60
Further = Callable[[Path, Answer, Sequence[Frame]], None]
SETTINGS = "counterfactual-studio"  # the text in counterfactual.png: result.json's content
IMPORTANCE, RECONSTRUCTION = "importance.png", "reconstruction.png"
PASTED = "pasted.png"
REPORTS = ("report.html", "report.pdf", "filmstrip.png", "trajectory.mp4")
BEYOND, LATENT, OTHER = "difference_from_reconstruction.png", "latent.npy", "alternative_"
# What not every answer has: an earlier answer's would not belong to this one.
STALE = (IMPORTANCE, RECONSTRUCTION, BEYOND, LATENT, PASTED, *REPORTS, f"{OTHER}*")


def write(
    folder: Path, answer: Answer, frames: Sequence[Frame], further: Further | None = None
) -> None:
    """The result folder: factual, counterfactual, region, difference and signed_difference as
    PNG of the model's size, importance.png where it was asked for, trajectory.gif, result.json,
    whose content counterfactual.png carries, too, with no time.
    Where the person's own picture is known, pasted.png: that picture with the answer's changes.
    Where the method has a prior, reconstruction.png, what it makes of the factual (of a
    generator: of a photograph), difference_from_reconstruction.png, and latent.npy, the answer in
    its coordinates. Of each further answer that the method gave, alternative_NAME.png,
    alternative_NAME_difference.png and alternative_NAME_latent.npy.
    Appears at once or not at all.

    :param further: writes more files of the answer into the folder, such as reports.
    """
    with at_once(folder, STALE) as scratch:
        _fill(scratch, answer, frames)
        if further:
            further(scratch, answer, frames)


def write_all(
    folder: Path, found: Mapping[str, tuple[Answer, Sequence[Frame]]], csv: str,
    further: Further | None = None, whole: Callable[[Path], None] | None = None,
) -> None:  # fmt: skip
    """A result folder for each method's name, and table.csv; at once or not at all.

    :param further: as of :func:`write`.
    :param whole: writes more files about all of the answers into the folder.
    """
    with at_once(folder, STALE) as scratch:
        for name, (answer, frames) in found.items():
            (scratch / name).mkdir()
            _fill(scratch / name, answer, frames)
            if further:
                further(scratch / name, answer, frames)
        if whole:
            whole(scratch)
        (scratch / "table.csv").write_text(csv)


@contextmanager
def at_once(folder: Path, stale: Sequence[str] = ()) -> Iterator[Path]:
    """A folder to fill; it becomes ``folder``, or its content moves there, when the block ends
    well.

    :param stale: names, with ``*`` for any end, of files to remove from ``folder`` and from what
        is filled in it, where the new content has none of that name.
    """
    folder = folder.absolute()
    with scratch_folder(folder, inside=folder.is_dir()) as scratch:
        yield scratch
        if folder.exists():
            _move(scratch, folder, stale)
        else:
            scratch.rename(folder)


def _move(source: Path, folder: Path, stale: Sequence[str]) -> None:
    folder.mkdir(exist_ok=True)
    for path in [path for name in stale for path in folder.glob(name)]:
        if not (source / path.name).exists():
            path.unlink(missing_ok=True)
    for path in source.iterdir():
        if path.is_dir():
            _move(path, folder / path.name, stale)
        else:
            path.replace(folder / path.name)


def _fill(folder: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    as_picture(answer.factual).save(folder / "factual.png")
    settings = PngInfo()
    # But for the time it took, or the same question would not give the same bytes.
    settings.add_itxt(SETTINGS, json.dumps({**answer.record, "seconds": 0.0}))
    as_picture(answer.counterfactual).save(folder / "counterfactual.png", pnginfo=settings)
    as_picture(answer.mask).save(folder / "region.png")
    if pasted := _pasted(answer):
        pasted.save(folder / PASTED, compress_level=1)  # a photograph would take long otherwise
    absolute_difference(answer).save(folder / "difference.png")
    signed_difference(answer).save(folder / "signed_difference.png")
    if answer.importance is not None:
        important_changes(answer.importance).save(folder / IMPORTANCE)
    if answer.reconstruction is not None:
        as_picture(answer.reconstruction).save(folder / RECONSTRUCTION)
        difference_from_reconstruction(answer).save(folder / BEYOND)
    if answer.latent is not None:
        np.save(folder / LATENT, answer.latent)
    for name, other in answer.alternatives.items():
        as_picture(other.counterfactual).save(folder / f"{OTHER}{name}.png")
        absolute_difference(other).save(folder / f"{OTHER}{name}_difference.png")
        if other.latent is not None:
            np.save(folder / f"{OTHER}{name}_latent.npy", other.latent)
    _gif(folder / "trajectory.gif", answer, frames)
    (folder / "result.json").write_text(json.dumps(answer.record, indent=2) + "\n")


def _pasted(answer: Answer) -> Image.Image | None:
    """The person's own picture with the answer's changes; None where it is not known, where the
    model sees other colours, as of a digit, and where it is what the model sees."""
    place = answer.placement
    if answer.original is None or place is None or not place.alike:
        return None
    height, width = answer.counterfactual.shape[:2]
    same = place.original == (width, height) and place.box == (0, 0, width, height)
    if same and not place.tilt and not answer.original.feather:
        return None
    original = imaging.original_picture(answer.original)
    return imaging.pasted(
        original, answer.factual, answer.counterfactual, place, answer.mask,
        answer.original.feather,
    )  # fmt: skip


def _gif(path: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    stride = max(1, -(-len(frames) // GIF_FRAMES))
    arrays = [answer.factual, *(f.picture for f in frames[::stride]), answer.counterfactual]
    pictures = [enlarge(as_picture(array), 256) for array in arrays]
    milliseconds = [600, *[80] * (len(pictures) - 2), 1500]
    # Palettes as they are: smaller ones would take three times as long and save a fourth.
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0,
        optimize=False,
    )  # fmt: skip


def write_zip(path: Path, folder: Path) -> None:
    """Every file in ``folder`` and below as a zip, which appears at once or not at all."""
    with (
        atomic_write(path) as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder))
