"""The calls of gradio's own client."""

import json

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from backends import service
from studio.engines.local import LocalEngine
from studio.runs import Runs
from studio.runs.study import Study
from studio.ui.page import build
from studio.ui.serving import launch_options
from studio.ui.shared.controller import BundleController


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from tests.conftest import write_tiny

    folder = tmp_path_factory.mktemp("served")
    engine = LocalEngine()
    runs = Runs(engine, service.explain, service.stopped)
    bundle = str(write_tiny(folder / "tiny"))
    controller = BundleController(bundle, runs, folder, Study(folder / "choices.jsonl"))
    page = build(controller).queue()
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield Client(address, verbose=False)
    page.close(verbose=False)
    engine.close()


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "4.png"
    Image.radial_gradient("L").resize((16, 16)).save(path)
    return path


def test_explain_streams_frames_and_ends_with_the_answer(client, picture):
    said = client.predict(image=handle_file(picture), api_name="/predict")["label"]
    target = "b" if said != "b" else "c"
    job = client.submit(
        image=handle_file(picture), target=target, settings={"blending_leaps": 4},
        api_name="/explain",
    )  # fmt: skip
    *frames, (record, files) = list(job)
    assert record["target"] == target
    assert record["settings"]["blending_leaps"] == 4
    assert any(file.endswith("counterfactual.png") for file in files)
    for told, _ in frames:
        assert told["status"] == "running"


def test_lists_and_regions(client, picture):
    (about,) = client.predict(api_name="/bundles")
    assert about["classes"] == ["a", "b", "c"]
    assert {"leapfactual", "rcsb"} <= {m["name"] for m in client.predict(api_name="/methods")}
    found = client.predict(image=handle_file(picture), region="auto", api_name="/region")
    assert 0 < found["area"] < 1


def test_every_parameter_has_a_name_a_type_and_words(client):
    told = client.view_api(return_format="dict")["named_endpoints"]
    assert set(told) == {"/explain", "/predict", "/region", "/bundles", "/methods", "/label"}
    names = [p["parameter_name"] for p in told["/explain"]["parameters"]]
    assert names == [
        "image", "target", "method", "region", "mask", "settings", "seed", "bundle", "model",
        "formats",
    ]  # fmt: skip
    assert "param_" not in json.dumps(told)


def test_what_cannot_be_is_a_sentence(client, picture):
    with pytest.raises(Exception, match="no class 'zebra'"):
        client.predict(image=handle_file(picture), target="zebra", api_name="/explain")
    with pytest.raises(Exception, match="There is no bundle"):
        client.predict(image=handle_file(picture), bundle="/etc", api_name="/predict")


@pytest.mark.parametrize("image", [None, 3, "x", [1], {}, {"path": 3}, {"path": ["a"]}])
def test_a_picture_that_is_no_file_is_a_sentence(client, image):
    with pytest.raises(Exception, match=r"^The file did not arrive; upload it again$"):
        client.predict(image=image, api_name="/predict")


@pytest.mark.parametrize("seed", [10**30, -1, 0.5, True, "3", "many", [], {"a": 1}])
def test_a_seed_that_is_none_is_a_sentence(client, picture, seed):
    with pytest.raises(Exception, match=r"^Seed: "):
        client.predict(image=handle_file(picture), target="b", seed=seed, api_name="/explain")
