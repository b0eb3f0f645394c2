"""Labels by models: what they are, what they are called, and what is said where one is absent."""

import hashlib
import shutil

import huggingface_hub
import numpy as np
import pytest
import torch

from backends import bundles, imaging, service
from backends.bundles import user_models
from backends.errors import BadInput, MissingPart, NotFound, OutOfMemory, Unreachable
from backends.fetching import checkpoints
from backends.service import annotation
from backends.targets import annotator, prompts
from tests.backends.transformers_models import write_clip, write_siglip, write_vit
from tests.conftest import MANIFEST, write_tiny

CLASSES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("published") / "clip")


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (21, 16, 16, 1), dtype=np.uint8)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of the model hub; whoever asks the hub itself fails the test."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))

    def asked(*words, **more):
        pytest.fail(f"the hub was asked: {words}")

    monkeypatch.setattr("huggingface_hub.file_download.get_hf_file_metadata", asked)
    monkeypatch.setattr("huggingface_hub.file_download.http_get", asked)
    return tmp_path


def snapshot(hub, revision, repo=checkpoints.CLIP):
    folder = hub / f"models--{repo.replace('/', '--')}/snapshots/{revision}"
    folder.mkdir(parents=True)
    return folder


def suggestions(*words):
    return [one for batch in annotation.annotate(*words) for one in batch]


# --------------------------------------------------------------------- prompts


def test_prompts_are_read():
    text = (
        "a photo of a {class}\n\n 7: a photo of the digit seven | a seven\na {class} | one {class}"
    )
    assert prompts.read(text, ["1", "7"]) == {
        "1": ["a photo of a {class}", "a {class}", "one {class}"],
        "7": ["a photo of the digit seven", "a seven"],
    }
    assert prompts.read("", ["1"]) == prompts.defaults(["1"]) == {"1": ["a photo of a {class}"]}
    assert prompts.read("CAT: x\ncat : y\nCat: x", ["cat"]) == {"cat": ["x", "y"]}
    # The longest name that fits, colons and all.
    assert prompts.read("a:b: x", ["a", "a:b"])["a:b"] == ["x"]
    assert prompts.read("picture: {class}", ["a"]) == {"a": ["picture: {class}"]}


@pytest.mark.parametrize(
    "given",
    [
        {"a": ["x"], "b": ["y", "z {class}"]},
        {"a": ["one {class}", "two {class}"], "b": ["one {class}", "two {class}"]},
        {"a": ["x"], "b": ["x"]},
    ],
)
def test_prompts_are_shown_as_they_are_read(given):
    assert prompts.read(prompts.show(given), list(given)) == given


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a photo", "line 1 .* for no class"),
        ("a: x\nc: y", "line 2 .* for no class"),
        ("a: x | ", "line 1 .* empty"),
        ("a:", "line 1 .* empty"),
        ("a: the {label}", r"has \{label\}"),
        ("\n".join(f"{i} {{class}}" for i in range(101)), "more than 200"),
    ],
)
def test_wrong_prompts_are_said(text, match):
    with pytest.raises(BadInput, match=match):
        prompts.read(text, ["a", "b"])


def test_prompts_are_filled_in():
    assert prompts.filled({"a": ["{class} or {class}"]}, ["a", "b"]) == {
        "a": ["a or a"], "b": ["a photo of a b"],
    }  # fmt: skip
    for wrong in ({"d": ["x"]}, {"a": [" "]}):
        with pytest.raises(BadInput):
            prompts.filled(wrong, ["a", "b"])


# --------------------------------------------------------------------- the bundle's own


def test_the_classifier_suggests_what_it_predicts(tiny, pictures):
    made = suggestions(tiny, "classifier", CLASSES, {}, pictures)
    assert len(made) == len(pictures)
    for one, picture in zip(made, pictures, strict=True):
        p = service.predict(tiny, picture).probabilities
        assert one["value"] == max(p, key=p.get)
        assert one["probabilities"] == pytest.approx(p, abs=1e-5)
        assert one["score"] == one["probabilities"][one["value"]]
        assert one["own_score"] == pytest.approx(one["score"], abs=1e-5)
        assert one["agent"] == "classifier"
    weights = (bundles.find(tiny).folder / "classifier.safetensors").read_bytes()
    assert one["model_hash"] == hashlib.sha256(weights).hexdigest()[:12]


