"""What is whose on the page: projects and models are private until shared."""

from types import SimpleNamespace

import pytest

from backends.errors import BadInput
from studio.access import AccessPolicy
from studio.labels.tasks import retrain as training
from studio.labels.tasks.retrain import TrainedModel
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.explain.gallery import Gallery
from studio.ui.shared.label_controller import LabelController
from tests.studio.ui.shared.test_model_list import MODELS

FIELDS = {"classes": ["a", "b"]}


def store(controller, tmp_path, mode):
    tasks = BackgroundTasks(controller.runs.engine)
    return LabelController(str(tmp_path / "labels.db"), tasks, AccessPolicy(mode))


@pytest.fixture(params=["team", "demo", "private"])
def labels(request, controller, tmp_path):
    made = store(controller, tmp_path, request.param)
    yield made
    made.database().close()


def test_closed_projects_are_named_to_their_people_alone(labels, tiny):
    labels.create("Ada", bundle=tiny, name="open", **FIELDS)
    _, access = labels.create("Ada", "ada@x.org", bundle=tiny, name="closed", open=False, **FIELDS)
    everything = ["closed", "open"]
    strangers = everything if labels.access.mode == "private" else ["open"]
    assert labels.names(tiny) == strangers
    assert labels.names(tiny, {"closed": "guessed"}, "eve@x.org") == strangers
    assert labels.names(tiny, {"closed": access.code}) == everything
    assert labels.names(tiny, None, "ada@x.org") == everything


def test_who_made_a_project_joins_it_again(labels, tiny):
    labels.create("Ada", "ada@x.org", bundle=tiny, name="closed", open=False, **FIELDS)
    again = labels.join("closed", "Ada at home", "ada@x.org")
    assert again.annotator.administers
    for login in ("", "eve@x.org"):
        with pytest.raises(BadInput, match="not open"):
            labels.join("closed", "Eve", login)


def test_a_private_model_is_offered_where_the_machine_is_theirs(
    labels, controller, tiny, monkeypatch
):
    _, access = labels.create("Ada", bundle=tiny, name="ours", **FIELDS)
    model = TrainedModel("ours", "ours", {}, shared=False)
    monkeypatch.setattr(training, "of_people", lambda database, bundle: {"ours": model})
    controller.about["models"]["ours"] = MODELS["ours"]
    hidden = frozenset() if labels.access.mode == "private" else {"ours"}
    assert labels.offered(controller, "a stranger's").hidden == hidden
    assert labels.hidden(tiny) == hidden
    assert labels.hidden(tiny, "guessed") == hidden
    assert labels.hidden(tiny, access.code) == frozenset()
    guest = labels.join("ours", "Bob")
    assert labels.hidden(tiny, guest.code) == hidden


def visit(session, **headers):
    client = SimpleNamespace(host="")
    return SimpleNamespace(session_hash=session, client=client, headers=headers)


def test_runs_belong_to_the_login_on_every_browser():
    seen = {}
    runs = SimpleNamespace(recognise=lambda owner, visitor: seen.update({owner: visitor}))
    gallery = SimpleNamespace(_runs=runs, _counts={})
    browser = {"visitor": "a-browsers-own-name-0"}
    for session, headers in (("home", {"x-studio-user": "ada%40x"}), ("anonymous", {})):
        Gallery.recognise(gallery, visit(session, **headers), browser)
    assert seen == {"home@ada%40x": "login:ada@x", "anonymous": "a-browsers-own-name-0"}
    Gallery.recognise(gallery, visit("forged"), {"visitor": "login:ada@x-and-more"})
    assert "forged" not in seen, "no browser names itself as a login"
