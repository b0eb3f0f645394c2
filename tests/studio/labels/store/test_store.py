"""The label store: nothing said is lost or doubled, on SQLite and on PostgreSQL."""

import threading

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select, text

from backends.errors import BadInput, NotFound
from studio.labels.store import pictures, projects, queue, reservations, responses, suggestions
from studio.labels.store.database import MIGRATIONS, Database
from studio.labels.store.records import Setup, Suggestion
from studio.labels.store.responses import Submission
from studio.labels.store.schema import Responses
from tests.studio.labels.conftest import drawn


def joined(database, project, name="Bob"):
    return projects.join(database, project, name).annotator


def said(database, project):
    return [
        (r.annotator, r.item_id, r.value, r.state) for r in responses.standing(database, project)
    ]


def test_migrations_make_the_tables_of_the_schema(database):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)  # raises when a migration is missing


@pytest.mark.slow
def test_migrations_can_be_taken_back(database):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        command.upgrade(config, "head")
    projects.create(database, Setup(name="a", bundle="b", classes=["x", "y"]), "Ada")


def test_sqlite_keeps_its_promises(tmp_path):
    database = Database(str(tmp_path / "labels.db"))
    with database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA synchronous")) == 2
    database.close()


@pytest.mark.parametrize("place", ["mysql://a/b", "://", "postgresql://127.0.0.1:1/none"])
def test_no_database_is_one_sentence(place):
    with pytest.raises(BadInput, match=r"database|file|postgresql"):
        Database(place)


def test_two_studios_may_open_a_new_store_at_once(place):
    opened, errors = [], []

    def work():
        try:
            opened.append(Database(place))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in opened:
        database.close()
    assert not errors
    assert len(opened) == 4


def test_a_picture_enters_once_by_its_content(database, made):
    project, _ = made(5)
    assert pictures.add(database, project, drawn(7)) == 2
    found = pictures.items(database, project)
    assert len(found) == 7
    content = pictures.content(database, [item.picture for item in found])
    arrays = [pictures.array_of(content[item.picture]) for item in found]
    assert [pictures.digest(array) for array in arrays] == [item.picture for item in found]


def test_names_and_codes(database, made):
    project, _ = made()
    access = projects.join(database, project, " Bob ")
    assert projects.enter(database, access.code) == access.annotator
    assert access.annotator.name == "Bob"
    with pytest.raises(BadInput, match="already"):
        projects.join(database, project, "Bob")
    with pytest.raises(NotFound, match="nobody"):
        projects.enter(database, "guess")
    with pytest.raises(BadInput, match="1 to 60"):
        projects.join(database, project, "")


def test_a_closed_project_is_entered_by_code_only(database, made):
    project, _ = made(open=False)
    with pytest.raises(BadInput, match="access code"):
        projects.join(database, project, "Bob")
    access = projects.invite(database, project, "Bob")
    assert projects.enter(database, access.code).name == "Bob"


def test_a_class_that_may_be_in_use_stays(database, made):
    project, _ = made()
    more = project.setup.model_copy(update={"classes": ["seven", "one", "nine"]})
    assert projects.change(database, project, more).classes == ["seven", "one", "nine"]
    with pytest.raises(BadInput, match="cannot be taken away"):
        projects.change(
            database, project, project.setup.model_copy(update={"classes": ["a", "one"]})
        )


def test_correction_and_undo_are_new_rows(database, made):
    project, _ = made()
    bob = joined(database, project)
    item = queue.following(database, bob)[0].id
    responses.answer(database, bob, Submission(item, "one", "r1"))
    responses.answer(database, bob, Submission(item, "seven", "r2"))
    back = responses.undo(database, bob, "r3")
    assert (back.state, back.value, back.number) == ("draft", "seven", 3)
    everything = responses.standing(database, project, history=True)
    assert [(r.number, r.value, r.state, r.superseded_by) for r in everything] == [
        (1, "one", "submitted", 2), (2, "seven", "submitted", 3), (3, "seven", "draft", None),
    ]  # fmt: skip
    # The picture is before the person again, with what was said.
    again = queue.following(database, bob)[0]
    assert (again.id, again.value) == (item, "seven")


def test_every_version_can_be_read_again(database, made):
    project, _ = made()
    bob = joined(database, project)
    first, second = (item.id for item in queue.following(database, bob, 2))
    responses.answer(database, bob, Submission(first, "one", "1"))
    responses.answer(database, bob, Submission(second, "one", "2"))
    responses.answer(database, bob, Submission(first, "seven", "3"))
    values = [
        {r.item_id: r.value for r in responses.standing(database, project, version)}
        for version in range(4)
    ]
    assert values == [{}, {first: "one"}, {first: "one", second: "one"},
                      {first: "seven", second: "one"}]  # fmt: skip
    with pytest.raises(NotFound, match="0 to 3"):
        responses.standing(database, project, 4)


