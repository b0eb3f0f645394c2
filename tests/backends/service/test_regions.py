"""Regions by words and clicks, on tiny random networks; with MobileSAM's weights where they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, registry, service
from backends.conversion import mobile_sam
from backends.errors import BadInput, MissingPart
from backends.faces import parsing
from backends.regions import candidates, grounding, segment
from backends.regions.segment import SegmentAnything, Segmenter
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service

SIZE = 48
POLYGONS = Path(__file__).parents[2] / "masks/polygons.json"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "cat", "dog", "the", "red", "a"]
TINY_VIT = {
    "embed_dims": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2],
    "window_sizes": [2, 2, 4, 2],
}  # fmt: skip
SAM = {"model": "mobile", "size": 64, "width": 32, "encoder": TINY_VIT}
PLAIN_VIT = {"embed_dim": 16, "depth": 2, "num_heads": 2, "global_attn_indexes": [1]}
PARTS = {
    "classifier": ("conv_classifier", {"channels": 3, "size": SIZE, "classes": 2, "width": 4}),
    "segmenter": ("segment_anything", SAM),
}


def drawn(bundle, picture, region):
    return region_service.mask_of(bundle, picture, RegionSpec.parse(region))


def write_grounding(folder):
    """A Grounding DINO of random weights, as ``save_pretrained`` writes a real one."""
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    vision = SwinConfig(
        image_size=32, embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=2,
        out_indices=[2, 3, 4],
    )  # fmt: skip
    text = BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=vision, text_config=text, num_queries=6, encoder_layers=1,
        decoder_layers=2, d_model=32, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, max_text_len=32,
    )  # fmt: skip
    pictures = GroundingDinoImageProcessor(size={"shortest_edge": 128, "longest_edge": 160})
    tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(VOCABULARY)})
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoProcessor(pictures, tokenizer).save_pretrained(folder)


def write_photographs(folder, **changes):
    """A bundle of photographs with a segmenter and no detector."""
    manifest = bundles.Manifest(
        name="photographs", title="Photographs", description="Random weights.", image_size=SIZE,
        channels=3, class_names=["a", "b"], licence="Apache-2.0", **changes,
    )  # fmt: skip
    for seed, (name, (architecture, arguments)) in enumerate(PARTS.items()):
        torch.manual_seed(seed)
        network = registry.architecture(architecture)(**arguments)
        part = bundles.Part(
            kind=name, architecture=architecture, arguments=arguments,
            file=f"{name}.safetensors", licence="Apache-2.0",
        )  # fmt: skip
        bundles.write_part(folder, manifest, name, network, part)
    return str(folder)


@pytest.fixture(scope="module")
def speaking(tmp_path_factory):
    """A bundle of photographs with its own Grounding DINO."""
    folder = tmp_path_factory.mktemp("speaking") / "photographs"
    write_grounding(folder / region_service.DETECTOR)
    return write_photographs(folder)


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("silent") / "photographs")


@pytest.fixture
def photograph():
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def segmenter():
    torch.manual_seed(1)
    return Segmenter(SegmentAnything(**SAM).eval().requires_grad_(False), keep=2)


# --------------------------------------------------------------------- Segment Anything


@pytest.mark.parametrize("arguments", [SAM, SAM | {"model": "vit_b", "encoder": PLAIN_VIT}])
def test_both_encoders_serve_the_same_predictor(arguments, photograph):
    torch.manual_seed(1)
    network = SegmentAnything(**arguments).eval()
    assert Segmenter(network).embed(photograph).features.shape == (1, 32, 4, 4)
    found = Segmenter(network).boxes(photograph, [(4, 4, 30, 40), (0, 0, 20, 20)])
    assert [mask.shape for mask, _ in found] == [(SIZE, SIZE)] * 2
    assert all(set(np.unique(mask)) <= {0, 255} for mask, _ in found)


def test_a_picture_is_embedded_once_and_the_oldest_forgotten(segmenter, photograph, monkeypatch):
    calls = []
    encoder = segmenter.network.image_encoder
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda x: calls.append(1) or forward(x))
    for _ in range(3):
        segmenter.embed(photograph.copy())
    assert len(calls) == 1
    for shade in (1, 2):
        segmenter.embed(np.full_like(photograph, shade))
    segmenter.embed(photograph)
    assert len(calls) == 4  # two were kept, the first was not among them
    # The same bytes in another shape are another picture.
    segmenter.embed(photograph.reshape(SIZE // 2, SIZE * 2, 3))
    assert len(calls) == 5


def test_one_click_has_alternatives_and_the_largest_good_one_is_taken(segmenter, photograph):
    one = segmenter.click(photograph, [(20, 20)], [1])
    areas = [np.count_nonzero(other.mask) for other in one.alternatives]
    assert len(areas) in (2, 3)
    assert areas == sorted(areas)
    best = max(other.score for other in one.alternatives)
    as_good = [other for other in one.alternatives if other.score >= best - segment.AS_GOOD]
    assert (one.mask == as_good[-1].mask).all()
    assert one.mask.dtype == np.uint8
    assert one.mask.shape == photograph.shape[:2]
    assert 0 < areas[0] <= areas[-1] < SIZE**2
    assert not segmenter.click(photograph, [(20, 20), (40, 8)], [1, 0]).alternatives


def test_a_mask_without_border_is_never_given(segmenter, photograph, monkeypatch):
    everything = np.ones((3, SIZE, SIZE), bool)
    for mask in (everything, ~everything):
        monkeypatch.setattr(
            "segment_anything.SamPredictor.predict",
            lambda *_, mask=mask, **__: (mask, np.ones(3), None),
        )
        with pytest.raises(BadInput, match="click somewhere else"):
            segmenter.click(photograph, [(20, 20)], [1])


def test_grey_pictures_are_seen_as_grey_colours(segmenter, photograph):
    grey = photograph[..., :1]
    colours = np.repeat(grey, 3, axis=2)
    assert torch.equal(segmenter.embed(grey).features, segmenter.embed(colours).features)


def test_an_unknown_sam_is_said():
    with pytest.raises(ValueError, match="vit_b"):
        SegmentAnything(model="vit_x")


def test_mobile_sam_checkpoint_fits_the_network(tmp_path):
    """The checkpoint's names, made here from our own: all that the network wants comes back."""
    torch.manual_seed(0)
    ours = SegmentAnything(**SAM).state_dict()
    theirs = {"image_encoder.head.weight": torch.zeros(1)}
    for name, weight in ours.items():
        _, _, rest = name.partition("image_encoder.stages.")
        if rest and "downsample" in rest:
            name = f"image_encoder.layers.{int(rest[0]) - 1}{rest[1:]}"
        elif rest:
            name = f"image_encoder.layers.{rest}"
        name = name.replace("patch_embed.conv1", "patch_embed.seq.0")
        name = name.replace("patch_embed.conv2", "patch_embed.seq.2")
        theirs[name.replace(".conv.weight", ".c.weight")] = weight
    torch.save(theirs, tmp_path / mobile_sam.MEMBER)
    converted = mobile_sam.convert({mobile_sam.MEMBER: tmp_path / mobile_sam.MEMBER})
    assert converted.keys() == ours.keys()
    assert all(torch.equal(converted[name], ours[name]) for name in ours)


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"x": torch.zeros(1)}, tmp_path / mobile_sam.MEMBER)
    with pytest.raises(BadInput, match="TinyViT"):
        mobile_sam.convert({mobile_sam.MEMBER: tmp_path / mobile_sam.MEMBER})
    with pytest.raises(BadInput, match="not fetched"):
        mobile_sam.convert({})


