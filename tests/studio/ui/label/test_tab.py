"""The Label tab's wiring, without a browser."""

import asyncio
import inspect
import json
import re
import threading
import zipfile
from itertools import product
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backends import imaging
from backends.errors import BadInput
from backends.service import annotation
from studio.access import MEMBERS, AccessPolicy
from studio.labels import exchange
from studio.labels.store import class_examples, invitations, pictures, projects, responses
from studio.labels.store.responses import Submission
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.label import exchange as panel
from studio.ui.label.projects import EXAMPLES, LATER
from studio.ui.label.widget import session
from studio.ui.page import build
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.shortcuts import keys_of

FIELDS = {"name": "ours", "classes": ["a", "b", "c"]}


@pytest.fixture
def labels(controller, tmp_path):
    made = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    yield made
    made.database().close()


def assigned(labels, tiny):
    project, access = labels.create("Ada", bundle=tiny, **FIELDS)
    return project, {project.name: access.code}


def test_digits_are_their_own_keys():
    assert keys_of([str(n) for n in range(10)]) == list("0123456789")
    assert keys_of(["cat", "dog"]) == ["1", "2"]
    assert keys_of(["7", "one"]) == ["1", "2"]
    assert keys_of([f"class {n}" for n in range(12)]) == [*"1234567890", "", ""]


def test_the_widget_gets_who_answers_what(labels, tiny):
    project, codes = assigned(labels, tiny)
    told = json.loads(session(project, codes["ours"]))
    assert (told["code"], told["classes"]) == (codes["ours"], ["a", "b", "c"])
    assert session(None) == ""


def test_only_who_joined_has_an_assignment(labels, tiny):
    _, codes = assigned(labels, tiny)
    assert labels.assignment("ours", codes).person.administers
    assert labels.assignment("ours", {}) is None
    assert labels.assignment("ours", {"ours": "wrong"}) is None
    assert labels.assignment("other", {"other": codes["ours"]}) is None  # a code of another project
    guest = labels.join("ours", "Bob")
    with pytest.raises(BadInput, match="administrator"):
        labels.require_administrator("ours", {"ours": guest.code})
    with pytest.raises(BadInput, match="join a project first"):
        labels.require_administrator(None, None)


def test_a_field_that_makes_no_sense_is_a_sentence(labels, tiny):
    with pytest.raises(BadInput, match="same name"):
        labels.create("Ada", bundle=tiny, name="x", classes=["a", "A"])
    with pytest.raises(BadInput, match="classes"):
        labels.create("Ada", bundle=tiny, name="x", classes=["a"])


def test_files_and_zips_become_items_and_the_rest_is_told(labels, controller, tiny, tmp_path):
    project, _ = assigned(labels, tiny)
    noise = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    for n, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "2.png", "inside/2.png")
        archive.writestr("inside/notes.txt", "no picture either")
    paths = [str(tmp_path / name) for name in ("0.png", "broken.png", "1.png", "more.zip")]

    async def fill():
        return [filled async for filled in labels.fill(controller, "me", project, paths)]

    last = asyncio.run(fill())[-1]
    assert (last.seen, last.new) == (3, 3)
    assert any("broken.png" in reason for reason in last.refused)
    content = pictures.items(labels.database(), project)
    assert len(content) == 3
    shapes = {
        pictures.array_of(png).shape
        for png in pictures.content(labels.database(), [i.picture for i in content]).values()
    }
    assert shapes == {(16, 16, 1)}  # as the bundle's models see them


def test_a_label_by_the_api(labels, controller, tiny):
    project, codes = assigned(labels, tiny)
    pixels = np.zeros((16, 16, 1), np.uint8)
    pictures.add(labels.database(), project, [("black", pixels)])
    (item,) = pictures.items(labels.database(), project)
    page = build(controller, labels=labels)
    label = next(f.fn for f in page.fns.values() if f.api_name == "label")
    told = label(codes["ours"], item.id, "b", "request 1")
    assert (told["number"], told["value"], told["annotator"]) == (1, "b", "Ada")
    assert label(codes["ours"], item.id, "b", "request 1")["number"] == 1
    with pytest.raises(gr.Error, match="no class"):
        label(codes["ours"], item.id, "z", "request 2")


