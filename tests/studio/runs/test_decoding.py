"""Files are decoded one of an address at a time; neither the engine nor other addresses wait."""

import asyncio
import io
import threading
import time

import pytest
from PIL import Image

from backends import imaging, service
from backends.errors import BadInput, TooMuch
from studio.api.messages import QuestionMessage
from studio.api.questions import ProgramQuestions
from studio.engines.budgets import Budgets
from studio.runs.decoding import decode
from studio.ui.shared.factual import Factual


def no_size(_):
    return 0, 0


def test_an_address_takes_turns_with_itself_alone():
    going, most, done = {"a": 0, "b": 0}, {"a": 0, "b": 0}, []

    def work(address):
        going[address] += 1
        most[address] = max(most[address], going[address])
        time.sleep(0.1)
        going[address] -= 1
        done.append(address)

    async def all_of_them():
        names = ["a"] * 5 + ["b"]
        await asyncio.gather(
            *(decode(f"page{n}@{name}", Budgets(), lambda name=name: work(name), no_size)
              for n, name in enumerate(names))
        )  # fmt: skip

    asyncio.run(all_of_them())
    assert most == {"a": 1, "b": 1}
    assert done.index("b") <= 1, "the other address does not wait for all of the first's"


def test_an_error_is_the_works_and_the_next_gets_its_turn():
    def broken():
        raise BadInput("no picture")

    async def both():
        with pytest.raises(BadInput):
            await decode("page@a", Budgets(), broken, no_size)
        return await decode("page@a", Budgets(), lambda: "next", no_size)

    assert asyncio.run(both()) == "next"


def test_what_cannot_be_read_is_charged_too():
    budgets, tried = Budgets({"megapixels": 150}), []

    def broken():
        tried.append(1)
        raise BadInput("no picture")

    async def three_times():
        for _ in range(2):
            with pytest.raises(BadInput, match="no picture"):
                await decode("page@1.2.3.4", budgets, broken, no_size)
        with pytest.raises(TooMuch, match="you have sent 200 megapixels"):
            await decode("another@1.2.3.4", budgets, broken, no_size)
        assert await decode("page@1.2.3.5", budgets, lambda: "read", no_size) == "read"

    asyncio.run(three_times())
    assert len(tried) == 2


@pytest.mark.parametrize("through", ["page", "mask of the page"])
def test_the_page_reads_nothing_for_who_has_sent_enough(controller, picture, png, through):
    controller.runs.engine.budgets = Budgets({"megapixels": 1})
    controller.runs.engine.budgets.spend("page@1.2.3.4", "megapixels", 2)

    async def asked():
        if through == "page":
            await controller.show("page@1.2.3.4", b"not even a picture")
        else:
            await controller.mask_of(
                "page@1.2.3.4", "data:image/png;base64,", Factual(controller.bundle, picture)
            )

    with pytest.raises(TooMuch):
        asyncio.run(asked())


@pytest.fixture
def png(picture):
    out = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("through", ["page", "mask of the page", "mask of a program"])
def test_the_engine_does_not_wait_for_a_file(controller, picture, png, ask, monkeypatch, through):
    threads = []
    name = "read" if through == "page" else "read_mask"
    before = getattr(imaging, name)

    def slow(*words, **more):
        threads.append(threading.current_thread().name)
        time.sleep(0.4)
        return before(*words, **more)

    monkeypatch.setattr(imaging, name, slow)
    mask = io.BytesIO()
    Image.fromarray((picture[..., 0] > 100).astype("uint8") * 255).save(mask, "PNG")

    async def asked():
        if through == "page":
            await controller.show("page@a", png)
        elif through == "mask of the page":
            import base64

            url = "data:image/png;base64," + base64.b64encode(mask.getvalue()).decode()
            await controller.mask_of("page@a", url, Factual(controller.bundle, picture))
        else:
            questions = ProgramQuestions(controller.runs, lambda: [controller.bundle])
            question = QuestionMessage(
                bundle=controller.bundle, target=ask("leapfactual").target, image="file"
            )
            await questions.explain(question, png, mask.getvalue(), "api@a")

    async def other():
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await controller.ask("other@b", lambda: service.predict(controller.bundle, picture))
        return time.monotonic() - began

    async def both():
        _, waited = await asyncio.gather(asked(), other())
        return waited

    assert asyncio.run(both()) < 0.25
    assert all(thread.startswith("decode-files") for thread in threads)
    assert threads
