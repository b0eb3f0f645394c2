"""The jobs of an engine: plain records in, plain records out, no tensors.

The studio, which knows no tensors, may call these from any thread or machine.
"""

from backends.service.adding import recognise, remove
from backends.service.bundles import about, load, pull, to_pull, warm
from backends.service.domain import look
from backends.service.explanations import changed_settings, explain, stopped, typed_settings
from backends.service.mistakes import mistakes
from backends.service.models import inspect
from backends.service.neighbours import nearest
from backends.service.pictures import (
    add_model,
    draw,
    place,
    predict,
    prepare,
    require_known,
    sample,
    spectrum,
)
from backends.service.regions import propose
from backends.service.risks import unlike
from backends.service.second_opinions import second_opinion, with_second_opinion

__all__ = [
    "about",
    "add_model",
    "changed_settings",
    "draw",
    "explain",
    "inspect",
    "load",
    "look",
    "mistakes",
    "nearest",
    "place",
    "predict",
    "prepare",
    "propose",
    "pull",
    "recognise",
    "remove",
    "require_known",
    "sample",
    "second_opinion",
    "spectrum",
    "stopped",
    "to_pull",
    "typed_settings",
    "unlike",
    "warm",
    "with_second_opinion",
]
