"""CLIP's text encoder with its tokenizer: words -> what a text-conditional denoiser listens to.

Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, ICML 2021,
https://arxiv.org/abs/2103.00020. The network is transformers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from backends.errors import BadInput

__all__ = ["TextEncoder"]


class TextEncoder(nn.Module):
    """Prompts -> the text encoder's last states [N, length, D], padded or cut to ``length`` tokens.

    The tokenizer is kept with the weights, as the bytes of its ``tokenizer.json``, so that a part
    is one file.

    :param text: the settings of transformers' CLIPTextModel (its config.json).
    :param length: tokens of a prompt.
    :param tokenizer_bytes: how many.
    :param pad: the token that fills a prompt up.
    :param template: the usual prompt of a class; ``{}`` stands for its name.
    """

    tokenizer: Tensor

    def __init__(
        self,
        text: dict[str, Any],
        length: int,
        tokenizer_bytes: int,
        pad: str = "<|endoftext|>",
        template: str = "a photo of a {}.",
    ) -> None:
        super().__init__()
        from transformers import CLIPTextConfig, CLIPTextModel  # takes seconds to import

        self.clip = CLIPTextModel(CLIPTextConfig(**text))
        self.length, self.pad, self.template = length, pad, template
        self.register_buffer("tokenizer", torch.zeros(tokenizer_bytes, dtype=torch.uint8))

    @classmethod
    def of(cls, tokenizer: Any, encoder: Any, template: str) -> TextEncoder:
        """Put transformers' CLIPTokenizer and CLIPTextModel together.

        :raises BadInput: the template has no place for a class name.
        """
        if "{}" not in template:
            raise BadInput(
                "the prompt {template!r} lacks {{}}; put it where the class name goes",
                template=template,
            )
        content = tokenizer.backend_tokenizer.to_str().encode()
        settings = _public(encoder.config)
        with torch.device("meta"):  # no weights are drawn only to be replaced
            whole = cls(
                settings, tokenizer.model_max_length, len(content), tokenizer.pad_token, template
            )
        whole.clip = encoder
        whole.tokenizer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return whole.eval().requires_grad_(False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes this architecture again, for a bundle."""
        return {
            "text": _public(self.clip.config), "length": self.length,
            "tokenizer_bytes": len(self.tokenizer), "pad": self.pad, "template": self.template,
        }  # fmt: skip

    def prompt(self, template: str, name: str) -> str:
        """The words for a class: those of a template, or the usual ones where it is empty."""
        return (template or self.template).replace("{}", name)

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Tensor:
        """Prompts -> states [N, length, D]."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(bytes(self.tokenizer.cpu().numpy()).decode())
        tokenizer.enable_truncation(self.length)
        tokenizer.enable_padding(
            length=self.length, pad_id=tokenizer.token_to_id(self.pad), pad_token=self.pad
        )
        ids = torch.tensor([found.ids for found in tokenizer.encode_batch(list(prompts))])
        state: Tensor = self.clip(ids.to(self.tokenizer.device)).last_hidden_state
        return state


def _public(config: Any) -> dict[str, Any]:
    """The settings themselves, without a library's notes on them."""
    notes = ("architectures", "dtype", "torch_dtype", "transformers_version")
    return {key: value for key, value in config.to_diff_dict().items() if key not in notes}
