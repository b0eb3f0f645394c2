"""Entry point of the studio: locally ``python app.py``, on a Hugging Face Space by itself."""

from __future__ import annotations

import os

from studio.ui.page import launch

if __name__ == "__main__":
    on_a_space = "SPACE_ID" in os.environ
    launch(
        host=os.environ.get("STUDIO_HOST", "0.0.0.0" if on_a_space else "127.0.0.1"),
        port=int(os.environ.get("STUDIO_PORT", "7860")),
        bundle=os.environ.get("STUDIO_BUNDLE", "digits"),
        engine=os.environ.get("STUDIO_ENGINE", "local"),
    )
