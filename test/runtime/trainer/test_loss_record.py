"""Losses are read in few trips to the device, and the first that is no number is named with its step."""

from __future__ import annotations

import math

import pytest
import torch
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.loss_record import STEPS_PER_LOOK, LossRecord

DEVICES = ["cpu", "cuda"]


def record(device: str) -> LossRecord:
    """The losses themselves stay on the CPU: only how often they are looked at depends on the device."""
    return LossRecord("model", 100, torch.device(device))


def test_before_the_first_look_there_is_no_loss() -> None:
    losses = record("cuda")
    losses.add(1, torch.tensor(1.0))
    assert losses.last is None


@pytest.mark.parametrize("device", DEVICES)
def test_adds_up_what_was_noted(device: str) -> None:
    losses = record(device)
    for step in range(1, 21):
        losses.add(step, torch.tensor(float(step)))
    losses.look(20)
    assert losses.last == 20
    assert losses.close() == (210, 20)
    assert losses.close() == (0, 0)


def test_goes_on_from_what_was_noted_of_a_round() -> None:
    first, then = record("cpu"), record("cpu")
    first.add(1, torch.tensor(3.0))
    then.resume(first.noted)
    then.add(2, torch.tensor(5.0))
    assert then.close() == (8, 2)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_names_the_first_step_whose_loss_is_not_finite(device: str, bad: float) -> None:
    losses = record(device)
    with pytest.raises(TrainerError, match=f"The loss became {bad} at step 5 of 100") as caught:
        for step in range(1, 5 + STEPS_PER_LOOK[device]):
            losses.add(step, torch.tensor(bad if step == 5 else 1.0))
    assert (caught.value.reason, caught.value.step) == (Reason.NON_FINITE_LOSS, 5)


@pytest.mark.parametrize("device", DEVICES)
def test_the_device_has_done_every_step_once_all_are_looked_at(device: str) -> None:
    losses = record(device)
    for step in range(1, 40):
        losses.add(step, torch.tensor(1.0))
        assert losses.seen == (step % STEPS_PER_LOOK[device] == 0)
    losses.look(39)
    assert losses.seen


def test_whoever_saves_looks_first() -> None:
    losses = record("cuda")
    losses.add(1, torch.tensor(math.nan))
    with pytest.raises(TrainerError, match="at step 1"):
        losses.look(1)
