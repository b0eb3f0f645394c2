"""Ground truth for explanations: classifiers that rely on a known factor, and whether the methods'
counterfactuals show it."""

from backends.faithfulness.bench import BenchProgress, BenchResults, ShortcutPlan, run
from backends.faithfulness.verdicts import table

__all__ = ["BenchProgress", "BenchResults", "ShortcutPlan", "run", "table"]
