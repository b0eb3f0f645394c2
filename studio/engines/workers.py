"""The workers of a Ray cluster: processes that each hold networks of their own."""

from __future__ import annotations

import logging
import os
import time
from importlib import import_module
from typing import Any

from backends.errors import MissingPart
from backends.sentences import Sentence
from backends.settings import PREFIX, settings

__all__ = ["ATTEMPTS", "LOST", "REPLACED", "Workers"]

ATTEMPTS = 3  # at work whose worker is lost
REPLACED = 120.0  # seconds that a lost worker is waited for
LOST = Sentence(
    "the worker that computed this was lost {attempts} times; try again, or look at Ray's log"
)
HINT = 'the engine ray needs a package; run: pip install "counterfactual-studio[ray]"'


class Workers:
    """The workers of a cluster: one for each accelerator, else one for each of its cores but at
    most ``STUDIO_WORKERS``.

    ``RAY_ADDRESS`` names the cluster (``auto``: the one that ``ray start`` began on this machine);
    else one is begun here, which ends with this process.

    :param kind: class of the workers, which are made with ``arguments``.
    :param at_once: calls that a worker answers at once.
    :param retries: how often a call is repeated whose worker was lost.
    :raises MissingPart: the package ``ray`` is not installed.
    """

    def __init__(self, kind: type, at_once: int, retries: int = 0, **arguments: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self.ray = import_module("ray")
        except ImportError as error:
            raise MissingPart(HINT) from error
        own = {key: value for key, value in os.environ.items() if key.startswith(PREFIX)}
        if not self.ray.is_initialized():
            self.ray.init(
                os.environ.get("RAY_ADDRESS") or "local", log_to_driver=False,
                include_dashboard=False, logging_level=logging.WARNING,
                runtime_env={"env_vars": own},
            )  # fmt: skip
        have = self.ray.cluster_resources()
        cards, cores = int(have.get("GPU", 0)), max(1, int(have.get("CPU", 1)))
        most = settings().workers or cores
        count = min(cards or cores, most)
        needs = {"num_gpus": 1} if cards else {"num_cpus": max(1, cores // count)}
        made = self.ray.remote(kind).options(
            max_restarts=-1, max_task_retries=retries, max_concurrency=at_once,
            scheduling_strategy="SPREAD", **needs,
        )  # fmt: skip
        self.actors = [made.remote(**arguments) for _ in range(count)]
        self._begun = time.monotonic()
        self._ready = [actor.__ray_ready__.remote() for actor in self.actors]

    def problem(self) -> str:
        """Whether no worker has started for too long; empty where one has."""
        waited = time.monotonic() - self._begun
        if waited < REPLACED or self.ray.wait(self._ready, timeout=0)[0]:
            return ""
        return f"no worker has started for {waited:.0f} seconds; look at: ray status"

    def close(self) -> None:
        """End the workers, and the cluster if it was begun here."""
        for actor in self.actors:
            self.ray.kill(actor)
        self.ray.shutdown()
