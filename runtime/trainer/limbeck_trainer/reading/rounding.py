"""What 32 bits leave of the numbers of a data set: a column whose values they do not tell apart is refused.

Near 1.7e9, where seconds since 1970 are now, they are 128 apart. Of times within a minute nothing would be left, and
no figure of the training would say so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from limbeck_trainer.reading.files import invalid
from limbeck_trainer.samples import Doubles

# Of the range of a column: where values are moved by no more, they keep their order but for near neighbours.
MOST_MOVED = 1 / 32
# Of the size of values: what is nearer is one number, with the noise of how it was computed.
NOISE = 1e-12


class Rounding:
    """The range of each column of a data set, and by how much a value of it is rounded at the most."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float, float]] = {}

    def add(self, column: str, values: Doubles) -> None:
        """Takes the next values of a column; NaN is none."""
        there = values[~np.isnan(values)]
        if len(there) == 0:
            return
        low, high, moved = self._seen.get(column, (math.inf, -math.inf, 0.0))
        here = float(np.abs(there - there.astype(np.float32)).max())
        self._seen[column] = (min(low, float(there.min())), max(high, float(there.max())), max(moved, here))

    def add_array(self, name: str, values: npt.NDArray[Any]) -> None:
        """Takes the next values [n] of a column, or [n, d, ...] of d features or channels."""
        if np.can_cast(values.dtype, np.float32):
            return
        if values.ndim == 1:
            self.add(name, values.astype(np.float64))
            return
        for column in range(values.shape[1]):
            self.add(f"{name}[:, {column}]", values[:, column].astype(np.float64))

    def check(self, name: str) -> None:
        """DataInvalid if a column of the data set loses what makes its values different."""
        for column, (low, high, moved) in self._seen.items():
            spread, size = high - low, max(abs(low), abs(high))
            if moved > MOST_MOVED * spread and spread > NOISE * size:
                what = f"The column {column!r} of {name} has values from {low:.17g} to {high:.17g}"
                why = f"as 32-bit numbers they are rounded by up to {moved:g}, and no longer told apart"
                remedy = "Count from a value near them, as a time from a day that is near, or leave the column out."
                invalid(f"{what}: {why}. {remedy}")
