"""Mean and deviation of values that come in pieces, exact to rounding however they are cut.

Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (1979).
"""

from __future__ import annotations

import math

import numpy as np

from limbeck_trainer.samples import Doubles, Floats, Ints

FLOAT32 = np.finfo(np.float32)

# Numbers that are looked at together: what they become in float64 stays small beside the data.
PIECE = 1 << 20
# float32 rounds a number by no more than this share of it.
ROUNDING = float(FLOAT32.eps) / 2


class Moments:
    """Per feature for tables [n, d], per channel for everything deeper [n, c, ...]; NaN is no value."""

    def __init__(self) -> None:
        self._count: Doubles = np.zeros(1)
        self._mean: Doubles = np.zeros(1)
        self._squares: Doubles = np.zeros(1)
        self._largest: Doubles = np.zeros(1)
        self._deeper = 0

    def add(self, x: Floats) -> None:
        """Takes the next samples."""
        self._deeper = x.ndim - 2
        flat = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]).astype(np.float64)
        known = ~np.isnan(flat)
        count = known.sum(axis=0).astype(np.float64)
        divisor = np.maximum(count, 1)
        values = np.where(known, flat, 0)
        mean = values.sum(axis=0) / divisor
        self._largest = np.maximum(self._largest, largest_of(values))
        squares = np.where(known, flat - mean, 0)
        both = np.maximum(self._count + count, 1)
        delta = mean - self._mean
        self._squares = self._squares + np.square(squares).sum(axis=0) + np.square(delta) * self._count * count / both
        self._mean = self._mean + delta * count / both
        self._count = self._count + count

    def normalisation(self) -> tuple[Doubles, Doubles]:
        """Mean and deviation, shaped to be taken from a batch; the deviation of a constant is 1."""
        deviation = np.sqrt(self._squares / np.maximum(self._count, 1))
        shape = (1, -1, *[1] * self._deeper)
        return self._mean.reshape(shape), scale_of(deviation, self._largest).reshape(shape)


def largest_of(values: Doubles) -> Doubles:
    """The largest magnitude [d] in each column of values [n, d]; 0 without rows."""
    largest: Doubles = np.maximum(values.max(axis=0, initial=0), -values.min(axis=0, initial=0))
    return largest


def scale_of(deviation: Doubles, largest: Doubles) -> Doubles:
    """What columns of this deviation and largest magnitude are divided by: the deviation, or 1 if they are constants.

    Whatever the unit, a column is one if its values differ by no more than the rounding of float32, in which they come,
    or by less than float32 can divide by.
    """
    least = np.maximum(ROUNDING * largest, float(FLOAT32.tiny))
    return np.where(deviation <= least, 1.0, deviation)


def piece_of(shape: tuple[int, ...]) -> int:
    """How many samples of this shape are looked at together."""
    return max(1, PIECE // math.prod(shape))


def moments_of(x: Floats, rows: Ints | None = None) -> Moments:
    """Of these rows of x, or of all."""
    chosen = np.arange(len(x)) if rows is None else rows
    moments, step = Moments(), piece_of(x.shape[1:])
    for start in range(0, len(chosen), step):
        moments.add(x[chosen[start : start + step]])
    return moments
