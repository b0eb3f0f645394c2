"""Which models a visitor is offered, and as what."""

from types import SimpleNamespace

import gradio as gr
import pytest

from backends.core import Prediction
from backends.errors import StudioError
from studio.labels.tasks import retrain as training
from studio.labels.tasks.retrain import TrainedModel
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.explain.question_input import QuestionInput
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.model_list import ModelChoice, Offered, model_choices

MODELS = {
    "ours": {"classes": ["a", "b", "c"], "labels": "ours 3 majority"},
    "mine": {"classes": ["x", "y"], "labels": None},
    "width": {"title": "Width", "labels": None},
    "classifier": None,
}
OURS = TrainedModel("ours", "our project", {"a": 9, "b": 9, "c": 0}, shared=False)


def test_every_model_has_its_kind_and_peoples_stand_apart():
    found = model_choices(MODELS, ["a", "b", "c"], Offered())
    assert [(one.name, one.kind) for one in found] == [
        ("classifier", "classifier"), ("width", "property"), ("ours", "people"), ("mine", "own"),
    ]  # fmt: skip
    assert found[2].classes == ("a", "b", "c"), "of an unknown model nothing is left out"


def test_a_class_without_labels_is_not_offered():
    found = model_choices(MODELS, ["a", "b", "c"], Offered({"ours": OURS}))
    assert found[2] == ModelChoice("ours", "ours", "people", ("a", "b"), "It never saw a label c.")


def test_what_is_hidden_is_not_there():
    names = [m.name for m in model_choices(MODELS, ["a"], Offered(hidden=frozenset(["ours"])))]
    assert "ours" not in names


@pytest.fixture
def labels(controller, tmp_path, tiny, monkeypatch):
    """A store with a project that Ada administers, and a private model of it."""
    made = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    _, access = made.create("Ada", bundle=tiny, name="our project", classes=["a", "b", "c"])
    controller.about["models"]["ours"] = MODELS["ours"]
    monkeypatch.setattr(training, "of_people", lambda database, bundle: {"ours": OURS})
    made.code = access.code
    yield made
    made.database().close()


def test_a_private_model_is_its_projects_administrators(labels, controller):
    bob = labels.join("our project", "Bob")
    labels.note("Ada's page", {"our project": labels.code})
    labels.note("Bob's page", {"our project": bob.code})
    assert labels.offered(controller, "Ada's page").hidden == frozenset()
    for owner in ("Bob's page", "a stranger's"):
        assert labels.offered(controller, owner).hidden == {"ours"}
    labels.leave("Ada's page")
    assert labels.offered(controller, "Ada's page").hidden == {"ours"}


def test_a_shared_model_is_everybodys(labels, controller, monkeypatch):
    shared = TrainedModel("ours", "our project", OURS.counts, shared=True)
    monkeypatch.setattr(training, "of_people", lambda database, bundle: {"ours": shared})
    assert labels.offered(controller, "a stranger's").hidden == frozenset()


def test_a_store_that_fails_hides_them(labels, controller, monkeypatch):
    def fail(database, bundle):
        raise StudioError("no disk")

    monkeypatch.setattr(training, "of_people", fail)
    assert labels.offered(controller, "me").hidden == {"ours"}


def test_the_list_of_models_tells_peoples_models_apart(labels, controller):
    opinion = Prediction({"b": 0.5, "a": 0.3, "c": 0.2})
    shown = SimpleNamespace(prediction=opinion, opinions={"ours": opinion})
    labels.note("Ada's page", {"our project": labels.code})
    with gr.Blocks():
        asking = QuestionInput(Controllers(controller))
        asking.below()
    offered = labels.offered(controller, "Ada's page")
    updates = asking.asked(controller, shown, offered)
    assert updates[asking.model]["choices"] == [
        ("the model", "classifier"), ("ours (learnt from people’s labels)", "ours"),
    ]  # fmt: skip
    assert updates[asking.target]["choices"] == [("a", "a"), ("c", "c")]
    lacking = asking.asked(controller, shown, offered, "ours")
    assert lacking[asking.target]["choices"] == [("a", "a")]
    assert "ours" in controller.models.people_say(shown, offered)
    stranger = labels.offered(controller, "a stranger's")
    assert len(asking.asked(controller, shown, stranger)[asking.model]["choices"]) == 1
    assert controller.models.people_say(shown, stranger) == ""
