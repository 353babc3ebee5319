"""The board as a Prometheus reads it, at each scrape anew: nothing is counted twice, and what is not known is absent.

Every series bears `component`, as in all processes of Limbeck, and none the rank: of several processes in a pod the one
that has the port answers, which need not be the first, so that no rank could be relied upon. Labels of the pod can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from limbeck_trainer.progress import Board, Progress

UNIX_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Gauge:
    """One number of the progress; None while it is not known."""

    name: str
    help: str
    value: Callable[[Progress], float | None]


def _checkpoint_step(progress: Progress) -> int | None:
    return None if progress.checkpoint is None else progress.checkpoint.step


def _checkpoint_time(progress: Progress) -> float | None:
    """Of a checkpoint that was found, its pointer says it, and may say anything."""
    if progress.checkpoint is None or progress.checkpoint.saved_at is None:
        return None
    try:
        return (datetime.fromisoformat(progress.checkpoint.saved_at) - UNIX_EPOCH).total_seconds()
    except (TypeError, ValueError):
        return None


# Steps and epochs are 0 until it is known how many there will be.
GAUGES = (
    Gauge("step", "Steps done, over all trainings of the run.", lambda now: now.step if now.steps else None),
    Gauge("steps", "Steps to be done, over all trainings of the run.", lambda now: now.steps or None),
    Gauge("epoch", "Epochs begun, over all trainings of the run.", lambda now: now.epoch if now.epochs else None),
    Gauge("epochs", "Epochs to be done, over all trainings of the run.", lambda now: now.epochs or None),
    Gauge("loss", "Loss of this process's share of the last batch that was looked at.", lambda now: now.loss),
    Gauge("samples_per_second", "Samples that the whole group learns from.", lambda now: now.samples_per_second),
    Gauge("eta_seconds", "Time left until the last step.", lambda now: now.eta_seconds),
    Gauge("longest_step_seconds", "The longest step of this process so far.", lambda now: now.step_seconds),
    Gauge("resumed_from_step", "Step of the checkpoint that this attempt went on from.", lambda now: now.resumed_from),
    Gauge("checkpoint_step", "Step of the newest checkpoint in the store.", _checkpoint_step),
    Gauge("checkpoint_timestamp_seconds", "When the newest checkpoint was written.", _checkpoint_time),
    Gauge(
        "scaling_efficiency",
        "Throughput of the group as a share of as many times that of one process; 1 is perfect.",
        lambda now: None if now.distribution is None else now.distribution.efficiency,
    ),
    Gauge("validation_loss", "At the end of the last epoch.", lambda now: now.validation.get("validationLoss")),
    Gauge("validation_accuracy", "At the end of the last epoch.", lambda now: now.validation.get("validationAccuracy")),
    Gauge(
        "validation_rmse",
        "At the end of the last epoch, in the unit of the target.",
        lambda now: now.validation.get("validationRmse"),
    ),
    Gauge(
        "validation_perplexity",
        "At the end of the last epoch, of a language model.",
        lambda now: now.validation.get("validationPerplexity"),
    ),
)


class ProgressCollector(Collector):
    """The progress as of the scrape: all of one moment."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        progress = self._board.progress
        phase = GaugeMetricFamily("limbeck_trainer_phase_info", "What the process does; always 1.", labels=["phase"])
        phase.add_metric([progress.phase], 1)
        yield phase
        for gauge in GAUGES:
            value = gauge.value(progress)
            if value is not None:
                yield GaugeMetricFamily(f"limbeck_trainer_{gauge.name}", gauge.help, value)


class ComponentCollector(Collector):
    """What others collect, with `component` on every series."""

    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for metric in chain.from_iterable(collector.collect() for collector in self._collectors):
            metric.samples = [
                sample._replace(labels={"component": "trainer", **sample.labels}) for sample in metric.samples
            ]
            yield metric


def registry_of(board: Board) -> CollectorRegistry:
    """The progress, and the library's own `process_*`."""
    registry = CollectorRegistry()
    registry.register(ComponentCollector(ProgressCollector(board), ProcessCollector(registry=None)))
    return registry