def test_undo_goes_back_one_by_one(database, made):
    project, _ = made()
    bob = joined(database, project)
    items = [item.id for item in queue.following(database, bob, 3)]
    for item in items:
        responses.answer(database, bob, Submission(item, "one", f"a{item}"))
    assert [responses.undo(database, bob, f"u{n}").item_id for n in range(3)] == items[::-1]
    assert responses.undo(database, bob, "u4") is None


def test_a_repeated_message_is_one_label(database, made):
    project, _ = made()
    bob = joined(database, project)
    item = queue.following(database, bob)[0].id
    first = responses.answer(database, bob, Submission(item, "one", "same"))
    assert responses.answer(database, bob, Submission(item, "one", "same")).number == first.number
    with pytest.raises(BadInput, match="something else"):
        responses.answer(database, bob, Submission(item, "seven", "same"))
    assert said(database, project) == [("Bob", item, "one", "submitted")]


@pytest.mark.parametrize(
    "wrong",
    [{"value": "nine"}, {"request": ""}, {"seconds": float("nan")}, {"note": "x" * 3000}],
)
def test_what_makes_no_sense_is_refused_whole(database, made, wrong):
    project, _ = made()
    bob = joined(database, project)
    one, two = queue.following(database, bob, 2)
    fields = {"item_id": two.id, "value": "one", "request": "b"} | wrong
    with pytest.raises(BadInput):
        responses.answer_many(database, bob, [Submission(one.id, "one", "a"), Submission(**fields)])
    assert said(database, project) == []
    assert projects.find(database, project.name).version == 0


def test_an_item_of_another_project_is_not_found(database, made):
    made()
    other, _ = made(1, name="other")
    bob = joined(database, other)
    with pytest.raises(NotFound, match="has no item"):
        responses.answer(database, bob, Submission(1, "one", "a"))


def test_two_people_never_have_the_same_picture(database, made):
    project, _ = made(30)
    people = [joined(database, project, f"p{n}") for n in range(5)]
    held = [item.id for who in people for item in queue.following(database, who, 3)]
    assert len(set(held)) == 15
    # Asked again, everyone has what they had.
    again = [item.id for who in people for item in queue.following(database, who, 3)]
    assert again == held


def test_k_people_see_a_picture_when_asked(database, made):
    project, _ = made(4, votes=2)
    people = [joined(database, project, f"p{n}") for n in range(3)]
    seen = {}
    for who in people * 4:
        for item in queue.following(database, who):
            seen.setdefault(item.id, []).append(who.name)
            responses.answer(database, who, Submission(item.id, "one", f"{item.id}"))
    assert sorted(map(len, seen.values())) == [2, 2, 2, 2]
    assert all(len(set(names)) == 2 for names in seen.values())


def test_a_forgotten_reservation_runs_out(database, made, monkeypatch):
    project, _ = made(1)
    bob, eve = joined(database, project), joined(database, project, "Eve")
    (item,) = queue.following(database, bob)
    assert queue.following(database, eve) == []
    now = queue.time.time()
    monkeypatch.setattr(queue.time, "time", lambda: now + reservations.LEASE + 1)
    assert [got.id for got in queue.following(database, eve)] == [item.id]
    assert queue.following(database, bob) == []


@pytest.mark.parametrize("days", [-1, 1])
def test_a_reservation_outlasts_no_clock_that_is_set(database, made, monkeypatch, days):
    project, _ = made(1)
    bob, eve = joined(database, project), joined(database, project, "Eve")
    (item,) = queue.following(database, bob)
    now = queue.time.time()
    monkeypatch.setattr(queue.time, "time", lambda: now + days * 86_400)
    assert [got.id for got in queue.following(database, eve)] == [item.id]
    # Nothing is lost: whoever of the two is first has answered.
    assert responses.answer(database, bob, Submission(item.id, "one", "a")).number == 1


def test_what_was_taken_back_stays_with_its_owner(database, made, monkeypatch):
    project, _ = made(1)
    bob, eve = joined(database, project), joined(database, project, "Eve")
    (item,) = queue.following(database, bob)
    responses.answer(database, bob, Submission(item.id, "one", "a"))
    responses.undo(database, bob, "b")
    assert queue.following(database, eve) == []
    # Until time is up; then it is the other's, and the owner does not get it again.
    now = queue.time.time()
    monkeypatch.setattr(queue.time, "time", lambda: now + reservations.LEASE + 1)
    assert [got.id for got in queue.following(database, eve)] == [item.id]
    assert queue.following(database, bob) == []


def test_a_skipped_picture_goes_to_others(database, made):
    project, _ = made(1)
    bob, eve = joined(database, project), joined(database, project, "Eve")
    (item,) = queue.following(database, bob)
    responses.answer(database, bob, Submission(item.id, None, "s", "discarded"))
    assert queue.following(database, bob) == []
    assert [got.id for got in queue.following(database, eve)] == [item.id]
    assert queue.progress(database, bob).skipped == 1


