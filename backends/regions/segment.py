"""Clicks and boxes -> masks: Segment Anything and MobileSAM behind one predictor.

Segment Anything (Kirillov et al., ICCV 2023, https://arxiv.org/abs/2304.02643) in Meta's own
package; MobileSAM is the same prompt encoder and mask decoder behind a smaller picture encoder.
A picture is embedded once (seconds); every click after that costs a decoder pass.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import torch
from segment_anything import SamPredictor
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from backends.errors import BadInput
from backends.imaging import as_bytes
from backends.regions.candidates import Candidate
from backends.regions.tiny_vit import TinyViTEncoder

__all__ = ["MODELS", "SegmentAnything", "Segmenter"]

# Table of the SAM paper's appendix A, and MobileSAM's TinyViT-5M.
MODELS: dict[str, dict[str, Any]] = {
    "mobile": {},
    "vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "vit_l": {
        "embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23),
    },
    "vit_h": {
        "embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31),
    },
}  # fmt: skip
# Who clicks on a thing mostly means all of it. Of 61 random clicks on scikit-image's astronaut this
# margin takes the person 37 times, the best score alone 6 times; on its cat and cup they are equal.
AS_GOOD = 0.02
EMBEDDINGS = 16  # kept at once, 4 MB each


class SegmentAnything(Sam):
    """SAM with an encoder of the given model; its weights bear the names of Meta's checkpoints.

    :param model: ``mobile``, ``vit_b``, ``vit_l`` or ``vit_h``.
    :param size: side of the square that pictures are fitted into, a multiple of 16.
    :param width: channels of the embedding, a multiple of 16.
    :param encoder: what differs from the model's own encoder (for small versions).
    """

    def __init__(
        self,
        model: str = "mobile",
        size: int = 1024,
        width: int = 256,
        encoder: dict[str, Any] | None = None,
    ) -> None:
        if model not in MODELS:
            raise ValueError(f"there is no SAM {model!r}; choose one of: {', '.join(MODELS)}")
        shape = MODELS[model] | (encoder or {})
        cells = (size // 16, size // 16)
        super().__init__(
            _encoder(model, size, width, shape),
            PromptEncoder(width, cells, (size, size), mask_in_chans=16),
            MaskDecoder(
                transformer_dim=width,
                transformer=TwoWayTransformer(2, width, num_heads=8, mlp_dim=8 * width),
            ),
        )


def _encoder(model: str, size: int, width: int, shape: dict[str, Any]) -> nn.Module:
    if model == "mobile":
        return TinyViTEncoder(size, width, **shape)
    return ImageEncoderViT(
        size, out_chans=width, norm_layer=partial(nn.LayerNorm, eps=1e-6), use_rel_pos=True,
        window_size=14, **shape,
    )  # fmt: skip


class Segmenter:
    """Masks from prompts, with the embeddings of the last pictures kept.

    Safe to call from several threads: a picture's embedding is computed by one of them.

    :param network: a :class:`SegmentAnything` in eval mode.
    """

    def __init__(self, network: Sam, keep: int = EMBEDDINGS) -> None:
        self.network = network
        self._keep = keep
        self._pictures: OrderedDict[str, SamPredictor] = OrderedDict()
        self._lock = Lock()

    def embed(self, picture: np.ndarray) -> SamPredictor:
        """The predictor that holds a picture's embedding; at once where it was seen before.

        :param picture: uint8 [H, W, 3] RGB, or [H, W, 1].
        """
        digest = hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()
        with self._lock:
            if digest not in self._pictures:
                predictor = SamPredictor(self.network)
                predictor.set_image(np.repeat(picture, 3 // picture.shape[2], axis=2))
                self._pictures[digest] = predictor
                while len(self._pictures) > self._keep:
                    self._pictures.popitem(last=False)
            self._pictures.move_to_end(digest)
            return self._pictures[digest]

    def click(
        self,
        picture: np.ndarray,
        points: Sequence[tuple[float, float]],
        labels: Sequence[int],
        box: tuple[float, float, float, float] | None = None,
        label: str = "clicked",
    ) -> Candidate:
        """The mask of what was clicked and, where given, lies in the box.

        One click alone is ambiguous (a button, the shirt, the person): of SAM's three masks the
        largest is taken whose predicted IoU is as good as the best one's, within ``AS_GOOD``, and
        all are its ``alternatives``, smallest first. More prompts ask for SAM's single mask.

        :param points: (x, y) in pixels.
        :param labels: one for each point: 1 belongs to the region, 0 does not.
        :param box: x0, y0, x1, y1 in pixels.
        :raises BadInput: the mask would be empty or the whole picture.
        """
        several = box is not None or len(points) > 1
        masks, scores, _ = self.embed(picture).predict(
            np.asarray(points, np.float32) if len(points) else None,
            np.asarray(labels, np.int32) if len(points) else None,
            None if box is None else np.asarray(box, np.float32),
            multimask_output=not several,
        )
        found = [
            Candidate(label, float(score), as_bytes(mask), box)
            for mask, score in zip(masks, scores, strict=True)
            if mask.any() and not mask.all()
        ]
        if not found:
            raise BadInput("nothing has its border around these clicks; click somewhere else")
        by_size = sorted(found, key=lambda one: int(np.count_nonzero(one.mask)))
        best = max(one.score for one in found)
        taken = [one for one in by_size if one.score >= best - AS_GOOD][-1]
        return replace(taken, alternatives=tuple(by_size) if len(by_size) > 1 else ())

    def boxes(
        self, picture: np.ndarray, boxes: Sequence[tuple[float, float, float, float]]
    ) -> list[tuple[np.ndarray, float]]:
        """(mask uint8 [H, W] of 0 and 255, predicted IoU) of the thing in each box; a mask may
        be empty."""
        if not boxes:
            return []
        predictor = self.embed(picture)
        corners = torch.tensor(boxes, dtype=torch.float32, device=predictor.device)
        masks, scores, _ = predictor.predict_torch(
            None, None,
            predictor.transform.apply_boxes_torch(corners, predictor.original_size),
            multimask_output=False,
        )  # fmt: skip
        found = zip(masks[:, 0].cpu().numpy(), scores[:, 0].tolist(), strict=True)
        return [(as_bytes(mask), score) for mask, score in found]
