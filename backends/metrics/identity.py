"""Is the person on the answer still the same?

FVA and FS of Jeanneret et al.: Diffusion models for counterfactual explanations (DiME), ACCV 2022,
https://arxiv.org/abs/2203.15636, section 4, are the share of answers above 0.5 and the mean of the
cosine in the features of a network that learnt from VGGFace2. Here the network is dlib's
(:class:`~backends.faces.descriptor.FaceDescriptor`), with its author's rule for one person: neither
must stand beside a paper's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["face_similarity_dlib", "face_verified_dlib"]

SAME = 0.6  # descriptors nearer than this are one person's


@metric(
    "face_verified_dlib", "Same person, by dlib's descriptor", "higher", "share",
    library="own; dlib's weights", scope="row",
    meaning="of the flipped answers those less than 0.6 from the factual, dlib's rule; not FVA, "
    "whose network is another",
)  # fmt: skip
def face_verified_dlib(face_descriptors: tuple[Tensor, Tensor], flipped: Tensor) -> Tensor | None:
    """1 where both are one person's, else 0, of the flipped answers [N]; NaN of the others. None
    where none flipped."""
    if not bool(flipped.any()):
        return None
    before, after = face_descriptors
    same = (before - after).norm(dim=1) < SAME
    return same.double().where(flipped, float("nan"))


@metric(
    "face_similarity_dlib", "Similarity of the faces, by dlib's descriptor", "higher", "cosine",
    library="own; dlib's weights", scope="row",
    meaning="of the flipped answers and their factuals, near 0.9 between strangers; not FS, whose "
    "network is another",
)  # fmt: skip
def face_similarity_dlib(face_descriptors: tuple[Tensor, Tensor], flipped: Tensor) -> Tensor | None:
    """Cosine of the descriptors of the flipped answers and their factuals, [N] in [-1, 1]; NaN of
    the others. None where none flipped."""
    from torch.nn import functional as F

    if not bool(flipped.any()):
        return None
    before, after = face_descriptors
    return F.cosine_similarity(before, after, dim=1).where(flipped, float("nan"))
