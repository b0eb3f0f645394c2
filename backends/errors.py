"""Errors a person can cause or mend.

StudioError
├── BadInput        a picture, mask, setting or target that cannot be used
│   └── NoAnswer    a method can explain none of a batch's pictures
├── NotFound        a name that nothing answers to
├── MissingPart     a bundle lacks a part, or its file is damaged
├── Unreachable     a server that parts are fetched from does not answer
├── OutOfMemory     the device cannot hold the job
└── TooMuch         somebody has had their share for now

Each message is one sentence that says what to do; the page shows it in the visitor's language and
the command line prints it behind ``error:``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.sentences import Sentence

if TYPE_CHECKING:
    from backends.core import Step

__all__ = [
    "BadInput",
    "MissingPart",
    "NoAnswer",
    "NotAllowed",
    "NotFound",
    "OutOfMemory",
    "StudioError",
    "TooMuch",
    "Unreachable",
]


class StudioError(Exception):
    """Base of everything a person may read: ``BadInput("{name} has no class", name=name)``.

    :param message: a template, when values follow; else the message itself.
    """

    def __init__(self, message: str | None = "", /, **values: Any) -> None:
        super().__init__(Sentence(message or "", **values))


class BadInput(StudioError):
    """The request itself cannot be used."""


class NoAnswer(BadInput):
    """A method can explain none of the pictures of a batch.

    A person is told why. An evaluation continues and counts these pictures as not flipped, so that
    its rows do not depend on how pictures are batched.

    :ivar step: the last step, with the input pictures unchanged. A method sets it with its
        measurements, the runner adds the counterfactual; None if the run must stop.
    """

    step: Step | None = None


class NotFound(StudioError):
    """No bundle, method, class or file of that name."""


class NotAllowed(StudioError):
    """The person may not do that here."""


class MissingPart(StudioError):
    """A bundle's part is absent, damaged, or needs a package that is not installed."""


class Unreachable(StudioError):
    """A server does not answer, or breaks off again and again."""


class OutOfMemory(StudioError):
    """The device ran out of memory."""


class TooMuch(StudioError):
    """Somebody has had their share for now.

    :ivar wait: seconds until they may go on.
    """

    def __init__(self, sentence: str, wait: float = 1.0) -> None:
        super().__init__(sentence)
        self.wait = wait
