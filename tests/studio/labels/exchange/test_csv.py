"""CSV and JSON Lines as spreadsheets, editors and other tools save them."""

import csv
import io
import unicodedata

import pytest

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.store import pictures, projects, responses
from studio.labels.store.responses import Answer

ROWS = "item,annotator,value\n0.png,Ann,one\n1.png,Änne,seven\n"


@pytest.fixture
def place(tmp_path):
    """One database is enough here: what files hold does not depend on it."""
    return str(tmp_path / "labels.db")


def said(database, name="ones"):
    project = projects.find(database, name)
    items = {item.id: item.name for item in pictures.items(database, project)}
    return [(items[r.item_id], r.annotator, r.value) for r in responses.standing(database, project)]


BOTH = [("0.png", "Ann", "one"), ("1.png", "Änne", "seven")]


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode(),
        ROWS.encode("utf-8-sig"),
        ROWS.replace(",", ";").encode("utf-8-sig"),
        ROWS.replace(",", "\t").encode("utf-16"),
        ROWS.replace(",", "\t").encode(),
        ROWS.replace(",", "|").encode(),
        ROWS.replace(",", ";").encode("cp1252"),
        ("sep=;\r\n" + ROWS.replace(",", ";").replace("\n", "\r\n")).encode("cp1252"),
        ("\ufeffsep=,\n" + ROWS).encode(),
        ROWS.replace("item,annotator,value", "Item, Annotator ,VALUE").encode(),
        ROWS.replace("\n", "\r\n\r\n").encode(),
        (ROWS + ",,\n , ,\n").encode(),
        ROWS.replace("\n", ",,\n").encode(),
        unicodedata.normalize("NFD", ROWS).encode(),
        ROWS.replace("Änne", " Änne\u200e ").encode(),
        ROWS.replace("one", "ONE").encode(),
        ROWS.replace("1.png", "./1.PNG").encode(),
    ],
)
def test_a_table_is_read_however_it_was_saved(database, made, tmp_path, content):
    made(2)
    (tmp_path / "a.csv").write_bytes(content)
    done = exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert (done.responses, done.left_out) == (2, {})
    assert said(database) == BOTH


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Анна", "cp1251"),
        ("Jiří", "cp1250"),
        ("Λίνα", "cp1253"),
        ("Zoë", "cp850"),
        ("花子", "cp932"),
    ],
)
def test_a_code_page_is_known_by_the_projects_names(database, made, tmp_path, name, encoding):
    project, _ = made(2)
    projects.invite(database, project, name)
    (tmp_path / "a.csv").write_bytes(ROWS.replace("Änne", name).encode(encoding))
    done = exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert done.people == ["Ann"]
    assert said(database)[1] == ("1.png", name, "seven")


@pytest.mark.parametrize(("name", "encoding"), [("Анна", "cp1251"), ("Jiří", "cp1250")])
def test_a_code_page_is_not_guessed(database, made, tmp_path, name, encoding):
    made(2)
    (tmp_path / "a.csv").write_bytes(ROWS.replace("Änne", name).encode(encoding))
    with pytest.raises(BadInput, match=r"line 3 of a\.csv is not in UTF-8; .* --encoding"):
        exchange.import_labels(database, "ones", tmp_path / "a.csv")
    exchange.import_labels(database, "ones", tmp_path / "a.csv", encoding=encoding)
    assert said(database)[1] == ("1.png", name, "seven")
    with pytest.raises(BadInput, match="no encoding 'none'"):
        exchange.import_labels(database, "ones", tmp_path / "a.csv", encoding="none")


def test_ours_comes_back_from_a_spreadsheet(database, made, tmp_path, elsewhere):
    """Semicolons, the system's code page, decimal commas and Windows' line ends."""
    project, ada = made(2, question="Größer als üblich?")
    anne = projects.invite(database, project, "Änne").annotator
    first, second = (item.id for item in pictures.items(database, project))
    responses.answer(database, anne, Answer(first, "one", "1", seconds=1.5, note="=1; später"))
    responses.answer(database, ada, Answer(second, None, "2"))
    exchange.export(database, project, tmp_path / "out", "csv")
    path = tmp_path / "out" / "labels.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    text = io.StringIO()
    for row in rows:
        cells = [c.replace(".", ",") if c.replace(".", "", 1).isdigit() else c for c in row]
        csv.writer(text, delimiter=";").writerow(cells)
    path.write_bytes(text.getvalue().encode("cp1252"))
    done = exchange.import_labels(database, "ones", tmp_path / "out")
    assert (done.people, done.responses, done.repeated) == ([], 0, 2)
    exchange.import_labels(elsewhere, None, tmp_path / "out")
    copy = projects.find(elsewhere, "ones")
    assert copy.setup == project.setup
    standing = responses.standing(elsewhere, copy)
    assert [(r.annotator, r.value, r.seconds, r.note) for r in standing] == [
        ("Änne", "one", 1.5, "=1; später"), ("Ada", None, 0.0, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("45413.5", 1714564800.0),
        ("45413,5", 1714564800.0),
        ("01.05.2024 12:00", 1714564800.0),
        ("2024-05-01 12:00:00", 1714564800.0),
        ("2024-05-01T14:00:00+02:00", 1714564800.0),
        ("1714564800", 1714564800.0),
    ],
)
def test_a_time_that_a_spreadsheet_changed(database, made, tmp_path, created, seconds):
    project, _ = made(1)
    (tmp_path / "a.csv").write_text(f"item;annotator;value;created\n0.png;Ann;one;{created}\n")
    exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert [r.created for r in responses.standing(database, project)] == [seconds]


