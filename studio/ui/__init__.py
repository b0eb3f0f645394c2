"""The browser page: the only folder that imports gradio."""
