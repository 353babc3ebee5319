"""How good a classifier is: right classes, well ordered scores, honest probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.intervals import Doubles, bootstrap, wilson
from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.evaluation.ranking import Ranking

# Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
CALIBRATION_BINS = 15
# What is measured for each class.
CLASS_METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClassScores:
    """One class against all others."""

    samples: int
    precision: Measure
    recall: Measure
    f1: Measure
    roc_auc: Measure

    def of(self, metric: str) -> Measure:
        """One of CLASS_METRICS."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}[metric]


@dataclass(frozen=True)
class Classification:
    """actual: [n]; probabilities: [n, classes]; confusion: [classes, classes], actual x predicted."""

    actual: Ints
    probabilities: Doubles
    confusion: Ints
    metrics: dict[str, Measure]
    classes: tuple[ClassScores, ...]

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.actual)


def evaluate_classification(actual: Ints, logits: Doubles, seed: int) -> Classification:
    """Everything about logits [n, classes] against the class indices actual [n]."""
    n, classes = logits.shape
    log_probabilities = log_softmax(logits)
    probabilities = np.exp(log_probabilities)
    predicted = logits.argmax(axis=1)
    confusion = confusion_matrix(actual, predicted, classes)
    scores = Scores(actual, predicted, log_probabilities)
    measures = bootstrap(scores, n, n * classes, seed)
    names = ("macroPrecision", "macroRecall", "macroF1", "rocAuc", "logLoss", "calibrationError")
    per_class = np.array(measures[len(names) :], dtype=object).reshape(2, classes)
    return Classification(
        actual,
        probabilities,
        confusion,
        {"accuracy": wilson(int(np.trace(confusion)), n), **dict(zip(names, measures, strict=False))},
        tuple(_class_scores(confusion, index, *per_class[:, index]) for index in range(classes)),
    )


def confusion_matrix(actual: Ints, predicted: Ints, classes: int, weights: Doubles | None = None) -> Ints:
    """Counts [classes, classes]: row = actual class, column = predicted class."""
    cells = np.bincount(actual * classes + predicted, weights, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def per_class(confusion: Ints) -> tuple[Doubles, Doubles, Doubles]:
    """Precision, recall and F1, each [classes]; 0 where nothing was there to count."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(actual, 1)
    f1 = 2 * hits / np.maximum(predicted + actual, 1)
    return precision, recall, f1


def log_softmax(logits: Doubles) -> Doubles:
    """Logarithms of the probabilities [n, classes]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms: Doubles = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms


class Scores:
    """The statistic that the bootstrap repeats: macro figures, then F1 and ROC AUC of each class."""

    def __init__(self, actual: Ints, predicted: Ints, log_probabilities: Doubles) -> None:
        self._actual = actual
        self._predicted = predicted
        self._classes = log_probabilities.shape[1]
        self._losses = -log_probabilities[np.arange(len(actual)), actual]
        probabilities = np.exp(log_probabilities)
        self._ranking = Ranking(actual, probabilities)
        confidence = probabilities.max(axis=1)
        self._surplus = (predicted == actual) - confidence
        self._bins = calibration_bin(confidence)

    def __call__(self, weights: Doubles) -> Doubles:
        """weights [n] -> [6 + 2 classes]."""
        total = weights.sum()
        precision, recall, f1 = per_class(confusion_matrix(self._actual, self._predicted, self._classes, weights))
        areas = self._ranking.areas(weights)
        # The weighted gap of a bin between accuracy and confidence, summed over bins.
        gaps = np.bincount(self._bins, weights * self._surplus, minlength=CALIBRATION_BINS)
        whole = [
            *(scores.mean() for scores in (precision, recall, f1)),
            float(np.mean(areas[np.isfinite(areas)])) if np.isfinite(areas).any() else np.nan,
            float(weights @ self._losses / total),
            float(np.abs(gaps).sum() / total),
        ]
        return np.concatenate([whole, f1, areas])


def calibration_bin(confidence: Doubles) -> Ints:
    """The bin 0..CALIBRATION_BINS-1 of equal width that each confidence in (0, 1] falls into."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def _class_scores(confusion: Ints, index: int, f1: Measure, roc_auc: Measure) -> ClassScores:
    hits, samples, named = (int(count) for count in (confusion[index, index], *_margins(confusion, index)))
    # A class that was never named has no precision to speak of; it counts as 0, as in the macro average.
    precision = wilson(hits, named) if named > 0 else Measure(0.0, 0.0, 1.0)
    return ClassScores(samples, precision, wilson(hits, samples), f1, roc_auc)


def _margins(confusion: Ints, index: int) -> tuple[Ints, Ints]:
    return confusion[index].sum(), confusion[:, index].sum()
