"""One stateless call for each thing that the studio does, for programs: over HTTP
(:mod:`studio.api.routes`) and as gradio's own functions (:mod:`studio.ui.functions`)."""
