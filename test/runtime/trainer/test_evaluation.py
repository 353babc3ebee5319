"""Metrics against scikit-learn's, and the interval against a value from the literature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from limbeck_trainer.evaluation import confusion_matrix, evaluate, metrics_of, per_class, wilson_interval
from limbeck_trainer.report import report_of
from sklearn import metrics as reference
from torch import nn

RANDOM = np.random.default_rng(5)
ACTUAL = np.concatenate([np.arange(6), RANDOM.integers(0, 6, size=300)])
PREDICTED = np.where(RANDOM.random(306) < 0.7, ACTUAL, RANDOM.integers(0, 5, size=306))


def test_metrics_are_those_of_scikit_learn() -> None:
    confusion = confusion_matrix(ACTUAL, PREDICTED, 6)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(ACTUAL, PREDICTED))
    ours = metrics_of(confusion)
    assert ours.n == 306
    assert ours.accuracy == pytest.approx(reference.accuracy_score(ACTUAL, PREDICTED))
    assert ours.macro_recall == pytest.approx(reference.recall_score(ACTUAL, PREDICTED, average="macro"))
    assert ours.macro_f1 == pytest.approx(reference.f1_score(ACTUAL, PREDICTED, average="macro"))
    theirs = reference.precision_recall_fscore_support(ACTUAL, PREDICTED, zero_division=0)
    for own, their in zip(per_class(confusion), theirs, strict=False):
        np.testing.assert_allclose(own, their)


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    scores = metrics_of(confusion_matrix(np.array([0, 1, 1]), np.array([1, 1, 1]), 2))
    assert scores.macro_recall == 0.5
    assert scores.macro_f1 == pytest.approx(0.4)


def test_wilson_interval() -> None:
    # Brown, Cai and DasGupta's textbook case of 81 of 263 (Agresti and Coull): 0.2553 to 0.3662.
    low, high = wilson_interval(81, 263)
    assert [low, high] == pytest.approx([0.2553, 0.3662], abs=5e-5)
    assert wilson_interval(359, 359)[1] == 1.0
    assert wilson_interval(0, 10)[0] == 0.0


class Shard:
    """One rank of several without a network: `sum` only remembers."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.world_size = rank, world_size

    def share(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[self.rank :: self.world_size]

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        return value


@pytest.mark.parametrize("ranks", [1, 2, 7])
def test_no_sample_is_counted_twice_over_ranks(ranks: int) -> None:
    x, rows = torch.randn(23, 4), np.arange(3, 22)
    y = np.arange(23) % 3
    model = nn.Linear(4, 3)
    parts = [evaluate(model, x, y, rows, Shard(rank, ranks)) for rank in range(ranks)]  # type: ignore[arg-type]
    predicted = model(x[rows]).argmax(dim=1).numpy()
    np.testing.assert_array_equal(sum(parts), confusion_matrix(y[rows], predicted, 3))


def test_report_has_every_class() -> None:
    confusion = confusion_matrix(ACTUAL, PREDICTED, 6)
    report = report_of(tuple("abcdef"), confusion, confusion, None)
    assert [row["label"] for row in report["classes"]] == list("abcdef")  # type: ignore[attr-defined]
    assert report["confusion"] == confusion.tolist()
    assert "control" in report
    assert "teacher" not in report
