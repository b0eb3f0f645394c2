"""Run the papers' tables again; each is written to benchmarks/results/papers_KEY."""

from __future__ import annotations

import argparse

from backends.errors import StudioError
from benchmarks.papers.all import TABLES
from benchmarks.papers.tables import PaperTable, keep


def main() -> None:
    """Print and keep the tables that the command line names, or list them all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.papers", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--tables", help="keys with commas between; else all")
    parser.add_argument("--count", type=int, help="test pictures; else each table's own number")
    parser.add_argument(
        "--data", help="folder with MNIST's idx files, or: mnist; else the bundle's test pictures"
    )
    parser.add_argument("--bundle", default="digits", help="in place of digits")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{table.key:22} {_state(table)}" for table in TABLES.values()))
        return
    keys = options.tables.split(",") if options.tables else list(TABLES)
    if unknown := [key for key in keys if key not in TABLES]:
        parser.error(f"there is no table {', '.join(unknown)}; --list names them all")
    for key in keys:
        table = TABLES[key]
        try:
            asked = table.options(options.count, options.data, options.bundle)
            rows = table.rows(asked) if table.rows else []
        except StudioError as error:
            print(f"{key} was not run: {error}")
            continue
        print(keep(table, rows))


def _state(table: PaperTable) -> str:
    if table.reason:
        return f"{table.what}: not re-run here. {table.reason}"
    if table.printed_by:
        return f"{table.what}: {table.command}"
    return f"{table.what}: {table.count} pictures"


if __name__ == "__main__":
    main()
