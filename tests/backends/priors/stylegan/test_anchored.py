"""Methods in the latent of a generator: small pictures on the way, the portrait at the end."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from backends import bundles, registry, service
from backends.bundles import Manifest, Part, latent_cache, write_part
from backends.core import Frame, Region, Request
from backends.errors import BadInput, MissingPart
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import eight_bit, to_array, to_tensor
from backends.priors.stylegan.anchored import DRAWN, Anchored
from backends.targets.model import Classifier
from studio import export

GENERATOR = {"latent": 8, "depth": 2, "widths": [8, 8, 8, 8, 8], "previews": []}
PARTS = {
    "generator": ("generator", "mobile_stylegan", GENERATOR, {"serves": ["autoencoder", "gan"]}),
    "classifier": ("classifier", "conv_classifier", {"channels": 3, "size": 128, "classes": 2}, {}),
    "gender": (
        "classifier",
        "conv_classifier",
        {"channels": 3, "size": 128, "classes": 2},
        {"classes": ["f", "m"]},
    ),
    "velocity": (
        "velocity",
        "velocity_field",
        {"latent": 8, "classes": 2, "width": 16, "depth": 2},
        {},
    ),
    "density": (
        "density",
        "conditional_density",
        {"latent": 8, "classes": 2, "width": 8, "transforms": 1, "kind": "affine"},
        {},
    ),
}


def two_drawn(faces):
    """The generator, two latents and their pictures."""
    network = bundles.find(faces).part("generator")
    w = network.sample_w(2, torch.Generator().manual_seed(2))
    with torch.no_grad():
        return network, w, network.decode(w)


def let_pass(network):
    """Styles near one, as trained networks have: near zero, a picture would not depend on them."""
    for level in network.levels:
        for style in (level.up, level.first_style, level.second_style):
            torch.nn.init.ones_(style.bias)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "faces"
    manifest = Manifest(
        name="tiny faces",
        title="Tiny faces",
        description="",
        image_size=128,
        channels=3,
        class_names=["no", "yes"],
        licence="",
        preparation="portrait",
    )
    for seed, (name, (kind, architecture, arguments, more)) in enumerate(PARTS.items()):
        torch.manual_seed(seed)
        network = registry.architecture(architecture)(**arguments)
        if name == "generator":
            let_pass(network)
        part = Part(
            kind=kind, architecture=architecture, arguments=arguments,
            file=f"{name}.safetensors", licence="", **more,
        )  # fmt: skip
        write_part(folder, manifest, name, network, part)
    return str(folder)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))


def question(faces, method, **more):
    picture = service.sample(faces, 3)
    f = service.predict(faces, picture)
    return Request(faces, method, "yes" if f.label == "no" else "no", picture, **more)


FEW = {"leapfactual": {}, "place": {"steps": 4}, "diffeomorphic_gan": {"steps": 4}}


@pytest.mark.parametrize("method", FEW)
def test_every_method_answers_and_the_region_holds(faces, method):
    asked = question(faces, method, region="box:8,8,40,40", settings=FEW[method])
    *frames, answer = service.explain(asked)
    assert frames
    outside = answer.mask == 0
    assert (answer.counterfactual[outside] == answer.factual[outside]).all()
    assert answer.counterfactual.shape == (128, 128, 3)
    assert "log_density_percentile" in answer.record["metrics"]
    assert "inversion_error" not in answer.record["metrics"], "the generator drew it"
    assert answer.record["nfe"]["generator.preview"]["forward"] > 1


def test_a_drawn_face_needs_no_inversion_and_another_one_is_inverted_once(faces, monkeypatch):
    monkeypatch.setattr("backends.priors.stylegan.anchored.INVERSION", 6)
    drawn = question(faces, "leapfactual")
    assert {frame.phase for frame in list(service.explain(drawn))[:-1]} == {"blending", "injection"}
    picture = drawn.picture.copy()
    picture[:8] = 0
    other = Request(faces, "leapfactual", drawn.target, picture)
    label = service.predict(faces, picture).label
    if label == other.target:
        other = Request(faces, "leapfactual", "no" if label == "yes" else "yes", picture)
    runs = [list(service.explain(replace(other, seed=seed))) for seed in (0, 1)]
    phases = [[f.phase for f in frames] for *frames, _ in runs]
    assert "inversion" in phases[0]
    assert "inversion" not in phases[1]
    first, second = (answer.counterfactual for *_, answer in runs)
    assert np.array_equal(first, second), "what is found does not depend on the run's seed"


def test_frames_of_an_inversion_are_small(faces, monkeypatch):
    monkeypatch.setattr("backends.priors.stylegan.anchored.SEEN", 64)
    layers = nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 2)
    model, region = Classifier(nn.Sequential(*layers), ["no", "yes"]), torch.ones(1, 1, 128, 128)
    steps = run(Question.of(
        bundles.find(faces), "leapfactual", torch.rand(1, 3, 128, 128), torch.tensor([1]),
        Region(region), {}, 0, model,
    ))  # fmt: skip
    first = next(steps)
    steps.close()
    assert first.phase == "inversion"
    assert first.image.shape == (1, 3, 64, 64)


def test_a_region_thinner_than_a_block_can_still_change(faces):
    network, w, x = two_drawn(faces)
    mask = torch.zeros(2, 1, 128, 128)
    mask[0, :, 40:41, 40:90] = 1
    mask[1, :, 32:64, 32:65] = 1
    small = Anchored(network, x, w, mask, 32).small
    assert small[0].sum() > 0
    assert small[1].sum() == 64, "of a thick one, blocks that it fills by half"


def test_no_change_of_latent_gives_the_portrait_itself(faces):
    """Whatever the generator gets wrong of a photo is no difference."""
    bundle = bundles.find(faces)
    x = (torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 255).round() / 255
    w = bundle.part("generator").sample_w(2, torch.Generator().manual_seed(2))
    region = Region(torch.ones(2, 1, 128, 128))
    settings = {"blending_leaps": 0, "injection_leaps": 0}
    *_, last = run(
        Question.of(bundle, "leapfactual", x, torch.tensor([1, 0]), region, settings, latent=w)
    )
    assert torch.equal(last.counterfactual.image, x)


def test_a_search_that_is_stopped_at_a_small_frame_changes_what_the_frame_changed(faces):
    noise = np.random.default_rng(0).integers(40, 200, (128, 128, 3), dtype=np.uint8)
    label = service.predict(faces, noise).label
    asked = Request(faces, "leapfactual", "yes" if label == "no" else "no", noise)
    small = to_array(torch.nn.functional.avg_pool2d(to_tensor(noise), 4))
    unchanged = service.stopped(asked, Frame(1, 2, "blending", small, 0.5, 0.1))
    assert np.array_equal(unchanged.counterfactual, noise)
    assert unchanged.record["metrics"]["changed_area"] == 0
    brighter = small.copy()
    brighter[:16] += 40
    frame = Frame(1, 2, "blending", brighter, 0.5, 0.1)
    changed = service.stopped(asked, frame).counterfactual
    assert np.array_equal(changed[72:], noise[72:])
    assert np.array_equal(changed[:56], noise[:56] + 40), "the portrait's detail stays"


def test_another_classifier_of_the_bundle_is_explained_with_its_own_classes(faces):
    picture = service.sample(faces, 3)
    assert set(service.predict(faces, picture, "gender").probabilities) == {"f", "m"}
    target = "m" if service.predict(faces, picture, "gender").label == "f" else "f"
    few = FEW["diffeomorphic_gan"]
    request = Request(faces, "diffeomorphic_gan", target, picture, settings=few, model="gender")
    *_, answer = service.explain(request)
    assert set(answer.record["counterfactual"]["probabilities"]) == {"f", "m"}
    assert "log_density" not in answer.record["metrics"], "it learnt other classes"
    with pytest.raises(Exception, match="cannot explain another model"):
        next(service.explain(Request(faces, "leapfactual", target, picture, model="gender")))


def test_latents_are_known_by_the_pictures_content(faces):
    picture = service.sample(faces, 5)
    bundle = bundles.find(faces)
    prior = bundle.fingerprint("generator")
    expected = bundle.part("generator").sample_w(1, torch.Generator().manual_seed(5))
    assert torch.equal(torch.tensor(latent_cache.recall(prior, picture)), expected[0])
    assert latent_cache.recall(prior, 255 - picture) is None


def test_a_drawn_face_that_was_saved_comes_back_as_it_is(faces):
    picture = service.sample(faces, 6)
    assert np.array_equal(service.prepare(faces, Image.fromarray(picture)), picture)
    with pytest.raises(MissingPart, match="parser"):  # any other is looked at, and aligned
        service.prepare(faces, Image.fromarray(255 - picture))


def test_another_model_of_classes_knows_its_own(faces):
    request = Request(faces, "diffeomorphic_gan", "yes", service.sample(faces, 5), model="gender")
    with pytest.raises(BadInput, match=r"no class 'yes' of model 'gender'.*choose from: f, m"):
        next(service.explain(request))


def test_settling_brings_back_what_lies_outside_the_region(faces):
    network, w, x = two_drawn(faces)
    mask = torch.zeros(2, 1, 128, 128)
    mask[:, :, 64:, 64:] = 1
    anchor = Anchored(network, x, w, mask, 128)
    moved = anchor.encode(x) + torch.randn(2, 8, generator=torch.Generator().manual_seed(3))

    def outside(u):
        with torch.no_grad():
            return ((anchor.decode(u) - x).square() * (1 - mask)).mean((1, 2, 3))

    assert (outside(anchor.settle(moved)) < outside(moved)).all()
    everywhere = Anchored(network, x, w, torch.ones_like(mask), 128)
    assert everywhere.settle(moved) is moved


def test_in_a_region_only_what_shapes_the_faces_parts_follows_w(faces):
    network = bundles.find(faces).part("generator")
    w, other = network.sample_w(2, torch.Generator().manual_seed(2)).split(1)
    with torch.no_grad():
        x = network.decode(w)
        shaped = network.decode(network.mixed(w, other, (16, 32)))
        assert torch.equal(network.decode(network.mixed(w, other, ())), x)
    mask = torch.zeros(1, 1, 128, 128)
    mask[:, :, 64:] = 1
    anchor = Anchored(network, x, w, mask, 128)
    u = (other - network.mean_w) / network.deviation
    assert torch.allclose(anchor.decode(u), shaped, atol=1e-5)
    whole = Anchored(network, x, w, torch.ones_like(mask), 128)
    assert torch.allclose(whole.decode(u), network.decode(other), atol=1e-5)
    assert not torch.allclose(shaped, network.decode(other), atol=1e-3)


def test_a_correction_makes_the_small_picture_agree_with_the_answer(faces):
    network, w, x = two_drawn(faces)
    anchor = Anchored(network, x, w, torch.ones(2, 1, 128, 128), 64)
    u = anchor.encode(x) + 1
    before, rows = anchor.decode(u), torch.tensor([1])
    full = anchor.correct(u[rows], rows)
    after = anchor.decode(u)
    assert torch.allclose(after[1], torch.nn.functional.avg_pool2d(full, 2)[0], atol=1e-5)
    assert torch.equal(after[0], before[0])


def test_what_the_generator_gets_wrong_stays_only_where_its_picture_does(faces):
    network = bundles.find(faces).part("generator")
    w = network.sample_w(1, torch.Generator().manual_seed(2))
    with torch.no_grad():
        base = network.decode(w)
    photo = eight_bit((base + 0.1 * torch.rand(base.shape)).clamp(0, 1))
    mask = torch.ones(1, 1, 128, 128)
    anchor = Anchored(network, photo, w, mask, 128)
    assert torch.equal(anchor.answer(anchor.encode(photo)), photo)
    left = torch.arange(128) < 64
    x = torch.where(left, base, 1 - base)  # the right half is another picture now
    held = anchor._held(x, base, photo - base)
    assert torch.allclose(held[..., :48], (photo - base)[..., :48], atol=1e-6)
    apart = (x - base).abs().mean(1)[..., 80:].mean()
    assert apart > 0.2
    assert held[..., 80:].abs().mean() < 0.2 * (photo - base)[..., 80:].abs().mean()


def test_a_photograph_comes_with_what_the_generator_makes_of_it(faces, monkeypatch, tmp_path):
    monkeypatch.setattr("backends.priors.stylegan.anchored.INVERSION", 2)
    drawn = service.sample(faces, 7)
    target = list(service.predict(faces, drawn).probabilities)[1]
    *_, answer = service.explain(Request(faces, "leapfactual", target, drawn))
    assert answer.reconstruction is None
    photo = 255 - drawn
    target = list(service.predict(faces, photo).probabilities)[1]
    *_, answer = service.explain(Request(faces, "leapfactual", target, photo))
    assert answer.record["metrics"]["inversion_error"] > DRAWN
    prior = bundles.find(faces).part("generator")
    w = torch.tensor(latent_cache.recall(bundles.find(faces).fingerprint("generator"), photo))[None]
    with torch.no_grad():
        rebuilt = (prior.decode(w)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(answer.reconstruction, rebuilt)
    squares = ((rebuilt.astype(float) - photo) / 255) ** 2
    told = answer.record["metrics"]["inversion_error"]
    assert told == pytest.approx(squares.mean() ** 0.5, abs=1 / 255)
    export.write(tmp_path / "out", answer, [])
    assert (tmp_path / "out" / "reconstruction.png").is_file()
