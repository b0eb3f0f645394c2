"""What a prior alone does to a picture, as methods and the runner report it."""

from __future__ import annotations

from backends.metrics.metric import reported

__all__: list[str] = []

reported(
    "reconstruction_error", "Reconstruction error", "lower", "0 to 1", form="{:.4f}",
    meaning="greatest change of a pixel by the codec alone", page=1,
)  # fmt: skip
reported(
    "inversion_error", "Inversion error", "lower", "0 to 1", form="{:.3f}",
    meaning="root mean square of what the generator cannot draw of the portrait", page=1,
)  # fmt: skip
