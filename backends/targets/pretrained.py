"""Published networks of the transformers library, from files that are here, and its plain
classifiers of pictures as networks of ours: [B, C, H, W] in [0, 1] -> logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from backends.compute.oom import is_full
from backends.errors import BadInput, MissingPart, StudioError
from backends.fetching.checkpoints import Checkpoint
from backends.targets.preprocessing import Intake

__all__ = ["PlainClassifier", "intake_of", "load_classifier", "network_of", "readable"]


class PlainClassifier(nn.Module):
    """A network with labels of its own, behind its own intake.

    :ivar labels: in the order of its logits.
    :ivar alone: whether each label is scored by itself (sigmoid), not against the others.
    """

    def __init__(self, network: nn.Module, intake: Intake) -> None:
        super().__init__()
        self.network, self.intake = network, intake
        config: Any = network.config
        self.labels = [str(config.id2label[i]) for i in range(config.num_labels)]
        self.alone = config.problem_type == "multi_label_classification"

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1], C 1 or 3 -> logits [B, L] of :attr:`labels`."""
        return self.network(pixel_values=self.intake(x)).logits


def load_classifier(checkpoint: Checkpoint, device: str = "cpu") -> PlainClassifier:
    """A plain classifier, in eval mode, without gradients of its weights.

    :raises BadInput: the model is something else.
    :raises MissingPart: a file is damaged, or its pictures are prepared in an unknown way.
    """
    from transformers import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING as CLASSIFIERS

    network = network_of(CLASSIFIERS, checkpoint, "classifier of pictures")
    return PlainClassifier(network, intake_of(checkpoint)).to(device)


def network_of(kinds: Any, checkpoint: Checkpoint, what: str) -> nn.Module:
    """A checkpoint's network, float32, in eval mode, without gradients of its weights.

    :param kinds: transformers' mapping from a model's configuration class to its network's.
    :param what: how the networks of this mapping are called, for the message.
    :raises BadInput: the model is of another kind, or brings code of its own.
    :raises MissingPart: a file is damaged or lacks weights.
    """
    from transformers import AutoConfig

    with readable(checkpoint):
        config = AutoConfig.from_pretrained(  # nosec B615 # a folder of this machine
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
        if type(config) not in kinds:
            raise BadInput(
                "{name} ({model_type}) is no {what}; choose another",
                name=checkpoint.name,
                model_type=config.model_type,
                what=what,
            )
        # What is no safetensors is read as plain tensors.
        network, report = _class_of(kinds, config).from_pretrained(
            checkpoint.weights[0].parent, config=config, dtype=torch.float32,
            use_safetensors=checkpoint.safe, weights_only=True, output_loading_info=True,
            local_files_only=True,
        )  # fmt: skip
    wrong = [*report["missing_keys"], *report.get("mismatched_keys", [])]
    if wrong:
        raise MissingPart(
            "{name} of {name_2} lacks weights of a {what}; fetch it again, or choose another model",
            name=checkpoint.weights[0].name,
            name_2=checkpoint.name,
            what=what,
        )
    return network.eval().requires_grad_(False)


def _class_of(kinds: Any, config: Any) -> Any:
    """The network's class; of several that a mapping offers, the one that the file names."""
    found = kinds[type(config)]
    if not isinstance(found, tuple):
        return found
    named = [one for one in found if one.__name__ in (config.architectures or [])]
    return (named or found)[0]


def intake_of(checkpoint: Checkpoint) -> Intake:
    """What the checkpoint does to pictures first.

    :raises MissingPart: it is unknown here, or its file is damaged.
    """
    from transformers import AutoImageProcessor

    with readable(checkpoint):
        processor = AutoImageProcessor.from_pretrained(  # nosec B615 # a folder of this machine
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
        return Intake.of(processor)


@contextmanager
def readable(checkpoint: Checkpoint) -> Iterator[None]:
    """What transformers cannot read is said in a sentence.

    :raises MissingPart: a file is damaged, or a package is missing that reads it.
    """
    from transformers.utils import logging

    bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # stderr is for sentences
    logging.set_verbosity_error()
    try:
        yield
    except StudioError:
        raise
    except ImportError as error:
        raise MissingPart(
            "{name} needs a package that is not installed; run: pip install sentencepiece protobuf",
            name=checkpoint.name,
        ) from error
    except Exception as error:  # its readers raise whatever their formats' libraries do
        if is_full(error):
            raise
        raise MissingPart(
            "{name} is damaged or of a kind that is not known here; fetch it again, or "
            "choose another model",
            name=checkpoint.name,
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
