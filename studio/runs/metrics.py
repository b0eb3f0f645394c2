"""Figures of the runs of this process, as Prometheus reads them; no pictures, ids or names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, Info

from studio.runs.run import Run

__all__ = ["GOING", "INFO", "counted"]

BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
ENDED = Counter("studio_runs", "Runs that have ended", ["bundle", "method", "end"])
SECONDS = Histogram(
    "studio_run_seconds", "From a run's start in the queue to its end", ["bundle", "method"],
    buckets=BUCKETS,
)  # fmt: skip
DEVICE = Counter("studio_device_seconds", "Seconds that runs computed", ["bundle", "method"])
INFO = Info("studio", "The studio itself")
GOING = Gauge("studio_runs_going", "Runs that wait or are computed", ["state"])


def counted(run: Run, seconds: float) -> None:
    """Count a run that has ended.

    :param seconds: since it was asked.
    """
    asked = run.request
    ENDED.labels(asked.bundle, asked.method, run.state).inc()
    SECONDS.labels(asked.bundle, asked.method).observe(seconds)
    if run.job:
        DEVICE.labels(asked.bundle, asked.method).inc(run.job.seconds)
