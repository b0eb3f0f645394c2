"""How many seconds of the device each address has had, beside the others who want it too."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["TURN", "Shares"]

# Seconds that a run counts as at least, however quick its method: by time alone, who chose a slow
# one would get far fewer answers. Who computes for minutes is still charged the minutes.
TURN = 3.0
LEAST = 0.001  # seconds that a step counts as; shorter ones are equal


class Shares:
    """Seconds by address, for as long as somebody else has had less."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def __getitem__(self, group: str) -> float:
        return self._used.get(group, 0.0)

    def come(self, group: str) -> None:
        """Let an address take part. One that is new begins with what the others have had at least,
        since nobody saves time up."""
        self._used.setdefault(group, min(self._used.values(), default=0.0))

    def raise_to(self, group: str, used: float) -> None:
        """Let an address take part that has had so many seconds, some of them elsewhere."""
        self._used[group] = max(self[group], used)

    def spend(self, group: str, seconds: float) -> None:
        """Note the time of a step."""
        self._used[group] = self[group] + max(seconds, LEAST)

    def forget(self, present: Collection[str]) -> None:
        """Forget who is not there and has had no more than those who are. The others are kept, or a
        stream of short jobs would always be new."""
        least = min((self[one] for one in present), default=float("inf"))
        self._used = {
            one: used for one, used in self._used.items() if one in present or used > least
        }