def test_people_are_blind_unless_asked(database, made):
    for name, blind in (("blind", True), ("seeing", False)):
        project, _ = made(1, name=name, votes=2, blind=blind)
        bob, eve = joined(database, project), joined(database, project, "Eve")
        (item,) = queue.following(database, bob)
        responses.answer(database, bob, Submission(item.id, "one", "a"))
        assert queue.following(database, eve)[0].others == (None if blind else {"one": 1})


def suggested(item, **probabilities):
    best = max(probabilities, key=probabilities.__getitem__)
    return Suggestion(item, "clip:x", "abc", best, probabilities[best], probabilities)


@pytest.mark.parametrize(("order", "first"), [("confidence", [2, 3, 1]), ("margin", [3, 2, 1])])
def test_the_least_sure_come_first(database, made, order, first):
    project, _ = made(4, order=order, classes=["one", "seven", "nine"])
    items = pictures.items(database, project)
    suggestions.add(database, project, [
        suggested(items[1].id, one=0.9, seven=0.06, nine=0.04),
        suggested(items[2].id, one=0.40, seven=0.30, nine=0.30),
        suggested(items[3].id, one=0.48, seven=0.47, nine=0.05),
    ])  # fmt: skip
    got = [item.id for item in queue.following(database, joined(database, project), 4)]
    # What no model has looked at is not forgotten: it comes before all others.
    assert got == [items[n].id for n in [0, *first]]


def test_balanced_order_asks_for_the_rare_class(database, made):
    project, _ = made(30, order="balanced")
    items = pictures.items(database, project)
    suggestions.add(database, project, [
        suggested(item.id, **({"one": 0.9, "seven": 0.1} if n < 24 else {"one": 0.1, "seven": 0.9}))
        for n, item in enumerate(items)
    ])  # fmt: skip
    bob, rare = joined(database, project), {item.id for item in items[24:]}
    for n in range(12):
        (item,) = queue.following(database, bob)
        value = "seven" if item.id in rare else "one"
        responses.answer(database, bob, Submission(item.id, value, f"{n}"))
    values = [r.value for r in responses.standing(database, project)]
    assert values.count("one") == values.count("seven") == 6


def test_disagreement_comes_first(database, made):
    project, _ = made(6, order="disagreement", votes=3)
    bob, eve = joined(database, project), joined(database, project, "Eve")
    items = [item.id for item in pictures.items(database, project)]
    for item in items:
        responses.answer(database, bob, Submission(item, "one", f"{item}"))
        value = "seven" if item == items[4] else "one"
        responses.answer(database, eve, Submission(item, value, f"{item}"))
    dan = joined(database, project, "Dan")
    assert queue.following(database, dan)[0].id == items[4]


def test_suggestions_never_touch_responses(database, made):
    project, _ = made(2, hints=True)
    bob = joined(database, project)
    one, two = queue.following(database, bob, 2)
    responses.answer(database, bob, Submission(one.id, "one", "a"))
    suggestions.add(database, project, [suggested(i.id, seven=0.8, one=0.2) for i in (one, two)])
    assert said(database, project) == [("Bob", one.id, "one", "submitted")]
    assert queue.following(database, bob)[0].hint == {
        "value": "seven", "score": 0.8, "agent": "clip:x",
    }  # fmt: skip
    assert suggestions.lacking(database, project, "clip:x", "abc") == []
    assert len(suggestions.lacking(database, project, "clip:x", "other")) == 2


def test_adjudication_is_the_administrators(database, made):
    project, ada = made()
    bob = joined(database, project)
    (item,) = queue.following(database, bob)
    responses.answer(database, bob, Submission(item.id, "one", "a"))
    with pytest.raises(BadInput, match="administrator"):
        responses.adjudicate(database, bob, Submission(item.id, "seven", "b"))
    responses.adjudicate(database, ada, Submission(item.id, "seven", "b"))
    kinds = [(r.kind, r.value) for r in responses.standing(database, project)]
    assert kinds == [("label", "one"), ("adjudication", "seven")]


def test_progress_counts_what_was_done(database, made):
    project, _ = made(6)
    bob = joined(database, project)
    for n, (value, state) in enumerate(
        [("one", "submitted"), ("one", "submitted"), (None, "submitted"), (None, "discarded")]
    ):
        (item,) = queue.following(database, bob)
        responses.answer(database, bob, Submission(item.id, value, f"{n}", state))
    now = queue.progress(database, bob)
    assert (now.done, now.total, now.submitted, now.unsure, now.skipped) == (3, 6, 2, 1, 1)
    assert now.pace > 0


@pytest.mark.slow
def test_many_at_once_lose_and_double_nothing(database, made):
    project, _ = made(60)
    people = [joined(database, project, f"p{n}") for n in range(6)]
    errors = []

    def work(who):
        try:
            while items := queue.following(database, who, 2):
                for item in items:
                    responses.answer(database, who, Submission(item.id, "one", f"{item.id}"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[who]) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    standing = responses.standing(database, project)
    assert len({r.item_id for r in standing}) == len(standing) == 60
    assert [r.number for r in standing] == list(range(1, 61))
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Responses)) == 60
