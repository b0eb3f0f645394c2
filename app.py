"""Entry point of the studio: locally ``python app.py``, on a Hugging Face Space by itself."""

from __future__ import annotations

import os
import sys

from backends.compute import devices
from backends.errors import BadInput, StudioError
from studio.ui.page import launch


def main() -> None:
    """Serve with the settings of the environment."""
    on_a_space = "SPACE_ID" in os.environ
    if os.environ.get(devices.SWITCH):  # a wrong one shall be heard of now, not by the first run
        devices.use(os.environ[devices.SWITCH])
    launch(
        host=os.environ.get("STUDIO_HOST", "0.0.0.0" if on_a_space else "127.0.0.1"),
        port=_port(os.environ.get("STUDIO_PORT", "7860")),
        bundle=os.environ.get("STUDIO_BUNDLE", "digits"),
        engine=os.environ.get("STUDIO_ENGINE", "local"),
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise BadInput(f"STUDIO_PORT is {text!r}; set it to a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    try:
        main()
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
