"""Panels that ask the Explain tab's question in more than one way, without a browser."""

import asyncio
from types import SimpleNamespace

import pytest

from backends import service
from studio.ui.page import build
from studio.ui.shared.factual import Factual


@pytest.fixture
def page(controller):
    return build(controller)


def handler(page, name):
    return next(f for f in page.fns.values() if f.name == name)


def ask(page, name, controller, picture, method, settings=(), **own):
    """Call a handler that reads the question; returns its updates by element id, in order.

    :param own: values of the handler's own inputs after the question's, by element id.
    """
    found = handler(page, name)
    label = service.predict(controller.bundle, picture).label
    given = {"method": method, "seed": 0, "target": "b" if label != "b" else "c"} | own
    seen = Factual(controller.bundle, picture)
    values = [
        given.get(block.elem_id, dict(settings).get(block.label, block.value))
        for block in found.inputs
    ]
    values[:4] = [seen, "", "", "whole"]

    async def collect():
        request = SimpleNamespace(session_hash="me")
        return [
            {block.elem_id: value for block, value in update.items()}
            async for update in found.fn(request, *values)
        ]

    return asyncio.run(asyncio.wait_for(collect(), 100)), given["target"]


def test_several_answers_fill_a_grid_and_are_measured(page, controller, picture):
    updates, _ = ask(
        page, "_ask_variations", controller, picture, "rcsb", {"Steps": 3}.items(), vary="seed",
        **{"vary-count": 2},
    )  # fmt: skip
    grid = updates[-1]["variations-grid"]
    assert grid.count('class="cell"') == 2
    assert "seed 0" in grid
    assert "seed 1" in grid
    assert "±" in grid
    assert "of 2 answers flipped" in updates[-1]["variations-status"]


def test_every_class_but_the_models_own_is_asked(page, controller, picture):
    updates, target = ask(page, "_ask_every_class", controller, picture, "leapfactual")
    grid = updates[-1]["targets-grid"]
    label = service.predict(controller.bundle, picture).label
    assert [f'data-target="{name}"' in grid for name in "abc"] == [name != label for name in "abc"]
    for name in ("Reliable counterfactual", "Standard counterfactual"):
        assert grid.count(name) == 2
    assert f'data-target="{target}"' in grid


def test_the_way_arrives_whole(page, controller, picture):
    updates, target = ask(page, "_compute_way", controller, picture, "leapfactual")
    way = updates[-1]["live-path"]["way"]
    assert f'"target": "{target}"' in way
    assert way.count("data:image/png") == 61
    mark = handler(page, "_mark_way").fn
    asked = [target, "leapfactual", "told"]
    assert mark(asked, target, "leapfactual") == "told"
    assert "another question" in mark(asked, "z", "leapfactual")


def test_what_is_missing_is_said_and_the_button_comes_back(page):
    for name, status, go in (
        ("_compute_way", "live-status", "live-run"),
        ("_ask_variations", "variations-status", "variations-run"),
        ("_ask_every_class", "targets-status", "targets-run"),
    ):
        found = handler(page, name)
        values = [None, "", "", "whole", *[block.value for block in found.inputs[4:]]]

        async def collect(found=found, values=values):
            request = SimpleNamespace(session_hash="me")
            return [update async for update in found.fn(request, *values)]

        (update,) = asyncio.run(collect())
        shown = {block.elem_id: value for block, value in update.items()}
        assert "picture first" in shown[status]
        assert shown[go]["visible"] is True


def test_a_method_that_draws_nothing_offers_its_settings(page):
    offer = handler(page, "_offer_variations").fn

    def offered(name):
        return {block.elem_id: value for block, value in offer(name).items()}

    fixed, seeded = offered("leapfactual"), offered("rcsb")
    assert "draws nothing" in fixed["vary-about"]
    assert "seed" not in [value for _, value in fixed["vary"]["choices"]]
    assert fixed["vary-low"]["visible"] is True
    assert seeded["vary"]["value"] == "seed"
    assert seeded["vary-about"] == ""
    assert seeded["vary-low"]["visible"] is False