def test_of_fewer_classes_the_rest_is_shared_out(tiny, pictures):
    """A project of two of the three: its probabilities sum to one, the own score does not."""
    made = suggestions(tiny, "classifier", ["C", "b", "unreadable"], {}, pictures)
    for one, picture in zip(made, pictures, strict=True):
        p = service.predict(tiny, picture).probabilities
        both = p["b"] + p["c"]
        assert one["probabilities"] == pytest.approx({"C": p["c"] / both, "b": p["b"] / both}, 1e-4)
        assert one["own_score"] == pytest.approx(p[one["value"].lower()], 1e-4)
        assert one["own_score"] < one["score"] == max(one["probabilities"].values())


def test_another_part_with_classes_labels_too(tmp_path, pictures):
    folder = write_tiny(tmp_path / "bundle")
    found = bundles.find(str(folder))
    part = found.manifest.parts["classifier"]
    second = part.model_copy(
        update={"classes": ["No Smile", "smile", "grin"], "file": "x.safetensors"}
    )
    bundles.write_part(folder, MANIFEST, "smiling", found.part("classifier"), second)
    listed = {one["name"]: one for one in annotation.annotators(str(folder))}
    assert list(listed) == ["classifier", "smiling", annotation.DEFAULT]
    assert listed["smiling"]["labels"] == second.classes
    made = suggestions(str(folder), "smiling", ["smile", "no_smile"], {}, pictures)
    assert {one["agent"] for one in made} == {"smiling"}
    assert {value for one in made for value in one["probabilities"]} == {"smile", "no_smile"}
    with pytest.raises(BadInput, match=r"knows none of the classes a, b.*No Smile, smile, grin"):
        suggestions(str(folder), "smiling", ["a", "b"], {}, pictures)


def test_a_model_that_learnt_from_labels_labels_on(tmp_path, monkeypatch, pictures):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    folder = str(write_tiny(tmp_path / "bundle"))
    found = bundles.find(folder)
    part = found.manifest.parts["classifier"].model_copy(update={"classes": ["1", "7", "?"]})
    model = user_models.Model(
        name="ours", classes=["1", "7", "?"], labels="1", rows=3, settings={}, learnt_on={},
        parts={"ours": part},
    )  # fmt: skip
    user_models.write("tiny", model, {"ours": found.part("classifier")})
    listed = {one["name"]: one for one in annotation.annotators(folder)}
    assert listed["ours"]["title"] == "ours (learnt from labels)"
    assert listed["ours"]["problem"] is None
    assert "learnt" not in listed["classifier"]["title"]
    made = suggestions(folder, "ours", ["7", "1"], {}, pictures)
    assert {one["agent"] for one in made} == {"ours"}
    assert made[0]["model_hash"] == bundles.find(folder).fingerprint("ours")[:12]


def test_what_cannot_label_says_so(tiny, tmp_path, pictures):
    for name in ("oracle", "width", "nobody", "clip:", "http:x"):
        with pytest.raises(BadInput, match="cannot label; choose classifier"):
            suggestions(tiny, name, CLASSES, {}, pictures)
        assert annotation.about(tiny, name)["problem"]
    with pytest.raises(BadInput, match="two classes or more"):
        suggestions(tiny, "classifier", ["a", "a"], {}, pictures)
    without = str(write_tiny(tmp_path / "without", without=("classifier",)))
    with pytest.raises(MissingPart, match="train it with"):
        suggestions(without, "classifier", CLASSES, {}, pictures)


