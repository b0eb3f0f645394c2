"""Where an answer is risky to interpret, in sentences; from the content of result.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from backends.sentences import Sentence
from backends.service.facts import SMOOTH, UNUSUAL, Record, number, percent

__all__ = ["Risk", "unlike", "warnings"]


class Risk(TypedDict):
    """One reason to be careful: what is so, and why that matters."""

    name: str
    sentence: str
    reason: str


def warnings(record: Record) -> list[Risk]:
    """What makes the answer risky to interpret, the gravest first; often nothing."""
    checks = (_factual, _oracle, _unjudged, _invisible, _density, _reconstruction, _region)
    return [risk for check in checks for risk in check(record)]


def unlike(domain: Mapping[str, Any]) -> Risk:
    """The risk of a picture that does not look like a bundle's own.

    :param domain: as :class:`backends.service.domain.Domain`.
    """
    return Risk(
        name="domain",
        sentence=Sentence("Your picture does not look like those that the model knows."),
        reason=Sentence(
            "Compared with {count} real ones, {why}. What the model says of such a "
            "picture means little.",
            count=domain["count"],
            why=Sentence(domain["why"]),
        ),
    )


def _factual(record: Record) -> Iterator[Risk]:
    looked = record.get("domain", {}).get("factual")
    if looked and looked["unlike"]:
        yield unlike(looked)


def _oracle(record: Record) -> Iterator[Risk]:
    oracle, target = record["oracle"], record["target"]
    if record["flipped"] and oracle and oracle["label"] != target:
        yield Risk(
            name="oracle_disagrees",
            sentence=Sentence(
                "The oracle says “{label}”, not “{target}”.", label=oracle["label"], target=target
            ),
            reason=Sentence("The change may fool the model without showing what was asked for."),
        )


def _unjudged(record: Record) -> Iterator[Risk]:
    for name, reason in record.get("unjudged", {}).items():
        yield Risk(
            name="unjudged",
            sentence=f"The bundle’s {name.replace('_', ' ')} did not judge this answer.",
            reason=f"{reason[:1].upper()}{reason[1:]}.",
        )


def _invisible(record: Record) -> Iterator[Risk]:
    if record["flipped"] and number(record, "changed_area") == 0:
        yield Risk(
            name="invisible",
            sentence=Sentence("The answer flipped, but nothing visible changed."),
            reason=Sentence("This shows that the model is brittle here, not what it looks at."),
        )


def _density(record: Record) -> Iterator[Risk]:
    place = number(record, "log_density_percentile")
    looked = record.get("domain", {}).get("counterfactual")
    if looked and looked["unlike"]:
        yield Risk(
            name="unreal",
            sentence=Sentence("The answer does not look like real pictures."),
            reason=Sentence(
                "Compared with {count} of them, {why}: the model may react to what is odd "
                "here, and not to the class.",
                count=looked["count"],
                why=Sentence(looked["why"]),
            ),
        )
    elif place is not None and place < UNUSUAL:
        yield Risk(
            name="untypical",
            sentence=Sentence("Such a “{target}” hardly ever occurs.", target=record["target"]),
            reason=Sentence(
                "{place} of real pictures are likelier: the model may react to what is odd "
                "here, and not to the class.",
                place=percent(1 - place / 100),
            ),
        )
    elif place is not None and place > SMOOTH:
        yield Risk(
            name="smooth",
            sentence=Sentence("The answer is plainer and smoother than real pictures."),
            reason=Sentence("Details that the model looks at may be gone with the rest."),
        )


def _reconstruction(record: Record) -> Iterator[Risk]:
    rebuilt = number(record, "reconstruction_l1")
    beyond = number(record, "l1_from_reconstruction")
    if rebuilt is not None and beyond is not None and beyond < rebuilt:
        yield Risk(
            name="reconstruction",
            sentence=Sentence("The method cannot draw your picture well."),
            reason=Sentence(
                "Rebuilding it unchanged alters it more than the question did, so most of the "
                "difference says nothing about the model."
            ),
        )


def _region(record: Record) -> Iterator[Risk]:
    if record["flipped"] and float(record["region"]["area"]) < 1:
        yield Risk(
            name="not_only_cause",
            sentence=Sentence("The region need not be the only cause."),
            reason=Sentence(
                "What changed may count only together with what stayed (RCSB, appendix B). Try "
                "other regions before you conclude."
            ),
        )
