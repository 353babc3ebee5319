"""How good a classifier is: right classes, well ordered scores, honest probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.answers import Answers, slices
from limbeck_trainer.evaluation.intervals import Doubles, Statistic, measures_of, resampled, sums, wilson
from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.evaluation.ranking import Ranking

# Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
CALIBRATION_BINS = 15
# Of all classes together; in the order in which they are shown.
METRICS = ("accuracy", "macroPrecision", "macroRecall", "macroF1", "rocAuc", "logLoss", "calibrationError")
# What is measured for each class.
CLASS_METRICS = ("precision", "recall", "f1")
NOT_MEASURED = Measure(math.nan, math.nan, math.nan)


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
    """Nothing here is classes x classes."""

    answers: Answers
    metrics: dict[str, Measure]
    classes: tuple[ClassScores, ...]

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.answers.actual)

    @property
    def confusion(self) -> Ints:
        """Counts [classes, classes], made when they are asked for: row = actual class, column = predicted class."""
        classes = len(self.classes)
        cells = np.bincount(self.answers.actual * classes + self.answers.predicted, minlength=classes * classes)
        return cells.reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True)
class Counts:
    """Of each class [classes]: samples that were rightly named so, that were named so, and that are of it."""

    hits: Doubles
    predicted: Doubles
    actual: Doubles


def evaluate_classification(answers: Answers, seed: int) -> Classification:
    """Everything about answers to samples whose classes are known; areas of the classes that are kept alone."""
    n, classes, kept = len(answers.actual), answers.classes, answers.kept

    def resample(statistic: Statistic) -> Doubles:
        return resampled(statistic, answers.actual, n * classes, seed)

    scores = resample(Scores(answers))
    rankings = (Ranking(answers.actual, answers.log_odds(some), kept[some]) for some in slices(len(kept), n))
    areas = np.concatenate([resample(ranking.areas) for ranking in rankings], axis=1)
    precision, recall, f1, loss, calibration, *f1_of_classes = measures_of(scores)
    (area,) = measures_of(_mean_areas(areas)[:, None])
    counts = counts_of(answers.actual, answers.predicted, classes)
    measures = (wilson(int(counts.hits.sum()), n), precision, recall, f1, area, loss, calibration)
    area_of = dict(zip(map(int, kept), measures_of(areas), strict=True))
    return Classification(
        answers,
        dict(zip(METRICS, measures, strict=True)),
        tuple(_class_scores(counts, at, f1, area_of.get(at, NOT_MEASURED)) for at, f1 in enumerate(f1_of_classes)),
    )


def counts_of(actual: Ints, predicted: Ints, classes: int, weights: Doubles | None = None) -> Counts:
    """Counts of actual and predicted [n], where each sample counts as often as its weight says."""
    counted = np.ones(len(actual)) if weights is None else weights
    hits = sums(counted * (actual == predicted), actual, classes)
    return Counts(hits, sums(counted, predicted, classes), sums(counted, actual, classes))


def per_class(counts: Counts) -> tuple[Doubles, Doubles, Doubles]:
    """Precision, recall and F1, each [classes]; 0 where nothing was there to count."""
    precision = counts.hits / np.maximum(counts.predicted, 1)
    recall = counts.hits / np.maximum(counts.actual, 1)
    f1 = 2 * counts.hits / np.maximum(counts.predicted + counts.actual, 1)
    return precision, recall, f1


class Scores:
    """The statistic that the bootstrap repeats, but for what is ranked: macro figures, then F1 of each class."""

    def __init__(self, answers: Answers) -> None:
        self._actual = answers.actual
        self._predicted = answers.predicted
        self._classes = answers.classes
        self._losses = answers.losses
        self._surplus = (answers.predicted == answers.actual) - answers.confidence
        self._bins = calibration_bin(answers.confidence)

    def __call__(self, weights: Doubles) -> Doubles:
        """weights [n] -> [5 + classes]."""
        total = weights.sum()
        precision, recall, f1 = per_class(counts_of(self._actual, self._predicted, self._classes, weights))
        # The weighted gap of a bin between accuracy and confidence, summed over bins.
        gaps = np.bincount(self._bins, weights * self._surplus, minlength=CALIBRATION_BINS)
        whole = [
            *(scores.mean() for scores in (precision, recall, f1)),
            float(weights @ self._losses / total),
            float(np.abs(gaps).sum() / total),
        ]
        return np.concatenate([whole, f1])


def calibration_bin(confidence: Doubles) -> Ints:
    """The bin 0..CALIBRATION_BINS-1 of equal width that each confidence in (0, 1] falls into."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def _mean_areas(areas: Doubles) -> Doubles:
    """[resamples, classes] -> [resamples], over the classes that have an area."""
    defined = (row[np.isfinite(row)] for row in areas)
    return np.array([row.mean() if len(row) > 0 else np.nan for row in defined])


def _class_scores(counts: Counts, index: int, f1: Measure, roc_auc: Measure) -> ClassScores:
    hits, samples, named = (int(count[index]) for count in (counts.hits, counts.actual, counts.predicted))
    return ClassScores(samples, _share(hits, named), _share(hits, samples), f1, roc_auc)


def _share(hits: int, count: int) -> Measure:
    """A class that was never named has no precision to speak of, and one without samples no recall; it counts as 0, as
    in the macro average."""
    return wilson(hits, count) if count > 0 else Measure(0.0, 0.0, 1.0)
