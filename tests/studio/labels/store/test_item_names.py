"""A picture that lies under several names is one item, which every name finds."""

import shutil

import pytest
from alembic import command
from alembic.config import Config

from studio.labels import exchange
from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import MIGRATIONS, Database
from studio.labels.store.responses import Answer
from tests.studio.labels.conftest import drawn


@pytest.fixture
def twice(database, made):
    """A project with one picture under two names, and another."""
    project, _ = made(0)
    (_, same), (_, other) = drawn(2)
    pictures.add(database, project, [("a/first.png", same), ("b/second.png", same)])
    pictures.add(
        database, project, [("c/third.png", same), ("a/first.png", same), ("o.png", other)]
    )
    return project


def test_every_name_is_kept(database, twice):
    items = pictures.items(database, twice)
    assert [item.name for item in items] == ["a/first.png", "o.png"]
    assert pictures.further_names(database, twice) == {items[0].id: ["b/second.png", "c/third.png"]}


@pytest.mark.parametrize("name", ["a/first.png", "b/second.png", "third.png"])
def test_labels_find_it_by_each(database, twice, tmp_path, name):
    (tmp_path / "l.csv").write_text(f"item,annotator,value\n{name},Ann,one\no.png,Ann,seven\n")
    exchange.import_labels(database, "ones", tmp_path / "l.csv")
    items = pictures.items(database, twice)
    said = [(r.item_id, r.value) for r in responses.standing(database, twice)]
    assert said == [(items[0].id, "one"), (items[1].id, "seven")]


def test_labels_for_both_names_are_taken(database, twice, tmp_path):
    rows = "item,annotator,value\na/first.png,Ann,one\nb/second.png,Bob,seven\n"
    (tmp_path / "l.csv").write_text(rows)
    assert exchange.import_labels(database, "ones", tmp_path / "l.csv").responses == 2
    assert {r.annotator: r.value for r in responses.standing(database, twice)} == {
        "Ann": "one", "Bob": "seven",
    }  # fmt: skip


@pytest.mark.parametrize("form", exchange.FORMATS)
def test_names_leave_and_come_back(database, twice, tmp_path, elsewhere, form):
    exchange.export(database, twice, tmp_path / "out", form)
    exchange.import_labels(elsewhere, None, tmp_path / "out")
    copy = projects.find(elsewhere, "ones")
    assert [item.name for item in pictures.items(elsewhere, copy)] == ["a/first.png", "o.png"]
    assert list(pictures.further_names(elsewhere, copy).values()) == [
        ["b/second.png", "c/third.png"]
    ]
    exchange.import_labels(elsewhere, None, tmp_path / "out")
    assert sum(map(len, pictures.further_names(elsewhere, copy).values())) == 2


def test_names_of_one_digest_in_a_file_are_all_kept(database, made, tmp_path):
    project, _ = made(1)
    sha256 = pictures.items(database, project)[0].picture
    rows = f"picture,item,annotator,value\n{sha256},x.png,Ann,one\n{sha256},y.png,Bob,one\n"
    (tmp_path / "l.csv").write_text(rows)
    exchange.import_labels(database, "ones", tmp_path / "l.csv")
    assert list(pictures.further_names(database, project).values()) == [["x.png", "y.png"]]


def test_a_store_of_before_is_upgraded(place, made, database):
    """Items, their names and responses stay; then further names are kept."""
    project, ada = made(2)
    responses.answer(database, ada, Answer(pictures.items(database, project)[0].id, "one", "1"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    database.close()
    opened = Database(place)
    try:
        assert [item.name for item in pictures.items(opened, project)] == ["0.png", "1.png"]
        assert [r.value for r in responses.standing(opened, project)] == ["one"]
        pictures.add(opened, project, [("again.png", next(drawn(1))[1])])
        assert list(pictures.further_names(opened, project).values()) == [["again.png"]]
    finally:
        opened.close()


def test_an_item_takes_its_names_with_it(database, twice):
    from sqlalchemy import delete, func, select

    from studio.labels.store.schema import ItemNames, Items

    with database.write() as connection:
        connection.execute(delete(Items).where(Items.project_id == twice.id))
        assert connection.scalar(select(func.count()).select_from(ItemNames)) == 0


def test_a_folder_added_twice_from_elsewhere(run, tiny, tmp_path):
    """The command keeps both names, and labels for both go in."""
    from PIL import Image

    folder = tmp_path / "pics"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    Image.effect_noise((16, 16), 60).save(folder / "a" / "first.png")
    shutil.copy(folder / "a" / "first.png", folder / "b" / "second.png")
    rows = "item,annotator,value\na/first.png,Ann,one\nb/second.png,Bob,two\n"
    (tmp_path / "l.csv").write_text(rows)
    store = ["--database", str(tmp_path / "labels.db")]
    run("labels", "create", "p", "--bundle", tiny, "--classes", "one,two", *store)
    assert run("labels", "add", "p", folder, *store)[0] == 0
    code, out, err = run("labels", "import", "p", tmp_path / "l.csv", *store)
    assert (code, err) == (0, "")
    assert '"responses": 2' in out
