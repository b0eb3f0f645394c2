"""How far, how much, how convincing: numbers that judge a counterfactual.

Each metric is one function, entered into :data:`METRICS` where it is defined, in the order of
these imports; tables, page, reports and files follow from that entry. Nothing here loads torch.
"""

from backends.metrics import opinions  # isort: skip
from backends.metrics import distance  # isort: skip
from backends.metrics import ssim  # isort: skip
from backends.metrics import lpips  # isort: skip
from backends.metrics import cout  # isort: skip
from backends.metrics import area  # isort: skip
from backends.metrics import density  # isort: skip
from backends.metrics import prior  # isort: skip
from backends.metrics import regressor  # isort: skip
from backends.metrics import frechet  # isort: skip
from backends.metrics import kernel  # isort: skip
from backends.metrics import similarity  # isort: skip
from backends.metrics import morphometry  # isort: skip
from backends.metrics import cost  # isort: skip
from backends.metrics.metric import METRICS, Metric

__all__ = [
    "METRICS", "Metric", "area", "cost", "cout", "density", "distance", "frechet", "kernel",
    "lpips", "morphometry", "opinions", "prior", "regressor", "similarity", "ssim",
]  # fmt: skip
