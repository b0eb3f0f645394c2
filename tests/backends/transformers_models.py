"""Published models of random weights, written as ``save_pretrained`` writes real ones."""

import string
from pathlib import Path

import torch

SIZE = 24  # pixels that they see
CHARACTERS = string.ascii_lowercase + string.digits
TOWER = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
}  # fmt: skip
SEES = {"image_size": SIZE, "patch_size": 8}


def write_clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    pieces = [*CHARACTERS, *(f"{one}</w>" for one in CHARACTERS)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    reads = {"vocab_size": len(pieces), "bos_token_id": len(pieces) - 2}
    reads |= {"eos_token_id": len(pieces) - 1, "max_position_embeddings": 40}
    config = CLIPConfig(text_config=TOWER | reads, vision_config=TOWER | SEES, projection_dim=8)
    _save(CLIPModel, config, folder)
    processor = CLIPImageProcessor(
        size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}
    )
    processor.save_pretrained(folder)
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    CLIPTokenizerFast(vocab=vocabulary, merges=[]).save_pretrained(folder)
    return folder


def write_siglip(folder: Path) -> Path:
    from transformers import BertTokenizerFast, SiglipConfig, SiglipImageProcessor, SiglipModel

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "photo", "of", "cat", "dog"]
    reads = {"vocab_size": len(words), "max_position_embeddings": 64}
    reads |= {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    _save(SiglipModel, SiglipConfig(text_config=TOWER | reads, vision_config=TOWER | SEES), folder)
    SiglipImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    tokenizer = BertTokenizerFast(
        vocab={word: i for i, word in enumerate(words)}, model_input_names=["input_ids"]
    )
    tokenizer.save_pretrained(folder)
    return folder


def write_vit(folder: Path, labels: list[str], **changes) -> Path:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    config = ViTConfig(**TOWER, **SEES, id2label=dict(enumerate(labels)), **changes)
    _save(ViTForImageClassification, config, folder)
    ViTImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    return folder


def _save(network: type, config, folder: Path) -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    # Library defaults give weights so small that every picture looks the same.
    made = network(config)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.3)
        if hasattr(made, "logit_bias"):
            made.logit_bias.fill_(-0.7)
    made.save_pretrained(folder)