def test_the_store_is_not_opened_before_it_is_needed(controller, tmp_path):
    labels = LabelController(
        str(tmp_path / "none" / "labels.db"), BackgroundTasks(controller.runs.engine)
    )
    build(controller, labels=labels)
    assert not (tmp_path / "none").exists()


def test_a_store_that_cannot_be_opened_leaves_the_page_working(controller, tmp_path):
    (tmp_path / "file").write_text("in the way")
    labels = LabelController(
        str(tmp_path / "file" / "labels.db"), BackgroundTasks(controller.runs.engine)
    )
    page = build(controller, labels=labels)
    widget = next(b for b in page.blocks.values() if b.elem_id == "label-who")
    load = handler(page, "LabelTab.load")
    assert "give --database another file" in load(controller.bundle, {}, visit())[widget]


def visit(owner="me", **query):
    """A page's request, as it was opened with that query."""
    return SimpleNamespace(session_hash=owner, query_params=query, headers={})


def places(page, told):
    """What a handler tells the page, by element id."""
    return {block.elem_id: value for block, value in told.items()}


def logged_in(login):
    """The request of a page whose person has logged in."""
    request = visit(login)
    request.headers["x-studio-user"] = login
    return request


def handler(page, name):
    return next(f.fn for f in page.fns.values() if f.fn and f.fn.__qualname__.endswith(name))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl", "datasets", "label-studio"])
