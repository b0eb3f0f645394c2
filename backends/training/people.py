"""People's labels become a target model and the velocity field that LeapFactual explains it by.

Cao et al.: LeapFactual, NeurIPS 2025, section 4.3: the field needs nothing but labels. A few
thousand labels are few for one, so it starts from the bundle's, and learns beside the labelled
pictures others that the bundle draws, with the labels that people would give them by
:class:`backends.targets.label_models.Neighbours`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends import imaging, registry
from backends.bundles import Bundle, latent_cache
from backends.priors.stylegan.anchored import whiten
from backends.priors.velocity import Field, transport
from backends.targets.label_models import SEEN, Neighbours
from backends.training.losses import velocity_loss

__all__ = ["Drawing", "Pictures", "Space", "draw", "drawn", "field", "mixed_loss", "read", "settle"]

LOOKED_AT = 256  # pixels a side, of larger pictures, as a run looks at them
SHIFTS = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]  # pixels; the labels stay the same
MOST = 20_000  # rows, copies included: the target model shall answer within milliseconds
AT_ONCE, FACES_AT_ONCE, ASKED_AT_ONCE = 100, 4, 100  # pictures a step
MOST_FACES = 1000  # drawn: each takes some 15 ms
ASKED = 2000  # labelled pictures whose labels choose the estimate's settings
SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)  # how much the classifier's opinion counts beside looks
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.4)  # of squared distances, when looks have variance 1
SOLVER_STEPS = 6


@dataclass(frozen=True)
class Space:
    """Where the bundle's field moves: its prior, and the generator's w for known pictures.

    :ivar prior: has ``encode`` and ``decode``, or draws faces (``sample_w``).
    :ivar fingerprint: of the prior.
    """

    prior: Any
    fingerprint: str
    device: str

    @staticmethod
    def of(bundle: Bundle) -> Space:
        """The space of a bundle's autoencoder.

        :raises MissingPart: it has none.
        """
        name = bundle.named("autoencoder")
        return Space(bundle.part(name), bundle.fingerprint(name), bundle.device)

    @property
    def drawn(self) -> bool:
        """Whether a generator draws the pictures: it cannot encode others in any short time."""
        return hasattr(self.prior, "sample_w")

    def latent(self, picture: np.ndarray) -> Tensor | None:
        """u [1, D] of a face that was drawn or inverted before, else None."""
        w = latent_cache.recall(self.fingerprint, picture)
        return None if w is None else whiten(self.prior, torch.tensor(w)[None].to(self.device))


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures as the networks see them.

    :ivar z: [N, D], where the field moves.
    :ivar small: [N, C, s, s] in [0, 1], what a student looks at.
    :ivar looks: [M, D'] and ``opinion`` [M, L] of the pictures and their shifted copies.
    :ivar origin: [M], whose copy each is.
    :ivar kept: [N], places among the rows that were given.
    """

    z: Tensor
    small: Tensor
    looks: Tensor
    opinion: Tensor
    origin: Tensor
    kept: Tensor


@torch.no_grad()
def read(
    space: Space, f: Neighbours, pictures: np.ndarray, *, copies: bool
) -> Generator[int, None, Pictures]:
    """Encode pictures, uint8 [N, H, W, C]; yields how many are done. Of a generator's bundle,
    pictures whose latent is not known are left out.

    :param copies: whether shifted copies may be looked at too.
    """
    copies = copies and not space.drawn and len(SHIFTS) * len(pictures) <= MOST
    shifts = SHIFTS if copies else SHIFTS[:1]
    z, small, looks, opinion, origin, kept = [], [], [], [], [], []
    size = FACES_AT_ONCE if space.drawn else AT_ONCE
    for start in range(0, len(pictures), size):
        some = pictures[start : start + size]
        places = list(range(start, start + len(some)))
        if space.drawn:
            known = [space.latent(picture) for picture in some]
            places = [p for p, u in zip(places, known, strict=True) if u is not None]
            known = [u for u in known if u is not None]
        if not places:
            yield start + len(some)
            continue
        x = torch.from_numpy(pictures[places]).permute(0, 3, 1, 2).to(space.device).float() / 255
        x = _at_most(x, LOOKED_AT)
        z.append(torch.cat(known) if space.drawn else space.prior.encode(x))
        small.append(_at_most(x, SEEN))
        for shift in shifts:
            there, said = f.coordinates(x.roll(shift, (2, 3)) if any(shift) else x)
            looks.append(there)
            opinion.append(said)
            origin.append(torch.arange(len(kept), len(kept) + len(places)))
            if len(shifts) > 1:
                yield start + len(some)
        kept += places
        yield start + len(some)
    if not kept:
        nothing = torch.zeros(0, device=space.device)
        return Pictures(*[nothing] * 4, torch.arange(0), torch.arange(0))
    return Pictures(
        torch.cat(z), torch.cat(small), torch.cat(looks), torch.cat(opinion),
        torch.cat(origin).to(space.device), torch.tensor(kept),
    )  # fmt: skip


def _at_most(x: Tensor, size: int) -> Tensor:
    return F.adaptive_avg_pool2d(x, size) if x.shape[-1] > size else x


