"""One training loop for every part: resumable, averaged weights, a generator of progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from backends.errors import BadInput
from backends.files import atomic_write

__all__ = ["FitPlan", "FitProgress", "fit"]

Loss = Callable[[nn.Module, Tensor, torch.Generator], Tensor]
PATIENCE = 0.2  # seconds that whoever shares the device waits at most, if a step is shorter
KEPT = 60.0  # seconds of work that a crash may cost


@dataclass(frozen=True)
class FitPlan:
    """How long and how fast: AdamW, a cosine schedule with a warm-up, averaged weights.

    ``mixed`` allows bfloat16 (weights stay float32), which is used where the device multiplies in
    it: about twice as fast there, three times slower elsewhere.

    :ivar steps: at most.
    :ivar seconds: at most, over all sessions; the schedule then follows the clock instead of the
        steps where that is further on. None for no limit.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 1e-2
    momentum: float = 0.9
    average: float = 0.999
    seed: int = 0
    checkpoint_every: int = 500
    mixed: bool = True
    seconds: float | None = None

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Learning rate of a step: up linearly over 3 % of the run, then a half cosine to 0."""
        if self.seconds is None or step / self.steps > seconds / self.seconds:
            warm = max(1, self.steps * 3 // 100)
            rise, done = min(1, (step + 1) / warm), step / self.steps
        else:
            done = seconds / self.seconds
            rise = min(1, max(done / 0.03, 1e-3))
        return self.learning_rate * rise * (1 + cos(pi * min(done, 1.0))) / 2

    def without(self, seconds: float) -> FitPlan:
        """The same plan after so much of its time went into preparing; a fifth is left at least."""
        if self.seconds is None:
            return self
        return replace(self, seconds=max(self.seconds - seconds, 0.2 * self.seconds))

    def over(self, step: int, seconds: float) -> bool:
        """Whether the training is at its end."""
        return step >= self.steps or (self.seconds is not None and seconds >= self.seconds)

    def expected(self, step: int, seconds: float) -> int:
        """How many steps it will be, as far as one can tell after ``step`` of them."""
        if self.seconds is None or not step or not seconds:
            return self.steps
        return max(step, min(self.steps, int(step * self.seconds / seconds)))


@dataclass(frozen=True)
class FitProgress:
    """Where a training stands; ``loss`` is a running mean, ``seconds`` those spent so far in all
    sessions."""

    step: int
    total: int
    loss: float
    seconds: float


def fit(
    module: nn.Module,
    loss: Loss,
    size: int,
    plan: FitPlan,
    checkpoint: Path | None = None,
    every: int = 50,
) -> Iterator[FitProgress]:
    """Train ``module`` in place and leave the averaged weights in it, in eval mode.

    Every random draw comes from (seed, step), so a run that was interrupted and resumed from
    its checkpoint ends where an uninterrupted one does.

    :param loss: ``loss(module, indices [B], generator)`` -> scalar; draws on the CPU.
    :param size: number of training examples that ``indices`` point into.
    :param checkpoint: safetensors file to resume from and to write to.
    :param every: how many steps lie at most between two yields; fewer where they take long.
    """
    averaged = AveragedModel(module, multi_avg_fn=_average(plan.average), use_buffers=True)
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        betas=(plan.momentum, 0.999),
    )
    start, seconds, running = 0, 0.0, 0.0
    if checkpoint is not None and checkpoint.is_file():
        start, seconds, running = _load(checkpoint, module, averaged, optimizer, plan)
        yield FitProgress(start, plan.expected(start, seconds), running, seconds)
    batches = max(size // plan.batch, 1)
    device = next(module.parameters()).device.type
    mixed = plan.mixed and (device != "cpu" or torch.cpu._is_avx512_bf16_supported())
    order, epoch = torch.empty(0), -1
    module.train()
    clock = time.perf_counter() - seconds
    told = kept = seconds
    for step in range(start, plan.steps if not plan.over(start, seconds) else start):
        if step // batches != epoch:
            epoch = step // batches
            shuffle = torch.Generator().manual_seed(plan.seed * 100_003 + epoch)
            order = torch.randperm(size, generator=shuffle)
        place = step % batches * plan.batch
        # The default generator feeds dropout and the autoencoder's sampling.
        torch.manual_seed(plan.seed * 1_000_003 + step)
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step, seconds)
        with torch.autocast(device, torch.bfloat16, enabled=mixed):
            value = loss(module, order[place : place + plan.batch], generator)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        averaged.update_parameters(module)
        running = value.item() if step == 0 else 0.99 * running + 0.01 * value.item()
        done = step + 1
        seconds = time.perf_counter() - clock
        over = plan.over(done, seconds)
        due = done % plan.checkpoint_every == 0 or seconds - kept > KEPT or over
        if checkpoint is not None and due:
            _save(checkpoint, module, averaged, optimizer, done, seconds, running, plan)
            kept = seconds
        if done % every == 0 or seconds - told > PATIENCE or over:
            total = done if over else plan.expected(done, seconds)
            try:
                yield FitProgress(done, total, running, seconds)
            except GeneratorExit:  # stopped: nothing of it shall be lost
                if checkpoint is not None and not due:
                    _save(checkpoint, module, averaged, optimizer, done, seconds, running, plan)
                raise
            told = seconds
        if over:
            break
    module.load_state_dict(averaged.module.state_dict())
    module.eval()


def _average(decay: float) -> Callable[[Any, Any, Any], None]:
    """Moving averages of what is a number; counts and indices are copied (torch would round a
    mean of equal integers down). The decay grows to its value, so that a short training does not
    drag its first weights along."""

    def update(averages: Any, values: Any, count: Tensor) -> None:
        if averages[0].is_floating_point():
            now = min(decay, (1 + int(count)) / (10 + int(count)))
            get_ema_multi_avg_fn(now)(averages, values, count)
        else:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)

    return update


def _save(
    path: Path,
    module: nn.Module,
    averaged: AveragedModel,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    running: float,
    plan: FitPlan,
) -> None:
    tensors = {f"module.{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in averaged.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    progress = json.dumps(
        {"step": step, "seconds": seconds, "running": running, "plan": asdict(plan)}
    )
    whole = {k: v.contiguous().cpu() for k, v in tensors.items()}
    with atomic_write(path) as scratch:
        save_file(whole, scratch, {"progress": progress})


def _load(
    path: Path,
    module: nn.Module,
    averaged: AveragedModel,
    optimizer: torch.optim.Optimizer,
    plan: FitPlan,
) -> tuple[int, float, float]:
    again = f"delete {path} to train from the beginning"
    try:
        with safe_open(path, "pt") as file:
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - no mapping
            progress = json.loads(file.metadata()["progress"])
    except SafetensorError as error:
        raise BadInput("the checkpoint is damaged; {again}", again=again) from error
    # A field that the plan has gained since had its default then; the time allowed may differ.
    if replace(FitPlan(**progress["plan"]), seconds=plan.seconds) != plan:
        raise BadInput("the checkpoint belongs to another recipe; {again}", again=again)

    def under(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    module.load_state_dict(under("module."))
    averaged.load_state_dict(under("averaged."))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    return progress["step"], progress["seconds"], progress["running"]
