"""Events that only some visits need.

Whenever an event begins, goes on or ends, gradio's page updates every output of every event that
has run since it was loaded. So an event that fills many controls does not run at each load.
"""

from __future__ import annotations

import gradio as gr

__all__ = ["on_demand", "on_mount"]

MOUNTED = 'setTimeout(() => trigger("shown"), 0);'


def on_demand(elem_id: str, script: str, **props: str) -> gr.HTML:
    """A component that shows nothing and fires the events that its script triggers.

    :param script: runs when the component is mounted, as ``js_on_load`` of :class:`gr.HTML`.
    :param props: which the script may watch.
    """
    return gr.HTML(
        elem_id=elem_id, html_template="<span></span>", js_on_load=script,
        elem_classes="only-style", **props,
    )  # fmt: skip


def on_mount(elem_id: str) -> gr.HTML:
    """A component that shows nothing, whose event ``shown`` fires once: when its tab is opened for
    the first time."""
    return on_demand(elem_id, MOUNTED)
