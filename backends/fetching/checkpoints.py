"""Published transformers models: in a folder, or in the model hub's cache on this machine.

Looking for one never downloads. :func:`download` does, when a person asks for it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.errors import MissingPart, NotFound, Unreachable
from backends.fetching.cache import checksum
from backends.fetching.source import megabytes

__all__ = ["CLIP", "Checkpoint", "command", "download", "find", "is_repository"]

CLIP = "openai/clip-vit-base-patch32"
# Repositories whose current state has no safetensors: the hub's own conversion of the same weights.
REVISIONS = {CLIP: "c237dc49a33fc61debc9276459120b7eac67e7ef"}
SIZES = {CLIP: 605_157_884}  # bytes of that model.safetensors
CONFIG, PICTURES = "config.json", ("preprocessor_config.json", "processor_config.json")
WEIGHTS, INDEX, OLDER = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
WORDS = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
    "merges.txt", "vocab.txt", "spiece.model", "tokenizer.model", "added_tokens.json",
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A model that is here.

    :ivar name: owner/name on the hub, or the folder's own name.
    :ivar folder: holds config.json, and what prepares pictures and words.
    :ivar weights: the files with its weights, all in one folder, often the same.
    """

    name: str
    folder: Path
    weights: tuple[Path, ...]

    @property
    def safe(self) -> bool:
        """Whether the weights are safetensors."""
        return self.weights[0].suffix == ".safetensors"

    @property
    def sha256(self) -> str:
        """Of the weights: the file's own, or that of the digests of several, in their order."""
        digests = [checksum(path.resolve()) for path in self.weights]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def labels(self) -> list[str] | None:
        """What a plain classifier can say, by its config.json; None where that names nothing."""
        try:
            named = json.loads((self.folder / CONFIG).read_bytes()).get("id2label")
            return [named[key] for key in sorted(named, key=int)] if named else None
        except (OSError, ValueError, AttributeError, TypeError):
            return None


def find(source: str) -> Checkpoint:
    """The model in a folder, or of a repository in the hub's cache.

    :param source: a folder, or owner/name.
    :raises NotFound: it is neither.
    :raises MissingPart: the folder lacks something, or the repository was not fetched.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return _whole(folder.resolve().name, [folder])
    if not is_repository(source):
        raise NotFound(
            "there is no folder {source}; name a folder with config.json and "
            "model.safetensors, or a repository of the model hub such as {clip}",
            source=source,
            clip=CLIP,
        )
    return _whole(source, _snapshots(source))


def command(source: str) -> str:
    """What a person types to fetch a repository."""
    if source not in REVISIONS:
        return f"hf download {source}"
    needed = [CONFIG, PICTURES[0], *WORDS[:5], WEIGHTS]
    return f"hf download {source} {' '.join(needed)} --revision {REVISIONS[source]}"


def download(source: str) -> Iterator[dict[str, Any]]:
    """Fetch a repository's model into the hub's cache, a file a step: yields ``file``, ``done``
    and ``total`` (bytes) before each file and at the end. It waits for a network, so it belongs
    into a thread of its own; what is there already is not fetched again.

    :raises NotFound: this is no repository's name.
    :raises MissingPart: the repository has no weights that can be read here.
    :raises Unreachable: the hub does not answer, or HF_HUB_OFFLINE forbids to ask it.
    """
    import huggingface_hub

    if not is_repository(source):
        raise NotFound(
            "{source!r} is no repository of the model hub; write owner/name", source=source
        )
    revision = REVISIONS.get(source, "main")
    try:
        listed = huggingface_hub.model_info(source, revision=revision, files_metadata=True).siblings
        sizes = {file.rfilename: file.size or 0 for file in listed or []}
        wanted = _wanted(list(sizes))
        if not wanted:
            raise MissingPart(
                "{source} has no {weights} and no {older}; choose another model",
                source=source,
                weights=WEIGHTS,
                older=OLDER,
            )
        done, total = 0, sum(sizes[name] for name in wanted)
        for name in wanted:
            yield {"file": name, "done": done, "total": total}
            huggingface_hub.hf_hub_download(source, name, revision=revision)
            done += sizes[name]
        yield {"file": "", "done": done, "total": total}
    except MissingPart:
        raise
    except Exception as error:  # whatever the client's HTTP library of the day raises
        raise Unreachable(
            "{source} cannot be fetched from the model hub; check its name, the "
            "connection and HF_HUB_OFFLINE, or name a folder that holds the model",
            source=source,
        ) from error


def is_repository(source: str) -> bool:
    """Whether a text can name a repository of the model hub, as ``owner/name``."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source) is not None and ".." not in source


def _wanted(names: list[str]) -> list[str]:
    """Of a repository's files those that a model needs: configurations first, weights last."""
    shards = [name for name in names if re.fullmatch(r"model-\d+-of-\d+\.safetensors", name)]
    if WEIGHTS in names:
        weights = [WEIGHTS]
    elif INDEX in names:
        weights = [INDEX, *sorted(shards)]
    else:
        weights = [name for name in names if name == OLDER]
    small = [name for name in (CONFIG, *PICTURES, *WORDS) if name in names]
    return [*small, *weights] if weights else []


def _snapshots(source: str) -> list[Path]:
    """Folders of the hub's cache that hold files of the repository, the preferred one first."""
    from huggingface_hub import try_to_load_from_cache

    folders = []
    for revision in filter(None, (REVISIONS.get(source), "main")):
        for name in (CONFIG, WEIGHTS, INDEX, OLDER):
            found = try_to_load_from_cache(source, name, revision=revision)
            if isinstance(found, str) and Path(found).parent not in folders:
                folders.append(Path(found).parent)
    if not folders:
        size = f" ({megabytes(SIZES[source])})" if source in SIZES else ""
        raise MissingPart(
            "{source} is not here{size}; get it with: {source_2}",
            source=source,
            size=size,
            source_2=command(source),
        )
    return folders


def _whole(name: str, folders: list[Path]) -> Checkpoint:
    """The model of these folders: an older cache holds configurations and weights apart."""
    configs = [
        f for f in folders if (f / CONFIG).is_file() and any((f / p).is_file() for p in PICTURES)
    ]
    kept = [weights for kind in (_safe, _older) for f in folders if (weights := kind(f))]
    if configs and kept:
        return Checkpoint(name, configs[0], kept[0])
    lacks = f"{CONFIG} or {PICTURES[0]}" if not configs else WEIGHTS
    again = f"fetch it again with: {command(name)}" if is_repository(name) else "put it there"
    raise MissingPart("{name} lacks {lacks}; {again}", name=name, lacks=lacks, again=again)


def _safe(folder: Path) -> tuple[Path, ...]:
    """The safetensors of a folder; empty where there is none, or a shard is missing."""
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if not (folder / INDEX).is_file():
        return ()
    try:
        named = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        return ()
    shards = tuple(folder / Path(name).name for name in sorted(named))
    return shards if all(path.is_file() for path in shards) else ()


def _older(folder: Path) -> tuple[Path, ...]:
    return (folder / OLDER,) if (folder / OLDER).is_file() else ()
