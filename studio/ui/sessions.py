"""Sessions of open pages that cost little.

Gradio makes a copy of every control's settings for each new session, on the event loop: 4 MB and a
tenth of a second for this page, which anybody can ask for by naming a session. It reads them for
deep links alone, which this page has not, and makes those that it changes anew.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gradio import routes
from gradio.state_holder import SessionState, StateHolder

__all__ = ["LightSessions", "use_light_sessions"]


class LightSessions(StateHolder):
    """As gradio's, but a new session begins without that copy."""

    def __getitem__(self, session_id: str) -> SessionState:
        """The session of that name, which is made where there is none."""
        if session_id not in self.session_data:
            bare: Any = SimpleNamespace(default_config=self.blocks.default_config, blocks={})
            self.session_data[session_id] = SessionState(bare)
        return super().__getitem__(session_id)


def use_light_sessions() -> None:
    """Let pages that are launched from now on have such sessions."""
    routes.StateHolder = LightSessions
