"""Regions by words, clicks and boxes, for the page and the command line: plain records in and out,
as in :mod:`backends.service.explanations`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from backends import bundles, imaging
from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Placement, Proposal
from backends.errors import BadInput, MissingPart, NotFound, StudioError
from backends.regions import spec as specs
from backends.regions.candidates import Candidate, Found, Missed, phrases_in, union
from backends.regions.freeform import freeform_mask
from backends.regions.settings import AutoRegion, WordRegion
from backends.regions.spec import RegionSpec

if TYPE_CHECKING:
    from backends.regions.grounding import Detector
    from backends.regions.segment import Segmenter

__all__ = ["about", "candidates", "click", "mask_of", "propose"]

SHARED = "language"  # the bundle whose parts every bundle of photographs may use
SEGMENTER, PARSER = "segmenter", "parser"  # kinds of parts
DETECTOR = "grounding"  # the folder of a bundle's own Grounding DINO


def about(name: str) -> dict[str, Any]:
    """Say what of this a page can offer: ``known``, the words that the bundle's own parser knows;
    ``words`` and ``clicks``, why other words and clicks cannot be used, a sentence each or None."""
    found = bundles.get(name)
    needs = {"words": (_detector_source, _lender), "clicks": (_lender,)}
    problems: dict[str, str | None] = {}
    for what, checks in needs.items():
        problems[what] = None
        try:
            _of_photographs(name, what)
            for check in checks:
                check(found)
        except StudioError as error:
            problems[what] = str(error)
    return {"known": _words(found), **problems}


def candidates(
    name: str, picture: np.ndarray, prompt: str, settings: dict[str, Any] | None = None
) -> Found:
    """What in a prepared picture the prompt's phrases may mean.

    The bundle's own parser answers for the words it knows; Grounding DINO finds boxes for the
    others, and Segment Anything the mask in each box.

    :param picture: uint8 [H, W, C].
    :param prompt: one phrase or several, commas between.
    :param settings: of :class:`backends.regions.settings.WordRegion`.
    :raises BadInput: there is no word, a setting is wrong, or the bundle's pictures are digits.
    :raises MissingPart: a word needs weights that are not here; says the command that gets them.
    """
    from backends.explain.question import settings_of

    found = _of_photographs(name, "words")
    config = settings_of(WordRegion, settings or {}, "regions by words")
    phrases = phrases_in(prompt)
    parsed = _parsed(found, picture, phrases)
    others = [phrase for phrase in phrases if phrase not in parsed]
    detected = _detected(found, picture, others, config) if others else Found()
    chosen = [one for one in parsed.values() if one] + detected.candidates
    missed = [Missed(p, config.threshold) for p, one in parsed.items() if one is None]
    return Found(chosen, missed + detected.missed)


def click(
    name: str,
    picture: np.ndarray,
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
    box: tuple[float, float, float, float] | None = None,
) -> Candidate:
    """The mask of what was clicked in a prepared picture.

    :param picture: uint8 [H, W, C].
    :param points: (x, y) in pixels.
    :param labels: one for each point: 1 belongs to the region, 0 does not.
    :param box: x0, y0, x1, y1 in pixels, which the mask must lie in.
    :raises BadInput: no point and no box, one outside the picture, or the pictures are digits.
    :raises MissingPart: Segment Anything's weights are not here.
    """
    found = _of_photographs(name, "clicks")
    height, width = picture.shape[:2]
    corners = [] if box is None else [tuple(box[:2]), tuple(box[2:])]
    if box is None and 1 not in labels:
        raise BadInput("click at least once on what shall change; the other clicks take away")
    if any(not (0 <= x <= width and 0 <= y <= height) for x, y in [*points, *corners]):
        raise BadInput(
            "a click or box lies outside the {width}x{height} picture", width=width, height=height
        )
    segmenter = _segmenter(found)
    with guarded(found.device):
        return segmenter.click(picture, points, labels, box)


def mask_of(
    name: str,
    picture: np.ndarray,
    spec: RegionSpec,
    model: str = "classifier",
    given: np.ndarray | None = None,
    placement: Placement | None = None,
) -> np.ndarray:
    """Draw a region, or check the mask that is given for it.

    :param name: of the bundle.
    :param picture: prepared, uint8 [H, W, C].
    :param model: part whose attributions draw an automatic region.
    :param given: the mask, uint8 [H, W]; None draws it.
    :param placement: of the picture in the original, whose size a mask file may have.
    :return: uint8 [H, W], non-zero where change is allowed.
    :raises BadInput: the region does not fit the picture, or a phrase found nothing.
    :raises MissingPart: a network that it needs is not here.
    """
    height, width = picture.shape[:2]
    if given is not None:
        if given.shape != (height, width):
            raise BadInput(
                "the mask is {shape}x{shape_2} pixels, the picture {width}x{height}; use a "
                "mask of the picture's size",
                shape=given.shape[1],
                shape_2=given.shape[0],
                width=width,
                height=height,
            )
        return given
    match spec:
        case specs.Whole():
            return np.full((height, width), 255, np.uint8)
        case specs.Auto():
            return propose(name, picture, dict(spec.settings), model).mask
        case specs.MaskFile():
            return imaging.read_mask(spec.file, (width, height), placement)
        case specs.FreeForm():
            return freeform_mask(picture, spec.least / 100, spec.most / 100, spec.seed)
        case specs.Words():
            return _of_words(name, picture, spec)
        case specs.Clicks():
            return _of_clicks(name, picture, spec)
        case specs.BoxPrompt():  # a Box too, so that it comes first
            return click(name, picture, [], [], spec.inside(height, width)).mask
        case specs.Box():
            x0, y0, x1, y1 = spec.inside(height, width)
            mask = np.zeros((height, width), np.uint8)
            mask[y0:y1, x0:x1] = 255
            return mask
        case specs.Polygon():
            corners = np.asarray(spec.inside(height, width))
            return imaging.as_bytes(imaging.in_polygon(corners, (width, height)))
        case specs.Mixed() | specs.Resized() | specs.Inverted():
            return imaging.as_bytes(_combined(name, picture, spec, model, placement))
    raise BadInput("region {spec!r} needs the mask that was painted; use mask:FILE", spec=str(spec))


def _combined(
    name: str,
    picture: np.ndarray,
    spec: specs.Mixed | specs.Resized | specs.Inverted,
    model: str,
    placement: Placement | None,
) -> np.ndarray:
    """A region that is made of others, bool [H, W]."""
    base = mask_of(name, picture, spec.base, model, placement=placement) > 0
    if isinstance(spec, specs.Resized):
        return imaging.grown(base, spec.pixels)
    if isinstance(spec, specs.Inverted):
        return ~base
    other = mask_of(name, picture, spec.other, model, placement=placement) > 0
    if spec.how == "and":
        return base | other
    return base & (other if spec.how == "but only" else ~other)


def _of_words(name: str, picture: np.ndarray, spec: specs.Words) -> np.ndarray:
    found = candidates(name, picture, spec.prompt, dict(spec.settings))
    if found.missed:
        raise BadInput(_unfound(found.missed[0]))
    return union(one.mask for one in found.candidates)


def _of_clicks(name: str, picture: np.ndarray, spec: specs.Clicks) -> np.ndarray:
    clicked = click(name, picture, spec.inside(*picture.shape[:2]), spec.labels)
    if spec.choice is None:
        return clicked.mask
    if spec.choice > len(clicked.alternatives):
        raise BadInput(
            "choice={choice} is none of the {count} masks of these clicks; only a single "
            "click has several (1 is the smallest)",
            choice=spec.choice,
            count=len(clicked.alternatives),
        )
    return clicked.alternatives[spec.choice - 1].mask


def _unfound(missed: Missed) -> str:
    """For the command line, where nobody can press a button."""
    at = f"nothing found for {missed.phrase!r} at {missed.threshold:.2f}"
    if missed.lower is None:
        return f"{at}; try another word, or a click: points:+X,Y"
    return (
        f"{at}, best {missed.lower:.2f}; to use that, "
        f'write --region "text:{missed.phrase};threshold={missed.lower:.2f}"'
    )


def _of_photographs(name: str, what: str) -> Bundle:
    found = bundles.get(name)
    if found.manifest.preparation == "digit":
        raise BadInput(
            "{what} need photographs, and bundle {name!r} has digits; brush a region, or "
            "use auto or box:X0,Y0,X1,Y1",
            what=what,
            name=found.name,
        )
    return found


def _parsed(
    found: Bundle, picture: np.ndarray, phrases: Sequence[str]
) -> dict[str, Candidate | None]:
    """A candidate for every phrase that the bundle's parser knows; None where the picture has
    no such thing. Its score is the parser's mean probability inside the mask."""
    part = _part_of_kind(found, PARSER)
    if part is None:
        return {}
    from backends.faces import parsing

    named = {phrase: parsing.named(phrase) for phrase in phrases}
    known = {phrase: classes for phrase, classes in named.items() if classes is not None}
    if not known:
        return {}
    import torch

    network = found.part(part)
    x = imaging.to_tensor(picture).to(found.device)
    with torch.no_grad(), guarded(found.device):
        logits = network.logits(x).cpu()
    labels, p = logits.argmax(1), logits.softmax(1)
    result: dict[str, Candidate | None] = {}
    for phrase, classes in known.items():
        own = parsing.mask_of(labels, classes)[0, 0] > 0
        mask = parsing.region_of(labels, phrase)[0, 0] > 0
        result[phrase] = None
        if own.any() and not mask.all():
            sure = float(p[0, classes].sum(0)[own].mean())
            result[phrase] = Candidate(phrase, sure, imaging.as_bytes(mask.numpy()))
    return result