def test_labels_leave_the_page_and_come_back(labels, controller, tiny, form):
    project, codes = assigned(labels, tiny)
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    pictures.add(labels.database(), project, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    ada = labels.assignment("ours", codes).person
    for n, item in enumerate(pictures.items(labels.database(), project)):
        responses.answer(labels.database(), ada, Submission(item.id, "abc"[n], f"{n}"))
    page = build(controller, labels=labels)
    export, bring = handler(page, "._exported"), handler(page, "wire.<locals>.import_labels")
    told = asyncio.run(export("ours", codes, form, True, False))
    path = next(update["value"] for update in told.values() if isinstance(update, dict))
    request = visit()
    told = asyncio.run(bring(request, tiny, path, "copy", "", "Bob", {}))
    held = next(value for value in told.values() if isinstance(value, dict) and "copy" in value)
    copy = labels.assignment("copy", held)
    assert copy.person.administers
    said = responses.standing(labels.database(), copy.project)
    assert [r.value for r in said] == ["a", "b", "c"]
    # Into a project that is there only its administrator may bring labels.
    with pytest.raises(gr.Error, match="oin a project first"):
        asyncio.run(bring(request, tiny, path, "ours", "", "Eve", {}))


def test_imports_that_wait_hold_up_nobody_else(labels, controller, tiny, tmp_path, monkeypatch):
    (tmp_path / "labels.csv").write_text("item,annotator,value\n")
    bring = handler(build(controller, labels=labels), "wire.<locals>.import_labels")
    running, done = [], threading.Event()

    def slow(*arguments, **options):
        running.append(1)
        done.wait(20)
        raise BadInput("done with it")

    monkeypatch.setattr(panel.exchange, "import_labels", slow)

    def start():
        return bring(visit(), tiny, str(tmp_path / "labels.csv"), "new", "", "Bob", {})

    async def visitors():
        tasks = [asyncio.create_task(start()) for _ in range(panel.MOST_WAITING)]
        while len(running) < panel.AT_ONCE:
            await asyncio.sleep(0.01)
        others = [asyncio.to_thread(int) for _ in range(20)]
        assert await asyncio.wait_for(asyncio.gather(*others), 5) == [0] * 20
        with pytest.raises(gr.Error, match="other files wait to be imported"):
            await start()
        assert len(running) == panel.AT_ONCE
        done.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    told = asyncio.run(visitors())
    assert all("one with it" in str(error) for error in told)


def test_nobodys_import_without_a_project_is_refused_unread(labels, controller, tiny, tmp_path):
    (tmp_path / "labels.zip").write_bytes(b"no zip")
    bring = handler(build(controller, labels=labels), "wire.<locals>.import_labels")
    with pytest.raises(gr.Error, match="ype your name first"):
        asyncio.run(bring(visit(), tiny, str(tmp_path / "labels.zip"), "", "", "", {}))


def test_only_administrators_export(labels, controller, tiny):
    assigned(labels, tiny)
    guest = labels.join("ours", "Bob")
    export = handler(build(controller, labels=labels), "._exported")
    with pytest.raises(gr.Error, match="nly an administrator"):
        asyncio.run(export("ours", {"ours": guest.code}, "csv", False, False))


def test_only_administrators_delete_models_and_of_their_own_project(labels, controller, tiny):
    _, codes = assigned(labels, tiny)
    guest = labels.join("ours", "Bob")
    delete = handler(build(controller, labels=labels), ".delete")
    with pytest.raises(gr.Error, match="nly an administrator"):
        asyncio.run(delete("ours", {"ours": guest.code}, "ours"))
    with pytest.raises(gr.Error, match="no trained model 'classifier'"):
        asyncio.run(delete("ours", codes, "classifier"))


def test_who_makes_a_project_has_a_name(labels, controller, tiny, tmp_path):
    for name in ("", "  ", None):
        with pytest.raises(BadInput, match="type your name first"):
            labels.create(name, bundle=tiny, **FIELDS)
    (tmp_path / "labels.csv").write_text("item,value\n")
    bring = handler(build(controller, labels=labels), "wire.<locals>.import_labels")
    with pytest.raises(gr.Error, match="ype your name first"):
        asyncio.run(bring(visit(), tiny, str(tmp_path / "labels.csv"), "new", "", "", {}))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": ""}, "give the project a name"),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "/etc"}, "letters, digits, spaces"),
        ({"question": " "}, "write the question"),
        ({"classes": []}, "name at least two classes"),
    ],
)
def test_our_own_words_for_what_a_form_lacks(labels, tiny, fields, told):
    with pytest.raises(BadInput, match=told) as error:
        labels.create("Ada", bundle=tiny, **FIELDS | fields)
    assert "String" not in str(error.value)


def test_an_invitation_opens_the_tab_and_joins_with_a_code_that_is_shown(labels, controller, tiny):
    project, codes = assigned(labels, tiny)
    page = build(controller, labels=labels)
    closed = project.setup.model_copy(update={"open": False})
    projects.change(labels.database(), project, closed)
    made = handler(page, "InvitationPanel._made")("ours", codes, 7, "http://studio/")
    link = next(str(v) for b, v in made.items() if b.elem_id == "invitation-link")
    token = re.search(r"http://studio/\?project=ours&amp;invitation=([\w-]+)", link).group(1)

    shown = places(page, handler(page, "LabelTab.load")(tiny, {}, visit("bob", invitation=token)))
    assert shown["label-project"]["value"] == "ours"
    assert "You are invited to the project “ours”" in shown["label-who"]
    join = handler(page, "LabelTab._join_in")
    joined = asyncio.run(join("ours", "Bob", token, {}, visit("bob")))
    held = next(v for v in joined.values() if isinstance(v, dict) and "ours" in v)
    assert held["ours"] in places(page, joined)["label-who"], "the code is shown at once"
    assert labels.assignment("ours", held).person.name == "Bob"
    with pytest.raises(gr.Error, match="not open to everyone"):
        asyncio.run(join("ours", "Eve", "", {}, visit("eve")))


