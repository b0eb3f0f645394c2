"""Classifiers of torchvision, timm and transformers, and CLIP with prompts: published weights from
each library's own cache, or a person's own from a file. Nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backends.errors import BadInput, MissingPart
from backends.fetching import checkpoints
from backends.targets import prompts as words
from backends.targets.outside.network import Outside
from backends.targets.outside.weights import fill, outputs, tensors, widen
from backends.targets.preprocessing import Intake
from backends.targets.pretrained import load_classifier
from backends.targets.reference import Options, Reference
from backends.targets.zero_shot import ZeroShotNetwork, load_encoders

__all__ = ["clip", "hf", "timm", "torchvision"]


def torchvision(reference: Reference) -> Outside:
    """``torchvision:resnet50`` with its newest weights, ``torchvision:resnet50.IMAGENET1K_V1``
    with those, ``torchvision:resnet50@FILE`` with a person's own.

    :raises BadInput: there is no such classifier.
    :raises MissingPart: the weights are not here; says how to get them.
    """
    from torchvision import models

    name, _, version = reference.name.partition(".")
    known = list(models.list_models(module=models))
    if name not in known:
        raise BadInput(_unknown("torchvision", name, known))
    published = models.get_model_weights(name)
    try:
        weights: Any = published[version] if version else published.DEFAULT
    except KeyError as error:
        choices = ", ".join(published.__members__)
        raise BadInput(
            "{name} has no weights {version!r}; choose from: {choices}",
            name=name,
            version=version,
            choices=choices,
        ) from error
    if reference.file:
        state = tensors(reference.file)
    else:
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
        if not path.is_file():
            raise MissingPart(
                'the weights of {reference} are not here; get them with: python -c "import '
                "torchvision; torchvision.models.{name}(weights='{name_2}')\"",
                reference=reference,
                name=name,
                name_2=weights.name,
            )
        state = tensors(path)
    with torch.device("meta"):
        count = outputs(state, models.get_model(name, weights=None))
    network = models.get_model(name, weights=None, num_classes=count or 1000)
    preset = weights.transforms()
    intake = Intake(
        preset.resize_size[0], (preset.crop_size[0],) * 2, tuple(preset.mean), tuple(preset.std),
        {"bilinear": 2, "bicubic": 3}[preset.interpolation.value],
    )  # fmt: skip
    names = weights.meta["categories"]
    return _outside(reference, network, state, intake, names if len(names) == count else ())


def timm(reference: Reference) -> Outside:
    """``timm:resnet18.a1_in1k`` from the model hub's cache, ``timm:resnet18@FILE`` with a person's
    own weights.

    :raises BadInput: there is no such classifier.
    :raises MissingPart: the weights are not here; says how to get them.
    """
    import timm as library
    from huggingface_hub import try_to_load_from_cache
    from timm.data.config import resolve_data_config

    name = reference.name
    if not library.is_model(name):
        raise BadInput(_unknown("timm", name, library.list_models()))
    config: Any = library.get_pretrained_cfg(name)
    if reference.file:
        state = tensors(reference.file)
    else:
        found = config and try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
        if not isinstance(found, str):
            raise MissingPart(
                "the weights of {reference} are not here; get them with: {value}",
                reference=reference,
                value=checkpoints.command(config.hf_hub_id) if config else "timm",
            )
        state = tensors(Path(found))
    with torch.device("meta"):
        count = outputs(state, library.create_model(name))
    network = library.create_model(name, num_classes=count or 1000)
    told = config.to_dict() if config else {}
    data: Any = resolve_data_config({}, pretrained_cfg=told)  # type: ignore[no-untyped-call]
    side = int(data["input_size"][-1])
    intake = Intake(
        int(side / data["crop_pct"]), (side, side), tuple(data["mean"]), tuple(data["std"]),
        2 if data["interpolation"] == "bilinear" else 3,
    )  # fmt: skip
    return _outside(reference, network, state, intake, _imagenet(count))


def hf(reference: Reference) -> Outside:
    """``hf:OWNER/NAME`` or ``hf:FOLDER``: a plain classifier of transformers.

    :raises StudioError: as :func:`backends.targets.pretrained.load_classifier`.
    """
    plain = load_classifier(checkpoints.find(reference.name))
    names = reference.options.classes or plain.labels
    return Outside(
        plain.network, _said(plain.intake, reference.options), names, str(reference), TRIAL
    )


def clip(reference: Reference, classes: Sequence[str]) -> Outside:
    """``clip:OWNER/NAME?classes=cat,dog``: classes by their prompts, ``a photo of a CLASS`` unless
    said otherwise.

    :param classes: where the reference names none.
    :raises StudioError: it is no such model, or not here.
    """
    names = reference.options.classes or tuple(classes)
    given = reference.options.prompts
    if given and len(given) != len(names):
        raise BadInput(
            "{count} classes need {count} prompts; {count_2} are given",
            count=len(names),
            count_2=len(given),
        )
    told = {name: [prompt] for name, prompt in zip(names, given, strict=True)} if given else {}
    encoders = load_encoders(checkpoints.find(reference.name), "cpu")
    network = ZeroShotNetwork(encoders, encoders.classes(words.filled(told, names)))
    # The encoders prepare pictures themselves.
    return Outside(network, Intake(None, None, (0.0,), (1.0,)), names, str(reference), TRIAL)


TRIAL = 64  # pixels a side of the picture that these are checked with


def _outside(
    reference: Reference, network: nn.Module, state: dict[str, Tensor], intake: Intake,
    published: Sequence[str],
) -> Outside:  # fmt: skip
    """A network with its weights, its preparation and its names.

    :param published: names of the classes; empty where they are unknown.
    """
    channels = widen(network, state)
    fill(network, state, str(reference))
    options = reference.options
    names = options.classes or published
    return Outside(network, _said(intake, options, channels), names, str(reference), TRIAL)


def _said(intake: Intake, options: Options, channels: int = 3) -> Intake:
    """A published preparation, but for what a person says of it.

    :param channels: that the network looks at.
    """
    if not options.size and not options.mean and not options.std and channels == intake.channels:
        return intake
    resized: Any = (options.size, options.size) if options.size else intake.resized
    crop = None if options.size else intake.crop
    mean = options.mean or tuple(intake.mean.flatten().tolist())
    std = options.std or tuple(intake.std.flatten().tolist())
    if channels == 1:  # of grey pictures the colours' mean
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return Intake(resized, crop, mean, std, intake.resample, channels)


def _imagenet(count: int) -> Sequence[str]:
    if count != 1000:
        return ()
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    return _IMAGENET_CATEGORIES


def _unknown(library: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 5)
    more = f"; did you mean {', '.join(close)}?" if close else f"; see {library}'s list of models"
    return f"{library} has no classifier {name!r}{more}"
