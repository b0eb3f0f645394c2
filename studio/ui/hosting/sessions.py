"""Sessions of open pages that cost little.

Gradio makes a copy of every control's settings for each new session, on the event loop: 4 MB and a
tenth of a second for this page, which anybody can ask for by naming a session. With each update it
describes the control anew, which takes longer than most of what the studio computes. It reads all
of that for deep links alone, which this page has not. And it makes each control anew that an event
may change, also where the event leaves it as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import routes
from gradio.blocks import BlockFunction
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import deep_hash

from studio.ui.hosting.open_pages import OpenPages
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["LightBlocks", "LightSessions", "use_light_sessions"]

UNCHANGED = {"__type__": "update"}  # what gradio calls an update of nothing


class LightSessions(StateHolder):
    """As gradio's, but a session holds no descriptions of its controls."""

    def __getitem__(self, session_id: str) -> SessionState:
        """The session of that name, which is made where there is none."""
        if session_id not in self.session_data:
            bare: Any = SimpleNamespace(default_config=self.blocks.default_config, blocks={})
            state = SessionState(bare)
            undescribed: Any = state.blocks_config
            undescribed.config_for_block = _nothing
            self.session_data[session_id] = state
        return super().__getitem__(session_id)


class LightBlocks(gr.Blocks):
    """As gradio's, but what an event leaves unchanged costs nothing, and it knows which pages are
    open.

    :ivar open_pages: of whom, and whether they give a sign of life.
    """

    open_pages: OpenPages | None = None

    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], state: SessionState | None = None,
        request: Any = None, *rest: Any, **further: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Carry out an event of a page that may be open."""
        session = getattr(request, "session_hash", None)
        if self.open_pages is not None and session:
            with show_errors():
                self.open_pages.seen(owner_of(request), str(session))
        found = super().process_api(block_fn, inputs, state, request, *rest, **further)
        return dict(await found)

    def end_session(self, session: str) -> None:
        """Forget what a page holds whose caller does not close it."""
        holder, queue = self.state_holder, self._queue
        with holder.lock:
            holder.session_data.pop(session, None)
            holder.time_last_used.pop(session, None)
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    def get_state_ids_to_track(
        self, block_fn: BlockFunction, state: SessionState | None
    ) -> tuple[list[int], list[Any]]:
        """The states among an event's outputs that other events wait for, and what they hold. The
        events are searched once."""
        if state is None:
            return [], []
        known = self.__dict__.setdefault("_watched", {})
        if block_fn._id not in known:
            known[block_fn._id] = super().get_state_ids_to_track(block_fn, state)[0]
        return known[block_fn._id], [deep_hash(state[one]) for one in known[block_fn._id]]

    async def postprocess_data(
        self,
        block_fn: BlockFunction,
        predictions: list[Any] | dict[Any, Any],
        state: SessionState | None,
    ) -> list[Any]:
        """What the page is told, for each of the event's outputs."""
        outputs = list(block_fn.outputs)
        if not isinstance(predictions, Mapping) or not set(predictions) < set(outputs):
            return list(await super().postprocess_data(block_fn, predictions, state))
        told = {
            block: value
            for block, value in predictions.items()
            if isinstance(block, gr.HTML) and isinstance(value, str)
        }  # fmt: skip - text goes as it is, without a thread for each
        changed = [block for block in outputs if block in predictions and block not in told]
        if changed:
            fewer = copy.copy(block_fn)
            fewer.outputs = changed
            values = [predictions[block] for block in changed]
            given = values[0] if len(values) == 1 and not block_fn.batch else values
            found = await super().postprocess_data(fewer, given, state)
            told |= dict(zip(changed, found, strict=True))
        return [
            told[block] if block in told else None if block.stateful else dict(UNCHANGED)
            for block in outputs
        ]  # fmt: skip


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


def use_light_sessions() -> None:
    """Let pages that are launched from now on have such sessions."""
    routes.StateHolder = LightSessions
