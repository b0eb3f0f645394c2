"""Many questions for every method, and a row of means for each."""

from backends.evaluation.plan import Example, Line, Plan, Progress, Row
from backends.evaluation.rows import evaluate

__all__ = ["Example", "Line", "Plan", "Progress", "Row", "evaluate"]
