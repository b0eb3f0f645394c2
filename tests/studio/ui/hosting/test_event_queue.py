"""No one person fills the page's queue."""

import asyncio
from types import SimpleNamespace

import pytest
from fastapi import HTTPException

from studio.ui.hosting.event_queue import bound_queue


def visit(host, login=""):
    headers = {"x-studio-user": login} if login else {}
    return SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)


class Waiting:
    """A queue in which everything waits."""

    def __init__(self):
        self.events = SimpleNamespace(queue=[])
        self.event_queue_per_concurrency_id = {"one": self.events}

    async def push(self, body, request, username):
        self.events.queue.append(SimpleNamespace(request=request))
        return True, "id", "success"


def test_one_person_has_only_so_many_events_in_it():
    blocks = SimpleNamespace(_queue=Waiting())
    bound_queue(blocks, 3)

    def send(*who):
        return asyncio.run(blocks._queue.push(None, visit(*who), None))

    for _ in range(3):
        assert send("1.1.1.1")[0]
    with pytest.raises(HTTPException, match="3 of your questions to the page wait") as told:
        send("1.1.1.1")
    assert (told.value.status_code, told.value.headers["Retry-After"]) == (429, "5")
    assert send("2.2.2.2")[0]
    assert send("1.1.1.1", "ada")[0], "a login has its own, wherever it is"
    blocks._queue.events.queue.pop(0)
    assert send("1.1.1.1")[0]
