"""One switch: everything computes where it says, and leaves on the CPU; a full device says so."""

import ast
import math
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backends import bundles, evaluation, registry, service
from backends.bundles import Bundle
from backends.bundles.networks import Networks
from backends.compute import devices, oom
from backends.core import Region, Step
from backends.errors import BadInput, OutOfMemory
from backends.evaluation import rows
from backends.explain.judge import judge
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import eight_bit
from backends.metrics.importance import importance
from backends.priors.flow import PixelFlow
from backends.regions import attribution
from backends.regions.settings import AutoRegion
from backends.targets.model import Classifier
from backends.targets.named import target_model
from tests.elsewhere import DEVICE, Elsewhere, there

ROOT = Path(__file__).parents[3]
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


@pytest.fixture
def away(tiny):
    """The tiny bundle on a device that is not the CPU."""
    with there():
        yield Bundle(Path(tiny), DEVICE)


def question(count=2):
    x = torch.randint(0, 256, (count, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    mask = torch.zeros(count, 1, 16, 16)
    mask[:, :, 4:12, 2:9] = 1
    return x, torch.arange(count) % 3, Region(mask, "box")


def few_steps(name):
    return {"steps": 3} if hasattr(registry.method(name).Config(), "steps") else {}


# ------------------------------------------------------------------ one device for everything


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_every_method_computes_on_the_bundles_device_and_answers_on_the_cpu(name, away, tiny):
    """On the second device nothing is mixed and nothing drawn (it would raise), and the same seed
    gives the CPU's answer."""
    x, target, region = question()
    settings = few_steps(name)
    *_, last = steps = list(run(Question.of(away, name, x, target, region, settings, seed=5)))
    answer = last.counterfactual
    assert type(away.part("classifier").head[0].weight.data) is Elsewhere
    for step in steps:
        for value in (step.image, step.target_probability, *step.measured.values()):
            assert value.device.type == "cpu"
        assert step.latent is None or step.latent.device.type == "cpu"
    for value in (answer.image, answer.region.mask, answer.factual, answer.counterfactual,
                  answer.flipped, *answer.metrics.values()):  # fmt: skip
        assert value.device.type == "cpu"
    here = Question.of(Bundle(Path(tiny), "cpu"), name, x, target, region, settings, seed=5)
    *_, here = run(here)
    assert (last.image - here.image).abs().max() <= 1.5 / 255
    inside = region.mask.bool()
    assert torch.equal(last.image[~inside], x[~inside])
    assert answer.nfe == here.counterfactual.nfe


@pytest.mark.slow
def test_no_weight_has_or_gets_a_gradient(tiny):
    x, target, region = question()
    found = Bundle(Path(tiny), "cpu")
    for name in registry.METHODS:
        list(run(Question.of(found, name, x, target, region, few_steps(name))))
    weights = [w for network in found._loaded.values() for w in network.parameters()]
    assert weights
    assert not any(w.requires_grad or w.grad is not None for w in weights)


@pytest.mark.slow
def test_jobs_compute_there_too(away, picture, ask, monkeypatch):
    monkeypatch.setattr(bundles, "get", lambda name: away)
    request = ask("leapfactual", importance=True)
    assert math.isclose(sum(service.predict("", picture).probabilities.values()), 1, abs_tol=1e-5)
    assert service.predict("", picture, "width").value is not None
    assert service.propose("", picture, {"area": 0.3, "cell": 4}).mask.any()
    assert len(service.spectrum("", picture, "autoencoder")) == 4
    assert service.spectrum("", picture, "flow")[0] > 0
    *frames, answer = service.explain(request)
    assert isinstance(answer.importance, np.ndarray)
    assert service.stopped(request, frames[0]).record["status"] == "cancelled"


@pytest.mark.parametrize("name", ["integrated_gradients", "saliency", "occlusion", "grad_cam"])
def test_attributions_compute_there_too(name, away):
    x, *_ = question(1)
    f = target_model(away)
    region, value = attribution.propose(f, x.to(DEVICE), AutoRegion(attribution=name, cell=4))
    assert value.device.type == "cpu"
    assert set(region.mask.cpu().unique().tolist()) <= {0.0, 1.0}


def test_an_answer_is_judged_from_anywhere(away, tiny):
    x, target, region = question()
    there_, here = (
        judge(Question.of(found, "adversarial", x, target, region), x.flip(3))
        for found in (away, Bundle(Path(tiny), "cpu"))
    )
    assert there_.metrics.keys() == here.metrics.keys()
    for name, value in here.metrics.items():
        assert torch.allclose(there_.metrics[name].double(), value.double(), atol=1e-3), name


def test_a_flows_indices_move_with_it_and_survive_a_training():
    flow = PixelFlow(1, 16, 0, (8, 8), (2, 2), bins=4)
    with there():
        moved = flow.to(DEVICE)
        assert isinstance(moved.fine[0].kept, Elsewhere)
        assert isinstance(moved.fine[0].order, Elsewhere)
    halved = PixelFlow(1, 16, 0, (8, 8), (2, 2), bins=4).double()
    assert halved.fine[0].kept.dtype == torch.int64


def test_eight_bits_are_the_same_bits_as_a_files():
    every = torch.arange(256, dtype=torch.uint8).float() / 255
    assert torch.equal(eight_bit(every + 0.001), every)
    assert eight_bit(torch.tensor([-0.2, 1.2])).tolist() == [0, 1]


DRAWS = {f"torch.{name}" for name in ("rand", "randn", "randint", "randperm", "normal")}


@pytest.mark.parametrize("folder", ["methods", "priors", "metrics", "regions", "targets"])
def test_noise_is_drawn_on_the_cpu(folder):
    """``torch.randn(..., generator=g).to(x)``: the same seed, the same noise on every device.
    Only weights may be drawn without, when a network is made."""
    for path in (ROOT / "backends" / folder).glob("*.py"):
        tree = ast.parse(path.read_text())
        makers = [n for n in ast.walk(tree) if getattr(n, "name", "") == "__init__"]
        made = {id(node) for maker in makers for node in ast.walk(maker)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in DRAWS:
                names = {keyword.arg for keyword in call.keywords}
                assert "device" not in names, f"{path}: {ast.unparse(call)}"
                assert "generator" in names or id(call) in made, f"{path}: {ast.unparse(call)}"


# ------------------------------------------------------------------ the switch


def test_the_switch_is_the_environments(monkeypatch, tiny):
    monkeypatch.setenv(devices.SWITCH, "cpu")
    assert devices.current() == "cpu"
    monkeypatch.setenv(devices.SWITCH, "abacus")
    with pytest.raises(BadInput, match="'abacus' is not available here; choose from: auto, cpu"):
        Bundle(Path(tiny)).part("classifier")
    with pytest.raises(BadInput, match="abacus"):
        devices.use("abacus")


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_is_the_best_there_is(cuda, mps, best, monkeypatch):
    monkeypatch.delenv(devices.SWITCH, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices.current() == best
    monkeypatch.setenv(devices.SWITCH, "")
    assert devices.use("auto") == devices.current() == best


@pytest.mark.parametrize("command", ["explain", "evaluate", "spectrum", "serve", "train"])
def test_every_command_has_it(command, run, monkeypatch):
    monkeypatch.setenv(devices.SWITCH, "cpu")
    needed = {
        "explain": ["x.png", "--method", "rcsb", "--target", "1"],
        "evaluate": ["--methods", "rcsb", "--n", 1, "--out", "nowhere"],
        "spectrum": ["x.png"],
        "serve": [],
        "train": ["mnist", "--out", "nowhere"],
    }
    code, _, said = run(command, *needed[command], "--device", "abacus")
    assert code == 2
    assert said.startswith("error: device 'abacus' is not available here; choose from: auto, cpu")
    assert said.count("\n") == 1


def test_doctor_tells_where_it_computes(run, monkeypatch):
    monkeypatch.setenv(devices.SWITCH, "abacus")
    assert "broken   device: device 'abacus' is not available here" in run("doctor")[1]
    monkeypatch.setenv(devices.SWITCH, "cpu")
    assert "ok       device: cpu, " in run("doctor")[1]


def test_only_the_cpu_counts_threads():
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for device, wanted in (("cpu", 1), ("cuda", 2), ("mps", 2)):
            seen = list(devices.paced((torch.get_num_threads() for _ in range(2)), 16, device))
            assert seen == [wanted] * 2
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)


def test_what_fewer_bits_change_of_the_first_picture_is_told(tiny, monkeypatch):
    x, target, region = question()

    def explain(self, factual, *_):
        off = torch.tensor([0.25, 0.125]) if torch.is_autocast_enabled("cpu") else torch.zeros(2)
        yield Step(1, 1, "", factual + off[:, None, None, None])

    monkeypatch.setattr(registry.method("adversarial"), "explain", explain)
    monkeypatch.setenv("STUDIO_PRECISION", "bf16")
    *_, last = run(Question.of(bundles.find(tiny), "adversarial", x, target, region))
    lost = last.counterfactual.metrics["precision_error"]
    assert torch.allclose(lost, torch.tensor([0.25, 0.125]), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_fewer_bits_are_measured_and_float32_stays_what_it_was(name, tiny, monkeypatch):
    x, target, region = question()

    def answer():
        found = bundles.find(tiny)
        return list(run(Question.of(found, name, x, target, region, few_steps(name))))[-1]

    exact = answer().counterfactual
    assert "precision_error" not in exact.metrics
    assert "precision" not in exact.settings
    monkeypatch.setenv("STUDIO_PRECISION", "bf16")
    last = answer()
    assert last.image.dtype == torch.float32
    assert last.counterfactual.settings["precision"] == "bf16"
    lost = last.counterfactual.metrics["precision_error"]
    assert lost.shape == (2,)
    assert (lost < 0.5).all()
    assert torch.equal(last.image * (1 - region.mask), x * (1 - region.mask))
    assert not torch.is_autocast_enabled("cpu")
    monkeypatch.delenv("STUDIO_PRECISION")
    assert torch.equal(answer().image, exact.image)


def test_no_step_leaves_its_numbers_to_the_caller():
    seen = []

    def steps():
        for _ in range(2):
            seen.append(torch.is_autocast_enabled("cpu"))
            yield

    for _ in devices.paced(steps(), 16, "cpu", "bf16"):
        assert not torch.is_autocast_enabled("cpu")
    assert seen == [True, True]
    before = torch.backends.cuda.matmul.allow_tf32
    found = list(devices.paced(iter([0]), 16, "cuda", "tf32"))
    assert found == [0]
    assert torch.backends.cuda.matmul.allow_tf32 == before


def test_wrong_numbers_are_named(run, monkeypatch):
    monkeypatch.setenv("STUDIO_PRECISION", "")
    monkeypatch.setenv(devices.SWITCH, "cpu")
    asked = ["explain", "x.png", "--method", "rcsb", "--target", "1", "--precision"]
    code, _, said = run(*asked, "half")
    assert code == 2
    assert "STUDIO_PRECISION is 'half'; set it to: Numbers to compute with" in said
    code, _, said = run(*asked, "tf32")
    assert code == 2
    assert "tf32 needs a CUDA device" in said


class Large(torch.nn.Module):
    """A network that can be checkpointed, and takes down whether it is."""

    def __init__(self):
        super().__init__()
        self.conv, self.checkpointed = torch.nn.Conv2d(3, 8, 3), False

    def enable_gradient_checkpointing(self):
        self.checkpointed = True


@pytest.mark.parametrize(
    ("asked", "memory", "done"),
    [("auto", 80e9, False), ("auto", 16e9, True), ("off", 16e9, False), ("on", 80e9, True)],
)
def test_a_small_card_computes_large_networks_twice(asked, memory, done, monkeypatch):
    monkeypatch.setenv("STUDIO_CHECKPOINTING", asked)
    card = SimpleNamespace(total_memory=memory)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)
    assert not devices.placed(Large(), "cuda").checkpointed
    monkeypatch.setattr(devices, "LARGE", 10)
    assert devices.placed(Large(), "cuda").checkpointed == done
    assert devices.placed(Large(), "cpu").checkpointed == (asked == "on")


def test_networks_of_earlier_runs_make_room():
    kept, networks = Networks(), {name: torch.nn.Linear(10, 10, bias=False) for name in "abc"}
    for name, network in networks.items():
        kept.keep(name, network, 800)
    assert list(kept) == ["b", "c"]
    kept.keep("d", torch.nn.Linear(100, 100), 800)
    assert list(kept) == ["d"], "the newest stays, however large it is"
    assert devices.part_budget("cpu") == math.inf


def test_cuda_is_made_exact_and_repeatable(monkeypatch):
    """What the promises of a method need; the defaults are TensorFloat-32 and the fastest sums."""
    before = (
        torch.backends.cudnn.allow_tf32, torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cuda.mem_efficient_sdp_enabled(),
    )  # fmt: skip
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        devices.settle("cpu")
        assert not torch.are_deterministic_algorithms_enabled()
        devices.settle("cuda")
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cuda.mem_efficient_sdp_enabled()
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        torch.utils.deterministic.fill_uninitialized_memory = before[3]
        torch.backends.cuda.enable_mem_efficient_sdp(before[4])


# ------------------------------------------------------------------ no room


class Narrow(torch.nn.Module):
    """A network on a device that holds no more than ``room`` pictures."""

    def __init__(self, network, room, error=FULL):
        super().__init__()
        self.network, self.room, self.error, self.sizes = network, room, error, []

    def forward(self, x, *rest):
        self.sizes.append(len(x))
        if len(x) > self.room:
            raise self.error
        return self.network(x, *rest)


def narrow(found, part, room, error=FULL):
    found._loaded[part] = Narrow(found.part(part), room, error)
    return found._loaded[part]


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, max allowed: 9.07 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=["cuda", "mps", "cpu", "cublas", "python"],
)
def test_a_full_device_says_what_helps(error, tiny):
    x, target, region = question(2)
    found = Bundle(Path(tiny), "cpu")
    narrow(found, "bridge", 1, error)
    with pytest.raises(OutOfMemory, match=r"2 pictures at once do not fit .*smaller batch"):
        list(run(Question.of(found, "rcsb", x, target, region, {"steps": 2})))
    one = (x[:1], target[:1], Region(region.mask[:1]))
    assert list(run(Question.of(found, "rcsb", *one, {"steps": 2})))[-1].counterfactual
    narrow(found, "bridge", 0, error)
    with pytest.raises(OutOfMemory, match=r"close other programs .*or choose another method"):
        list(run(Question.of(found, "rcsb", *one, {"steps": 2})))


def test_a_card_that_is_full_names_the_processor():
    with (
        pytest.raises(OutOfMemory, match=r"memory of cuda; .* --device cpu"),
        oom.guarded("cuda"),
    ):
        raise FULL


def test_other_errors_stay_themselves():
    with pytest.raises(RuntimeError, match="shapes"), oom.guarded("cpu"):
        raise RuntimeError("shapes do not fit")
    with pytest.raises(ZeroDivisionError):
        list(oom.in_batches(4, 4, "cpu", lambda part: iter([1 // 0])))


def test_batches_are_halved_until_they_fit_and_stay_so():
    tried = []

    def work(part):
        tried.append((part.start, part.stop))
        if part.stop - part.start > 2:
            raise FULL
        yield from range(part.start, part.stop)

    assert list(oom.in_batches(7, 6, "cpu", work)) == list(range(7))
    assert tried == [(0, 6), (0, 3), (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]

    def hopeless(part):
        yield from ()
        raise FULL

    with pytest.raises(torch.OutOfMemoryError):
        list(oom.in_batches(3, 3, "cpu", hopeless))


def test_what_did_not_fit_is_let_go_before_the_next_try(monkeypatch):
    """Inside the handler the error's traceback would still hold it."""
    held, free = [], []

    class Large:
        pass

    def work(part):
        large = Large()
        held.append(weakref.ref(large))
        if part.stop - part.start > 1:
            raise torch.OutOfMemoryError("out of memory")
        yield part

    monkeypatch.setattr(oom, "release", lambda device: free.append(held[-1]() is None))
    assert len(list(oom.in_batches(2, 2, "cpu", work))) == 2
    assert free == [True]


@pytest.mark.slow
def test_an_evaluation_halves_its_batches(tiny, tmp_path, monkeypatch):
    found = Bundle(Path(tiny), "cpu")
    network = narrow(found, "bridge", 2)
    x, target, _ = question(6)
    source = (target + 1) % 3
    opinions = torch.nn.functional.one_hot(source, 3).float()
    questions = rows.Questions(x, source, target, opinions)
    monkeypatch.setattr(bundles, "get", lambda name: found)
    monkeypatch.setattr(rows, "draw", lambda *_: questions)
    plan = evaluation.Plan(tiny, ["rcsb"], 6, batch=5)
    *progress, row = evaluation.evaluate(plan)
    assert row.problem is None
    assert row.values["n"] == 6
    assert row.values["batch"] == 2
    assert network.sizes[:2] == [5, 2]
    assert max(network.sizes[1:]) == 2
    assert progress[-1].share == 1
    narrow(found, "bridge", 0)
    *_, row = evaluation.evaluate(plan)
    assert "choose another method" in row.problem


@pytest.mark.slow
def test_importance_shows_the_model_fewer_pictures_at_once(tiny):
    network = Bundle(Path(tiny), "cpu").part("classifier")
    x, target, _ = question(1)
    shown = [Classifier(net, ["a", "b", "c"]) for net in (network, Narrow(network, 5))]
    whole, halved = (importance(f, x, x.flip(3), target, 4) for f in shown)
    assert torch.allclose(whole, halved, atol=1e-5)


def test_a_full_device_is_not_taken_for_a_model_without_gradients(tiny):
    f = target_model(Bundle(Path(tiny), "cpu"))
    f.network = Narrow(f.network, 1)
    with pytest.raises(torch.OutOfMemoryError):
        attribution.attribute(f, question(1)[0], "integrated_gradients")


def test_bundles_are_found_on_the_switchs_device(tiny, monkeypatch):
    monkeypatch.setenv(devices.SWITCH, "cpu")
    assert bundles.find(tiny).device == "cpu"
