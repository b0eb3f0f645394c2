"""How gradio is made to serve many: languages, sessions, pages that are open, events that wait."""
