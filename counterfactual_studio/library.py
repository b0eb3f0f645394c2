"""What a person calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends import imaging, service
from backends.core import Answer, Frame, Placement, Prediction, Request
from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from backends.targets.trust import trusted
from counterfactual_studio.explanation import Comparison, Explanation
from counterfactual_studio.models import name_of

__all__ = ["Picture", "compare", "explain", "predict", "serve"]

Picture = str | Path | Image.Image | np.ndarray


def explain(
    model: Any,
    image: Picture,
    target: str,
    *,
    method: str = "leapfactual",
    region: str = "whole",
    prior: str = "digits",
    seed: int = 0,
    mask: Picture | None = None,
    settings: dict[str, Any] | None = None,
    importance: bool = False,
    feather: int = 0,
    page: int = 1,
    window: tuple[float, float] | None = None,
) -> Explanation:
    """Ask what would make a model see another class.

    :param model: of :func:`counterfactual_studio.model`, or anything that it takes, or the name of
        a model of the prior's bundle, such as ``classifier``.
    :param image: a file, a Pillow picture, or uint8 [H, W] or [H, W, C].
    :param target: the class; of a regressor ``more than 3.5`` or ``less than 3.5``.
    :param region: ``whole``, ``auto``, ``box:X0,Y0,X1,Y1``, ``text:WORDS`` or ``mask:FILE``.
    :param prior: the bundle whose parts know what pictures look like: its name or folder.
    :param seed: the same answer for the same seed.
    :param mask: where change is allowed, instead of ``region``: a file, a picture or an array,
        non-zero inside.
    :param settings: of the method.
    :param importance: also measure which of the changes matter to the model.
    :param feather: pixels of the picture over which the pasted answer fades in at the region's
        edge.
    :param page: of a file with several, from 1.
    :param window: (centre, width) of the values to see, of a file with more than 8 bits.
    :raises StudioError: the question cannot be answered, in a sentence.
    """
    source = _source(image)
    reading = imaging.read(source, page, window)
    picture, placement = service.place(prior, reading.picture, reading.turn)
    request = Request(
        bundle=prior, method=method, target=str(target), picture=picture,
        region=str(RegionSpec.parse(region)) if mask is None else "mask",
        mask=None if mask is None else _mask(mask, picture, placement), settings=settings or {},
        seed=seed, model=name_of(model), importance=importance, placement=placement,
        original=imaging.feathered(imaging.kept(source, reading), feather),
    )  # fmt: skip
    with trusted():
        *frames, answer = service.explain(request)
    assert isinstance(answer, Answer)
    return Explanation(answer, tuple(frame for frame in frames if isinstance(frame, Frame)))


def compare(
    model: Any,
    image: Picture,
    target: str,
    *,
    methods: Sequence[str] = (),
    variants: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    second_model: Any = None,
    prior: str = "digits",
    **question: Any,
) -> Comparison:
    """Ask several methods the same question.

    :param methods: their names; else all that the prior's bundle can run.
    :param variants: by method the settings that it is asked with, one after another:
        ``{"rcsb": [{"steps": 50}, {"steps": 100}]}``; of a method that is not named those of
        ``question``.
    :param second_model: another model that is asked the same; each is asked about the other's
        answers, too (``record["second_opinion"]``).
    :param question: further arguments of :func:`explain`.
    :raises StudioError: none of them can answer, in the first one's sentence.
    """
    if not methods:
        able = service.about(prior)["methods"].items()
        methods = [name for name, entry in able if entry["problem"] is None]
    # A model that is made here is made once.
    models = [name_of(one) for one in (model, second_model) if one is not None]
    found: dict[str, Explanation] = {}
    problems: dict[str, str] = {}
    for method, settings, asked in _asked(methods, variants or {}, models):
        words = [method, *(f"{key}={value}" for key, value in (settings or {}).items())]
        name = " ".join([*words, asked] if len(models) > 1 else words)
        further = question if settings is None else question | {"settings": dict(settings)}
        try:
            one = explain(asked, image, target, method=method, prior=prior, **further)
        except StudioError as error:
            problems[name] = str(error)
            continue
        with trusted():
            for other in set(models) - {asked}:
                one = replace(one, answer=service.with_second_opinion(one.answer, other))
        found[name] = one
    if not found:
        raise StudioError(next(iter(problems.values())))
    return Comparison(found, problems)


def _asked(
    methods: Sequence[str], variants: Mapping[str, Sequence[Mapping[str, Any]]],
    models: Sequence[str],
) -> Iterator[tuple[str, Mapping[str, Any] | None, str]]:  # fmt: skip
    """Each method with each of its settings, None for the usual ones, and each model."""
    for method in methods:
        ways: list[Mapping[str, Any] | None] = [*variants.get(method, ())] or [None]
        yield from ((method, settings, model) for settings in ways for model in models)


def predict(model: Any, image: Picture, *, prior: str = "digits") -> Prediction:
    """Return what a model says of a picture: probabilities by class, the likeliest first.

    :raises StudioError: as :func:`explain`.
    """
    with trusted():
        return service.predict(prior, _prepared(prior, image), name_of(model))


def serve(
    model: Any = None, *, prior: str = "digits", host: str = "127.0.0.1", port: int = 7860
) -> None:
    """Open the studio in a browser, with a person's model among those that can be explained;
    returns when it is interrupted.

    :param port: 0 takes a free one.
    :raises StudioError: the model cannot be explained there, or the port is in use.
    """
    from studio.ui.serving import launch

    if model is not None:
        with trusted():
            service.add_model(prior, name_of(model))
    launch(host=host, port=port, bundle=prior, engine="local")


def _prepared(prior: str, image: Picture) -> np.ndarray:
    """A picture as the models of a bundle see it, uint8 [H, W, C]."""
    return service.prepare(prior, imaging.read_picture(_source(image)))


def _mask(mask: Picture, picture: np.ndarray, placement: Placement | None) -> np.ndarray:
    """A mask of the picture or of the prepared one, as the latter, uint8 [H, W]."""
    height, width = picture.shape[:2]
    if isinstance(mask, np.ndarray):
        mask = Image.fromarray(imaging.as_bytes(mask))
    return imaging.read_mask(_source(mask), (width, height), placement)


def _source(given: Picture) -> Path | Image.Image:
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, Image.Image):
        return given
    one_channel = given.ndim == 3 and given.shape[-1] == 1
    return Image.fromarray(given[..., 0] if one_channel else given)
