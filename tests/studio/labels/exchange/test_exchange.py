"""Labels survive every format both ways, and nothing is half-taken or taken twice."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from backends.errors import BadInput, NotFound, Unreachable
from studio.labels import exchange
from studio.labels.exchange import dataset_folder, label_studio
from studio.labels.store import pictures, projects, queue, responses, suggestions
from studio.labels.store.responses import Submission
from tests.studio.labels.conftest import drawn

FOLDERS = [("csv", "out"), ("jsonl", "out"), ("datasets", "out"), ("label-studio", "out")]
FILES = [("csv", "out.csv"), ("jsonl", "out.jsonl"), ("label-studio", "out.json")]


def told(database, name, *, history=False):
    """What a project knows, apart from numbers that are the store's own."""
    project = projects.find(database, name)
    items = {item.id: (item.picture, item.name, item.votes) for item in
             pictures.items(database, project)}  # fmt: skip
    said = [
        (items[r.item_id][0], r.annotator, r.kind, r.state, r.value, r.note, r.seconds,
         round(r.created, 6), r.superseded_by is None)
        for r in responses.standing(database, project, history=history)
    ]  # fmt: skip
    guesses = [
        (items[s.item_id][0], s.agent, s.model_hash, s.value, s.score, s.probabilities,
         round(s.created, 6))
        for s in suggestions.newest(database, project)
    ]  # fmt: skip
    return sorted(items.values()), sorted(said, key=str), sorted(guesses, key=str)


def refuse(picture):
    raise AssertionError("a picture of ours is not prepared again")


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_a_folder_tells_everything_to_another_store(
    database, spoken, tmp_path, elsewhere, form, name, history
):
    done = exchange.export(database, spoken, tmp_path / name, form, history=history)
    assert (done.items, done.version) == (6, spoken.version)
    brought = exchange.import_labels(elsewhere, None, tmp_path / name, prepare=refuse)
    assert brought.access.annotator.administers
    assert brought.repeated == 0
    assert told(elsewhere, "ones", history=history) == told(database, "ones", history=history)
    copy = projects.find(elsewhere, "ones").setup
    assert copy == spoken.setup
    # The same file again, and a round trip back home, add nothing.
    again = exchange.import_labels(elsewhere, "ones", tmp_path / name, prepare=refuse)
    assert (again.items, again.responses, again.suggestions, again.people) == (0, 0, 0, [])
    back = exchange.import_labels(database, "ones", tmp_path / name, prepare=refuse)
    assert (back.items, back.responses, back.suggestions) == (0, 0, 0)
    assert back.version == spoken.version


@pytest.mark.parametrize(("form", "name"), FILES)
def test_a_file_goes_into_another_project_of_the_store(database, spoken, tmp_path, form, name):
    exchange.export(database, spoken, tmp_path / name)
    assert exchange.format_of(tmp_path / name) == form
    exchange.import_labels(database, "copy", tmp_path / name, prepare=refuse)
    assert told(database, "copy") == told(database, "ones")


@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_an_earlier_version_is_written_as_it_was(database, spoken, tmp_path, elsewhere, form, name):
    before = responses.standing(database, spoken, 3)
    exchange.export(database, spoken, tmp_path / name, form, version=3, history=True)
    exchange.import_labels(elsewhere, None, tmp_path / name)
    after = responses.standing(elsewhere, projects.find(elsewhere, "ones"))
    assert [(r.annotator, r.value) for r in after] == [(r.annotator, r.value) for r in before]
    with pytest.raises(NotFound, match="label sets 0 to"):
        exchange.export(database, spoken, tmp_path / "none", form, version=99)
    assert not (tmp_path / "none").exists()


