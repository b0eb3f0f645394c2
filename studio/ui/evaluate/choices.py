"""From the tab's controls to a plan, which names nothing of this machine but bundles and their
models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backends import bundles
from backends.errors import BadInput
from studio.runs.comparison import seeds_of
from studio.runs.evaluations import ANSWERS
from studio.runs.variants import SWEPT, variants_in, words_in
from studio.translation import N_

if TYPE_CHECKING:
    from backends.evaluation import Plan

__all__ = ["MOST", "REGIONS", "TARGETS", "EvaluationChoices"]

REGIONS: dict[str, str] = {
    N_("whole picture"): "whole",
    N_("where the model looks"): "auto",
    N_("random strokes, 10–20 %"): "freeform:10-20",
    N_("random strokes, 20–30 %"): "freeform:20-30",
}
TARGETS: dict[str, str] = {
    N_("random classes"): "random",
    N_("each picture’s nearest class"): "nearest",
}
MOST = 2000  # pictures a row


@dataclass(frozen=True)
class EvaluationChoices:
    """What a person has chosen, as the controls say it."""

    bundle: str
    model: str
    methods: Sequence[str]
    regions: Sequence[str]
    targets: str
    count: float
    seeds: str
    settings: str

    def plan(self, place: Path) -> Plan:
        """The plan; what is finished is kept in ``place`` for all evaluations of the studio.

        :raises BadInput: nothing is chosen, too much, or something that is not known.
        """
        from backends.evaluation import Plan
        from backends.targets.named import require_known

        if not self.methods:
            raise BadInput("choose at least one method to evaluate")
        if not self.regions or set(self.regions) - set(REGIONS.values()):
            raise BadInput("choose at least one of the regions")
        if not self.count or not 1 <= self.count <= MOST:
            raise BadInput("say for how many pictures, 1 to {most}", most=MOST)
        require_known(bundles.get(self.bundle), self.model)
        return Plan(
            bundle=self.bundle, methods=list(self.methods), count=int(self.count),
            model=self.model, regions=list(self.regions),
            targets="nearest" if self.targets == "nearest" else "random",
            seeds=seeds_of(self.seeds) if self.seeds.strip() else [],
            settings=variants_in(words_in(self.settings), list(self.methods), SWEPT), batch=10,
            answers=place / ANSWERS,
        )  # fmt: skip

    def folder(self, place: Path) -> Path:
        """Where its files lie: the same question has the same folder."""
        name = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
        return place / f"evaluation-{name}"
