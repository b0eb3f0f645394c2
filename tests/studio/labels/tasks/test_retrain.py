"""Models at both ends of a label set: they suggest labels, and they are made of them."""

import numpy as np
import pytest

from backends import bundles, service
from backends.bundles import user_models
from backends.core import Request
from backends.errors import BadInput, NotFound
from backends.training.retrain_settings import Learnt
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Setup
from studio.labels.store.responses import Submission
from studio.labels.tasks import retrain
from studio.labels.tasks.annotate import annotate

QUICK = {"steps": 10, "drawn": 0, "held_out": 0.2}


@pytest.fixture
def database(tmp_path):
    opened = Database(str(tmp_path / "labels.db"))
    yield opened
    opened.close()


@pytest.fixture
def project(database, tiny):
    setup = Setup(name="ours", bundle=tiny, classes=["a", "b", "c"])
    made, access = projects.create(database, setup, "Ada")
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8)
    pictures.add(database, made, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    return made, access.annotator


def labelled(database, project, who, count=20):
    for n, item in enumerate(pictures.items(database, project)[:count]):
        responses.answer(database, who, Submission(item.id, "abc"[n % 3], f"{n}"))
    return projects.find(database, project.name)


def test_a_model_suggests_for_every_picture(database, project):
    made, _ = project
    *_, last = annotate(database, made, "classifier", {})
    assert (last.done, last.total) == (20, 20)
    said = suggestions.newest(database, made)
    assert {s.item_id for s in said} == {item.id for item in pictures.items(database, made)}
    for s in said:
        assert s.score == max(s.probabilities.values())
        assert sum(s.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert s.model_hash
    assert last.unsure == sum(s.score < 0.5 for s in said)
    assert responses.standing(database, made) == []


def test_what_was_suggested_before_a_stop_is_kept(database, project):
    made, _ = project
    steps = annotate(database, made, "classifier", {})
    first = next(step for step in steps if step is not None)
    steps.close()
    assert len(suggestions.newest(database, made)) == first.done < 20


@pytest.mark.slow
def test_a_model_of_few_labels_is_private_until_it_is_shared(database, project, tiny):
    made, ada = project
    for n, item in enumerate(pictures.items(database, made)):
        responses.answer(database, ada, Submission(item.id, "ab"[n % 2], f"{n}"))
    made = projects.find(database, made.name)
    *_, learnt = retrain.retrain(database, made, "majority", "ours", QUICK)
    found = retrain.of_people(database, tiny)["ours"]
    assert (found.project, found.counts) == ("ours", {"a": 10, "b": 10, "c": 0})
    assert (found.lacking, found.shared) == (["c"], False)
    with pytest.raises(NotFound, match="no trained model 'other'"):
        retrain.share(database, made, "other")
    retrain.share(database, made, "ours")
    assert retrain.of_people(database, tiny)["ours"].shared
    # Trained again, it rests on few labels again.
    *_, learnt = retrain.retrain(database, made, "majority", "ours", QUICK)
    assert learnt.model == "ours"
    assert not retrain.of_people(database, tiny)["ours"].shared
    assert [row["shared"] for row in retrain.history(database, made)] == [False, True]


@pytest.mark.slow
def test_labels_become_a_model_that_leapfactual_explains(database, project, tiny):
    made, ada = project
    made = labelled(database, made, ada)
    *steps, learnt = retrain.retrain(database, made, "majority", "ours", QUICK)
    assert isinstance(learnt, Learnt)
    # None while a slow database is waited for.
    assert all(step is None or 0 <= step.share <= 1 for step in steps)
    about = service.about(tiny)["models"]["ours"]
    assert about["labels"] == "ours 20 majority"
    assert about["methods"]["leapfactual"] is None
    assert "labels have none" in about["methods"]["rcsb"]
    picture = next(iter(np.random.default_rng(1).integers(0, 256, (1, 16, 16, 1), dtype=np.uint8)))
    said = service.predict(tiny, picture, "ours").label
    target = next(name for name in "abc" if name != said)
    *_, answer = service.explain(Request(tiny, "leapfactual", target, picture, model="ours"))
    assert answer.record["model"] == "ours"
    (noted,) = retrain.history(database, made)
    assert (noted["model"], noted["version"], noted["rule"]) == ("ours", 20, "majority")
    assert noted["quality"] == learnt.quality
    assert retrain.models(database, made) == ["ours"]
    with pytest.raises(NotFound, match="no trained model 'theirs'; there are: ours"):
        retrain.delete(database, made, "theirs")
    retrain.delete(database, made, "ours")
    assert retrain.models(database, made) == []
    assert "ours" not in service.about(tiny)["models"]
    assert len(retrain.history(database, made)) == 1
    with pytest.raises(NotFound, match="there are: none"):
        retrain.delete(database, made, "ours")


def test_another_project_cannot_replace_a_model(database, project):
    made, ada = project
    made = labelled(database, made, ada)
    list(retrain.retrain(database, made, "majority", "shared", QUICK))
    list(retrain.retrain(database, made, "soft", "shared", QUICK))
    assert retrain.models(database, made) == ["shared"]
    setup = made.setup.model_copy(update={"name": "other"})
    other, access = projects.create(database, setup, "bob")
    assert retrain.models(database, other) == []
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8)
    pictures.add(database, other, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    other = labelled(database, other, access.annotator)
    with pytest.raises(BadInput, match="another project's"):
        list(retrain.retrain(database, other, "majority", "shared", QUICK))
    list(retrain.retrain(database, other, "majority", "theirs", QUICK))
    assert retrain.models(database, other) == ["theirs"]
    assert retrain.models(database, made) == ["shared"]


def test_an_older_version_is_what_was_said_then(database, project):
    made, ada = project
    made = labelled(database, made, ada)
    first = pictures.items(database, made)[0]
    responses.answer(database, ada, Submission(first.id, "c", "changed my mind"))
    made = projects.find(database, made.name)
    assert made.version == 21
    *_, learnt = retrain.retrain(database, made, "majority", "then", QUICK, version=20)
    assert learnt.labels == "ours 20 majority"


def test_too_few_labels_are_a_sentence(database, project):
    made, ada = project
    with pytest.raises(BadInput, match="label some pictures first"):
        list(retrain.retrain(database, made, "majority", "none", QUICK))
    made = labelled(database, made, ada, 3)
    with pytest.raises(BadInput, match="too few"):
        list(retrain.retrain(database, made, "majority", "none", QUICK))
    assert retrain.history(database, made) == []


@pytest.mark.parametrize("name", ["our digits", "v1.2 of ones", "x" * 60, "a.-"])
def test_a_projects_model_has_a_name_that_models_can_have(name, tiny):
    shown = retrain.model_name(name)
    assert user_models.checked(shown, bundles.get(tiny).own) == shown
