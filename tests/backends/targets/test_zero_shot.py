"""Zero-shot models as target models, on tiny random ones: the same numbers as transformers' own."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from backends import bundles, imaging
from backends.core import Region
from backends.errors import BadInput, MissingPart, NotFound
from backends.explain.question import Question
from backends.explain.runner import run
from backends.fetching import checkpoints
from backends.targets import zero_shot
from backends.targets.preprocessing import TOLERANCE, Intake
from backends.targets.pretrained import intake_of, load_classifier
from tests.backends.transformers_models import SIZE, write_clip, write_siglip, write_vit

CLASSES = ["cat", "dog"]
PROMPTS = {"cat": ["a photo of a {class}"], "dog": ["a dog", "a photo of a dog"]}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("published") / "clip")


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    return write_siglip(tmp_path_factory.mktemp("published") / "siglip")


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# --------------------------------------------------------------------- what it sees


def processors():
    from transformers import (
        CLIPImageProcessor,
        ConvNextImageProcessor,
        SiglipImageProcessor,
        ViTImageProcessor,
    )

    square = {"height": 20, "width": 20}
    return [
        CLIPImageProcessor(),
        CLIPImageProcessor(size={"shortest_edge": 30}, crop_size=square),
        SiglipImageProcessor(),
        ViTImageProcessor(),
        ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875),
        ConvNextImageProcessor(size={"shortest_edge": 384}),
    ]


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("shape", [(32, 32, 3), (61, 90, 3), (300, 200, 3)])
def test_a_picture_is_prepared_as_by_the_models_own_processor(index, shape):
    processor, picture = processors()[index], noise(*shape)
    theirs = processor(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    intake = Intake.of(processor)
    difference = (intake(imaging.to_tensor(picture)) - theirs) * intake.std
    assert difference.abs().max() <= TOLERANCE


def test_grey_is_seen_as_grey_colours(clip):
    intake = intake_of(checkpoints.find(str(clip)))
    grey = torch.rand(2, 1, 32, 32)
    assert torch.equal(intake(grey), intake(grey.repeat(1, 3, 1, 1)))
    assert intake(grey).shape == (2, 3, SIZE, SIZE)


def test_a_preparation_that_was_written_years_ago_is_understood(clip, tmp_path):
    """Sizes were numbers once; the published CLIP's file still is like this."""
    written = {
        "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }  # fmt: skip
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((clip / name).read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(written))
    intake = intake_of(checkpoints.find(str(tmp_path)))
    assert (intake.resized, intake.crop, intake.resample) == (224, (224, 224), 3)
    assert intake.mean.flatten().tolist() == pytest.approx(written["image_mean"])
    assert intake.std.flatten().tolist() == pytest.approx(written["image_std"])


def test_the_preparation_has_the_right_gradient():
    intake = Intake(6, (4, 4), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    x = torch.rand(1, 1, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(intake, (0.3 + 0.4 * x).requires_grad_())


def test_an_unknown_preparation_is_refused():
    from transformers import CLIPImageProcessor

    class Inverted(CLIPImageProcessor):
        def __call__(self, *args, **words):
            output = super().__call__(*args, **words)
            return {"pixel_values": -output["pixel_values"]}

    for processor in (
        Inverted(),
        CLIPImageProcessor(do_resize=False),
        CLIPImageProcessor(resample=0),
        CLIPImageProcessor(rescale_factor=1 / 127.5),
    ):
        with pytest.raises(MissingPart, match="resizes, crops and normalises"):
            Intake.of(processor)


# --------------------------------------------------------------------- what it says


def pipeline(folder, prompts, picture):
    """transformers' own answer, by prompt."""
    from transformers import pipeline

    made = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")
    made.model.eval()
    answers = made(Image.fromarray(picture), candidate_labels=prompts, hypothesis_template="{}")
    return {answer["label"]: answer["score"] for answer in answers}


def test_clip_says_what_transformers_says(clip):
    picture, texts = noise(32, 32, 3), ["a photo of a cat", "a photo of a dog"]
    theirs = pipeline(clip, texts, picture)
    f = zero_shot.target_model(CLASSES, source=str(clip))
    p = f.probabilities(imaging.to_tensor(picture))[0]
    assert p.sum() == pytest.approx(1)
    # The pictures differ by rounding to 8 bits, see TOLERANCE.
    assert p.tolist() == pytest.approx([theirs[text] for text in texts], abs=0.01)
    assert f.class_names == CLASSES
    assert f.differentiable


def test_siglip_scores_each_class_by_itself(siglip):
    picture, texts = noise(32, 32, 3), ["a photo of a cat", "a photo of a dog"]
    theirs = pipeline(siglip, texts, picture)
    f = zero_shot.target_model(CLASSES, source=str(siglip))
    logits = f.logits(imaging.to_tensor(picture))[0]
    scores = torch.tensor([theirs[text] for text in texts])
    assert logits.sigmoid().tolist() == pytest.approx(scores.tolist(), abs=0.01)
    # If exactly one of two independent things holds: p(1)(1 - p(2)) : p(2)(1 - p(1)).
    one = scores * (1 - scores.flip(0))
    p = f.probabilities(imaging.to_tensor(picture))[0]
    assert p.tolist() == pytest.approx((one / one.sum()).tolist(), abs=0.01)


def test_several_prompts_are_averaged_as_unit_vectors(clip):
    encoders = zero_shot.load_encoders(checkpoints.find(str(clip)))
    one, two = (encoders.prompts([text])[0] for text in ("a dog", "a photo of a dog"))
    assert one.norm() == pytest.approx(1)
    vectors = encoders.classes({"cat": ["a photo of a cat"], "dog": ["a dog", "a photo of a dog"]})
    assert torch.allclose(vectors[1], F.normalize(one + two, dim=0), atol=1e-6)
    assert torch.allclose(vectors[0], encoders.prompts(["a photo of a cat"])[0], atol=1e-6)


def test_a_prompt_that_is_too_long_is_said(clip):
    with pytest.raises(BadInput, match="longer than the 40 tokens"):
        zero_shot.target_model(CLASSES, {"cat": ["cat " * 40]}, str(clip))


def test_a_method_explains_it(tiny, clip):
    """The whole way: a gradient method on a zero-shot model, under a region, one channel."""
    found, x = bundles.find(tiny), imaging.eight_bit(torch.rand(1, 1, 16, 16))
    f = zero_shot.target_model(CLASSES, PROMPTS, str(clip))
    target = 1 - f.probabilities(x).argmax(1)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    settings = {"steps": 30}
    *_, last = run(Question.of(found, "adversarial", x, target, Region(mask), settings, 0, f))
    answer = last.counterfactual
    assert answer.counterfactual[0, target] > answer.factual[0, target]
    assert torch.equal(answer.image * (1 - mask), x * (1 - mask))
    assert answer.nfe["target_model"]["backward"] > 0


# --------------------------------------------------------------------- files


def test_what_is_no_zero_shot_model_is_refused(clip, tmp_path):
    vit = write_vit(tmp_path / "vit", CLASSES)
    with pytest.raises(BadInput, match=r"vit \(vit\) is no zero-shot model"):
        zero_shot.target_model(CLASSES, source=str(vit))
    # transformers would put a head of random weights on it.
    with pytest.raises(MissingPart, match="lacks weights of a classifier"):
        load_classifier(checkpoints.find(str(clip)))


def test_older_weights_are_read_as_plain_tensors_only(clip, tmp_path):
    from safetensors.torch import load_file

    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((clip / name).read_bytes())
    (tmp_path / "preprocessor_config.json").write_bytes(
        (clip / "preprocessor_config.json").read_bytes()
    )
    torch.save(load_file(clip / "model.safetensors"), tmp_path / "pytorch_model.bin")
    x = torch.rand(2, 3, 32, 32)
    theirs, ours = (
        zero_shot.target_model(CLASSES, source=str(folder)).logits(x) for folder in (clip, tmp_path)
    )
    assert torch.equal(theirs, ours)
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(MissingPart, match="damaged"):
        zero_shot.target_model(CLASSES, source=str(tmp_path))
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_weights_that_are_missing_are_not_made_up(clip, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in clip.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(clip / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MissingPart, match="lacks weights"):
        zero_shot.target_model(CLASSES, source=str(tmp_path))


def test_a_models_own_code_is_never_run(clip, tmp_path):
    for path in clip.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((clip / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "code.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nConfig = object\n")
    with pytest.raises(MissingPart, match="not known here"):
        zero_shot.target_model(CLASSES, source=str(tmp_path))
    assert not (tmp_path / "sprung").exists()


def test_neither_folder_nor_repository():
    for source in ("nowhere", "../a/b", "a/../b", "https://a/b"):
        with pytest.raises(NotFound, match="there is no folder"):
            checkpoints.find(source)


def test_a_folder_that_lacks_something_says_what(clip, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((clip / "model.safetensors").read_bytes())
    with pytest.raises(MissingPart, match=r"lacks config\.json"):
        checkpoints.find(str(tmp_path))


def test_shards_are_all_needed_and_all_hashed(clip, tmp_path):
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((clip / name).read_bytes())
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    (tmp_path / checkpoints.INDEX).write_text(json.dumps(index))
    (tmp_path / shards[0]).write_bytes(b"one")
    with pytest.raises(MissingPart, match=r"lacks model\.safetensors"):
        checkpoints.find(str(tmp_path))
    (tmp_path / shards[1]).write_bytes(b"two")
    found = checkpoints.find(str(tmp_path))
    assert [path.name for path in found.weights] == shards
    before = found.sha256
    (tmp_path / shards[1]).write_bytes(b"three")
    assert checkpoints.find(str(tmp_path)).sha256 != before
