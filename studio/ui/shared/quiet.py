"""Settings of events for which gradio shows no progress."""

from typing import Any

__all__ = ["QUIET"]

# The empty list matters: with "hidden" alone, gradio's page updates every output of every event
# that has run, whenever any event changes its state.
QUIET: dict[str, Any] = {
    "show_progress": "hidden", "show_progress_on": [], "api_visibility": "private",
}  # fmt: skip
