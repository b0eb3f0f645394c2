"""The Explain tab's question, read by the panels that ask it in more than one way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backends.core import Request
from backends.regions.spec import RegionSpec
from studio.translation import _
from studio.ui.explain.method_input import MethodInput
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual

__all__ = ["PosedQuestion", "QuestionReader"]


@dataclass(frozen=True)
class PosedQuestion:
    """What the controls ask."""

    controllers: Controllers
    controller: BundleController
    factual: Factual
    request: Request

    def still(self, owner: str) -> bool:
        """Whether the owner's page shows that picture still."""
        return self.controllers.still(owner, self.factual)

    @property
    def title(self) -> str:
        """Of the method."""
        return _(self.controller.about["methods"][self.request.method]["title"])

    @property
    def sentence(self) -> str:
        """The question in short, without its target."""
        region = RegionSpec.parse(self.request.region, given=True).describe()
        return _("by {title}, change allowed {region}", title=self.title, region=region)


class QuestionReader:
    """The controls that make up a question.

    :param question: picture, mask, how the mask was made, region, model, target.
    :ivar inputs: of a handler that reads them, with ``js=canvas.READ_MASK``.
    """

    def __init__(
        self, controllers: Controllers, question: Sequence[Any], methods: MethodInput
    ) -> None:
        self.controllers, self.methods, self.target = controllers, methods, question[-1]
        self.inputs = [*question, methods.method, methods.seed, *methods.settings.values()]

    async def read(self, values: Sequence[Any]) -> PosedQuestion:
        """The question of a handler's first values.

        :raises BadInput: something is missing.
        """
        (seen, painted, story, source, model, wanted, name, number), own = values[:8], values[8:]
        controller, factual = self.controllers.of(seen)
        region = RegionSpec.chosen(source, story)
        settings = self.methods.values_of(name, own[: len(self.inputs) - 8])
        posed = partial(controller.request, factual.pixels, painted, region, model, wanted)
        request = await asyncio.to_thread(posed, name, settings, number)
        return PosedQuestion(
            self.controllers, controller, factual,
            replace(request, placement=factual.placement, original=factual.original),
        )  # fmt: skip
