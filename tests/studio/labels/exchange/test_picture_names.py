"""What files call a picture leads to that picture, or to a sentence; never to another one."""

import base64
import json
import unicodedata

import numpy as np
import pytest

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.exchange.picture_names import PictureNames, looks_like_picture, names_of
from studio.labels.store import pictures, projects, responses

HERE = [
    "plain.png", "cat+dog.png", "a b.png", "100%.png", "sub/deep.png", "one/001.png",
    "two/001.png", "my cat (1).png", unicodedata.normalize("NFC", "Köln.png"),
    unicodedata.normalize("NFD", "Zoë.png"), "UPPER.PNG", "x#1.png", "q?1.png",
    "deadbeef-own.png", "a&b.png", "عکس\u200cمن.png", "日本.png", "under_score.png",
]  # fmt: skip
UPLOAD = "/data/upload/3/1a2b3c4d-"
SERVED = "/data/local-files/?d="
CODED = base64.b64encode(b"s3://bucket/folder/plain.png").decode()

SPELLINGS = [
    # uploads
    (f"{UPLOAD}plain.png", "plain.png"),
    ("data/upload/3/1a2b3c4d-plain.png", "plain.png"),
    ("/data/upload/1a2b3c4d-plain.png", "plain.png"),
    ("http://localhost:8080/data/upload/3/1a2b3c4d-plain.png", "plain.png"),
    ("https://host.org/prefix/data/upload/3/1a2b3c4d-plain.png?token=abc", "plain.png"),
    ("/data/upload/3/1a2b3c4d-0a1b-2c3d-4e5f-60718293a4b5-plain.png", "plain.png"),
    ("images/1a2b3c4d-plain.png", "plain.png"),
    ("1a2b3c4d-plain.png", "plain.png"),
    (f"{UPLOAD}plain.PNG", "plain.png"),
    (f"{UPLOAD}upper.png", "UPPER.PNG"),
    (f"{UPLOAD}deep.png", "sub/deep.png"),
    (f"{UPLOAD}a_b.png", "a b.png"),
    (f"{UPLOAD}my_cat_1.png", "my cat (1).png"),
    (f"{UPLOAD}catdog.png", "cat+dog.png"),
    (f"{UPLOAD}cat+dog.png", "cat+dog.png"),
    (f"{UPLOAD}cat%2Bdog.png", "cat+dog.png"),
    (f"{UPLOAD}a%20b.png", "a b.png"),
    (f"{UPLOAD}100.png", "100%.png"),
    (f"{UPLOAD}{unicodedata.normalize('NFD', 'Köln.png')}", "Köln.png"),
    (f"{UPLOAD}K%C3%B6ln.png", "Köln.png"),
    (f"{UPLOAD}Ko%CC%88ln.png", "Köln.png"),
    (f"{UPLOAD}Zo%C3%AB.png", "Zoë.png"),
    (f"{UPLOAD}عکسمن.png", "عکس\u200cمن.png"),
    (f"{UPLOAD}%E6%97%A5%E6%9C%AC.png", "日本.png"),
    (f"{UPLOAD}deadbeef-own.png", "deadbeef-own.png"),
    (f"{UPLOAD}under_score.png", "under_score.png"),
    # local files
    (f"{SERVED}plain.png", "plain.png"),
    ("/data/local-files?d=plain.png", "plain.png"),
    (f"http://localhost:8080{SERVED}pets%2Fplain.png", "plain.png"),
    (f"{SERVED}pets/sub/deep.png", "sub/deep.png"),
    (f"{SERVED}pets%2Fsub%2Fdeep.png", "sub/deep.png"),
    (f"{SERVED}pets%5Csub%5Cdeep.png", "sub/deep.png"),
    (f"{SERVED}pets/two/001.png", "two/001.png"),
    (f"{SERVED}cat+dog.png", "cat+dog.png"),
    (f"{SERVED}cat%2Bdog.png", "cat+dog.png"),
    (f"{SERVED}a+b.png", "a b.png"),
    (f"{SERVED}a%20b.png", "a b.png"),
    (f"{SERVED}a b.png", "a b.png"),
    (f"{SERVED}a%2520b.png", "a b.png"),
    (f"{SERVED}100%25.png", "100%.png"),
    (f"{SERVED}100%.png", "100%.png"),
    (f"{SERVED}a&b.png", "a&b.png"),
    (f"{SERVED}a%26b.png", "a&b.png"),
    (f"{SERVED}a&amp;b.png", "a&b.png"),
    (f"{SERVED}x#1.png", "x#1.png"),
    (f"{SERVED}x%231.png", "x#1.png"),
    (f"{SERVED}q%3F1.png", "q?1.png"),
    (f"{SERVED}pets/my%20cat%20%281%29.png", "my cat (1).png"),
    (f"{SERVED}upper.png", "UPPER.PNG"),
    # elsewhere
    ("https://example.org/pets/plain.png?d=20240101", "plain.png"),
    ("https://example.org/pets/plain.png?d=sub/deep.png", "plain.png"),
    ("https://example.org/download?file=plain.png", "plain.png"),
    ("https://bucket.s3.amazonaws.com/sub/deep.png?X-Amz-Signature=ab+c%2F", "sub/deep.png"),
    ("s3://bucket/sub/deep.png", "sub/deep.png"),
    ("s3://bucket/two/001.png", "two/001.png"),
    ("s3://bucket/x#1.png", "x#1.png"),
    ("gs://bucket/plain.png", "plain.png"),
    ("azure-blob://box/a%20b.png", "a b.png"),
    (f"/tasks/7/presign/?fileuri={CODED}", "plain.png"),
    (f"http://host/tasks/7/resolve/?fileuri={CODED.rstrip('=')}", "plain.png"),
    ("http://host/plain.png#xywh=1,2,3,4", "plain.png"),
    # names and paths
    ("plain.png", "plain.png"),
    ("./plain.png", "plain.png"),
    (" plain.png ", "plain.png"),
    ("../images/plain.png", "plain.png"),
    ("/home/ann/pets/sub/deep.png", "sub/deep.png"),
    (r"C:\Users\Ann\pets\sub\deep.png", "sub/deep.png"),
    (r"\\server\pets\plain.png", "plain.png"),
    ("file:///home/ann/a%20b.png", "a b.png"),
    ("deep.png", "sub/deep.png"),
    ("x#1.png", "x#1.png"),
    ("q?1.png", "q?1.png"),
    ("100%.png", "100%.png"),
    ("deadbeef-own.png", "deadbeef-own.png"),
]


