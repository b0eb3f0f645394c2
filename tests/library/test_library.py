"""The library's front door: somebody's own model, explained from Python."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import counterfactual_studio as cs
from backends import service
from backends.targets.trust import is_trusted

ROOT = Path(__file__).parents[2]


@pytest.fixture
def net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(16, 3))  # fmt: skip


@pytest.fixture
def asked(net, tiny, picture):
    """A model, a picture, a target that it does not say already."""
    model = cs.model(net, classes=["x", "y", "z"])
    said = cs.predict(model, picture, prior=tiny).label
    return model, picture, next(name for name in "xyz" if name != said)


def test_an_answer_has_record_and_pictures_and_is_saved(asked, tiny, tmp_path):
    model, picture, target = asked
    answer = cs.explain(model, picture, target, method="rcsb", prior=tiny)
    assert answer.record["target"] == target
    assert set(answer.record["counterfactual"]["probabilities"]) == set("xyz")
    assert answer.record["oracle"] is None  # it learnt other classes
    assert np.array_equal(np.asarray(answer.factual), picture[..., 0])
    assert answer.image.size == answer.heatmap.size == (16, 16)
    assert answer.flipped == answer.record["flipped"]
    folder = answer.save(tmp_path / "answer")
    assert json.loads((folder / "result.json").read_text())["target"] == target
    assert np.array_equal(np.asarray(Image.open(folder / "counterfactual.png").convert("L")),
                          answer.answer.counterfactual[..., 0])  # fmt: skip
    assert len(re.findall(r'src="data:image/png;base64,', answer._repr_html_())) == 3
    assert f"to {target}" in repr(answer)


def test_the_same_seed_gives_the_same_answer(asked, tiny):
    model, picture, target = asked
    one, two = (cs.explain(model, picture, target, method="rcsb", prior=tiny, seed=7) for _ in "ab")
    assert np.array_equal(one.answer.counterfactual, two.answer.counterfactual)


def test_methods_are_compared_and_refusals_are_sentences(asked, tiny, tmp_path):
    model, picture, target = asked
    found = cs.compare(model, picture, target, methods=["rcsb", "place"], prior=tiny)
    assert list(found) == ["rcsb"]
    assert "was trained for the bundle's classes" in found.problems["place"]
    assert [row["method"] for row in found.table] == ["rcsb", "place"]
    assert (found.save(tmp_path / "both") / "rcsb" / "result.json").is_file()


def test_settings_and_two_models_are_compared(asked, tiny, tmp_path):
    model, picture, target = asked
    found = cs.compare(
        model, picture, target, methods=["rcsb"], prior=tiny, second_model="width",
        variants={"rcsb": [{"steps": 4}, {"steps": 5}]},
    )  # fmt: skip
    assert [name.split()[:2] for name in found] == [["rcsb", "steps=4"], ["rcsb", "steps=5"]]
    assert len(found.problems) == 2, "the width has no such class"
    for steps, one in zip((4, 5), found.values(), strict=True):
        assert one.record["settings"]["steps"] == steps
        assert one.record["second_opinion"]["model"] == "width"
    assert len(list(found.save(tmp_path / "both").glob("*/result.json"))) == 2


def test_the_same_class_names_are_enough(net, tiny, picture):
    model = cs.model(net, classes=["a", "b", "c"])
    said = cs.predict(model, picture, prior=tiny).label
    target = next(name for name in "abc" if name != said)
    answer = cs.explain(model, picture, target, method="leapfactual", prior=tiny)
    assert answer.record["oracle"] is not None


def test_the_contract_of_a_target_model_is_enough(tiny, picture):
    class Contract:
        """No more than the four members that are documented."""

        class_names = ("dark", "bright")
        differentiable = True

        def logits(self, x):
            lead = 20 * (x.mean((1, 2, 3)) - 0.5)
            return torch.stack([-lead, lead], 1)

        def probabilities(self, x):
            return self.logits(x).softmax(1)

    said = cs.predict(Contract(), picture, prior=tiny).label
    target = {"dark": "bright", "bright": "dark"}[said]
    for method in ("rcsb", "diffeomorphic", "adversarial"):
        answer = cs.explain(Contract(), picture, target, method=method, prior=tiny)
        assert answer.record["factual"]["label"] == said


def test_a_function_is_a_model_without_gradients(tiny, picture):
    model = cs.model(lambda x: (x.mean((1, 2, 3)) > 0.5).astype(int), classes=["a", "b"])
    target = {"a": "b", "b": "a"}[cs.predict(model, picture, prior=tiny).label]
    with pytest.raises(cs.BadInput, match="follows gradients"):
        cs.explain(model, picture, target, method="rcsb", prior=tiny)


def test_a_mask_is_a_region(asked, tiny):
    model, picture, target = asked
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[4:9, 3:12] = 1
    answer = cs.explain(model, picture, target, method="rcsb", prior=tiny, mask=mask)
    changed = (answer.answer.counterfactual != picture)[..., 0]
    assert not changed[mask == 0].any()
    assert np.array_equal(answer.answer.mask > 0, mask > 0)


def test_a_models_added_name_is_on_the_page(net, tiny):
    model = cs.model(net, classes=["x", "y", "z"], name="my own")
    entry = service.about(tiny)["models"][model.name]
    assert entry["classes"] == ["x", "y", "z"]
    assert entry["methods"]["rcsb"] is None
    assert "was trained for the bundle's classes" in entry["methods"]["leapfactual"]


def test_a_file_of_code_is_explained_and_trust_ends_with_the_call(tiny, picture, tmp_path):
    file = tmp_path / "own.py"
    file.write_text("def dark(x):\n    return (x.mean((1, 2, 3)) > 0.5).astype(int)\n")
    found = cs.predict(f"{file}:dark?classes=a,b", picture, prior=tiny)
    assert set(found.probabilities) == {"a", "b"}
    assert not is_trusted()
    with pytest.raises(cs.BadInput, match="would run code"):
        service.predict(tiny, picture, f"{file}:dark?classes=a,b")


def test_wrong_options_are_sentences(net):
    with pytest.raises(cs.BadInput, match="std of a model"):
        cs.model(net, std=0.0 - 1)
    with pytest.raises(cs.BadInput, match="names no model"):
        cs.model("resnet")


@pytest.mark.weights
def test_the_readmes_lines_run(tmp_path, monkeypatch):
    """As a newcomer copies them, in a folder of their own with a model of their own."""
    code = re.search(r"```python\n(import counterfactual_studio.*?)```",
                     (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)  # fmt: skip
    assert code is not None
    lines = [line for line in code[1].splitlines() if line.strip()]
    assert len(lines) <= 10
    monkeypatch.chdir(tmp_path)
    four = next(iter(sorted((ROOT / "assets" / "digits" / "examples").glob("4_*.png"))))
    Image.open(four).save("4.png")
    (tmp_path / "my_project.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "torch.manual_seed(0)\n"
        "net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2),\n"
        "                    nn.Flatten(), nn.Linear(16, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(code[1], "README.md", "exec"), {})
    assert (tmp_path / "answer" / "result.json").is_file()


@pytest.mark.weights
@pytest.mark.slow
def test_the_notebooks_cells_run(tmp_path, monkeypatch):
    cells = json.loads((ROOT / "examples" / "own_model.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "own_model.ipynb", "exec"), names)
    assert names["share"] > 0.6
    assert names["answer"].flipped
    assert (tmp_path / "answers" / "table.csv").is_file()
