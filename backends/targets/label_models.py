"""People as a target model: what would they say of a picture, judging by those they labelled?

There are only labels, so no gradients: :class:`Neighbours` asks the labelled pictures nearby. Where
gradients are wanted, a :class:`Student` learns the same labels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends import registry
from backends.targets.classifier import ConvClassifier

__all__ = ["Neighbours", "Student"]

ASKED = 20  # labelled pictures that have a say
LEAST = 1e-3  # probability of what no neighbour says
THUMBNAIL = 16  # pixels a side, of pictures that no encoder turns into latents
SEEN = 64  # pixels a side that a student looks at, at most


class Neighbours(nn.Module):
    """Labels of the nearest labelled pictures, weighted by exp(-d^2 / temperature).

    Near means near in the autoencoder's latent space, and, by a share that the labels themselves
    choose, in what the bundle's classifier says: two sevens may lie far apart in looks.

    :param rows: labelled pictures, copies with small shifts among them.
    :param classes: K, the people's.
    :param width: coordinates of a picture, as the two networks give them.
    :param encoder: architecture and arguments of the part whose ``encode`` gives the latents; of
        a generator, which has none, thumbnails stand in.
    :param opinion: architecture and arguments of the bundle's classifier, if it is here.
    """

    differentiable: ClassVar[bool] = False
    places: Tensor
    labels: Tensor
    weights: Tensor
    scales: Tensor
    temperature: Tensor
    encoder: Any
    opinion: Any

    def __init__(
        self,
        rows: int,
        classes: int,
        width: int,
        encoder: dict[str, Any] | None = None,
        opinion: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.opinion = _built(encoder), _built(opinion)
        self.register_buffer("places", torch.zeros(rows, width))
        self.register_buffer("labels", torch.full((rows, classes), 1 / classes))
        self.register_buffer("weights", torch.ones(rows))
        self.register_buffer("scales", torch.ones(2))  # of looks, and of the classifier's opinion
        self.register_buffer("temperature", torch.tensor(1.0))

    def coordinates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, H, W] in [0, 1] -> looks [B, D] and opinion [B, L], each in its own unit."""
        if self.encoder is not None:
            looks = self.encoder.encode(x)
        else:
            looks = F.adaptive_avg_pool2d(x, THUMBNAIL).flatten(1)
        return looks, looks[:, :0] if self.opinion is None else self.opinion(x)

    def place(self, looks: Tensor, opinion: Tensor) -> Tensor:
        """Coordinates in one unit, [B, width]."""
        return torch.cat([self.scales[0] * looks, self.scales[1] * opinion], dim=1)

    def nearest(self, place: Tensor, other: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Squared distances [B, k] of the nearest rows and which they are, nearest first.

        :param other: rows [B, N] that have no say.
        """
        distance = torch.cdist(place, self.places).square()
        if other is not None:
            distance = distance.masked_fill(other, torch.inf)
        return distance.topk(min(ASKED, len(self.places)), largest=False)

    def weighed(self, distance: Tensor, rows: Tensor) -> Tensor:
        """Probabilities [B, K] from the nearest rows."""
        say = (self.weights[rows].log() - distance / self.temperature).softmax(1)
        p = (say[..., None] * self.labels[rows]).sum(1)
        return (p + LEAST) / (1 + LEAST * p.shape[1])

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> log-probabilities [B, K], without gradients."""
        return self.weighed(*self.nearest(self.place(*self.coordinates(x)))).log()


def _built(part: dict[str, Any] | None) -> nn.Module | None:
    """A network as a bundle's part describes it; its weights come later."""
    if part is None:
        return None
    network: nn.Module = registry.architecture(part["architecture"])(**part["arguments"])
    return network.eval()


class Student(nn.Module):
    """A small classifier that learnt people's labels, so that there are gradients.

    :param size: side of the bundle's pictures; larger ones are averaged down to 64 pixels first.
    """

    differentiable: ClassVar[bool] = True

    def __init__(self, channels: int, size: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.seen = min(size, SEEN)
        self.body = ConvClassifier(channels, self.seen, classes, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> logits [B, K]."""
        if x.shape[-1] > self.seen:
            x = F.adaptive_avg_pool2d(x, self.seen)
        return self.body(x)