def test_a_link_that_was_revoked_says_so(labels, controller, tiny):
    project, codes = assigned(labels, tiny)
    page = build(controller, labels=labels)
    token = invitations.make(labels.database(), project)
    (link,) = invitations.listed(labels.database(), project)
    handler(page, "InvitationPanel._revoked")("ours", codes, link.id)
    shown = places(page, handler(page, "LabelTab.load")(tiny, {}, visit(invitation=token)))
    assert "ask who sent it for a new link" in shown["label-who"]


def test_a_second_guest_of_one_name_leaves_the_first_code_shown(labels, controller, tiny):
    _, codes = assigned(labels, tiny)
    page = build(controller, labels=labels)
    add = handler(page, "InvitationPanel._added")
    first = add("ours", codes, "Bob", [])
    shown = places(page, first)["guest-codes"]
    (given,) = next(v for v in first.values() if isinstance(v, list))
    assert given[1] in shown
    second = add("ours", codes, "Bob", [given])
    assert "called" in places(page, second)["invite-problem"]
    assert "guest-codes" not in places(page, second), "what is shown stays"
    third = add("ours", codes, "Eve", [given])
    assert given[1] in places(page, third)["guest-codes"]


def test_only_administrators_invite(labels, controller, tiny):
    assigned(labels, tiny)
    guest = {"ours": labels.join("ours", "Bob").code}
    page = build(controller, labels=labels)
    told = places(page, handler(page, "InvitationPanel._made")("ours", guest, 7, "http://studio/"))
    assert "nly an administrator" in told["invite-problem"]
    assert "invitation-link" not in told


def test_guidelines_and_examples_reach_annotators(labels, controller, tiny, tmp_path):
    project, codes = assigned(labels, tiny)
    page = build(controller, labels=labels)
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "b_secret.png")
    handler(page, "GuidelinesPanel._saved")("ours", codes, "**Look** closely")
    add = handler(page, "GuidelinesPanel._added")
    told = asyncio.run(add("ours", codes, "b", [str(tmp_path / "b_secret.png")], visit()))
    assert "secret" not in str(told)
    assert "Examples of “b” now: 1" in places(page, told)["guidelines-status"]
    assert list(class_examples.listed(labels.database(), project)) == ["b"]
    assert projects.find(labels.database(), "ours").setup.instructions == "**Look** closely"
    guest = {"ours": labels.join("ours", "Bob").code}
    with pytest.raises(gr.Error, match="nly an administrator"):
        handler(page, "GuidelinesPanel._saved")("ours", guest, "mine")


def test_what_is_typed_once_a_project_is_there_stays(labels, controller, tiny):
    page = build(controller, labels=labels)
    create = handler(page, "wire.<locals>.create")
    settings = projects.Setup.checked({"name": "ours", "bundle": tiny, "classes": ["a", "b"]})
    told = called(
        create, further=[getattr(settings, key) for key in LATER], which=tiny, person="Ada",
        name="ours", question=settings.question, guide="", classes="a, b", kind=EXAMPLES,
    )  # fmt: skip
    assert isinstance(told, list), told
    assert "guidelines-text" in places(page, told[-2])
    # Gradio sends the last update twice.
    assert all(set(update) <= {"visible", "__type__"} for update in told[-1].values())


def test_a_picture_to_decide_does_not_tell_its_files_name(labels, controller, tiny):
    project, codes = assigned(labels, tiny)
    pictures.add(labels.database(), project, [("b_true.png", np.zeros((16, 16, 1), np.uint8))])
    (item,) = pictures.items(labels.database(), project)
    for name, value in (("Bob", "a"), ("Eve", "b")):
        person = labels.join("ours", name).annotator
        responses.answer(labels.database(), person, Submission(item.id, value, "1"))
    page = build(controller, labels=labels)
    shown = places(page, asyncio.run(handler(page, "AdminPanel._look")("ours", codes)))
    assert "1 for a, 1 for b" in shown["adjudicate-picture"]
    assert "b_true" not in shown["adjudicate-picture"]


