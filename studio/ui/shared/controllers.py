"""The controllers of one page: a bundle each, and which picture every visitor has before them."""

from __future__ import annotations

from collections.abc import Sequence

from backends.errors import BadInput
from backends.service.bundles import MethodInfo
from studio.access import MEMBERS, AccessPolicy
from studio.ui.shared.controller import NO_PICTURE, BundleController
from studio.ui.shared.factual import Factual

__all__ = ["Controllers"]


class Controllers:
    """A controller for each bundle that the page can show, made when first asked for.

    :param first: what a new page opens with.
    :param names: of the bundles that can be chosen.
    :ivar access: who may do what on the page.
    """

    def __init__(
        self, first: BundleController, names: Sequence[str] = (), *, access: AccessPolicy = MEMBERS
    ) -> None:
        self.first, self.access = first, access
        self.names = list(dict.fromkeys([first.bundle, *names]))
        self._made = {first.bundle: first}
        self._showing: dict[str, str] = {}
        self._used: set[str] = set()

    def __getitem__(self, name: str | None) -> BundleController:
        name = name or self.first.bundle
        if name not in self.names:
            raise BadInput(
                "this page has no bundle {name!r}; choose from: {names}",
                name=name,
                names=self.names,
            )
        if name not in self._made:
            first = self.first
            self._made[name] = BundleController(
                name, first.runs, first.results, first.study, first.warmed
            )
        return self._made[name]

    def add(self, name: str) -> None:
        """Let another bundle be chosen, which came after the page was built."""
        if name not in self.names:
            self.names.append(name)

    def refresh(self) -> None:
        """Look again, for every bundle that was shown, at which parts are here."""
        for controller in list(self._made.values()):
            controller.refresh()

    def now(self, owner: str, seen: Factual | None) -> None:
        """Note which picture an owner's page shows from now on."""
        self._showing[owner] = seen.digest if seen else ""

    def still(self, owner: str, seen: Factual) -> bool:
        """Whether the page shows that picture still; ask when something looked at it for long."""
        return self._showing.get(owner, seen.digest) == seen.digest

    def use(self, owner: str) -> None:
        """Note that an owner's page shows an answer."""
        self._used.add(owner)

    def used(self, owner: str) -> bool:
        """Whether an owner's page may show an answer. The page searches all its controls for each
        one that is told something, so what shows nothing is told nothing."""
        return owner in self._used

    def shows(self, owner: str) -> bool:
        """Whether an owner's page shows a picture."""
        return bool(self._showing.get(owner))

    def leave(self, owner: str) -> None:
        """Forget what a closed page showed."""
        self._showing.pop(owner, None)
        self._used.discard(owner)

    def of(self, seen: Factual | None) -> tuple[BundleController, Factual]:
        """The controller of a picture's bundle, and the picture.

        :raises BadInput: there is no picture.
        """
        if seen is None:
            raise BadInput(NO_PICTURE)
        return self[seen.bundle], seen

    def methods(self) -> dict[str, MethodInfo]:
        """All methods, whether or not the first bundle has their parts."""
        return {n: m for n, m in self.first.about["methods"].items() if "schema" in m}
