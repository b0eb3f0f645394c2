"""What comes back of the process that read a file is as little trusted as the file."""

import json

import pytest

from backends.errors import BadInput
from studio.labels.exchange.allowance import VISITOR, Allowance
from studio.labels.exchange.parsed import KeptPictures, received, sent
from studio.labels.exchange.rows import ItemRow, LabelSet, ResponseRow


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out" / "kept").mkdir(parents=True)
    (tmp_path / "source").mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    return tmp_path / "out"


def test_a_label_set_comes_back(tmp_path):
    pictures = KeptPictures(tmp_path / "kept", VISITOR)
    item = ItemRow(item="a", reference="data:xyz", where="row 1", names=["b"])
    item.content = pictures.keep(b"png")
    response = ResponseRow(
        item="a", annotator="Bob", created="2024-05-01T10:00:00.123456Z", note="=1", where="row 2"
    )
    labels = LabelSet(None, 3, items=[item], responses=[response])
    labels.left_out["reason"] += 2
    back = received(sent(labels, tmp_path, tmp_path), tmp_path, tmp_path, VISITOR)
    assert back.responses == [response]
    assert back.left_out == labels.left_out
    assert back.version == 3
    assert back.items[0].content.read_bytes() == b"png"
    assert back.items[0].names == ["b"]
    assert not back.items[0].reference, "the picture itself is there"


@pytest.mark.parametrize(
    "line",
    [
        "3", "{}", "[]", '["item"]', '[["item"], {}]', '["nothing", {"item": "a"}]', '["item", 3]',
        '["item", {}]', '["response", {"item": "a"}]', "[", '["item", {"item": 3}]',
        '["item", {"item": "a", "content": ["kept", "../../secret.png"]}]',
        '["item", {"item": "a", "content": ["unpacked", "../secret.png"]}]',
        '["item", {"item": "a", "content": ["kept", "link"]}]',
        '["item", {"item": "a", "content": 3}]',
        '["item", {"item": "a", "content": ["x", {}]}]',
    ],
)  # fmt: skip
def test_a_row_that_is_none_is_a_sentence(folder, line):
    (folder / "kept" / "link").symlink_to(folder.parent / "secret.png")
    (folder / "rows.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput):
        received({}, folder, folder.parent / "source", VISITOR)


@pytest.mark.parametrize("told", [None, 3, [], {"setup": 3}, {"left_out": [1], "version": "x"}])
def test_what_is_told_beside_may_be_anything(folder, told):
    (folder / "rows.jsonl").write_text(json.dumps(["item", {"item": "a"}]))
    found = received(told, folder, folder, VISITOR)
    assert (found.setup, found.version, found.left_out) == (None, 0, {})


@pytest.mark.parametrize("setup", [{}, {"name": 3}])
def test_a_project_that_is_none_is_a_sentence(folder, setup):
    with pytest.raises(BadInput, match="project: "):
        received({"setup": setup}, folder, folder, VISITOR)


def test_pictures_and_lines_have_a_greatest_length(folder, tmp_path):
    pictures = KeptPictures(tmp_path / "kept", Allowance(content=10))
    pictures.keep(bytes(10))
    with pytest.raises(BadInput, match="import it in smaller parts"):
        pictures.keep(b"x")
    (folder / "rows.jsonl").write_text(json.dumps(["item", {"item": "a"}]))
    with pytest.raises(BadInput, match="import it in smaller parts"):
        received({}, folder, folder, Allowance(lines=5))