@torch.no_grad()
def settle(
    f: Neighbours, seen: Pictures, labels: Tensor, weights: Tensor, asked: Tensor
) -> Iterator[int]:
    """Give the estimate its rows, and the settings by which the pictures ``asked`` (indices), each
    left out with its copies, get their own labels best; yields how many settings were tried."""
    f.labels.copy_(labels[seen.origin])
    f.weights.copy_(weights[seen.origin].clamp_min(1e-6))
    looks = _spread(seen.looks)
    shares = SHARES if seen.opinion.shape[1] else SHARES[:1]
    first = {int(row): i for i, row in reversed([*enumerate(seen.origin.tolist())])}
    place = torch.tensor([first[int(i)] for i in asked], device=seen.looks.device)
    best = (float("inf"), torch.zeros(2), TEMPERATURES[0])
    for tried, share in enumerate(shares):
        opinion = share / _spread(seen.opinion) if share else 0.0
        f.scales.copy_(torch.tensor([1 / looks, opinion]))
        f.places.copy_(f.place(seen.looks, seen.opinion))
        near = []
        for some in place.split(ASKED_AT_ONCE):
            own = seen.origin[None] == seen.origin[some, None]
            near.append(f.nearest(f.places[some], own))
            yield tried
        distance, rows = (torch.cat(parts) for parts in zip(*near, strict=True))
        for temperature in TEMPERATURES:
            f.temperature.fill_(temperature)
            p = f.weighed(distance, rows)
            # Brier's score: a few odd labels would decide the logarithmic one.
            loss = float((p - labels[asked]).square().sum(1).mean())
            best = min(best, (loss, f.scales.clone(), temperature), key=lambda found: found[0])
        yield tried + 1
    f.scales.copy_(best[1])
    f.temperature.fill_(best[2])
    f.places.copy_(f.place(seen.looks, seen.opinion))


def _spread(x: Tensor) -> float:
    """Root of the variance, summed over the coordinates."""
    return max(float((x - x.mean(0)).square().sum(1).mean().sqrt()), 1e-6)


@dataclass(frozen=True)
class Drawing:
    """Pictures that the bundle drew: ``z`` [N, D], ``small`` [N, C, s, s], and the labels that
    people would give them, [N, K]."""

    z: Tensor
    small: Tensor
    labels: Tensor


@torch.no_grad()
def draw(
    space: Space, f: Neighbours, velocity: Field | None, count: int, seed: int
) -> Generator[int, None, Drawing | None]:
    """Draw pictures and estimate their labels; yields how many are done. Without a generator the
    bundle's own field draws them, all of its classes alike; without a field there are none."""
    generator = torch.Generator().manual_seed(seed)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    done = 0
    for z, x in drawn(space, velocity, count, generator):
        rows.append((z, _at_most(x, SEEN), f(imaging.eight_bit(x)).exp()))
        done += len(z)
        yield done
    return Drawing(*(torch.cat(parts) for parts in zip(*rows, strict=True))) if rows else None


def drawn(
    space: Space, velocity: Field | None, count: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw latents [B, D] and their pictures [B, C, H, W], batch by batch; nothing without a
    generator or a field."""
    count = min(count, MOST_FACES) if space.drawn else count
    if velocity is None and not space.drawn:
        return
    for start in range(0, count, FACES_AT_ONCE if space.drawn else AT_ONCE):
        size = min(FACES_AT_ONCE if space.drawn else AT_ONCE, count - start)
        if space.drawn:
            w = space.prior.sample_w(size, generator)
            yield whiten(space.prior, w), space.prior.preview(w, min(SEEN, space.prior.size))
        else:
            z = _landed(velocity, size, generator, space.device)
            yield z, space.prior.decode(z)


def _landed(field: Field, size: int, generator: torch.Generator, device: str) -> Tensor:
    """Latents [size, D] that a field makes of noise."""
    noise = torch.randn(size, field.dimensions, generator=generator).to(device)
    labels = torch.randint(field.classes, (size,), generator=generator)
    c = F.one_hot(labels, field.classes).float().to(device)
    return transport(field, noise, c, 1.0, lift=False, steps=SOLVER_STEPS)


def field(
    architecture: str,
    arguments: dict[str, Any],
    classes: list[str],
    previous: Field | None,
    known: list[str],
) -> Field:
    """A field for ``classes`` that begins as ``previous`` is. A class of the same name keeps its
    weights, a new one begins as the mean of the ``known``.

    :param arguments: of the architecture; ``classes`` among them is replaced.
    """
    new: Field = registry.architecture(architecture)(**arguments | {"classes": len(classes)})
    if previous is not None:
        new.start_as(previous, [known.index(c) if c in known else None for c in classes])
    return new


Batches = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


def _batches(own: tuple[Tensor, Tensor], weights: Tensor, drawn: tuple[Tensor, Tensor]) -> Batches:
    """Half of a batch from one's own rows, by their weights, and half from those drawn."""
    weights = weights.cpu()
    weights = weights if float(weights.sum()) > 0 else torch.ones_like(weights)

    def batch(indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        others = len(indices) // 2 if len(drawn[0]) else 0
        mine = torch.multinomial(weights, len(indices) - others, True, generator=generator)
        if not others:
            return own[0][mine], own[1][mine]
        other = torch.randint(len(drawn[0]), (others,), generator=generator)
        pairs = zip(own, drawn, strict=True)
        return tuple(torch.cat([a[mine], b[other]]) for a, b in pairs)  # type: ignore[return-value]

    return batch


def mixed_loss(
    own: tuple[Tensor, Tensor], weights: Tensor, drawn: tuple[Tensor, Tensor], *, pictures: bool
) -> Callable[[nn.Module, Tensor, torch.Generator], Tensor]:
    """The loss of a field on (latents, labels), or, of ``pictures``, a student's cross-entropy,
    its pictures shifted by up to a pixel; for :func:`backends.training.fit.fit`.

    :param own: labelled rows, drawn by ``weights`` [N]; ``drawn``: others, half of a batch.
    """
    batch = _batches(own, weights, drawn)

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, y = batch(indices, generator)
        if not pictures:
            everything = torch.arange(len(x))
            return velocity_loss(x, y)(module, everything, generator)
        shift = torch.randint(-1, 2, (2,), generator=generator).tolist()
        return F.cross_entropy(module(x.roll(shift, (2, 3))), y)

    return loss
