"""Early stopping: what counts as better, and when it is enough."""

from __future__ import annotations

import math

import pytest
from limbeck_trainer.optimization import EarlyStopping
from limbeck_trainer.patience import Patience


def watched(losses: list[float], stopping: EarlyStopping) -> Patience:
    patience = Patience()
    for epoch, loss in enumerate(losses, start=1):
        patience = patience.after(loss, 10 * epoch, stopping)
    return patience


@pytest.mark.parametrize(
    ("losses", "min_delta", "best_step", "waited"),
    [
        ([3.0], 0, 10, 0),
        ([3.0, 2.0, 1.0], 0, 30, 0),
        ([3.0, 3.0, 3.0], 0, 10, 2),
        ([3.0, 4.0, 2.0, 2.5], 0, 30, 1),
        ([3.0, 2.95, 2.9, 2.85], 0.1, 40, 0),
        ([3.0, 2.95, 2.95], 0.1, 10, 2),
        ([3.0, math.nan, math.nan], 0, 10, 2),
        ([math.inf, math.nan], 0, 0, 2),
    ],
)
def test_the_best_epoch_and_how_long_ago(losses: list[float], min_delta: float, best_step: int, waited: int) -> None:
    patience = watched(losses, EarlyStopping(2, min_delta))
    assert (patience.best_step, patience.waited) == (best_step, waited)
    assert patience.exhausted(EarlyStopping(2, min_delta)) == (waited >= 2)
