"""How many seconds of the device each address has had, beside the others who want it too."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["TURN", "Shares"]

# Seconds that a run is charged at least. By time alone, a person who chose a slow method would get
# far fewer answers than one who chose a quick method. Longer runs are charged their seconds.
TURN = 6.0
LEAST = 0.001  # seconds that a step counts as; shorter ones are equal


class Shares:
    """Seconds that each address has been charged. An address is remembered while it waits, or while
    another one waits that has had less."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def __getitem__(self, group: str) -> float:
        return self._used.get(group, 0.0)

    def come(self, group: str) -> None:
        """Let an address take part. A new one begins with the least that others have had, so that
        time cannot be saved up."""
        self._used.setdefault(group, min(self._used.values(), default=0.0))

    def raise_to(self, group: str, used: float) -> None:
        """Set what an address has had to ``used`` seconds, unless it is more already."""
        self._used[group] = max(self[group], used)

    def spend(self, group: str, seconds: float) -> None:
        """Note the time of a step."""
        self._used[group] = self[group] + max(seconds, LEAST)

    def forget(self, present: Collection[str]) -> None:
        """Forget each address that is not present and has had no more than those present. Others
        are kept, or a stream of short jobs would always count as new."""
        least = min((self[one] for one in present), default=float("inf"))
        self._used = {
            one: used for one, used in self._used.items() if one in present or used > least
        }