def test_the_latest_answer_counts_wherever_it_was_given(database, spoken, tmp_path):
    exchange.export(database, spoken, tmp_path / "old.jsonl")
    bob = next(who for who in projects.people(database, spoken) if who.name == "=Bob")
    first = pictures.items(database, spoken)[0].id
    responses.answer(database, bob, Submission(first, "seven", "later"))
    lines = (tmp_path / "old.jsonl").read_text().splitlines()
    changed = [line.replace('"seconds": 1.25', '"seconds": 1.5, "x": 0')
               .replace("second line", "third line") for line in lines]  # fmt: skip
    assert changed != lines
    (tmp_path / "old.jsonl").write_text("\n".join(changed))
    brought = exchange.import_labels(database, "ones", tmp_path / "old.jsonl")
    assert brought.responses == 1
    standing = [r for r in responses.standing(database, spoken) if r.item_id == first]
    assert [r.value for r in standing if r.annotator == "=Bob"] == ["seven"]
    everything = responses.standing(database, spoken, history=True)
    assert "third line" in next(r.note for r in everything if r.via == "import")


def test_an_import_counts_as_people_do(database, spoken, tmp_path, elsewhere):
    """The next picture's order follows from votes and disagreement."""
    exchange.export(database, spoken, tmp_path / "out", "jsonl")
    exchange.import_labels(elsewhere, None, tmp_path / "out")
    dan = projects.join(elsewhere, projects.find(elsewhere, "ones"), "Dan").annotator
    assert queue.progress(elsewhere, dan).total == 6
    order = projects.find(elsewhere, "ones").setup.model_copy(update={"order": "disagreement"})
    projects.change(elsewhere, projects.find(elsewhere, "ones"), order)
    shown = queue.following(elsewhere, dan)[0]
    assert shown.picture == pictures.items(database, spoken)[0].picture


def test_no_cell_is_a_formula(database, spoken, tmp_path):
    exchange.export(database, spoken, tmp_path / "out.csv", history=True)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'=Bob" in cells
    assert "''=no" in cells


def test_a_plain_table_of_names_and_values(database, made, tmp_path):
    project, _ = made(3)
    table = tmp_path / "theirs.csv"
    table.write_text("item,annotator,value\n0.png,Bob,one\n1.png,Bob,\n0.png,Eve,seven\n")
    brought = exchange.import_labels(database, "ones", table)
    assert (brought.responses, brought.people) == (3, ["Bob", "Eve"])
    said = [(r.annotator, r.value, r.unsure) for r in responses.standing(database, project)]
    assert said == [("Bob", "one", False), ("Bob", None, True), ("Eve", "seven", False)]
    assert exchange.import_labels(database, "ones", table).repeated == 3


