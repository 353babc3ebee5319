"""The course of a training: every row once per epoch, the same for any rank and any start."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from limbeck_trainer.config import Optimization
from limbeck_trainer.plan import Plan, learning_rate_at

ROWS = np.arange(100, 203)


def optimization(schedule: str) -> Optimization:
    return Optimization("adam", 0.01, schedule, 1, 1, 0)


@pytest.mark.parametrize("batch_size", [1, 10, 103, 500])
def test_an_epoch_visits_every_row_once(batch_size: int) -> None:
    plan = Plan(ROWS, batch_size, seed=3)
    for epoch in range(2):
        steps = range(epoch * plan.steps_per_epoch, (epoch + 1) * plan.steps_per_epoch)
        visited = np.concatenate([plan.batch(step) for step in steps])
        np.testing.assert_array_equal(np.sort(visited), ROWS)


def test_order_changes_with_epoch_and_seed_and_with_nothing_else() -> None:
    plan = Plan(ROWS, 10, seed=3)
    np.testing.assert_array_equal(plan.order(4), Plan(ROWS, 50, seed=3).order(4))
    assert not np.array_equal(plan.order(0), plan.order(1))
    assert not np.array_equal(plan.order(0), Plan(ROWS, 10, seed=4).order(0))


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 800])
def test_one_cycle_rises_to_its_peak_and_falls_to_nothing(steps: int) -> None:
    rates = [learning_rate_at(step, steps, optimization("oneCycle")) for step in range(steps)]
    assert max(rates) <= 0.01 * (1 + 1e-9)
    assert rates[0] == pytest.approx(0.01 / 25)
    peak = rates.index(max(rates))
    assert all(a < b for a, b in itertools.pairwise(rates[: peak + 1]))
    assert all(a > b for a, b in itertools.pairwise(rates[peak:]))
    if steps > 2:
        assert rates[-1] < 1e-6


def test_constant_is_constant() -> None:
    assert {learning_rate_at(step, 9, optimization("constant")) for step in range(9)} == {0.01}
