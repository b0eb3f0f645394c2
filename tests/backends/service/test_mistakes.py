"""What the classifier gets wrong: all of it, the surest first, and nothing else."""

import numpy as np
import pytest
import torch

from backends import bundles, service


@pytest.mark.weights
def test_the_mistakes_are_those_of_the_classifier():
    pictures, labels = bundles.get("digits").test_pictures()
    found, total = service.mistakes("digits")
    assert total == len(pictures)
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    said = bundles.get("digits").part("classifier")(x).argmax(1).numpy()
    assert sorted(one.index for one in found) == np.flatnonzero(said != labels).tolist()
    assert found
    for one in found:
        assert (one.label, one.said) == (str(labels[one.index]), str(said[one.index]))
        assert np.array_equal(one.picture, pictures[one.index])
    sure = [one.probability for one in found]
    assert sure == sorted(sure, reverse=True)
    assert all(0.1 < share <= 1 for share in sure)


def test_a_bundle_without_test_pictures_has_none(tiny):
    assert service.mistakes(tiny) == ([], 0)