HELD = [[], ["x"], 3, True, "x", {"ours": ["x"]}, {"ours": None}, {"ours": 3}, {"ours": {}}]
NAMES = [["ours"], 3, {"ours": 1}, True, "a\0b", "\ud800", "x" * 3000]


def called(handler, further=(), **given):
    """What a handler answers, or the error that it raises for the page to show."""
    request = SimpleNamespace(session_hash="me", query_params={"invitation": "x"}, headers={})
    known = inspect.signature(handler).parameters.values()
    plain = {p.name: None for p in known if p.default is p.empty and p.kind != p.VAR_POSITIONAL}
    values = plain | {key: value for key, value in given.items() if key in plain}
    values |= {"request": request} if "request" in plain else {}
    try:
        answer = handler(*values.values(), *further)
        if inspect.isasyncgen(answer):
            return asyncio.run(_all(answer))
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer
    except gr.Error as error:
        return error


async def _all(answers):
    return [answer async for answer in answers]


def handlers(page):
    """The page's handlers that take what a browser keeps, once each."""
    found = {f.fn.__qualname__: f.fn for f in page.fns.values() if f.fn}
    return {
        name: function for name, function in found.items()
        if "held" in inspect.signature(function).parameters and "ui.label" in function.__module__
    }  # fmt: skip


def test_what_a_browser_keeps_may_be_anything(controller, labels, tiny):
    assigned(labels, tiny)
    found = handlers(build(controller, labels=labels))
    assert len(found) > 15
    for (name, handler), held in product(found.items(), HELD):
        given = dict.fromkeys(("name", "chosen", "project"), "ours")
        told = called(handler, held=held, file="labels.csv", which=tiny, **given)
        if not name.endswith(("load", "opened")):  # these show it
            assert "codes that this browser keeps are damaged" in str(told), (name, held)


def test_what_a_browser_chooses_may_be_anything(controller, labels, tiny):
    _, held = assigned(labels, tiny)
    found = handlers(build(controller, labels=labels))
    for (name, handler), chosen, right in product(found.items(), NAMES, (False, True)):
        known = inspect.signature(handler).parameters
        if name.endswith("retrain"):
            continue  # takes as many settings as training has, which are checked there
        many = any(p.kind == p.VAR_POSITIONAL for p in known.values())
        value = "ours" if right else chosen
        given = dict.fromkeys(known, chosen)
        given |= {"name": value, "chosen": value, "project": value, "which": tiny}
        given |= {"held": held, "files": None, "file": None, "login": None}
        told = called(handler, [chosen] * len(LATER) * many, **given)
        if isinstance(told, gr.Error):
            assert told.message, name
            assert "\n" not in told.message, name


def test_a_code_by_the_api_may_be_anything(controller, labels, tiny):
    assigned(labels, tiny)
    page = build(controller, labels=labels)
    label = next(f.fn for f in page.fns.values() if f.api_name == "label")
    for code in (None, [], ["x"], 3, True, {}, "a\0", "\ud800", " "):
        with pytest.raises(gr.Error, match="access code"):
            label(code, 1, "b", "request 1")


@pytest.mark.parametrize("which", ["clip:/etc", "hf:~/", "hf:owner/name", "clip:owner/name", "x"])
def test_only_the_person_at_the_machine_names_an_annotator_of_it(
    labels, controller, tiny, which, monkeypatch
):
    _, codes = assigned(labels, tiny)
    page = build(controller, labels=labels)
    chosen, run = handler(page, "._chosen"), handler(page, "AnnotatorPanel._annotated")
    about, asked = annotation.about, []

    def noted(bundle, name):
        asked.append(name)
        return about(bundle, name)

    monkeypatch.setattr(annotation, "about", noted)
    with pytest.raises(gr.Error, match="choose from: classifier"):
        chosen("ours", codes, which, visit())
    with pytest.raises(gr.Error, match="choose from: classifier"):
        asyncio.run(_all(run(visit(), "ours", codes, which, "")))
    assert which not in asked
    for own in ("classifier", annotation.DEFAULT):
        chosen("ours", codes, own, visit())
    labels.access = AccessPolicy("private")
    chosen("ours", codes, which, visit())
    assert which in asked


