"""Find methods, architectures and region sources by name.

The tables hold import paths, so nothing heavy is loaded before it is used and a missing
optional package disables one row instead of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from backends.errors import MissingPart, NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from backends.core import Method

__all__ = [
    "ARCHITECTURES",
    "CONVERTERS",
    "COOKBOOKS",
    "METHODS",
    "architecture",
    "converter",
    "method",
]

METHODS = {
    "leapfactual": "backends.methods.leapfactual:LeapFactual",
    "place": "backends.methods.place:Place",
    "diffeomorphic": "backends.methods.diffeomorphic:Diffeomorphic",
    "ldce": "backends.methods.ldce:LDCE",
    "rcsb": "backends.methods.rcsb:RCSB",
    "ldce_txt": "backends.methods.ldce:LDCEText",
    "inpainting": "backends.methods.inpainting:Inpainting",
    "diffeomorphic_vae": "backends.methods.diffeomorphic:DiffeomorphicVAE",
    "diffeomorphic_gan": "backends.methods.diffeomorphic:DiffeomorphicGAN",
    "revise": "backends.methods.revise:Revise",
    "clarity": "backends.methods.clarity:Clarity",
    "opt": "backends.methods.opt:Opt",
    "conditional_vae": "backends.methods.opt:ConditionalVAE",
    "natural": "backends.methods.natural:NaturalSearch",
    "prototypes": "backends.methods.prototypes:Prototypes",
    "dvce": "backends.methods.dvce:DVCE",
    "fastdime": "backends.methods.fastdime:FastDiME",
    "adversarial": "backends.methods.diffeomorphic:Adversarial",
}

ARCHITECTURES = {
    "adm": "backends.priors.adm:ADM",
    "autoencoder": "backends.priors.autoencoder:Autoencoder",
    "bisenet": "backends.faces.parsing:BiSeNet",
    "bridge_network": "backends.priors.folded_unet:FoldedUNet",  # its name in older bundles
    "cifar_resnet": "backends.targets.cifar:CifarResNet",
    "cifar_vgg": "backends.targets.cifar:CifarVGG",
    "class_autoencoders": "backends.priors.class_autoencoders:ClassAutoencoders",
    "class_denoiser": "backends.priors.latent_diffusion:ClassDenoiser",
    "conditional_autoencoder": "backends.priors.conditional_autoencoder:ConditionalAutoencoder",
    "conditional_density": "backends.priors.density:ConditionalDensity",
    "conv_classifier": "backends.targets.classifier:ConvClassifier",
    "face_descriptor": "backends.faces.descriptor:FaceDescriptor",
    "field_denoiser": "backends.priors.latent_field:FieldDenoiser",
    "flat_autoencoder": "backends.priors.latent_field:FlatAutoencoder",
    "folded_unet": "backends.priors.folded_unet:FoldedUNet",
    "generator": "backends.priors.gan:Generator",
    "inception": "backends.metrics.inception:Inception",
    "label_denoiser": "backends.priors.class_diffusion:LabelDenoiser",
    "labelled_neighbours": "backends.targets.label_models:Neighbours",
    "latent_autoencoder": "backends.priors.latent_diffusion:LatentAutoencoder",
    "latent_field": "backends.priors.latent_field:LatentField",
    "latent_ensemble": "backends.priors.density:LatentEnsemble",
    "mini_xception": "backends.targets.expression:MiniXception",
    "mobile_stylegan": "backends.priors.stylegan.network:MobileStyleGAN",
    "outside": "backends.targets.outside.part:OutsidePart",
    "perceptual": "backends.metrics.perceptual:Perceptual",
    "pixel_flow": "backends.priors.flow:PixelFlow",
    "preset_classifier": "backends.targets.preset:PresetClassifier",
    "residual_classifier": "backends.targets.classifier:ResidualClassifier",
    "segment_anything": "backends.regions.segment:SegmentAnything",
    "strided_expression": "backends.targets.strided_expression:StridedExpression",
    "student_classifier": "backends.targets.label_models:Student",
    "text_autoencoder": "backends.priors.text_diffusion:TextAutoencoder",
    "text_denoiser": "backends.priors.text_diffusion:TextDenoiser",
    "text_encoder": "backends.priors.text_encoder:TextEncoder",
    "velocity_field": "backends.priors.velocity:VelocityField",
    "vq_autoencoder": "backends.priors.class_diffusion:VQAutoencoder",
    "wide_resnet": "backends.targets.age_gender:WideResNet",
}


# Published weights -> a part's state dict: (files: dict[str, Path]) -> dict[str, Tensor], the
# files by the base names that the part's source gives them.
CONVERTERS = {
    "bisenet_checkpoint": "backends.conversion.checkpoints:convert_bisenet",
    "cifar_resnet_module": "backends.conversion.modules:convert_cifar_resnet",
    "cifar_vgg_module": "backends.conversion.modules:convert_cifar_vgg",
    "dlib_descriptor": "backends.conversion.dlib:convert",
    "efficientnet_lite": "backends.conversion.checkpoints:convert_efficientnet_lite",
    "inception_torchscript": "backends.conversion.torchscript:convert_inception",
    "lpips_checkpoint": "backends.conversion.checkpoints:convert_lpips",
    "mini_xception_keras": "backends.conversion.keras:convert_mini_xception",
    "mobile_sam": "backends.conversion.mobile_sam:convert",
    "mobile_stylegan_openvino": "backends.conversion.openvino:convert",
    "strided_expression_checkpoint": "backends.conversion.checkpoints:convert_strided_expression",
    "torchvision_mobilenet": "backends.conversion.checkpoints:convert_mobilenet",
    "wide_resnet_keras": "backends.conversion.keras:convert_wide_resnet",
}


COOKBOOKS = {
    "digits": "backends.training.digits:DIGITS",
    "faces": "backends.training.faces:FACES",
    "pictures": "backends.training.domain_recipes:PICTURES",
}


def _find(table: dict[str, str], kind: str, name: str) -> Any:
    if name not in table:
        raise NotFound(
            "there is no {kind} {name!r}; choose one of: {table}",
            kind=kind,
            name=name,
            table=", ".join(sorted(table)),
        )
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingPart(
            "{kind} {name!r} needs the package {name_2!r}; run: pip install {name_2}",
            kind=kind,
            name=name,
            name_2=error.name,
        ) from error


def method(name: str) -> type[Method]:
    """The method class of that name.

    :raises NotFound: no such method.
    :raises MissingPart: a package it needs is not installed.
    """
    return cast("type[Method]", _find(METHODS, "method", name))


def architecture(name: str) -> Any:
    """The network class of that name (for a bundle's parts)."""
    return _find(ARCHITECTURES, "architecture", name)


def converter(name: str) -> Callable[[dict[str, Path]], dict[str, Tensor]]:
    """The function of that name that turns published files into a part's state dict."""
    found: Callable[[dict[str, Path]], dict[str, Tensor]] = _find(CONVERTERS, "converter", name)
    return found


def cookbook(name: str) -> Any:
    """The training recipes of the bundle of that name."""
    return _find(COOKBOOKS, "training recipe", name)
