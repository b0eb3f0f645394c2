"""Who has which item before them: nobody else is handed it until it is answered or time is up."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert

from studio.labels.store.records import Annotator
from studio.labels.store.schema import Reservations

__all__ = ["LEASE", "hold", "release"]

LEASE = 600.0  # seconds for which an item that was handed out is kept from others


def hold(connection: Connection, annotator: Annotator, items: Sequence[int]) -> None:
    """Keep items for a person from now on, in that order."""
    if not items:
        return
    release(connection, annotator, items)
    # Later ones a little later, so that they come back in the same order.
    until = time.time() + LEASE
    rows = [
        {"item_id": item, "annotator_id": annotator.id, "until": until + place / 1000}
        for place, item in enumerate(items)
    ]
    connection.execute(insert(Reservations), rows)


def release(
    connection: Connection, annotator: Annotator, items: Sequence[int] | None = None
) -> None:
    """Let others have them; all that the person holds unless some are named."""
    chosen = delete(Reservations).where(Reservations.annotator_id == annotator.id)
    if items is not None:
        chosen = chosen.where(Reservations.item_id.in_(items))
    connection.execute(chosen)
