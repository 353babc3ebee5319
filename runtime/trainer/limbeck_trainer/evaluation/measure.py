"""One measured value with its 95 % interval, as the contract has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """`low` and `high` are the ends of the two-sided 95 % interval."""

    value: float
    low: float
    high: float

    def document(self) -> dict[str, float]:
        """The contract's JSON; six significant digits, since the interval is wider than the seventh."""
        return {"value": _rounded(self.value), "low": _rounded(self.low), "high": _rounded(self.high)}


def metrics_document(n: int, metrics: Mapping[str, Measure]) -> dict[str, object]:
    """`metrics` of the contract; what is not finite was not measured, and has no place in JSON."""
    finite = {name: measure for name, measure in metrics.items() if math.isfinite(measure.value)}
    return {"n": n, **{name: measure.document() for name, measure in finite.items()}}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
