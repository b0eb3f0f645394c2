"""Explain with a person as the model; plain records in and out, as in
:mod:`backends.service.explanations`."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backends import imaging
from backends.core import Answer, Request, Status, Step
from backends.errors import BadInput
from backends.service.explanations import resolve

__all__ = ["LabelRequest", "ask"]

KEPT = 16  # interactive runs that wait for a person's answer
SAME = 0.5  # grey levels, in the mean: a picture that changed less need not be asked about again


@dataclass(frozen=True)
class LabelRequest:
    """A picture that the person is to label.

    :ivar number: of the question, from 0 on; 0 asks about the factual, before any leap.
    :ivar leap: the leap, 1 to ``leaps``, that made the picture; 0 of the factual.
    :ivar picture: uint8 [H, W, C].
    :ivar estimate: the model's probability of the target, in [0, 1]; None of the factual.
    """

    number: int
    leap: int
    leaps: int
    picture: np.ndarray
    estimate: float | None = None


def ask(request: Request, answers: Sequence[str]) -> LabelRequest | Answer:
    """Return the next question of an interactive run towards the target, or its answer.

    The same request and answers always lead to the same question, so a run can be resumed anywhere;
    one that is still in memory does not begin again.

    :param answers: the person's labels so far, a class each.
    :raises BadInput: a label is no class, the factual's is the target already, or the method
        follows gradients, which a person does not have.
    """
    key = _key(request)
    open_run = _open_runs.pop(key, None)
    if open_run is None or open_run.answers != list(answers[: len(open_run.answers)]):
        open_run = _OpenRun(request)
    for answer in answers[len(open_run.answers) :]:
        open_run.go_on(answer)
    _open_runs[key] = open_run
    while len(_open_runs) > KEPT:
        _open_runs.popitem(last=False)[1].close()
    return open_run.now


class _OpenRun:
    """A run that waits for the person's labels."""

    def __init__(self, request: Request) -> None:
        from backends.targets.person import Asked

        self.request = request
        self.answers: list[str] = []
        question = resolve(request)
        self.asked = Asked(question.model)
        self.question = replace(question, labeller=self.asked)
        self.target = int(question.target)
        if self.question.refusal:
            raise BadInput(self.question.refusal)
        self.steps: Generator[Step, None, None] | None = None
        self.end: Step | None = None
        self.now: LabelRequest | Answer = LabelRequest(0, 0, 0, request.picture)

    def go_on(self, answer: str) -> None:
        """Go on with the label of the picture that was asked about."""
        question, names = self.now, self.asked.class_names
        if isinstance(question, Answer):
            raise BadInput("this run has ended; begin another")
        if answer not in names:
            raise BadInput(
                "{answer!r} is no class; choose from: {names}",
                answer=answer,
                names=", ".join(names),
            )
        label = names.index(answer)
        if question.number == 0 and label == self.target:
            raise BadInput(
                "you call it {answer!r} already; choose another target than that", answer=answer
            )
        self.answers.append(answer)
        self.asked.label = label
        while self.end is None:
            step = self._next()
            if step.counterfactual is not None:
                self.end = step
            shown = imaging.to_array(step.image[:1])
            if not _same(shown, question.picture):
                self.now = self._request(step, shown)
                return
        self.now = self._answer(label)

    def close(self) -> None:
        """Stop the run."""
        if self.steps is not None:
            self.steps.close()

    def _next(self) -> Step:
        from backends.explain.runner import run

        if self.steps is None:
            self.steps = run(self.question)
        for step in self.steps:
            if step.phase != "inversion":
                return step
        raise BadInput("the method ended without an answer; report this")

    def _request(self, step: Step, picture: np.ndarray) -> LabelRequest:
        estimate = step.target_probability
        return LabelRequest(
            len(self.answers), step.index, step.total, picture,
            None if estimate is None else float(estimate[0]),
        )  # fmt: skip

    def _answer(self, label: int) -> Answer:
        """Make the answer, which flipped where the person's last label is the target."""
        from backends.service.serialization import answer_of, with_advice

        assert self.end is not None
        assert self.end.counterfactual is not None
        flipped = label == self.target
        status = Status.FLIPPED if flipped else Status.NOT_FLIPPED
        answer = answer_of(
            self.request, self.question, replace(self.end.counterfactual, status=status),
            self.end.index, self.end.total,
        )  # fmt: skip
        wanted = self.asked.class_names[self.target]
        leaps = self.answers[1:]
        agree = sum(value == wanted for value in leaps) / len(leaps) if leaps else float(flipped)
        asked = {"answers": list(self.answers), "agreement": agree, "label": self.answers[-1]}
        record = answer.record | {"flipped": flipped, "asked": asked}
        return with_advice(replace(answer, record=record))


_open_runs: OrderedDict[str, _OpenRun] = OrderedDict()


def _key(request: Request) -> str:
    # Where the picture was cut from changes nothing about the question, and is no JSON.
    apart = ("picture", "mask", "placement", "original")
    identity = {k: v for k, v in vars(request).items() if k not in apart}
    state = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    state.update(request.picture.tobytes())
    state.update(b"" if request.mask is None else request.mask.tobytes())
    return state.hexdigest()


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures, uint8 [H, W, C], are the same to a person."""
    if one.shape != other.shape:
        return False
    return float(np.abs(one.astype(np.int16) - other).mean()) < SAME
