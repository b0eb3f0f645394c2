"""A method's named settings on the page: its own controls and the region's follow the choice."""

import gradio as gr
import pytest

from backends import service
from backends.regions.settings import AutoRegion
from studio.ui.explain.method_input import MethodInput
from studio.ui.shared import form
from studio.ui.shared.controllers import Controllers


@pytest.fixture
def methods(controller):
    with gr.Blocks() as blocks:
        bundle, target = gr.Dropdown([controller.bundle]), gr.Dropdown([])
        made = MethodInput(Controllers(controller))
        made.below()
        made.region = form.controls(AutoRegion.model_json_schema())
        made.wire(bundle, target, made.region)
    made.taken = {
        next(i.elem_id for i in f.inputs if i.elem_id): f.fn
        for f in blocks.fns.values()
        if f.fn and f.fn.__name__ == "take_preset"
    }
    return made


def test_a_preset_fills_in_its_settings_and_the_region_it_was_used_with(methods, tiny):
    shown = methods.taken["preset-rcsb"](tiny, "A")
    control = {key: place for (owner, key), place in methods.settings.items() if owner == "rcsb"}
    told = service.about(tiny)["methods"]["rcsb"]["presets"]["A"]["settings"]
    assert {key: shown[place] for key, place in control.items()} == told
    assert shown[methods.region["area"]] == 0.1
    assert shown[methods.region["cell"]] == 4
    usual = methods.taken["preset-rcsb"](tiny, "")
    assert usual[control["scale"]] == 1.0
    assert methods.region["area"] not in usual


def test_a_region_in_words_leaves_the_models_own_alone(methods, tiny):
    shown = methods.taken["preset-rcsb"](tiny, "words")
    assert not set(shown) & set(methods.region.values())


def test_each_method_with_presets_offers_them(methods, tiny):
    entries = service.about(tiny)["methods"]
    assert set(methods.taken) == {f"preset-{n}" for n, m in entries.items() if m["presets"]}
    prompt = next(
        p for (o, key), p in methods.settings.items() if (o, key) == ("ldce_txt", "prompt")
    )
    assert (
        methods.taken["preset-ldce_txt"](tiny, "pets")[prompt] == "a photo of a {}, a type of pet."
    )
