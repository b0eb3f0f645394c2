"""What a prior alone does to a picture, as methods and the runner report it."""

from __future__ import annotations

from backends.metrics.metric import reported

__all__: list[str] = []

reported(
    "reconstruction_error", "Reconstruction error", "lower", "0 to 1", form="{:.4f}",
    meaning="greatest change of a pixel by the codec alone", page=1,
    good="Near 0: the method can draw your picture, so changes are answers.",
    bad="Large: some of what changed is only what the method cannot draw.",
)  # fmt: skip
reported(
    "reconstruction_l1", "L1 distance of the reconstruction", "lower", "sum of |g(z) - x|",
    form="{:.1f}", meaning="what the prior alone changes, before anything is asked", page=1,
    good="Small beside the L1 distance of the answer: changes are answers.",
    bad="Larger than what changed beyond it: most of what you see is what the method cannot "
    "draw.",
)  # fmt: skip
reported(
    "l1_from_reconstruction", "L1 distance from the reconstruction", "neither",
    "sum of |x' - g(z)|", form="{:.1f}", meaning="changes that the prior alone does not make",
    page=1,
    good="Most of the answer's L1 distance: the question brought the changes about.",
    bad="Small beside the reconstruction's distance: the question changed little.",
)  # fmt: skip
reported(
    "precision_error", "Error of precision", "lower", "0 to 1", form="{:.4f}",
    meaning="greatest change of the first step's picture by computing with fewer bits", page=1,
    good="Near 0: fewer bits changed nothing that can be seen.",
    bad="Above about 0.1: compute with float32 before you rely on the answer.",
)  # fmt: skip
reported(
    "inversion_error", "Inversion error", "lower", "0 to 1", form="{:.3f}",
    meaning="root mean square of what the generator cannot draw of the portrait", page=1,
    good="Near 0: the generator can draw this portrait.",
    bad="Large: the answer may show another person's face.",
)  # fmt: skip
