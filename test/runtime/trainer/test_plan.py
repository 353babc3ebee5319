"""The course of a training: every row once per epoch, the same for any rank and any start."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from limbeck_trainer.optimization import Optimization
from limbeck_trainer.plan import LAST_SHARE, Plan, learning_rate_at

ROWS = np.arange(100, 203)


def optimization(schedule: str) -> Optimization:
    return Optimization("adam", 0.01, schedule, 1, 1, 0)


def test_order_changes_with_epoch_and_seed_and_with_nothing_else() -> None:
    plan = Plan(ROWS, 10, seed=3)
    np.testing.assert_array_equal(plan.order(4), Plan(ROWS, 50, seed=3).order(4))
    assert not np.array_equal(plan.order(0), plan.order(1))
    assert not np.array_equal(plan.order(0), Plan(ROWS, 10, seed=4).order(0))


@pytest.mark.parametrize(("batch", "mean"), [(10, 103 / 11), (102, 103 / 2), (103, 103), (500, 103)])
def test_a_step_learns_from_as_many_samples_as_an_epoch_has_for_each(batch: int, mean: float) -> None:
    assert Plan(ROWS, batch, seed=3).samples_per_step == mean


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 800])
def test_one_cycle_rises_to_its_peak_and_falls_to_nothing(steps: int) -> None:
    course = rates(steps, "oneCycle")
    assert max(course) <= 0.01 * (1 + 1e-9)
    assert course[0] == pytest.approx(0.01 / 25)
    peak = course.index(max(course))
    assert all(a < b for a, b in itertools.pairwise(course[: peak + 1]))
    assert all(a > b for a, b in itertools.pairwise(course[peak:]))
    if steps > 2:
        assert course[-1] < 1e-6


def rates(steps: int, schedule: str, warm_up: float | None = None) -> list[float]:
    course = replace(optimization(schedule), warm_up=warm_up)
    return [learning_rate_at(step, steps, course) for step in range(steps)]


def test_constant_is_constant() -> None:
    assert set(rates(9, "constant")) == {0.01}


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_a_schedule_without_warm_up_falls_from_its_peak_to_almost_nothing(schedule: str) -> None:
    course = rates(101, schedule)
    assert course[0] == pytest.approx(0.01)
    assert course[-1] == pytest.approx(0.01 * LAST_SHARE)
    assert all(a > b for a, b in itertools.pairwise(course))
    assert course[50] == pytest.approx(0.005, rel=1e-3)


def test_cosine_stays_longer_at_the_top_than_linear() -> None:
    assert rates(101, "cosine")[25] > rates(101, "linear")[25] == pytest.approx(0.0075, rel=1e-3)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "oneCycle"])
def test_warm_up_rises_over_its_share_of_the_steps(schedule: str) -> None:
    course = rates(101, schedule, 0.1)
    assert course[0] == pytest.approx(0.01 / 25)
    assert all(a < b for a, b in itertools.pairwise(course[:11]))
    assert course[10] == pytest.approx(0.01) == max(course)
    assert course[11] <= course[10]
