"""Measured quality and speed; each file is one command: ``python -m benchmarks.NAME``."""

import backends  # noqa: F401 - says how threads wait, before a benchmark imports torch
