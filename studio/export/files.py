"""Pictures and files of an answer: heatmaps, overlays, the result folder, its zip."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from backends.core import Answer, Frame
from backends.files import scratch_folder

__all__ = [
    "absolute_difference",
    "as_picture",
    "at_once",
    "coloured",
    "difference_from_reconstruction",
    "enlarge",
    "important_changes",
    "signed_difference",
    "spectrum_plot",
    "write",
    "write_all",
    "zipped",
]

GIF_FRAMES = 60
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's mode L
IMPORTANCE, RECONSTRUCTION = "importance.png", "reconstruction.png"
BEYOND, LATENT, OTHER = "difference_from_reconstruction.png", "latent.npy", "alternative_"


def as_picture(array: np.ndarray) -> Image.Image:
    """uint8 [H, W], [H, W, 1] or [H, W, 3] as a picture of mode L or RGB."""
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def enlarge(picture: Image.Image, side: int = 384) -> Image.Image:
    """Small pictures in whole-number blocks up to about ``side``; large ones reduced to it."""
    longest = max(picture.size)
    if longest >= side:
        return (
            picture
            if longest == side
            else _scaled(picture, side / longest, Image.Resampling.LANCZOS)
        )
    return _scaled(picture, max(1, side // longest), Image.Resampling.NEAREST)


def _scaled(picture: Image.Image, factor: float, filter_: Image.Resampling) -> Image.Image:
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, filter_)


def _change(answer: Answer) -> np.ndarray:
    """x' - x, [H, W, C] in [-1, 1]."""
    after, before = (a.astype(np.float32) for a in (answer.counterfactual, answer.factual))
    return (after - before).reshape(*after.shape[:2], -1) / 255


def coloured(values: np.ndarray, colours: str) -> Image.Image:
    """Values [H, W] in [0, 1] through one of matplotlib's colour maps."""
    from matplotlib import colormaps

    return Image.fromarray((colormaps[colours](values)[..., :3] * 255).round().astype(np.uint8))


def absolute_difference(answer: Answer) -> Image.Image:
    """The mean over the channels of |x' - x|, black to yellow for 0 to 1 (inferno: perceptually
    uniform). A change of hue alone counts as much as any other."""
    return coloured(np.abs(_change(answer)).mean(-1), "inferno")


def signed_difference(answer: Answer) -> Image.Image:
    """The change of luminance from -1 (blue, darker) over 0 (black) to 1 (red, brighter):
    Crameri's berlin, which keeps its two arms apart for colour-blind eyes. What changed its hue
    alone may be dark here; :func:`absolute_difference` shows it."""
    change = _change(answer)
    weights = np.array(LUMINANCE if change.shape[-1] == 3 else (1,), np.float32)
    return coloured((change @ weights + 1) / 2, "berlin")


def difference_from_reconstruction(answer: Answer) -> Image.Image:
    """:func:`absolute_difference` from what the prior makes of the factual inside the region,
    instead of the factual: what it fails to rebuild does not count as change."""
    if answer.reconstruction is None:
        raise ValueError("this answer has no reconstruction")
    mask = answer.mask.reshape(*answer.mask.shape[:2], 1) > 0
    rebuilt = np.where(mask, answer.reconstruction, answer.factual)
    return absolute_difference(replace(answer, factual=rebuilt))


def important_changes(importance: np.ndarray) -> Image.Image:
    """Importance [H, W] in the colours of :func:`signed_difference`, stretched to its greatest
    value: red (brighter) where the target needs the change, blue where it would rather not."""
    greatest = np.abs(importance).max() or 1
    return coloured((importance / greatest + 1) / 2, "berlin")


def write(folder: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    """The result folder: factual, counterfactual, region, difference and signed_difference as
    PNG of the model's size, importance.png where it was asked for, trajectory.gif, result.json.
    Where the method has a prior, reconstruction.png, what it makes of the factual (of a
    generator: of a photograph), difference_from_reconstruction.png, and latent.npy, the answer in
    its coordinates. Of each further answer that the method gave, alternative_NAME.png,
    alternative_NAME_difference.png and alternative_NAME_latent.npy.
    Appears at once or not at all."""
    with at_once(folder) as scratch:
        _fill(scratch, answer, frames)


def write_all(folder: Path, found: Mapping[str, tuple[Answer, Sequence[Frame]]], csv: str) -> None:
    """A result folder for each method's name, and table.csv; at once or not at all."""
    with at_once(folder) as scratch:
        for name, (answer, frames) in found.items():
            (scratch / name).mkdir()
            _fill(scratch / name, answer, frames)
        (scratch / "table.csv").write_text(csv)


@contextmanager
def at_once(folder: Path) -> Iterator[Path]:
    """A folder to fill; it becomes ``folder``, or its content moves there, when the block ends
    well."""
    with scratch_folder(folder) as scratch:
        yield scratch
        if folder.exists():
            _move(scratch, folder)
        else:
            scratch.rename(folder)


def _move(source: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in (IMPORTANCE, RECONSTRUCTION, BEYOND, LATENT):
        if not (source / name).exists():  # an earlier answer's would not belong to this one
            (folder / name).unlink(missing_ok=True)
    for path in folder.glob(f"{OTHER}*"):
        if not (source / path.name).exists():
            path.unlink()
    for path in source.iterdir():
        if path.is_dir():
            _move(path, folder / path.name)
        else:
            path.replace(folder / path.name)


def _fill(folder: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    as_picture(answer.factual).save(folder / "factual.png")
    as_picture(answer.counterfactual).save(folder / "counterfactual.png")
    as_picture(answer.mask).save(folder / "region.png")
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


def _gif(path: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    stride = max(1, -(-len(frames) // GIF_FRAMES))
    arrays = [answer.factual, *(f.picture for f in frames[::stride]), answer.counterfactual]
    pictures = [enlarge(as_picture(array), 256).convert("RGB") for array in arrays]
    milliseconds = [600, *[80] * (len(pictures) - 2), 1500]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)


def spectrum_plot(values: Sequence[float], prior: str) -> Image.Image:
    """Squared singular values of a prior's decoder, greatest first, on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure((5, 3.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.semilogy(range(1, len(values) + 1), [max(v, 1e-12) ** 2 for v in values])
    axes.set(xlabel="direction", ylabel="σ² of ∂g/∂z", title=f"Tangent spectrum of the {prior}")
    axes.grid(visible=True, alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer)


def zipped(folder: Path) -> bytes:
    """A result folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return buffer.getvalue()
