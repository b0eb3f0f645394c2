"""The tables of the LDCE paper."""

from __future__ import annotations

from benchmarks.papers.tables import PaperTable

__all__ = ["TABLES"]

TABLES: tuple[PaperTable, ...] = ()
