"""Many pictures, each method, its settings and each region in turn, one row of means for each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from backends import bundles, imaging, registry
from backends.bundles import Bundle
from backends.core import Region, TargetModel
from backends.errors import BadInput, StudioError
from backends.evaluation.answering import Asking, Taken
from backends.evaluation.examples import examples
from backends.evaluation.kept import keep
from backends.evaluation.notes import notes
from backends.evaluation.opinions import Judges
from backends.evaluation.plan import Line, Plan, Progress, Row
from backends.evaluation.questions import Questions, draw
from backends.evaluation.summary import Answered, values
from backends.explain.judge import judge
from backends.explain.question import Question, config_of, typed
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from backends.targets.named import part_of, target_model
from backends.targets.threshold import Regressor

__all__ = ["Posed", "evaluate", "load", "load_judges", "posed", "seeds_of"]

TELLING = 0.05  # share of a row from which on its time can be told


def evaluate(plan: Plan) -> Iterator[Progress | Row]:
    """Progress at each step, and a row after each method, its settings and region.

    :raises NotFound: no such method, class or data.
    :raises BadInput: too few pictures, a setting that a method does not have, or a region that
        cannot be drawn.
    """
    asked = posed(plan)
    found, f, questions, asking = asked.found, asked.model, asked.questions, asked.asking
    load_judges(plan, asked)
    clock, judges = _RowClock(plan), Judges(plan, found, f, questions, asking.views)
    for number, line in enumerate(asked.lines):
        region = asked.regions[line.region]
        try:
            load(plan, found, line)
            taken: list[Taken] = []
            for share in asking.answers(line, region, seeds_of(plan, line), taken):
                yield Progress(line.method, line.region, share, *clock.at(number, share))
            clock.note(line, taken)
            for name in taken[0].batch.answers:
                answered = Answered(found, f, questions, region, taken, judges, name)
                if plan.keep is not None:
                    keep(plan.keep, line, answered)
                yield Row(
                    line.method, line.region, values(answered), examples(answered, plan.shown),
                    answer=name, settings=line.settings, configuration=_config(found, line),
                    notes=notes(answered), calls={} if name else answered.of_networks(),
                )  # fmt: skip
        except StudioError as error:
            yield Row(line.method, line.region, problem=str(error), settings=line.settings)


@dataclass(frozen=True)
class Posed:
    """A plan whose pictures are drawn and whose regions are.

    :ivar lines: with settings as the methods' configurations understand them.
    :ivar regions: by name, of every picture.
    """

    found: Bundle
    model: TargetModel
    questions: Questions
    lines: list[Line]
    regions: Mapping[str, Region]
    asking: Asking


def posed(plan: Plan) -> Posed:
    """Draw a plan's pictures and regions.

    :raises StudioError: as :func:`evaluate`.
    """
    found = bundles.get(plan.bundle)
    lines = [
        replace(line, settings=typed(found, line.method, line.settings)) for line in plan.lines
    ]
    f = target_model(found, plan.model)
    if isinstance(f, Regressor):
        raise BadInput(
            "{model!r} gives a value; name a goal, such as: {model} > 3", model=plan.model
        )
    questions = draw(found, plan.count, plan.pairs, plan.data, plan.seed, f, plan.targets)
    regions = {name: _region(plan, questions, name) for name in plan.regions}
    return Posed(found, f, questions, lines, regions, Asking(plan, found, f, questions))


def _config(found: Bundle, line: Line) -> dict[str, Any]:
    return config_of(found, line.method, line.settings).model_dump(mode="json")


def seeds_of(plan: Plan, line: Line) -> list[int]:
    """The seeds that a row's pictures are asked about with; one for a method that draws nothing."""
    seeds = plan.seeds or [plan.seed]
    return seeds if registry.method(line.method).seeded else seeds[:1]


def load(plan: Plan, found: Bundle, line: Line) -> None:
    """Load a line's networks.

    :raises MissingPart: one is not there.
    """
    for kind in registry.method(line.method).needs:
        found.part(found.named(kind, part_of(found, plan.model)))


def load_judges(plan: Plan, asked: Posed) -> None:
    """Load what loads at first use, so that it does not count as the first method's time."""
    q = asked.questions
    x, one = q.x[:1], Region(torch.ones_like(q.x[:1, :1]))
    part = part_of(asked.found, plan.model)
    first = Question.of(
        asked.found, plan.methods[0], x, q.target[:1], one, model=asked.model, part=part
    )
    judge(first, x)


def _region(plan: Plan, questions: Questions, name: str) -> Region:
    spec, masks = RegionSpec.parse(name), []
    for x in questions.x:
        mask = region_service.mask_of(plan.bundle, imaging.to_array(x), spec, plan.model)
        masks.append((imaging.to_tensor(imaging.require_area(mask)) > 0).float())
    return Region(torch.cat(masks), name)


@dataclass
class _RowClock:
    """How much of all rows is done, and how long the others may take by what was taken so far.

    :ivar rates: seconds a row, by method.
    """

    plan: Plan
    rates: dict[str, float] = field(default_factory=dict)
    row: int = -1
    begun: float = 0.0

    def at(self, row: int, share: float) -> tuple[float, float | None]:
        """The share of all rows that is done, and the seconds left, None where nothing tells.

        :param share: of the row that is done.
        """
        lines = self.plan.lines
        if row != self.row:
            self.row, self.begun = row, time.monotonic()
        gone, method = time.monotonic() - self.begun, lines[row].method
        known = dict(self.rates)
        if share >= TELLING:
            known[method] = gone / share
        overall = (row + share) / len(lines)
        if method not in known:
            return overall, None
        usual = sum(known.values()) / len(known)
        rest = sum(known.get(line.method, usual) for line in lines[row + 1 :])
        return overall, known[method] * (1 - share) + rest

    def note(self, line: Line, taken: list[Taken]) -> None:
        """Remember what a row took; of one that was finished before, what it took then."""
        self.rates[line.method] = sum(one.batch.seconds for one in taken)
