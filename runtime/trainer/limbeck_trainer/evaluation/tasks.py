"""Task → what is measured, and which of it comes first."""

from __future__ import annotations

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.classification import Classification, evaluate_classification
from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.evaluation.language import Language
from limbeck_trainer.evaluation.regression import Regression, evaluate_regression

Evaluation = Classification | Regression | Language


def evaluate(task: str, actual: Ints | Doubles, outputs: Doubles, seed: int) -> Evaluation:
    """Everything about outputs [n, ...] against actual [n, ...] of samples; `seed` draws the intervals."""
    if task == "regression":
        return evaluate_regression(actual.astype(np.float64), outputs, seed)
    return evaluate_classification(actual.astype(np.int64), outputs, seed)
