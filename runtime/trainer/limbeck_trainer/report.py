"""report.json: what a person wants to see beside the numbers that the gates judge."""

from __future__ import annotations

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation import metrics_of, per_class


def report_of(
    labels: tuple[str, ...], confusion: Ints, control: Ints | None, teacher: Ints | None
) -> dict[str, object]:
    """The held-out split by class, for the model and, after a distillation, for control and teacher."""
    others = {"control": control, "teacher": teacher}
    return {
        "labels": list(labels),
        **evaluation_of(labels, confusion),
        **{name: evaluation_of(labels, matrix) for name, matrix in others.items() if matrix is not None},
    }


def evaluation_of(labels: tuple[str, ...], confusion: Ints) -> dict[str, object]:
    """Metrics, confusion matrix (row: actual, column: predicted) and the scores of each class."""
    scores = zip(labels, *per_class(confusion), confusion.sum(axis=1).tolist(), strict=True)
    return {
        "metrics": metrics_of(confusion).document(),
        "confusion": confusion.tolist(),
        "classes": [
            {
                "label": label,
                "precision": round(float(precision), 6),
                "recall": round(float(recall), 6),
                "f1": round(float(f1), 6),
                "samples": int(samples),
            }
            for label, precision, recall, f1, samples in scores
        ],
    }
