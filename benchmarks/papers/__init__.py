"""The papers' tables, re-run: ``python -m benchmarks.papers``."""
