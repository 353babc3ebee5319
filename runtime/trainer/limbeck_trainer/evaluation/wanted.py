"""Figures of single classes that gates judge: labels are looked up first, so that a wrong one costs no training."""

from __future__ import annotations

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.classification import ClassScores
from limbeck_trainer.evaluation_config import ClassMetric
from limbeck_trainer.reading.spelling import among
from limbeck_trainer.result import shortened

# Characters. The operator takes 256 units of UTF-16, of which a character may be two; data may have whole sentences.
LONGEST_LABEL = 128


def check_labels(wanted: tuple[ClassMetric, ...], labels: tuple[str, ...]) -> None:
    """DataInvalid: a gate names a class that the data does not have."""
    for one in wanted:
        if one.label is not None and among(one.label, labels) not in labels:
            some = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
            message = f"A gate is on the {one.metric} of class {one.label!r}; the data has the classes {some}."
            raise TrainerError(Reason.DATA_INVALID, f"{message} Correct evaluation.gates.")


def class_metric_document(
    wanted: ClassMetric, labels: tuple[str, ...], classes: tuple[ClassScores, ...]
) -> dict[str, object]:
    """One entry of the result's classMetrics: whose figure it is, its value, interval and samples."""
    measures = [(scores.of(wanted.metric), scores, label) for scores, label in zip(classes, labels, strict=True)]
    chosen = None if wanted.label is None else among(wanted.label, labels)
    candidates = [found for found in measures if chosen in (None, found[2])]
    measure, scores, label = min(candidates, key=lambda found: found[0].value)
    return {"class": shortened(label, LONGEST_LABEL), "n": scores.samples, **measure.document()}