# --------------------------------------------------------------------- words


def test_phrases():
    assert candidates.phrases_in("The  Cat, a dog. cat;\na dog,") == ["the cat", "a dog", "cat"]
    for nothing in ("", " , . ", "!?"):
        with pytest.raises(BadInput, match="no word"):
            candidates.phrases_in(nothing)
    with pytest.raises(BadInput, match="fewer"):
        candidates.phrases_in("word " * 200)


def test_grounding_dino_agrees_with_its_own_processor(speaking, photograph):
    detector = grounding.load(Path(speaking) / region_service.DETECTOR)
    boxes, best = detector.find(
        photograph, ["cat", "the dog"], threshold=0, text_threshold=0, overlap=1
    )
    inputs = detector.processor(images=photograph, text="cat . the dog .", return_tensors="pt")
    with torch.no_grad():
        output = detector.network(**inputs)
    theirs = detector.processor.post_process_grounded_object_detection(
        output, inputs["input_ids"], threshold=0, target_sizes=[photograph.shape[:2]]
    )[0]["boxes"]
    corners = {tuple(np.round(box.corners, 2)) for box in boxes}
    assert corners == {tuple(np.round(row.clamp(0, SIZE).tolist(), 2)) for row in theirs}
    # "cat" is token 1; "the dog" tokens 3 and 4; 0, 2, 5 and 6 are marks.
    p = output.logits[0].sigmoid()
    assert best["cat"] == pytest.approx(float(p[:, 1].max()), abs=1e-5)
    assert best["the dog"] == pytest.approx(float(p[:, 3:5].max()), abs=1e-5)
    assert [box.score for box in boxes] == sorted((b.score for b in boxes), reverse=True)


