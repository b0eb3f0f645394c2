"""Published checkpoints, small and random: added to a bundle, then asked about every kind of
region, on the command line and through the page."""

import asyncio
import json

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, registry, service
from backends.conversion.add_settings import AddConfig
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from studio.export.data_urls import data_url
from studio.ui.page import build
from studio.ui.shared.factual import Factual
from tests.backends.priors.test_text_diffusion import VAE, pipeline
from tests.backends.service.test_adding import (
    CLASSES,
    bridge,
    class_conditional,
    diffusion,
    photographs,
)
from tests.backends.service.test_regions import SAM, write_grounding
from tests.studio.conftest import controller_of

__all__ = ["bridge", "class_conditional", "diffusion", "photographs", "pipeline"]  # fixtures

LAYOUTS = {
    "bridge": ("bridge", {"head_channels": 16}, ["rcsb"]),
    "diffusion": ("diffusion", {"head_channels": 16}, ["inpainting"]),
    "class_conditional": ("class_conditional", {}, ["ldce"]),
    "pipeline": ("pipeline", {}, ["ldce_txt"]),
}
REGIONS = ["whole", "auto", "box:4,6,20,28", "painted", "text:cat;threshold=0.01", "points:+9,9"]


@pytest.fixture(scope="module", autouse=True)
def in_colour():
    """The pipeline's pictures are the bundle's."""
    VAE.update(in_channels=3, out_channels=3)
    yield
    VAE.update(in_channels=1, out_channels=1)


@pytest.fixture
def bundle(photographs, tmp_path):
    """A bundle that words and clicks can be said to, too."""
    folder = bundles.find(photographs).folder
    write_grounding(folder / region_service.DETECTOR)
    torch.manual_seed(1)
    part = bundles.Part(
        kind="segmenter", architecture="segment_anything", arguments=SAM,
        file="segmenter.safetensors", licence="Apache-2.0",
    )  # fmt: skip
    manifest = bundles.find(photographs).manifest
    bundles.write_part(
        folder, manifest, "segmenter", registry.architecture("segment_anything")(**SAM), part
    )
    return photographs


@pytest.fixture(params=LAYOUTS)
def able(request, bundle):
    """The bundle with one layout's parts, and the methods that then can run."""
    source, settings, methods = LAYOUTS[request.param]
    given = request.getfixturevalue(source)
    list(service.recognise(bundle, str(given), AddConfig(**settings)).keep())
    entries = service.about(bundle)["methods"]
    here = {name for name, entry in entries.items() if entry["problem"] is None}
    # Baselines follow from the same parts.
    assert {m for m in here if registry.method(m).kind != "baseline"} == set(methods)
    return bundle, methods


@pytest.fixture
def asked(able):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    said = service.predict(able[0], pixels).label
    return pixels, next(name for name in CLASSES if name != said)


def mask_of(bundle, pixels, region):
    if region == "painted":
        mask = np.zeros((32, 32), np.uint8)
        mask[3:11, 14:30] = 255
        return mask
    return region_service.mask_of(bundle, pixels, RegionSpec.parse(region))


@pytest.mark.slow
def test_every_region_on_the_command_line(able, asked, run, tmp_path):
    bundle, methods = able
    pixels, target = asked
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    for region in REGIONS:
        mask = mask_of(bundle, pixels, region)
        said = region
        if region == "painted":
            Image.fromarray(mask).save(tmp_path / "mask.png")
            said = f"mask:{tmp_path / 'mask.png'}"
        for method in methods:
            out = tmp_path / f"{method}-{region[:4]}"
            code, printed, told = run(
                "explain", tmp_path / "picture.png", "--bundle", bundle, "--method", method,
                "--target", target, "--region", said, "--set", "steps=2", "--out", out,
            )  # fmt: skip
            assert code == 0, told
            assert json.loads(printed)["region"]["area"] == pytest.approx((mask > 0).mean())
            answer = np.asarray(Image.open(out / "counterfactual.png"))
            assert np.array_equal(answer[mask == 0], pixels[mask == 0])
            assert not np.array_equal(answer, pixels)


@pytest.mark.slow
def test_every_region_on_the_page(able, asked, tmp_path):
    bundle, methods = able
    pixels, target = asked

    class Person:
        session_hash = "me"

    with controller_of(bundle, tmp_path) as controller:
        page = build(controller)
        explain = next(f for f in page.fns.values() if getattr(f.fn, "__name__", "") == "_explain")
        usual = [block.value for block in explain.inputs]
        steps = [n for n, block in enumerate(explain.inputs) if block.label == "Steps"]
        for number in steps:
            usual[number] = 2
        seen = Factual(bundle, pixels)
        sources = {"whole": "whole", "auto": "auto", "text": "words", "poin": "clicks"}
        for region in REGIONS:
            mask = mask_of(bundle, pixels, region)
            source = sources.get(region.split(":")[0], "painted")
            story = "" if region in ("whole", "painted") else region
            painted = "" if region == "whole" else data_url(Image.fromarray(mask))
            for method in methods:
                values = [seen, painted, story, source, None, target, method, *usual[7:]]

                async def finish(values=values):
                    return [shown async for shown in explain.fn(Person, *values)]

                asyncio.run(finish())
                answer = controller.runs.of("me")[-1].answer
                assert answer is not None, controller.runs.of("me")[-1].reason
                assert answer.record["method"] == method
                changed = (answer.counterfactual != pixels).any(2)
                assert not changed[mask == 0].any()
                assert changed.any()
                assert np.array_equal(answer.mask > 0, mask > 0)
