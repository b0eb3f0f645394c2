"""The browser page: the only folder that imports gradio."""

import os

# Before gradio is imported: nothing is loaded from, or sent to, any outside host.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
