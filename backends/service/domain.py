"""Whether a picture looks like those of a bundle's domain.

A model answers about any picture, also about one that it never learnt to see. So a few numbers of
the picture are compared with those of the bundle's own real pictures: how well the bundle's
autoencoder rebuilds it, how likely its latent is, how much ink it has. All bounds come from the
real pictures; none is chosen by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from backends import bundles, imaging
from backends.bundles import Bundle, domain_reference
from backends.bundles.domain_reference import DomainReference, Spread
from backends.compute.oom import guarded
from backends.errors import StudioError
from backends.priors.core import Prior
from backends.sentences import Sentence

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Domain", "look", "makers", "measure", "oddness", "reference", "reference_of"]

FEWEST, ENOUGH = 100, 300  # real pictures that a spread needs, and that are measured at once
BATCH = 100
LEAST = 1e-9  # reach of a measure in which real pictures do not differ
LOW, HIGH = "low", "high"
# What an odd value of each measure means, by the end at which it is odd.
MEANINGS = {
    "reconstruction": {
        LOW: Sentence("it has hardly anything to see"),
        HIGH: Sentence("the bundle’s autoencoder cannot rebuild it"),
    },
    "lost_contrast": {HIGH: Sentence("the bundle’s autoencoder cannot rebuild most of it")},
    "density": {LOW: Sentence("hardly any real picture is so unlikely by the bundle’s density")},
    "ink": {
        LOW: Sentence("it has less ink than real ones"),
        HIGH: Sentence("it has more ink than real ones"),
    },
}


class Domain(TypedDict):
    """How a picture compares.

    :ivar odd: how far its oddest number lies from the median of real pictures, where the 1st or
        the 99th percentile lies at 1.
    :ivar limit: the greatest that one of ``count`` real pictures has; beyond it the picture is
        ``unlike`` them.
    :ivar measure: that number's name.
    :ivar why: what is odd, in words that follow "compared with real ones"; empty unless unlike.
    """

    unlike: bool
    odd: float
    limit: float
    count: int
    measure: str
    why: str


def look(name: str, *pictures: np.ndarray) -> list[Domain]:
    """Compare prepared pictures, uint8 [H, W, C], with the real ones of a bundle.

    :returns: nothing where the bundle has too few real pictures, or no autoencoder.
    """
    import torch

    found = bundles.get(name)
    known = reference_of(found)
    if known is None:
        return []
    values = measure(found, torch.cat([imaging.to_tensor(picture) for picture in pictures]))
    return [_compared(row, known) for row in _rows(values)]


def _compared(values: dict[str, float], known: DomainReference) -> Domain:
    odd, which, end = max(_ends(values, known.measures))
    unlike = odd > known.limit
    return Domain(
        unlike=unlike, odd=odd, limit=known.limit, count=known.count, measure=which,
        why=MEANINGS[which][end] if unlike else "",
    )  # fmt: skip


def reference_of(found: Bundle) -> DomainReference | None:
    """The reference of a bundle, measured now where it is not known yet; None without enough real
    pictures."""
    made_by = makers(found)
    if made_by is None:
        return None
    known = domain_reference.read(found, made_by)
    if known is not None:
        return known
    try:
        pictures = found.test_pictures()
    except StudioError:  # their file is gone or damaged, which other places tell
        return None
    if pictures is None or len(pictures[0]) < FEWEST:
        return None
    some = pictures[0][:: max(1, len(pictures[0]) // ENOUGH)]
    made = reference(found, some, made_by)
    domain_reference.write(found, made)
    return made


def reference(found: Bundle, pictures: np.ndarray, made_by: dict[str, str]) -> DomainReference:
    """Measure real pictures, uint8 [N, H, W, C]."""
    import torch

    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    values = measure(found, x)
    at = torch.tensor([0.01, 0.5, 0.99])
    spreads = {}
    for which, value in values.items():
        low, median, high = value.quantile(at).tolist()
        spreads[which] = Spread(low=low, median=median, high=high)
    limit = max(oddness(row, spreads) for row in _rows(values))
    return DomainReference(made_by=made_by, count=len(pictures), measures=spreads, limit=limit)


def makers(found: Bundle) -> dict[str, str] | None:
    """What a reference is made by: fingerprints of the parts and of the pictures; None where the
    bundle lacks either."""
    used, test = _parts(found), found.manifest.test
    if test is None or not used:
        return None
    return {**{part: found.fingerprint(part) for part in used}, "pictures": test.sha256}


def oddness(values: dict[str, float], spreads: dict[str, Spread]) -> float:
    """How far the oddest of a picture's numbers lies from the median, in units of the 1st or the
    99th percentile's distance."""
    return max(_ends(values, spreads))[0]


def measure(found: Bundle, x: Tensor) -> dict[str, Tensor]:
    """The numbers of pictures [N, C, H, W] in [0, 1] that are compared, [N] each on the CPU:
    root mean square of what the autoencoder gets wrong, the same as a share of the picture's
    contrast, the latent's log density under the class that suits it best, and of digits the mean
    ink."""
    import torch

    with torch.no_grad(), guarded(found.device):
        rows = [_measured(found, part.to(found.device)) for part in x.split(BATCH)]
    return {name: torch.cat([row[name] for row in rows]).cpu() for name in rows[0]}


def _measured(found: Bundle, x: Tensor) -> dict[str, Tensor]:
    import torch

    autoencoder: Prior = found.part("autoencoder")
    z = autoencoder.encode(x)
    wrong = (autoencoder.decode(z) - x).square().flatten(1).mean(1).sqrt()
    contrast = x.flatten(1).std(1)
    values = {"reconstruction": wrong, "lost_contrast": wrong / contrast.clamp_min(1 / 255)}
    if "density" in _parts(found):
        density = found.part("density")
        classes = torch.arange(density.classes, device=x.device)
        rows = z.flatten(1).repeat_interleave(len(classes), 0)
        each = density.log_density(rows, classes.repeat(len(x)))
        values["density"] = each.view(len(x), -1).amax(1)
    if found.manifest.preparation == "digit":
        values["ink"] = x.flatten(1).mean(1)
    return values


def _parts(found: Bundle) -> list[str]:
    """The parts that measure; none where the bundle has no autoencoder."""
    if found.problem("autoencoder"):
        return []
    return ["autoencoder", *([] if found.problem("density") else ["density"])]


def _ends(values: dict[str, float], spreads: dict[str, Spread]) -> list[tuple[float, str, str]]:
    """The oddness of every number at every end where it can be odd."""
    ends = []
    for name, value in values.items():
        spread = spreads[name]
        for end in MEANINGS[name]:
            edge, least = (spread.high, LEAST) if end == HIGH else (spread.low, -LEAST)
            reach = edge - spread.median + least
            ends.append(((value - spread.median) / reach, name, end))
    return ends


def _rows(values: dict[str, Tensor]) -> list[dict[str, float]]:
    """The numbers [N] by name as one dictionary for each picture."""
    lists = [value.tolist() for value in values.values()]
    return [dict(zip(values, row, strict=True)) for row in zip(*lists, strict=True)]