def test_boxes_are_capped_and_doubles_dropped(speaking, photograph):
    detector = grounding.load(Path(speaking) / region_service.DETECTOR)
    everything, _ = detector.find(photograph, ["cat"], threshold=0, overlap=1)
    assert len(everything) > 2
    assert detector.find(photograph, ["cat"], threshold=0, overlap=1, most=2)[0] == everything[:2]
    # No two of what is left overlap at all.
    apart, _ = detector.find(photograph, ["cat"], threshold=0, overlap=1e-6)
    for i, one in enumerate(apart):
        for other in apart[i + 1 :]:
            width = min(one.corners[2], other.corners[2]) - max(one.corners[0], other.corners[0])
            height = min(one.corners[3], other.corners[3]) - max(one.corners[1], other.corners[1])
            assert min(width, height) <= 0.01


def test_words_become_candidates(speaking, photograph):
    found = region_service.candidates(speaking, photograph, "Cat, the dog", {"threshold": 0.01})
    assert found.candidates
    for one in found.candidates:
        assert set(one.label.split(", ")) <= {"cat", "the dog"}
        assert one.mask.dtype == np.uint8
        assert one.mask.shape == (SIZE, SIZE)
        assert set(np.unique(one.mask)) == {0, 255}  # neither empty nor full
        assert 0.01 <= one.score <= 1


def test_what_is_below_the_threshold_is_offered_not_given(speaking, photograph):
    low = region_service.candidates(speaking, photograph, "cat", {"threshold": 0.01})
    best = max(one.score for one in low.candidates)
    high = f"{best + (1 - best) / 2:.9f}"
    found = region_service.candidates(speaking, photograph, "cat", {"threshold": high})
    assert found.candidates == []
    (missed,) = found.missed
    assert missed.best == pytest.approx(best, abs=0.2)
    assert missed.lower <= missed.best
    again = region_service.candidates(speaking, photograph, "cat", {"threshold": missed.lower})
    assert again.candidates
    with pytest.raises(BadInput, match=rf'--region "text:cat;threshold={missed.lower:.2f}"'):
        drawn(speaking, photograph, f"text:cat;threshold={high}")


