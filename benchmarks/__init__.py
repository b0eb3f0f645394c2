"""Measured quality and speed; each file is one command: ``python -m benchmarks.NAME``."""
