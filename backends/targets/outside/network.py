"""Anybody's classifier as a network of ours: [B, C, H, W] in [0, 1] -> logits [B, K]."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.compute.oom import is_full
from backends.errors import BadInput
from backends.targets.preprocessing import BILINEAR, Intake
from backends.targets.reference import Options

__all__ = ["BlackBox", "Outside", "channels_of", "intake", "of_object"]

CERTAIN = 30.0  # logit of the only label that is given


class Outside(nn.Module):
    """A network behind its intake, checked with a grey picture when it is made.

    :param network: normalised pictures [B, c, h, w] -> logits [B, K]; [B] or [B, 1] is the logit
        of the second of two classes.
    :param classes: the K names; empty for ``0`` to ``K - 1``.
    :param name: as the person knows it, for messages.
    :param size: side in pixels of the pictures that it is checked with.
    :raises BadInput: it cannot look at such pictures, or does not give logits of these classes.
    """

    def __init__(
        self,
        network: nn.Module,
        intake: Intake,
        classes: Sequence[str] = (),
        name: str = "the model",
        size: int = 32,
    ) -> None:
        super().__init__()
        self.network, self.intake = network.eval(), intake
        for weight in network.parameters():  # a TorchScript module knows no requires_grad_()
            weight.requires_grad_(False)
        self.differentiable = bool(getattr(network, "differentiable", True))
        self.name, self._pair = name, False
        with torch.no_grad():
            given = self._answer(torch.full((2, intake.channels, size, size), 0.5))
        if not bool(given.isfinite().all()):
            raise BadInput(
                "{name} gives values that are no numbers (NaN) for a grey picture; its "
                "weights are damaged, save it again",
                name=name,
            )
        self._pair = given.ndim == 1 or given.shape[1] == 1
        count = 2 if self._pair else given.shape[1]
        if classes and len(classes) != count:
            raise BadInput(
                "{name} tells {count} classes apart, and {count_2} are named; name all",
                name=name,
                count=count,
                count_2=len(classes),
            )
        self.labels = list(classes) or [str(i) for i in range(count)]

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1], C 1 or 3 -> logits [B, K] of :attr:`labels`."""
        logits = self._answer(x)
        if self._pair:
            second = logits.reshape(-1, 1)
            logits = torch.cat([torch.zeros_like(second), second], dim=1)
        return logits

    def _answer(self, x: Tensor) -> Tensor:
        try:
            given = self.network(self.intake(x))
        except BadInput:
            raise
        except Exception as error:  # whatever the person's network raises
            if is_full(error):
                raise
            shape = "x".join(map(str, self.intake(x[:1]).shape[1:]))
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise BadInput(
                "{name} cannot look at a picture of {shape} values ({reason}); say what it "
                "needs with size and channels",
                name=self.name,
                shape=shape,
                reason=reason[:200],
            ) from error
        given = getattr(given, "logits", given)
        if isinstance(given, tuple | list):
            given = given[0]
        if not isinstance(given, Tensor) or given.ndim not in (1, 2) or len(given) != len(x):
            tensor = isinstance(given, Tensor)
            what = f"shape {tuple(given.shape)}" if tensor else type(given).__name__
            raise BadInput(
                "{name} gives {what} for {count} pictures, and a classifier gives [{count}, "
                "classes]; choose one that does",
                name=self.name,
                what=what,
                count=len(x),
            )
        return given.float()


class BlackBox(nn.Module):
    """A plain function, of which only answers are known.

    :param function: float32 [B, H, W, C] in [0, 1] -> labels [B], numbers or names, or
        probabilities [B, K].
    :param classes: the K names; only needed where the function gives labels.
    """

    differentiable = False

    def __init__(self, function: Callable[[np.ndarray], Any], classes: Sequence[str] = ()) -> None:
        super().__init__()
        self.function, self.classes = function, list(classes)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> log-probabilities [B, K]; of labels, one is certain.

        :raises BadInput: it gives something else, or a label that is no class.
        """
        given = np.asarray(self.function(x.detach().movedim(1, -1).cpu().float().numpy()))
        if len(given) != len(x) or given.ndim > 2:
            raise BadInput(
                "the function gives shape {shape} for {count} pictures; let it give labels "
                "[B] or probabilities [B, K]",
                shape=given.shape,
                count=len(x),
            )
        if given.ndim == 2:
            return torch.from_numpy(given.astype(np.float32)).clamp(min=1e-9).log().to(x.device)
        indices = torch.tensor([self._index(label) for label in given.tolist()])
        return CERTAIN * F.one_hot(indices, len(self.classes)).float().to(x.device)

    def _index(self, label: Any) -> int:
        if str(label) in self.classes:
            return self.classes.index(str(label))
        if isinstance(label, int) and 0 <= label < len(self.classes):
            return label
        known = ", ".join(self.classes[:20]) or "none; say them with classes"
        raise BadInput(
            "the function gives the label {label!r}, and the classes are: {known}",
            label=label,
            known=known,
        )


def of_object(
    made: Any, options: Options, *, name: str = "the model", size: int = 32, channels: int = 3
) -> Outside:
    """What a person made: a torch module, a scikit-learn classifier, or a plain function.

    :param size: side of the pictures that it will be shown, where the options say none.
    :param channels: likewise.
    :raises BadInput: it is nothing of the kind.
    """
    classes = options.classes
    if isinstance(made, nn.Module):
        channels = options.channels or channels_of(made) or channels
        network = made
    elif hasattr(made, "predict_proba") and hasattr(made, "classes_"):
        classes = classes or tuple(str(c) for c in np.asarray(made.classes_).tolist())
        network = BlackBox(lambda x: made.predict_proba(x.reshape(len(x), -1)), classes)
    elif hasattr(made, "predict"):
        network = BlackBox(lambda x: made.predict(x.reshape(len(x), -1)), classes)
    elif callable(made) and not inspect.isclass(made):
        network = BlackBox(made, classes)
    else:
        raise BadInput(
            "{name} is no model; give a torch module, a scikit-learn classifier, or a "
            "function of pictures",
            name=name,
        )
    channels = options.channels or channels
    return Outside(network, intake(options, channels), classes, name, options.size or size)


def intake(options: Options, channels: int) -> Intake:
    """As a person says it: pictures of any size become ``size`` pixels a side, bilinearly."""
    size = (options.size, options.size) if options.size else None
    mean, std = options.mean or (0.0,), options.std or (1.0,)
    return Intake(size, None, mean, std, BILINEAR, channels)


def channels_of(network: nn.Module) -> int | None:
    """The colour channels of a network's first convolution; None without one."""
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels in (1, 3) else None