def test_a_word_is_not_found_by_another_words_box(speaking, photograph, monkeypatch):
    """What looks a little like the second phrase is named by it too, but does not answer it."""
    corners = (4.0, 4.0, 30.0, 40.0)
    found = ([grounding.Box("cat, dog", 0.8, corners)], {"cat": 0.8, "dog": 0.27})
    monkeypatch.setattr(grounding.Detector, "find", lambda *_, **__: found)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[5:20, 5:20] = 255
    monkeypatch.setattr(Segmenter, "boxes", lambda *_: [(mask, 0.9)])
    result = region_service.candidates(speaking, photograph, "cat, dog, bird")
    (one,) = result.candidates
    assert (one.label, one.score, one.box) == ("cat, dog", 0.8, corners)
    assert [(m.phrase, m.lower) for m in result.missed] == [("dog", 0.27), ("bird", None)]
    # A box without a usable mask is no candidate, and no lower threshold would help.
    monkeypatch.setattr(Segmenter, "boxes", lambda *_: [(np.full_like(mask, 255), 0.9)])
    result = region_service.candidates(speaking, photograph, "cat")
    assert result.candidates == []
    assert result.missed[0].lower is None


def test_the_sentence():
    assert candidates.Missed("beard", 0.3, 0.2249).sentence == (
        "Nothing found for 'beard' at 0.30, best 0.22: use it?"
    )
    assert "try another word" in candidates.Missed("beard", 0.3).sentence


def test_without_grounding_dino_the_sentence_says_how_to_get_it(silent, photograph, monkeypatch):
    monkeypatch.setattr(grounding, "is_here", lambda: False)
    with pytest.raises(
        MissingPart, match=r"'beard' needs Grounding DINO.*get it with: hf download"
    ):
        region_service.candidates(silent, photograph, "beard")
    offer = region_service.about(silent)
    assert offer["known"] == []
    assert offer["words"].startswith("other words need Grounding DINO")
    assert offer["clicks"] is None
    assert region_service.click(silent, photograph, [(20, 20)], [1]).mask.any()
    assert drawn(silent, photograph, "sam:4,4,30,40").any()


def test_the_parser_is_asked_first(tmp_path, photograph, monkeypatch):
    """The words that the bundle's own parser knows need no Grounding DINO; what the picture does
    not have is missed, with nothing to offer."""
    monkeypatch.setattr(grounding, "is_here", lambda: False)
    monkeypatch.setitem(PARTS, "parser", ("bisenet", {"size": 32, "width": 8}))
    folder = write_photographs(tmp_path / "faces")
    network = bundles.find(folder).part("parser")
    labels, asked = np.zeros(photograph.shape[:2], int), []

    def logits(self, x):
        asked.append(x.shape)
        return torch.eye(len(parsing.CLASSES))[labels].permute(2, 0, 1)[None]

    monkeypatch.setattr(type(network), "logits", logits)
    monkeypatch.setattr(type(network), "forward", None)
    labels[:], labels[5:20, 7:30] = parsing.CLASSES.index("skin"), parsing.CLASSES.index("hair")
    found = region_service.candidates(folder, photograph, "hair, the hat")
    (one,) = found.candidates
    assert one.label == "hair"
    assert np.array_equal(one.mask > 0, labels == parsing.CLASSES.index("hair"))
    assert one.score == pytest.approx(np.e / (np.e + len(parsing.CLASSES) - 1))
    assert asked == [(1, 3, SIZE, SIZE)], "the network runs once a picture"
    assert [(m.phrase, m.lower) for m in found.missed] == [("the hat", None)]
    assert region_service.about(folder)["known"] == list(parsing.WORDS)
    with pytest.raises(MissingPart, match=r"'unicorn' needs.*use one of the words mouth"):
        region_service.candidates(folder, photograph, "hair, unicorn")
    labels[:] = parsing.CLASSES.index("hair")  # a full mask says nothing
    assert region_service.candidates(folder, photograph, "hair").candidates == []


def test_a_damaged_grounding_dino_is_said(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingPart, match="fetch it again"):
        grounding.load(tmp_path)


def test_a_setting_out_of_bounds_is_said(speaking, photograph):
    for wrong in ({"threshold": 2}, {"thresh": 0.2}):
        with pytest.raises(BadInput):
            region_service.candidates(speaking, photograph, "cat", wrong)