def _detected(
    found: Bundle, picture: np.ndarray, phrases: Sequence[str], config: WordRegion
) -> Found:
    """Grounding DINO's boxes as candidates with Segment Anything's masks."""
    source = _detector_source(found, f"the word {phrases[0]!r} needs")
    detector = _detector_of(source, found.device)
    segmenter = _segmenter(found)
    rgb = np.repeat(picture, 3 // picture.shape[2], axis=2)
    with guarded(found.device):
        boxes, best = detector.find(rgb, phrases, **config.model_dump())
        masks = segmenter.boxes(picture, [box.corners for box in boxes])
    chosen = [
        Candidate(box.label, box.score, mask, box.corners)
        for box, (mask, _) in zip(boxes, masks, strict=True)
        if mask.any() and not mask.all()
    ]
    named = {phrase for one in chosen for phrase in one.label.split(", ")}
    missed = []
    for phrase in phrases:
        score = best.get(phrase, 0.0)
        if score < config.threshold:
            missed.append(Missed(phrase, config.threshold, best.get(phrase)))
        elif phrase not in named:
            # Its boxes gave no usable mask, so that no lower threshold would help.
            missed.append(Missed(phrase, config.threshold))
    return Found(chosen, missed)


def _part_of_kind(found: Bundle, kind: str) -> str | None:
    return next((n for n, part in found.manifest.parts.items() if part.kind == kind), None)


def _words(found: Bundle) -> list[str]:
    if _part_of_kind(found, PARSER) is None:
        return []
    from backends.faces import parsing

    return list(parsing.WORDS)


def _segmenter(found: Bundle) -> Segmenter:
    return _segmenter_of(_lender(found))


def _lender(found: Bundle) -> Bundle:
    """The bundle whose segmenter is used: itself, or the one that all bundles share."""
    lender = found
    if _part_of_kind(found, SEGMENTER) is None:
        try:
            lender = bundles.get(SHARED)
        except NotFound as error:
            raise MissingPart(
                "bundle {name!r} has no part of the kind {segmenter!r}, and there is no "
                "bundle {shared!r} to lend it; use box:X0,Y0,X1,Y1 or brush the region",
                name=found.name,
                segmenter=SEGMENTER,
                shared=SHARED,
            ) from error
    problem = lender.problem(_part_of_kind(lender, SEGMENTER) or SEGMENTER)
    if problem:
        raise MissingPart(problem)
    return lender


@lru_cache(maxsize=4)
def _segmenter_of(lender: Bundle) -> Segmenter:
    from backends.regions.segment import Segmenter

    return Segmenter(lender.part(_part_of_kind(lender, SEGMENTER) or SEGMENTER))


def _detector_source(found: Bundle, what: str = "other words need") -> str:
    """Where Grounding DINO is: the bundle's folder, or the model hub's cache on this machine."""
    from backends.regions import grounding

    own = found.folder / DETECTOR
    if own.is_dir():
        return str(own)
    if grounding.is_here():
        return grounding.HUB
    known = _words(found)
    instead = f"use one of the words {', '.join(known)}, " if known else "use "
    raise MissingPart(
        "{what} Grounding DINO, which is not here; get it with: {command}; or "
        "{instead}a click (points:+X,Y) or a box",
        what=what,
        command=_command(),
        instead=instead,
    )


def _command() -> str:
    """What a person types to get Grounding DINO: a pull, where the shared bundle lists it."""
    from backends.regions import grounding

    try:
        shared = bundles.get(SHARED)
    except NotFound:
        return grounding.COMMAND
    return shared.pull_command if DETECTOR in shared.manifest.parts else grounding.COMMAND


@lru_cache(maxsize=2)
def _detector_of(source: str, device: str) -> Detector:
    from backends.regions import grounding

    return grounding.load(source, device)


def propose(
    name: str, picture: np.ndarray, settings: dict[str, Any], model: str = "classifier"
) -> Proposal:
    """The region that the target model's own attributions pick (RCSB, section 3).

    :param settings: of :class:`backends.regions.settings.AutoRegion`.
    :raises BadInput: a setting is wrong, or no pixel matters to the model.
    """
    from backends.explain.question import settings_of
    from backends.regions import attribution
    from backends.targets.named import target_model

    config = settings_of(AutoRegion, settings, "the automatic region")
    found = bundles.get(name)
    with guarded(found.device):
        x = imaging.to_tensor(picture).to(found.device)
        region, importance = attribution.propose(target_model(found, model), x, config)
    if not region.mask.any():
        raise BadInput(
            "the model's attributions are zero everywhere in this picture; brush a region instead"
        )
    mask = (region.mask[0, 0] * 255).byte().cpu().numpy()
    return Proposal(mask, float(region.mask.mean()), importance[0].numpy())
