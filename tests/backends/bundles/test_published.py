"""The published networks on a real portrait; each runs where its part has been pulled."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data, transform

from backends import bundles
from backends.errors import StudioError
from backends.faces.parsing import mask_of, named


@pytest.fixture
def part():
    """architecture, arguments -> the network of the bundle ``faces``."""

    def find(architecture, **arguments):
        try:
            bundle = bundles.find("faces")
        except StudioError as error:
            pytest.skip(str(error))
        for name, entry in bundle.manifest.parts.items():
            if entry.architecture == architecture and arguments.items() <= entry.arguments.items():
                problem = bundle.problem(name)
                return pytest.skip(problem) if problem else bundle.part(name)
        return pytest.skip(f"the bundle has no {architecture} with {arguments}")

    return find


@pytest.fixture
def astronaut():
    """Eileen Collins, smiling, cut out about as FFHQ's portraits are."""
    picture = data.astronaut()[20:210, 130:320]
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255


@torch.no_grad()
@pytest.mark.parametrize(
    ("architecture", "least"), [("mini_xception", 0.9), ("strided_expression", 0.7)]
)
def test_she_smiles(part, astronaut, architecture, least):
    network = part(architecture)
    assert network(astronaut).softmax(1)[0, 1] > least
    upside_down = astronaut.flip(2)
    assert network(upside_down).softmax(1)[0, 1] < 0.5


@torch.no_grad()
def test_her_age_and_gender(part, astronaut):
    assert 25 < float(part("wide_resnet", head="age")(astronaut)) < 45
    assert part("wide_resnet", head="gender")(astronaut).argmax() == 0


def test_the_parts_of_her_face_are_where_they_are(part, astronaut):
    labels = part("bisenet").labels(astronaut)

    def centre(word):
        mask = mask_of(labels, named(word))[0, 0]
        assert mask.any(), word
        return mask.nonzero().float().mean(0) / mask.shape[0]

    eyes, nose, mouth, hair = (centre(word) for word in ("eyes", "nose", "mouth", "hair"))
    assert hair[0] < eyes[0] < nose[0] < mouth[0]
    assert mouth[0] == pytest.approx(0.66, abs=0.04)
    assert mouth[1] == pytest.approx(0.49, abs=0.04)
    assert not mask_of(labels, named("glasses")).any()


# Of the same pictures and networks, computed with the package lpips 0.1.4.
KNOWN = {"alex": (0.195, 0.570, 0.568), "vgg": (0.145, 0.461, 0.694)}


@torch.no_grad()
@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_lpips_gives_the_numbers_known_for_two_blurs_and_a_cat(part, backbone):
    network = part("perceptual", backbone=backbone)
    a, cat = (
        transform.resize(picture / 255, (128, 128), anti_aliasing=True)
        for picture in (data.astronaut(), data.cat())
    )
    others = [gaussian_filter(a, (s, s, 0)) for s in (1, 3)] + [cat]

    def tensor(array):
        return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)[None].float()

    found = [float(network(tensor(a), tensor(other))) for other in others]
    assert found == pytest.approx(KNOWN[backbone], abs=0.003)
