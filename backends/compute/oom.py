"""When a device has no room: know it by its error, say what helps, and try fewer at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from backends.errors import OutOfMemory
from backends.sentences import Sentence

__all__ = ["guarded", "in_batches", "is_full", "release"]

T = TypeVar("T")
# What RuntimeErrors say: of MPS and CUDA's driver, of the CPU's allocator, of cuBLAS and cuDNN.
SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def is_full(error: BaseException) -> bool:
    """Whether an error means that the device, or the machine, has no memory left."""
    import torch

    if isinstance(error, (OutOfMemory, torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


@contextmanager
def guarded(device: str, count: int = 1) -> Iterator[None]:
    """What has no room inside says so in a sentence.

    :param count: pictures that are computed together.
    :raises OutOfMemory: there is none.
    """
    try:
        yield
    except Exception as error:
        if not is_full(error) or isinstance(error, OutOfMemory):
            raise
        raise OutOfMemory(_sentence(device, count)) from error


def _sentence(device: str, count: int) -> str:
    if device == "cpu":
        what, elsewhere = Sentence("this computer's memory"), ""
    else:
        what, elsewhere = (
            Sentence("the memory of {device}", device=device),
            Sentence("compute on the processor with --device cpu, "),
        )
    if count > 1:
        return Sentence(
            "{count} pictures at once do not fit into {what}; choose a smaller batch",
            count=count,
            what=what,
        )
    return Sentence(
        "this does not fit into {what}; close other programs that use it, "
        "{elsewhere}or choose another method or a smaller picture",
        what=what,
        elsewhere=elsewhere,
    )


def release(device: str) -> None:
    """Give back what nothing uses any more; for after an error's traceback is gone, which keeps
    every tensor of the frames it names."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def in_batches(
    count: int, batch: int, device: str, work: Callable[[slice], Iterator[T]]
) -> Iterator[T]:
    """What ``work`` yields for slices of 0 .. count - 1, in order. Where one has no room, it is
    begun again with half as many, and so are those after it.

    :param batch: the longest slice to try.
    :raises OutOfMemory: not even one fits.
    """
    first, size = 0, min(batch, count)
    while first < count:
        part = slice(first, min(first + size, count))
        try:
            yield from work(part)
        except Exception as error:
            if not is_full(error) or part.stop - part.start == 1:
                raise
            size = (part.stop - part.start) // 2
        else:
            first = part.stop
            continue
        release(device)
