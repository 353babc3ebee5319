"""The losses of a training, step by step: read in few trips to the device, and refused when not finite."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from limbeck_trainer.errors import Reason, TrainerError

# Each look makes the processor wait for the GPU; a CPU has nothing to wait for.
STEPS_PER_LOOK = {"cpu": 1, "cuda": 16}


class LossRecord:
    """Losses since the last round; `last` is the newest that was looked at, None before the first look."""

    def __init__(self, stage: str, steps: int, device: torch.device) -> None:
        self.last: float | None = None
        self._stage = stage
        self._steps = steps
        self._steps_per_look = STEPS_PER_LOOK[device.type]
        self._unseen: list[Tensor] = []
        self._sum = 0.0
        self._count = 0

    def add(self, step: int, loss: Tensor) -> None:
        """Notes the loss of this step, counted from 1. NonFiniteLoss may come some steps late, but names its step."""
        self._unseen.append(loss)
        if len(self._unseen) >= self._steps_per_look:
            self.look(step)

    def look(self, step: int) -> None:
        """Reads what was noted up to this step."""
        if not self._unseen:
            return
        values = [float(loss) for loss in self._unseen] if len(self._unseen) == 1 else self._read()
        first = step - len(values) + 1
        for index, value in enumerate(values):
            if not math.isfinite(value):
                raise non_finite(f"The loss became {value}", first + index, self._steps, self._stage)
        self._unseen = []
        self.last = values[-1]
        self._sum += sum(values)
        self._count += len(values)

    @property
    def seen(self) -> bool:
        """Whether all that was noted has been looked at: the device has done every step then."""
        return not self._unseen

    def close(self) -> tuple[float, int]:
        """Sum and number of what was looked at since the last call."""
        closed = self._sum, self._count
        self._sum, self._count = 0.0, 0
        return closed

    @property
    def noted(self) -> tuple[float, int]:
        """Sum and number of what was looked at so far, for whoever goes on in the middle of a round."""
        return self._sum, self._count

    def resume(self, noted: tuple[float, int]) -> None:
        """Goes on from what another attempt has noted of this round."""
        self._sum, self._count = noted

    def _read(self) -> list[float]:
        values: list[float] = torch.stack(self._unseen).tolist()
        return values


def non_finite(what: str, step: int, steps: int, stage: str) -> TrainerError:
    """The end of a training that has left the numbers."""
    message = (
        f"{what} at step {step} of {steps} ({stage}); the last good checkpoint is kept. "
        "Lower optimization.learningRate, set optimization.clipNorm, or look for extreme values in the data."
    )
    return TrainerError(Reason.NON_FINITE_LOSS, message, step)