@pytest.mark.parametrize("region", ["text:cat", "points:+3,3", "sam:1,1,5,5"])
def test_digits_have_no_words(region):
    picture = np.zeros((32, 32, 1), np.uint8)
    with pytest.raises(BadInput, match="need photographs"):
        drawn("digits", picture, region)
    assert "need photographs" in region_service.about("digits")["clicks"]


# --------------------------------------------------------------------- regions of them


def test_union_and_subtract():
    one, other = np.zeros((2, 2, 3), np.uint8)
    one[0], other[:, 0] = 255, 1
    assert candidates.union([one, other]).tolist() == [[255, 255, 255], [255, 0, 0]]
    assert candidates.subtract(one, [other]).tolist() == [[0, 255, 255], [0, 0, 0]]
    assert candidates.subtract(one, []).tolist() == one.tolist()


def test_a_box_is_its_pixels(tiny):
    picture = np.zeros((16, 16, 1), np.uint8)
    mask = drawn(tiny, picture, "box:2,3,5,7")
    assert mask.sum() == 255 * 3 * 4
    assert mask[3:7, 2:5].all()
    assert drawn(tiny, picture, "whole").all()
    assert np.array_equal(drawn(tiny, picture, "whole but not box:2,3,5,7"), 255 - mask)


@pytest.mark.parametrize("region", ["box:0,0,17,9", "box:0,0,9,17"])
def test_a_box_must_lie_in_the_picture(tiny, region):
    with pytest.raises(BadInput, match="not inside the 16x16 picture"):
        drawn(tiny, np.zeros((16, 16, 1), np.uint8), region)


@pytest.mark.parametrize("region", ["points:+48,3", "points:+3,48", "sam:1,1,5,49"])
def test_clicks_must_lie_in_the_picture(silent, photograph, region):
    with pytest.raises(BadInput, match="48x48 picture"):
        drawn(silent, photograph, region)


def test_a_mask_is_read_from_its_file(tiny, tmp_path):
    picture = np.zeros((16, 16, 1), np.uint8)
    marked = np.zeros((16, 16), np.uint8)
    marked[4:8, 1:3] = 255
    Image.fromarray(marked).save(tmp_path / "mask, of a stroke.png")
    region = f"mask:{tmp_path / 'mask, of a stroke.png'}"
    assert np.array_equal(drawn(tiny, picture, region), marked)
    with pytest.raises(BadInput):
        drawn(tiny, np.zeros((8, 8, 1), np.uint8), region)


def test_regions_are_joined_and_changed_from_left_to_right(tiny):
    picture = np.zeros((8, 8, 1), np.uint8)
    left, middle = drawn(tiny, picture, "box:0,0,4,8"), drawn(tiny, picture, "box:2,0,6,8")
    either, both = np.maximum(left, middle), np.minimum(left, middle)
    for region, mask in {
        "box:0,0,4,8 and box:2,0,6,8": either,
        "box:0,0,4,8 but only box:2,0,6,8": both,
        "box:0,0,4,8 but not box:2,0,6,8": left - both,
        "box:0,0,4,8 and box:2,0,6,8 but not box:0,0,4,8": either - left,
        "box:0,0,4,8 and box:2,0,6,8 (inverted)": 255 - either,
        "box:0,0,4,8 (grown by 2)": either,
        "polygon:2,0;6,0;6,8;2,8": middle,
    }.items():
        assert np.array_equal(drawn(tiny, picture, region), mask), region


def test_a_polygon_must_lie_in_the_picture(tiny):
    with pytest.raises(BadInput, match="outside the 8x8 picture"):
        drawn(tiny, np.zeros((8, 8, 1), np.uint8), "polygon:0,0;9,0;5,5")


