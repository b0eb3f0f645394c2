"""The answers of an evaluation as pictures that other programs load: a folder as the ImageFolder
builder of Hugging Face's ``datasets`` reads it, a line of ``metadata.jsonl`` an answer.

``load_dataset("imagefolder", data_dir=FOLDER)`` gives ``image`` (the counterfactual), ``factual``,
``region`` and what was asked and said.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends import imaging
from backends.evaluation.plan import Line
from backends.evaluation.summary import Answered

__all__ = ["METADATA", "keep"]

METADATA = "metadata.jsonl"


def keep(folder: Path, line: Line, answered: Answered) -> None:
    """Add the answers of a row to the folder. What the factual and the region are lies there
    once for all rows."""
    name = _named(line, answered.name)
    (folder / name).mkdir(parents=True, exist_ok=True)
    count = len(answered.questions.x)
    seeds = list(dict.fromkeys(taken.seed for taken in answered.taken))
    with (folder / METADATA).open("a", encoding="utf-8") as file:
        for at, image in enumerate(answered.pictures.arrays["image"]):
            seed, i = seeds[at // count], at % count
            path = f"{name}/{i:05d}-seed{seed}.png"
            _save(image.transpose(1, 2, 0), folder / path)
            record = {
                "file_name": path,
                "factual_file_name": _factual(folder, answered, i),
                "region_file_name": _region(folder, line, answered, i),
                "method": line.method, "answer": answered.name,
                "settings": json.dumps(dict(line.settings)), "region_source": line.region,
                "picture": i, "seed": seed, **_said(answered, at),
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")


def _said(answered: Answered, at: int) -> dict[str, Any]:
    names = answered.model.class_names
    target = int(answered.target[at])
    oracle = answered.oracle_label
    return {
        "factual_label": names[int(answered.pictures.arrays["before"][at].argmax())],
        "target": names[target],
        "label": names[int(answered.after[at].argmax())],
        "target_probability": float(answered.after[at, target]),
        "flipped": bool(answered.flipped[at]),
        "oracle_label": None if oracle is None else names[int(oracle[at])],
    }


def _named(line: Line, answer: str) -> str:
    """A folder's name for a row, which no file system minds; another one for every row."""
    settings = "_".join(f"{key}={value}" for key, value in line.settings.items())
    words = [line.method, answer, settings, line.region]
    text = "-".join(re.sub(r"[^\w.=]+", "_", word) for word in words if word)
    plain = text == "-".join(filter(None, words)) and len(text) <= 100
    return text if plain else f"{text[:90]}_{zlib.crc32(repr(words).encode()):08x}"


def _factual(folder: Path, answered: Answered, i: int) -> str:
    path = f"factual/{i:05d}.png"
    return _once(folder, path, imaging.to_array(answered.factual[i]))


def _region(folder: Path, line: Line, answered: Answered, i: int) -> str:
    path = f"region/{_named(Line('', line.region), '')}/{i:05d}.png"
    return _once(folder, path, (answered.mask[i, 0] * 255).byte().numpy())


def _once(folder: Path, path: str, array: np.ndarray) -> str:
    if not (folder / path).exists():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        _save(array, folder / path)
    return path


def _save(array: np.ndarray, path: Path) -> None:
    Image.fromarray(array[..., 0] if array.shape[-1:] == (1,) else array).save(path)
