"""What bundle.json says of its parts, and sets, is so."""

import pytest
import torch

from backends import bundles


@pytest.mark.weights
@pytest.mark.parametrize("name", ["digits", "objects"])
def test_the_flow_rebuilds_as_well_as_its_record_says(name):
    found = bundles.get(name)
    pictures, _ = found.test_pictures()
    x = torch.from_numpy(pictures[:20]).permute(0, 3, 1, 2).float() / 255
    flow = found.part("flow")
    with torch.no_grad():
        error = float((flow.decode(flow.encode(x)) - x).abs().max())
    recorded = found.manifest.parts["flow"].trained.quality["greatest_error"]
    assert error <= recorded + 1e-6
    assert recorded < 1.01 / 512, "half a grey level, as of a codec that encodes their middles"


def test_leapfactual_asks_for_hard_labels_of_faces():
    """As its paper and its authors' code do (section 4.3)."""
    assert bundles.get("faces").manifest.settings["leapfactual"]["condition"] == "hard"
