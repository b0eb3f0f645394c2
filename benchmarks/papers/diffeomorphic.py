"""The tables of the Diffeomorphic paper."""

from __future__ import annotations

from benchmarks.papers.tables import PaperTable

__all__ = ["TABLES"]

TABLES: tuple[PaperTable, ...] = ()
