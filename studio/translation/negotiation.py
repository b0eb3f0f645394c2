"""Which language a browser wants, of those that there are."""

from __future__ import annotations

import functools

from babel import negotiate_locale

from studio.translation.catalogues import ENGLISH, LANGUAGES

__all__ = ["preferred"]

LONGEST = 1000  # characters of the header that are looked at
ANY = "*"


@functools.lru_cache(maxsize=1024)
def preferred(header: str, offered: tuple[str, ...] = LANGUAGES) -> str:
    """The language of an ``Accept-Language`` header such as ``de-AT,de;q=0.9,en;q=0.5`` (RFC 9110,
    12.5.4). A language stands for those of its countries; what is no header asks for nothing; and
    who takes anything, or nothing that there is, gets English.

    :param offered: may be chosen.
    """
    wanted = _by_weight(header[:LONGEST])
    found = negotiate_locale(wanted, [*offered, ANY] if ANY in wanted else offered, sep="-")
    return found if found and found != ANY else ENGLISH


def _by_weight(header: str) -> list[str]:
    """The tags of the header, the most wanted first, without those of weight 0."""
    weights: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        weight = _weight(parameter)
        if tag.strip() and weight > 0:
            weights.append((weight, tag.strip().lower()))
    return [tag for _, tag in sorted(weights, key=lambda one: -one[0])]


def _weight(parameter: str) -> float:
    name, _, number = parameter.partition("=")
    if not name.strip():
        return 1.0
    try:
        weight = float(number) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