@pytest.fixture
def place(tmp_path):
    """One database is enough here: what files hold does not depend on it."""
    return str(tmp_path / "labels.db")


@pytest.mark.parametrize(("reference", "name"), SPELLINGS)
def test_a_reference_finds_its_picture(reference, name):
    names = PictureNames((name, unicodedata.normalize("NFC", name)) for name in HERE)
    assert names.find(reference) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "reference",
    [
        f"{UPLOAD}other.png",
        "https://example.org/other.png?d=plain.png",
        f"{SERVED}three/001.png",
        "other/deep.png",
        "/../../../../etc/hostname",
        "http://[broken/plain",
        "",
        "/",
        f"/tasks/7/presign/?fileuri={'%' * 9}",
    ],
)
def test_another_picture_is_not_taken_for_it(reference):
    assert PictureNames((name, name) for name in HERE).find(reference) is None


@pytest.mark.parametrize("reference", ["001.png", f"{UPLOAD}001.png", f"{SERVED}001.png"])
def test_a_name_of_two_pictures_is_refused(reference):
    with pytest.raises(BadInput, match=r"more than once \(one/001.png and two/001.png\)"):
        PictureNames((name, name) for name in HERE).find(reference)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("001.png", f"{UPLOAD}001.png", "/data/upload/3/9f8e7d6c-001.png"),
        ("001.png", "s3://bucket/one/001.png", "s3://bucket/two/001.png"),
        ("a b.png", f"{SERVED}a b.png", f"{SERVED}a_b/a b.png"),
    ],
)
def test_two_references_are_not_one_picture(name, first, second):
    names = PictureNames([(name, 1)])
    assert [names.find(first), names.find(first)] == [1, 1]
    with pytest.raises(BadInput, match="nothing tells which"):
        names.find(second)


def test_an_upload_whose_own_name_is_known_is_no_other_upload():
    names = PictureNames([("001.png", 1), ("1a2b3c4d-001.png", 1)])
    assert names.find(f"{UPLOAD}001.png") == 1
    assert names.find("/data/upload/3/9f8e7d6c-001.png") is None


def test_names_for_new_items():
    assert names_of(f"{UPLOAD}a%20b.png") == ["a b.png", "1a2b3c4d-a b.png"]
    assert names_of(f"{SERVED}two%2F001.png") == ["001.png", "two/001.png"]
    assert names_of("data:image/png;base64,AAAA") == []


@pytest.mark.parametrize("text", ["A cat on a mat.", "https://example.org/", "", "3.5", "a\nb.png"])
def test_a_text_is_no_picture(text):
    assert not looks_like_picture(text)


def test_label_studio_finds_every_spelling_in_a_project(database, made, tmp_path):
    """One file a spelling, as one file with several spellings of a picture would be refused."""
    project, _ = made(0)
    named = [(name, np.full((4, 4, 1), number, np.uint8)) for number, name in enumerate(HERE)]
    pictures.add(database, project, named)
    name_of = {
        item.id: unicodedata.normalize("NFC", item.name)
        for item in pictures.items(database, project)
    }
    for number, (reference, name) in enumerate(SPELLINGS[::6]):
        task = {
            "data": {"text": "what is it", "photo_of": reference},
            "annotations": [{
                "id": 1, "completed_by": number,
                "result": [{"type": "choices", "from_name": "c", "value": {"choices": ["one"]}}],
            }],
        }  # fmt: skip
        (tmp_path / "tasks.json").write_text(json.dumps([task]))
        done = exchange.import_labels(database, "ones", tmp_path / "tasks.json")
        assert (done.items, done.responses) == (0, 1)
        last = responses.standing(database, projects.find(database, "ones"))[-1]
        assert name_of[last.item_id] == unicodedata.normalize("NFC", name)
