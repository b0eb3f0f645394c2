"""Portraits of a person's own: drawn faces whose eyes and mouth are known, parsed by their colours;
and the published parser on a photograph, where it has been pulled."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from backends import bundles, imaging, registry, service
from backends.errors import BadInput, MissingPart, StudioError
from backends.faces import alignment
from backends.faces.alignment import Square, align, find, square_of
from backends.faces.parsing import CLASSES

COLOURS = {
    "background": (0, 0, 0), "skin": (255, 0, 0), "eye": (0, 255, 0), "lip": (0, 0, 255),
    "glasses": (255, 255, 0), "eyebrow": (0, 255, 255),
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A face in a photograph: where, how large (its eyes are 2 ``size`` apart), how it leans."""

    x: float = 300
    y: float = 280
    size: float = 50
    turn: float = 0.0
    eyes: str = "eye"
    lips: bool = True

    def place(self, u, v):
        c, s = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        return np.array([self.x, self.y]) + self.size * np.array([c * u - s * v, s * u + c * v])

    @property
    def square(self) -> Square:
        return square_of(self.place(-1, 0), self.place(1, 0), self.place(0, 2.2))

    def paint(self, pixels):
        height, width = pixels.shape[:2]
        x, y = np.meshgrid(np.arange(width) + 0.5 - self.x, np.arange(height) + 0.5 - self.y)
        c, s = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        u, v = (c * x + s * y) / self.size, (c * y - s * x) / self.size

        def ellipse(name, middle, sides):
            inside = ((u - middle[0]) / sides[0]) ** 2 + ((v - middle[1]) / sides[1]) ** 2 <= 1
            pixels[inside] = COLOURS[name]

        ellipse("skin", (0, 0.9), (2.2, 2.9))
        spread, drop = {"eye": (1, 0), "glasses": (1.15, 0.09), "eyebrow": (1.064, -0.55)}[
            self.eyes
        ]
        for side in (-spread, spread) if self.eyes != "one" else (spread,):
            ellipse(self.eyes, (side, drop), (0.35, 0.2))
        if self.lips:
            ellipse("lip", (0, 2.2), (0.8, 0.25))


def photo(*faces, size=(600, 640)):
    """uint8 RGB, ``size`` (height, width)."""
    pixels = np.zeros((*size, 3), np.uint8)
    for face in faces:
        face.paint(pixels)
    return Image.fromarray(pixels)


def parse(x):
    """Every pixel's class by the nearest of the colours."""
    colours = torch.tensor(list(COLOURS.values())) / 255
    nearest = (x[:, None] - colours[None, :, :, None, None]).square().sum(2).argmin(1)
    return torch.tensor([CLASSES.index(name) for name in COLOURS])[nearest]


def test_the_square_is_ffhqs():
    # Karras et al.: the eyes span a quarter of it, or they and the mouth 1 / 3.6 of it.
    wide = square_of(np.array([10.0, 20]), np.array([50.0, 20]), np.array([30.0, 60]))
    assert wide.side == pytest.approx(4 * 40)
    assert wide.middle == pytest.approx([30, 24])
    tall = square_of(np.array([10.0, 20]), np.array([50.0, 20]), np.array([30.0, 80]))
    assert tall.side == pytest.approx(3.6 * 60)
    assert tall.turn == pytest.approx(0)


def test_the_square_leans_between_eyes_and_nose_line():
    eye, other = np.array([-20.0, 0]), np.array([20.0, 0])
    aslant = square_of(eye, other, np.array([-8.0, 40]))  # the mouth is off to the left
    assert aslant.turn == pytest.approx(np.degrees(np.arctan2(8, 40 + 40)), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "face",
    [
        Drawn(),
        Drawn(turn=20),
        Drawn(turn=-20),
        Drawn(size=30, x=380, y=200),
        Drawn(size=24, x=240, y=320, turn=12),
    ],
    ids=lambda face: f"{face.size}px,{face.turn}deg",
)
def test_a_face_is_found_wherever_it_is(face):
    found = find(photo(face), parse)
    assert found.apart(face.square) < 0.01
    assert found.turn == pytest.approx(face.turn, abs=0.5)


