"""Names of owners: an open page, or a program that asks, and whose login or which address it is at.

A caller names its own session; its login and its address it cannot choose.
"""

from __future__ import annotations

__all__ = ["address_of", "group_at", "owner_at"]

MARK = "@"


def owner_at(name: str, address: str) -> str:
    """The owner of that name at an address, or with a login, which may look like one of mail; the
    name alone where neither is known."""
    return f"{name}{MARK}{address.replace(MARK, '%40')}" if address else name


def address_of(owner: str) -> str:
    """Where an owner is; empty where that is not known."""
    return owner.rpartition(MARK)[2] if MARK in owner else ""


def group_at(owner: str, visitor: str = "") -> str:
    """Who shares the engine's time with an owner: all at its address; where that is not known, all
    pages of its visitor."""
    return address_of(owner) or visitor or owner
