"""One question with several seeds, and how much its answers differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backends import service
from backends.core import Request
from backends.errors import BadInput
from studio import export
from studio.cli import options
from studio.export import tables
from studio.runs import Run
from studio.runs.rows import row_of, spread

__all__ = ["ask_each"]


def ask_each(request: Request, seeds: Sequence[int], out: Path | None) -> None:
    """Ask with each seed; print the answers' records by seed, and their spread.

    :param out: gets a folder a seed, and table.csv.
    :raises BadInput: the method draws nothing, so that seeds change nothing.
    """
    entry = service.about(request.bundle)["methods"].get(request.method)
    if entry and not entry.get("seeded", True):
        raise BadInput(
            "{title} draws nothing: every seed gives the same answer; leave out --seeds, "
            "or vary a setting with --set",
            title=entry["title"],
        )
    requests = {seed: replace(request, seed=seed) for seed in seeds}
    found = {seed: options.ask(one) for seed, one in requests.items()}
    records = {seed: answer.record for seed, (answer, _) in found.items()}
    rows = [row_of(requests[n], Run(requests[n], "", answer=found[n][0])) for n in seeds]
    record = {"seeds": {str(n): one for n, one in records.items()}, "spread": spread(rows)}
    write = None
    if out is not None:
        table = [{"seed": n} | tables.answer_row(request.method, r) for n, r in records.items()]
        folders = {f"seed{seed}": answer for seed, answer in found.items()}
        write = partial(export.write_all, out, folders, tables.as_csv(table))
    options.print_and_write(record, write)
