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
from backends.metrics import reconstruction  # isort: skip
from backends.metrics import latents  # isort: skip
from backends.metrics import regressor  # isort: skip
from backends.metrics import frechet  # isort: skip
from backends.metrics import kernel  # isort: skip
from backends.metrics import coverage  # isort: skip
from backends.metrics import similarity  # isort: skip
from backends.metrics import identity  # isort: skip
from backends.metrics import interpretability  # isort: skip
from backends.metrics import morphometry  # isort: skip
from backends.metrics import attributes  # isort: skip
from backends.metrics import diversity  # isort: skip
from backends.metrics import cost  # isort: skip
from backends.metrics.metric import METRICS, Metric

__all__ = [
    "METRICS", "Metric", "area", "attributes", "cost", "cout", "coverage", "density", "distance",
    "diversity", "frechet", "identity", "interpretability", "kernel", "latents", "lpips",
    "morphometry", "opinions", "prior", "reconstruction", "regressor", "similarity", "ssim",
]  # fmt: skip
