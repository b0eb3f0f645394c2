"""Classifiers from one file: torch.export, TorchScript, ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backends.errors import BadInput, MissingPart, NotFound
from backends.targets.outside.network import Outside, channels_of, intake
from backends.targets.reference import Options, Reference

__all__ = ["export", "onnx", "script"]

OPERATORS = (18, 13)  # versions of ONNX's operators that more of them can be rebuilt from


class _Exported(nn.Module):
    """A network from a file, which may take only batches of one size.

    :param batch: that size; None takes any.
    """

    def __init__(self, network: Any, batch: int | None, *, differentiable: bool) -> None:
        super().__init__()
        self.network, self.batch, self.differentiable = network, batch, differentiable

    def forward(self, x: Tensor) -> Any:
        """[B, C, H, W] -> [B, K], ``batch`` at a time; the last ones are filled up."""
        if self.batch is None:
            return self.network(x)
        parts = []
        for some in x.split(self.batch):
            filled = torch.cat([some, some[-1:].expand(self.batch - len(some), -1, -1, -1)])
            given = self.network(filled)
            given = given[0] if isinstance(given, tuple | list) else given
            parts.append(getattr(given, "logits", given)[: len(some)])
        return torch.cat(parts)

    def train(self, mode: bool = True) -> _Exported:
        """Do nothing: it was exported in the mode that it has."""
        return self


def export(reference: Reference, size: int, channels: int) -> Outside:
    """``FILE.pt2``: a program of torch.export; its gradients are those of the network.

    :param size: side in pixels of the pictures that it will be shown.
    :param channels: of those pictures.
    :raises StudioError: the file is none, or is damaged.
    """
    path = _file(reference)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(path)
            network: Any = program.module()
    except Exception as error:  # the reader raises whatever its format's libraries do
        raise BadInput(
            "{name} is no program of torch.export, or of another version of torch; save "
            "it again with torch.export.save",
            name=path.name,
        ) from error
    given = program.example_inputs
    shape = tuple(given[0][0].shape) if given and given[0] else ()
    wanted = _taken(program) or list(shape)
    return _built(reference, network, wanted, size, channels)


def _taken(program: Any) -> list[int | None]:
    """The shape of the program's input; None for what may vary."""
    names = program.graph_signature.user_inputs
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            value = node.meta.get("val")
            if isinstance(value, Tensor):
                return [int(n) if isinstance(n, int) else None for n in value.shape]
    return []


def script(reference: Reference, size: int, channels: int) -> Outside:
    """``FILE.pt``: a TorchScript module; its gradients are those of the network.

    :raises StudioError: as :func:`export`.
    """
    path = _file(reference)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:
        raise BadInput(
            "{name} is no TorchScript module; save one with torch.jit.script, or name "
            "the architecture of plain weights, as in timm:resnet18@{name}",
            name=path.name,
        ) from error
    first = next((v for k, v in network.state_dict().items() if v.ndim == 4), None)
    taken = first.shape[1] if first is not None and first.shape[1] in (1, 3) else None
    return _built(reference, network, [None, taken, None, None], size, channels)


def onnx(reference: Reference, size: int, channels: int) -> Outside:
    """``FILE.onnx``: with gradients where onnx2torch can rebuild it, else through onnxruntime,
    whose answers have none.

    :raises MissingPart: neither package is here.
    :raises BadInput: the file is none, or is damaged.
    """
    path = _file(reference)
    network, shape = _converted(path), None
    if network is None:
        network = _Session(path)
        shape = network.shape
    else:
        shape = _Session.shape_of(path)
    return _built(reference, network, shape, size, channels)


def _converted(path: Path) -> nn.Module | None:
    """The network rebuilt in torch, as the file has it or with older operators; None where neither
    can be rebuilt: the other runtime knows all."""
    for version in (None, *OPERATORS):
        try:
            import onnx as library
            import onnx2torch
            from onnx.version_converter import convert_version

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = library.load(str(path))
                return onnx2torch.convert(convert_version(model, version) if version else model)
        except Exception:  # nosec B112 # whatever these packages raise of what they do not know
            continue
    return None


class _Session(nn.Module):
    """An ONNX network in onnxruntime."""

    differentiable = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingPart(
                "{name} needs a package that is not installed; run: pip install onnxruntime "
                "onnx2torch",
                name=path.name,
            ) from error
        try:
            self.session = onnxruntime.InferenceSession(str(path))
        except Exception as error:
            raise BadInput("{name} is no ONNX network, or it is damaged", name=path.name) from error
        taken = self.session.get_inputs()[0]
        self.input = taken.name
        self.shape = [n if isinstance(n, int) and n > 0 else None for n in taken.shape]

    @staticmethod
    def shape_of(path: Path) -> list[int | None]:
        """The shape that the file says its pictures have; None for what may vary."""
        import onnx as library

        graph = library.load(str(path), load_external_data=False).graph
        held = {one.name for one in graph.initializer}
        taken = next(one for one in graph.input if one.name not in held)
        return [d.dim_value or None for d in taken.type.tensor_type.shape.dim]

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K], without gradients."""
        given = self.session.run(None, {self.input: x.cpu().numpy().astype(np.float32)})[0]
        return torch.from_numpy(np.asarray(given)).to(x.device)


def _built(
    reference: Reference, network: Any, shape: list[int | None], size: int, channels: int
) -> Outside:
    """Behind an intake of the shape that it was made for, where the person says no other."""
    batch, taken, height, _ = (*shape, None, None, None, None)[:4]
    network = _Exported(network, batch, differentiable=getattr(network, "differentiable", True))
    options = reference.options
    said = Options(**(options.model_dump() | {"size": options.size or height}))
    known = options.channels or taken or channels_of(network) or channels
    return Outside(network, intake(said, known), options.classes, reference.name, said.size or size)


def _file(reference: Reference) -> Path:
    path = Path(reference.name).expanduser()
    if not path.is_file():
        raise NotFound("there is no file {path}; check its name", path=path)
    return path