@pytest.mark.slow
def test_every_portrait_has_eyes_and_mouth_at_the_same_places():
    faces = [Drawn(), Drawn(turn=18, size=40), Drawn(turn=-18, size=60, x=330)]
    first, *others = (np.asarray(align(photo(face), parse, 256)).astype(int) for face in faces)
    for other in others:
        parts = first.max(2) > 0
        differ = (np.abs(first - other).max(2) > 128) & parts
        assert differ.sum() < 0.02 * parts.sum()


@pytest.mark.slow
def test_an_aligned_portrait_comes_back_bit_for_bit():
    turned = align(photo(Drawn(turn=15)), parse, 256)
    again = align(turned, parse, 256)
    assert np.array_equal(np.asarray(turned), np.asarray(again))
    leaning = turned.rotate(20)
    assert not np.array_equal(np.asarray(leaning), np.asarray(align(leaning, parse, 256)))
    larger = turned.resize((300, 300))
    assert align(larger, parse, 256).size == (256, 256)


@pytest.mark.slow
def test_of_two_faces_the_larger_one_is_taken():
    left, right = Drawn(x=150, y=250, size=48), Drawn(x=480, y=250, size=30)
    assert find(photo(left, right), parse).apart(left.square) < 0.01
    left, right = replace(left, size=30), replace(right, size=48)
    assert find(photo(left, right), parse).apart(right.square) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("eyes", ["glasses", "eyebrow"])
def test_eyes_that_are_hidden_are_guessed(eyes):
    face = Drawn(eyes=eyes, turn=10)
    assert find(photo(face), parse).apart(face.square) < 0.03


@pytest.mark.slow
def test_beyond_the_photographs_border_is_its_blurred_mirror_image():
    face, paper, missing = Drawn(x=320, y=260), np.array([76, 0, 0]), 200
    pixels = np.array(photo(face, size=(800, 640)))
    pixels[pixels.max(2) == 0] = paper
    full, cut = (
        np.asarray(align(Image.fromarray(p), parse, 256)).astype(int)
        for p in (pixels, pixels[missing:])
    )
    rows = 256 * (missing - (face.square.middle[1] - face.square.side / 2)) / face.square.side
    assert rows > 80
    outside, inside = cut[: int(rows) - 1], cut[int(rows) + 2 :]
    assert np.abs(inside - full[int(rows) + 2 :]).mean() < 0.5
    mirrored = cut[int(rows) + 1 : 2 * int(rows)][::-1]
    assert np.abs(outside - mirrored).mean() < 8  # paper where the face was cut off would be 25
    assert outside[0, 0] == pytest.approx(paper, abs=1)
    edges = [np.abs(np.diff(p[..., 0], axis=1)).max() for p in (outside[:40], inside)]
    assert edges[0] < edges[1] / 3


@pytest.mark.parametrize(
    "picture",
    [photo(), photo(Drawn(lips=False)), Image.fromarray(data.coffee()), Image.new("L", (3, 900))],
    ids=["blank", "no mouth", "coffee", "a line"],
)
def test_without_a_face_a_sentence_says_what_to_choose(picture):
    def blind(x):
        return parse(x) if picture.size == (640, 600) else torch.zeros_like(x[:, 0]).long()

    with pytest.raises(BadInput, match="no face was found; choose a photo"):
        align(picture, blind, 256)


def test_a_face_too_small_is_refused_with_its_size():
    face = Drawn(size=24, x=300, y=280)
    with pytest.raises(BadInput, match=f"it is {face.square.side:.0f} pixels wide"):
        align(photo(face), parse, 2048)


@pytest.mark.slow
def test_the_cascade_tells_where_to_look():
    """The astronaut's face, a fifth of the photograph, upright and leaning."""
    picture = Image.fromarray(data.astronaut())
    for angle in (0, 25, -25):
        leaning = picture.rotate(angle, Image.Resampling.BICUBIC, center=(225, 110))
        whole, *found = alignment._where_to_look(leaning)
        assert whole.side == 512
        near = [s for s in found if np.hypot(*(s.middle - [225, 110])) < 30]
        assert any(120 < s.side < 240 and abs(s.turn + angle) <= 25 for s in near)


@pytest.fixture
def bundle(tmp_path):
    """A bundle for portraits of 64 pixels with a random parser."""
    manifest = bundles.Manifest(
        name="tiny-faces", title="Tiny", description="Random weights.", image_size=64, channels=3,
        class_names=["a", "b"], licence="Apache-2.0", preparation="portrait",
    )  # fmt: skip
    torch.manual_seed(0)
    arguments = {"size": 64, "width": 4}
    network = registry.architecture("bisenet")(**arguments)
    part = bundles.Part(
        kind="parser", architecture="bisenet", arguments=arguments, file="parsing.safetensors",
        licence="Apache-2.0",
    )  # fmt: skip
    bundles.write_part(tmp_path, manifest, "parsing", network, part)
    return str(tmp_path)