def test_names_are_matched_exactly_first():
    labels = ["Cat", "cat", "tench, Tinca tinca", "sea_lion", "crane", "crane"]
    found = annotator.matching(
        ["cat", "CAT", "tinca tinca", "Sea Lion", "Crane", "dog"], labels, "it"
    )
    assert found == {
        "cat": [1], "CAT": [0, 1], "tinca tinca": [2], "Sea Lion": [3], "Crane": [4, 5],
    }  # fmt: skip
    with pytest.raises(BadInput, match="knows only 'cat'"):
        annotator.matching(["cat", "dog"], labels, "it")


# --------------------------------------------------------------------- steps


def test_pictures_are_taken_as_they_are_needed_and_stay_in_order(tiny, pictures):
    taken = []

    def stream():
        for i, picture in enumerate(pictures):
            taken.append(i)
            yield picture

    steps = annotation.annotate(tiny, "classifier", CLASSES, {}, stream())
    assert taken == []
    first = next(steps)
    assert len(first) == len(taken) == annotation.FIRST
    steps.close()
    assert len(taken) == annotation.FIRST
    alone = [suggestions(tiny, "classifier", CLASSES, {}, pictures[i : i + 1])[0] for i in range(8)]
    for one, other in zip(first, alone, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_a_batch_takes_half_a_second():
    size = annotation._next_size
    assert size(8, 4.0) == 1
    assert size(8, 8.0) == 1
    assert size(8, 0.4) == 10
    assert size(8, 0.01) == 16
    assert size(256, 0.01) == annotation.MOST


def test_no_pictures_no_steps(tiny, pictures):
    assert suggestions(tiny, "classifier", CLASSES, {}, pictures[:0]) == []


def test_no_grad_mode_is_left_open(tiny, pictures):
    for _ in annotation.annotate(tiny, "classifier", CLASSES, {}, pictures):
        assert torch.is_grad_enabled()


@pytest.mark.slow
def test_where_a_batch_has_no_room_it_is_halved(tiny, pictures, monkeypatch):
    opinion, room = annotator.Annotator.opinion, 3

    def small(self, x):
        if len(x) > room:
            raise MemoryError
        return opinion(self, x)

    monkeypatch.setattr(annotator.Annotator, "opinion", small)
    batches = list(annotation.annotate(tiny, "classifier", CLASSES, {}, pictures))
    assert max(map(len, batches)) <= room
    assert sum(map(len, batches)) == len(pictures)
    room = 0
    with pytest.raises(OutOfMemory):
        suggestions(tiny, "classifier", CLASSES, {}, pictures)


def test_pictures_must_be_the_bundles(tiny, pictures):
    for wrong in (
        pictures / 255,
        pictures[..., 0],
        pictures[:, :8],
        [pictures[0], pictures[1, :8]],
        np.concatenate([pictures] * 2, axis=3),
    ):
        with pytest.raises(BadInput, match="pictures"):
            suggestions(tiny, "classifier", CLASSES, {}, wrong)


# --------------------------------------------------------------------- published models


def test_clip_labels_by_its_prompts(tiny, clip, pictures):
    name = f"clip:{clip}"
    assert annotation.about(tiny, name)["problem"] is None
    assert annotation.about(tiny, name)["prompts"]
    made = suggestions(tiny, name, CLASSES, prompts.defaults(CLASSES), pictures)
    assert {one["agent"] for one in made} == {"clip:clip"}
    digest = hashlib.sha256((clip / "model.safetensors").read_bytes()).hexdigest()
    assert {one["model_hash"] for one in made} == {digest[:12]}
    for one in made:
        assert sum(one["probabilities"].values()) == pytest.approx(1)
        assert one["own_score"] == pytest.approx(one["score"])
    others = suggestions(tiny, name, CLASSES, {"a": ["a {class} of 7", "no photo"]}, pictures)
    assert [one["probabilities"] for one in others] != [one["probabilities"] for one in made]
    # The same prompt for all classes says nothing.
    same = suggestions(tiny, name, CLASSES, {one: ["x"] for one in CLASSES}, pictures)
    assert same[0]["score"] == pytest.approx(1 / 3)


def test_siglips_own_score_is_each_classes_own(tiny, tmp_path, pictures):
    folder = write_siglip(tmp_path / "siglip")
    model = annotator.of_name(bundles.find(tiny), f"clip:{folder}", ["cat", "dog"], {})
    x = torch.cat([imaging.to_tensor(picture) for picture in pictures])
    own = model.network(x).sigmoid()
    made = suggestions(tiny, f"clip:{folder}", ["cat", "dog"], {}, pictures)
    assert [one["own_score"] for one in made] == pytest.approx(own.amax(1).tolist(), abs=1e-5)
    assert [one["score"] for one in made] != pytest.approx(own.amax(1).tolist(), abs=1e-3)


def test_a_plain_classifier_labels_by_the_names_of_its_labels(tiny, tmp_path, pictures):
    folder = write_vit(tmp_path / "vit", ["B", "something else", "a"])
    shown = annotation.about(tiny, f"hf:{folder}")
    assert shown["labels"] == ["B", "something else", "a"]
    assert not shown["prompts"]
    made = suggestions(tiny, f"hf:{folder}", CLASSES, {}, pictures)
    from transformers import ViTForImageClassification

    network = ViTForImageClassification.from_pretrained(folder).eval()
    ours = annotator._classifier(checkpoints.find(str(folder)), "", "cpu")
    x = torch.cat([imaging.to_tensor(picture) for picture in pictures])
    with torch.no_grad():
        p = network(pixel_values=ours.intake(x)).logits.softmax(1)
    for one, row in zip(made, p.tolist(), strict=True):
        wanted = {"a": row[2] / (row[0] + row[2]), "b": row[0] / (row[0] + row[2])}
        assert one["probabilities"] == pytest.approx(wanted, abs=1e-4)
        assert one["own_score"] == pytest.approx(row[{"a": 2, "b": 0}[one["value"]]], abs=1e-4)
        assert one["agent"] == "hf:vit"
    with pytest.raises(BadInput, match=r"vit knows none.*its labels are: B, something else, a"):
        suggestions(tiny, f"hf:{folder}", ["x", "y"], {}, pictures)


def test_a_model_of_many_labels_scores_each_by_itself(tiny, tmp_path, pictures):
    labels = ["a", "b", "c"]
    folder = write_vit(tmp_path / "vit", labels, problem_type="multi_label_classification")
    model = annotator.of_name(bundles.find(tiny), f"hf:{folder}", CLASSES, {})
    x = imaging.to_tensor(pictures[0])
    p, own = model.opinion(x)
    odds = own / (1 - own)
    assert torch.allclose(own, model.network(x).sigmoid())
    assert torch.allclose(p, odds / odds.sum(), atol=1e-5)


def test_weights_that_were_replaced_are_read_again(tiny, clip, tmp_path, pictures):
    folder = tmp_path / "mine"
    shutil.copytree(clip, folder)
    before = suggestions(tiny, f"clip:{folder}", CLASSES, {}, pictures[:2])
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] = -weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    after = suggestions(tiny, f"clip:{folder}", CLASSES, {}, pictures[:2])
    assert before[0]["model_hash"] != after[0]["model_hash"]
    assert before[0]["probabilities"] != pytest.approx(after[0]["probabilities"])


