"""Inputs that nobody should send, a few at every door that needs no server: only sentences.

``python -m benchmarks.fuzz`` sends more, also to a studio that is served."""

import random

import pytest

from backends.errors import StudioError
from benchmarks.fuzz.damage import altered, anything, damaged, respelled
from benchmarks.fuzz.doors import DOORS

QUICK = {"pictures": 150, "masks": 150, "regions": 200, "settings": 40, "bundle.json": 15}


@pytest.mark.parametrize("door", QUICK)
def test_only_sentences(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    taken, told = 0, []
    with DOORS[door][1]() as trial:
        for number in range(QUICK[door]):
            try:
                trial(random.Random(f"tests/{door}/{number}"))
                taken += 1
            except StudioError as error:
                told.append(str(error))
    assert taken, "nothing came through: the door was never open"
    assert told
    assert not [text for text in told if not text.strip() or "Traceback" in text]


def test_what_is_drawn_is_drawn_again():
    for make in (
        anything,
        lambda draw: altered(draw, {"a": [1, {"b": "text"}]}),
        lambda draw: damaged(draw, b"some bytes"),
        lambda draw: respelled(draw, "box:1,2,3,4"),
    ):
        assert repr(make(random.Random(5))) == repr(make(random.Random(5)))