@pytest.mark.slow
def test_a_bundle_prepares_portraits_with_its_parser(bundle, monkeypatch):
    with pytest.raises(BadInput, match="no face was found"):
        service.prepare(bundle, Image.new("RGB", (80, 100)))
    monkeypatch.setattr(bundles.get(bundle).part("parsing"), "labels", parse)
    seen = service.prepare(bundle, photo(Drawn(turn=20)))
    assert seen.shape == (64, 64, 3)
    assert seen.dtype == np.uint8
    assert np.array_equal(service.prepare(bundle, Image.fromarray(seen)), seen)


@pytest.mark.slow
def test_a_portraits_place_in_its_photograph_is_known(bundle, monkeypatch):
    monkeypatch.setattr(bundles.get(bundle).part("parsing"), "labels", parse)
    picture = photo(Drawn(turn=20))
    seen, place = service.place(bundle, picture)
    assert place.original == picture.size
    assert place.tilt == pytest.approx(20, abs=3)
    # The photograph, looked at where the place says, is the portrait.
    brightness = np.asarray(picture.convert("L"))
    for level in (90, 150):
        mask = np.where(brightness > level, 255, 0).astype(np.uint8)
        wanted = np.asarray(Image.fromarray(seen).convert("L")) > level
        assert ((imaging.carried(mask, place, 64) > 0) != wanted).mean() < 0.06


def test_without_a_parser_the_bundle_says_so(tmp_path):
    manifest = bundles.Manifest(
        name="blind", title="Blind", description="No parts.", image_size=64, channels=3,
        class_names=["a", "b"], licence="Apache-2.0", preparation="portrait",
    )  # fmt: skip
    bundles.write_manifest(tmp_path, manifest)
    with pytest.raises(MissingPart, match="parser"):
        service.prepare(str(tmp_path), photo(Drawn()))


# ---------------------------------------------------------------- with the published weights


@pytest.fixture(scope="module")
def faces():
    try:
        found = bundles.find("faces")
    except StudioError as error:
        pytest.skip(str(error))
    for kind in ("parser", "generator"):
        problem = found.problem(found.named(kind))
        if problem:
            pytest.skip(problem)
    return found


def test_the_astronaut_upright_and_leaning(faces):
    labels = faces.part(faces.named("parser")).labels
    picture = Image.fromarray(data.astronaut())
    upright = find(picture, labels)
    assert upright.middle == pytest.approx([225, 107], abs=5)
    assert upright.side == pytest.approx(174, abs=10)
    for angle in (20, -20):
        leaning = picture.rotate(angle, Image.Resampling.BICUBIC, center=tuple(upright.middle))
        found = find(leaning, labels)
        assert found.turn == pytest.approx(upright.turn - angle, abs=2)
        assert found.middle == pytest.approx(upright.middle, abs=3)
        assert found.side == pytest.approx(upright.side, rel=0.05)


def test_of_two_people_the_larger_one_is_taken(faces):
    one = Image.fromarray(data.astronaut())
    both = Image.new("RGB", (1280, 768), "grey")
    both.paste(one, (768, 0))
    both.paste(one.resize((768, 768), Image.Resampling.LANCZOS), (0, 0))
    found = find(both, faces.part(faces.named("parser")).labels)
    assert found.middle == pytest.approx([1.5 * 225, 1.5 * 107], abs=8)
    assert found.side == pytest.approx(1.5 * 174, abs=15)


def test_coffee_is_no_face(faces):
    with pytest.raises(BadInput, match="no face was found"):
        align(Image.fromarray(data.coffee()), faces.part(faces.named("parser")).labels, 1024)


@torch.no_grad()
def test_generated_faces_are_aligned_already(faces):
    generator = faces.part(faces.named("generator"))
    w = generator.sample_w(2, torch.Generator().manual_seed(0), truncation=0.7)
    for one in w.split(1):
        pixels = (generator.decode(one)[0] * 255).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(service.prepare("faces", Image.fromarray(pixels)), pixels)
