"""Budgets: of each login or address, within a window, told with the wait."""

import asyncio
import time

import pytest

from backends.errors import TooMuch
from studio.engines.budgets import Budgets, wait_text
from studio.engines.local import LocalEngine
from studio.engines.owners import address_of, owner_at
from studio.runs.asking import ask, follow

ME, AGAIN, YOU = owner_at("a", "1.1.1.1"), owner_at("b", "1.1.1.1"), owner_at("a", "2.2.2.2")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budgets(clock):
    return Budgets({"seconds": 10, "megapixels": 100, "megabytes": 0}, 60, clock)


def test_what_is_used_up_is_told_with_the_wait(budgets, clock):
    budgets.spend(ME, "seconds", 4)
    clock.now += 20
    budgets.spend(AGAIN, "seconds", 6.5)
    budgets.require(YOU)
    for owner in (ME, AGAIN):
        with pytest.raises(
            TooMuch, match=r"used the device for 1\d seconds within 60 seconds; in"
        ) as told:
            budgets.require(owner)
    assert 38 <= told.value.wait <= 42
    assert wait_text(told.value.wait) in str(told.value)
    clock.now += told.value.wait + 0.01
    budgets.require(ME)


@pytest.mark.parametrize("kind", ["seconds", "megapixels"])
def test_after_the_told_wait_there_is_something_left(budgets, clock, kind):
    for _ in range(40):
        budgets.spend(ME, kind, 7)
        clock.now += 1.7
    with pytest.raises(TooMuch) as told:
        budgets.require(ME)
    clock.now += told.value.wait
    budgets.require(ME)


def test_of_each_kind_there_is_some_left_or_not(budgets):
    budgets.spend(ME, "megapixels", 100)
    budgets.require(ME, "seconds", "megabytes")
    with pytest.raises(TooMuch, match="100 megapixels"):
        budgets.require(ME, "megapixels")
    with pytest.raises(TooMuch, match="100 megapixels"):
        budgets.require(ME)


def test_what_has_no_limit_or_no_address_is_free(budgets):
    budgets.spend(ME, "megabytes", 1e9)
    budgets.spend("studio", "seconds", 1e9)
    budgets.require(ME)
    budgets.require("studio")
    Budgets().require(ME)


def test_a_login_that_looks_like_mail_is_whole():
    ada, eve = owner_at("page@x", "ada@x.org"), owner_at("page", "eve@x.org")
    assert address_of(ada) != address_of(eve)
    assert address_of(owner_at("other", "ada@x.org")) == address_of(ada)


def refused(budgets, owner):
    try:
        budgets.require(owner)
    except TooMuch:
        return True
    return False


def wait_for(there, seconds=5.0):
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_device_counts_what_it_did_for_whom(clock):
    engine = LocalEngine()
    engine.budgets = Budgets({"seconds": 0.2}, 60, clock)

    def slow():
        time.sleep(0.3)
        return "done"

    try:
        assert asyncio.run(ask(engine, ME, slow)) == "done"
        wait_for(lambda: refused(engine.budgets, AGAIN))  # the engine counts after it has told
        with pytest.raises(TooMuch, match="used the device"):
            asyncio.run(ask(engine, AGAIN, slow))

        async def followed():
            return [item async for item in follow(engine, AGAIN, lambda: iter("abc"))]

        with pytest.raises(TooMuch):
            asyncio.run(followed())
        assert asyncio.run(ask(engine, YOU, lambda: 1)) == 1, "others are served"
    finally:
        engine.close()
