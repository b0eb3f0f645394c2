"""A second device, made of the CPU, for machines that have no other.

Under :func:`there` a tensor or a module can be moved ``.to(DEVICE)``, and is then as far from the
CPU's as a card's would be: an operation that mixes the two fails, and so does one that draws
random numbers there. Its numbers are the CPU's own, so that results compare bit for bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

DEVICE = "meta"  # a kind that torch knows without a card; its own tensors hold no numbers
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default}
# A card's tensor takes the CPU's indices, though not its values.
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
DRAWS = ("rand", "normal", "bernoulli", "uniform", "multinomial", "exponential", "dropout")


class Elsewhere(torch.Tensor):
    """A tensor on the second device; ``inner`` holds its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner):
        new = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device=DEVICE, requires_grad=False,
        )  # fmt: skip
        new.inner = inner
        return new

    def __tensor_flatten__(self):
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(inner, context, size, stride):
        return Elsewhere(inner["inner"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})

    # What Python asks of a tensor's numbers without an operation.
    def tolist(self):
        return self.inner.tolist()


class _Mode(TorchDispatchMode):
    """Hears of what is made from nothing, too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})


class _Values(TorchFunctionMode):
    """Tensors made of Python numbers, which no operation announces."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.new_tensor and isinstance(args[0], Elsewhere):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(DEVICE)
        if func is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == DEVICE:
            return torch.tensor(*args, **kwargs | {"device": "cpu"}).to(DEVICE)
        return func(*args, **kwargs)


@contextmanager
def there() -> Iterator[None]:
    """The second device is plugged in."""
    with _Values(), _Mode():
        yield


def _compute(func, args, kwargs):
    flat, spec = tree_flatten((args, kwargs))
    tensors = [t for t in flat if isinstance(t, torch.Tensor)]
    ours = [t for t in tensors if isinstance(t, Elsewhere)]
    asked = kwargs.get("device")
    away = torch.device(asked).type == DEVICE if asked is not None else bool(ours)
    if ours and func not in MOVES:
        met = tree_flatten([args[0], args[2:]])[0] if func in INDEXED else tensors
        met = [t for t in met if isinstance(t, torch.Tensor)]
        strangers = [t for t in met if not isinstance(t, Elsewhere) and t.dim()]
        if strangers:
            raise RuntimeError(f"{func}: expected all tensors on one device, found two")
    if away and any(word in func.name() for word in DRAWS):
        raise RuntimeError(f"{func} draws on the device; draw on the CPU, then move")
    plain = [t.inner if isinstance(t, Elsewhere) else t for t in flat]
    plain = [torch.device("cpu") if isinstance(v, torch.device) else v for v in plain]
    inner_args, inner_kwargs = tree_unflatten(plain, spec)
    out = func(*inner_args, **inner_kwargs)
    if func._schema.is_mutable and isinstance(out, torch.Tensor):
        return args[0]
    return (
        tree_map(lambda t: Elsewhere(t) if isinstance(t, torch.Tensor) else t, out) if away else out
    )
