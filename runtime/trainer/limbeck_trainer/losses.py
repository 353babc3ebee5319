"""What is minimised. A criterion sees the rows of this rank and of the whole global batch.

Each term is the sum over this rank's rows divided by the count in the global batch, so the ranks' losses add up to the
loss of one process with the whole batch, however unevenly the rows fall. (DDP averages gradients: the loop multiplies
by the number of ranks.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from limbeck_trainer.samples import NO_TOKEN

# (logits [m, classes], rows of this rank [m], rows of the global batch [b]) -> this rank's part of the loss.
Criterion = Callable[[Tensor, Tensor, Tensor], Tensor]


# In nats. What foretells worse has lost its way, and its perplexity would be no number.
WORST_LOSS = 700.0


def perplexity_of(loss: float) -> float:
    """Among how many tokens, equally likely, a model of this mean loss is undecided."""
    return math.exp(min(loss, WORST_LOSS))


def cross_entropy(y: Tensor) -> Criterion:
    """The mean cross entropy; y: [n] for the whole data set."""

    def criterion(logits: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        return F.cross_entropy(logits, y[mine], reduction="sum") / len(whole)

    return criterion


def squared_error(y: Tensor, deviation: float) -> Criterion:
    """The mean squared error of a standardised target; y: [n] and answers [m, 1] are in the target's own unit."""

    def criterion(answers: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        errors = (answers.reshape(-1) - y[mine]) / deviation
        return errors.square().sum() / len(whole)

    return criterion


def next_token(y: Tensor, counts: Tensor) -> Criterion:
    """The mean cross entropy of a token; y: [n, t] for the whole data set, NO_TOKEN where there is none; counts: [n],
    how many there are in each row.
    """

    def criterion(logits: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        losses = F.cross_entropy(logits.flatten(0, 1), y[mine].long().flatten(), ignore_index=NO_TOKEN, reduction="sum")
        return losses / counts[whole].sum()

    return criterion


@dataclass(frozen=True)
class Response:
    """alpha T^2 KL(teacher || student), batch mean, + (1 - alpha) CE, mean over the rows that have a label.

    teacher: logits [n, classes]; y: [n]; labelled: bool [n]. T^2 keeps the soft gradients' size as T grows.
    """

    teacher: Tensor
    y: Tensor
    labelled: Tensor
    temperature: float
    alpha: float

    def __call__(self, logits: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        soft = F.kl_div(
            F.log_softmax(logits / self.temperature, dim=1),
            F.log_softmax(self.teacher[mine] / self.temperature, dim=1),
            log_target=True,
            reduction="sum",
        ) / len(whole)
        loss = self.alpha * self.temperature**2 * soft
        labelled_rows = int(self.labelled[whole].sum())
        if self.alpha < 1 and labelled_rows > 0:
            known = self.labelled[mine]
            hard = F.cross_entropy(logits[known], self.y[mine][known], reduction="sum") / labelled_rows
            loss = loss + (1 - self.alpha) * hard
        return loss