GOOD = "item,annotator,value,seconds,created,kind,state\n0.png,Bob,one,1,,,\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", GOOD + "1.png,Bob,nine,,,,\n", "line 3: 'nine' is no class"),
        ("a.csv", GOOD + "9.png,Bob,one,,,,\n", "line 3: item '9.png' is not here"),
        ("a.csv", GOOD + "1.png,Bob,one,soon,,,\n", "line 3: seconds"),
        ("a.csv", GOOD + "1.png,Bob,one,nan,,,\n", "line 3: seconds"),
        ("a.csv", GOOD + "1.png,Bob,one,,yesterday,,\n", "line 3: created"),
        ("a.csv", GOOD + "1.png,,one,,,,\n", "line 3: annotator"),
        ("a.csv", GOOD + "1.png,Bob,one,,,,maybe\n", "line 3: state"),
        ("a.csv", GOOD + "1.png,Bob,one,,,other,\n", "line 3 of a.csv is of the kind 'other'"),
        ("a.csv", GOOD + "1.png,Bob\n", "line 3 of a.csv has not as many cells"),
        ("a.csv", GOOD + ",Bob,one,,,,\n", "line 3: .*neither an item nor a picture"),
        ("a.csv", GOOD + '1.png,"Bob,one,,,,\n', "cannot be read as CSV"),
        ("a.csv", "name;who\n", "no columns annotator and value"),
        ("a.csv", GOOD.encode() + b"\xff\xfe", "UTF-8"),
        ("a.csv", GOOD + f"1.png,{'B' * 61},one,,,,\n", "line 3: annotator"),
        ("a.csv", GOOD + "1.png,B\x07b,one,,,,\n", "1 to 60 characters"),
        ("a.jsonl", '{"item": "0.png", "annotator": "B", "value": "one"}\n{', "line 2 .* no JSON"),
        ("a.jsonl", "[1]\n", "line 1 .* no JSON object"),
        ("a.jsonl", '{"item": "0.png", "annotator": "B", "value": 3}\n', "line 1: value"),
        ("a.jsonl", '{"kind": "project", "project": ""}\n', "line 1: name"),
        ("a.jsonl", '{"picture": "ab", "annotator": "B"}\n', "line 1: picture"),
        ("a.jsonl", f'{{"picture": "{"0" * 64}", "annotator": "B"}}\n', "picture 000000"),
        ("a.json", "{}", "no list of tasks"),
        ("a.json", "[{}]", "task 1 of a.json is no task"),
        ("a.json", "[", "is no JSON"),
        ("a.txt", "", "say --format"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_nothing_is_taken(
    database, made, tmp_path, name, text, message
):
    project, _ = made(3)
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = told(database, "ones")
    with pytest.raises(BadInput, match=message):
        exchange.import_labels(database, "ones", tmp_path / name)
    assert told(database, "ones") == before
    assert [who.name for who in projects.people(database, project)] == ["Ada"]


def test_a_new_project_needs_its_settings(database, made, tmp_path):
    made(3)
    table = tmp_path / "theirs.csv"
    table.write_text("item,annotator,value\n0.png,Bob,one\n")
    with pytest.raises(BadInput, match="give --bundle and --classes"):
        exchange.import_labels(database, "new", table)
    with pytest.raises(BadInput, match=r"item '0\.png' is not here"):
        exchange.import_labels(database, "new", table, bundle="digits", classes=["one", "two"])
    assert [project.name for project in projects.listed(database)] == ["ones"]
    with pytest.raises(NotFound, match="check the path"):
        exchange.import_labels(database, "new", tmp_path / "none.csv")


def test_another_picture_under_its_name_is_noticed(database, spoken, tmp_path, elsewhere):
    exchange.export(database, spoken, tmp_path / "out", "jsonl")
    one, two = sorted((tmp_path / "out" / "images").iterdir())[:2]
    one.write_bytes(two.read_bytes())
    with pytest.raises(BadInput, match="sha256 differs"):
        exchange.import_labels(elsewhere, None, tmp_path / "out")
    assert projects.listed(elsewhere) == []


@pytest.mark.parametrize(("form", "name"), [*FOLDERS, *FILES])
def test_an_interrupted_export_leaves_nothing(database, spoken, tmp_path, monkeypatch, form, name):
    def broken(*args):
        raise RuntimeError("no space left")

    module = {
        "csv": exchange.file_formats.csv_table, "jsonl": exchange.file_formats.lines,
        "label-studio": label_studio, "datasets": dataset_folder,
    }[form]  # fmt: skip
    monkeypatch.setattr(module, "plain" if form != "label-studio" else "_task", broken)
    with pytest.raises(RuntimeError, match="no space"):
        exchange.export(database, spoken, tmp_path / "to" / name, form)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(database, spoken, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("")
    with pytest.raises(BadInput, match="not empty"):
        exchange.export(database, spoken, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.doc"]
    with pytest.raises(BadInput, match="choose from: csv"):
        exchange.export(database, spoken, tmp_path / "new", "xml")


def test_datasets_reads_it_as_its_own(database, spoken, tmp_path):
    from datasets import ClassLabel, load_from_disk

    exchange.export(database, spoken, tmp_path / "out")
    rows = load_from_disk(tmp_path / "out")
    assert rows.features["label"] == ClassLabel(names=["one", "seven"])
    # Adjudicated; one vote beside an unsure one; skipped; taken back; nobody yet.
    assert list(rows["label"]) == [1, 1, None, None, None, None]
    assert list(rows["shares"]) == [[0.0, 1.0], [0.0, 1.0], [], [], [], []]
    first = rows[0]
    expected = next(drawn(1))[1]
    np.testing.assert_array_equal(np.asarray(first["image"]), expected[..., 0])
    assert [r["annotator"] for r in first["responses"]] == ["=Bob", "eve@example.org", "Ada"]
    assert first["suggestions"][0]["agent"] == "clip:@x"


def test_pushing_is_private(database, spoken, tmp_path, monkeypatch):
    import datasets
    import huggingface_hub

    calls = []
    monkeypatch.setattr(
        datasets.Dataset, "push_to_hub",
        lambda self, repository, **words: calls.append((repository, len(self), words)),
    )  # fmt: skip
    monkeypatch.setattr(
        huggingface_hub.HfApi, "upload_file", lambda self, **words: calls.append(words)
    )
    exchange.export(database, spoken, tmp_path / "out")
    address = dataset_folder.push(tmp_path / "out", "lab/ones", token="t")
    assert address.endswith("/datasets/lab/ones")
    assert calls[0] == ("lab/ones", 6, {"private": True, "token": "t"})
    assert calls[1]["path_in_repo"] == "project.json"
    assert calls[1]["repo_type"] == "dataset"


def test_a_refused_push_is_one_sentence(database, spoken, tmp_path, monkeypatch):
    import datasets

    def refused(self, repository, **words):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(datasets.Dataset, "push_to_hub", refused)
    exchange.export(database, spoken, tmp_path / "out")
    with pytest.raises(Unreachable, match=r"check the connection, then push .*out again"):
        dataset_folder.push(tmp_path / "out", "lab/ones")
    monkeypatch.undo()
    with pytest.raises(BadInput, match="give owner/name"):
        dataset_folder.push(tmp_path / "out", "lab/o n e s")
    with pytest.raises(BadInput, match="is no datasets folder"):
        dataset_folder.push(tmp_path, "lab/ones")


@pytest.mark.parametrize(("form", "name"), [*FOLDERS, *FILES])
def test_a_project_without_pictures_has_nothing_to_export(database, made, tmp_path, form, name):
    project, _ = made(0)
    with pytest.raises(BadInput, match="no pictures yet"):
        exchange.export(database, project, tmp_path / name, form)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(("form", "name"), [*FOLDERS, *FILES])
def test_pictures_without_labels(database, made, tmp_path, elsewhere, form, name):
    project, _ = made(2)
    exchange.export(database, project, tmp_path / name, form)
    brought = exchange.import_labels(database, "copy", tmp_path / name)
    assert (brought.items, brought.version) == (2, 0)


def test_what_was_written_can_be_told_as_json(database, spoken, tmp_path):
    done = exchange.export(database, spoken, tmp_path / "o.csv")
    assert json.loads(json.dumps(dataclasses.asdict(done)))["format"] == "csv"


def test_a_table_finds_only_the_pictures_of_projects_that_the_importer_may_see(
    database, spoken, tmp_path
):
    exchange.export(database, spoken, tmp_path / "table.csv")
    exchange.export(database, spoken, tmp_path / "out", "csv")
    other, _ = projects.create(
        database, spoken.setup.model_copy(update={"name": "others"}), "Eve"
    )  # fmt: skip
    options = {"bundle": "digits", "classes": ["one", "seven"]}
    for number, own in enumerate([(), (other.id,)]):
        for name in (f"copy {number}", "others"):
            with pytest.raises(BadInput, match="is not here; add its picture first"):
                exchange.import_labels(
                    database, name, tmp_path / "table.csv", own=own, **options
                )  # fmt: skip
        # With its pictures a file says nothing that its importer does not know.
        exchange.import_labels(database, f"copy {number}", tmp_path / "out", own=own)
    exchange.import_labels(database, "ones", tmp_path / "table.csv", own=())
    for name, own in (("mine", (other.id, spoken.id)), ("all", None)):
        done = exchange.import_labels(database, name, tmp_path / "table.csv", own=own, **options)
        assert done.items == 6


def test_an_imported_project_is_its_makers(database, spoken, tmp_path):
    exchange.export(database, spoken, tmp_path / "out", "csv")
    exchange.import_labels(database, "copy", tmp_path / "out", owner="ada")
    assert projects.find(database, "copy").owner == "ada"
    exchange.import_labels(database, "nobodys", tmp_path / "out")
    assert projects.find(database, "nobodys").owner == ""
