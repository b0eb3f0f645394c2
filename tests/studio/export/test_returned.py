"""Files that come back: what the studio wrote is read exactly, anything else gets a sentence."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from backends import service
from backends.core import Request
from backends.errors import BadInput
from backends.imaging import reading
from studio import export
from studio.export import returned


@pytest.fixture(scope="module")
def answered(tiny):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)
    said = service.predict(tiny, picture).label
    target = next(name for name in "abc" if name != said)
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:6] = 255
    request = Request(
        tiny, "leapfactual", target, picture, "painted", mask, {"blending_leaps": 3}, seed=5
    )
    *frames, answer = service.explain(request)
    return request, answer, frames


@pytest.fixture(scope="module")
def folder(answered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "answer"
    export.write(folder, *answered[1:])
    return folder


@pytest.fixture(scope="module")
def archive(folder):
    path = folder.with_suffix(".zip")
    export.write_zip(path, folder)
    return path


def test_a_zip_gives_question_and_answer_to_the_last_bit(answered, archive):
    asked, answer, _ = answered
    found = export.read_returned(archive)
    for name in ("factual", "counterfactual", "mask", "reconstruction"):
        assert np.array_equal(getattr(found.answer, name), getattr(answer, name)), name
    assert found.answer.record == answer.record
    assert found.answer.alternatives.keys() == answer.alternatives.keys()
    assert np.array_equal(found.request.picture, asked.picture)
    assert np.array_equal(found.request.mask > 0, asked.mask > 0)
    again = list(service.explain(found.request))[-1]
    assert np.array_equal(again.counterfactual, answer.counterfactual)
    assert again.latent.tobytes() == answer.latent.tobytes()


@pytest.mark.parametrize("name", ["result.json", "counterfactual.png"])
def test_json_and_png_give_the_record(answered, folder, name):
    found = export.read_returned(folder / name)
    known = answered[1].record
    assert found.record == (known if name.endswith("json") else known | {"seconds": 0.0})
    assert found.request is None


def zipped(tmp_path, **files):
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def refused(path):
    with pytest.raises(BadInput) as refusal:
        export.read_returned(path)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"PK\x03\x04rubbish"), ("a.json", b""), ("a.json", b"[]"),
        ("a.json", b"\xff\xfe"),
        ("a.json", b"[" * 100_000), ("a.json", b'{"bundle": "digits"}'),
        ("a.png", b"\x89PNG\r\n\x1a\nrubbish"), ("a.json", b'{"x": ' + b"1" * 3_000_000 + b"}"),
    ],
)  # fmt: skip
def test_what_is_no_result_gets_a_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "drop the studio's own" in refused(tmp_path / name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "great"), ("seed", -1), ("seed", "x"), ("metrics", {"l1": "much"}),
        ("factual", {"label": "a"}), ("settings", []), ("region", "whole"), ("target", "zebra"),
        ("nfe", {"a": 3}), ("seconds", None),
    ],
)  # fmt: skip
def test_a_record_that_the_page_could_not_show_is_refused(tmp_path, answered, field, value):
    record = answered[1].record | {field: value}
    (tmp_path / "result.json").write_text(json.dumps(record))
    assert "result.json" in refused(tmp_path / "result.json")


def test_a_picture_without_settings_is_told(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert "carries no settings" in refused(tmp_path / "a.png")


def test_a_text_that_unpacks_to_too_much_is_refused(tmp_path):
    info = PngInfo()
    info.add_itxt(export.files.SETTINGS, "1" * 4_000_000, zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert "drop the studio's own" in refused(tmp_path / "a.png")


def test_a_zip_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(returned, "LARGEST", 100_000)
    path = zipped(tmp_path, result_json=b" " * 200_000)
    assert path.stat().st_size < 100_000
    assert "unpacks to more" in refused(path)


def test_names_in_a_zip_lead_nowhere(tmp_path, folder, answered):
    path = zipped(tmp_path, result_json=(folder / "result.json").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../factual.png", (folder / "factual.png").read_bytes())
        archive.writestr("/factual.png", (folder / "factual.png").read_bytes())
    before = sorted(tmp_path.parent.rglob("*"))
    assert export.read_returned(path).request is None, "the record alone"
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_several_answers_in_a_zip_are_told(tmp_path, folder):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "result.json", "leapfactual/result.json")
    assert "several answers" in refused(path)


@pytest.mark.parametrize("picture", [Image.new("L", (9, 9)), Image.new("RGBA", (8, 8))])
def test_pictures_that_do_not_fit_each_other_are_refused(tmp_path, archive, picture):
    content = io.BytesIO()
    picture.save(content, "PNG")
    with zipfile.ZipFile(archive) as source:
        files = {name: source.read(name) for name in source.namelist()}
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name, old in files.items():
            target.writestr(name, content.getvalue() if name == "counterfactual.png" else old)
    assert "drop the studio's own" in refused(path)


def png(width, height=None, mode="L"):
    content = io.BytesIO()
    Image.new(mode, (width, height or width)).save(content, "PNG")
    return content.getvalue()


def changed(archive, path, **files):
    """The archive with other files in it; two underscores are a dot."""
    new = {name.replace("__", "."): content for name, content in files.items()}
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w") as target:
        old = {name: source.read(name) for name in source.namelist()}
        for name, content in (old | new).items():
            target.writestr(name, content)
    return path


@pytest.fixture
def undecoded(monkeypatch):
    """Fails the test where a picture is decoded."""
    monkeypatch.setattr(returned, "decoded", lambda *_: pytest.fail("a picture was decoded"))


def test_a_zip_of_many_alternatives_is_refused(tmp_path, archive, answered, undecoded):
    record = answered[1].record
    (said,) = record["alternatives"].values()
    many = {f"other{i}": said for i in range(100)}
    files = {f"alternative_{name}__png": png(16) for name in many}
    content = json.dumps(record | {"alternatives": many})
    path = changed(archive, tmp_path / "many.zip", result__json=content, **files)
    assert "drop the studio's own" in refused(path)


def test_pictures_are_as_large_as_the_first_before_any_is_decoded(tmp_path, archive, undecoded):
    for number, other in enumerate((png(2048), png(16, 15), png(16, mode="RGB"))):
        for name in ("counterfactual__png", "region__png", "alternative_standard__png"):
            path = changed(archive, tmp_path / f"{number}{name}.zip", **{name: other})
            assert "differ in size" in refused(path), name


def test_all_pictures_together_have_a_limit(tmp_path, archive, undecoded):
    names = ("factual", "counterfactual", "region", "reconstruction", "alternative_standard")
    files = {f"{name}__png": png(4000) for name in names}
    assert "megapixels together" in refused(changed(archive, tmp_path / "a.zip", **files))


def test_who_reads_hears_of_the_pictures_before_they_are_decoded(archive, undecoded):
    def accept(record, shape):
        raise BadInput(f"{record['method']} {shape}")

    with pytest.raises(BadInput, match=r"leapfactual \(16, 16, 1\)"):
        export.read_returned(archive, accept)


def test_pictures_are_decoded_as_strangers_are(archive, monkeypatch):
    seen = []

    def decoded(content, wanted):
        seen.append(content)
        return reading.decoded_here(io.BytesIO(content), "it", wanted)

    monkeypatch.setattr(returned, "decoded", decoded)
    found = export.read_returned(archive)
    assert len(seen) == 5
    assert found.pixels == 5 * 16 * 16
