"""What the gates want to know beyond the metrics of the whole: figures of single classes."""

from __future__ import annotations

from dataclasses import dataclass

from limbeck_trainer.fields import Fields


@dataclass(frozen=True)
class ClassMetric:
    """precision, recall or f1 of the class `label`; None: of whichever class has least of it."""

    metric: str
    label: str | None


def read_class_metrics(fields: Fields) -> tuple[ClassMetric, ...]:
    """The config's `evaluation`."""
    metrics = tuple(_class_metric(entry) for entry in fields.children("classMetrics"))
    fields.close()
    return metrics


def _class_metric(fields: Fields) -> ClassMetric:
    metric = fields.choice("metric", ["precision", "recall", "f1"])
    wanted = ClassMetric(metric, fields.text("class") if fields.has("class") else None)
    fields.close()
    return wanted
