"""The batches of a plan: every row once per epoch, the same from wherever a training starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from limbeck_trainer.batches import Batches
from limbeck_trainer.plan import Plan

ROWS = np.arange(100, 203)
CPU = torch.device("cpu")


@pytest.mark.parametrize("batch_size", [1, 10, 103, 500])
def test_an_epoch_visits_every_row_once(batch_size: int) -> None:
    plan = Plan(ROWS, batch_size, seed=3)
    batches = Batches(plan, CPU)
    for epoch in range(2):
        steps = range(epoch * plan.steps_per_epoch, (epoch + 1) * plan.steps_per_epoch)
        visited = torch.cat([batches.at(step) for step in steps]).numpy()
        np.testing.assert_array_equal(np.sort(visited), ROWS)


@pytest.mark.parametrize("start", [0, 10, 11, 25])
def test_a_resumed_training_goes_on_with_the_same_batches(start: int) -> None:
    plan = Plan(ROWS, 10, seed=3)
    whole, resumed = Batches(plan, CPU), Batches(plan, CPU)
    expected = [whole.at(step).tolist() for step in range(30)]
    assert [resumed.at(step).tolist() for step in range(start, 30)] == expected[start:]


def test_the_order_of_an_epoch_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each order is a permutation of the whole data set: one for each step would take longer than the step."""
    made: list[int] = []
    order = Plan.order
    monkeypatch.setattr(Plan, "order", lambda plan, epoch: made.append(epoch) or order(plan, epoch))
    batches = Batches(Plan(ROWS, 10, seed=3), CPU)
    for step in range(33):
        batches.at(step)
    assert made == [0, 1, 2]
