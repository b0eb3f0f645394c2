"""Classes in words: CLIP (Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020), SigLIP
(Zhai et al., ICCV 2023, https://arxiv.org/abs/2303.15343) and their like as target models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.errors import BadInput
from backends.fetching import checkpoints
from backends.fetching.checkpoints import Checkpoint
from backends.targets import prompts as words
from backends.targets.model import Classifier
from backends.targets.preprocessing import Intake
from backends.targets.pretrained import intake_of, network_of, readable

__all__ = ["Encoders", "ZeroShotNetwork", "load_encoders", "target_model"]


class Encoders(nn.Module):
    """A picture's and a prompt's encoder into one space, where the cosine says how well they fit.

    :param network: a transformers model with both, and with ``logit_scale``.
    :param tokenizer: turns prompts into what the network reads.
    :param intake: turns pictures into what the network sees.
    """

    def __init__(self, network: nn.Module, tokenizer: Callable[..., Any], intake: Intake) -> None:
        super().__init__()
        self.network: Any = network
        self.tokenizer, self.intake = tokenizer, intake

    @property
    def alone(self) -> bool:
        """Whether each prompt is scored by itself (SigLIP's sigmoid), not against the others."""
        return hasattr(self.network, "logit_bias")

    def pictures(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1], C 1 or 3 -> unit vectors [B, D]."""
        return _unit(self.network.get_image_features(pixel_values=self.intake(x)))

    @torch.no_grad()
    def prompts(self, texts: Sequence[str]) -> Tensor:
        """Prompts -> unit vectors [P, D].

        :raises BadInput: one is longer than the network reads.
        """
        config: Any = self.network.config
        most = config.text_config.max_position_embeddings
        # SigLIP never saw a prompt without padding, nor is it told which tokens are: its
        # tokenizer gives no mask.
        padding = {"padding": "max_length", "max_length": most} if self.alone else {"padding": True}
        tokens = self.tokenizer(list(texts), return_tensors="pt", **padding)
        if tokens["input_ids"].shape[1] > most:
            longest = max(texts, key=len)
            raise BadInput(
                "the prompt {longest!r}… is longer than the {most} tokens that this model "
                "reads; shorten it",
                longest=longest[:40],
                most=most,
            )
        device, read = self.network.logit_scale.device, ("input_ids", "attention_mask")
        given = {name: tokens[name].to(device) for name in read if name in tokens}
        return _unit(self.network.get_text_features(**given))

    def classes(self, prompts: Mapping[str, Sequence[str]]) -> Tensor:
        """The prompts of each class -> unit vectors [K, D]: the mean of theirs, made a unit again
        (Radford et al., section 3.1.4)."""
        vectors = self.prompts([text for texts in prompts.values() for text in texts])
        means = [part.mean(0) for part in vectors.split([len(texts) for texts in prompts.values()])]
        return F.normalize(torch.stack(means), dim=1)


class ZeroShotNetwork(nn.Module):
    """Logits of classes, each of which is a vector: τ⟨picture, class⟩ + b.

    :param encoders: shared between many of these.
    :param vectors: units [K, D], of :meth:`Encoders.classes`.
    """

    def __init__(self, encoders: Encoders, vectors: Tensor) -> None:
        super().__init__()
        self.encoders, self.vectors = encoders, vectors

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1], C 1 or 3 -> logits [B, K].

        Their softmax is CLIP's probability of the classes. SigLIP gives each class its own odds,
        exp(logit); that exactly one of them holds is then a softmax as well.
        """
        network: Any = self.encoders.network
        scale, bias = network.logit_scale.exp(), getattr(network, "logit_bias", 0.0)
        return scale * self.encoders.pictures(x) @ self.vectors.T + bias


def load_encoders(checkpoint: Checkpoint, device: str = "cpu") -> Encoders:
    """The encoders of a zero-shot model, in eval mode, without gradients of their weights.

    :raises BadInput: the model is something else.
    :raises MissingPart: a file is damaged, or its pictures are prepared in an unknown way.
    """
    from transformers import MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING as ZERO_SHOT
    from transformers import AutoTokenizer

    network = network_of(ZERO_SHOT, checkpoint, "zero-shot model")
    needed = ("get_image_features", "get_text_features", "logit_scale")
    if not all(hasattr(network, name) for name in needed):
        raise BadInput(
            "{name} has no pair of encoders; choose a CLIP or a SigLIP", name=checkpoint.name
        )
    with readable(checkpoint):
        tokenizer = AutoTokenizer.from_pretrained(  # nosec B615 # a folder of this machine
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
    return Encoders(network, tokenizer, intake_of(checkpoint)).to(device)


def target_model(
    classes: Sequence[str],
    prompts: Mapping[str, Sequence[str]] | None = None,
    source: str = checkpoints.CLIP,
    device: str = "cpu",
) -> Classifier:
    """A zero-shot model as the model to explain: differentiable, for pictures of any size.

    :param prompts: of each class; the default where there are none.
    :param source: a folder, or a repository of the model hub that was fetched.
    :raises MissingPart: the model is not here; says how to get it.
    :raises BadInput: it is no zero-shot model, or a prompt cannot be used.
    """
    checkpoint = checkpoints.find(source)
    given = words.filled(prompts or {}, classes)
    encoders = load_encoders(checkpoint, device)
    network = ZeroShotNetwork(encoders, encoders.classes(given))
    return Classifier(network, list(classes))


def _unit(output: Any) -> Tensor:
    """Unit vectors [B, D]; transformers 4 gives the vectors, 5 an output that holds them."""
    return F.normalize(getattr(output, "pooler_output", output), dim=-1)