LINE = '{"item": "0.png", "annotator": "Ann", "value": "one", %s}\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "9999-12-31T23:59:59-05:00", "line 2: created: it is beyond the year 9999"),
        ("a.csv", "0001-01-01T00:00:00+05:00", "line 2: created"),
        ("a.csv", "20240501", "line 2: created: it is no time"),
        ("a.csv", "5/1/2024", "line 2: created"),
        ("a.csv", "1899-12-31", "line 2: created: it is before 1970"),
        ("a.csv", "1e400", "line 2: created"),
        ("a.csv", "nan", "line 2: created"),
        ("a.jsonl", '"seconds": Infinity', "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", '"seconds": 1e999', "line 1: seconds"),
        ("a.jsonl", '"number": 1e999', "line 1: number"),
        ("a.jsonl", '"x": ' + "[" * 100_000 + "]" * 100_000, "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", '"note": "a\\u0000b"', "line 1: note: it holds a NUL"),
        ("a.jsonl", '"note": "\\ud800"', "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", '"kind": ["label"]', "line 1 of a.jsonl is of the kind"),
        ("a.jsonl", '"kind": "project"', "line 1: project"),
        ("a.jsonl", '"kind": "project", "project": "p", "version": 1e999', "line 1: version"),
        ("a.jsonl", '"kind": "project", "project": "p", "classes": ["a\\u0000", "b"]', "NUL"),
        ("a.jsonl", '"kind": "suggestion", "agent": "m", "probabilities": {"one": 1e999}',
         r"line 1: probabilities\.one"),
        ("a.jsonl", '"kind": "suggestion", "agent": "m\\u0000"', "line 1: agent"),
    ],
)  # fmt: skip
def test_a_value_that_no_store_holds_is_a_sentence(database, made, tmp_path, name, text, message):
    made(1)
    head = "item,annotator,value,created\n0.png,Ann,one,"
    (tmp_path / name).write_text(head + text + "\n" if name == "a.csv" else LINE % text)
    with pytest.raises(BadInput, match=message):
        exchange.import_labels(database, "ones", tmp_path / name)
    assert said(database) == []


def test_json_lines_may_begin_with_a_mark(database, made, tmp_path):
    made(1)
    (tmp_path / "a.jsonl").write_text("\ufeff" + LINE % '"note": null' + "\n")
    exchange.import_labels(database, "ones", tmp_path / "a.jsonl")
    assert said(database) == [("0.png", "Ann", "one")]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("Ann 👩\u200d🔬", "Ann 👩\u200d🔬"),
        ("Ann\u00a0B", "Ann B"),
        ("\ufeffAnn", "Ann"),
        (unicodedata.normalize("NFD", "Änne"), "Änne"),
        ("Ann 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
    ],
)
def test_a_person_has_one_spelling_everywhere(database, made, tmp_path, name, kept):
    project, _ = made(2)
    assert projects.invite(database, project, name).annotator.name == kept
    with pytest.raises(BadInput, match="already"):
        projects.join(database, project, f" {kept}")
    (tmp_path / "a.csv").write_text(f"item,annotator,value\n0.png,{name},one\n1.png,{kept},one\n")
    done = exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert (done.people, done.responses) == ([], 2)


@pytest.mark.parametrize("name", ["\u200d", "\u200b", "a\u202eb", "a\nb", "x" * 61])
def test_a_name_that_nobody_can_read_is_refused(database, made, name):
    project, _ = made(1)
    with pytest.raises(BadInput, match="1 to 60"):
        projects.invite(database, project, name)


def test_what_a_table_has_beside_labels_is_reported(database, made, tmp_path):
    made(1)
    (tmp_path / "a.csv").write_text("item,annotator,value,remark,\n0.png,Ann,one,blurred,x\n")
    done = exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert done.left_out == {
        "column 'remark', which the studio does not know": 1,
        "rows' cells in a column without a name": 1,
    }
    (tmp_path / "a.csv").write_text("item,annotator,Value,value\n0.png,Ann,one,one\n")
    with pytest.raises(BadInput, match="column value twice"):
        exchange.import_labels(database, "ones", tmp_path / "a.csv")


def test_a_second_answer_of_a_file_is_counted(database, made, tmp_path):
    project, _ = made(1)
    (tmp_path / "a.csv").write_text("item,annotator,value\n0.png,Ann,one\n0.png,Ann,seven\n")
    done = exchange.import_labels(database, "ones", tmp_path / "a.csv")
    assert (done.responses, done.replaced) == (2, 1)
    assert [r.value for r in responses.standing(database, project, history=True)] == [
        "one", "seven",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "note", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1", "'=1", " "]
)
def test_a_note_reads_back_as_it_was(database, made, tmp_path, elsewhere, note):
    project, ada = made(1)
    item = pictures.items(database, project)[0].id
    responses.answer(database, ada, Answer(item, "one", "1", note=note))
    exchange.export(database, project, tmp_path / "out", "csv")
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]
    exchange.import_labels(elsewhere, None, tmp_path / "out")
    copy = projects.find(elsewhere, "ones")
    assert [r.note for r in responses.standing(elsewhere, copy)] == [note]
