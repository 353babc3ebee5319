"""What an evaluation keeps of a classifier's logits [n, classes]: a few numbers of each sample, and of each class all.

Samples times classes can be far more than memory holds. Of many classes only some are kept, evenly taken, and of the
rest no more than what each sample says by itself; of few classes nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.samples import Floats, Ints

# Numbers that are made at once, 8 MiB of them; several arrays are as large.
CELLS_AT_ONCE = 1 << 20
# Logits that are kept at the most, 512 MiB of them; but of so few classes all are, however many samples there are.
KEPT_CELLS = 1 << 26
FEW_CLASSES = 1000
# Of each sample, before the logits that are kept: predicted, largest, logSum, rest, chosen.
FIRST = 5


def slices(count: int, cells: int) -> Iterator[slice]:
    """Of `count` things of so many numbers each, those that are looked at together; at least one."""
    size = max(1, CELLS_AT_ONCE // cells)
    return (slice(start, min(count, start + size)) for start in range(0, count, size))


def kept_of(samples: int, classes: int) -> Ints:
    """The classes whose logits are kept, ascending: all, or as many as there is room for, evenly taken."""
    most = min(classes, max(FEW_CLASSES, KEPT_CELLS // max(1, samples)))
    return np.linspace(0, classes - 1, most).round().astype(np.int64)


@dataclass(frozen=True)
class Answers:
    """actual, predicted: [n]; `largest`, of all logits, and `chosen`, of the actual class: [n]; `log_sums` [n] of the
    softmax less the largest, and `rests` [n], the same without the predicted class; logits: [n, kept], of the classes
    `kept`."""

    classes: int
    kept: Ints
    actual: Ints
    predicted: Ints
    largest: Doubles
    log_sums: Doubles
    rests: Doubles
    chosen: Doubles
    logits: Doubles

    @property
    def losses(self) -> Doubles:
        """The cross entropy [n] of each sample with its class."""
        losses: Doubles = self.log_sums - (self.chosen - self.largest)
        return losses

    @property
    def confidence(self) -> Doubles:
        """The largest probability of each sample, [n]."""
        confidence: Doubles = np.exp(-self.log_sums)
        return confidence

    def log_odds(self, some: slice) -> Doubles:
        """log(p / (1 - p)) [n, some] of some of the classes that are kept, p being their softmax.

        In the order of p, which is 1 for every margin above 37: float64 would tell no two of them apart.
        """
        logs: Doubles = self.logits[:, some] - (self.largest + self.log_sums)[:, None]
        is_predicted = self.kept[some] == self.predicted[:, None]
        # p is a half at the most where another class is predicted, so that 1 - p is as exact as p.
        others = logs - np.log1p(-np.exp(np.minimum(logs, math.log(0.5))))
        return np.where(is_predicted, -self.rests[:, None], others)


def table_of(logits: Doubles, actual: Ints, kept: Ints) -> Doubles:
    """logits [n, classes] -> what is kept of them, [n, FIRST + kept]; NaN is the largest where one is no number."""
    table = np.empty((len(logits), FIRST + len(kept)))
    table[:, 0] = logits.argmax(axis=1)
    largest = logits.max(axis=1, keepdims=True)
    for some in slices(*logits.shape):
        with np.errstate(invalid="ignore"):
            table[some, 2] = np.log(np.exp(logits[some] - largest[some]).sum(axis=1))
            table[some, 3] = _log_sum_of_others(logits[some]) - largest[some, 0]
        table[some, 1] = np.where(np.isfinite(logits[some]).all(axis=1), largest[some, 0], np.nan)
    table[:, 4] = np.take_along_axis(logits, actual[:, None], axis=1)[:, 0]
    table[:, FIRST:] = logits[:, kept]
    return table


def _log_sum_of_others(logits: Doubles) -> Doubles:
    """logits [n, classes] -> [n], log of the sum of the exponentials of all but the largest of each row."""
    others = logits.copy()
    np.put_along_axis(others, logits.argmax(axis=1)[:, None], -np.inf, axis=1)
    second = others.max(axis=1, keepdims=True)
    others -= second
    log_sums: Doubles = np.log(np.exp(others, out=others).sum(axis=1)) + second[:, 0]
    return log_sums


def answers_in(table: Doubles, actual: Ints, kept: Ints, classes: int) -> Answers:
    """Of so many classes in all, what `table_of` has made of the logits."""
    predicted, largest, log_sums, rests, chosen = table.T[:FIRST]
    named = predicted.astype(np.int64)
    return Answers(classes, kept, actual, named, largest, log_sums, rests, chosen, logits=table[:, FIRST:])


def answers_of(logits: Doubles | Floats, rows: Ints, actual: Ints) -> Answers:
    """Of these rows of logits [rows of the data set, classes]; actual: [rows]."""
    classes = logits.shape[1]
    kept = kept_of(len(rows), classes)
    table = np.empty((len(rows), FIRST + len(kept)))
    for some in slices(len(rows), classes):
        table[some] = table_of(logits[rows[some]].astype(np.float64), actual[some], kept)
    return answers_in(table, actual, kept, classes)
