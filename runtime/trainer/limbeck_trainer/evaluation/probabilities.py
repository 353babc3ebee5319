"""Probabilities of classes, made of the logits when they are asked for.

Samples times classes are the most that an evaluation holds: it holds the logits, and of all else some columns or rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.intervals import Doubles

# Numbers that are made at once, 8 MiB of them; several arrays are as large.
CELLS_AT_ONCE = 1 << 20


def slices(count: int, cells: int) -> Iterator[slice]:
    """Of `count` things of so many numbers each, those that are looked at together; at least one."""
    size = max(1, CELLS_AT_ONCE // cells)
    return (slice(start, min(count, start + size)) for start in range(0, count, size))


class Probabilities:
    """The softmax of logits [n, classes]."""

    def __init__(self, logits: Doubles) -> None:
        self._logits = logits
        self._largest = logits.max(axis=1, keepdims=True)
        sums = [np.exp(logits[some] - self._largest[some]).sum(axis=1, keepdims=True) for some in slices(*logits.shape)]
        self._log_sums = np.log(np.concatenate(sums))

    def of(self, classes: slice) -> Doubles:
        """Those of some classes, [n, some]."""
        probabilities: Doubles = np.exp(self._logits[:, classes] - self._largest - self._log_sums)
        return probabilities

    def losses(self, actual: Ints) -> Doubles:
        """The cross entropy [n] of each sample with its class."""
        chosen = np.take_along_axis(self._logits, actual[:, None], axis=1)
        losses: Doubles = (self._log_sums - (chosen - self._largest))[:, 0]
        return losses

    @property
    def confidence(self) -> Doubles:
        """The largest of each sample, [n]."""
        confidence: Doubles = np.exp(-self._log_sums)[:, 0]
        return confidence
