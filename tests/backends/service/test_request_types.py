"""Whatever stands in a request's fields is taken, or refused in a sentence."""

from dataclasses import replace

import numpy as np
import pytest

from backends.errors import StudioError
from backends.service.explanations import resolve

ODD = [
    None, 3, [], {}, ["b"], b"b", 1e300, float("nan"), -1, 10**30, True, object(), "x" * 10**6,
    "x" * 300, "\ud800", "\0", np.zeros((0, 4, 1), np.uint8), np.zeros((4, 4), np.float32),
    np.array(["a"]), "../" * 50, "more than nan",
]  # fmt: skip
TAKEN = {
    "mask": [None], "settings": [{}], "seed": [3], "importance": [True],
}  # fmt: skip
FIELDS = (
    "bundle", "method", "target", "picture", "region", "mask", "settings", "seed", "model",
    "importance",
)  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("model", ["classifier", "width"])
def test_odd_values_are_refused_in_a_sentence(ask, name, model):
    request = replace(ask("place"), **({} if name == "model" else {"model": model}))
    if model == "width" and name != "target":
        request = replace(request, target="more than 0")
    for value in ODD:
        if any(value is one or value == one for one in TAKEN.get(name, [])
               if not isinstance(value, np.ndarray)):  # fmt: skip
            continue
        with pytest.raises(StudioError) as told:
            resolve(replace(request, **{name: value}))
        assert 10 < len(str(told.value)) < 5000
        assert "Error" not in str(told.value)