# --------------------------------------------------------------------- the model hub


def test_an_absent_clip_says_how_to_get_it_and_what_stands_in(tiny, hub, tmp_path, pictures):
    listed = annotation.annotators(tiny)
    assert [one["name"] for one in listed] == ["classifier", annotation.DEFAULT]
    own, clip = listed
    assert own["problem"] is None
    assert own["labels"] == CLASSES
    assert not own["prompts"]
    assert clip["prompts"]
    for word in ("is not here (605 MB)", "hf download openai/clip", "classifier can stand in"):
        assert word in clip["problem"]
    with pytest.raises(MissingPart, match="hf download"):
        suggestions(tiny, annotation.DEFAULT, CLASSES, {}, pictures)
    without = str(write_tiny(tmp_path / "without", without=("classifier",)))
    assert "stand in" not in annotation.about(without, annotation.DEFAULT)["problem"]
    assert "hf download some/thing" in annotation.about(tiny, "hf:some/thing")["problem"]


def test_clip_is_found_in_the_hubs_cache(tiny, hub, clip, pictures):
    revision = checkpoints.REVISIONS[checkpoints.CLIP]
    folder = snapshot(hub, revision)
    for path in clip.iterdir():
        shutil.copy(path, folder)
    assert annotation.annotators(tiny)[-1]["problem"] is None
    made = suggestions(tiny, annotation.DEFAULT, CLASSES, {}, pictures)
    assert {one["agent"] for one in made} == {"clip:openai/clip-vit-base-patch32"}
    there = suggestions(tiny, f"clip:{clip}", CLASSES, {}, pictures)
    assert [one["probabilities"] for one in made] == [one["probabilities"] for one in there]