@pytest.mark.parametrize(
    "region",
    ["painted", "painted and box:1,1,3,3", "painted but not whole", "box:1,1,3,3 (edited)"],
)
def test_what_was_painted_cannot_be_drawn_again(tiny, region):
    with pytest.raises(BadInput, match="mask:FILE"):
        drawn(tiny, np.zeros((16, 16, 1), np.uint8), region)


def test_a_given_mask_must_have_the_picture_s_size(tiny):
    picture = np.zeros((16, 16, 1), np.uint8)
    with pytest.raises(BadInput, match="8x9 pixels"):
        region_service.mask_of(
            tiny, picture, RegionSpec.parse("mine", given=True), given=np.ones((9, 8), np.uint8)
        )


def test_a_click_can_choose_its_size(silent, photograph):
    one = region_service.click(silent, photograph, [(20, 20)], [1])
    for place, other in enumerate(one.alternatives, start=1):
        mask = drawn(silent, photograph, f"points:+20,20;choice={place}")
        assert np.array_equal(mask, other.mask)
    with pytest.raises(BadInput, match="single click"):
        drawn(silent, photograph, "points:+20,20;+30,30;choice=1")


def test_clicks_must_lie_in_the_picture_and_one_must_add(silent, photograph):
    with pytest.raises(BadInput, match="at least once"):
        region_service.click(silent, photograph, [(3, 3)], [0])
    for points, box in ([[(SIZE + 1, 3)], None], [[], (0, 0, 3, SIZE + 1)]):
        with pytest.raises(BadInput, match="outside"):
            region_service.click(silent, photograph, points, [1] * len(points), box)


@pytest.mark.parametrize("region", ["points:+20,20", "sam:4,4,30,40", "text:cat;threshold=0.01"])
def test_the_command_line_explains_under_such_a_region(run, speaking, photograph, tmp_path, region):
    Image.fromarray(photograph).save(tmp_path / "in.png")
    label = service.predict(speaking, photograph).label
    code, out, err = run(
        "explain", tmp_path / "in.png", "--bundle", speaking, "--method", "adversarial",
        "--target", "ab"[label == "a"], "--region", region, "--out", tmp_path / "out",
        "--set", "steps=3",
    )  # fmt: skip
    assert code == 0, err
    mask = np.asarray(Image.open(tmp_path / "out/region.png").convert("L")) > 0
    assert 0 < mask.sum() < mask.size
    assert json.loads(out)["region"] == {"source": region, "area": pytest.approx(mask.mean())}
    before, after = (
        np.asarray(Image.open(tmp_path / f"out/{name}.png"))
        for name in ("factual", "counterfactual")
    )
    assert np.array_equal(before[~mask], after[~mask])


def test_the_command_line_says_what_was_not_found(run, speaking, photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "in.png")
    code, out, err = run(
        "explain", tmp_path / "in.png", "--bundle", speaking, "--method", "adversarial",
        "--target", "a", "--region", "text:cat;threshold=0.999999999",
    )  # fmt: skip
    assert code == 2
    assert out == ""
    assert err.startswith("error: nothing found for 'cat' at 1.00")
    assert err.count("\n") == 1


# --------------------------------------------------------------------- MobileSAM's own weights


@pytest.fixture(scope="module")
def language():
    problem = bundles.find(region_service.SHARED).problem("segmenter")
    if problem:
        pytest.skip(problem)
    return region_service.SHARED


@pytest.mark.parametrize("name", json.loads(POLYGONS.read_text()))
def test_one_click_on_a_photograph(language, name):
    """IoU with masks drawn by hand, before any network's were seen."""
    from skimage import data, draw

    picture, drawn = getattr(data, name)(), json.loads(POLYGONS.read_text())[name]
    outline = [(y, x) for x, y in drawn["polygon"]]
    truth = draw.polygon2mask(picture.shape[:2], outline)
    one = region_service.click(language, picture, [drawn["click"]], [1])

    def iou(candidate):
        mask = candidate.mask > 0
        return (mask & truth).sum() / (mask | truth).sum()

    assert iou(one) >= 0.85