def test_an_annotator_is_chosen_only_by_who_may_let_it_label(labels, controller, tiny):
    _, codes = assigned(labels, tiny)
    chosen = handler(build(controller, labels=labels), "._chosen")
    labels.access = AccessPolicy("demo")
    with pytest.raises(gr.Error, match="ask them for an invitation"):
        chosen("ours", codes, "classifier", visit())


def test_only_the_machines_person_is_told_of_its_folders(controller, labels):
    for access, told in ((MEMBERS, False), (AccessPolicy("private"), True)):
        labels.access = access
        page = build(controller, labels=labels, access=access)
        which = next(b for b in page.blocks.values() if b.elem_id == "annotator-name")
        assert (which.allow_custom_value, "folder" in which.info) == (told, told)


def test_an_import_gives_nobody_the_pictures_of_anothers_project(
    labels, controller, tiny, tmp_path
):
    project, codes = assigned(labels, tiny)
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    pictures.add(labels.database(), project, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    closed = project.setup.model_copy(update={"open": False})
    project = projects.change(labels.database(), project, closed)
    table = str(tmp_path / "table.jsonl")
    exchange.export(labels.database(), project, tmp_path / "table.jsonl")
    bring = handler(build(controller, labels=labels), "wire.<locals>.import_labels")
    guest = {"ours": projects.invite(labels.database(), project, "Bob").code}
    for held in ({}, guest):
        with pytest.raises(gr.Error, match="is not here"):
            asyncio.run(bring(logged_in("eve"), tiny, table, "copy", "", "Eve", held))
    # Who administers the project has its pictures already.
    asyncio.run(bring(logged_in("ada"), tiny, table, "copy", "", "Ada", codes))
    copy = projects.find(labels.database(), "copy")
    assert copy.owner == "ada"
    assert len(pictures.items(labels.database(), copy)) == 3
    # So has who made it with their login, without its code.
    asyncio.run(bring(logged_in("ada"), tiny, table, "again", "", "Ada", {}))
    labels.access = AccessPolicy("private")
    asyncio.run(bring(visit(), tiny, table, "mine", "", "Me", {}))
    assert len(projects.listed(labels.database())) == 4


def test_examples_are_decoded_off_the_engine_one_by_one(
    labels, controller, tiny, tmp_path, monkeypatch
):
    project, codes = assigned(labels, tiny)
    for number in range(9):
        noise = np.random.default_rng(number).integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / f"{number}.png") for number in range(9)]
    threads, jobs = [], []
    read, submit = imaging.read_picture, controller.runs.engine.submit

    def reading(source):
        threads.append(threading.current_thread().name)
        return read(source)

    def submitted(*given, **options):
        jobs.append(given[1])
        return submit(*given, **options)

    monkeypatch.setattr(imaging, "read_picture", reading)
    monkeypatch.setattr(controller.runs.engine, "submit", submitted)
    add = handler(build(controller, labels=labels), "GuidelinesPanel._added")
    with pytest.raises(gr.Error, match="at most 8 examples"):
        asyncio.run(add("ours", codes, "b", files, visit()))
    assert not threads
    asyncio.run(add("ours", codes, "b", files[:3], visit()))
    assert len(threads) == len(jobs) == 3
    assert all(name.startswith("decode-files") for name in threads)
    assert len(class_examples.listed(labels.database(), project)["b"]) == 3
