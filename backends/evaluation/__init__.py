"""Many questions for every method, and a row of means for each."""

from backends.evaluation.rows import Plan, Progress, Row, evaluate

__all__ = ["Plan", "Progress", "Row", "evaluate"]
