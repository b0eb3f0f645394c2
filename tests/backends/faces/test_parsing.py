"""Words for the parts of a face, and the masks they mean."""

import pytest
import torch

from backends.faces.parsing import CLASSES, WORDS, BiSeNet, mask_of, named, region_of


def of(*names):
    return [i for i, name in enumerate(CLASSES) if name in names]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("mouth", {"teeth", "lip"}),
        ("the Lips", {"lip"}),
        ("eyes", {"eye"}),
        ("an eye and her eyebrows", {"eye", "eyebrow"}),
        ("hair, hat", {"hair", "hat"}),
        ("glasses", {"glasses"}),
        ("sunglasses & nose", {"glasses", "nose"}),
        ("clothes", {"clothes"}),
        ("background", {"background"}),
    ],
)
def test_words_name_parts(words, names):
    assert named(words) == of(*names)


def test_a_mouth_means_what_a_smile_moves_and_no_other_word_grows_with_it():
    labels = torch.zeros(1, 80, 80, dtype=torch.long)
    labels[:, :10], labels[:, 60, 30:50] = CLASSES.index("hair"), CLASSES.index("lip")
    lips, hair = (mask_of(labels, named(word)) for word in ("lips", "hair"))
    mouth = mask_of(labels, named("mouth"), dilation=4)  # a twentieth of the width
    assert mouth.sum() > lips.sum() > 0
    for words in ("mouth", "the Mouth", "mouths", "lips and mouth"):
        assert torch.equal(region_of(labels, words), mouth)
    assert torch.equal(region_of(labels, "the lips"), lips)
    for words in ("hair and mouth", "mouth & hair"):
        assert torch.equal(region_of(labels, words), torch.maximum(hair, mouth))
    assert not region_of(labels, "hair and beard").any()


@pytest.mark.parametrize("words", ["beard", "mouth and beard", "left eye", "", " , ", "s"])
def test_an_unknown_word_is_told(words):
    assert named(words) is None


def test_every_word_offered_is_known_in_singular_and_plural():
    for word in WORDS:
        assert named(word)
        assert named(word + "s") == named(word)


def test_face_and_head_are_made_of_parts():
    assert set(named("eyes, nose, mouth")) < set(named("face")) < set(named("head"))
    assert set(named("person")) == set(range(1, len(CLASSES)))


def test_a_mask_is_its_classes_and_what_lies_near():
    labels = torch.zeros(2, 21, 21, dtype=torch.long)
    labels[0, 10, 10] = CLASSES.index("nose")
    plain = mask_of(labels, named("nose"))
    assert plain.shape == (2, 1, 21, 21)
    assert plain.sum((1, 2, 3)).tolist() == [1, 0]
    near = mask_of(labels, named("nose"), dilation=5)[0, 0]
    y, x = torch.meshgrid(torch.arange(21), torch.arange(21), indexing="ij")
    assert torch.equal(near, ((y - 10) ** 2 + (x - 10) ** 2 <= 25).float())
    assert mask_of(labels, named("nose"), dilation=5)[1].sum() == 0


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return BiSeNet(size=64, width=4).eval()


def test_labels_are_the_best_class_of_each_pixel_at_full_resolution(network):
    x = torch.rand(2, 3, 96, 128)
    labels = network.labels(x)
    assert labels.shape == (2, 96, 128)
    assert labels.dtype == torch.int64
    assert torch.equal(labels, network.logits(x).argmax(1))
    coarse = network(x).argmax(1)
    # Corners stay at corners when the logits are enlarged.
    assert torch.equal(labels[:, 0, 0], coarse[:, 0, 0])
    assert torch.equal(labels[:, -1, -1], coarse[:, -1, -1])
    assert torch.equal(labels[1:], network.labels(x[1:]))