def test_a_cache_that_holds_configuration_and_weights_apart(hub, clip):
    """As transformers leaves it where the repository itself has no safetensors."""
    weights = snapshot(hub, checkpoints.REVISIONS[checkpoints.CLIP])
    shutil.copy(clip / "model.safetensors", weights)
    with pytest.raises(MissingPart, match=r"lacks config\.json.*hf download"):
        checkpoints.find(checkpoints.CLIP)
    rest = snapshot(hub, "main-of-today")
    for path in clip.iterdir():
        if path.suffix == ".json":
            shutil.copy(path, rest)
    (rest / "pytorch_model.bin").write_bytes(b"older")
    refs = hub / "models--openai--clip-vit-base-patch32/refs"
    refs.mkdir()
    (refs / "main").write_text("main-of-today")
    found = checkpoints.find(checkpoints.CLIP)
    assert (found.folder.name, found.weights) == (rest.name, (weights / "model.safetensors",))
    assert found.safe
    # Safetensors first, wherever they are; else the older file.
    shutil.move(weights / "model.safetensors", rest)
    (weights / "pytorch_model.bin").write_bytes(b"older")
    assert checkpoints.find(checkpoints.CLIP).weights == (rest / "model.safetensors",)
    (rest / "model.safetensors").unlink()
    assert not checkpoints.find(checkpoints.CLIP).safe


def test_only_what_the_model_needs_is_fetched(hub, monkeypatch):
    sizes = {
        "README.md": 5, "config.json": 10, "preprocessor_config.json": 20, "vocab.json": 30,
        "model.safetensors": 400, "pytorch_model.bin": 400, "tf_model.h5": 400, "code.py": 1,
        "onnx/config.json": 7,
    }  # fmt: skip
    files = [type("File", (), {"rfilename": name, "size": size}) for name, size in sizes.items()]
    asked = []

    def listed(source, *, revision, files_metadata):
        asked.append(revision)
        return type("Listing", (), {"siblings": files})

    monkeypatch.setattr(huggingface_hub, "model_info", listed)
    fetched = []
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda source, name, revision: fetched.append(name)
    )
    steps = list(annotation.fetch(annotation.DEFAULT))
    assert fetched == ["config.json", "preprocessor_config.json", "vocab.json", "model.safetensors"]
    assert asked == [checkpoints.REVISIONS[checkpoints.CLIP]]
    assert [one["done"] for one in steps] == [0, 10, 30, 60, 460]
    assert {one["total"] for one in steps} == {460}
    del files[4:6]
    with pytest.raises(MissingPart, match="choose another model"):
        list(annotation.fetch("hf:some/thing"))
    for wrong, error in (("classifier", BadInput), ("clip:folder", NotFound)):
        with pytest.raises(error):
            list(annotation.fetch(wrong))


def test_the_hubs_offline_switch_is_obeyed(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        list(annotation.fetch(annotation.DEFAULT))
