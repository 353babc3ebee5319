"""How far a regression is from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck_trainer.evaluation.intervals import Doubles, bootstrap
from limbeck_trainer.evaluation.measure import Measure

NAMES = ("mae", "rmse", "r2")


@dataclass(frozen=True)
class Regression:
    """actual and predicted: [n, targets]; metrics by the contract's names."""

    actual: Doubles
    predicted: Doubles
    metrics: dict[str, Measure]

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.actual)


def evaluate_regression(actual: Doubles, predicted: Doubles, seed: int) -> Regression:
    """MAE, RMSE and R² of predicted against actual, both [n] or [n, targets]; each target counts the same."""
    actual, predicted = actual.reshape(len(actual), -1), predicted.reshape(len(actual), -1)
    errors = predicted - actual
    # An actual value that never changes leaves nothing to explain: R² is not defined.
    nothing = np.finfo(np.float64).eps * (actual**2).mean(axis=0)

    def scores(weights: Doubles) -> Doubles:
        share = weights / weights.sum()
        squares = share @ errors**2
        spread = share @ (actual - share @ actual) ** 2
        explained = 1 - squares / np.where(spread > nothing, spread, np.nan)
        return np.array([(share @ np.abs(errors)).mean(), np.sqrt(squares).mean(), explained.mean()])

    measures = bootstrap(scores, len(actual), actual.size, seed)
    return Regression(actual, predicted, dict(zip(NAMES, measures, strict=True)))
