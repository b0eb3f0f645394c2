"""Work on the engine, awaited by a handler."""

import asyncio
import gc
import weakref

import pytest

from backends.errors import BadInput
from studio.engines.local import LocalEngine
from studio.runs.asking import ask


class Picture:
    """Stands for many megabytes."""


def test_refused_work_keeps_nothing_that_it_knew():
    engine = LocalEngine()

    async def asked():
        picture = Picture()

        def work():
            raise BadInput(f"{type(picture).__name__} is blank")

        kept = weakref.ref(picture)
        with pytest.raises(BadInput, match="blank"):
            await ask(engine, "page@a", work)
        return kept

    async def meanwhile():
        kept = await asked()
        await asyncio.sleep(0.2)  # the engine, too, lets the job go
        return kept()

    gc.collect()
    gc.disable()  # or Python may look for rings just then
    try:
        assert asyncio.run(meanwhile()) is None
    finally:
        gc.enable()
        engine.close()
