"""A run as a folder of files: JSON for words and numbers, npz for arrays; nothing is unpickled.

``run.json`` says what was asked and answered, ``arrays.npz`` holds every picture exactly,
``frames.npz`` some small pictures of the search, ``original`` the person's own file, and
``thumbnail.png`` the factual beside the counterfactual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends.core import Answer, Frame, Original, Placement, Request
from studio.export import as_picture, enlarge
from studio.runs.run import Run

__all__ = ["THUMBNAIL", "read", "write"]

VERSION = 1
THUMBNAIL = "thumbnail.png"
THUMB_SIDE = 96  # pixels of each of its two pictures
# Pictures of the search: all that a GIF of small ones shows, fewer and reduced of large ones.
SMALL, SMALL_FRAMES = 64, 60
LARGE_SIDE, LARGE_FRAMES = 128, 16
ARRAYS = ("factual", "counterfactual", "mask", "importance", "reconstruction", "latent")
PLAIN = ("bundle", "method", "target", "region", "settings", "seed", "model", "importance")


def write(folder: Path, run: Run) -> None:
    """Fill an empty folder with an ended run that has an answer."""
    request, answer = run.request, run.answer
    assert answer is not None
    arrays = {"picture": request.picture} | _arrays(answer, "")
    if request.mask is not None:
        arrays["painted"] = request.mask
    np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    kept, every = _small(run.frames)
    if kept:
        np.savez_compressed(folder / "frames.npz", frames=np.stack(kept))
    content = {
        "version": VERSION, "id": run.id, "state": run.state, "reason": run.reason,
        "started": run.started, "brought": run.brought,
        "request": {name: getattr(request, name) for name in PLAIN},
        "placement": asdict(request.placement) if request.placement else None,
        "original": _original(folder, request.original),
        "record": answer.record, "alternatives": list(answer.alternatives),
        "every": every,
        "frames": [
            [f.index, f.total, f.phase, f.target_probability, f.seconds] for f in run.frames
        ],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(content))
    _thumbnail(answer).save(folder / THUMBNAIL)


def read(folder: Path) -> Run:
    """The run of a folder.

    :raises OSError: a file is missing.
    :raises ValueError: a file is damaged, or of another version; ``KeyError`` and ``TypeError``
        where something is not in it.
    """
    content = json.loads((folder / "run.json").read_text())
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}")
    with np.load(folder / "arrays.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    place = content["placement"]
    placement = Placement(**_tuples(place)) if place else None
    original = _read_original(folder, content["original"])
    request = Request(
        picture=arrays["picture"], mask=arrays.get("painted"), placement=placement,
        original=original, **content["request"],
    )  # fmt: skip
    answer = _answer(arrays, content["record"], content["alternatives"], original, placement)
    return Run(
        request, "", id=content["id"], started=content["started"], state=content["state"],
        reason=content["reason"], frames=_frames(folder, content), answer=answer,
        brought=content["brought"],
    )  # fmt: skip


def _arrays(answer: Answer, prefix: str) -> dict[str, np.ndarray]:
    found = {prefix + name: getattr(answer, name) for name in ARRAYS}
    found = {name: array for name, array in found.items() if array is not None}
    for number, other in enumerate(answer.alternatives.values()):
        found |= _arrays(other, f"{prefix}{number}/")
    return found


def _answer(
    arrays: Mapping[str, np.ndarray], record: dict[str, Any], others: Sequence[str],
    original: Original | None, placement: Placement | None, prefix: str = "",
) -> Answer:  # fmt: skip
    own = {name: arrays.get(prefix + name) for name in ARRAYS}
    alternatives = {
        name: _answer(
            arrays, record["alternatives"][name], [], original, placement, f"{prefix}{number}/"
        )
        for number, name in enumerate(others)
    }
    return Answer(
        record=record, alternatives=alternatives, original=original, placement=placement,
        **own,  # type: ignore[arg-type]
    )  # fmt: skip


def _small(frames: Sequence[Frame]) -> tuple[list[np.ndarray], int]:
    """Every so many frames' pictures, uint8 [h, w, C], and every how many."""
    if not frames:
        return [], 1
    tiny = max(frames[0].picture.shape) <= SMALL
    every = max(1, -(-len(frames) // (SMALL_FRAMES if tiny else LARGE_FRAMES)))
    chosen = [frame.picture for frame in frames[::every]]
    if not tiny:
        chosen = [np.array(enlarge(as_picture(p), LARGE_SIDE).convert("RGB")) for p in chosen]
    return chosen, every


def _frames(folder: Path, content: Mapping[str, Any]) -> list[Frame]:
    """All frames' numbers, each with the picture of the last one that has one."""
    if not content["frames"]:
        return []
    with np.load(folder / "frames.npz", allow_pickle=False) as file:
        pictures = file["frames"]
    every = content["every"]
    return [
        Frame(index, total, phase, pictures[number // every], probability, seconds)
        for number, (index, total, phase, probability, seconds) in enumerate(content["frames"])
    ]


def _original(folder: Path, original: Original | None) -> dict[str, Any] | None:
    if original is None:
        return None
    (folder / "original").write_bytes(original.content)
    return {f.name: getattr(original, f.name) for f in fields(original) if f.name != "content"}


def _read_original(folder: Path, said: Mapping[str, Any] | None) -> Original | None:
    if said is None:
        return None
    return Original((folder / "original").read_bytes(), **_tuples(said))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


def _thumbnail(answer: Answer) -> Image.Image:
    pair = [
        enlarge(as_picture(array), THUMB_SIDE).convert("RGB")
        for array in (answer.factual, answer.counterfactual)
    ]
    width, height = (max(sizes) for sizes in zip(*(p.size for p in pair), strict=True))
    both = Image.new("RGB", (2 * width, height))
    for number, picture in enumerate(pair):
        both.paste(picture, (number * width, 0))
    return both
