"""Ground truth for explanations: classifiers that rely on a known factor, and whether the methods'
counterfactuals show it."""

# from backends.faithfulness.bench import Finished, Plan, Progress, run
# from backends.faithfulness.verdicts import table

# __all__ = ["Finished", "Plan", "Progress", "run", "table"]
