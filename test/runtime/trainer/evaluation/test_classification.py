"""Figures of all classes together, where some are rare or many: each class counts in every resample."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from limbeck_trainer.evaluation.answers import answers_of
from limbeck_trainer.evaluation.classification import Classification, Scores, evaluate_classification
from limbeck_trainer.evaluation.intervals import Doubles, measures_of, resampled
from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.samples import Ints


def evaluated(actual: Ints, logits: Doubles) -> Classification:
    return evaluate_classification(answers_of(logits, np.arange(len(logits)), actual), 0)


def all_right(*sizes: int) -> Classification:
    """Of classes with so many samples each."""
    actual = np.repeat(np.arange(len(sizes)), sizes)
    return evaluated(actual, np.eye(len(sizes))[actual])


@pytest.mark.parametrize("sizes", [(2,) * 100, (98, 1, 1)], ids=["many classes", "rare classes"])
def test_a_class_is_in_every_resample(sizes: tuple[int, ...]) -> None:
    scores = all_right(*sizes)
    for name in ("macroPrecision", "macroRecall", "macroF1", "rocAuc"):
        assert scores.metrics[name] == Measure(1.0, 1.0, 1.0), name
    assert {one.f1 for one in scores.classes} == {Measure(1.0, 1.0, 1.0)}


def test_rare_classes_that_are_all_wrong_stay_in_the_mean() -> None:
    """Half of the classes have one sample; a mean over those that a resample happens to have would be above a half."""
    actual = np.concatenate([np.repeat(np.arange(10), 30), np.arange(10, 20)])
    predicted = np.where(actual < 10, actual, 0)
    recall = evaluated(actual, np.eye(20)[predicted]).metrics["macroRecall"]
    assert astuple(recall) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_of_a_macro_figure_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of three classes of unequal size, that are named rightly nine, seven and five times out of ten."""
    random, covered = np.random.default_rng(4), 0
    actual = np.repeat(np.arange(3), [120, 60, 30])
    for trial in range(100):
        is_right = random.random(210) < np.array([0.9, 0.7, 0.5])[actual]
        logits = np.eye(3)[np.where(is_right, actual, (actual + 1) % 3)]
        scores = resampled(Scores(answers_of(logits, np.arange(210), actual)), actual, 10**9, trial)
        _, recall, *_ = measures_of(scores)
        covered += recall.low <= 0.7 <= recall.high
    assert 0.88 <= covered / 100 <= 0.98
