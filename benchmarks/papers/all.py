"""All tables of the five papers, by their keys."""

from __future__ import annotations

from benchmarks.papers import diffeomorphic, ldce, leapfactual, place, rcsb
from benchmarks.papers.tables import PaperTable

__all__ = ["TABLES"]

PAPERS = (leapfactual, place, diffeomorphic, ldce, rcsb)
TABLES: dict[str, PaperTable] = {table.key: table for paper in PAPERS for table in paper.TABLES}
