"""Counterfactual explanations of anybody's image classifier, from Python.

import counterfactual_studio as cs

model = cs.model(net, classes=names, size=32, channels=1)
answer = cs.explain(model, "4.png", target="9", method="rcsb", region="auto", prior="digits")
answer.save("answer")
"""

from backends.errors import BadInput, MissingPart, NotFound, StudioError
from backends.version import studio_version
from counterfactual_studio.explanation import Comparison, Explanation
from counterfactual_studio.library import compare, explain, predict, serve
from counterfactual_studio.models import Model, model

__all__ = [
    "BadInput",
    "Comparison",
    "Explanation",
    "MissingPart",
    "Model",
    "NotFound",
    "StudioError",
    "compare",
    "explain",
    "model",
    "predict",
    "serve",
]

__version__ = studio_version()
