"""Names of owners: an open page, or a program that asks, and the address that it is at.

A caller names its own session; its address it cannot choose.
"""

from __future__ import annotations

__all__ = ["address_of", "group_at", "owner_at"]

MARK = "@"


def owner_at(name: str, address: str) -> str:
    """The owner of that name at an address; the name alone where no address is known."""
    return f"{name}{MARK}{address}" if address else name


def address_of(owner: str) -> str:
    """Where an owner is; empty where that is not known."""
    return owner.rpartition(MARK)[2] if MARK in owner else ""


def group_at(owner: str, visitor: str = "") -> str:
    """Who shares the engine's time with an owner: all at its address; where that is not known, all
    pages of its visitor."""
    return address_of(owner) or visitor or owner
