"""A phrase -> boxes: Grounding DINO (Liu et al., ECCV 2024, https://arxiv.org/abs/2303.05499).

In transformers' own port. The package groundingdino-py cannot be imported beside current
transformers, whose BERT no longer has the methods that it calls, and older transformers break
gradio and diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.errors import BadInput, MissingPart

__all__ = ["COMMAND", "HUB", "REVISION", "Box", "Detector", "is_here", "load"]

HUB = "IDEA-Research/grounding-dino-tiny"
REVISION = "a2bb814dd30d776dcf7e30523b00659f4f141c71"
COMMAND = f"hf download {HUB} --revision {REVISION}"
FLOOR = 0.05  # below this a score is the network's noise, not a thing to offer


@dataclass(frozen=True)
class Box:
    """Corners x0, y0, x1, y1 in pixels, and the score of the phrase, in [0, 1]."""

    label: str
    score: float
    corners: tuple[float, float, float, float]


class Detector:
    """Grounding DINO with its processor."""

    def __init__(self, processor: Any, network: Any) -> None:
        self.processor = processor
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def find(
        self,
        picture: np.ndarray,
        phrases: Sequence[str],
        threshold: float = 0.30,
        text_threshold: float = 0.25,
        overlap: float = 0.8,
        most: int = 10,
    ) -> tuple[list[Box], dict[str, float]]:
        """Boxes, best first, and for each phrase the score of its likeliest box, above the
        threshold or not (phrases without any are left out).

        A box belongs to the phrase with its highest score, which must reach ``threshold``; its
        label names every other phrase too that reaches ``text_threshold`` there.

        :param picture: uint8 [H, W, 3].
        :param phrases: lower case, without full stops.
        :param overlap: of two boxes of a phrase whose IoU is more, only the likelier is kept.
        :param most: boxes kept for each phrase.
        :raises BadInput: the phrases are more than the network can read.
        """
        from torchvision.ops import batched_nms

        text = " . ".join(phrases) + " ."
        inputs = self.processor(images=picture, text=text, return_tensors="pt")
        if inputs["input_ids"].shape[1] > self.network.config.max_text_len:
            raise BadInput("these are more words than can be looked for at once; use fewer")
        output = self.network(**inputs.to(self.network.device))
        logits, found = output.logits[0].cpu(), output.pred_boxes[0].cpu()
        scores = self._by_phrase(logits, inputs["input_ids"][0], len(phrases))
        corners = _pixels(found, *picture.shape[:2])
        there = ((corners[:, 2:] - corners[:, :2]) >= 1).all(1)
        scores, corners = scores[there], corners[there]
        best = {
            phrase: float(scores[:, i].max())
            for i, phrase in enumerate(phrases)
            if len(scores) and scores[:, i].max() >= FLOOR
        }
        top, owner = scores.max(1) if len(scores) else (scores.new_zeros(0), torch.zeros(0).long())
        likely = top >= threshold
        scores, corners, top, owner = (t[likely] for t in (scores, corners, top, owner))
        boxes: list[Box] = []
        room = dict.fromkeys(range(len(phrases)), most)
        for row in batched_nms(corners, top, owner, overlap).tolist():
            own = int(owner[row])
            room[own] -= 1
            if room[own] < 0:
                continue
            also = (scores[row] >= text_threshold).tolist()
            label = [phrases[own], *(p for i, p in enumerate(phrases) if also[i] and i != own)]
            boxes.append(Box(", ".join(label), float(top[row]), tuple(corners[row].tolist())))
        return boxes, best

    def _by_phrase(self, logits: Tensor, tokens: Tensor, count: int) -> Tensor:
        """Logits [Q, T] of boxes and tokens -> scores [Q, P] of boxes and phrases: the highest
        of the phrase's own tokens; the full stops between phrases count for none."""
        tokenizer = self.processor.tokenizer
        stop = tokenizer.convert_tokens_to_ids(".")
        probabilities = logits.sigmoid()
        scores, phrase = probabilities.new_zeros(len(logits), count), 0
        for place, token in enumerate(tokens.tolist()):
            if token == stop:
                phrase += 1
            elif token not in tokenizer.all_special_ids and phrase < count:
                scores[:, phrase] = scores[:, phrase].maximum(probabilities[:, place])
        return scores


def _pixels(boxes: Tensor, height: int, width: int) -> Tensor:
    """Centre, width and height in shares of the picture [Q, 4] -> corners in pixels, inside it."""
    from torchvision.ops import box_convert, clip_boxes_to_image

    scale = boxes.new_tensor([width, height, width, height])
    return clip_boxes_to_image(box_convert(boxes, "cxcywh", "xyxy") * scale, (height, width))


def is_here() -> bool:
    """Whether the model hub's cache on this machine has it; costs no import of transformers."""
    from huggingface_hub import try_to_load_from_cache

    needed = ("config.json", "preprocessor_config.json", "model.safetensors")
    return all(
        isinstance(try_to_load_from_cache(HUB, name, revision=REVISION), str) for name in needed
    )


def load(source: str | Path = HUB, device: str = "cpu", *, offline: bool = True) -> Detector:
    """Grounding DINO from a folder written by ``save_pretrained``, or from the model hub.

    :param device: where it computes.
    :param offline: only what is on this machine; looking for a word never downloads by itself.
    :raises MissingPart: it is not there, or not whole.
    """
    from transformers import AutoProcessor, GroundingDinoForObjectDetection
    from transformers.utils import logging

    logging.disable_progress_bar()  # stderr is for sentences
    # The hub's own files are pinned to a revision; a folder has none.
    where = {"local_files_only": offline} | ({"revision": REVISION} if source == HUB else {})
    try:
        processor = AutoProcessor.from_pretrained(source, **where)  # nosec B615
        network = GroundingDinoForObjectDetection.from_pretrained(  # nosec B615
            source, use_safetensors=True, **where
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise MissingPart(
            "Grounding DINO is not whole or not at {source}; fetch it again", source=source
        ) from (error)
    return Detector(processor, network.to(device))
