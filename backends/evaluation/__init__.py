"""Many questions for every method, and a row of means for each."""

from backends.evaluation.plan import Line, Plan, Progress, Row, ShownAnswer
from backends.evaluation.rows import evaluate

__all__ = ["Line", "Plan", "Progress", "Row", "ShownAnswer", "evaluate"]
