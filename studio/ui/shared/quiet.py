"""Events that show no progress of gradio's."""

from typing import Any

__all__ = ["QUIET"]

# Nowhere, rather than only hidden: on every change of any event the page would otherwise tell
# each output of each event that ever ran how it goes.
QUIET: dict[str, Any] = {
    "show_progress": "hidden", "show_progress_on": [], "api_visibility": "private",
}  # fmt: skip
