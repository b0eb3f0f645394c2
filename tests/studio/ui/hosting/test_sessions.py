"""Light sessions tell the page what gradio's own would, for less."""

import asyncio

import gradio as gr
import pytest

from studio.ui.hosting.sessions import LightBlocks, LightSessions


@pytest.fixture
def both():
    """The same small page, by gradio and light."""

    def built(kind):
        with kind() as blocks:
            text, box = gr.HTML("a"), gr.Textbox("b")
            held, button = gr.State(0), gr.Button("c")
            button.click(dict, None, [text, box, held, button])
            held.change(lambda: None, None, None)
        return blocks, [text, box, held, button]

    return built(gr.Blocks), built(LightBlocks)


def told(blocks, values):
    """What the page is told, and the session afterwards."""
    sessions = LightSessions()
    sessions.set_blocks(blocks)
    state, event = sessions["page"], blocks.fns[0]
    return asyncio.run(blocks.postprocess_data(event, values, state)), state


@pytest.mark.parametrize(
    "change",
    [
        lambda text, box, held, button: {text: "<p>x</p>"},
        lambda text, box, held, button: {text: "x", box: "y", held: 3},
        lambda text, box, held, button: {held: {"deep": [1, 2]}},
        lambda text, box, held, button: {box: gr.update(visible=False), button: gr.Button("z")},
        lambda text, box, held, button: {text: gr.update(visible=False), box: None},
        lambda text, box, held, button: {text: "x", box: "y", held: 1, button: "go"},
    ],
)
def test_a_page_is_told_the_same(both, change):
    (usual, theirs), (light, ours) = both
    first, state = told(usual, change(*theirs))
    second, mine = told(light, change(*ours))
    assert len(first) == len(second) == 4

    def said(output):
        """Gradio puts its own mark among an HTML's properties, which means nothing there."""
        is_update = isinstance(output, dict)
        return {k: v for k, v in output.items() if k != "props"} if is_update else output

    assert [said(one) for one in first] == [said(one) for one in second]
    assert state[theirs[2]._id] == mine[ours[2]._id]


def test_what_an_event_leaves_is_not_made_anew(both, monkeypatch):
    _, (light, (text, box, _held, _button)) = both
    made = []
    usual = gr.Textbox.__init__
    monkeypatch.setattr(
        gr.Textbox, "__init__", lambda self, *a, **k: (made.append(self), usual(self, *a, **k))[1]
    )
    told(light, {text: "x"})
    assert made == []
    told(light, {box: gr.update(value="x")})
    assert len(made) == 1


def test_a_session_holds_no_descriptions(both):
    _, (light, (text, box, held, _button)) = both
    _, state = told(light, {text: "x", box: gr.update(value="y"), held: 1})
    assert not any(state.config_values.values())


def test_states_that_events_wait_for_are_found_once(both):
    _, (light, (*_, held, _button)) = both
    sessions = LightSessions()
    sessions.set_blocks(light)
    state = sessions["page"]
    ids, before = light.get_state_ids_to_track(light.fns[0], state)
    assert ids == [held._id]
    state[held._id] = 5
    again, after = light.get_state_ids_to_track(light.fns[0], state)
    assert (again, before == after) == (ids, False)
    assert light.get_state_ids_to_track(light.fns[0], None) == ([], [])
