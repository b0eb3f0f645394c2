"""Names of models belong to projects, and models are private until they are shared."""

import time

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert

from backends.errors import BadInput, NotFound
from studio.labels.store import projects
from studio.labels.store.database import MIGRATIONS, Database
from studio.labels.store.records import Setup
from studio.labels.store.schema import Trainings
from studio.labels.tasks import retrain


@pytest.fixture
def database(tmp_path):
    opened = Database(str(tmp_path / "labels.db"))
    yield opened
    opened.close()


def project(database, tiny, name):
    setup = Setup(name=name, bundle=tiny, classes=["a", "b", "c"])
    return projects.create(database, setup, "Ada", f"{name}'s login")[0]


def test_another_project_cannot_take_a_models_name(database, tiny):
    ours, theirs = project(database, tiny, "ours"), project(database, tiny, "theirs")
    assert retrain.claim(database, ours, "  digits as we see them ") == "digits as we see them"
    assert retrain.claim(database, ours, "digits as we see them"), "again, to train it anew"
    for name in ("digits as we see them", "Digits As We See Them"):
        with pytest.raises(BadInput, match="is another project's; give the model a name of its"):
            retrain.claim(database, theirs, name)
        with pytest.raises(BadInput, match="another project's"):
            next(retrain.retrain(database, theirs, "majority", name, {}))
    with pytest.raises(BadInput, match="has a part 'classifier'"):
        retrain.claim(database, theirs, "classifier")
    assert retrain.claim(database, theirs, "digits as they do")


def test_a_model_of_another_store_is_not_replaced(database, tiny, monkeypatch):
    from backends.service import retraining

    monkeypatch.setattr(retraining, "trained", lambda bundle: {"Elsewhere": "far 3 majority"})
    with pytest.raises(BadInput, match="another project's"):
        retrain.claim(database, project(database, tiny, "ours"), "elsewhere")


def test_a_deleted_models_name_is_free_again(database, tiny, monkeypatch):
    from backends.service import retraining

    ours, theirs = project(database, tiny, "ours"), project(database, tiny, "theirs")
    retrain.claim(database, ours, "one")
    monkeypatch.setattr(retrain, "models", lambda *_: ["one"])
    monkeypatch.setattr(retraining, "forget", lambda *_: None)
    retrain.delete(database, ours, "one")
    assert retrain.claim(database, theirs, "one") == "one"


def noted(database, made, model):
    row = {
        "project_id": made.id, "version": 0, "rule": "majority", "model": model, "settings": {},
        "quality": {}, "counts": {}, "shared": False, "created": time.time(),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Trainings).values(row))


def test_a_model_is_shared_and_made_private_again(database, tiny, monkeypatch):
    from backends.service import retraining

    ours = project(database, tiny, "ours")
    noted(database, ours, "one")
    monkeypatch.setattr(retraining, "trained", lambda bundle: {"one": "ours 0 majority"})
    assert not retrain.of_people(database, tiny)["one"].shared
    retrain.share(database, ours, "one")
    assert retrain.of_people(database, tiny)["one"].shared
    retrain.share(database, ours, "one", False)
    assert not retrain.of_people(database, tiny)["one"].shared
    with pytest.raises(NotFound):
        retrain.share(database, project(database, tiny, "theirs"), "one")


def test_a_store_of_before_gives_names_to_who_trained_last(database, tiny, tmp_path):
    ours, theirs = project(database, tiny, "ours"), project(database, tiny, "theirs")
    for made, model in ((ours, "both"), (theirs, "Both"), (ours, "ours alone")):
        noted(database, made, model)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
    database.close()
    opened = Database(database.place)
    try:
        assert retrain.claim(opened, theirs, "both") == "both"
        with pytest.raises(BadInput, match="another project's"):
            retrain.claim(opened, ours, "both")
        with pytest.raises(BadInput, match="another project's"):
            retrain.claim(opened, theirs, "ours alone")
        assert [one.owner for one in projects.listed(opened)] == ["", ""]
    finally:
        opened.close()
