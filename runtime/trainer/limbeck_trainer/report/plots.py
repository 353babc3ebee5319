"""Numbers to the geometry of a plot, in SVG's units: the template draws, and computes nothing."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320.0, 240.0
# Told apart by people who see colours differently: Okabe and Ito's palette.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#444444")
TICKS = 5
# Relative to their size, how far values lie apart that are as good as equal.
SAME = 1e-12

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with a round step between ticks."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        """The values that are written on the axis."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [float(f"{index * self.step:.6g}") for index in range(first, last + 1)]

    def share(self, value: float) -> float:
        """Where the value lies, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


UNIT = Axis(0.0, 1.0, 0.2)


def axis_of(values: Sequence[float]) -> Axis:
    """An axis that holds all the values, with a tick at 1, 2 or 5 times a power of ten; ValueError if there is none."""
    low, high = min(values), max(values)
    size = max(abs(low), abs(high))
    if high - low <= SAME * size:
        half = size / 2 or 0.5
        low, high = low - half, high + half
    rough = (high - low) / TICKS
    if not sys.float_info.min <= rough < math.inf:
        raise ValueError(f"no axis goes from {low:g} to {high:g}")
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step, step)


@dataclass(frozen=True)
class Plot:
    """Two axes, and what is drawn between them; the origin is at the bottom left."""

    x: Axis
    y: Axis

    def left(self, value: float) -> float:
        """The value's place from the left."""
        return round(self.x.share(value) * WIDTH, 1)

    def top(self, value: float) -> float:
        """The value's place from the top."""
        return round((1 - self.y.share(value)) * HEIGHT, 1)

    def line(self, points: Points) -> str:
        """The attribute `points` of a polyline."""
        return " ".join(f"{self.left(x)},{self.top(y)}" for x, y in points)


@dataclass(frozen=True)
class Curve:
    """One line with its name and colour."""

    name: str
    colour: str
    points: Points
    # More curves than colours: the second round is dashed.
    dashed: bool = False


@dataclass(frozen=True)
class Figure:
    """A plot with its curves and, where it says something, the diagonal."""

    title: str
    plot: Plot
    x_name: str
    y_name: str
    curves: tuple[Curve, ...]
    diagonal: bool = False
    dots: bool = False
    # (from, to, height) of each bar, in the units of the axes.
    bars: tuple[tuple[float, float, float], ...] = ()


def learning_figures(history: Sequence[dict[str, float]]) -> list[Figure]:
    """Loss, and what was validated, over the steps; nothing without at least two points."""
    if len(history) < 2:
        return []
    losses = [
        Curve(name, COLOURS[place], [(point["step"], point[key]) for point in history if key in point])
        for place, (key, name) in enumerate((("loss", "training"), ("validationLoss", "validation")))
    ]
    known = any(curve.points for curve in losses)
    figures = [_figure("Loss over the steps", "step", "loss", losses)] if known else []
    keys = {key for point in history for key in point} - {"step", "loss", "validationLoss"}
    for key in sorted(keys):
        points = [(point["step"], point[key]) for point in history if key in point]
        curve = Curve("", COLOURS[0], points)
        figures.append(_figure(f"{_words(key)} over the steps", "step", _words(key).lower(), [curve]))
    return figures


def reliability_figure(calibration: Sequence[dict[str, float]]) -> Figure:
    """How often the model is right where it is so sure; bars: the share of samples in each bin."""
    samples = sum(row["samples"] for row in calibration)
    return Figure(
        "Reliability; bars: share of the samples",
        Plot(UNIT, UNIT),
        "confidence",
        "share of right answers",
        (Curve("", COLOURS[0], [(row["confidence"], row["accuracy"]) for row in calibration]),),
        diagonal=True,
        dots=True,
        bars=tuple((row["from"], row["to"], row["samples"] / samples) for row in calibration),
    )


def roc_figure(curves: Sequence[dict[str, object]]) -> Figure:
    """True against false positive rate, one curve per class."""
    drawn = tuple(
        Curve(str(curve["label"]), COLOURS[place % len(COLOURS)], _pairs(curve), place >= len(COLOURS))
        for place, curve in enumerate(curves)
    )
    unit = Plot(UNIT, UNIT)
    return Figure("ROC, each class against the rest", unit, "false positive rate", "true positive rate", drawn, True)


def pairs_figure(pairs: dict[str, list[float]]) -> Figure:
    """Predicted against actual."""
    both = axis_of([*pairs["actual"], *pairs["predicted"]])
    cloud = Curve("", COLOURS[0], list(zip(pairs["actual"], pairs["predicted"], strict=True)))
    plot = Plot(both, both)
    return Figure("Predicted against actual", plot, "actual", "predicted", (cloud,), diagonal=True, dots=True)


def residuals_figure(residuals: dict[str, list[float]]) -> Figure:
    """How the errors are spread."""
    edges, counts = residuals["edges"], residuals["counts"]
    bars = tuple(zip(edges, edges[1:], counts, strict=False))
    spread = Plot(axis_of(edges), axis_of([0.0, *counts]))
    return Figure("Errors", spread, "predicted - actual", "samples", (), bars=bars)


def _pairs(curve: dict[str, object]) -> Points:
    false, true = curve["falsePositiveRate"], curve["truePositiveRate"]
    assert isinstance(false, list)
    assert isinstance(true, list)
    return list(zip(false, true, strict=True))


def _figure(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> Figure:
    filled = tuple(curve for curve in curves if curve.points)
    across, up = ([point[place] for curve in filled for point in curve.points] for place in (0, 1))
    return Figure(title, Plot(axis_of(across), axis_of(up)), x_name, y_name, filled)


def _words(key: str) -> str:
    """validationAccuracy -> Validation accuracy."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)
    return spaced[:1].upper() + spaced[1:]
