"""report.json by its contract (model-report.schema.json)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.answers import Answers
from limbeck_trainer.evaluation.classification import (
    CALIBRATION_BINS,
    Classification,
    ClassScores,
    calibration_bin,
)
from limbeck_trainer.evaluation.intervals import Doubles, resamples_of
from limbeck_trainer.evaluation.language import Language
from limbeck_trainer.evaluation.measure import Measure, metrics_document
from limbeck_trainer.evaluation.ranking import roc_curve
from limbeck_trainer.evaluation.regression import Regression
from limbeck_trainer.evaluation.tasks import Evaluation
from limbeck_trainer.measuring import Measured
from limbeck_trainer.report.undrawn import drawn

# A curve is drawn, not computed with: so many classes, so many points.
ROC_CLASSES = 20
ROC_POINTS = 200
PAIRS = 1000
RESIDUAL_BINS = 30
# Of a number, how finely it is told.
DIGITS = 1e-5
# A matrix of more classes is mostly zeros, and as large as their square: the pairs that are confused are told alone.
CONFUSION_CLASSES = 200
CONFUSED_PAIRS = 1000


def report_document(
    labels: tuple[str, ...], measured: Measured, history: list[dict[str, float]], extras: Mapping[str, object]
) -> dict[str, object]:
    """The held-out split in full for the model and, after a distillation, for control and teacher."""
    return {
        "reportVersion": "v1",
        **evaluation_document(labels, measured.model),
        **{name: evaluation_document(labels, evaluation) for name, evaluation in measured.others.items()},
        "history": history,
        **extras,
    }


def evaluation_document(labels: tuple[str, ...], evaluation: Evaluation) -> dict[str, object]:
    """One model on the held-out split."""
    if isinstance(evaluation, Regression):
        return _regression(evaluation)
    if isinstance(evaluation, Language):
        return _language(evaluation)
    return _classification(labels, evaluation)


def _classification(labels: tuple[str, ...], evaluation: Classification) -> dict[str, object]:
    return {
        "task": "classification",
        "metrics": metrics_document(evaluation.n, evaluation.metrics),
        "resamples": resamples_of(evaluation.n * len(labels)),
        "labels": list(labels),
        **({"confusion": evaluation.confusion.tolist()} if len(labels) <= CONFUSION_CLASSES else {}),
        "confused": _confused(labels, evaluation),
        "classes": [_class(label, scores) for label, scores in zip(labels, evaluation.classes, strict=True)],
        **_drawn(
            {"calibration": lambda: _calibration(evaluation), "roc": lambda: _roc(labels, evaluation)},
            _left_out(evaluation.answers),
        ),
    }


def _drawn(plots: Mapping[str, Callable[[], object]], left_out: Mapping[str, str]) -> dict[str, object]:
    made, missing = drawn(plots, left_out)
    return {**made, **({"leftOut": missing} if missing else {})}


def _left_out(answers: Answers) -> dict[str, str]:
    """By the names of metrics and plots, what is not there in full, and why."""
    kept = len(answers.kept)
    if kept == answers.classes:
        return {}
    why = (
        f"Of {kept:,} of the {answers.classes:,} classes, evenly taken: it needs the scores of all samples together, "
        f"and those of all classes would take {8 * len(answers.actual) * answers.classes / 2**30:.1f} GiB. "
        "All other figures are of all classes."
    )
    return {"rocAuc": why}


def _confused(labels: tuple[str, ...], evaluation: Classification) -> list[dict[str, object]]:
    """The pairs of classes that are taken for one another, most often first."""
    answers = evaluation.answers
    wrong = answers.actual != answers.predicted
    cells = answers.actual[wrong] * len(labels) + answers.predicted[wrong]
    found, counts = np.unique(cells, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:CONFUSED_PAIRS]
    pairs = (divmod(cell, len(labels)) for cell in found[most].tolist())
    return [
        {"actual": labels[actual], "predicted": labels[predicted], "count": count}
        for (actual, predicted), count in zip(pairs, counts[most].tolist(), strict=True)
    ]


def _class(label: str, scores: ClassScores) -> dict[str, object]:
    named = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1, "rocAuc": scores.roc_auc}
    measured = {name: measure.document() for name, measure in named.items() if _is_measured(measure)}
    return {"label": label, "samples": scores.samples, **measured}


def _is_measured(measure: Measure) -> bool:
    return math.isfinite(measure.value)


def _calibration(evaluation: Classification) -> list[dict[str, float]]:
    """Where the model was so sure, how often was it right? Bins without a sample are left out."""
    confidence = evaluation.answers.confidence
    correct = evaluation.answers.predicted == evaluation.answers.actual
    bins = calibration_bin(confidence)
    return [
        {
            "from": _rounded(index / CALIBRATION_BINS),
            "to": _rounded((index + 1) / CALIBRATION_BINS),
            "samples": int((bins == index).sum()),
            "confidence": _rounded(confidence[bins == index].mean()),
            "accuracy": _rounded(correct[bins == index].mean()),
        }
        for index in map(int, np.unique(bins))
    ]


def _roc(labels: tuple[str, ...], evaluation: Classification) -> list[dict[str, object]]:
    """One curve for each class; of many classes, for those that are told apart worst."""
    areas = np.array([scores.roc_auc.value for scores in evaluation.classes])
    worst = sorted(map(int, np.argsort(areas, kind="stable")[:ROC_CLASSES]))
    return [_curve(labels[index], index, evaluation.answers) for index in worst if math.isfinite(areas[index])]


def _curve(label: str, index: int, answers: Answers) -> dict[str, object]:
    hits: Ints = (answers.actual == index).astype(np.int64)
    place = int(np.searchsorted(answers.kept, index))
    false, true = roc_curve(hits, answers.log_odds(slice(place, place + 1))[:, 0])
    kept = np.unique(np.linspace(0, len(false) - 1, min(ROC_POINTS, len(false))).round().astype(np.int64))
    return {"label": label, "falsePositiveRate": _list(false[kept]), "truePositiveRate": _list(true[kept])}


def _regression(evaluation: Regression) -> dict[str, object]:
    actual, predicted = evaluation.actual.ravel(), evaluation.predicted.ravel()
    plots = {"pairs": lambda: _some_pairs(actual, predicted), "residuals": lambda: _histogram(predicted - actual)}
    return {
        "task": "regression",
        "metrics": metrics_document(evaluation.n, evaluation.metrics),
        "resamples": resamples_of(evaluation.actual.size),
        **_drawn(plots, {}),
    }


def _some_pairs(actual: Doubles, predicted: Doubles) -> dict[str, object]:
    """Evenly taken, over all targets."""
    kept = np.unique(np.linspace(0, len(actual) - 1, min(PAIRS, len(actual))).round().astype(np.int64))
    return {"actual": _list(actual[kept]), "predicted": _list(predicted[kept])}


def _histogram(errors: Doubles) -> dict[str, object]:
    """How they are spread; those that are as good as equal fall into the middle of bins about their size."""
    low, high = float(errors.min()), float(errors.max())
    size = max(abs(low), abs(high))
    # Edges are told with six digits, and have to differ.
    if high - low <= RESIDUAL_BINS * DIGITS * size:
        half = size / 2 or 0.5
        low, high = low - half, high + half
    counts, edges = np.histogram(errors, bins=np.linspace(low, high, RESIDUAL_BINS + 1))
    return {"edges": _list(edges), "counts": counts.tolist()}


def _language(evaluation: Language) -> dict[str, object]:
    return {
        "task": "causalLM",
        "metrics": metrics_document(evaluation.n, evaluation.metrics),
        "resamples": resamples_of(evaluation.n),
        "tokens": int(evaluation.tokens.sum()),
    }


def _rounded(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return float(f"{value:.6g}")


def _list(values: Doubles) -> list[float]:
    return [_rounded(float(value)) for value in values]
