"""95 % intervals: Wilson's for proportions, the percentile bootstrap for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.samples import Ints

Doubles = npt.NDArray[np.float64]

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054
RESAMPLES = 1000
# Of large samples fewer resamples do: so many cells (samples x outputs) are weighed in all, some seconds of one core.
CELLS = 50_000_000
FEWEST_RESAMPLES = 100

# weights [n], how often each sample counts -> values [m].
Statistic = Callable[[Doubles], Doubles]


def sums(weights: Doubles, groups: Ints, count: int) -> Doubles:
    """The weights [n] summed up for each of `count` groups; groups: [n], whose each weight is."""
    return np.bincount(groups, weights, minlength=count).astype(np.float64, copy=False)


def wilson(hits: int, n: int) -> Measure:
    """A share of n independent samples; right also near 0 and 1, where the normal interval leaves [0, 1].

    Wilson, Probable inference, JASA 22 (1927); recommended by Brown, Cai and DasGupta, Statistical Science 16 (2001).
    Without samples: not measured.
    """
    if n == 0:
        return Measure(math.nan, math.nan, math.nan)
    share = hits / n
    scale = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / scale
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / scale
    return Measure(share, max(0.0, centre - half), min(1.0, centre + half))


def resamples_of(cells: int) -> int:
    """How many resamples are drawn where one weighs so many cells."""
    return max(FEWEST_RESAMPLES, min(RESAMPLES, CELLS // max(1, cells)))


def bootstrap(statistic: Statistic, n: int, cells: int, seed: int) -> list[Measure]:
    """Each value of the statistic with its percentile interval over seeded resamples of the n samples."""
    return measures_of(resampled(statistic, np.zeros(n, np.int64), cells, seed))


def resampled(statistic: Statistic, strata: Ints, cells: int, seed: int) -> Doubles:
    """The statistic of the samples and, below it, of seeded resamples: [1 + resamples, m]; strata [n] is whose each is.

    A resample has as many samples of each stratum as there are, for it is to be drawn as the samples were (Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), ch. 8), and a split divides the classes alike. Drawn from all
    samples, many a resample would be without the rare classes: a mean over classes would be of others each time, and
    lie beside its value, whether they counted as 0 or not at all. For ROC it is what pROC does (Robin et al., BMC
    Bioinformatics 12 (2011)). A class of very few samples varies too little so (Rao and Wu, JASA 83 (1988)): how little
    is known of it say its own intervals, by Wilson.

    Who asks with the same strata, cells and seed gets another statistic of the same resamples.
    """
    n, random = len(strata), np.random.default_rng(seed)
    order = np.argsort(strata, kind="stable")
    ordered = strata[order]
    first, after = np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")
    draws = (
        statistic(np.bincount(order[random.integers(first, after)], minlength=n).astype(np.float64))
        for _ in range(resamples_of(cells))
    )
    return np.stack([statistic(np.ones(n)), *draws])


def measures_of(resampled: Doubles) -> list[Measure]:
    """Each value with its percentile interval: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13.

    A statistic that resampling biases (the calibration error grows with noise) can leave its own interval, which then
    is stretched to hold it.
    """
    return [_interval(float(values[0]), values[1:]) for values in resampled.T]


def _interval(value: float, draws: Doubles) -> Measure:
    """A resample in which the value is not defined (all actual values are the same) says nothing about it."""
    defined = draws[np.isfinite(draws)]
    if not math.isfinite(value) or len(defined) == 0:
        return Measure(value, value, value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Measure(value, min(float(low), value), max(float(high), value))
