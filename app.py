"""Entry point of the studio: locally ``python app.py``, on a Hugging Face Space by itself."""

from __future__ import annotations

import sys

from backends.compute import devices
from backends.errors import BadInput, StudioError
from backends.settings import settings
from studio.cli.signals import interruptible
from studio.engines.zero import is_zero
from studio.ui.serving import launch


def main() -> None:
    """Serve with the settings of the environment."""
    if sys.argv[1:]:
        raise BadInput(
            "app.py takes no options, only the environment's settings (STUDIO_PORT, …); for "
            "options run: python -m studio serve --help"
        )
    found = settings()
    # Refuse a wrong one now, not at the first run; where cards are lent there is none to choose.
    if found.device != "auto" and not is_zero():
        devices.use(found.device)
    launch(host=found.host, port=found.port, bundle=found.bundle, engine=found.engine)


if __name__ == "__main__":
    try:
        interruptible(main)
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
